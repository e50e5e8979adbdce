"""Where a Deviation Learning Network starts: both branches are copies of a face recognition network.

As released, and never from random weights: the identity branch is not trained, so it must know people already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import facezoo_dln
from facezoo.plugin import ComponentSpec, IncompatibleError, InputContract, InputError, create, start_from
from facezoo_dln.config import DLNConfig
from facezoo_dln.model import DLN, DLNEmotion, contract_of
from facezoo_dln.networks import DEVIATION_DIM
from facezoo_facenet.model import INCEPTION, Facenet

Seen = Literal["auto", "released", "identity"]


def spec_of(arch: str) -> ComponentSpec:
    """This plugin's own record of an architecture."""
    return next(spec for spec in facezoo_dln.facezoo_components() if spec.arch == arch)


def identity_model(name: str) -> Facenet:
    """The face recognition network that both branches start from.

    Raises:
        InputError: none is named, or it is something else.
        IncompatibleError: its vectors are not as long as a branch's.
    """
    if not name:
        raise InputError(
            "A DLN starts from a face recognition network, never from random weights. Name one: identity=facenet-vggface2 "
            "as released, or identity=dir:RUN/model of a run of `facezoo train facenet`."
        )
    found = start_from(name, Facenet, "a facenet")
    if found.config.embedding_dim != DEVIATION_DIM:
        raise IncompatibleError(
            f"{name} gives vectors of {found.config.embedding_dim} values and a branch of a DLN gives {DEVIATION_DIM}; "
            f"train the facenet with embedding_dim={DEVIATION_DIM}."
        )
    return found


def dln_on(identity: Facenet, seen: Seen = "auto", layers: Mapping[str, Any] | None = None) -> DLN:
    """A network whose two branches are copies of a face recognition network; only the polynomial is random.

    Args:
        identity: gives backbone, weights and the crop.
        seen: what the branches are shown. "released": 224 pixels, RGB in [0, 1], no mean and standard deviation, whatever
            the face network was trained on; "identity": exactly what it was trained on; "auto": "released" for the paper's
            backbone, "identity" for others, of which nothing is released.
        layers: more values of ``DLNConfig``.

    Raises:
        InputError: the face network has no contract.
        IncompatibleError: its backbone is built for one image size, and "released" is another.
        WeightsError: values that no DLN can have.
    """
    contract, backbone = identity.contract, identity.config.backbone
    if contract is None:
        raise InputError("This facenet has no input contract, so nobody knows what it was trained on; load it by its name.")
    released = seen == "released" or (seen == "auto" and backbone == INCEPTION)
    size = {} if released else {"image_size": contract.size[0]}
    narrowed = {"channels": identity.config.channels} if identity.config.channels else {}
    origin = f"a run on a facenet of {backbone} at {contract.size[0]} pixels"
    config = DLNConfig.from_values({"backbone": backbone, **narrowed, **size, **(layers or {})}, origin)
    component = create(spec_of("dln"), config)
    if not isinstance(component, DLN):
        raise IncompatibleError(f"dln is built as {type(component).__name__}, which this recipe does not know.")
    component.contract = _contract(config, contract) if released else contract
    try:
        component.identity_branch.load_state_dict(identity.trunk.state_dict())
        component.face_branch.load_state_dict(identity.trunk.state_dict())
    except RuntimeError as error:
        raise IncompatibleError(
            f"The weights of {backbone} at {contract.size[0]} pixels do not fit {config.image_size} pixels; set seen=identity."
        ) from error
    return component


def _contract(config: DLNConfig, identity: InputContract) -> InputContract:
    """The released values with the crop that the face network knows."""
    return contract_of(config).model_copy(update={"crop": identity.crop})


def emotion_on(dln: DLN, labels: tuple[str, ...]) -> DLNEmotion:
    """A classifier on copies of a network's branches; only its last layer is random."""
    component = DLNEmotion.from_dln(dln, labels)
    component.spec = spec_of("dln-emotion")
    return component

"""What a run starts from: a new or trained manipulator, enhancers around one, and the discriminator's file."""

from __future__ import annotations

from pathlib import Path

from torch import nn

import facezoo_pix2pixhd
from facezoo.plugin import InputError, WeightsError, create
from facezoo_pix2pixhd.config import ExpressionManipulatorConfig
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.generator import LocalEnhancer
from facezoo_pix2pixhd.manipulator import ExpressionManipulator

DISCRIMINATOR = "discriminator.safetensors"  # beside the folder of the model


def new_manipulator(config: ExpressionManipulatorConfig) -> ExpressionManipulator:
    """With pix2pixHD's initial weights."""
    spec = next(spec for spec in facezoo_pix2pixhd.facezoo_components() if spec.arch == "expression-manipulator")
    component = create(spec, config)
    if not isinstance(component, ExpressionManipulator):
        raise WeightsError(f"expression-manipulator is built as {type(component).__name__}, which this recipe does not know.")
    component.initialise()
    return component


def enhanced(first: ExpressionManipulator, enhancers: int, local_blocks: int) -> ExpressionManipulator:
    """New enhancers around the global generator of a manipulator; its last layer, which drew the picture, is left out.

    Raises:
        InputError: a width that cannot be halved so often, or a size beyond the largest.
    """
    c = first.config
    side = c.image_size * 2**enhancers
    if c.width % 2**enhancers or side > 512:
        raise InputError(
            f"{enhancers} enhancers halve the width {c.width} and double the size {c.image_size} as often: the width would be "
            f"{c.width / 2**enhancers:g} and the size {side}, of 512 at most. Take fewer."
        )
    values = {"image_size": side, "width": c.width // 2**enhancers, "enhancers": enhancers, "local_blocks": local_blocks}
    component = new_manipulator(ExpressionManipulatorConfig(**{**c.model_dump(), **values}))
    if first.contract is not None:
        component.contract = first.contract.model_copy(update={"size": (side, side)})
    for name in ("expression_mean", "expression_deviation"):
        getattr(component, name).copy_(getattr(first, name))
    known = {name: tensor for name, tensor in first.network.state_dict().items() if not name.startswith("head.")}
    global_part(component).load_state_dict(known)
    return component


def global_part(component: ExpressionManipulator) -> nn.Module:
    """The global generator that enhancers stand around.

    Raises:
        InputError: there are none.
    """
    network = component.network
    if not isinstance(network, LocalEnhancer):
        raise InputError("The stage local is about a global generator with enhancers around it, and this model has none.")
    return network.base


def model_of(start: str) -> str:
    """What ``start`` names: a run's folder stands for the model in it."""
    folder = _folder(start) / "model"
    return str(folder) if folder.is_dir() else start


def write_discriminator(network: MultiscaleDiscriminator, path: Path) -> None:
    """Its tensors as a safetensors file."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, metadata={"format": "pt"})


def read_discriminator(network: MultiscaleDiscriminator, start: str) -> str:
    """Fills the network with the discriminator beside the manipulator that a run goes on from; -> a remark about it."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = _folder(start)  # an id names none, and what lies in the working directory is not beside it
    places = [place / DISCRIMINATOR for place in (folder, folder.resolve().parent)] if folder.is_dir() else []
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return "The discriminator begins anew: there is none beside the start."
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error}). Get it anew, or remove it.") from error
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in tensors.items()} != wanted:
        return "The discriminator begins anew: the one beside the start has other layers."
    network.load_state_dict(tensors)
    return "The discriminator goes on from the one beside the start."


def _folder(start: str) -> Path:
    return Path(start.removeprefix("dir:"))

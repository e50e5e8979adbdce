"""The two components: the Deviation Learning Network, and the emotion classifier that is trained from it.

Two trunks see the same face. The identity branch comes from face recognition and is never trained, so it hardly notices
expressions; the face branch is trained. What the second says beyond the first is the deviation: the expression.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from facezoo.plugin import SEVEN_EMOTIONS, Classifier, Encoder, IncompatibleError, InputContract, View
from facezoo_dln.config import DLNConfig, DLNEmotionConfig, TwoBranchConfig
from facezoo_dln.networks import DEVIATION_DIM, Polynomial, branch_code
from facezoo_facenet.model import FACE_CROP, Trunk, make_trunk


def contract_of(config: TwoBranchConfig) -> InputContract:
    """RGB in [0, 1] without mean and standard deviation, as released; cut out as for facenet, which is our choice."""
    return InputContract(crop=FACE_CROP, size=(config.image_size, config.image_size))


def branch_of(config: TwoBranchConfig) -> Trunk:
    """One of the two trunks, with random weights."""
    return make_trunk(
        config.backbone, DEVIATION_DIM, dropout=config.dropout, image_size=config.image_size, channels=config.channels
    )


class DLN(Encoder):
    """Deviation Learning Network: a facial expression embedding disentangled from identity.

    Faces at the door: (B, 3, H, W) float RGB in [0, 1], an upright square with the whole head's front.

    Views: ``embedding`` (16, length 1; the nearer, the more similar two expressions), ``deviation`` (512, the difference
    of the branches' codes; a feature for other tasks) and ``identity`` (512, the frozen branch's code in (0.26, 0.74):
    the term that is subtracted. To tell people apart, facenet's own identity view is made for it).

    Source: Zhang, Ji, Chen, Ding, Fan, CVPR 2021, doi 10.1109/CVPR46437.2021.00669; agrees with
    FuxiVirtualHuman/free_avatar @6f2eb6f, models/pipeline5.py (no licence file).
    """

    frozen = ("identity_branch",)

    def __init__(self, config: DLNConfig) -> None:
        super().__init__(config)
        self.config: DLNConfig
        self.identity_branch = branch_of(config)
        self.face_branch = branch_of(config)
        self.polynomial = Polynomial(config.embedding_dim, config.polynomial_order)

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return contract_of(config)

    def view_table(self) -> dict[str, View]:
        branches = ("identity_branch", "face_branch")
        return {
            "embedding": View(self.config.embedding_dim, "expression", (*branches, "polynomial"), normalised=True),
            "deviation": View(DEVIATION_DIM, "expression", branches),
            "identity": View(DEVIATION_DIM, "identity", branches[:1], comparable=False),
        }

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        identity = branch_code(self.identity_branch, prepared)
        if view == "identity":
            return identity
        deviation = branch_code(self.face_branch, prepared) - identity
        return deviation if view == "deviation" else self.polynomial(deviation)

    def deviation(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) faces -> deviations (B, 512) float32 in (-0.47, 0.47). Raises as ``encode``."""
        return self.encode(faces, "deviation")

    def identity(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) faces -> codes of the frozen branch (B, 512) float32 in (0.26, 0.74). Raises as ``encode``."""
        return self.encode(faces, "identity")


class DLNEmotion(Classifier):
    """Emotion classifier on the Deviation Learning Network: its crowd layer gone, its embedding layer replaced.

    The supplement says that "a softmax layer replaces the layer that gives the embedding". Our reading: one linear layer
    with bias from the 512 values of the deviation to the classes, trained together with the face branch; the softmax is
    the loss's and the pipeline's.

    Faces at the door as for ``DLN``. Which logit is which emotion stands in ``labels``, stored with the weights.

    Source: as ``DLN``, supplementary material, "Emotion recognition".
    """

    frozen = ("identity_branch",)

    def __init__(self, config: DLNEmotionConfig) -> None:
        super().__init__(config)
        self.config: DLNEmotionConfig
        self.labels = config.labels
        self.identity_branch = branch_of(config)
        self.face_branch = branch_of(config)
        self.classifier = nn.Linear(DEVIATION_DIM, len(config.labels))

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return contract_of(config)

    @classmethod
    def from_dln(cls, dln: DLN, labels: tuple[str, ...] = SEVEN_EMOTIONS) -> Self:
        """An untrained classifier on copies of a network's branches, for training.

        Args:
            dln: gives both branches, backbone, image size and contract; it is not changed and nothing is shared.
            labels: names of the classes in the order of the logits.
        """
        names = tuple(str(label) for label in labels)
        shared = {name: getattr(dln.config, name) for name in TwoBranchConfig.model_fields}
        component = cls(DLNEmotionConfig(**shared, labels=names))
        component.copy_branches(dln)
        return component

    def copy_branches(self, dln: DLN) -> None:
        """Takes over both branches and the contract of a network with the same backbone.

        Raises:
            IncompatibleError: it has another backbone or image size.
        """
        own, other = self.config, dln.config
        if (own.backbone, own.image_size, own.channels) != (other.backbone, other.image_size, other.channels):
            raise IncompatibleError(
                f"The classifier is built on {_said(own)} and the network given on {_said(other)}; give both the same "
                "backbone, channels and image_size."
            )
        self.identity_branch.load_state_dict(dln.identity_branch.state_dict())
        self.face_branch.load_state_dict(dln.face_branch.state_dict())
        self.contract = dln.contract

    def forward(self, faces: Tensor) -> Tensor:
        """Logits of faces.

        Args:
            faces: (B, 3, H, W) float, RGB, [0, 1], cut out as the contract says; B may be 0.

        Returns:
            (B, K) float32, one per entry of ``labels``.

        Raises:
            InputError: faces of another shape, dtype or range.
        """
        if isinstance(faces, Tensor) and faces.ndim == 4 and len(faces) == 0:
            return torch.zeros((0, self.classifier.out_features), device=self.device)
        return self.read(self.deviation(faces))

    def deviation(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) faces -> deviations (B, 512) float32, what the last layer reads. Raises as ``forward``."""
        prepared = self.prepare(faces)
        return branch_code(self.face_branch, prepared) - branch_code(self.identity_branch, prepared)

    def read(self, deviation: Tensor) -> Tensor:
        """(B, 512) deviations -> logits (B, K) float32."""
        return self.classifier(deviation.to(self.dtype)).float()


def _said(config: TwoBranchConfig) -> str:
    narrowed = f" of {config.channels} channels" if config.channels else ""
    return f"{config.backbone}{narrowed} at {config.image_size} pixels"

"""First-party plugin: three ways to find faces."""

from __future__ import annotations

from facezoo.plugin import ComponentSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="haar",
            kinds=("detector",),
            target="facezoo_detectors.haar:Haar",
            config="facezoo_detectors.config:HaarConfig",
            summary="Viola-Jones cascades that OpenCV carries, with eyes to verify and to place the face",
        ),
        ComponentSpec(
            arch="yunet",
            kinds=("detector",),
            target="facezoo_detectors.yunet:YuNet",
            config="facezoo_detectors.config:YuNetConfig",
            summary="YuNet through OpenCV: boxes and five landmarks, fast on a CPU",
        ),
        ComponentSpec(
            arch="retinaface",
            kinds=("detector",),
            target="facezoo_detectors.retinaface:RetinaFace",
            config="facezoo_detectors.config:RetinaFaceConfig",
            converters={"retinaface": "facezoo_detectors.convert:convert_retinaface"},
            summary="RetinaFace on MobileNet x0.25 in torch, batched on the device: boxes and five landmarks",
        ),
    )

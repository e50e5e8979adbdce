"""facezoo: a model zoo for face representation.

    import facezoo

    encoder = facezoo.load("cycle-face-nano")
    pipe = facezoo.pipeline("frontalization")
    result = pipe("portrait.jpg")

Every name below is loaded when it is first used; importing facezoo imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "facezoo.loader": ("compare", "convert", "import_weights", "load", "pipeline", "push", "save", "verify"),
    "facezoo.catalogue": ("download", "info", "list_models", "list_pipelines", "list_plugins"),
    "facezoo.errors": (
        "DatasetError", "DeviceError", "FacezooError", "IncompatibleError", "InputError", "PluginError", "RegistryError",
        "UnknownNameError", "WeightsError", "WeightsUnavailableError",
    ),
    "facezoo.results": (
        "Clip", "Comparison", "Embedding", "Face", "ImageResult", "Matches", "Picture", "Pose", "Scores", "Triplet",
        "Verification", "table",
    ),
    "facezoo.labels": ("Emotion",),
}  # fmt: skip
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_WHERE)]

if TYPE_CHECKING:
    from facezoo.catalogue import download, info, list_models, list_pipelines, list_plugins
    from facezoo.errors import (
        DatasetError,
        DeviceError,
        FacezooError,
        IncompatibleError,
        InputError,
        PluginError,
        RegistryError,
        UnknownNameError,
        WeightsError,
        WeightsUnavailableError,
    )
    from facezoo.labels import Emotion
    from facezoo.loader import compare, convert, import_weights, load, pipeline, push, save, verify
    from facezoo.results import (
        Clip,
        Comparison,
        Embedding,
        Face,
        ImageResult,
        Matches,
        Picture,
        Pose,
        Scores,
        Triplet,
        Verification,
        table,
    )


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"facezoo has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

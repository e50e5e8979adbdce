"""Devices, dtypes and the compiler: what a caller may ask for, and whether this machine has it."""

from __future__ import annotations

import os
import shutil

import torch
from torch import nn

from facezoo.errors import DeviceError, InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_device(name: str | torch.device) -> torch.device:
    """``auto`` is cuda, then mps, then cpu; anything else is taken at its word.

    Raises:
        DeviceError: this machine does not have it.
        InputError: no such device name.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device is auto, cpu, cuda, cuda:1 or mps, not {name!r}.") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device is auto, cpu, cuda, cuda:1 or mps, not {name!r}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        have = torch.cuda.device_count()
        raise DeviceError(f"device {name!r} was asked for, and torch sees {have} CUDA devices here. device='auto' falls back.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps' was asked for, and this machine has none. device='auto' falls back.")
    return device


def resolve_dtype(name: str | torch.dtype) -> torch.dtype:
    """One of ``DTYPES``. Raises InputError."""
    if isinstance(name, torch.dtype) and name in DTYPES.values():
        return name
    if name not in DTYPES:
        raise InputError(f"dtype is {', '.join(DTYPES)}, not {name!r}.")
    return DTYPES[name]  # pyright: ignore[reportArgumentType]


def compile_networks(component: nn.Module, device: torch.device) -> None:
    """Compiles the submodules of a component in place; they compile when they first run.

    Raises:
        DeviceError: on a CPU without a C++ compiler.
    """
    if device.type == "cpu":
        wanted = os.environ.get("CXX")
        if not any(shutil.which(name) for name in ([wanted] if wanted else ["g++", "c++", "clang++"])):
            raise DeviceError("compile=True on a CPU needs a C++ compiler (g++ or clang++), and none is on the PATH.")
    for network in component.children():
        network.compile()

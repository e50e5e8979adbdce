"""``facezoo doctor``: what this machine has, what is missing, and the next step."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import typer

from facezoo import __version__, catalogue, hub, store
from facezoo.cli import screen
from facezoo.cli.options import Shared
from facezoo.errors import RegistryError

EXTRAS = {
    "table": ("pandas", "pyarrow"),
    "train": ("accelerate", "tensorboard", "torchmetrics"),
    "eval": ("sklearn", "matplotlib"),
    "demo": ("skimage",),
}
FOR = {"table": "Parquet files and data frames", "train": "facezoo train", "eval": "evaluations", "demo": "facezoo demo"}


def doctor(shared: Shared) -> None:
    """What this machine has, and what is broken.

    Devices, compiler, optional extras, plugins, and where weights are kept. Ends with code 1 if something is broken (a
    plugin, a registry, torch).

    \b
    Example:
      facezoo doctor
    """
    torch, broken = _torch()
    problems = catalogue.problems() + broken
    extras = {name: [m for m in modules if importlib.util.find_spec(m) is None] for name, modules in EXTRAS.items()}
    stored = store.listing()
    places = {"facezoo": str(store.home()), "hub": str(_hub_cache())}
    if shared.json:
        missing = {name: modules for name, modules in extras.items() if modules}
        facts = {"facezoo": __version__, "python": platform.python_version(), **torch, "missing": missing, "problems": problems}
        plugins = {plugin.name: plugin.error for plugin in catalogue.list_plugins()}
        screen.dump({**facts, "plugins": plugins, "places": places, "stored": {r.key: r.size for r in stored}})
    else:
        _tell(torch, extras, stored, places)
        for problem in problems:
            screen.say(f"PROBLEM  {problem}")
        screen.note(f"\nNext: {_next_step(problems, extras)}", shared)
    if problems:
        raise typer.Exit(1)


def _tell(torch: dict[str, Any], extras: dict[str, list[str]], stored: list[store.Record], places: dict[str, str]) -> None:
    screen.facts({
        "facezoo": f"{__version__} in {Path(__file__).resolve().parents[1]}",
        "python": f"{platform.python_version()} ({sys.executable})",
        "torch": torch["torch"],
        "devices": ", ".join(torch["devices"]),
        "dtypes": ", ".join(torch["dtypes"]),
        "compiler": torch["compiler"] or "none; --compile on a CPU needs g++ or clang++",
        "extras": "\n".join(_extra(name, missing) for name, missing in extras.items()),
        "plugins": "\n".join(f"{p.name}: {'BROKEN' if p.error else 'works'}" for p in catalogue.list_plugins()),
        "models": _models(),
        "imported": _kept(stored, "import", places["facezoo"]),
        "downloaded": _kept(stored, "download", places["hub"]),
        "network": "off (HF_HUB_OFFLINE is set)" if hub.offline() else "used when weights are missing",
    })  # fmt: skip


def _models() -> str:
    try:
        rows = catalogue.list_models()
    except RegistryError:
        return "unknown: the registry cannot be read"
    here = [row.id for row in rows if row.local]
    return f"{len(here)} of {len(rows)} are here: {', '.join(here)}"


def _extra(name: str, missing: list[str]) -> str:
    if not missing:
        return f"{name}: installed"
    return f"{name}: not installed; for {FOR[name]}: pip install 'facezoo[{name}]'"


def _kept(stored: list[store.Record], kind: str, place: str) -> str:
    records = [record for record in stored if record.kind == kind]
    return f"{len(records)} models, {screen.size(sum(r.size for r in records))}, in {place}"


def _torch() -> tuple[dict[str, Any], list[str]]:
    """Version, devices, dtypes and compiler; and what is broken about them."""
    names = [name for name in (os.environ.get("CXX"), "g++", "c++", "clang++") if name]
    compiler = next(filter(None, map(shutil.which, names)), None)
    try:
        import torch
    except Exception as error:  # a broken installation raises OSError as well as ImportError
        text = f"torch does not import: {error}. See https://pytorch.org/get-started/locally/."
        return {"torch": "broken", "devices": [], "dtypes": [], "compiler": compiler}, [text]
    devices = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    devices.append(f"cpu ({torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()})")
    dtypes = ["float32", "bfloat16", "float16"]
    return {"torch": torch.__version__, "devices": devices, "dtypes": dtypes, "compiler": compiler}, []


def _hub_cache() -> Path:
    """Where the Hub's client keeps downloads, by its own settings, without importing it."""
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "huggingface"
    return Path(os.environ.get("HF_HOME") or default).expanduser() / "hub"


def _next_step(problems: list[str], extras: dict[str, list[str]]) -> str:
    if problems:
        return "mend what is marked PROBLEM; a broken plugin is updated or removed with pip."
    if extras["demo"]:
        return "pip install 'facezoo[demo]', then `facezoo demo`."
    return "`facezoo demo` shows what there is to see, `facezoo list` the models."

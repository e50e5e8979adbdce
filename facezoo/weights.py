"""A component directory: strict reading, building, saving; and what converters need.

    config.json           the manifest: architecture, configuration, contract, labels, units, requirement
    model.safetensors     the weights, nothing else; or model.<other> where a component reads a foreign file itself
    golden.safetensors    inputs and outputs, to prove that a machine computes what the saver computed
    README.md             the card

The same in a Hub repository, the local store, the package and a training's output. A file is hostile until read:
no pickle here, every missing, unexpected and misshapen tensor is listed, and random weights are never handed out.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from facezoo.components import Component, Encoder, Requirement
from facezoo.config import ComponentConfig, explain
from facezoo.contracts import InputContract
from facezoo.errors import WeightsError
from facezoo.specs import ComponentSpec, resolve

CONFIG, MODEL, GOLDEN, CARD = "config.json", "model.safetensors", "golden.safetensors", "README.md"
SAVED = (b"PK\x03\x04", b"\x80")  # how a file of torch.save begins: a zip archive, or a binary pickle
TAR = (257, b"ustar")  # or, long ago, a tar archive: where it says so, and how
TOLERANCES = {"float32": 1e-4, "bfloat16": 6e-2, "float16": 2e-2}  # relative error of golden outputs


class Manifest(BaseModel):
    """``config.json``: what to build and what it must be shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facezoo: Literal[1] = 1
    arch: str
    config: dict[str, Any]
    contract: InputContract | None = None
    labels: tuple[str, ...] | None = None
    units: str | None = None
    requires: Requirement | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A component directory as read: nothing is built yet."""

    directory: Path
    manifest: Manifest
    tensors: dict[str, Tensor]
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Converted:
    """What a converter makes of a foreign checkpoint.

    Attributes:
        config: the configuration that the shapes imply.
        tensors: by facezoo's names.
        report: one line per thing a user should know (what was dropped, what was inferred).
    """

    config: ComponentConfig
    tensors: dict[str, Tensor]
    report: tuple[str, ...] = ()


def read_directory(directory: Path) -> Stored:
    """Reads and checks a component directory.

    Raises:
        WeightsError: no directory, no manifest, a manifest that does not fit, no weights, or a damaged file.
    """
    manifest = read_manifest(directory)
    path = directory / MODEL
    if not path.is_file():
        if next(directory.glob("model.*"), None) is not None:  # a foreign file that the component reads itself
            return Stored(directory, manifest, {}, None)
        raise WeightsError(f"{directory} has no {MODEL}. A component directory holds {CONFIG} and {MODEL}.")
    return Stored(directory, manifest, read_tensors(path), sha256_of(path))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a component directory. Raises WeightsError."""
    path = directory / CONFIG
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "does not exist"
        raise WeightsError(
            f"The folder {directory} {what}. A component directory holds {CONFIG} and {MODEL}; `facezoo train` (in RUN/model) "
            "and `facezoo convert` write one."
        )
    if not path.is_file() and (directory / "model" / CONFIG).is_file():
        raise WeightsError(f"{directory} has no {CONFIG}, but {directory / 'model'} has one: name that folder.")
    if not path.is_file():
        raise WeightsError(
            f"{directory} has no {CONFIG}, so it is no component directory: "
            f"that holds {CONFIG} and {MODEL}, as `facezoo train` (in RUN/model) and `facezoo convert` write them."
        )
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise WeightsError(f"{path} is not a facezoo manifest: {explain(error)}.") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file. Raises WeightsError for a damaged one."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error}). Get it anew.") from error


def build(spec: ComponentSpec, stored: Stored) -> Component:
    """The component that a directory holds: float32, eval mode, on CPU, with contract, labels and spaces.

    Raises:
        WeightsError: the configuration or any tensor does not fit.
    """
    manifest, origin = stored.manifest, str(stored.directory)
    if manifest.arch != spec.arch:
        raise WeightsError(f"{origin} holds weights of {manifest.arch!r}, not of {spec.arch!r}.")
    config_class: type[ComponentConfig] = resolve(spec.config, f"component {spec.arch}")
    component = create(spec, config_class.from_values(manifest.config, origin))
    component.contract = manifest.contract
    component.labels, component.units, component.requires = manifest.labels, manifest.units, manifest.requires
    if stored.tensors or not hasattr(component, "load_file"):
        fill(component, stored.tensors, origin)
    else:
        component.load_file(next(stored.directory.glob("model.*")))  # pyright: ignore[reportCallIssue]
    if isinstance(component, Encoder):
        component.attach_spaces(spec.arch, stored.tensors)
    return component.eval()


def create(spec: ComponentSpec, config: ComponentConfig) -> Component:
    """An untrained component: for training, conversion and the conformance kit; never for users."""
    component = resolve(spec.target, f"component {spec.arch}")(config)
    component.spec = spec
    return component


def named_tensors(component: Component) -> dict[str, Tensor]:
    """The tensors to store, by name; one that several modules share appears once, under its first name."""
    seen: set[int] = set()
    tensors: dict[str, Tensor] = {}
    for name, tensor in component.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor
    return tensors


def fill(component: Component, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Copies weights in; all of them or none.

    Raises:
        WeightsError: lists what is missing, unexpected or of another shape, sorted.
    """
    wanted = named_tensors(component)
    faults = [f"missing: {_some(sorted(set(wanted) - set(tensors)))}"] if set(wanted) - set(tensors) else []
    if set(tensors) - set(wanted):
        faults.append(f"unexpected: {_some(sorted(set(tensors) - set(wanted)))}")
    shapes = [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in sorted(set(wanted) & set(tensors))
        if tensors[name].shape != wanted[name].shape
    ]
    if shapes:
        faults.append(f"other shapes: {_some(shapes)}")
    if faults:
        raise WeightsError(f"The weights in {origin} do not fit {type(component).__name__}: {'; '.join(faults)}.")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(tensors[name])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def save(component: Component, directory: str | Path, *, dtype: str = "float32", card: str = "", golden: bool = True) -> Path:
    """Writes a component directory: whole, or not at all.

    Args:
        component: any component with a ``spec`` (loaded, or made by ``create``).
        directory: must not exist, or be an older component directory, which is replaced.
        dtype: of the stored floating-point weights, "float32" or "float16".
        card: text of README.md; a short one is written if empty.
        golden: also compute and store golden outputs; the component must be on its device in eval mode.

    Raises:
        WeightsError: no spec, not finite in ``dtype``, or a directory that holds something else.
    """
    target = Path(directory)
    if component.spec is None:
        raise WeightsError(f"{type(component).__name__} has no spec, so its files could not say what they are; use the loader.")
    if target.exists() and any(target.iterdir()) and not (target / CONFIG).is_file():
        raise WeightsError(f"{target} holds other things; name a new directory.")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        stored = _stored_tensors(component, dtype)
        _write(component, stored, scratch, card)
        if golden:
            rebuilt = build(component.spec, read_directory(scratch)) if stored else component
            write_golden(rebuilt, scratch)
        _replace(scratch, target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return target


def _stored_tensors(component: Component, dtype: str) -> dict[str, Tensor]:
    if dtype not in ("float32", "float16"):
        raise WeightsError(f"Weights are stored in float32 or float16, not {dtype}.")
    cast = torch.float16 if dtype == "float16" else torch.float32
    tensors = {}
    for name, tensor in named_tensors(component).items():
        value = tensor.detach().cpu()
        value = value.to(cast) if value.is_floating_point() else value
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{name} is not finite in {dtype}; such weights are not stored.")
        tensors[name] = value.contiguous().clone()
    return tensors


def _write(component: Component, tensors: dict[str, Tensor], directory: Path, card: str) -> None:
    manifest = Manifest(
        arch=component.spec.arch if component.spec else "",
        config=component.config.model_dump(mode="json"),
        contract=component.contract,
        labels=component.labels,
        units=component.units,
        requires=component.requires,
    )
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (directory / CONFIG).write_text(text + "\n", encoding="utf-8")
    if tensors:
        save_file(tensors, directory / MODEL, metadata={"format": "pt"})
    elif hasattr(component, "save_file"):
        component.save_file(directory)  # pyright: ignore[reportCallIssue]
    (directory / CARD).write_text(
        card or f"# {manifest.arch}\n\nA facezoo component directory. {inspect.cleandoc(type(component).__doc__ or '')}\n"
    )


def _replace(scratch: Path, target: Path) -> None:
    """Puts a finished directory in place; what stood there goes only once the new one stands."""
    scratch.chmod(0o755)
    for path in scratch.iterdir():
        path.chmod(0o644)  # safetensors writes for its owner alone
    if not target.exists():
        os.replace(scratch, target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    os.replace(target, old / "was")
    os.replace(scratch, target)
    shutil.rmtree(old, ignore_errors=True)


def write_golden(component: Component, directory: Path) -> None:
    """Computes and stores the golden outputs of a component."""
    with torch.no_grad():
        inputs = component.golden_inputs()
        outputs = component.golden_outputs(inputs)
    tensors = {f"input.{name}": t.cpu().contiguous() for name, t in inputs.items()}
    tensors |= {f"output.{name}": t.float().cpu().contiguous().clone() for name, t in outputs.items()}
    # one key: safetensors writes several in random order, and the same outputs should give the same bytes
    notes = json.dumps({"tolerances": TOLERANCES, "torch": torch.__version__}, sort_keys=True)
    save_file(tensors, directory / GOLDEN, metadata={"facezoo": notes})


def read_golden(directory: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, float]]:
    """-> inputs, outputs, tolerances per dtype. Raises WeightsError where there is none."""
    path = directory / GOLDEN
    if not path.is_file():
        raise WeightsError(f"{directory} has no {GOLDEN}, so nothing can be verified.")
    tensors = read_tensors(path)
    with safe_open(path, framework="pt") as file:
        notes = json.loads((file.metadata() or {}).get("facezoo", "{}"))
    inputs = {n.removeprefix("input."): t for n, t in tensors.items() if n.startswith("input.")}
    outputs = {n.removeprefix("output."): t for n, t in tensors.items() if n.startswith("output.")}
    return inputs, outputs, notes.get("tolerances", TOLERANCES)


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checkpoint(path: Path, expected: str) -> Any:
    """A foreign ``torch.save`` file, tensors and plain containers only; for converters, nowhere else.

    Args:
        path: the file.
        expected: what it should be, for messages ("a FaceCycle checkpoint").

    Raises:
        WeightsError: not there, truncated, no torch file, or a pickle that wants to run code.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path}; expected {expected}.")
    with path.open("rb") as file:
        start = file.read(TAR[0] + len(TAR[1]))
    if not start.startswith(SAVED) and start[TAR[0] :] != TAR[1]:
        why = "it does not begin like a file of torch.save, so it is no checkpoint" if start else "it is empty (0 bytes)"
        raise WeightsError(f"{path} is not {expected}: {why}.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        blocked = "Unsupported global" in str(error) or "Unsupported operand" in str(error) or "GLOBAL" in str(error)
        why = "it asks Python to run code, which is never done" if blocked else "it is damaged or of another kind"
        raise WeightsError(f"{path} was not read as {expected}: {why}.") from error
    except (RuntimeError, EOFError, KeyError, ValueError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        if start.startswith(SAVED[0]) and not zipfile.is_zipfile(path):
            reason = "its end is missing; get the file again"
        raise WeightsError(f"{path} is not {expected}: truncated or of another kind ({reason}).") from error


def apply_renames(names: Iterable[str], table: Sequence[tuple[str, str]], *, backwards: bool = False) -> dict[str, str]:
    """{old name: new name} by the first prefix of the table that fits; reversible.

    Args:
        names: parameter names.
        table: (foreign prefix, facezoo prefix) pairs; order matters.
        backwards: from facezoo's names to the foreign ones.

    Raises:
        WeightsError: a name that no prefix fits, or two names that become one.
    """
    pairs = [(b, a) for a, b in table] if backwards else list(table)
    result: dict[str, str] = {}
    unknown = []
    for name in names:
        for old, new in pairs:
            if name.startswith(old):
                result[name] = new + name[len(old) :]
                break
        else:
            unknown.append(name)
    if unknown:
        raise WeightsError(f"No rule renames {_some(sorted(unknown))}.")
    if len(set(result.values())) != len(result):
        raise WeightsError("Two parameters would get one name; the rename table is not reversible.")
    return result

"""The options that commands share, in groups; ``commands.flat`` turns a group into single options."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from facezoo.errors import InputError

SHARED = "Everywhere"
COMPUTE = "How it is computed"
FACES = "Which faces"
MODELS = "Which models, if not the registry's"


@dataclass(frozen=True)
class Shared:
    """What every command understands."""

    json: Annotated[
        bool,
        typer.Option("--json", help="The result as JSON on standard output, and nothing else there.", rich_help_panel=SHARED),
    ] = False
    offline: Annotated[
        bool, typer.Option("--offline", help="No request to any network; what is here is used.", rich_help_panel=SHARED)
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Results and errors only: no progress, no remarks.", rich_help_panel=SHARED)
    ] = False
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in the code an error came from.", rich_help_panel=SHARED)
    ] = False

    def joined(self, other: Shared | None) -> Shared:
        """What was said before the command counts too: ``facezoo --offline run …``."""
        if other is None:
            return self
        return Shared(*(a or b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))

    def apply(self) -> None:
        """Tells the Hub's client and the progress bars, which read the environment."""
        if self.offline:
            os.environ["HF_HUB_OFFLINE"] = "1"
        if self.quiet:
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"


@dataclass(frozen=True)
class Compute:
    """Where and how networks run."""

    device: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="auto (cuda, else mps, else cpu), cpu, cuda, cuda:1 or mps.", rich_help_panel=COMPUTE
        ),
    ] = "auto"
    dtype: Annotated[
        str,
        typer.Option(metavar="TYPE", help="What networks compute in: float32, bfloat16 or float16.", rich_help_panel=COMPUTE),
    ] = "float32"
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the networks first; pays off for many pictures.", rich_help_panel=COMPUTE)
    ] = False
    batch_size: Annotated[
        int, typer.Option("--batch-size", "-b", metavar="N", help="Pictures at once.", rich_help_panel=COMPUTE)
    ] = 32

    @property
    def loading(self) -> dict[str, Any]:
        """Arguments of ``facezoo.load`` and ``facezoo.pipeline``."""
        return {"device": self.device, "dtype": self.dtype, "compile": self.compile}


@dataclass(frozen=True)
class Picking:
    """Which faces of a picture count, and what happens at a picture that cannot be read."""

    min_score: Annotated[
        float, typer.Option(metavar="0..1", help="Leave out detections below this score.", rich_help_panel=FACES)
    ] = 0.5
    max_faces: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of every picture the best so many.", show_default="all", rich_help_panel=FACES),
    ] = None
    largest: Annotated[bool, typer.Option("--largest", help="Of every picture the largest face.", rich_help_panel=FACES)] = (
        False
    )
    cropped: Annotated[
        bool,
        typer.Option("--cropped", help="The pictures are faces already, cut out as the model wants.", rich_help_panel=FACES),
    ] = False
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Record a picture that cannot be read, and go on.", rich_help_panel=FACES),
    ] = False

    @property
    def calling(self) -> dict[str, Any]:
        """Options of a pipeline's call."""
        return {
            "min_score": self.min_score,
            "max_faces": self.max_faces,
            "largest": self.largest,
            "cropped": self.cropped,
            "on_error": "record" if self.keep_going else "raise",
        }


def _model(*names: str, text: str) -> Any:
    return typer.Option(*names, metavar="ID", help=text, rich_help_panel=MODELS)


class _Named:
    """Options that bear the names of slots."""

    def chosen(self, slots: Mapping[str, str]) -> dict[str, str]:
        """{slot: id} of what was given."""
        return {slot: value for slot, value in vars(self).items() if value}


@dataclass(frozen=True)
class DetectorSlot(_Named):
    """The detector alone."""

    detector: Annotated[str | None, _model("--detector", "--model", "-m", text="Finds the faces, e.g. haar-frontal.")] = None


@dataclass(frozen=True)
class EncoderSlots(_Named):
    """Pictures to vectors."""

    encoder: Annotated[str | None, _model("--encoder", "--model", "-m", text="Turns a face into a vector.")] = None
    detector: Annotated[str | None, _model("--detector", text="Finds the faces.")] = None


@dataclass(frozen=True)
class ClassifierSlots(_Named):
    """Faces to labels."""

    classifier: Annotated[str | None, _model("--classifier", "--model", "-m", text="Gives a face a label.")] = None
    detector: Annotated[str | None, _model("--detector", text="Finds the faces.")] = None


@dataclass(frozen=True)
class ManipulatorSlots(_Named):
    """Faces to faces."""

    manipulator: Annotated[str | None, _model("--manipulator", "--model", "-m", text="Makes a face from a face.")] = None
    detector: Annotated[str | None, _model("--detector", text="Finds the faces.")] = None


@dataclass(frozen=True)
class ManipulationSlots(_Named):
    """Faces and expressions to faces."""

    manipulator: Annotated[
        str | None, _model("--manipulator", "--model", "-m", text="Makes a face from a face and an expression.")
    ] = None
    encoder: Annotated[str | None, _model("--encoder", text="Reads expressions; the manipulator names the one that fits.")] = (
        None
    )
    detector: Annotated[str | None, _model("--detector", text="Finds the faces.")] = None


@dataclass(frozen=True)
class PortraitSlots(_Named):
    """Everything that the demonstration asks of a face."""

    manipulator: Annotated[str | None, _model("--manipulator", "--model", "-m", text="Makes a face from a face.")] = None
    classifier: Annotated[str | None, _model("--classifier", text="Gives a face an emotion.")] = None
    head: Annotated[str | None, _model("--head", text="Reads the head pose off a vector.")] = None
    detector: Annotated[str | None, _model("--detector", text="Finds the faces.")] = None


@dataclass(frozen=True)
class Slots:
    """A component for any slot of any pipeline."""

    model: Annotated[
        str | None, _model("--model", "-m", text="The network of the task: its only slot beside the detector.")
    ] = None
    detector: Annotated[str | None, _model("--detector", text="Finds the faces.")] = None
    encoder: Annotated[str | None, _model("--encoder", text="Turns a face into a vector.")] = None
    classifier: Annotated[str | None, _model("--classifier", text="Gives a face a label.")] = None
    head: Annotated[str | None, _model("--head", text="Reads a value off a vector.")] = None
    manipulator: Annotated[str | None, _model("--manipulator", text="Makes a face from a face.")] = None
    slot: Annotated[
        list[str] | None,
        typer.Option("--slot", metavar="SLOT=ID", help="Any slot by its name; may be repeated.", rich_help_panel=MODELS),
    ] = None

    def chosen(self, slots: Mapping[str, str]) -> dict[str, str]:
        """{slot: id} for a pipeline with these slots.

        Raises:
            InputError: a slot given twice, ``--slot`` without "=", or ``--model`` where several slots could be meant.
        """
        named = [(name, getattr(self, name)) for name in ("detector", "encoder", "classifier", "head", "manipulator")]
        pairs = [(name, value) for name, value in named if value] + settings(self.slot or (), "--slot")
        if self.model:
            pairs.append((_main_slot(slots), self.model))
        found: dict[str, str] = {}
        for slot, value in pairs:
            if slot in found:
                raise InputError(f"The slot {slot!r} is given twice: {found[slot]} and {value}.")
            found[slot] = value
        return found


def _main_slot(slots: Mapping[str, str]) -> str:
    own = [slot for slot in slots if slot != "detector"] or list(slots)
    if len(own) != 1:
        options = " or ".join(f"--slot {slot}=ID" for slot in own)
        raise InputError(f"--model does not say which of {', '.join(own)} is meant; use {options}.")
    return own[0]


def settings(given: Any, option: str) -> list[tuple[str, str]]:
    """["key=value", …] as pairs. Raises InputError for one without "="."""
    pairs = []
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise InputError(f"{option} takes KEY=VALUE, not {text!r}.")
        pairs.append((key.strip().replace("-", "_"), value.strip()))
    return pairs


def values(given: Any, option: str) -> dict[str, Any]:
    """["key=value", …] with the values read as YAML: numbers, true, lists. Raises InputError."""
    import yaml

    found = {}
    for key, text in settings(given, option):
        try:
            found[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InputError(f"{option} {key}={text}: the value is no YAML.") from error
    return found

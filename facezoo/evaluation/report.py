"""What an evaluation leaves: every number with its interval, the data, the weights and the faces it belongs to.

A report is data: the Markdown, the figure and the registry's metrics are made from ``report.json`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from facezoo.config import explain
from facezoo.errors import InputError

JSON = "report.json"
DECIMALS = 2  # of percentages and degrees; numbers without a unit have two more

Kind = Literal["model", "peer", "baseline"]
Use = Literal["fitted on", "measured on"]
Better = Literal["higher", "lower"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measurement(_Frozen):
    """One measured number, rounded once, here: it is the same in every table that is made of it.

    Attributes:
        name: "accuracy", "yaw MAE".
        value: in ``unit``.
        interval: 95 %, in ``unit``; None where nothing was resampled.
        unit: "%", "degrees", or "" for a number without one.
        count: over how many pictures, pairs or triplets.
        group: the table and panel of the figure that it stands in: "" for the protocol's own figures, else what is told
            apart, such as "accuracy by kind"; then ``name`` is the kind.
        better: which way is better.
        threshold: the one that a rate was measured at.
        task: the registry's task that it belongs to; "" is the protocol's.
    """

    name: str = Field(min_length=1)
    value: float
    interval: tuple[float, float] | None = None
    unit: str = "%"
    count: int = Field(ge=0)
    group: str = ""
    better: Better = "higher"
    threshold: float | None = None
    task: str = ""

    @model_validator(mode="before")
    @classmethod
    def _rounded(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        digits = DECIMALS if given.get("unit", "%") else DECIMALS + 2
        found = dict(given)
        if isinstance(found.get("value"), float):
            found["value"] = round(found["value"], digits)
        if found.get("interval") is not None:
            found["interval"] = tuple(round(float(limit), digits) for limit in found["interval"])
        if found.get("threshold") is not None:
            found["threshold"] = round(float(found["threshold"]), 4)
        return found

    @property
    def metric(self) -> str:
        """Its name with group and unit, as the registry has it: "accuracy (%)"."""
        name = f"{self.group}, {self.name}" if self.group else self.name
        return f"{name} ({self.unit})" if self.unit else name

    def __str__(self) -> str:
        digits = DECIMALS if self.unit else DECIMALS + 2
        text = f"{self.value:.{digits}f}"
        return text if self.interval is None else f"{text} [{self.interval[0]:.{digits}f}, {self.interval[1]:.{digits}f}]"


class Confusion(_Frozen):
    """How often a class was taken for which.

    Attributes:
        labels: K classes.
        counts: K rows of K: pictures of a class (row) by the answer (column); those without an answer are not in it.
        unanswered: K: pictures of a class whose face was not found.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unanswered: tuple[int, ...]


class Split(_Frozen):
    """Which data something was fitted or measured on.

    Attributes:
        name: of the split.
        use: what for.
        count: how many ``what`` there are.
        what: "pictures", "pairs", "triplets".
        people: who is shown, counted; None where the data do not say.
        digest: of names, labels and values, see ``facezoo.datasets.split_digest``; the same list has the same digest.
    """

    name: str
    use: Use
    count: int
    what: str = "pictures"
    people: int | None = None
    digest: str


class Weights(_Frozen):
    """Which weights were measured.

    Attributes:
        sha256: of the file; None where a dependency carries them.
        source: where they came from: "package", "store", "hub:org/name@commit", "dir".
        space: of the view that was read, where there is one.
    """

    sha256: str | None
    source: str
    space: str | None = None


class System(_Frozen):
    """One row: a model, a peer, or what needs no face at all.

    Attributes:
        name: a model's id, a peer's name, or what a baseline does ("always the most frequent class").
        kind: model, peer or baseline.
        weights: of models and peers that have any.
        view: of an encoder.
        crop: the geometry and size that its faces were cut by.
        faces: {split: how its faces were taken, a sentence}.
        not_found: {split: pictures in which no face was found}. Where they are measured they count as wrong answers.
        measurements: the protocol's figures, then those by group.
        confusion: for classes.
        left_out: parts of the protocol that it cannot answer, and why.
        remarks: what a reader of the numbers must know.
    """

    name: str
    kind: Kind
    weights: Weights | None = None
    view: str | None = None
    crop: str | None = None
    faces: dict[str, str] = {}
    not_found: dict[str, int] = {}
    measurements: tuple[Measurement, ...]
    confusion: Confusion | None = None
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Published(_Frozen):
    """A number that somebody else states. It is shown as theirs, never as measured here.

    Attributes:
        name: the method.
        measurement: ``Measurement.name`` that it is beside.
        value: in ``unit``.
        unit: as of a measurement.
        group: as of a measurement.
        source: where it is stated: "arXiv 2108.03427, linear protocol".
        stated_by: a paper, or a release's README.
    """

    name: str
    measurement: str
    value: float
    unit: str = "%"
    group: str = ""
    source: str
    stated_by: Literal["paper", "release"] = "paper"


class Report(_Frozen):
    """All of one evaluation.

    Attributes:
        facezoo_report: version of this layout.
        protocol: its name in ``facezoo evaluate``.
        task: the registry's task.
        dataset: "RAF-DB".
        summary: what is measured, one line.
        limit: None: all of the data; else the report is a trial on so many of every split, and no result.
        detector: what looks for faces where the data do not say where they are; None: every picture is a crop.
        splits: the data.
        systems: rows.
        published: others' numbers, labelled as theirs.
        choices: the protocol's values.
        notes: what the paper leaves open, and what was chosen.
        made_with: versions, device, date.
        command: what measured it; "" is ``facezoo evaluate PROTOCOL``.
    """

    facezoo_report: Literal[1] = 1
    protocol: str
    task: str
    dataset: str
    summary: str
    limit: int | None = None
    detector: str | None = None
    splits: tuple[Split, ...]
    systems: tuple[System, ...]
    published: tuple[Published, ...] = ()
    choices: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    made_with: dict[str, str] = {}
    command: str = ""

    def system(self, name: str) -> System:
        """The row of that name. Raises InputError, naming the rows there are."""
        for system in self.systems:
            if system.name == name:
                return system
        raise InputError(
            f"The report on {self.protocol} has no row {name!r}; it has {', '.join(s.name for s in self.systems)}."
        )


def read_report(path: str | Path) -> Report:
    """A report from its JSON file, or from the folder that it was written to.

    Raises:
        InputError: no such file, or no report.
    """
    file = Path(path) / JSON if Path(path).is_dir() else Path(path)
    try:
        return Report.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"There is no report {file}; `facezoo evaluate PROTOCOL … -o DIR` writes DIR/{JSON}.") from error
    except (ValidationError, UnicodeDecodeError) as error:
        why = explain(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{file} is no report of `facezoo evaluate`: {why}.") from error

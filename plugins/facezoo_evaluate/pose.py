"""``pose-linear``: yaw, pitch and roll by linear regression on a frozen encoder.

Source: the head-pose rows of Chang, Chen, Chiu, ICCV 2021, on FSA-Net's protocol 1 (Yang et al., CVPR 2019): 300W-LP to
AFLW2000 and BIWI. The release has no code for it; of its loader a compiled file is left, from which lists and filter are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from facezoo.plugin import (
    DatasetError,
    Measurement,
    Outcome,
    Part,
    Protocol,
    ProtocolConfig,
    Published,
    Reader,
    Subject,
    fit_values,
    open_dataset,
)
from facezoo_evaluate.angles import ANGLES, angles_of, measure_angles
from facezoo_evaluate.draws import draw_samples
from facezoo_evaluate.peers import PLAIN

SOURCE = "arXiv 2108.03427, as the table of its release lists it; the unit (degrees) is inferred"
ROWS = {
    "FaceCycle": (11.70, 12.76, 12.94),
    "FAb-Net": (13.92, 13.25, 14.51),
    "TCAE": (21.75, 14.57, 14.83),
    "BMVC'20": (22.06, 13.50, 15.14),
}
FOLDERS = {"train": ("300w-lp", "300W_LP"), "test": ("aflw2000", "AFLW2000"), "biwi": ("biwi", "BIWI")}


class PoseConfig(ProtocolConfig):
    """Values of ``pose-linear``.

    Attributes:
        source: "fsa-npz": FSA-Net's packed crops, which the paper used; "folders": the data sets as they are published; "auto":
            folders where there is one called 300W_LP.
        view: of the encoder, by its name or what it is about; the paper does not say which layer it regresses from.
        largest_angle: degrees; training faces with a larger angle are left out, test faces are not.
        fit_on: training faces at most, drawn from the seed; None: all.
        penalty: of the ridge regression; None: by cross-validation on the training faces. The paper's regressor is not known.
    """

    source: Literal["auto", "fsa-npz", "folders"] = "auto"
    view: str = "features"
    largest_angle: float = Field(default=99.0, gt=0)
    fit_on: int | None = Field(default=None, ge=2)
    penalty: float | None = Field(default=None, gt=0)


class PoseLinear(Protocol):
    """Fitted on 300W-LP, measured on AFLW2000 and, where it is there, on BIWI."""

    config: PoseConfig
    config_class = PoseConfig
    task = "head-pose"
    dataset = "AFLW2000"
    layout = """\
either FSA-Net's files (`facezoo datasets fsa-npz`), or folders beside each other:
ROOT/300W_LP/…       `facezoo datasets 300w-lp`
ROOT/AFLW2000/…      `facezoo datasets aflw2000`
ROOT/BIWI/…          `facezoo datasets biwi`, where there is one
"""
    needs = ("encoder",)
    peers: ClassVar[Mapping[str, str]] = PLAIN
    published = tuple(
        Published(name=name, measurement=f"{angle} MAE", value=value, unit="degrees", source=SOURCE)
        for name, row in ROWS.items()
        for angle, value in zip(ANGLES, row, strict=True)
    )
    notes = (
        "The paper's regressor, its loss, its rate and the layer that it reads are not known. Here: ridge regression.",
        "The paper's loader shows FSA-Net's crops as they are stored, blue first; here they are shown in the order that the "
        "model was made for. Its augmentation (shift, noise, mirror image) is left out.",
        "From the folders faces are cut by their landmarks as the model's contract says; FSA-Net's crops are shown whole.",
        "Where no face is found, the answer is the mean of the training angles.",
    )

    def prepare(self) -> None:
        self.readers = self._opened()
        samples = self.readers["train"].samples("train")
        kept = [s for s, row in zip(samples, angles_of(samples), strict=True) if np.abs(row).max() <= self.config.largest_angle]
        if len(kept) < 2:
            raise DatasetError(f"{len(kept)} of {len(samples)} training faces have angles up to {self.config.largest_angle:g}.")
        self.turned_away = len(samples) - len(kept)
        self.train = self.bench.part(
            self.readers["train"], "train", "fitted on", draw_samples(kept, self.config.fit_on, self.config.seed)
        )
        self.tests = {group: self._test(part) for group, part in (("", "test"), ("BIWI", "biwi")) if part in self.readers}

    def _opened(self) -> dict[str, Reader]:
        """The readers of ``train``, ``test`` and, where it is there, ``biwi``."""
        root, source = self.bench.data, self.config.source
        folders = (root / FOLDERS["train"][1]).is_dir() if source == "auto" else source == "folders"
        if folders:
            there = {part: pair for part, pair in FOLDERS.items() if part != "biwi" or (root / pair[1]).is_dir()}
            return {part: open_dataset(name, root / folder) for part, (name, folder) in there.items()}
        packed = open_dataset("fsa-npz", root)
        return {part: packed for part in FOLDERS if part != "biwi" or part in packed.splits}

    def _test(self, name: str) -> Part:
        reader = self.readers[name]
        return self.bench.part(reader, name if name in reader.splits else reader.splits[0], "measured on", name=name)

    def measure(self, subject: Subject) -> Outcome:
        view = subject.view(self.config.view)
        codes, wanted = subject.embed(self.train, view), angles_of(self.train.samples)
        found = subject.found(self.train)
        people = self.train.people
        owners = None if people is None else [person for person, known in zip(people, found, strict=True) if known]
        fit = fit_values(codes[found], wanted[found], penalty=self.config.penalty, people=owners, seed=self.config.seed)
        measured: list[Measurement] = []
        for group, part in self.tests.items():
            given = fit.layer(subject.embed(part, view))
            measured += self._measured(group, part, given)
        return Outcome(tuple(measured), remarks=(f"Fitted with the penalty {fit.penalty:g}.", *fit.remarks))

    def _measured(self, group: str, part: Part, given: np.ndarray) -> list[Measurement]:
        guess = angles_of(self.train.samples).mean(axis=0)
        wanted = angles_of(part.samples)
        return measure_angles(given, wanted, self.bootstrap, guess=guess, owners=part.people, group=group)

    def baselines(self) -> Mapping[str, Outcome]:
        """The mean of the training angles."""
        nothing = {group: np.full((len(part.samples), 3), np.nan) for group, part in self.tests.items()}
        measured = [one for group, part in self.tests.items() for one in self._measured(group, part, nothing[group])]
        return {"always the mean of the training angles": Outcome(tuple(measured))}

    def remarks(self) -> tuple[str, ...]:
        limit = f"train: faces with an angle above {self.config.largest_angle:g} degrees are left out: {self.turned_away:,}"
        return (
            *((limit,) if self.turned_away else ()),
            *(note for reader in dict.fromkeys(self.readers.values()) for note in reader.notes()),
        )

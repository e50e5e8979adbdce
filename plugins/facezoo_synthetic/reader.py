"""A rendered set as samples and triplets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facezoo.plugin import SEVEN_EMOTIONS, AnnotatedTriplet, DatasetError, InputError, Sample, TripletReader
from facezoo_synthetic.action_units import ACTION_UNITS
from facezoo_synthetic.crowd import crowd, draw_triplets
from facezoo_synthetic.labels import NUMBERS, PACKED, arrow
from facezoo_synthetic.layout import MANIFEST, labels_path, read_settings

COLUMNS = ("file", "person", "emotion", "five", *NUMBERS)
KINDS = ("one-class", "two-class", "three-class")
TRIPLETS = 9  # the stream of random numbers they are drawn from


@dataclass(frozen=True, slots=True, eq=False)
class PackedSample(Sample):
    """A picture within a shard.

    Attributes:
        image: the shard.
        start: of its bytes, from the shard's beginning.
        length: of them.
    """

    start: int = 0
    length: int = 0

    def read(self) -> np.ndarray:
        """As ``Sample.read``."""
        from facezoo.plugin import read  # with torch, which counting samples does not need

        try:
            with open(str(self.image), "rb") as file:
                file.seek(self.start)
                return read(file.read(self.length))
        except (OSError, InputError) as error:
            raise InputError(f"{self.name}: {error}") from error


class SyntheticFaces(TripletReader):
    """A set of ``facezoo synth render``: folders or WebDataset shards.

    Persons are split by their number n: n % 10 == 7 is test, n % 10 == 8 validation, the rest train. A set that is not
    rendered to its end is read as far as it goes, and says what is missing.

    There are as many triplets as samples. What annotators say of them is simulated (``facezoo_synthetic.crowd``): it follows
    from the distances of the faces' action units, which are known.
    """

    layout: ClassVar[str] = """\
ROOT/synthetic.json                                      seed, size, people, frames, …
ROOT/labels/<chunk>.parquet                              a row per picture: file, person, emotion, pose, action units, …
ROOT/images/<person // 100>/<person>/<frame>.png         the pictures, or
ROOT/shards/<chunk>.tar                                  the same as WebDataset shards
All of it is written by `facezoo synth render ROOT`.
"""
    splits = ("train", "validation", "test", "all")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        if not (self.root / MANIFEST).is_file():
            raise self.expected(self.root / MANIFEST)
        self.settings = read_settings(self.root)
        self._rows: dict[str, Any] | None = None
        self._there: list[Path] = []
        self._missing: list[str] = []

    @property
    def labels(self) -> tuple[str, ...]:
        """The seven emotions."""
        return tuple(emotion.value for emotion in SEVEN_EMOTIONS)

    def collect(self, split: str) -> list[Sample]:
        rows = self._table()
        for chunk in self._missing:
            self.skip(split, "chunks are not rendered yet", chunk)
        persons = rows["person"]
        values = np.stack([rows[name] for name in NUMBERS], axis=1)
        packed = np.stack([rows[name] for name in PACKED], axis=1).tolist() if self.settings.shards else None
        found: list[Sample] = []
        for i in np.flatnonzero(in_split(persons, split)).tolist():
            facts: dict[str, Any] = {
                "label": rows["emotion"][i],
                "values": dict(zip(NUMBERS, values[i].tolist(), strict=True)),
                "person": f"p{persons[i]:06d}",
                "landmarks": rows["five"][i],
            }
            name = rows["file"][i]
            if packed is None:
                found.append(Sample(name, self.root / name, **facts))
            else:
                shard, (start, length) = self.root / name.partition("#")[0], packed[i]
                found.append(PackedSample(name, shard, **facts, start=start, length=length))
        return found

    def collect_triplets(self, split: str) -> list[AnnotatedTriplet]:
        samples = self.samples(split)
        classes = np.array([self.labels.index(str(sample.label)) for sample in samples])
        units = np.array([[sample.values[unit] for unit in ACTION_UNITS] for sample in samples])
        rng = np.random.default_rng([self.settings.seed, TRIPLETS, self.splits.index(split)])
        places, kinds = draw_triplets(classes, len(samples), rng)
        people = crowd(len(ACTION_UNITS))
        asked, odd = people.answers(units[places], rng)
        return [
            AnnotatedTriplet(
                (samples[first], samples[second], samples[third]),
                KINDS[kind - 1],
                tuple((people.names[who], said) for who, said in zip(annotators, answers, strict=True)),
            )
            for (first, second, third), kind, annotators, answers in zip(
                places.tolist(), kinds.tolist(), asked.tolist(), odd.tolist(), strict=True
            )
        ]

    def shapes(self, split: str) -> np.ndarray:
        """(N, 100) float32: the identity coefficients of each of ``samples(split)``, in standard deviations.

        Raises:
            DatasetError: as ``samples``.
        """
        self.check_split(split)
        chosen = in_split(self._table()["person"], split)
        flat = _read(self._there, ("identity",))["identity"].combine_chunks().flatten().to_numpy()
        return flat.reshape(len(chosen), -1)[chosen].astype(np.float32)

    def _table(self) -> dict[str, Any]:
        """{column: values of all rows}, read once."""
        if self._rows is None:
            paths = [labels_path(self.root, chunk) for chunk in range(self.settings.chunks)]
            self._there = [path for path in paths if path.is_file()]
            self._missing = [path.name for path in paths if path not in self._there]
            if not self._there:
                raise self.expected(paths[0], "labels of the first chunk,")
            self._rows = _columns(_read(self._there, (*COLUMNS, *(PACKED if self.settings.shards else ()))))
        return self._rows


def in_split(persons: np.ndarray, split: str) -> np.ndarray:
    """(N,) bool: which of these numbers of persons belong to a split."""
    last = persons % 10
    return {"test": last == 7, "validation": last == 8, "train": (last != 7) & (last != 8)}.get(split, last >= 0)


def _read(paths: Iterable[Path], names: tuple[str, ...]) -> Any:
    """A pyarrow table of these columns of all files. Raises DatasetError."""
    pyarrow = arrow()
    parts = []
    for path in paths:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                parts.append(file.read(columns=list(names)))
        except (pyarrow.ArrowException, OSError) as error:
            raise DatasetError(f"{path} cannot be read as labels: {error}") from error
        if missing := set(names) - set(parts[-1].column_names):
            raise DatasetError(f"{path} has no column {', '.join(sorted(missing))}; was it written by `facezoo synth render`?")
    return pyarrow.concat_tables(parts)


def _columns(table: Any) -> dict[str, Any]:
    """{name: (N,) array, or list of text}; ``five`` as (N, 5, 2) float32."""
    found: dict[str, Any] = {name: table[name].to_pylist() for name in ("file", "emotion")}
    found["five"] = table["five"].combine_chunks().flatten().to_numpy().astype(np.float32).reshape(-1, 5, 2)
    return found | {name: table[name].to_numpy() for name in table.column_names if name not in found}

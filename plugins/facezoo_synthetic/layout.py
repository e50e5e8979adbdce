"""How a rendered set lies on disk: what it says of itself, where a picture is, which pictures are rendered together.

    OUT/synthetic.json                                             ``Settings``
    OUT/images/<person // 100>/<person>/<frame>.png                a folder per person
    OUT/shards/<chunk>.tar                                         or the same pictures packed, ``--shards webdataset``
    OUT/labels/<chunk>.parquet                                     a row per picture (``facezoo_synthetic.labels``)

Pictures are numbered person by person: number = person * frames + frame. A chunk is 256 consecutive numbers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from facezoo.plugin import DatasetError

FORMAT = 1
MANIFEST = "synthetic.json"
CHUNK = 256

Packing = Literal["webdataset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides every picture of a set and where it lies; sets with equal settings are equal.

    Attributes:
        seed: of everybody and everything in it.
        size: side of a picture in pixels.
        people: how many persons, numbered from 0.
        frames: pictures of each.
        tracks: a person's pictures share light, backdrop and camera.
        yaw: it is uniform over ± so many degrees.
        format: of a picture's file.
        head: sha256 of the head's file, hexadecimal.
        shards: None: a file per picture.
        still: of tracks: the head does not move either, only the expression and the gaze.
    """

    seed: int
    size: int
    people: int
    frames: int
    tracks: bool
    yaw: float
    format: Literal["png", "jpg"]
    head: str
    shards: Packing | None = None
    still: bool = False

    @property
    def pictures(self) -> int:
        return self.people * self.frames

    @property
    def chunks(self) -> int:
        return -(-self.pictures // CHUNK)

    def numbers(self, chunk: int) -> range:
        """The pictures of a chunk."""
        return range(chunk * CHUNK, min((chunk + 1) * CHUNK, self.pictures))

    def file(self, picture: int) -> str:
        """Where picture number ``picture`` lies, relative to the set; in a shard the member comes after "#"."""
        person, frame = divmod(picture, self.frames)
        if self.shards:
            return f"{self.shard(picture // CHUNK)}#{person:06d}_{frame:02d}.{self.format}"
        return f"images/{person // 100:03d}/{person:06d}/{frame:02d}.{self.format}"

    def shard(self, chunk: int) -> str:
        return f"shards/{chunk:05d}.tar"

    def as_json(self) -> str:
        """The text of ``synthetic.json``."""
        values = asdict(self)
        for name, unsaid in (("shards", None), ("still", False)):
            if values[name] == unsaid:
                del values[name]
        return json.dumps({"facezoo_synthetic": FORMAT, **values}, indent=1) + "\n"


def read_settings(root: Path) -> Settings:
    """The settings of the set in ``root``.

    Raises:
        DatasetError: no ``synthetic.json`` there, or one that does not say all of them.
    """
    path = root / MANIFEST
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (version := values.pop("facezoo_synthetic")) != FORMAT:
            raise DatasetError(f"{path} is of format {version!r}; this version of facezoo reads {FORMAT}.")
        return Settings(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} does not say how a set of synthetic faces was rendered ({type(error).__name__}: {error}); expected the "
            "file that `facezoo synth render OUT` writes into OUT."
        ) from error


def labels_path(root: Path, chunk: int) -> Path:
    """Where a chunk's labels lie; when the file is there, the chunk is whole."""
    return root / "labels" / f"{chunk:05d}.parquet"

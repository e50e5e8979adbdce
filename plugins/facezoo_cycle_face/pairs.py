"""Pairs of pictures to learn from: where they come from and how two are chosen.

A *track* is what the release calls one: pictures of one person that may be paired. Four sources
make tracks: ``frames`` (folders of face crops as VoxCeleb lays them out), ``flip`` (single
portraits, each paired with its mirror image), ``clips`` (the faces found in video files) and
``reader`` (the persons of any data set).

Source: the released ``dataloader/Voxall.py``, ``Voxall_id.py`` and ``listvox.py`` (JiaRenChang/FaceCycle
@14509c9). Two of its defects are not repeated: the last frame of a track can be drawn, and the second
track of stage 2 is really another one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facezoo.plugin import BoxReference, DatasetError, Detections, Detector, Reader, Sample, SquareCrop, frames, matrices
from facezoo_cycle_face.augment import Augmentation, Image, Points, Square, draw, recolour

VIDEOS = (".mp4", ".mpg", ".mpeg", ".avi", ".mov", ".mkv", ".webm", ".m4v")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
LANDMARKS = tuple(f"{name}_{axis}" for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy")


@dataclass(frozen=True)
class Shot:
    """One picture: a file or an array already read, the crop's square in it (None: the whole picture) and five landmarks."""

    picture: Path | Image
    square: Square | None = None
    landmarks: Points | None = None

    def read(self) -> tuple[Image, Square]:
        """-> (H, W, 3) uint8 RGB and the square of the face, in pixels."""
        picture = self.picture
        if isinstance(picture, Path):
            from PIL import Image as Pillow

            with Pillow.open(picture) as file:
                picture = np.asarray(file.convert("RGB"))
        height, width = picture.shape[:2]
        return picture, self.square or Square(width / 2, height / 2, min(height, width))


@dataclass(frozen=True)
class Track:
    """Pictures of one person that may be paired, and how often a pair is a picture and its mirror image."""

    name: str
    shots: Sequence[Shot]
    flip_share: float

    def __post_init__(self) -> None:
        if not self.shots:
            raise ValueError(f"the track {self.name!r} has no pictures")


Cut = tuple[Image, Points]


class PairDataset(Dataset[dict[str, Tensor]]):
    """Item ``i``: two pictures of track ``i``, or of track ``i`` and another, as one training example.

    Everything random about an item follows from (seed, epoch, i) alone, so that a run that was killed
    continues with the very same pictures, however many workers load them.

    Args:
        tracks: what to draw from; an epoch is one item per track.
        size: side of the crops, pixels.
        options: what may happen to a picture.
        partner: "same": the second picture is the mirrored first one with the track's ``flip_share``, else
            another of the track; "other": it is of another track (stage 2).
        independent: a mirrored picture is cut and bent anew instead of mirrored as it stands.
        again: also a second picture (or cut) of each, ``first_again`` and ``second_again``, for the contrast term.
        seed: of every choice.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        size: int,
        options: Augmentation,
        partner: Literal["same", "other"] = "same",
        independent: bool = False,
        again: bool = False,
        seed: int = 0,
    ) -> None:
        self.tracks, self.size, self.options = list(tracks), size, options
        self.partner, self.independent, self.again, self.seed = partner, independent, again, seed
        self.epoch = 0

    @property
    def digest(self) -> str:
        """Twelve hex digits that say which tracks these are, and in which order."""
        facts = "\n".join(f"{track.name} {len(track.shots)} {track.flip_share}" for track in self.tracks)
        return hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()[:12]

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One example.

        Returns:
            ``first``, ``second`` (3, S, S) uint8 RGB; ``first_points``, ``second_points`` (5, 2) landmarks as ``draw`` gives
            them; ``owner``, ``other`` (): the tracks' numbers; with ``again`` also ``first_again``, ``second_again``.
        """
        rng = np.random.default_rng([self.seed, self.epoch, index])
        track = self.tracks[index]
        other = index
        if self.partner == "same":
            cuts = self.pair(track, rng)
        else:
            other = int((index + 1 + rng.integers(max(1, len(self.tracks) - 1))) % len(self.tracks))
            cuts = self.cut(self.any(track, rng), rng), self.cut(self.any(self.tracks[other], rng), rng)
        item = {"owner": torch.tensor(index), "other": torch.tensor(other)}
        for name, (image, points) in zip(("first", "second"), cuts, strict=True):
            item |= {name: _tensor(image), f"{name}_points": torch.from_numpy(points)}
        if self.again:
            for name, owner in (("first_again", index), ("second_again", other)):
                item[name] = _tensor(self.cut(self.any(self.tracks[owner], rng), rng)[0])
        return item

    def any(self, track: Track, rng: np.random.Generator) -> Shot:
        return track.shots[rng.integers(len(track.shots))]

    def pair(self, track: Track, rng: np.random.Generator) -> tuple[Cut, Cut]:
        chosen = int(rng.integers(len(track.shots)))
        mirrored = len(track.shots) == 1 or rng.random() < track.flip_share
        if mirrored and self.independent:
            # the same picture with the same colours, cut and bent anew; its own draw decides whether it is mirrored
            colours = int(rng.integers(2**32))
            return self.cut(track.shots[chosen], rng, colours), self.cut(track.shots[chosen], rng, colours)
        image, points = self.cut(track.shots[chosen], rng)
        if mirrored:
            return (image, points), (image[:, ::-1], (points * np.float32([-1, 1]))[[1, 0, 2, 4, 3]])
        other = (chosen + 1 + int(rng.integers(len(track.shots) - 1))) % len(track.shots)
        return (image, points), self.cut(track.shots[other], rng)

    def cut(self, shot: Shot, rng: np.random.Generator, colours: int | None = None) -> Cut:
        picture, square = shot.read()
        image, points = draw(picture, square, self.size, rng, self.options, shot.landmarks)
        return recolour(image, rng if colours is None else np.random.default_rng(colours), self.options), points


def _tensor(image: Image) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


def squares(detections: Detections, crop: SquareCrop, box_reference: BoxReference) -> list[Square]:
    """The crop of each face, in pixels."""
    found = matrices(crop, detections, box_reference)
    centres = found[:, :, :2].sum(2) / 2 + found[:, :, 2]
    return [Square(float(x), float(y), float(m[0, 0])) for (x, y), m in zip(centres, found, strict=True)]


@dataclass(frozen=True)
class Row:
    """What ``faces.csv`` says of one picture."""

    person: str
    square: Square
    landmarks: Points
    repeat: int


def face_table(path: Path, crop: SquareCrop) -> dict[str, Row]:
    """-> {file: row} of a CSV file with ``file`` and five landmarks in pixels, and maybe ``person`` and ``repeat``.

    Raises:
        DatasetError: a column is missing or a number is none.
    """
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    try:
        points = np.array([[float(row[name]) for name in LANDMARKS] for row in rows]).reshape(-1, 5, 2)
        names = [row["file"] for row in rows]
        repeats = [int(row.get("repeat") or 1) for row in rows]
    except (KeyError, ValueError, TypeError) as error:
        columns = ", ".join(("file", *LANDMARKS))
        raise DatasetError(f"{path} was not read ({error!r}); expected the columns {columns}, landmarks in pixels.") from error
    found = Detections(np.full((len(rows), 4), np.nan), np.ones(len(rows)), points)
    placed = squares(found, crop, BoxReference(length=1.0))
    people = [row.get("person") or row["file"] for row in rows]
    return {n: Row(*row) for n, *row in zip(names, people, placed, points, repeats, strict=True)}


def single_portraits(root: Path, crop: SquareCrop, group: Literal["picture", "person"] = "picture") -> list[Track]:
    """Tracks of a folder of pictures (or of its ``images``).

    Where ``faces.csv`` lies in the folder, it says which pictures to take, where their faces are and how many times
    an epoch has each; without it every picture is a face crop already.

    Args:
        root: the folder.
        crop: the contract's geometry.
        group: "person" puts the pictures with one ``person`` into one track (for stage 2: what differs between
            them is age and light as much as expression, so stage 1 does not pair them).

    Raises:
        DatasetError: no pictures, or a table that names none of them.
    """
    folder = root / "images" if (root / "images").is_dir() else root
    files = pictures_in(folder)
    if not files:
        raise DatasetError(
            f"No pictures in {folder}; expected files ending in {', '.join(PICTURES)}, there or in folders below."
        )
    path = root / "faces.csv"
    if not path.is_file():
        return [Track(file.relative_to(folder).as_posix(), (Shot(file),), 1.0) for file in files]
    table = face_table(path, crop)
    tracks: dict[str, list[Shot]] = {}
    repeats: dict[str, int] = {}
    for file in files:
        name = file.relative_to(folder).as_posix()
        if name in table:
            row = table[name]
            key = row.person if group == "person" else name
            tracks.setdefault(key, []).append(Shot(file, row.square, row.landmarks))
            repeats[key] = max(repeats.get(key, 1), row.repeat)
    if not tracks:
        raise DatasetError(
            f"{path} names none of the {len(files)} pictures in {folder}; expected paths relative to that folder."
        )
    return [Track(name, tuple(shots), 1.0) for name, shots in tracks.items() for _ in range(repeats[name])]


def pictures_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)


def voxceleb_frames(root: Path, flip_share: float = 0.5) -> list[Track]:
    """Tracks of VoxCeleb's layout, ``<Name>/1.6/<video>/<track>/*.jpg``: every folder with more than three face crops.

    ``root`` may be that folder or the one above ``unzippedIntervalFaces/data``.

    Raises:
        DatasetError: no such folder in it.
    """
    data = root / "unzippedIntervalFaces" / "data"
    data = data if data.is_dir() else root
    folders: dict[Path, list[Path]] = {}
    for file in pictures_in(data):
        folders.setdefault(file.parent, []).append(file)
    tracks = [
        Track(folder.relative_to(data).as_posix(), tuple(Shot(file) for file in files), flip_share)
        for folder, files in folders.items()
        if len(files) > 3 and folder != data
    ]
    if not tracks:
        raise DatasetError(
            f"No tracks in {data}; expected {data}/<name>/1.6/<video>/<track>/*.jpg with more than three face crops in a "
            f"track, found {sum(map(len, folders.values()))} pictures in {len(folders)} folders."
        )
    return tracks


def persons_of(reader: Reader, split: str, crop: SquareCrop, flip_share: float = 0.5, copies: int = 1) -> list[Track]:
    """One track per person of whom a data set has two pictures at least.

    Args:
        reader: knows persons and landmarks, or pictures that are face crops.
        split: of it.
        crop: the contract's geometry.
        flip_share: of pairs that are a picture and its mirror image.
        copies: how many times an epoch has each person.

    Raises:
        DatasetError: nobody with two pictures whose faces can be placed.
    """
    tracks: dict[str, list[Shot]] = {}
    for sample in reader.samples(split):
        placed = sample.cropped or sample.landmarks is not None
        if sample.person and placed:
            tracks.setdefault(sample.person, []).append(_shot(sample, crop))
    found = [Track(name, tuple(shots), flip_share) for name, shots in tracks.items() if len(shots) > 1]
    if not found:
        raise DatasetError(
            f"The split {split!r} of {reader.root} has nobody with two pictures whose faces are placed, and a pair is two "
            "pictures of a person."
        )
    return [track for track in found for _ in range(copies)]


def _shot(sample: Sample, crop: SquareCrop) -> Shot:
    if sample.landmarks is None:
        return Shot(sample.image)
    points = np.asarray(sample.landmarks, np.float32)
    seen = Detections(np.full((1, 4), np.nan), np.ones(1), points[None])
    return Shot(sample.image, squares(seen, crop, BoxReference(length=1.0))[0], points)


def faces_of_clips(root: Path, crop: SquareCrop, detector: Detector, flip_share: float = 0.0, copies: int = 1) -> list[Track]:
    """One track per video: its largest face in every frame in which there is one, cut out with some surroundings.

    Args:
        root: a video file, or a folder of them.
        crop: the contract's geometry.
        detector: finds the faces.
        flip_share: of pairs that are a frame and its mirror image.
        copies: how many times an epoch has each clip.

    Raises:
        DatasetError: no video, or one with fewer than two faces.
    """
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix.lower() in VIDEOS)
    if not files:
        raise DatasetError(f"No videos in {root}; expected files ending in {', '.join(VIDEOS)}.")
    tracks = []
    for file in files:
        shots = []
        for frame in frames(file):
            faces = detector.detect([frame.image])[0]
            if len(faces):
                placed = squares(faces, crop, detector.box_reference)
                largest = max(range(len(placed)), key=lambda i: placed[i].side)
                points = None if faces.landmarks is None else faces.landmarks[largest]
                shots.append(_around(frame.image, placed[largest], points))
        if len(shots) < 2:
            raise DatasetError(f"{file} shows a face in {len(shots)} frames; a clip to train on takes two at least.")
        tracks += [Track(f"{file.name}#{copy}", tuple(shots), flip_share) for copy in range(copies)]
    return tracks


def _around(frame: Image, square: Square, points: Points | None) -> Shot:
    """The part of a frame that augmentation can reach: a whole clip stays in memory."""
    reach = square.side * 0.75
    left, top = max(0, int(square.x - reach)), max(0, int(square.y - reach))
    part = frame[top : int(square.y + reach) + 1, left : int(square.x + reach) + 1].copy()
    if points is not None:
        points = points - np.array([left, top])
    return Shot(part, Square(square.x - left, square.y - top, square.side), points)

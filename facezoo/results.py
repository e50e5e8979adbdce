"""What pipelines give back: frozen records with units. Arrays are numpy, so results outlive the device."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facezoo.errors import InputError
from facezoo.records import PlainRecord

if TYPE_CHECKING:
    import pandas

    from facezoo.disclosure import Synthesis


@dataclass(frozen=True, slots=True, repr=False)
class Embedding(PlainRecord):
    """A vector that knows its space.

    Attributes:
        values: (D,) float32.
        space_id: twelve hex digits; vectors of different spaces cannot be compared.
        view: the encoder's view.
        model: the encoder's id.
    """

    values: np.ndarray
    space_id: str | None
    view: str
    model: str


@dataclass(frozen=True, slots=True, repr=False)
class Scores(PlainRecord):
    """Probabilities of classes, which sum to 1. ``label`` is the most probable one."""

    probabilities: Mapping[str, float]

    @property
    def label(self) -> str:
        return max(self.probabilities, key=lambda name: self.probabilities[name])


@dataclass(frozen=True, slots=True, repr=False)
class Pose(PlainRecord):
    """Head pose in degrees. Yaw is positive when the face looks to the picture's right, pitch when it looks up,
    roll when its top leans to the picture's right (clockwise as seen)."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True, repr=False)
class Quantity(PlainRecord):
    """A number that knows its units ("degrees"); they are "" where it has none."""

    value: float
    units: str = ""

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, slots=True, repr=False)
class Picture(PlainRecord):
    """An RGB picture that can be saved and shows itself in a notebook.

    Of a picture that a network made the file says so, and a small mark in its corner. ``pixels`` have no mark: they are for
    measuring and for going on with.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        made: how a network made it, or None.
    """

    pixels: np.ndarray = field(metadata={"picture": True})
    made: Synthesis | None = None

    def save(self, path: str | Path, *, mark: bool = True) -> Path:
        """Writes the picture; the ending decides the format.

        Args:
            path: where to.
            mark: draw the visible mark on a picture that a network made. The note in the file is written in any case.

        Raises:
            InputError: an ending that Pillow does not write, or one whose format has no room for the note.
        """
        from facezoo.images import write

        return write(self.pixels, path, made=self.made, mark=mark)

    def _repr_png_(self) -> bytes:
        from facezoo.images import as_png

        return as_png(self.pixels, self.made)

    def _repr_html_(self) -> str:
        return f'<img src="data:image/png;base64,{base64.b64encode(self._repr_png_()).decode()}">'


@dataclass(frozen=True, slots=True, repr=False)
class Clip(PlainRecord):
    """A video that was written.

    Attributes:
        path: the mp4.
        frames: number of frames.
        fps: frames per second.
        missed: number of frames in which no face was found, shown as they were.
    """

    path: Path
    frames: int
    fps: float
    missed: int


@dataclass(frozen=True, slots=True, repr=False)
class Face(PlainRecord):
    """One face in a picture.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 in pixels; None for a face that came already cropped.
        score: the detector's, in [0, 1]; None for a cropped face.
        landmarks: (5, 2) float32 in pixels, as ``facezoo.labels.FIVE_LANDMARKS``, or None.
        crop: the face as the networks saw it, (H, W, 3) uint8 RGB, or None where nothing was cut out.
        embeddings: by view.
        emotions: probabilities of seven emotions.
        pose: head pose in degrees.
        scores: probabilities of other classes, by what they are about ("glasses").
        values: other numbers, by name ("valence").
        pictures: faces made from this one, by name ("neutral", "mean_face").
    """

    box: np.ndarray | None
    score: float | None
    landmarks: np.ndarray | None = None
    crop: np.ndarray | None = field(default=None, metadata={"picture": True})
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    emotions: Scores | None = None
    pose: Pose | None = None
    scores: Mapping[str, Scores] = field(default_factory=dict)
    values: Mapping[str, Quantity] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict, metadata={"picture": True})


@dataclass(frozen=True, slots=True, repr=False)
class ImageResult(PlainRecord):
    """All faces of one picture, best first.

    Attributes:
        source: path or a short description of what was given.
        faces: may be empty: no face is not an error.
        size: width and height in pixels; None if the picture could not be read.
        frame: index in a video, else None.
        time: seconds from the start of a video, else None.
        error: why nothing could be said (``on_error="record"``), else None.
    """

    source: str
    faces: tuple[Face, ...] = ()
    size: tuple[int, int] | None = None
    frame: int | None = None
    time: float | None = None
    error: str | None = None

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary per face: source, frame, time, face, box, score, then what was computed."""
        head = {"source": self.source, "frame": self.frame, "time": self.time, "error": self.error}
        return [{**head, **_row(index, face)} for index, face in enumerate(self.faces)] or [{**head, "face": None}]

    def to_pandas(self) -> pandas.DataFrame:
        """``rows`` as a table. Raises InputError where pandas is not installed."""
        return table([self])


def _row(index: int, face: Face) -> dict[str, Any]:
    row: dict[str, Any] = {"face": index}
    row |= {
        k: (float(v) if face.box is not None else None) for k, v in zip(("x0", "y0", "x1", "y1"), _four(face.box), strict=True)
    }
    row["score"] = face.score
    for view, embedding in face.embeddings.items():
        row[view] = embedding.values
        row[f"{view}_space"] = embedding.space_id
    if face.emotions:
        row["emotion"] = face.emotions.label
        row |= {f"p_{label}": p for label, p in face.emotions.probabilities.items()}
    if face.pose:
        row |= {"yaw": face.pose.yaw, "pitch": face.pose.pitch, "roll": face.pose.roll}
    taken = {*row, "source", "frame", "time", "error"}  # a head may call its classes or values what it likes
    for name, scores in face.scores.items():
        row[f"class_{name}" if name in taken else name] = scores.label
        row |= {f"p_{name}_{label}": p for label, p in scores.probabilities.items()}
    return row | {f"value_{name}" if name in taken else name: q.value for name, q in face.values.items()}


def _four(box: np.ndarray | None) -> Iterable[float]:
    return (0.0, 0.0, 0.0, 0.0) if box is None else (float(v) for v in box)


def table(results: ImageResult | Iterable[ImageResult]) -> pandas.DataFrame:
    """A data frame of one result or several, one row per face; ``frame.attrs["spaces"]`` maps each view to its space.

    Raises:
        InputError: pandas is not installed.
    """
    pandas = _pandas()
    results = [results] if isinstance(results, ImageResult) else list(results)
    frame = pandas.DataFrame([row for result in results for row in result.rows()])
    frame.attrs["spaces"] = {v: e.space_id for r in results for f in r.faces for v, e in f.embeddings.items()}
    return frame


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise InputError("Tables need pandas: pip install 'facezoo[table]'.") from error
    return pandas


@dataclass(frozen=True, slots=True, repr=False)
class Verification(PlainRecord):
    """Whether two pictures show the same person.

    Attributes:
        similarity: cosine of the two identity embeddings, in [-1, 1].
        same: the answer at ``threshold``; None where no threshold was measured for the encoder.
        threshold: similarity from which two faces count as the same, or None.
        false_accept_rate: measured share of different people above the threshold, or None.
        first: the face used of the first picture.
        second: the face used of the second.
    """

    similarity: float
    same: bool | None
    threshold: float | None
    false_accept_rate: float | None
    first: Face
    second: Face


@dataclass(frozen=True, slots=True, repr=False)
class Triplet(PlainRecord):
    """Which of three faces has an expression unlike the other two's.

    Attributes:
        odd: 0, 1 or 2: the one that is not in the closest pair; None on a tie.
        distances: Euclidean distance of the expression vectors by pair: "first-second", "first-third", "second-third".
        sources: what was given, in order.
        faces: the face used of each picture, with its embedding.
    """

    odd: int | None
    distances: Mapping[str, float]
    sources: tuple[str, str, str]
    faces: tuple[Face, Face, Face]


@dataclass(frozen=True, slots=True, repr=False)
class Match(PlainRecord):
    """A face found by its expression.

    Attributes:
        rank: from 1 on.
        source: path of its picture.
        face: its number in the picture.
        box: (4,) float32, x0 y0 x1 y1 in pixels; None for a face that came already cropped.
        score: the detector's, in [0, 1]; None for a cropped face.
        similarity: cosine of its expression vector and the query's, in [-1, 1].
        distance: Euclidean distance of the two.
    """

    rank: int
    source: str
    face: int
    box: np.ndarray | None
    score: float | None
    similarity: float
    distance: float

    def row(self) -> dict[str, Any]:
        """The same, flat: the box as x0, y0, x1, y1."""
        row = self.to_dict()
        return row | dict(zip(("x0", "y0", "x1", "y1"), row.pop("box") or (None,) * 4, strict=True))


@dataclass(frozen=True, slots=True, repr=False)
class Searched(PlainRecord):
    """What a search looked through.

    Attributes:
        pictures: number of pictures, those without a face and unreadable ones among them.
        faces: number of faces.
        without_face: number of pictures in which no face was found.
        unreadable: a message per picture that could not be read.
        computed: number of pictures whose vectors were computed for this search; an index had the others.
    """

    pictures: int
    faces: int
    without_face: int
    unreadable: tuple[str, ...]
    computed: int


@dataclass(frozen=True, slots=True, repr=False)
class Matches(PlainRecord):
    """Faces ranked by how alike their expression is to a query's.

    Attributes:
        source: the query's picture.
        query: the query's face, with its embedding.
        matches: most similar first.
        searched: what was looked through.
    """

    source: str
    query: Face
    matches: tuple[Match, ...]
    searched: Searched

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary per match: rank, source, face, box, score, similarity, distance."""
        return [match.row() for match in self.matches]

    def to_pandas(self) -> pandas.DataFrame:
        """``rows`` as a table. Raises InputError where pandas is not installed."""
        frame = _pandas().DataFrame(self.rows())
        frame.attrs["spaces"] = {view: e.space_id for view, e in self.query.embeddings.items()}
        return frame


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(PlainRecord):
    """Similarity of two embeddings of one space.

    Attributes:
        similarity: cosine in [-1, 1].
        distance: Euclidean.
        space_id: the space both are of.
    """

    similarity: float
    distance: float
    space_id: str

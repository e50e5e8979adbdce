"""The pipeline ``expression-retrieval``: faces ranked by how alike their expressions are. Exact, in constant memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facezoo import images
from facezoo.batches import Options, gather, is_single, make_options
from facezoo.components import Component, Encoder, describe
from facezoo.errors import IncompatibleError, InputError
from facezoo.pipelines import DetectingPipeline, view_of
from facezoo.results import Match, Matches, Searched
from facezoo.retrieval.index import (
    Block,
    ExpressionIndex,
    IndexWriter,
    Place,
    Stamp,
    Tally,
    arrow,
    check_space,
    check_stamp,
    compare_states,
    states_in,
)
from facezoo.specs import PipelineSpec
from facezoo.tasks import ExpressionEmbedding, only_face

FACES_AT_ONCE = 1024
CHOICES = ("min_score", "max_faces", "largest", "cropped")  # options that decide which faces of a picture there are


class ExpressionRetrieval(DetectingPipeline):
    """``pipe(query, gallery) -> Matches``: the gallery's faces, the one with the most similar expression first.

    Similarity is the cosine of two expression vectors; their Euclidean distance is given beside it. For vectors of
    length 1 both give the same order.
    """

    @classmethod
    def check_slot(cls, spec: PipelineSpec, slot: str, component: Component) -> None:
        if isinstance(component, Encoder):
            _expressions_only(component, spec.name)
        super().check_slot(spec, slot, component)
        if isinstance(component, Encoder):
            view = view_of(component, "expression", spec.name)
            if (role := component.view_table()[view].role) != "expression":
                raise IncompatibleError(
                    f"The view {view} of {describe(component)} is about {role}; {spec.name} is for expressions."
                )

    def prepare(self) -> None:
        self._each = ExpressionEmbedding(self.spec, self.slots)
        self.view = self._each.view

    def __call__(self, query: Any, gallery: Any, *, top: int = 20, index: str | Path | None = None, **options: Any) -> Matches:
        """Ranks faces by the similarity of their expression to the query's.

        Args:
            query: one picture; its largest face counts. If its file lies in the gallery, it is left out there.
            gallery: a folder, a list or an iterable of pictures, or one picture: every face is looked at now; or an
                ``ExpressionIndex`` or the path of one (.parquet), searched as it is.
            top: how many faces to give.
            index: keep the folder's vectors in this file, as ``index`` does; the next search looks only at new pictures.
            **options: as ``Options``. A gallery's picture that cannot be read is counted, unless on_error="raise".

        Returns:
            ``Matches``, most similar first; equal ones by path.

        Raises:
            InputError: a query that cannot be read or has no face; a gallery that is none of these, or has no face.
            IncompatibleError: an index of another space, or made with other options.
        """
        chosen = make_options({"on_error": "record", **options})
        if not isinstance(top, int) or top < 1:
            raise InputError(f"top is a number of faces from 1 on, not {top!r}.")
        if isinstance(gallery, str | Path) and not Path(gallery).exists():
            raise InputError(f"There is no folder or file {gallery}.")
        if index is not None and not (isinstance(gallery, str | Path) and Path(gallery).is_dir()):
            raise InputError(f"An index is kept for a folder, not for {gallery!r:.60}.")
        asked = only_face(self._each(query, **{**options, "largest": True, "on_error": "raise"}))
        source = str(query) if isinstance(query, str | Path) else None
        ranking = _Ranking(asked.embeddings[self.view].values, top, source)
        found = self.index(gallery, index, **options) if index is not None else _index_in(gallery)
        tally, computed = Tally(), 0
        if found is not None:
            check_space(found, self._stamp(found.root, chosen))
            blocks = found.blocks(tally)
            computed = found.changes.added + found.changes.changed if found.changes else 0
        else:
            blocks = self._blocks([gallery] if is_single(gallery) else gather(gallery), chosen, tally)
        for vectors, places in blocks:
            ranking.add(vectors, places)
        if not tally.faces:
            raise InputError(_without_faces(gallery, tally))
        searched = Searched(
            tally.pictures, tally.faces, tally.without_face, tuple(tally.errors), tally.pictures if found is None else computed
        )
        return Matches(images.name_of(query), asked, ranking.matches(), searched)

    def index(self, folder: str | Path, path: str | Path, **options: Any) -> ExpressionIndex:
        """Makes the index of a folder, or brings it up to date: only new and changed pictures are looked at.

        A picture is the same as before if its size and time of change are. If the work is interrupted, the older file
        stays as it was.

        Args:
            folder: with its sub-folders.
            path: the Parquet file.
            **options: as ``Options``; a picture that cannot be read is recorded, unless on_error="raise".

        Returns:
            The index; ``changes`` says what was done.

        Raises:
            InputError: no folder, no picture in it, a file that is no index, or pyarrow is missing.
            IncompatibleError: the file is an index of another space or folder, or was made with other options.
        """
        chosen = make_options({"on_error": "record", **options})
        root, target = Path(folder), Path(path)
        if target.suffix.lower() != ".parquet":
            raise InputError(f"An index is a Parquet file: {target.with_suffix('.parquet').name}, not {target.name}.")
        arrow(target)
        stamp = self._stamp(root, chosen)
        if stamp.space_id is None:
            raise IncompatibleError(f"{stamp.model} was never loaded, so its vectors have no space to be kept in.")
        states = states_in(root)
        older = ExpressionIndex.open(target) if target.exists() else None
        if older is not None:
            check_stamp(older, stamp)
        kept, changes = compare_states(older.files() if older else {}, states)
        if older is None or changes.any or older.stamp != stamp:
            todo = [root / source for source in states if source not in kept]
            with IndexWriter(target, stamp, root, states) as writer:
                if older is not None:
                    writer.copy(older, kept)
                for result in self._each.stream(todo, **dataclasses.asdict(chosen)):
                    writer.add(result)
        return ExpressionIndex(target, stamp, root, changes)

    def _stamp(self, folder: Path, options: Options) -> Stamp:
        view = self.encoder.views[self.view]
        contract = self.encoder.contract.model_dump_json() if self.encoder.contract else ""
        detector = None if options.cropped else describe(self.detector)
        choices = {name: getattr(options, name) for name in CHOICES}
        model = describe(self.encoder)
        return Stamp(str(folder.resolve()), self.view, view.role, view.space_id, view.dim, model, contract, detector, choices)

    def _blocks(self, pictures: Iterable[Any], options: Options, tally: Tally) -> Iterator[Block]:
        """Vectors and places of pictures that are looked at now."""
        vectors: list[np.ndarray] = []
        places: list[Place] = []
        for result in self._each.stream(pictures, **dataclasses.asdict(options)):
            tally.add(result)
            vectors += [face.embeddings[self.view].values for face in result.faces]
            places += [Place(result.source, i, face.box, face.score) for i, face in enumerate(result.faces)]
            if len(vectors) >= FACES_AT_ONCE:
                yield np.stack(vectors), places
                vectors, places = [], []
        if vectors:
            yield np.stack(vectors), places


class _Ranking:
    """The best so many of all faces that go by."""

    def __init__(self, query: np.ndarray, top: int, own: str | None) -> None:
        self._query, self._top = query.astype(np.float32), top
        self._length = float(np.linalg.norm(query))
        self._own = (Path(own).name, Path(own).resolve()) if own is not None else None
        self._best: list[tuple[float, str, int, float, Place]] = []

    def add(self, vectors: np.ndarray, places: list[Place]) -> None:
        """(N, D) float32 vectors of N faces."""
        lengths = np.linalg.norm(vectors, axis=1) * self._length
        products = vectors @ self._query
        cosines = np.clip(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0), -1.0, 1.0)
        worst = self._best[-1][0] if len(self._best) == self._top else np.inf
        rows = [row for row in np.flatnonzero(-cosines <= worst) if not self._is_own(places[row])]
        distances = np.linalg.norm(vectors[rows] - self._query, axis=1)
        for row, distance in zip(rows, distances, strict=True):
            place = places[row]
            self._best.append((-float(cosines[row]), place.source, place.face, float(distance), place))
        self._best = sorted(self._best, key=lambda found: found[:3])[: self._top]

    def _is_own(self, place: Place) -> bool:
        """True for a face of the query's own file; the name is compared first, it costs nothing."""
        if self._own is None or Path(place.source).name != self._own[0]:
            return False
        return Path(place.source).resolve() == self._own[1]

    def matches(self) -> tuple[Match, ...]:
        return tuple(
            Match(rank, place.source, place.face, place.box, place.score, -negative, distance)
            for rank, (negative, _, _, distance, place) in enumerate(self._best, 1)
        )


def _without_faces(gallery: Any, tally: Tally) -> str:
    """Why there is nothing to rank: what was looked through, and what was expected."""
    where = str(gallery) if isinstance(gallery, str | Path) else "the gallery"
    if isinstance(gallery, str | Path) and Path(gallery).is_file() and not where.endswith(".parquet") and tally.errors:
        return f"{tally.errors[0]} The gallery is a folder of pictures, or an index of one (.parquet)."
    text = f"No face was found in {where}: {tally.pictures} picture{'' if tally.pictures == 1 else 's'} looked at"
    text += f", {len(tally.errors)} of which could not be read ({tally.errors[0]})" if tally.errors else ""
    return (
        f"{text}. Try another detector, let fainter faces count (min_score, --min-score), or say that the pictures are faces "
        "already (cropped, --cropped)."
    )


def _index_in(gallery: Any) -> ExpressionIndex | None:
    """The index that a gallery is or names, or None."""
    if isinstance(gallery, ExpressionIndex):
        return gallery
    if isinstance(gallery, str | Path) and Path(gallery).suffix.lower() == ".parquet" and not Path(gallery).is_dir():
        return ExpressionIndex.open(gallery)
    return None


def _expressions_only(encoder: Encoder, task: str) -> None:
    """Raises IncompatibleError for an encoder that knows who somebody is and nothing of expressions."""
    table = encoder.view_table()
    if not any("expression" in (name, view.role) for name, view in table.items()):
        views = ", ".join(f"{name} ({view.role})" for name, view in table.items())
        raise IncompatibleError(
            f"{describe(encoder)} has no view about expressions; it has {views}. {task} ranks expressions only: facezoo "
            "builds no database to search people by their faces. Use an encoder with an expression view; to ask "
            "whether two given pictures show the same person, use face-verification."
        )

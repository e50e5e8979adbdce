"""The one result of a pair, a triplet, a search and the like: in words, as JSON, as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facezoo.cli import screen
from facezoo.cli.delivering import Target, box_of, many, short
from facezoo.cli.options import Shared
from facezoo.errors import InputError

if TYPE_CHECKING:
    from facezoo.results import Clip, Embedding, Matches, Triplet, Verification

ORDINALS = ("first", "second", "third")
SHEET_COLUMNS, SHEET_SIDE = 7, 160


def tell(result: Any, target: Target | None, shared: Shared, *, written: bool = False, mark: bool = True) -> None:
    """Says a result, and writes it where ``-o`` names a file.

    Args:
        result: a record.
        target: what -o names.
        shared: what every command understands.
        written: the pipeline wrote its picture itself.
        mark: a picture that a network made gets the visible mark.

    Raises:
        InputError: a picture without a file to go to, or a file that this result is not written to.
    """
    from facezoo.results import Clip, Matches, Picture, Triplet, Verification

    if isinstance(result, Picture):
        if target is None:
            raise InputError("The result is a picture: say where to write it, -o result.png.")
        if not written:
            result.save(target.path, mark=mark)
    if shared.json:
        screen.dump({**result.to_dict(), **({"output": str(target.path)} if target else {})})
    else:
        words: Mapping[type, Callable[[Any], None]] = {
            Verification: _tell_verification, Clip: _tell_clip, Triplet: _tell_triplet, Matches: _tell_matches
        }  # fmt: skip
        if isinstance(result, Picture):
            height, width = result.pixels.shape[:2]
            screen.say(f"{target.path if target else ''}: {width} x {height} pixels.")
        else:
            words.get(type(result), _tell_tables if hasattr(result, "tables") else _tell_facts)(result)
    if target is not None and not written:
        _write(result, target, mark=mark)
    if isinstance(result, Matches):
        screen.note(_searched(result, target), shared)
    elif target is not None and not isinstance(result, Picture | Clip):  # these have said where they are
        screen.note(f"-> {target.path}", shared)


def tell_each(results: Iterable[Any], target: Target, shared: Shared) -> None:
    """Says how many results a pipeline wrote into a folder, while they come."""
    records, count = [], 0
    for result in results:
        count += 1
        if shared.json:
            records.append(result.to_dict())
    if shared.json:
        screen.dump(records)
    else:
        screen.say(f"{target.path}: {many(count, 'result')}.")


def check_target(pipe: Any, target: Target | None) -> None:
    """Raises InputError, before the work, for an output that this pipeline's result is not written to.

    A pipeline that writes by itself (``output``) refuses by itself.
    """
    from facezoo.retrieval import ExpressionRetrieval
    from facezoo.tasks import FaceVerification, OddOneOut

    if target is None:
        return
    if hasattr(pipe, "check_output"):
        pipe.check_output(target.path)
    elif isinstance(pipe, ExpressionRetrieval):
        check_matches_target(target)
    elif target.kind == "table":
        _check_json(target.path)
    elif isinstance(pipe, FaceVerification) or (isinstance(pipe, OddOneOut) and target.kind != "picture"):
        more = ", or as a picture (.png, .jpg) of the three faces" if isinstance(pipe, OddOneOut) else ""
        raise InputError(f"The result of {pipe.spec.name} is written as .json{more}; not to {target.path}.")


def _check_json(path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise InputError(f"One result for several pictures is written as .json, not {path.suffix}.")


def _write(result: Any, target: Target, *, mark: bool) -> None:
    """Pictures of a pipeline that makes pictures are written already; a result of several files knows them itself."""
    from facezoo.results import Matches, Triplet

    if isinstance(result, Matches):
        _write_matches(result, target)
    elif isinstance(result, Triplet) and target.kind == "picture":
        _write_triplet(result, target.path)
    elif target.kind == "table":
        _write_json(result, target.path)
    elif target.kind == "folder" and (save := getattr(result, "save", None)):
        save(target.path, mark=mark)


def _write_json(result: Any, path: Path) -> None:
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(result.to_json(indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def _compared(embedding: Embedding) -> str:
    return f"view {embedding.view} of {embedding.model}, space {embedding.space_id or 'none'}"


def _tell_facts(result: Any) -> None:
    screen.facts(result.to_dict())


def _tell_tables(result: Any) -> None:
    """A result with tables of its own."""
    for number, (columns, rows) in enumerate(result.tables()):
        if number:
            screen.say()
        screen.table(columns, rows)


def _tell_verification(result: Verification) -> None:
    embedding = next(iter(result.first.embeddings.values()))
    if result.same is None:
        answer = f"not said: nobody has measured a threshold for {embedding.model}"
    else:
        rate = (
            f", at which {result.false_accept_rate:.1%} of different people pass"
            if result.false_accept_rate is not None
            else ""
        )
        answer = f"{'yes' if result.same else 'no'} (threshold {result.threshold:.3f}{rate})"
    screen.facts({
        "similarity": f"{result.similarity:.3f} (cosine, from -1 to 1)",
        "same person": answer,
        "compared": _compared(embedding),
    })  # fmt: skip


def _tell_clip(result: Clip) -> None:
    missed = f"; in {result.missed} no face was found, and the last result stands still" if result.missed else ""
    screen.say(f"{result.path}: {result.frames} frames at {result.fps:g} per second{missed}.")


def _tell_triplet(result: Triplet) -> None:
    odd = _why_none(result)
    if result.odd is not None:
        odd = f"the {ORDINALS[result.odd]}, {result.sources[result.odd]}"
    distances = [f"{pair.replace('-', ' to ')}: {distance:.3f}" for pair, distance in result.distances.items()]
    screen.facts({
        "odd one out": odd,
        "distances": "\n".join(distances),
        "compared": _compared(next(iter(result.faces[0].embeddings.values()))),
    })  # fmt: skip


def _why_none(result: Triplet) -> str:
    """Why there is no odd one: how many of the pairs are equally close."""
    import numpy as np

    from facezoo.tasks import TIE

    distances = np.array(list(result.distances.values()))
    if not np.isfinite(distances).all():
        return "none: a distance is no number"
    longest = max(float(np.linalg.norm(e.values)) for face in result.faces for e in face.embeddings.values())
    return f"none: {'all three' if np.ptp(distances) <= TIE * longest else 'two'} pairs are equally close"


def _write_triplet(result: Triplet, path: Path) -> None:
    """The three faces side by side, the odd one named."""
    from facezoo import images
    from facezoo.cli import drawing

    captions = [f"{name}, odd one out" if result.odd == index else name for index, name in enumerate(ORDINALS)]
    row = [(text, face.crop) for text, face in zip(captions, result.faces, strict=True) if face.crop is not None]
    images.write(drawing.sheet([row]), path)


def check_matches_target(target: Target | None) -> None:
    """Raises InputError, before the work, for an output that a ranking is not written to."""
    from facezoo.tables import FORMATS

    if target is not None and target.kind not in ("table", "picture"):
        raise InputError(
            f"A ranking goes to a table ({', '.join(FORMATS)}) or, as a sheet of faces, to a picture (.png, .jpg); "
            f"not to {target.path}."
        )


def _write_matches(result: Matches, target: Target) -> None:
    check_matches_target(target)
    if target.kind == "table":
        from facezoo.tables import write_matches

        write_matches(result, target.path)
        return
    from facezoo import images
    from facezoo.cli import drawing

    cells = [("query", drawing.around(images.read(result.source), result.query.box))]
    cells += [(f"{m.rank}: {m.similarity:.2f}", drawing.around(images.read(m.source), m.box)) for m in result.matches]
    rows = [cells[start : start + SHEET_COLUMNS] for start in range(0, len(cells), SHEET_COLUMNS)]
    images.write(drawing.sheet(rows, SHEET_SIDE), target.path)


def _tell_matches(result: Matches) -> None:
    rows = [
        {"rank": str(m.rank), "picture": short(m.source), "face": str(m.face), **box_of(m.box)}
        | {"similarity": f"{m.similarity:.3f}", "distance": f"{m.distance:.3f}"}
        for m in result.matches
    ]
    if rows:
        screen.table(list(rows[0]), [list(row.values()) for row in rows], wrap=("picture",))


def _searched(result: Matches, target: Target | None) -> str:
    """What was looked through, for the user to know what is missing."""
    seen = result.searched
    text = f"{len(result.matches)} of {many(seen.faces, 'face')} in {many(seen.pictures, 'picture')}"
    left_out = [f"{seen.without_face} without a face"] if seen.without_face else []
    left_out += [f"{len(seen.unreadable)} could not be read"] if seen.unreadable else []
    text += f" ({', '.join(left_out)})" if left_out else ""
    if seen.computed < seen.pictures:
        text += f"; {many(seen.computed, 'picture')} looked at now, the others' vectors were in the index"
    text += f" -> {target.path}" if target else ""
    return "\n".join([text, *seen.unreadable[:3], *(["…"] if len(seen.unreadable) > 3 else [])])

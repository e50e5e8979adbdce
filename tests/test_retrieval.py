"""Faces ranked by their expression, and the index of a folder: right, up to date, of one space, whole."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import facezoo
from facezoo.components import View
from facezoo.results import Embedding, Face, ImageResult
from facezoo.retrieval import ExpressionIndex
from facezoo.tables import write_matches, write_table
from facezoo.testing import check_pipeline
from tests.colours import ColourConfig, ColourEncoder, PersonEncoder, colour, loaded, spec_of, write
from tests.untrained import FixedDetector, portrait

RED = colour(200, 10, 10)
FOLDER = {"blue": (10, 10, 200), "rose": (180, 60, 60), "dark": (100, 5, 5), "violet": (120, 10, 120), "night": (0, 0, 0)}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return loaded(ColourEncoder, tmp_path_factory.mktemp("retrieval") / "colours-one")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return loaded(ColourEncoder, tmp_path_factory.mktemp("retrieval") / "colours-two", gain=2.0)


@pytest.fixture
def pipe(encoder):
    return made(encoder)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four faces and a picture without one."""
    return write(tmp_path / "photos", **FOLDER)


@pytest.fixture
def file(tmp_path) -> Path:
    pytest.importorskip("pyarrow", reason="the extra `table` is not installed")
    return tmp_path / "photos.parquet"


def made(encoder):
    return facezoo.pipeline("expression-retrieval", detector=FixedDetector(), encoder=encoder)


def names(matches) -> list[str]:
    return [Path(match.source).stem for match in matches.matches]


def looked_at(pipe) -> int:
    return sum(pipe.detector.pictures)


def test_the_most_similar_comes_first(pipe, folder) -> None:
    found = pipe(RED, folder)
    assert names(found) == ["dark", "rose", "violet", "blue"]  # by direction, as the cosine says, not by distance
    assert [match.rank for match in found.matches] == [1, 2, 3, 4]
    a, b = np.array([200, 10, 10]) / 255, np.array([180, 60, 60]) / 255
    rose = found.matches[1]
    assert rose.similarity == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)
    assert rose.distance == pytest.approx(np.linalg.norm(a - b), abs=1e-5)
    assert rose.source == str(folder / "rose.png") and rose.face == 0 and rose.box.shape == (4,)
    seen = found.searched
    assert (seen.pictures, seen.faces, seen.without_face, seen.unreadable, seen.computed) == (5, 4, 1, (), 5)
    assert names(pipe(RED, folder, top=2)) == ["dark", "rose"]


def test_every_form_of_a_gallery_gives_the_same(pipe, folder, file) -> None:
    wanted = pipe(RED, folder)
    paths = [folder / f"{name}.png" for name in FOLDER]
    for gallery in (str(folder), paths, (path for path in paths), pipe.index(folder, file), file, str(file)):
        found = pipe(RED, gallery)
        assert names(found) == names(wanted)
        for one, two in zip(found.matches, wanted.matches, strict=True):
            assert one.similarity == pytest.approx(two.similarity, abs=1e-5)
            np.testing.assert_array_equal(one.box, two.box)
        assert found.searched.faces == 4 and found.searched.without_face == 1
    assert names(pipe(RED, folder / "rose.png")) == ["rose"]


def test_the_size_of_portions_changes_nothing(pipe, folder, file, monkeypatch) -> None:
    whole = pipe(RED, folder).matches
    monkeypatch.setattr("facezoo.retrieval.ranking.FACES_AT_ONCE", 1)
    monkeypatch.setattr("facezoo.retrieval.index.ROWS_AT_ONCE", 2)
    index = pipe.index(folder, file, batch_size=1)
    for gallery in (folder, index):
        assert [(m.rank, m.source, round(m.similarity, 5)) for m in pipe(RED, gallery, top=3, batch_size=2).matches] == [
            (m.rank, m.source, round(m.similarity, 5)) for m in whole[:3]
        ]


def test_the_querys_own_file_is_left_out(pipe, folder, file) -> None:
    own = folder / "rose.png"
    pipe.index(folder, file)
    for gallery in (folder, file):
        assert names(pipe(own, gallery)) == ["dark", "violet", "blue"]
        assert len(pipe(own, gallery, top=3).matches) == 3
    write(folder / "more", rose=FOLDER["rose"])  # another file of that name stays
    assert names(pipe(own, folder))[0] == "rose"


def test_equal_faces_stand_in_the_order_of_their_paths(pipe, tmp_path, file, monkeypatch) -> None:
    folder = write(tmp_path / "same", c=(200, 10, 10), a=(200, 10, 10), b=(200, 10, 10))
    assert names(pipe(RED, folder)) == names(pipe(RED, pipe.index(folder, file))) == ["a", "b", "c"]
    monkeypatch.setattr("facezoo.retrieval.ranking.FACES_AT_ONCE", 1)
    assert names(pipe(RED, [folder / "c.png", folder / "a.png"], top=1, batch_size=1)) == ["a"]


def test_an_update_looks_only_at_new_and_changed_pictures(pipe, folder, file) -> None:
    same_size = folder / "mauve.bmp"
    facezoo.Picture(colour(150, 10, 90)).save(same_size)
    first = pipe.index(folder, file)
    assert vars_of(first.changes) == (6, 0, 0, 0)
    written = file.stat().st_mtime_ns, file.stat().st_ino
    before = looked_at(pipe)
    assert vars_of(pipe.index(folder, file).changes) == (0, 0, 0, 6)
    assert looked_at(pipe) == before and (file.stat().st_mtime_ns, file.stat().st_ino) == written

    (folder / "blue.png").unlink()
    write(folder, green=(10, 200, 10))
    size = same_size.stat().st_size
    facezoo.Picture(colour(5, 240, 10)).save(same_size)
    os.utime(same_size, ns=(1, 1))
    assert same_size.stat().st_size == size  # the time alone tells
    second = pipe.index(folder, file)
    assert vars_of(second.changes) == (1, 1, 1, 4)
    assert looked_at(pipe) == before + 2
    assert names(pipe(RED, second)) == names(pipe(RED, folder)) == ["dark", "rose", "violet", "green", "mauve"]
    assert set(second.files()) == {"dark.png", "green.png", "mauve.bmp", "night.png", "rose.png", "violet.png"}


def vars_of(changes) -> tuple[int, int, int, int]:
    return changes.added, changes.changed, changes.removed, changes.kept


def test_a_search_may_keep_an_index(pipe, folder, file) -> None:
    assert pipe(RED, folder, index=file).searched.computed == 5
    write(folder, green=(10, 200, 10))
    again = pipe(RED, folder, index=file)
    assert again.searched.computed == 1 and again.searched.pictures == 6
    with pytest.raises(facezoo.InputError, match="kept for a folder"):
        pipe(RED, [folder / "rose.png"], index=file)


def test_bad_pictures_are_counted_and_not_looked_at_again(pipe, folder, file) -> None:
    (folder / "text.png").write_text("no picture")
    for gallery in (folder, pipe.index(folder, file), pipe.index(folder, file)):
        seen = pipe(RED, gallery).searched
        assert (seen.pictures, seen.faces, seen.without_face, len(seen.unreadable)) == (6, 4, 1, 1)
        assert "text.png" in seen.unreadable[0]
    assert pipe.index(folder, file).changes.kept == 6
    with pytest.raises(facezoo.InputError, match=r"text\.png"):
        pipe(RED, folder, on_error="raise")


def test_several_faces_of_a_picture_are_rows_of_their_own(encoder, folder, file) -> None:
    pipe = facezoo.pipeline("expression-retrieval", detector=FixedDetector(faces=3), encoder=encoder)
    for gallery in (folder, pipe.index(folder, file)):
        found = pipe(RED, gallery)
        assert found.searched.pictures == 5 and found.searched.faces == len(found.matches) == 12
        assert [match.face for match in found.matches[:3]] == [0, 1, 2]


def test_the_file_says_what_it_holds(pipe, encoder, folder, file) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pipe.index(folder, file, min_score=0.25)
    table = parquet.read_table(file)
    facts = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    stamp = json.loads(facts["facezoo.index"])
    assert json.loads(facts["facezoo.spaces"]) == {"embedding": encoder.views["embedding"].space_id}
    assert json.loads(facts["facezoo.models"]) == {"embedding": "colours-one"}
    assert facts["facezoo.version"] == facezoo.__version__
    assert (stamp["view"], stamp["role"], stamp["model"], stamp["dim"]) == ("embedding", "expression", "colours-one", 3)
    assert json.loads(stamp["contract"])["size"] == [8, 8] and stamp["choices"]["min_score"] == 0.25
    rows = {row["source"]: row for row in table.to_pylist()}
    assert rows["rose.png"]["embedding"] == pytest.approx(np.array(FOLDER["rose"]) / 255, abs=0.01)
    assert rows["night.png"]["face"] is None and rows["night.png"]["embedding"] is None


def test_another_space_is_refused_by_both_names(pipe, other, encoder, folder, file) -> None:
    pipe.index(folder, file)
    before = file.read_bytes()
    spaces = [e.views["embedding"].space_id for e in (encoder, other)]
    for call in (lambda p: p.index(folder, file), lambda p: p(RED, file), lambda p: p(RED, folder, index=file)):
        with pytest.raises(facezoo.IncompatibleError, match=f"colours-one.*{spaces[0]}.*colours-two.*{spaces[1]}"):
            call(made(other))
    assert file.read_bytes() == before


def test_an_index_made_otherwise_is_refused(pipe, encoder, folder, file, tmp_path) -> None:
    pipe.index(folder, file)
    with pytest.raises(facezoo.IncompatibleError, match=r"min_score=0\.5.*min_score=0\.75"):
        pipe.index(folder, file, min_score=0.75)
    with pytest.raises(facezoo.IncompatibleError, match="cropped=False.*cropped=True"):
        pipe.index(folder, file, cropped=True)
    elsewhere = write(tmp_path / "elsewhere", a=(1, 2, 3))
    with pytest.raises(facezoo.IncompatibleError, match="photos, not of .*elsewhere"):
        pipe.index(elsewhere, file)


def test_a_folder_that_moved_keeps_its_index(pipe, folder, file, tmp_path) -> None:
    pipe.index(folder, file)
    before = looked_at(pipe)
    moved = pipe.index(folder.rename(tmp_path / "moved"), file)
    assert moved.changes.kept == 5 and looked_at(pipe) == before
    assert pipe(RED, file).matches[0].source == str(tmp_path / "moved" / "dark.png")


def test_an_interruption_leaves_the_older_index(pipe, folder, file, monkeypatch) -> None:
    def stopped(*_, **__):
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(pipe.detector, "detect", stopped)
            with pytest.raises(KeyboardInterrupt):
                pipe.index(folder, file)
        assert [p.name for p in file.parent.iterdir() if p.is_file()] == ([file.name] if file.exists() else [])
        if file.exists():
            assert len(ExpressionIndex.open(file).files()) == 5
        else:
            pipe.index(folder, file)
            write(folder, green=(10, 200, 10))


def test_what_is_no_index_is_refused(pipe, encoder, folder, file, tmp_path) -> None:
    file.write_bytes(b"PAR1 no")
    with pytest.raises(facezoo.InputError, match="no Parquet file"):
        pipe(RED, file)
    vector = Embedding(np.ones(3, np.float32), encoder.views["embedding"].space_id, "embedding", "colours-one")
    write_table([ImageResult("a.png", (Face(None, None, embeddings={"embedding": vector}),))], file)
    for call in (lambda: pipe(RED, file), lambda: pipe.index(folder, file)):
        with pytest.raises(facezoo.InputError, match="no index of expressions"):
            call()
    for wrong, words in (({"gallery": str(tmp_path / "typo")}, "no folder"), ({"gallery": 42}, "list of them")):
        with pytest.raises(facezoo.InputError, match=words):
            pipe(RED, **wrong)
    with pytest.raises(facezoo.InputError, match=r"photos\.parquet, not photos\.csv"):
        pipe.index(folder, tmp_path / "photos.csv")


def test_an_index_of_identities_is_refused_even_if_somebody_made_one(pipe, folder, file) -> None:
    arrow = pytest.importorskip("pyarrow.parquet")
    pipe.index(folder, file)
    table = arrow.read_table(file)
    metadata = {**table.schema.metadata}
    stamp = {**json.loads(metadata[b"facezoo.index"]), "role": "identity"}
    arrow.write_table(table.replace_schema_metadata({**metadata, b"facezoo.index": json.dumps(stamp)}), file)
    with pytest.raises(facezoo.IncompatibleError, match="ranks expressions only"):
        pipe(RED, file)


def test_persons_cannot_be_searched(tmp_path) -> None:
    person = loaded(PersonEncoder, tmp_path / "persons-one")
    with pytest.raises(facezoo.IncompatibleError, match="no database to search people"):
        made(person)

    class Disguised(PersonEncoder):
        def view_table(self) -> dict[str, View]:
            return {"expression": View(3, "identity", ("gain",))}

    disguised = Disguised(ColourConfig())
    disguised.spec = spec_of(PersonEncoder)
    with pytest.raises(facezoo.IncompatibleError, match="about identity"):
        made(disguised)


def test_untrained_vectors_are_ranked_but_not_kept(folder, file) -> None:
    untrained = ColourEncoder(ColourConfig())
    untrained.spec = spec_of(ColourEncoder)
    pipe = made(untrained.trainable_(False))
    assert names(pipe(RED, folder))[0] == "dark"
    with pytest.raises(facezoo.IncompatibleError, match="no space"):
        pipe.index(folder, file)


def test_without_pyarrow_a_folder_is_searched_and_an_index_says_what_to_install(pipe, folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert len(pipe(RED, folder).matches) == 4
    with pytest.raises(facezoo.InputError, match=r"facezoo\[table\]"):
        pipe.index(folder, tmp_path / "photos.parquet")


def test_a_query_without_a_face_fails_before_the_work(pipe, folder, file) -> None:
    with pytest.raises(facezoo.InputError, match="No face"):
        pipe(colour(0, 0, 0), folder, index=file)
    assert not file.exists() and looked_at(pipe) == 1
    for wrong in ({"top": 0}, {"top": "many"}, {"topp": 3}):
        with pytest.raises(facezoo.InputError, match="top"):
            pipe(RED, folder, **wrong)


def test_a_vector_of_zeros_is_like_nothing(pipe) -> None:
    found = pipe(RED, [colour(0, 0, 0)], cropped=True)
    assert found.matches[0].similarity == 0.0 and math.isfinite(found.matches[0].distance)
    assert found.matches[0].box is None


def test_matches_become_tables(pipe, encoder, folder, tmp_path) -> None:
    found = pipe(RED, folder, top=2)
    rows = list(csv.DictReader(write_matches(found, tmp_path / "m.csv").read_text().splitlines()))
    assert [row["rank"] for row in rows] == ["1", "2"] and float(rows[0]["similarity"]) == found.matches[0].similarity
    records = json.loads(write_matches(found, tmp_path / "m.json").read_text())
    assert [Path(record["source"]).stem for record in records] == ["dark", "rose"]
    assert len(write_matches(found, tmp_path / "m.jsonl").read_text().splitlines()) == 2
    assert json.loads(found.to_json())["searched"]["faces"] == 4
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `table` is not installed")
    table = parquet.read_table(write_matches(found, tmp_path / "m.parquet"))
    assert table["rank"].to_pylist() == [1, 2] and table.num_columns == 10
    assert json.loads(table.schema.metadata[b"facezoo.spaces"]) == {"embedding": encoder.views["embedding"].space_id}
    assert list(found.to_pandas()["similarity"]) == [match.similarity for match in found.matches]
    empty = pipe(folder / "rose.png", folder / "rose.png")
    assert empty.matches == () and write_matches(empty, tmp_path / "e.csv").read_text().startswith("rank,")


def test_the_conformance_kit_passes(encoder) -> None:
    for slots in ({"detector": FixedDetector()}, {}):  # the registry's detector finds nobody in a grey picture
        report = check_pipeline("expression-retrieval", encoder=encoder, **slots)
        assert {"pair-does-not-run", "takes-any-component", "accepts-any-option"} <= set(report.passed)


def test_real_codes_bring_the_same_face_back(tmp_path, file) -> None:
    pipe = facezoo.pipeline("expression-retrieval", detector=FixedDetector(), device="cpu")
    for seed in range(4):
        facezoo.Picture(portrait(seed)).save(tmp_path / "faces" / f"{seed}.png")
    query = facezoo.Picture(portrait(2)).save(tmp_path / "query.png")
    found = pipe(query, tmp_path / "faces", index=file)
    assert names(found)[0] == "2" and found.matches[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert found.query.embeddings["embedding"].model == "dln-nano"

"""Of three expressions the odd one is the one that is not in the closest pair, wherever it stands."""

from __future__ import annotations

import itertools
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import facezoo
from facezoo.tasks import odd_of
from facezoo.testing import check_pipeline
from tests.colours import ColourEncoder, PersonEncoder, colour, loaded
from tests.untrained import FixedDetector

RED, ROSE, BLUE = colour(200, 20, 20), colour(200, 60, 40), colour(20, 20, 200)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return loaded(ColourEncoder, tmp_path_factory.mktemp("odd") / "colours-one")


@pytest.fixture
def pipe(encoder):
    return facezoo.pipeline("odd-one-out", detector=FixedDetector(), encoder=encoder)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_odd_one_is_found_in_every_place(pipe, order) -> None:
    pictures = [RED, ROSE, BLUE]
    result = pipe(*(pictures[i] for i in order))
    assert result.odd == order.index(2)


def test_distances_are_euclidean_and_not_squared(pipe, encoder) -> None:
    result = pipe(colour(0, 0, 0), colour(255, 0, 0), colour(0, 255, 255), cropped=True)
    assert isinstance(result, facezoo.Triplet)
    assert result.distances == pytest.approx(
        {"first-second": 1.0, "first-third": math.sqrt(2), "second-third": math.sqrt(3)}, abs=1e-5
    )
    assert result.odd == 2
    assert result.faces[0].embeddings["embedding"].space_id == encoder.views["embedding"].space_id


def test_a_tie_has_no_odd_one(pipe) -> None:
    assert pipe(RED, RED, RED).odd is None
    assert pipe(colour(50, 50, 50), colour(100, 100, 100), colour(150, 150, 150)).odd is None  # the same step twice
    assert pipe(RED, BLUE, RED).odd == 1


@pytest.mark.parametrize(
    ("distances", "odd"),
    [
        ((1, 2, 3), 2),
        ((2, 1, 3), 1),
        ((3, 2, 1), 0),
        ((1, 1, 2), None),
        ((2, 1, 1), None),
        ((1, 2, 2), 2),
        ((1, 2, math.nan), None),
    ],
)
def test_who_is_not_in_the_closest_pair(distances, odd) -> None:
    assert odd_of(distances) == odd
    assert odd_of(distances, tolerance=1.5) is None


def test_the_largest_face_of_each_picture_counts(encoder) -> None:
    pipe = facezoo.pipeline("odd-one-out", detector=FixedDetector(faces=3), encoder=encoder)
    result = pipe(RED, ROSE, BLUE, largest=False)  # as the command line says it
    assert all(face.score == pytest.approx(0.7) for face in result.faces)


def test_a_picture_without_a_face_is_named(pipe, tmp_path) -> None:
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "nobody.png")
    with pytest.raises(facezoo.InputError, match=r"No face was found in .*nobody\.png"):
        pipe(RED, tmp_path / "nobody.png", BLUE)
    (tmp_path / "text.png").write_text("no picture")
    for on_error in ("raise", "record"):
        with pytest.raises(facezoo.InputError, match=r"text\.png holds no picture"):
            pipe(RED, BLUE, tmp_path / "text.png", on_error=on_error)


def test_the_result_becomes_json(pipe, tmp_path) -> None:
    for name, picture in (("a", RED), ("b", BLUE), ("c", ROSE)):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    facts = json.loads(pipe(*(tmp_path / f"{name}.png" for name in "abc")).to_json())
    assert facts["odd"] == 1 and [source[-5:] for source in facts["sources"]] == ["a.png", "b.png", "c.png"]
    assert set(facts["distances"]) == {"first-second", "first-third", "second-third"}


def test_it_runs_on_its_own(encoder) -> None:
    with pytest.raises(facezoo.IncompatibleError, match="odd-one-out takes more than one picture"):
        facezoo.pipeline(["expression-embedding", "odd-one-out"], detector=FixedDetector(), encoder=encoder)


def test_the_conformance_kit_passes(encoder) -> None:
    for slots in ({"detector": FixedDetector()}, {}):  # the registry's detector finds nobody in a grey picture
        report = check_pipeline("odd-one-out", encoder=encoder, **slots)
        assert {"pair-does-not-run", "takes-any-component", "accepts-any-option"} <= set(report.passed)


def test_it_uses_the_bundled_encoder_unless_told_otherwise() -> None:
    pipe = facezoo.pipeline("odd-one-out", device="cpu")
    assert [row["model"] for row in pipe.report().rows] == ["haar-frontal", "dln-nano"]
    face = facezoo.load("dln-nano", device="cpu").golden_inputs()["faces"]
    pictures = [(f.permute(1, 2, 0).numpy() * 255).astype(np.uint8) for f in face[:2]]
    assert pipe(pictures[0], pictures[1], pictures[0], cropped=True).odd == 1


def test_any_encoder_with_a_view_about_expressions_fits(encoder, tmp_path) -> None:
    embed = facezoo.pipeline("expression-embedding", detector=FixedDetector(), encoder=encoder)
    embeddings = embed(RED).faces[0].embeddings
    assert set(embeddings) == {"embedding"}  # not the view `person`, which stands first
    assert embeddings["embedding"].values == pytest.approx(np.array([200, 20, 20]) / 255, abs=0.01)
    person = loaded(PersonEncoder, tmp_path / "persons-one")
    for task in ("expression-embedding", "odd-one-out"):
        with pytest.raises(facezoo.IncompatibleError, match="no view is about expression"):
            facezoo.pipeline(task, detector=FixedDetector(), encoder=person)


def test_a_slot_without_a_default_says_what_there_is_and_what_can_be_trained(monkeypatch, encoder) -> None:
    from facezoo import catalogue, loader
    from facezoo.catalogue import ModelRow

    row = ModelRow(
        "colour-moods-one", "colour-moods", ("classifier",), ("emotion-recognition",), "p", "MIT", False, "import", "s"
    )
    monkeypatch.setattr(catalogue, "list_models", lambda **_: [row])
    monkeypatch.setattr(loader, "load_registry", lambda: SimpleNamespace(pipelines=()))
    with pytest.raises(facezoo.UnknownNameError, match=r"--classifier ID.*colour-moods-one \(import\)") as caught:
        facezoo.pipeline("emotion-recognition", detector=FixedDetector())
    assert "facezoo info colour-moods-one" in str(caught.value)
    monkeypatch.setattr(catalogue, "list_models", lambda **_: [])
    with pytest.raises(facezoo.UnknownNameError, match="classifier"):
        facezoo.pipeline("emotion-recognition", detector=FixedDetector())

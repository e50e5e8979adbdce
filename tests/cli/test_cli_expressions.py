"""emotion and similar, and `run` for a triplet: tables, files, sheets, and what is said where nothing can be done."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facezoo import images, loader
from facezoo.labels import SEVEN_EMOTIONS
from tests.colours import ColourClassifier, ColourEncoder, PersonEncoder, colour, make_known, saved, write


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Component directories of colours, as ``dir:…``."""
    root = tmp_path_factory.mktemp("models")
    classes = {"encoder": ColourEncoder, "person": PersonEncoder, "classifier": ColourClassifier}
    made = {name: f"dir:{saved(cls, root / name)}" for name, cls in classes.items()}
    return {**made, "other": f"dir:{saved(ColourEncoder, root / 'other', gain=2.0)}"}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    make_known(monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write(tmp_path / "photos", happy=(240, 10, 10), sad=(10, 10, 240), calm=(60, 60, 80))


def test_emotion_shows_a_label_and_seven_probabilities(cli, photos: Path, models: dict[str, str]) -> None:
    result = cli("emotion", photos, "--cropped", "--model", models["classifier"])
    assert result.exit_code == 0
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["picture", "face", "emotion", *SEVEN_EMOTIONS]
    assert [Path(row.split()[0]).stem for row in rows] == ["calm", "happy", "sad"]
    assert [row.split()[2] for row in rows[1:]] == ["happiness", "sadness"]
    for row in rows:
        values = [float(value) for value in row.split()[3:]]
        assert len(values) == 7 and sum(values) == pytest.approx(1, abs=0.04)
    assert "3 faces in 3 pictures" in result.stderr


def test_emotion_into_files(cli, photos: Path, models: dict[str, str], tmp_path: Path) -> None:
    options = ["--cropped", "--classifier", models["classifier"]]
    assert cli("emotion", photos, *options, "-o", tmp_path / "e.csv").stdout == ""
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert [row["emotion"] for row in rows[1:]] == ["happiness", "sadness"]
    assert sum(float(rows[0][f"p_{label}"]) for label in SEVEN_EMOTIONS) == pytest.approx(1)
    records = json.loads(cli("emotion", photos, *options, "--json").stdout)
    assert set(records[0]["faces"][0]["emotions"]["probabilities"]) == set(SEVEN_EMOTIONS)


def test_emotion_draws_the_label_beside_the_face(cli, portrait: Path, models: dict[str, str], tmp_path: Path) -> None:
    for name, options in {"plain": ["detect"], "drawn": ["emotion", "--model", models["classifier"]]}.items():
        result = cli(*options, portrait, "-o", tmp_path / name)
        assert result.exit_code == 0
    plain, drawn = (images.read(tmp_path / name / "portrait.png").astype(int) for name in ("plain", "drawn"))
    assert np.abs(plain - images.read(portrait)).max() > 0
    assert np.abs(plain - drawn).max() > 0  # the same box, another label


def test_emotion_without_weights_says_what_to_do(cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cli("emotion", photos, "--cropped", "--classifier", "dln-emotion-affectnet-rafdb")
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert "classifier" in result.stderr and ("facezoo train" in result.stderr or "facezoo import" in result.stderr)
    registry = loader.load_registry()
    without = tuple(p.model_copy(update={"slots": {"detector": "haar-frontal"}}) for p in registry.pipelines)
    monkeypatch.setattr(loader, "load_registry", lambda: replace(registry, pipelines=without))
    told = cli("emotion", photos, "--cropped").stderr
    assert "--classifier ID" in told and "dir:RUN/model" in told


def test_a_model_that_gives_no_emotions_is_refused(cli, photos: Path, models: dict[str, str]) -> None:
    result = cli("emotion", photos, "--cropped", "--model", models["encoder"])
    assert result.exit_code == 1 and "does not fit" in result.stderr


@pytest.fixture
def ask(cli, photos: Path, models: dict[str, str], tmp_path: Path):
    """``ask("-o", …)``: similar, for a red face, in the folder of photos."""
    query = images.write(colour(200, 30, 10), tmp_path / "query.png")

    def call(*options: object, gallery: Path = photos, model: str = "encoder"):
        return cli("similar", query, gallery, "--cropped", "--model", models[model], *options)

    return call


def test_similar_ranks_a_folder(ask, photos: Path) -> None:
    result = ask("--top", 2)
    assert result.exit_code == 0
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["rank", "picture", "face", "similarity", "distance"]
    assert [Path(row.split()[1]).stem for row in rows] == ["happy", "calm"]
    assert "2 of 3 faces in 3 pictures" in result.stderr
    facts = json.loads(ask("--json").stdout)
    assert [Path(match["source"]).stem for match in facts["matches"]] == ["happy", "calm", "sad"]
    assert facts["matches"][0]["similarity"] == pytest.approx(1, abs=0.02)


def test_similar_keeps_an_index_of_one_model(ask, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra `table` is not installed")
    index = tmp_path / "photos.parquet"
    first = ask("--index", index)
    (photos / "calm.png").unlink()
    write(photos, angry=(250, 30, 30))
    (photos / "text.png").write_text("no picture")
    second = ask("--index", index)
    assert first.exit_code == second.exit_code == 0
    assert "2 pictures looked at now" in second.stderr and "1 could not be read" in second.stderr
    assert "text.png" in second.stderr and "calm" not in second.stdout
    assert ask(gallery=index).stdout.split("\n")[1].split()[0] == "1"
    refused = ask("--index", index, model="other")
    assert refused.exit_code == 1 and refused.stderr.count("space") >= 2 and refused.stderr.count("\n") == 1


def test_similar_writes_tables_and_a_sheet(ask, tmp_path: Path) -> None:
    assert ask("-o", tmp_path / "m.csv", "--quiet").stderr == ""
    rows = list(csv.DictReader((tmp_path / "m.csv").read_text().splitlines()))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert ask("-o", tmp_path / "sheet.png").exit_code == 0
    sheet = images.read(tmp_path / "sheet.png")
    middle = sheet[90, 90::170][:4].tolist()  # query and three faces in a row, as they look
    assert [np.argmax(pixel) for pixel in (middle[0], middle[1], middle[3])] == [0, 0, 2]
    for name in ("m.mp4", "folder"):
        result = ask("-o", tmp_path / name)
        assert result.exit_code == 1 and "sheet of faces" in result.stderr and result.stdout == ""


def test_a_sheet_shows_the_square_around_a_face() -> None:
    from facezoo.cli.drawing import around

    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:20, 20:30] = 200
    part = around(picture, np.array([20, 10, 30, 20], np.float32), scale=2.0)
    assert part.shape == (20, 20, 3)
    assert (part[5:15, 5:15] == 200).all() and part[:4].max() == 0
    beyond = around(picture, np.array([50, 30, 60, 40], np.float32), scale=2.0)
    assert (beyond[-1, -1] == 255).all() and beyond[0, 0].max() == 0
    assert around(picture, None) is picture


def test_similar_does_not_search_for_persons(ask, models: dict[str, str]) -> None:
    result = ask(model="person")
    assert result.exit_code == 1 and "no database to search people" in result.stderr


def test_similar_wants_a_picture_and_a_folder(cli, photos: Path, models: dict[str, str]) -> None:
    assert cli("similar", photos / "sad.png").exit_code == 2
    assert cli("similar", photos / "sad.png", photos, "--top", "0").exit_code == 2
    missing = cli("similar", photos / "none.png", photos, "--model", models["encoder"])
    assert missing.exit_code == 1 and "There is no file" in missing.stderr


def test_run_takes_three_pictures_for_a_triplet(cli, photos: Path, models: dict[str, str], tmp_path: Path) -> None:
    pictures = [photos / f"{name}.png" for name in ("calm", "sad", "happy")]
    options = ["--cropped", "--model", models["encoder"]]
    result = cli("run", "odd-one-out", *pictures, *options, "-o", tmp_path / "three.png")
    assert result.exit_code == 0
    assert "odd one out" in result.stdout and "first to third" in result.stdout
    assert f"-> {tmp_path / 'three.png'}" in result.stderr
    assert images.read(tmp_path / "three.png").shape[1] > 3 * 256
    facts = json.loads(cli("run", "odd-one-out", *pictures, *options, "--json").stdout)
    assert facts["odd"] == 2 and len(facts["distances"]) == 3
    same = cli("run", "odd-one-out", *[pictures[0]] * 3, *options)
    assert "all three pairs are equally close" in same.stdout
    few = cli("run", "odd-one-out", *pictures[:2], *options)
    assert few.exit_code == 1 and "3 inputs" in few.stderr


def test_outputs_that_are_not_written_are_refused_before_the_work(cli, photos: Path, models: dict[str, str], tmp_path: Path):
    pictures = [photos / f"{name}.png" for name in ("none", "sad", "happy")]
    (photos / "none.png").write_text("no picture: the work would end in an error about it")
    for task, number, output in (
        ("odd-one-out", 3, "three.csv"),
        ("odd-one-out", 3, "folder"),
        ("face-verification", 2, "two.png"),
        ("face-verification", 2, "two.csv"),
    ):
        options = ["--model", models["encoder"], "-o", tmp_path / output]
        result = cli("run", task, *pictures[:number], "--cropped", *options)
        assert result.exit_code == 1 and "written as .json" in result.stderr, output
    for output in ("made.csv", "made.mp4", "folder"):
        made = cli("run", "expression-transfer", *pictures[:2], "-o", tmp_path / output)
        assert made.exit_code == 1 and "makes a picture of these inputs: -o out.png" in made.stderr
    (tmp_path / "clip.mp4").write_bytes(b"whatever")
    made = cli("transfer", pictures[1], tmp_path / "clip.mp4", "-o", tmp_path / "made.png")
    assert made.exit_code == 1 and "makes a video of these inputs: -o out.mp4" in made.stderr


def test_a_search_without_any_face_is_an_error(cli, photos: Path, models: dict[str, str], portrait: Path, tmp_path: Path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"whatever")
    options = ["--model", models["encoder"]]
    told = cli("similar", portrait, video, *options)
    assert told.exit_code == 1 and "is a video" in told.stderr and "a folder of pictures" in told.stderr
    (photos / "text.png").write_text("no picture")
    told = cli("similar", portrait, photos, *options)
    assert told.exit_code == 1 and "No face was found in" in told.stderr
    assert "4 pictures looked at, 1 of which could not be read" in told.stderr and "text.png" in told.stderr


def test_an_index_tells_its_files_as_the_folder_would(ask, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="the extra `table` is not installed")
    monkeypatch.chdir(photos.parent)
    first = ask("--index", "photos.parquet", gallery=Path("photos"))
    assert first.exit_code == 0 and ask(gallery=Path("photos.parquet")).stdout == first.stdout


def test_run_takes_a_query_and_a_folder_for_a_search(cli, photos: Path, models: dict[str, str]) -> None:
    options = ["--cropped", "--model", models["encoder"], "--set", "top=1"]
    result = cli("run", "expression-retrieval", photos / "sad.png", photos, *options)
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 2
    assert "THREE.jpg" in cli("info", "odd-one-out").stdout and "FOLDER" in cli("info", "expression-retrieval").stdout


def test_similar_works_with_the_bundled_encoder(cli, portrait: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    images.write(images.read(portrait)[:, ::-1], folder / "mirrored.png")
    images.write(np.full((64, 64, 3), 128, np.uint8), folder / "grey.png")
    result = cli("similar", portrait, folder)
    assert result.exit_code == 0 and "mirrored.png" in result.stdout
    assert "1 of 1 face in 2 pictures (1 without a face)" in result.stderr

"""manipulate, run with a task's own options, --no-mark, provenance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import facezoo
from facezoo import images, video, weights
from facezoo.components import Requirement
from facezoo.disclosure import Synthesis
from facezoo.specs import resolve
from tests.untrained import spec


@pytest.fixture(scope="module")
def manipulator(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A narrow, untrained expression manipulator on the tiny encoder, as options of a command."""
    known = facezoo.load(tiny, device="cpu").views["expression"]
    arch = spec("expression-manipulator")
    config = resolve(arch.config, "test")(image_size=64, width=4, downs=1, blocks=1, expression_dim=known.dim, output="blend")
    component = weights.create(arch, config)
    component.initialise(torch.Generator().manual_seed(0))
    component.requires = Requirement(tiny, "expression", known.space_id or "")
    with torch.no_grad():
        component.emotion_means.normal_(generator=torch.Generator().manual_seed(1))
    return ["--manipulator", f"dir:{weights.save(component.eval(), tmp_path_factory.mktemp('made') / 'model')}",
            "--detector", "haar-frontal"]  # fmt: skip


def test_manipulate_writes_a_marked_picture_that_says_how_it_was_made(cli, portrait: Path, manipulator, tmp_path: Path) -> None:
    plain, marked = tmp_path / "plain.png", tmp_path / "marked.png"
    for path, options in ((plain, ["--no-mark"]), (marked, [])):
        result = cli("manipulate", portrait, "--emotion", "happiness", "--intensity", "0.8", "-o", path, *manipulator, *options)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == f"{path}: 256 x 256 pixels.\n"
        made = images.synthesis_of(path)
        assert made and (made.task, made.model) == ("face-manipulation", "expression-manipulator")
    unlike = (images.read(plain) != images.read(marked)).any(axis=2)
    assert unlike[-40:, -160:].any() and not unlike[:-40].any()


def test_run_takes_a_task_s_own_options_anywhere(cli, portrait: Path, manipulator, tmp_path: Path) -> None:
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    assert cli("manipulate", portrait, "--emotion", "anger", "--intensity", "0.5", "-o", one, *manipulator).exit_code == 0
    words = ["--emotion=anger", portrait, "--intensity", "0.5", "-o", other, *manipulator]
    result = cli("run", "face-manipulation", *words)
    assert result.exit_code == 0, result.stderr
    assert (images.read(one) == images.read(other)).all()
    json_too = cli("run", "face-manipulation", *words, "--no-mark", "--json")
    assert json.loads(json_too.stdout)["made"]["task"] == "face-manipulation"
    assert not (images.read(one) == images.read(other)).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--emotoin", "anger"], "Did you mean --emotion"),
        (["--emotion"], "--emotion wants a value"),
        (["-z"], "has no option -z"),
        (["--detectr", "haar"], "Did you mean --detector"),
    ],
)
def test_options_that_a_task_does_not_have_are_wrong_usage(cli, portrait: Path, words, message: str) -> None:
    result = cli("run", "face-manipulation", portrait, *words)
    told = " ".join(result.stderr.replace("│", " ").split())
    assert result.exit_code == 2 and message in told


def test_two_faces_with_a_picture_and_a_video_of_steps(cli, portrait: Path, manipulator, tmp_path: Path) -> None:
    mirrored = images.write(images.read(portrait)[:, ::-1].copy(), tmp_path / "mirrored.png")
    made = cli("manipulate", portrait, mirrored, "--layout", "side-by-side", "-o", tmp_path / "both.jpg", *manipulator)
    assert made.exit_code == 0 and "768 x 256" in made.stdout
    series = ["--start", "neutral", "--emotion", "fear", "--steps", "3", "-o", tmp_path / "steps.mp4", *manipulator]
    told = cli("manipulate", portrait, *series)
    assert told.exit_code == 0 and "3 frames at 12 per second" in told.stdout
    assert video.probe(tmp_path / "steps.mp4").frames == 3


def test_a_folder_of_pictures(cli, portrait: Path, manipulator, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        images.write(images.read(portrait), folder / f"{name}.png")
    (folder / "c.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="left out"):
        result = cli("manipulate", folder, "--emotion", "fear", "--keep-going", "-o", tmp_path / "out", *manipulator)
    assert result.exit_code == 0 and "2 results" in result.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    stopped = cli("manipulate", folder, "--emotion", "fear", "-o", tmp_path / "again", *manipulator)
    assert stopped.exit_code == 1 and "c.png" in stopped.stderr


def test_without_an_output_nothing_is_computed(cli, portrait: Path, manipulator) -> None:
    result = cli("manipulate", portrait, "--emotion", "fear", *manipulator)
    assert result.exit_code == 1 and "say where to" in result.stderr
    few = cli("run", "face-manipulation", portrait, portrait, portrait, "-o", "x.png", *manipulator)
    assert few.exit_code == 1 and "takes 1 or 2 inputs, not 3" in few.stderr


def test_frontalized_and_transferred_faces_are_marked_unless_it_is_refused(cli, faces: Path, tiny: str, tmp_path: Path) -> None:
    source = faces / "face0.png"
    for options, same in (([], False), (["--no-mark"], True)):
        out = tmp_path / f"out{same}"
        assert cli("frontalize", source, "--cropped", "-m", tiny, "-o", out, *options).exit_code == 0
        assert images.synthesis_of(out / "face0.png") and images.synthesis_of(out / "face0-0-neutral.png")
        both = tmp_path / f"both{same}.png"
        given = [source, faces / "face1.png", "--cropped", "--slot", f"manipulator={tiny}", "-o", both, *options]
        assert cli("run", "expression-transfer", *given, "--layout", "side-by-side").exit_code == 0
        assert images.synthesis_of(both)
    for name in ("both{}.png", "out{}/face0.png"):  # the latter is a sheet
        marked, plain = (images.read(tmp_path / name.format(same)) for same in (False, True))
        assert not (marked[-30:, -170:] == plain[-30:, -170:]).all() and (marked[:-30] == plain[:-30]).all()
    drawn = tmp_path / "drawn"
    assert cli("detect", source, "-o", drawn).exit_code == 0
    assert images.synthesis_of(drawn / "face0.png") is None  # a photograph with boxes is nobody's synthesis


def test_provenance_tells_what_a_file_says(cli, tmp_path: Path) -> None:
    made = Synthesis("face-manipulation", "expression-manipulator-nano", "ab" * 32)
    picture = np.full((120, 160, 3), 90, np.uint8)
    images.write(picture, tmp_path / "made.jpg", made=made)
    with video.Writer(tmp_path / "made.mp4", 10, (120, 160), made=made) as writer:
        writer.write(picture)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    files = [tmp_path / name for name in ("made.jpg", "made.mp4", "photo.png")]
    result = cli("provenance", *files)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and len(lines) == 4
    assert all("expression-manipulator-nano" in line and "ab" * 32 in line for line in lines[1:3])
    assert "no note of facezoo" in lines[3]
    found = json.loads(cli("provenance", *files, "--json").stdout)
    assert [each["synthetic"] and each["synthetic"]["model"] for each in found] == ["expression-manipulator-nano"] * 2 + [None]
    missing = cli("provenance", tmp_path / "missing.png")
    assert missing.exit_code == 1 and "There is no file" in missing.stderr

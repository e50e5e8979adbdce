"""What is told where something does not go, and what is written on drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facezoo import images, loader, pipelines, weights
from facezoo.cli import drawing
from facezoo.components import Requirement, View
from facezoo.errors import IncompatibleError
from facezoo.results import Face, Pose, Quantity
from facezoo.video import Writer
from facezoo_probes.config import LinearProbeConfig
from tests.colours import ColourClassifier, ColourEncoder, loaded, make_known, saved
from tests.untrained import spec


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    make_known(monkeypatch)


@pytest.fixture
def one_is_broken(faces: Path) -> Path:
    (faces / "later.png").write_text("no picture")
    return faces


def test_a_picture_that_cannot_be_read_names_the_way_round_it(
    cli: Callable[..., Any], one_is_broken: Path, tmp_path: Path
) -> None:
    stopped = cli("detect", one_is_broken, "-o", tmp_path / "boxes.csv")
    assert stopped.exit_code == 1 and "later.png" in stopped.stderr and "--keep-going" in stopped.stderr
    assert not (tmp_path / "boxes.csv").exists()
    drawn = cli("detect", one_is_broken, "-o", tmp_path / "drawn")
    assert drawn.exit_code == 1 and f"3 drawings made before that stay in {tmp_path / 'drawn'}." in drawn.stderr
    assert len(list((tmp_path / "drawn").iterdir())) == 3
    assert cli("detect", one_is_broken, "-o", tmp_path / "boxes.csv", "--keep-going").exit_code == 0
    assert "later.png" in (tmp_path / "boxes.csv").read_text()
    alone = cli("detect", one_is_broken / "later.png")
    assert alone.exit_code == 1 and "--keep-going" not in alone.stderr


class Parts(ColourEncoder):
    """As a DLN: its view about identity is a part of the other and tells nobody apart."""

    def view_table(self) -> dict[str, View]:
        return {**super().view_table(), "person": View(3, "identity", ("gain",), comparable=False)}


def test_only_tasks_that_take_a_model_are_offered(tmp_path: Path) -> None:
    encoder: Any = loaded(ColourEncoder, tmp_path / "colours")
    assert "face-verification" in pipelines._taken_by(encoder)
    encoder.__class__ = Parts
    told = pipelines._taken_by(encoder)
    assert "expression-retrieval" in told and "verification" not in told and "identity" not in told
    with pytest.raises(IncompatibleError, match=r"facenet-vggface2 \(99\.65 % on LFW, by its release\), facenet-casia.*nano"):
        loader.pipeline("face-verification", device="cpu", encoder=encoder)


def a_head(labels: tuple[str, ...], output: str = "logits") -> Any:
    config = LinearProbeConfig(input_dim=3, outputs=len(labels), output=output, name="x")  # pyright: ignore[reportArgumentType]
    head = weights.create(spec("linear-probe"), config)
    head.labels, head.units = labels, "degrees" if output == "values" else None
    head.requires = Requirement("somebody", "embedding", "0" * 12)
    return head


def test_a_head_is_offered_for_what_it_gives() -> None:
    assert "head-pose" not in pipelines._taken_by(a_head(("glasses", "none")))
    assert "linear-probe" in pipelines._taken_by(a_head(("glasses", "none")))
    assert "head-pose" in pipelines._taken_by(a_head(("yaw", "pitch", "roll"), "values"))


def test_a_cards_list_keeps_its_lines(cli: Callable[..., Any], tmp_path: Path) -> None:
    component = loaded(ColourEncoder, tmp_path / "colours")
    weights.save(component, tmp_path / "listed", card="# colours\n\nMade\nhere.\n\n- one\n  long\n- two\n")
    lines = [line.strip() for line in cli("info", f"dir:{tmp_path / 'listed'}").stdout.splitlines()]
    assert lines[-3:] == ["card          Made here.", "- one long", "- two"]


def test_a_folders_name_without_dir_is_told_its_form(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(ColourEncoder, tmp_path / "my-colours")
    monkeypatch.chdir(tmp_path)
    assert "A folder is dir:my-colours." in cli("info", "my-colours").stderr
    told = cli("info", "dir:.").stderr
    assert "holds config.json and model.safetensors" in told and "both" not in told


def test_values_of_a_conversion_are_not_blamed_on_the_file(cli: Callable[..., Any], tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "net.pth")
    told = cli("convert", "retinaface", tmp_path / "net.pth", tmp_path / "made", "--config", "foo=2").stderr
    assert "--config KEY=VALUE" in told and "foo" in told and "net.pth" not in told


def test_an_option_that_is_not_there_is_compared_with_what_is_alike(cli: Callable[..., Any]) -> None:
    told = cli("compare", "a.jpg", "b.jpg", "--view", "identity")
    assert told.exit_code == 2 and "--view" in told.stderr and "--device" not in told.stderr
    assert "--device" in cli("compare", "a.jpg", "b.jpg", "--devise", "cpu").stderr


def orange(picture: np.ndarray) -> np.ndarray:
    """The rows of a picture that a label covers."""
    return np.flatnonzero((picture == drawing.BOX).all(2).sum(1) > 20)


@pytest.mark.parametrize(("top", "place"), [(100, "above"), (0, "below"), (-1, "inside")])
def test_a_label_leaves_the_eyes_free(top: int, place: str) -> None:
    image = np.zeros((320, 320, 3), np.uint8)
    bottom = 320 if place == "inside" else top + 120
    face = Face(box=np.array([100, max(top, 0), 220, bottom], np.float32), score=0.9, pose=Pose(3.0, 4.0, -0.2))
    rows = orange(drawing.mark(image, [face])[:, 102:218])
    covered = rows[(rows > max(top, 0) + 3) & (rows < bottom - 3)]
    if place == "inside":
        assert covered.min() > 240
    else:
        assert not len(covered) and len(rows) > 20
    assert "roll +0°" in drawing._found(face)


def test_a_face_that_is_the_whole_picture_gets_its_label_too(tmp_path: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    said = Face(box=None, score=None, values={"a rather long name of a value": Quantity(1.0)})
    rows = orange(drawing.mark(image, [said]))
    assert len(rows) and rows.min() > 32
    assert not drawing.mark(image, [Face(box=None, score=None)]).any()
    assert drawing.enlarged_to(image, 256).shape == (256, 256, 3)


def test_emotion_draws_labels_on_face_crops(cli: Callable[..., Any], faces: Path, tmp_path: Path) -> None:
    model = f"dir:{saved(ColourClassifier, tmp_path / 'moods')}"
    assert cli("emotion", faces, "--cropped", "--model", model, "-o", tmp_path / "drawn").exit_code == 0
    for path in (tmp_path / "drawn").iterdir():
        assert images.read(path).shape == (256, 256, 3) and len(orange(images.read(path)))


def test_a_video_that_is_written_shows_no_row_per_frame(cli: Callable[..., Any], tmp_path: Path) -> None:
    model = f"dir:{saved(ColourClassifier, tmp_path / 'moods')}"
    with Writer(tmp_path / "clip.mp4", 10, (64, 64)) as writer:
        for level in (50, 100, 150):
            writer.write(np.full((64, 64, 3), level, np.uint8))
    options = ["emotion", tmp_path / "clip.mp4", "--cropped", "--model", model]
    assert len(cli(*options).stdout.splitlines()) == 4
    written = cli(*options, "-o", tmp_path / "drawn")
    assert written.exit_code == 0, written.stderr
    assert written.stdout == "" and "3 frames" in written.stderr


def test_messages_speak_to_the_command_line_too(cli: Callable[..., Any], faces: Path, tmp_path: Path) -> None:
    nobody = cli("compare", faces / "face0.png", faces / "face1.png").stderr
    assert "No face was found in" in nobody and "--min-score 0.3" in nobody and "--detector ID" in nobody
    folder = cli("compare", faces, faces).stderr
    assert "is a folder, and here one picture is wanted" in folder and "pipeline" not in folder
    name = f"dir:{weights.save(a_head(('yaw', 'pitch', 'roll'), 'values').eval(), tmp_path / 'pose')}"
    options = ("--head", name, "--encoder", "cycle-face-nano")
    assert "--encoder somebody" in cli("run", "head-pose", faces / "face0.png", *options).stderr


def test_examples_of_emotion_name_a_model_that_one_has(cli: Callable[..., Any]) -> None:
    examples = [
        line for line in cli("emotion", "--help").stdout.split("Examples:")[1].splitlines() if "facezoo emotion" in line
    ]
    assert len(examples) == 3 and all("--model dir:RUN/model" in line for line in examples)

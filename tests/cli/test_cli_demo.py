"""The demonstration: that every step is there, told and drawn, not that it looks like a face."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import facezoo
from facezoo import catalogue, images, weights
from facezoo.cli import charts, reenacting
from facezoo.cli import portrait as sheet
from facezoo.components import Requirement
from facezoo.labels import SEVEN_EMOTIONS
from facezoo.results import Pose
from facezoo_probes.config import LinearProbeConfig
from tests.dln.untrained import emotion
from tests.untrained import spec

OWN = {"cycle-face-nano", "dln-emotion-nano", "head-pose-nano"}
POSE = Pose(yaw=-9.0, pitch=4.0, roll=-3.0)


@pytest.fixture(scope="session")
def untrained(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name small models without training; the head says the same of every face."""
    folder = tmp_path_factory.mktemp("untrained")
    space = facezoo.load(tiny, device="cpu").views["features"]
    head = weights.create(spec("linear-probe"), LinearProbeConfig(input_dim=space.dim, outputs=3, output="values", name="pose"))
    head.labels, head.units, head.requires = ("yaw", "pitch", "roll"), "degrees", Requirement(tiny, "features", space.space_id)
    head.set_layer(torch.zeros(3, space.dim), torch.tensor([POSE.yaw, POSE.pitch, POSE.roll]))
    classifier = weights.save(emotion(), folder / "emotion")
    return ["--model", tiny, "--classifier", f"dir:{classifier}", "--head", f"dir:{weights.save(head.eval(), folder / 'pose')}"]


def test_demo_writes_its_picture_and_names_the_models(cli, untrained: list[str], tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="the portrait is in scikit-image's wheel")
    bundled = {row.id for row in catalogue.list_models(local=True)} >= OWN
    options, names = ([], OWN) if bundled else (untrained, untrained[1::2])
    result = cli("demo", "-o", tmp_path / "demo", *options)
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("haar-frontal", "facezoo-demo.png", *names))
    assert all(what in result.stdout for what in (*SEVEN_EMOTIONS, "yaw", "pitch", "roll", "mirrored"))
    page = images.read(tmp_path / "demo" / "facezoo-demo.png")
    assert min(page.shape[:2]) > 1000
    assert (page.std(axis=(0, 1)) > 20).all()


def test_demo_of_an_own_picture_gives_its_numbers(cli, portrait: Path, untrained: list[str], tmp_path: Path) -> None:
    tall = images.write(images.read(portrait)[:, 20:220], tmp_path / "tall.png")
    facts = json.loads(cli("demo", tall, "-o", tmp_path, *untrained, "--json").stdout)
    assert Path(facts["picture"]).is_file()
    assert list(facts["emotions"]) == list(SEVEN_EMOTIONS) and sum(facts["emotions"].values()) == pytest.approx(1)
    assert facts["pose"] == POSE.to_dict()
    assert facts["reenacted"] == ["face 1, mirrored", "neutral", "happiness", "surprise", "anger", "turned by 25°"]
    assert len(facts["similarities"]) == 4
    assert all(-1 <= value["lowest"] <= value["highest"] <= 1 for value in facts["similarities"].values())
    assert {row["slot"].rpartition(".")[2] for row in facts["rows"]} == {
        "detector", "manipulator", "encoder", "classifier", "head",
    }  # fmt: skip


def test_demo_without_a_face_says_so(cli, untrained: list[str], tmp_path: Path) -> None:
    blank = images.write(np.full((200, 200, 3), 128, np.uint8), tmp_path / "blank.png")
    result = cli("demo", blank, "-o", tmp_path / "demo", *untrained)
    assert result.exit_code == 1 and "No face" in result.stderr and not (tmp_path / "demo").exists()


def test_demo_without_a_model_stops_and_names_it(cli, portrait: Path, untrained: list[str], tmp_path: Path) -> None:
    missing = "dln-emotion-affectnet-rafdb"
    result = cli("demo", portrait, "-o", tmp_path / "demo", *untrained, "--classifier", missing)
    assert result.exit_code == 1 and missing in result.stderr and not (tmp_path / "demo").exists()


def test_demo_names_the_command_that_brings_the_portrait(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    result = cli("demo")
    assert result.exit_code == 1 and "pip install 'facezoo[demo]'" in result.stderr


def test_the_strip_has_five_different_faces_and_is_small() -> None:
    faces = list(reenacting.rendered_drivers().values())
    assert [face.shape for face in faces] == [(128, 128, 3)] * 5
    assert all(np.abs(one.astype(int) - other).mean() > 2 for i, one in enumerate(faces) for other in faces[:i])
    assert reenacting.STRIP.stat().st_size < 150_000


def test_every_driver_stands_with_what_it_made() -> None:
    def transfer(face: np.ndarray, driver: np.ndarray, **options: object) -> SimpleNamespace:
        assert options == {"cropped": True, "layout": "face"}
        return SimpleNamespace(pixels=255 - driver)

    own, mirrored = np.zeros((64, 64, 3), np.uint8), np.ones((64, 64, 3), np.uint8)
    made = reenacting.reenact(transfer, own, mirrored)
    assert made[0].driver is mirrored and [m.caption for m in made[1:]] == list(reenacting.CAPTIONS)
    assert all((m.face == 255 - m.driver).all() for m in made)


@pytest.mark.parametrize("pose", [Pose(25.0, 0.0, 0.0), Pose(0.0, -20.0, 0.0), Pose(0.0, 0.0, 15.0), Pose(-40.0, 18.0, 9.0)])
def test_axes_turn_as_a_rendered_head_does(pose: Pose) -> None:
    from facezoo_synthetic.projection import rotation

    turn = rotation(*(torch.tensor([angle]) for angle in (pose.yaw, pose.pitch, pose.roll)))[0].numpy()
    right, up, out = turn.T * np.array([1, -1, 1])  # the renderer's y is up
    assert charts.axes(pose) == pytest.approx(np.stack([right, -up, out])[:, :2], abs=1e-6)


def test_pose_is_drawn_on_the_face() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    left, right = (np.asarray(charts.posed(grey, Pose(yaw, 0.0, 0.0), 200)).astype(int) for yaw in (-30.0, 30.0))
    blue = [np.nonzero((picture == charts.OUT).all(axis=2))[1].mean() for picture in (left, right)]
    assert blue[0] < 90 and blue[1] > 110


def test_every_model_is_named_also_two_of_one_slot() -> None:
    told: list[str] = []
    rows = [{"slot": "a.encoder", "model": "facenet-nano"}, {"slot": "b.encoder", "model": "cycle-face-nano"}]
    findings = SimpleNamespace(credit="", report=SimpleNamespace(rows=rows))
    pen = SimpleNamespace(multiline_text=lambda place, text, **more: told.append(text))
    sheet._credits(pen, findings)  # pyright: ignore[reportArgumentType]
    assert "Models: facenet-nano, cycle-face-nano." in told[0]


def test_bars_are_as_long_as_probabilities() -> None:
    page = Image.new("RGB", (300, 300), (255, 255, 255))
    charts.probabilities(ImageDraw.Draw(page), {"neutral": 0.25, "happiness": 0.75}, (0, 0), 300)
    weak, strong = (int((np.asarray(page) == colour).all(axis=2).sum()) for colour in (charts.RANGE, charts.BAR))
    assert strong / weak == pytest.approx(3, rel=0.05)

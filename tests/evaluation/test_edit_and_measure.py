"""``edit-and-measure`` on edits whose result is known: a flat picture's red and green say who it is, its blue how it looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facezoo import images
from facezoo.components import Encoder, Manipulator, Requirement, View
from facezoo.config import ComponentConfig
from facezoo.contracts import FivePointCrop, InputContract, SquareCrop
from facezoo.datasets import PairReader, Sample
from facezoo.errors import FacezooError, IncompatibleError, InputError, UnknownNameError
from facezoo.evaluation import MeasuredEdit, check_edit_folder, metrics, read_report
from facezoo.images import read
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec, PipelineSpec
from facezoo.testing import check_pipeline
from facezoo_evaluate import edit_cases
from facezoo_evaluate.edit_and_measure import EditAndMeasure
from facezoo_evaluate.edit_cases import round_robin
from tests import untrained
from tests.evaluation.known import flat

SPACE = "0123456789ab"
PEOPLE = 12


def contract(scale: float = 2.0) -> InputContract:
    return InputContract(crop=SquareCrop(scale=scale), size=(16, 16))


class Looks(Encoder):
    """Identity: red and green; expression: blue and how grey the picture is not."""

    def __init__(self, scale: float = 2.0) -> None:
        super().__init__(ComponentConfig())
        self.contract = contract(scale)
        self.spec = ComponentSpec(arch="looks", kinds=("encoder",), target="", config="", summary="")
        self.__dict__["_spaces"] = {"expression": SPACE}

    def view_table(self) -> dict[str, View]:
        return {"identity": View(2, "identity", ()), "expression": View(1, "expression", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        colour = prepared.mean((2, 3))
        return colour[:, :2] if view == "identity" else colour[:, 2:]


class Painter(Manipulator):
    """Paints a face's blue; ``swaps`` takes the driver's other colours too, ``halfway`` goes half of the way."""

    verbs = ("neutralize", "reenact", "manipulate")

    def __init__(self, *, swaps: bool = False, halfway: bool = False) -> None:
        super().__init__(ComponentConfig())
        self.swaps, self.halfway, self.contract = swaps, halfway, contract()
        self.spec = ComponentSpec(arch="painter", kinds=("manipulator",), target="", config="", summary="")
        self.requires = Requirement("looks-nano", "expression", SPACE)

    def neutralize(self, faces: Tensor) -> Tensor:
        return self.manipulate(faces, torch.full((len(faces), 1), 0.5))

    def reenact(self, faces: Tensor, driver: Tensor) -> Tensor:
        return driver if self.swaps else self.manipulate(faces, driver[:, 2].mean((1, 2))[:, None])

    def manipulate(self, faces: Tensor, expression: Tensor) -> Tensor:
        made = faces.clone()
        wanted = expression[:, :, None].expand(-1, *faces.shape[-2:])
        made[:, 2] = (made[:, 2] + wanted) / 2 if self.halfway else wanted
        return made


def pictures(folder: Path, photos: int = 1, people: int = PEOPLE) -> Path:
    """A folder per person, each of another hue, every photo with another blue."""
    for person in range(people):
        angle = np.pi / 2 * person / people
        for photo in range(photos):
            blue = 20 + (person * 37 + photo * 71) % 200
            face = flat(40 + 200 * np.cos(angle), 40 + 200 * np.sin(angle), blue)
            images.write(face, folder / f"person{person:02d}" / f"{photo}.png")
    return folder


def pipe(manipulator: Manipulator | None = None, **slots: Any) -> EditAndMeasure:
    looks = Looks()
    chosen = {"identity": looks, "expression": looks, "manipulator": manipulator or Painter()}
    return EditAndMeasure(
        discover().get(PipelineSpec, "edit-and-measure"), {"detector": untrained.FixedDetector(), **chosen, **slots}
    )


def figures(measured: MeasuredEdit, group: str) -> dict[str, float]:
    return {one.name: one.value for one in measured.report.systems[0].measurements if one.group == group}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("people"))


@pytest.mark.parametrize("edit", ["expression-transfer", "face-manipulation"])
def test_a_perfect_edit_keeps_the_person_and_reaches_the_expression(people: Path, edit: str) -> None:
    measured = pipe()(people, people, edit=edit, rounds=20)
    assert figures(measured, "")["accuracy"] == 100 and figures(measured, "")["area under ROC"] == 1
    identity = figures(measured, "identity")
    assert identity["source and result"] == 1 and identity["result nearer than a stranger"] == 100
    assert identity["different people"] < identity["different people, 95 % quantile"] < 1
    moved = figures(measured, "distance to the target's expression")
    assert moved["before"] > 0.05 and moved["after"] == 0 and moved["halved at least"] == 100
    assert measured.report.task == edit and len(measured.faces) == PEOPLE
    for face in measured.faces:
        assert face.person not in face.target and face.stranger is not None and face.stranger < face.similarity


def test_half_of_the_way_is_a_ratio_of_a_half(people: Path) -> None:
    moved = figures(pipe(Painter(halfway=True))(people, people, rounds=20), "distance to the target's expression")
    assert moved["after / before, median"] == moved["after / before, mean"] == pytest.approx(0.5, abs=0.001)
    assert moved["after"] == pytest.approx(moved["before"] / 2, abs=0.0002)


def test_another_face_in_place_of_the_edited_one_is_noticed(people: Path) -> None:
    measured = pipe(Painter(swaps=True))(people, people, edit="expression-transfer", rounds=20)
    identity = figures(measured, "identity")
    assert figures(measured, "")["accuracy"] < 75 and identity["source and result"] < 0.95
    assert identity["result nearer than 95 % of strangers"] < 50
    assert figures(measured, "distance to the target's expression")["after"] == 0


def test_frontalization_brings_people_nearer_to_each_other_and_takes_no_target(people: Path) -> None:
    measured = pipe()(people, edit="frontalization", rounds=20)
    apart = figures(measured, "distance between two people's expressions")
    assert apart["before"] > 0.05 and apart["after"] == 0 and {face.target for face in measured.faces} == {""}
    with pytest.raises(InputError, match="takes no targets"):
        pipe()(people, people, edit="frontalization")


def test_the_edit_follows_from_the_manipulator_and_the_targets(people: Path) -> None:
    assert pipe()(people, people, rounds=2).report.task == "face-manipulation"
    assert pipe()(people, rounds=2).report.task == "frontalization"
    only = Painter()
    only.verbs = ("reenact",)
    assert pipe(only)(people, rounds=2).report.task == "expression-transfer"  # the sources' own expressions
    with pytest.raises(IncompatibleError, match="does not do frontalization.*does expression-transfer"):
        pipe(only)(people, edit="frontalization")
    with pytest.raises(InputError, match="limit start at 1"):
        pipe(only)(people, limit=0)
    with pytest.raises(InputError, match="Did you mean frontalization"):
        pipe()(people, edit="frontalisation")


def test_a_manipulator_without_a_measured_verb_is_refused() -> None:
    other = Painter()
    other.verbs = ("translate",)
    with pytest.raises(IncompatibleError, match="neutralize"):
        pipe(other)


def test_embeddings_come_from_the_space_that_the_manipulator_was_trained_in(people: Path) -> None:
    painter = Painter()
    painter.requires = Requirement("nobody-nano", "expression", "f" * 12)
    with pytest.raises(UnknownNameError, match="nobody-nano"):  # the encoder beside it is of another space
        pipe(painter)(people, edit="face-manipulation")
    painter.requires = None
    with pytest.raises(IncompatibleError, match="does not say"):
        pipe(painter)(people, edit="face-manipulation")


def test_a_judge_that_the_manipulator_was_trained_with_is_told(people: Path) -> None:
    remarks = pipe()(people, edit="face-manipulation", rounds=2).report.systems[0].remarks
    assert [("which flatters" in said) for said in remarks[:2]] == [False, True]


def test_a_judge_with_another_crop_sees_the_face_cut_anew(people: Path) -> None:
    measured = pipe(identity=Looks(scale=1.6), expression=Looks(scale=2.2))(people, edit="expression-transfer", rounds=5)
    assert figures(measured, "")["accuracy"] == 100
    points = Looks()
    template = ((0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.35, 0.7), (0.65, 0.7))
    points.contract = InputContract(crop=FivePointCrop(template=template), size=(16, 16))
    with pytest.raises(IncompatibleError, match="both must be squares"):
        pipe(identity=points)


def test_people_with_several_photos_are_verified_by_another_one(tmp_path: Path) -> None:
    measured = pipe()(pictures(tmp_path, photos=2), edit="expression-transfer", rounds=20)
    assert measured.report.splits[0].people == PEOPLE and measured.report.splits[0].count == 2 * PEOPLE
    for group in ("verification by another photo", "verification by another photo, not edited"):
        assert figures(measured, group)["accuracy"] == 100
    assert figures(measured, "identity")["two photos of one person"] == 1


def test_few_people_are_measured_without_verification(tmp_path: Path) -> None:
    measured = pipe()(pictures(tmp_path, people=3), edit="expression-transfer", rounds=5)
    assert not figures(measured, "") and not measured.report.published
    assert any("4 people" in remark for remark in measured.report.systems[0].remarks)
    alone = pipe()(flat(200, 30, 60), edit="frontalization", rounds=5)
    assert [(face.stranger, face.before) for face in alone.faces] == [(None, None)]


def test_targets_come_in_turn_and_never_from_the_same_person() -> None:
    people = [f"p{row % 5}" for row in range(40)]
    others = [f"p{row}" for row in range(8)]
    turn = round_robin(people, others, seed=3)
    assert all(others[row] != person for row, person in zip(turn, people, strict=True))
    assert np.bincount(turn, minlength=8).min() >= 4 and np.bincount(turn).max() <= 6
    assert (turn == round_robin(people, others, seed=3)).all() and (turn != round_robin(people, others, seed=4)).any()
    with pytest.raises(InputError, match="All targets show p0"):
        round_robin(people, ["p0"], seed=0)


def test_pictures_without_a_face_or_unreadable_are_left_out_and_told(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "people")
    images.write(flat(0, 0, 0), folder / "nobody" / "black.png")
    (folder / "person00" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.png"):
        pipe()(folder)
    measured = pipe()(folder, on_error="record", rounds=5)
    told = " ".join(measured.report.systems[0].remarks)
    assert "sources in which no face was found, left out: 1" in told
    assert "sources that could not be read, left out: 1" in told
    assert len(measured.faces) == PEOPLE
    with pytest.raises(InputError, match=r"none of the 1 pictures.*--cropped"):
        pipe()(folder / "nobody")


def test_pictures_that_do_not_say_who_is_shown_count_as_a_person_each(people: Path) -> None:
    files = sorted(people.rglob("*.png"))
    nameless = [Sample(path.name + path.parent.name, path) for path in files]
    measured = pipe()(nameless, edit="expression-transfer", rounds=5)
    assert [face.person for face in measured.faces] == [sample.name for sample in nameless]
    assert all(face.target != face.source for face in measured.faces) and measured.report.splits[0].people == PEOPLE
    told = " ".join(measured.report.systems[0].remarks)
    assert f"sources that do not say who is shown count as a person each: {PEOPLE}" in told


def test_the_detector_is_told_if_it_was_asked(people: Path) -> None:
    found = pipe()(people, edit="frontalization", rounds=5).report
    assert found.detector == "FixedDetector" and "looked for by FixedDetector" in " ".join(found.systems[0].remarks)
    assert pipe()(people, edit="frontalization", rounds=5, cropped=True).report.detector is None


def test_the_seed_decides_what_is_drawn(people: Path) -> None:
    def dump(seed: int) -> dict[str, Any]:
        return pipe()(people, edit="expression-transfer", limit=8, seed=seed, rounds=20).to_dict()

    assert dump(1) == dump(1) and dump(1)["faces"] != dump(2)["faces"]
    assert len(dump(1)["faces"]) == 8


def test_faces_of_a_reader_are_cut_by_its_landmarks(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.array([[4, 5], [12, 5], [8, 8], [5, 12], [11, 12]], np.float32)

    class Faces(PairReader):
        layout, splits = "ROOT", ("test", "train")

        def collect_pairs(self, split: str) -> list[Any]:
            return []

        def collect(self, split: str) -> list[Sample]:
            found = sorted(self.root.rglob("*.png"))[:: 1 if split == "test" else 2]
            return [Sample(path.name, read(path), person=path.parent.name, landmarks=points) for path in found]

    monkeypatch.setattr(edit_cases, "open_dataset", lambda name, root: Faces(root))
    detector = untrained.FixedDetector(faces=0)
    measured = pipe(detector=detector)(people, reader="made-up", split="train", edit="expression-transfer", rounds=5)
    assert len(measured.faces) == PEOPLE / 2 and measured.report.dataset == "made-up" and not detector.pictures


def test_it_is_written_and_read_back(people: Path, tmp_path: Path) -> None:
    measured = pipe()(people, edit="expression-transfer", rounds=5)
    place = measured.save(tmp_path / "out")
    assert {path.name for path in place.iterdir()} == {"report.json", "report.md", "figure.png", "faces.csv", "sheet.png"}
    assert read_report(place) == measured.report
    accuracy = metrics.metrics_of(measured.report, "Painter")[0]  # as the registry would have it
    assert accuracy.task == "expression-transfer" and accuracy.protocol.startswith("facezoo run edit-and-measure, split ")
    assert (place / "faces.csv").read_text().splitlines()[0].startswith("source,person,target,similarity")
    text = (place / "report.md").read_text()
    assert "FaceCycle, frontalised and translated (paper) | 69.2" in text and "the paper's number, not measured here" in text
    assert "counts as a wrong answer" not in text  # such faces are left out
    with pytest.raises(InputError, match="holds"):
        measured.save(place)
    assert measured.save(place, overwrite=True) == place


def test_a_missing_matplotlib_is_told_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FacezooError, match="facezoo\\[eval\\]"):
        check_edit_folder(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_sheet_says_that_it_is_synthetic(people: Path) -> None:
    sheet = pipe()(people, edit="expression-transfer", rounds=5).sheet
    assert sheet.made is not None and sheet.made.model == "Painter" and sheet.made.composite
    assert sheet.pixels.shape[1] == 2 * (3 * (128 + 8) + 2 * 8)  # two cases of source, target, result abreast


def test_the_pipeline_passes_the_conformance_kit() -> None:
    check_pipeline(pipe())


def test_the_command_writes_a_folder(cli: Any, encoder: str, people: Path, tmp_path: Path) -> None:
    models = ["--manipulator", encoder, "--slot", f"identity={encoder}", "--slot", f"expression={encoder}", "--cropped"]
    done = cli(
        "run", "edit-and-measure", people, "--edit", "expression-transfer", "--rounds", 5, *models, "-o", tmp_path / "out"
    )
    assert done.exit_code == 0, done.stderr
    assert "accuracy (%)" in done.stdout and "(paper)" in done.stdout and str(tmp_path / "out") in done.stderr
    assert (tmp_path / "out" / "sheet.png").is_file() and read_report(tmp_path / "out").task == "expression-transfer"
    for output, said in ((tmp_path / "out", "holds"), (tmp_path / "out.png", "leaves several files")):
        refused = cli("run", "edit-and-measure", people, *models, "-o", output)
        assert refused.exit_code == 1 and said in refused.stderr and not refused.stdout
    told = json.loads(cli("run", "edit-and-measure", people, "--limit", 6, "--rounds", 5, *models, "--json").stdout)
    assert len(told["faces"]) == 6 and told["report"]["task"] == "frontalization"

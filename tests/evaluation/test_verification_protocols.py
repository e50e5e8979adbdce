"""``lfw``, ``cplfw``, ``portraits`` and ``identity-preservation``: pairs whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from facezoo.components import Detections, Manipulator, View
from facezoo.config import ComponentConfig
from facezoo.contracts import BoxReference, FivePointCrop, InputContract, SquareCrop
from facezoo.crops import matrices
from facezoo.datasets import FacePair, PairReader, Sample, split_digest
from facezoo.errors import IncompatibleError
from facezoo.evaluation import Conditions, Report, evaluate, placing, read_report
from facezoo.labels import SEVEN_EMOTIONS
from facezoo.specs import ComponentSpec
from facezoo_evaluate import judging, portraits, preservation, verification
from facezoo_evaluate.draws import draw_pairs
from tests import madeup, published, untrained
from tests.evaluation.known import STEP, ByColour, ByRed, flat

HUES = [(200, 20, 20), (20, 200, 20), (20, 20, 200), (200, 200, 20)]  # of four people
MEASURED = Conditions(device="cpu")


class Hues(PairReader):
    """40 pairs in ten folds of flat pictures, each person in a colour.

    The pictures of the first ``lost`` pairs are black. ``changed``: second photos of one person are in the next one's colour.
    """

    layout, splits, lost, changed = "ROOT", ("test",), 0, False

    def collect_pairs(self, split: str) -> list[FacePair]:
        pairs = []
        for number in range(40):
            person, same = number % 4, number % 2 == 0
            other = person if same else (person + 1) % 4
            hues = HUES[person], HUES[(other + (same and self.changed)) % 4]
            first, second = (
                Sample(f"{number}{side}", flat(*hue if number >= self.lost else (0, 0, 0)), person=f"p{who}")
                for side, who, hue in zip("ab", (person, other), hues, strict=True)
            )
            pairs.append(FacePair(first, second, same, number // 4))
        return pairs


@pytest.fixture
def hues(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Hues]:
    """The protocols read ``Hues``, whatever they ask for; faces are found in what is not black."""
    for module in (verification, preservation):
        monkeypatch.setattr(module, "open_dataset", lambda name, root: Hues(tmp_path))
    monkeypatch.setattr(placing, "start_from", lambda *given, **more: untrained.FixedDetector())
    monkeypatch.setattr(Hues, "lost", 0)
    return Hues


def figures(report: Report, row: int = 0) -> dict[str, float]:
    return {one.metric: one.value for one in report.systems[row].measurements}


@pytest.mark.parametrize("protocol", ["lfw", "cplfw"])
def test_pairs_are_told_apart_by_their_vectors(hues, tmp_path, protocol) -> None:
    report = evaluate(protocol, tmp_path, [ByColour()], peers=["raw-pixels"], settings=["rounds=20"], conditions=MEASURED)
    found = figures(report)
    assert found["accuracy (%)"] == found["centred vectors, accuracy (%)"] == 100 and found["area under ROC"] == 1
    assert found["false_accept_rate"] == 0 and report.systems[0].measurements[0].task == "face-verification"
    assert [(system.name, system.kind) for system in report.systems[1:]] == [("raw-pixels", "peer"), ("chance", "baseline")]
    assert report.splits[0].digest == split_digest(Hues(tmp_path).pairs("test")) and report.splits[0].count == 40
    assert {one.stated_by for one in report.published} == {"paper"} and report.published[0].name == "FaceCycle"
    assert report.published[0].value == {"lfw": 73.72, "cplfw": 58.52}[protocol]


def test_pairs_without_a_face_are_wrong_and_counted(hues, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Hues, "lost", 6)
    report = evaluate("lfw", tmp_path, [ByColour()], settings=["rounds=20"], conditions=MEASURED)
    assert figures(report)["accuracy (%)"] == 100 * 34 / 40 and report.systems[0].not_found == {"test": 12}
    trial = evaluate("lfw", tmp_path, [ByColour()], settings=["rounds=5"], conditions=Conditions(device="cpu", limit=20))
    assert trial.limit == 20 and trial.splits[0].count == 20


class Changing(ByColour, Manipulator):
    """Its neutral faces are the faces; who is reenacted looks like the driver."""

    verbs = ("neutralize", "reenact")

    def __init__(self) -> None:
        super().__init__()
        self.spec = ComponentSpec(arch="changing", kinds=("encoder", "manipulator"), target="", config="", summary="")

    def neutralize(self, faces: Tensor) -> Tensor:
        return faces

    def reenact(self, faces: Tensor, driver: Tensor) -> Tensor:
        return driver


@pytest.mark.parametrize("batch_size", [3, 64])
def test_identity_is_kept_by_what_changes_nothing_and_lost_to_the_driver(hues, tmp_path, batch_size) -> None:
    chosen = Conditions(device="cpu", batch_size=batch_size)
    report = evaluate("identity-preservation", tmp_path, [Changing()], settings=["rounds=5"], conditions=chosen)
    found = figures(report)
    assert found["accuracy (%)"] == found["not changed, accuracy (%)"] == 100
    assert found["translated, accuracy (%)"] < 90
    assert [(p.value, p.group) for p in report.published] == [(69.2, ""), (73.72, "not changed")]


def test_nobody_is_driven_by_the_other_face_of_his_pair(hues, tmp_path, monkeypatch) -> None:
    seen: list[tuple[int, int]] = []

    def numbered(reader: Hues, split: str) -> list[FacePair]:
        faces = [[Sample(f"{n}{side}", flat(6 * n), person=f"p{n}{side}") for side in "ab"] for n in range(1, 41)]
        return [FacePair(first, second, n % 2 == 0, n // 4) for n, (first, second) in enumerate(faces)]

    def moved(subject: Changing, faces: Tensor, driver: Tensor) -> Tensor:
        shown = ((which.mean((1, 2, 3)) * 3 * 255 / 6).round().int().tolist() for which in (faces, driver))
        seen.extend(zip(*shown, strict=True))
        return driver

    monkeypatch.setattr(Hues, "collect_pairs", numbered)
    monkeypatch.setattr(Changing, "reenact", moved)
    chosen = Conditions(device="cpu", batch_size=7)
    evaluate("identity-preservation", tmp_path, [Changing()], settings=["rounds=5"], conditions=chosen)
    assert len(seen) == 80 and [pair for pair, driver in seen if pair == driver] == [1, 1], "the first of all drives the first"
    assert seen[-1] == (40, 33), "however the faces are batched"


def test_the_second_photo_is_compared_or_the_first_one_itself(hues, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Hues, "changed", True)

    def accuracy(*settings: str) -> float:
        chosen = ["rounds=5", "pairs=20", *settings]
        report = evaluate("identity-preservation", tmp_path, [Changing()], settings=chosen, conditions=MEASURED)
        assert report.splits[0].count == 20
        return figures(report)["accuracy (%)"]

    assert accuracy("changed=same-photo") == 100 and accuracy() < 80


def test_another_judge_sees_the_same_faces_by_its_own_crop(hues, tmp_path) -> None:
    class Wider(ByColour):
        @classmethod
        def default_contract(cls, config: Any) -> InputContract:
            return InputContract(crop=SquareCrop(scale=3.0), size=(8, 8))

    class Pointed(ByColour):
        @classmethod
        def default_contract(cls, config: Any) -> InputContract:
            five = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.3, 0.8), (0.7, 0.8))
            return InputContract(crop=FivePointCrop(template=five), size=(8, 8))

    class Expressive(ByColour):
        def view_table(self) -> dict[str, View]:
            return {"expression": View(3, "expression", ())}

    arguments = {"settings": ["rounds=5"], "conditions": MEASURED}
    report = evaluate("identity-preservation", tmp_path, [Changing()], helpers={"judge": Wider()}, **arguments)
    assert figures(report)["accuracy (%)"] == 100 and report.systems[0].view is None
    with pytest.raises(IncompatibleError, match="both must be squares"):
        evaluate("identity-preservation", tmp_path, [Changing()], helpers={"judge": Pointed()}, **arguments)
    with pytest.raises(IncompatibleError, match="identity"):
        evaluate("identity-preservation", tmp_path, [Changing()], helpers={"judge": Expressive()}, **arguments)


def test_one_square_lies_in_another_as_both_lie_in_the_picture() -> None:
    wanted, given = SquareCrop(scale=3.1, shift=(0.02, -0.1)), SquareCrop(scale=2.6, shift=(0.0, 0.05))
    seen = Detections(np.array([[10.0, 20, 90, 120]]), np.ones(1))
    of_wanted, of_given = (matrices(crop, seen, BoxReference(length=0.4))[0] for crop in (wanted, given))
    inner = np.vstack([judging.square_in_square(wanted, given), [0, 0, 1]])
    assert np.allclose(of_given @ inner, of_wanted)


def test_drawn_pairs_are_balanced_and_differ_in_expression_either_way() -> None:
    shown = [Sample(f"{p}-{f}", flat(p), label=LABELS[(p + f) % 7], person=f"p{p}") for p in range(30) for f in range(4)]
    pairs = draw_pairs([*shown, Sample("alone", flat(0), label="fear", person="alone")], seed=0)
    same, others = ([pair for pair in pairs if pair.same is kind] for kind in (True, False))
    assert len(same) == len(others) == 30 and {pair.fold for pair in pairs} == set(range(10))
    assert all(pair.first.label != pair.second.label and pair.first is not pair.second for pair in pairs)
    assert all((pair.first.person == pair.second.person) is pair.same for pair in pairs)
    assert [pair.first for pair in same] == [pair.first for pair in others]
    assert [pair.fold for pair in same] == [pair.fold for pair in others]


LABELS = [emotion.value for emotion in SEVEN_EMOTIONS]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Portraits in flat colours: red says the emotion, green and blue who it is; and labels of smiles.

    Of eight labelled smiles two look neutral; of four old faces without one, one looks happy.
    """
    root = published.portraits(tmp_path_factory.mktemp("portraits"))
    rows = [line.split(",")[:2] for line in (root / "portraits.csv").read_text().splitlines()[1:]]
    labels = ["file,smile,set"]
    for number, (file, person) in enumerate(rows):
        looks = 1 if number in (*range(6), 11) else 0
        labels.append(f"{file},{1 if number < 8 else 0 if number < 12 else 2},{'new' if number < 8 else 'old'}")
        shade = np.random.default_rng(int(person)).integers(40, 250, 2)
        picture = flat(STEP * looks, *shade, side=48)
        picture[:, ::7] += np.uint8(number % 4)  # prints of one photo are no pair, so two photos are not quite alike
        picture[::5, number % 5 :: 3] += np.uint8(2)
        madeup.write(root / "images" / file, picture)
    smiles = root / "smiles.csv"
    smiles.write_text("\n".join(labels) + "\n")
    return root, smiles


class Shades(ByColour):
    """Green and blue."""

    def view_table(self) -> dict[str, View]:
        return {"identity": View(2, "identity", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return prepared.mean((2, 3))[:, 1:] - 0.55


def test_portraits_smiles_are_read_as_what_a_classifier_says(people) -> None:
    root, smiles = people
    report = evaluate("portraits", root, [ByRed()], settings=["rounds=20", f"smiles={smiles}"], conditions=MEASURED)
    found = figures(report)
    assert found["taken for happiness, smiling (%)"] == 75 and found["taken for happiness, not smiling, old (%)"] == 25
    assert found["taken for neutral, smiling (%)"] == 25 and found["taken for neutral, not smiling, old (%)"] == 75
    better = {one.metric: one.better for one in report.systems[0].measurements}
    assert better["taken for happiness, smiling (%)"] == "higher" == better["taken for neutral, not smiling, old (%)"]
    assert better["taken for happiness, not smiling, old (%)"] == "lower"
    assert [text.partition(":")[0] for text in report.systems[0].left_out] == ["verification"]
    assert {split.name: split.count for split in report.splits} == {"test, labelled": 12} and len(report.systems) == 1


def test_portraits_are_verified_and_without_labels_smiles_are_left_out(people) -> None:
    report = evaluate("portraits", people[0], [Shades()], settings=["rounds=20"], conditions=MEASURED)
    assert figures(report)["accuracy (%)"] > 80
    assert report.systems[0].left_out == ("smiles: nobody's labels were given (--set smiles=FILE).",)
    with pytest.raises(IncompatibleError, match="ByRed answers nothing of what is asked of portraits"):
        evaluate("portraits", people[0], [ByRed()], settings=["rounds=5"], conditions=MEASURED)


@pytest.mark.parametrize("text", ["file,smile\n", "file;smile;set\na;1;new\n", "file,smile,set\né.jpg,1,new\n"])
def test_labels_of_smiles_in_another_form_are_refused(people, tmp_path, text) -> None:
    path = tmp_path / "smiles.csv"
    path.write_bytes((text + "a,1\n").encode("latin-1"))
    with pytest.raises(portraits.DatasetError, match="expected a csv file with the columns file, smile, set"):
        portraits._labels(path)


def test_a_report_on_pairs_is_written_by_the_command(cli, encoder, tmp_path) -> None:
    data = published.lfw(tmp_path / "lfw", 4, 2, 10, 1)
    done = cli("evaluate", "lfw", "--data", data, "--model", encoder, "--peer", "hog", "--set", "rounds=10",
               "--device", "cpu", "-o", tmp_path / "report")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    report = read_report(tmp_path / "report")
    name = report.systems[0].name
    assert [system.name for system in report.systems] == [name, "hog", "chance"] and name.startswith("dir:")
    assert report.systems[0].view == "identity" and report.systems[0].weights.sha256
    assert report.systems[0].faces == {"test": "All have a box."} and report.splits[0].count == 20
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| FaceCycle (paper) | 73.72 |" in text and "Centred vectors" in text
    told = json.loads(cli("evaluate", "--as-metric", tmp_path / "report" / "report.json", "--json").stdout)
    assert [one["metric"] for one in told[name]][:1] == ["accuracy (%)"]


def test_a_component_that_cannot_be_measured_is_refused(tmp_path) -> None:
    odd = untrained.FixedDetector(ComponentConfig())
    published.lfw(tmp_path, 3, 2, 10, 1)
    with pytest.raises(IncompatibleError, match="needed is encoder:identity"):
        evaluate("lfw", tmp_path, [odd], conditions=MEASURED)

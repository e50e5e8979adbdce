"""The protocols of emotions and triplets: what they count as right, and what they are measured by."""

from __future__ import annotations

import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from facezoo.contracts import BoxReference
from facezoo.datasets import TripletReader, open_dataset
from facezoo.errors import IncompatibleError, InputError
from facezoo.evaluation import Conditions, Report, evaluate, placing
from facezoo.labels import SEVEN_EMOTIONS, Emotion
from facezoo.loader import load
from facezoo.specs import ProtocolSpec
from facezoo.training import FaceAugmentation, triplet_figures
from facezoo_evaluate.linear import probed_view
from facezoo_evaluate.steps import Steps, fit_in_steps
from tests import madeup, untrained
from tests.conftest import ROOT
from tests.evaluation.known import ByColour, ByRed, flat, showing
from tests.evaluation.known import rafdb as written

QUICK = Conditions(device="cpu")
FEW = ("rounds=20",)


def values(report: Report, name: str) -> dict[str, float]:
    return {m.metric: m.value for m in report.system(name).measurements}


def right_and_wrong(root: Path) -> Path:
    """Two pictures per emotion; those of fear are both taken for anger, one of the happy ones for neutral."""
    said = {emotion: [emotion, emotion] for emotion in SEVEN_EMOTIONS}
    said |= {Emotion.FEAR: [Emotion.ANGER] * 2, Emotion.HAPPINESS: [Emotion.HAPPINESS, Emotion.NEUTRAL]}
    return written(root, [(emotion, showing(answer)) for emotion, answers in said.items() for answer in answers])


def test_rafdb_7_counts_the_right_ones(tmp_path: Path) -> None:
    report = evaluate("rafdb-7", right_and_wrong(tmp_path), [ByRed()], settings=FEW, conditions=QUICK)
    found = values(report, "ByRed")
    assert found["accuracy (%)"] == round(100 * 11 / 14, 2) == found["mean class accuracy (%)"]
    assert (found["accuracy by class, fear (%)"], found["accuracy by class, happiness (%)"]) == (0.0, 50.0)
    table = report.system("ByRed").confusion
    assert table and table.labels == SEVEN_EMOTIONS and table.counts[4] == (0, 0, 0, 0, 0, 0, 2)
    assert values(report, "always the most frequent class") == {"accuracy (%)": round(100 / 7, 2)}
    assert [(split.name, split.use, split.count) for split in report.splits] == [("test", "measured on", 14)]


def test_a_face_that_is_not_found_is_a_wrong_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neutral pictures are black, and nothing is found in them."""
    monkeypatch.setattr(placing, "start_from", lambda name, *kind, **more: untrained.FixedDetector())
    pictures = [(emotion, showing(emotion)) for emotion in SEVEN_EMOTIONS]
    report = evaluate(
        "rafdb-7", written(tmp_path, pictures), [ByRed()], settings=FEW, conditions=Conditions(faces="detect", device="cpu")
    )
    row = report.system("ByRed")
    assert row.not_found == {"test": 1} and row.confusion and row.confusion.unanswered[0] == 1
    assert values(report, "ByRed")["accuracy by class, neutral (%)"] == 0.0
    assert values(report, "ByRed")["accuracy (%)"] == round(100 * 6 / 7, 2)
    assert "found in 6" in row.faces["test"] and report.detector == "haar-frontal"


def test_classes_beyond_the_seven_do_not_count(tmp_path: Path) -> None:
    """A picture that looks most like contempt is answered by the next best of the seven, anger."""
    eight = ByRed(tuple(Emotion))
    root = written(tmp_path, [(Emotion.ANGER, flat(7 * 30)), (Emotion.NEUTRAL, flat(0))])
    assert values(evaluate("rafdb-7", root, [eight], settings=FEW, conditions=QUICK), "ByRed")["accuracy (%)"] == 100.0


def test_classifiers_of_something_else_and_encoders_are_refused(tmp_path: Path, encoder: str) -> None:
    root = right_and_wrong(tmp_path)
    with pytest.raises(IncompatibleError, match="does not say anger"):
        evaluate("rafdb-7", root, [ByRed(SEVEN_EMOTIONS[:6])], settings=FEW, conditions=QUICK)
    with pytest.raises(IncompatibleError, match="needs classifier:emotion or head:emotion"):
        evaluate("rafdb-7", root, [encoder], settings=FEW, conditions=QUICK)
    with pytest.raises(InputError, match="--model ID, or --peer raw-pixels"):
        evaluate("rafdb-7", root)


def test_two_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    report = evaluate("rafdb-7", right_and_wrong(tmp_path), [ByRed(), ByRed()], settings=FEW, conditions=QUICK)
    assert [system.name for system in report.systems if system.kind == "model"] == ["ByRed", "ByRed #2"]


def test_affectnet_7_leaves_contempt_out(tmp_path: Path) -> None:
    madeup.affectnet(tmp_path, 8, 16, size=24)
    report = evaluate("affectnet-7", tmp_path, [ByRed()], settings=FEW, conditions=QUICK)
    assert report.splits[0].name == "validation" and report.splits[0].count == 14
    assert any("contempt are left out: 2" in note for note in report.notes)


def test_fec_triplets_agrees_with_the_trainings_figures(fec: Path, encoder: str) -> None:
    report = evaluate("fec-triplets", fec, [encoder], peers=["hog"], settings=FEW, conditions=QUICK)
    reader = open_dataset("fec", fec)
    assert isinstance(reader, TripletReader)
    component = load(encoder, device="cpu")
    wanted = triplet_figures(component, reader.triplets("test"), view="expression", box_reference=reader.box_reference)
    (own,) = (system for system in report.systems if system.kind == "model")
    found = {m.name: m.value for m in own.measurements}
    assert found == {name.replace("_", "-"): round(100 * value, 2) for name, value in wanted.items()} and len(found) == 4
    judged = sum(triplet.odd is not None for triplet in reader.triplets("test"))
    assert own.measurements[0].count == judged < 60 and own.view == "expression"
    assert any(f"are left out: {60 - judged}" in note for note in report.notes)
    assert report.system("hog").measurements[0].value > 40 and report.system("chance").measurements[0].value == 33.33


def test_agreement_keeps_the_triplets_on_which_people_agree(fec: Path) -> None:
    counts = []
    for agreement in (0.0, 0.9):
        settings = ("rounds=5", f"agreement={agreement}")
        counts.append(evaluate("fec-triplets", fec, [ByColour()], settings=settings, conditions=QUICK).splits[0].count)
    assert 0 < counts[1] < counts[0]


def test_the_logistic_layer_tells_expressions_apart(rafdb: Path, encoder: str) -> None:
    settings = (*FEW, "layer=logistic", "side=0", "penalty=0.01")
    report = evaluate("rafdb-linear", rafdb, [encoder], settings=settings, conditions=QUICK)
    row = report.systems[0]
    assert row.measurements[0].value > 40 and row.view == "features" and "scikit-learn" in row.remarks[0]
    assert row.crop and row.crop.endswith("64 x 64") and row.weights and row.weights.space


def test_the_released_layer_is_trained_on_larger_faces(rafdb: Path, encoder: str) -> None:
    settings = (*FEW, "steps.epochs=1", "steps.batch_size=16", "side=80")
    report = evaluate("rafdb-linear", rafdb, [encoder], settings=settings, conditions=QUICK)
    row = report.systems[0]
    assert row.crop and row.crop.endswith("80 x 80") and "80 x 80, as released" in row.remarks[0]
    assert row.weights and row.weights.space is None, "features at another size are another space"
    assert {p.name: p.value for p in report.published}["FaceCycle"] == 71.01


def test_fer2013_is_fitted_on_training_and_measured_on_the_private_test(tmp_path: Path) -> None:
    madeup.fer2013(tmp_path, 42, 7, 14)
    settings = (*FEW, "layer=logistic", "penalty=0.01")
    report = evaluate("fer2013-linear", tmp_path, [ByColour()], peers=["raw-pixels"], settings=settings, conditions=QUICK)
    assert [(split.name, split.use, split.count) for split in report.splits] == [
        ("train", "fitted on", 42), ("test", "measured on", 14),
    ]  # fmt: skip
    assert report.systems[0].view == "expression", "an encoder without a map is read by its expression view"
    assert report.system("raw-pixels").measurements[0].value > 80


def test_steps_are_sgd_with_the_released_schedule(tmp_path: Path) -> None:
    """Two classes of flat colours and a vector of three: the layer is torch's own, step by step."""
    encoder, faces = ByColour(), [(Emotion.FEAR, flat(250)), (Emotion.ANGER, flat(0, 250))]
    samples = open_dataset("rafdb", written(tmp_path, faces)).samples("test")
    steps = Steps(epochs=4, batch_size=2, rate=0.5, rate_drop=0.1, drop_every=2)
    layer = fit_in_steps(
        encoder, "expression", samples, np.array([0, 1]), 2, steps, FaceAugmentation(),
        reference=BoxReference(length=0.4), seed=3,
    )  # fmt: skip
    linear = torch.nn.Linear(3, 2)
    torch.nn.init.kaiming_uniform_(linear.weight, generator=torch.Generator().manual_seed(3))
    torch.nn.init.zeros_(linear.bias)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-4)
    codes = torch.stack([torch.tensor(s.read()).float().mean((0, 1)) / 255 for s in samples])
    for rate in (0.5, 0.05, 0.05, 0.005):  # dropped at the second and the fourth epoch
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(linear(codes), torch.tensor([0, 1])).backward()
        optimizer.step()
    assert layer.weight == pytest.approx(linear.weight.detach().numpy(), abs=1e-4)
    assert layer.bias == pytest.approx(linear.bias.detach().numpy(), abs=1e-4)


def test_a_trial_is_marked_and_missing_pictures_are_told(rafdb: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(rafdb, tmp_path / "copy"))
    next((root / "basic" / "Image" / "aligned").glob("test_*")).unlink()
    report = evaluate("rafdb-7", root, [ByRed()], settings=FEW, conditions=Conditions(limit=5, device="cpu"))
    assert report.limit == 5 and report.splits[0].count == 5
    assert any("listed pictures are not in" in note for note in report.notes)


def test_the_view_that_is_probed() -> None:
    class Asked:
        def __init__(self, *views: str) -> None:
            self.views = views

        def view(self, role: str) -> str:
            if role not in self.views:
                raise IncompatibleError(role)
            return role

    assert probed_view(Asked("features", "expression")) == "features"  # pyright: ignore[reportArgumentType]
    assert probed_view(Asked("expression")) == "expression"  # pyright: ignore[reportArgumentType]


def test_the_documented_protocol_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Smiles" in block)
    module = types.ModuleType("documented")
    exec(compile(code, "docs/evaluation.md", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "documented", module)
    for name, answer in (("1", Emotion.ANGER), ("2", Emotion.ANGER), ("3", Emotion.FEAR)):
        madeup.write(tmp_path / "anger" / f"{name}.png", showing(answer))
    spec = ProtocolSpec(name="smiles", target="documented:Smiles", summary="Smiles")
    report = evaluate(spec, tmp_path, [ByRed()], settings=FEW, conditions=QUICK)
    assert report.protocol == "smiles" and report.systems[0].measurements[0].value == 66.67

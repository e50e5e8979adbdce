"""``facezoo train linear-probe`` from a data set to a probe that knows something of faces it has not seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facezoo
from facezoo.datasets import open_dataset
from facezoo.errors import DatasetError, IncompatibleError, InputError
from facezoo.training import embed_samples, held_out
from facezoo_probes.settings import LinearProbeTraining
from facezoo_probes.train import LinearProbeRecipe
from tests import madeup, untrained

SGD = {"solver": "sgd", "batch_size": 8, "epochs": 40}


def unseen(probe: Path, encoder: Any, data: Path, reader: str) -> tuple[np.ndarray, list[Any], Any]:
    """The probe's answers for the validation split, its samples and the probe itself."""
    opened = open_dataset(reader, data)
    samples, head = opened.samples("validation"), facezoo.load(f"dir:{probe}", device="cpu")
    codes = embed_samples(encoder, samples, view="features", box_reference=opened.box_reference)
    return head(torch.from_numpy(codes)).numpy(), samples, head


@pytest.mark.parametrize("solver", ["scikit-learn", "sgd"])
def test_emotions_of_unseen_faces_are_told_better_than_by_chance(fit: Any, emotions: Path, loaded: Any, solver: str):
    probe = fit(emotions, **(SGD if solver == "sgd" else {}))
    given, samples, head = unseen(probe, loaded, emotions, "folder")
    assert head.labels == ("happiness", "surprise", "anger")  # facezoo's order, not the folders'
    right = [head.labels[row.argmax()] == sample.label for row, sample in zip(given, samples, strict=True)]
    assert np.mean(right) > 0.7  # 0.33 by chance
    assert f"Accuracy {np.mean(right):.1%}" in (probe / "README.md").read_text()


@pytest.mark.parametrize("solver", ["scikit-learn", "sgd"])
def test_angles_of_unseen_faces_are_told_better_than_by_the_mean(fit: Any, poses: Path, loaded: Any, solver: str):
    probe = fit(poses, target="roll", **(SGD if solver == "sgd" else {}))
    given, samples, head = unseen(probe, loaded, poses, "csv")
    assert head.labels == ("roll",) and head.units == "degrees" and head.output == "values"
    wanted = np.array([sample.values["roll"] for sample in samples])
    train = np.array([sample.values["roll"] for sample in open_dataset("csv", poses).samples("train")])
    own, constant = np.abs(given[:, 0] - wanted).mean(), np.abs(train.mean() - wanted).mean()
    assert own < 0.6 * constant
    card = (probe / "README.md").read_text()
    assert f"| roll | {own:.3g} | {constant:.3g} |" in card and "mean absolute error (degrees)" in card


def test_values_keep_the_order_that_was_asked_for(fit: Any, poses: Path, loaded: Any):
    both, one = (fit(poses, target=target, penalty=1.0) for target in ("roll,yaw", "yaw"))
    answers, _, head = unseen(both, loaded, poses, "csv")
    assert head.labels == ("roll", "yaw")
    assert np.allclose(answers[:, 1], unseen(one, loaded, poses, "csv")[0][:, 0], atol=1e-3)


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors", "golden.safetensors")}


def test_steps_resume_exactly(fit: Any, emotions: Path, tmp_path: Path):
    whole = fit(emotions, tmp_path / "whole", **SGD)
    fit(emotions, tmp_path / "parts", **SGD, max_steps=31, checkpoint_every=31)
    parts = fit(emotions, tmp_path / "parts", **SGD, resume=True)
    assert files(parts) == files(whole)
    for name in ("losses.jsonl", "validation.jsonl"):
        assert (tmp_path / "parts" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_solving_again_gives_the_same_probe(fit: Any, emotions: Path, emotion_probe: Path, tmp_path: Path):
    again = fit(emotions, tmp_path / "run")
    assert files(again) == files(emotion_probe)
    assert files(fit(emotions, tmp_path / "run", resume=True)) == files(emotion_probe)


def test_a_probe_is_not_solved_again_on_other_data(fit: Any, emotions: Path, tmp_path: Path):
    data = shutil.copytree(emotions, tmp_path / "data")
    model = fit(data, tmp_path / "run", penalty=1.0)
    before = {path: path.read_bytes() for path in model.iterdir()}
    taken = next((data / "validation" / "anger").iterdir())
    taken.unlink()
    with pytest.raises(InputError, match="is not what the run .* began with: it had 60 examples .* here are 59"):
        fit(data, tmp_path / "run", penalty=1.0, resume=True)
    assert before == {path: path.read_bytes() for path in model.iterdir()}


def test_the_log_says_what_is_fitted_and_measured_and_how_faces_were_taken(emotions: Path, encoder: str):
    config = LinearProbeTraining(encoder=encoder, view="features", device="cpu", penalty=1.0)
    recipe = LinearProbeRecipe(config, emotions / "train")
    recipe.solve()
    fitted, measured = recipe.notes()[:2]
    assert fitted.startswith("Fitted on 24 samples: all (digest ")
    assert measured.startswith("Measured on 6 samples: 20% of all, held out (digest ")
    assert fitted.endswith("). All are taken for face crops.")


def test_the_card_says_what_a_stranger_has_to_know(emotion_probe: Path, loaded: Any):
    card = (emotion_probe / "README.md").read_text()
    space = loaded.views["features"].space_id
    for wanted in (space, "`features`", "happiness 10, surprise 10, anger 10", "most frequent class gives 33.3%", "digest"):
        assert wanted in card
    assert "folder of one machine" in card


def test_a_probe_names_the_space_it_was_fitted_on(emotion_probe: Path, loaded: Any, encoder: str):
    requires = json.loads((emotion_probe / "config.json").read_text())["requires"]
    assert requires == {"encoder": encoder, "view": "features", "space_id": loaded.views["features"].space_id}


def test_without_another_split_some_samples_are_held_out(fit: Any, emotions: Path, tmp_path: Path):
    card = (fit(emotions / "train") / "README.md").read_text()
    assert "Fitted on 24 samples" in card and "Measured on 6 samples: 20% of all, held out" in card
    alone = (fit(emotions / "train", held_out=0, penalty=1.0) / "README.md").read_text()
    assert "Fitted on 30 samples" in alone and "nobody knows how well" in alone


def test_people_are_held_out_as_a_whole(fit: Any, poses: Path):
    samples = open_dataset("csv", poses).samples("train")
    train, test = held_out(samples, 0.3, seed=0)
    assert test and not {s.person for s in train} & {s.person for s in test}
    assert "people are in both" in (fit(poses, target=["yaw"]) / "README.md").read_text()  # the csv's own split shares them


def test_classes_can_be_chosen_and_ordered(fit: Any, emotions: Path):
    probe = fit(emotions, labels="anger,happiness", penalty=1.0)
    assert facezoo.load(f"dir:{probe}", device="cpu").labels == ("anger", "happiness")
    assert "train: 10 samples of classes that are not learnt are left out" in (probe / "README.md").read_text()


def test_balanced_weights_help_the_rare_class(fit: Any, loaded: Any, tmp_path: Path):
    names = [madeup.Emotion.NEUTRAL, madeup.Emotion.CONTEMPT]
    data = madeup.emotion_folders(tmp_path / "data", each=24, emotions=names, size=32)
    for path in sorted((data / "train" / "contempt").iterdir())[3:]:
        path.unlink()
    chance = []
    for weights in ("none", "balanced"):
        given, samples, _ = unseen(fit(data, class_weights=weights, penalty=10.0), loaded, data, "folder")
        rare = np.array([sample.label == "contempt" for sample in samples])
        chance.append((given[rare, 1] > given[rare, 0]).mean())
    assert chance[1] > chance[0] + 0.2


def test_patience_keeps_the_best_weights_and_says_that_it_flatters(fit: Any, emotions: Path):
    card = (fit(emotions, **SGD, patience=1, validate_every=1) / "README.md").read_text()
    assert "it flatters them" in card and "best in validation" in card


def test_faces_are_looked_for_where_pictures_are_no_crops(fit: Any, emotions: Path, monkeypatch: pytest.MonkeyPatch):
    """The detector finds a face in every picture that is not black."""
    from facezoo.evaluation import placing

    detector = untrained.FixedDetector()
    monkeypatch.setattr(placing, "start_from", lambda name, *kind, **more: detector)
    black = emotions / "train" / "anger" / "black.png"
    madeup.write(black, np.zeros((48, 48, 3), np.uint8))
    try:
        card = (fit(emotions, faces="detect", detector="fixed", penalty=1.0) / "README.md").read_text()
    finally:
        black.unlink()
    assert sum(detector.pictures) == 61
    assert card.count("Faces were looked for by fixed in 31 pictures and found in 30.") == 1
    assert "no face was found in them: 1 of 31 pictures" in card and "anger 10" in card
    nobody = untrained.FixedDetector(faces=0)
    monkeypatch.setattr(placing, "start_from", lambda name, *kind, **more: nobody)
    with pytest.raises(DatasetError, match=r"fixed found no face in any of the 30 pictures of train.*faces=cropped"):
        fit(emotions, faces="detect", detector="fixed")


def test_a_class_in_which_no_face_is_found_is_named(fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from facezoo.evaluation import placing

    monkeypatch.setattr(placing, "start_from", lambda name, *kind, **more: untrained.FixedDetector())
    for index in range(4):
        madeup.write(tmp_path / "data" / "seen" / f"{index}.png", untrained.portrait(index))
        madeup.write(tmp_path / "data" / "unseen" / f"{index}.png", np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"left to learn of unseen: 4 training samples remain.*found in 4\."):
        fit(tmp_path / "data", faces="detect", detector="fixed", held_out=0)


def test_what_is_no_encoder_no_view_and_no_detector_is_said(fit: Any, emotions: Path, encoder: str):
    with pytest.raises(InputError, match="needs an encoder"):
        fit(emotions, encoder="")
    with pytest.raises(InputError, match="haar-frontal is a Haar; an encoder, whose view a probe reads, is needed"):
        fit(emotions, encoder="haar-frontal")
    with pytest.raises(IncompatibleError, match="no view 'expresion'; it has identity, expression, features"):
        fit(emotions, view="expresion")
    with pytest.raises(InputError, match="CycleFace; a detector such as haar-frontal is needed"):
        fit(emotions, faces="detect", detector=encoder)


def test_a_split_is_not_measured_on_itself(fit: Any, emotions: Path):
    with pytest.raises(DatasetError, match="same split 'train'"):
        fit(emotions, test_split="train")


def test_the_papers_probe_is_a_set_of_values():
    values = {
        "solver": "sgd", "standardise": False, "rate": 30.0, "rate_drop": 0.1, "drop_every": 80, "momentum": 0.9,
        "weight_decay": 1e-4, "epochs": 300, "batch_size": 256,
    }  # fmt: skip
    config = LinearProbeTraining(**values)  # pyright: ignore[reportArgumentType]
    assert config.epochs == 300 and config.rate == 30.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"target": "label,yaw"}, "does not learn both"),
        ({"target": "yaw,yaw"}, "everything once"),
        ({"units": "degrees"}, "classes have no units"),
        ({"target": ""}, "target"),
        ({"held_out": 1.0}, "held_out"),
        ({"penalty": 0}, "penalty"),
    ],
)
def test_values_that_contradict_each_other_are_refused(fit: Any, emotions: Path, values: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        fit(emotions, **values)


@pytest.mark.parametrize("standardise", [True, False])
def test_sgd_learns_on_scaled_vectors_or_on_those_of_the_encoder(emotions: Path, encoder: str, loaded: Any, standardise: bool):
    values = {"encoder": encoder, "view": "features", "device": "cpu", **SGD, "standardise": standardise}
    recipe = LinearProbeRecipe(LinearProbeTraining(**values), emotions)
    dataset = recipe.dataset()
    rows = torch.stack([dataset[i]["embedding"] for i in range(len(dataset))])
    raw = torch.from_numpy(embed_samples(loaded, open_dataset("folder", emotions).samples("train"), view="features"))
    if not standardise:
        torch.testing.assert_close(rows, raw)
        return
    assert rows.mean(0).abs().max() < 1e-4 and rows.square().sum(1).mean().item() == pytest.approx(1, rel=0.05)
    assert raw.square().sum(1).mean().item() != pytest.approx(1, rel=0.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": 1.0, "momentum": 0.5}, "rate, momentum would do nothing, since solver=scikit-learn solves"),
        ({"epochs": 5}, "epochs would do nothing"),
        ({"patience": 3}, "patience would do nothing"),
        ({"penalty": 1.0, "folds": 3}, "folds would do nothing"),
        ({"solver": "sgd", "penalty": 1.0}, "penalty would do nothing"),
        ({"solver": "sgd", "folds": 3}, "folds would do nothing"),
        ({"solver": "sgd", "patience": 3, "validate_every": 0}, "patience would do nothing"),
        ({"target": "yaw", "class_weights": "balanced"}, "class_weights would do nothing"),
        ({"target": "yaw", "labels": "a,b"}, "labels would do nothing"),
        ({"faces": "cropped", "detector": "yunet-2023mar"}, "detector would do nothing"),
        ({"held_out": 0.3, "penalty": 1.0}, "held_out would .* measured on the split validation"),
    ],
)
def test_values_that_would_do_nothing_are_refused(fit: Any, emotions: Path, tmp_path: Path, values: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words):
        fit(emotions, tmp_path / "run", **values)
    assert not (tmp_path / "run").exists()


def test_patience_needs_samples_that_are_held_out(fit: Any, emotions: Path):
    with pytest.raises(InputError, match="patience would .* no sample is held out"):
        fit(emotions / "train", solver="sgd", held_out=0, patience=2)


def test_what_embeds_is_no_idle_value_and_a_folder_needs_no_prefix(fit: Any, emotions: Path, emotion_probe: Path, encoder: str):
    """Batch size, workers and seed have their use with scikit-learn too."""
    probe = fit(emotions, batch_size=7, workers=0, seed=0, encoder=encoder.removeprefix("dir:"))
    ours, theirs = (facezoo.load(f"dir:{folder}", device="cpu") for folder in (probe, emotion_probe))
    assert ours.requires == theirs.requires and torch.allclose(ours.linear.weight, theirs.linear.weight, atol=1e-3)

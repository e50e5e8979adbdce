"""``emotion-linear``: any reader with the seven emotions, its splits, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facezoo.errors import DatasetError
from facezoo.evaluation import Conditions, evaluate
from facezoo.labels import SEVEN_EMOTIONS
from tests import madeup
from tests.evaluation.known import showing
from tests.evaluation.test_synthetic import Factors

MEASURED = Conditions(device="cpu")


@pytest.fixture(scope="module")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train``, ``val`` and ``test`` of flat pictures whose red says the emotion; contempt looks like fear."""
    root = tmp_path_factory.mktemp("emotions")
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        for emotion in (*SEVEN_EMOTIONS, madeup.Emotion.CONTEMPT):
            for number in range(count):
                shown = madeup.Emotion.FEAR if emotion == madeup.Emotion.CONTEMPT else emotion
                madeup.write(root / split / emotion / f"{number}.png", showing(shown))
    return root


def measured(data: Path, *settings: str):
    chosen = ["rounds=5", "penalty=0.001", *settings]
    return evaluate("emotion-linear", data, [Factors()], settings=chosen, conditions=MEASURED)


def test_seven_emotions_are_read_by_a_layer_on_the_expression_view(emotions) -> None:
    report = measured(emotions)
    assert {split.name: split.count for split in report.splits} == {"train": 28, "test": 21}
    assert report.systems[0].measurements[0].metric == "accuracy (%)" and report.systems[0].measurements[0].value == 100
    assert report.systems[0].view == "expression" and report.published == ()


def test_without_a_test_split_validation_is_measured_and_never_what_was_fitted_on(emotions, tmp_path) -> None:
    root = Path(shutil.copytree(emotions, tmp_path / "emotions"))
    shutil.rmtree(root / "test")
    assert measured(root).splits[1].count == 14
    with pytest.raises(DatasetError, match="Fitting and measuring on the same split 'train'"):
        measured(root, "measured_on=train")
    shutil.rmtree(root / "train" / "disgust")
    with pytest.raises(DatasetError, match="The split 'train' of .* shows nobody with disgust"):
        measured(root)

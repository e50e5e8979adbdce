"""Folders of classes: splits, names, emotions by other words, and layouts that cannot be meant."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facezoo.labels import SEVEN_EMOTIONS, SYNONYMS, Emotion
from facezoo.plugin import DatasetError
from facezoo_readers.classes import emotion_names, in_order
from facezoo_readers.folder import ClassFolders
from tests import madeup


def put(*paths):
    for path in paths:
        madeup.write(path, np.zeros((8, 8, 3), np.uint8))


def test_splits_and_classes_are_folders(intact):
    reader = ClassFolders(intact("emotion_folders"))
    assert reader.splits == ("train", "validation") and reader.labels == tuple(SEVEN_EMOTIONS)
    for split in reader.splits:
        samples = reader.samples(split)
        assert Counter(s.label for s in samples) == dict.fromkeys(SEVEN_EMOTIONS, 6)
        assert all(s.name == f"{split}/{s.label}/{s.image.name}" and s.cropped for s in samples)
    assert samples[0].read().shape == (48, 48, 3) and reader.notes() == ()


def test_without_splits_there_is_one_called_all(tmp_path):
    reader = ClassFolders(madeup.person_folders(tmp_path, (), persons=12, each=2))
    assert reader.splits == ("all",) and len(reader.samples("all")) == 24
    assert reader.labels == tuple(f"person-{n}" for n in range(12))  # 10 after 9, not after 1


def test_other_words_for_splits_and_emotions_are_understood(tmp_path):
    put(*(tmp_path / split / name / "1.png" for split in ("Training", "valid", "test") for name in ("Happy", "1_angry", "SAD")))
    reader = ClassFolders(tmp_path)
    assert reader.splits == ("train", "validation", "test") and reader.labels == ("happiness", "sadness", "anger")
    assert [(s.name, s.label) for s in reader.samples("validation")] == [
        ("valid/1_angry/1.png", "anger"), ("valid/Happy/1.png", "happiness"), ("valid/SAD/1.png", "sadness"),
    ]  # fmt: skip


def test_names_are_kept_where_one_of_them_is_no_emotion(tmp_path):
    put(*(tmp_path / name / "1.png" for name in ("Happy", "angry", "sleepy")))
    assert ClassFolders(tmp_path).labels == ("Happy", "angry", "sleepy")


@pytest.mark.parametrize("emotion", Emotion)
def test_every_word_for_an_emotion_is_mapped_in_any_case(emotion):
    for word in (emotion.value, *SYNONYMS[emotion]):
        assert emotion_names([word.upper()]) == {word.upper(): emotion.value}


def test_two_words_for_one_emotion_are_one_class():
    assert emotion_names(["joy", "happy", "fear"]) == {"joy": "happiness", "happy": "happiness", "fear": "fear"}
    assert in_order(["fear", "happiness", "fear"]) == ("happiness", "fear")
    assert in_order(["b10", "b9", "a"]) == ("a", "b9", "b10")
    assert emotion_names([]) == {}


def test_pictures_may_lie_deeper_and_hidden_and_other_files_do_not_count(tmp_path):
    put(
        tmp_path / "a" / "x" / "2.jpg", tmp_path / "a" / "1.PNG", tmp_path / "a" / ".thumb" / "1.jpg", tmp_path / ".b" / "1.jpg"
    )
    (tmp_path / "a" / "list.txt").touch()
    (tmp_path / "empty").mkdir()
    reader = ClassFolders(tmp_path)
    assert reader.labels == ("a",) and [s.name for s in reader.samples("all")] == ["a/1.PNG", "a/x/2.jpg"]


def test_a_class_that_a_split_lacks_is_told(tmp_path):
    put(tmp_path / "train" / "a" / "1.jpg", tmp_path / "train" / "b" / "1.jpg", tmp_path / "test" / "a" / "1.jpg")
    reader = ClassFolders(tmp_path)
    assert reader.labels == ("a", "b") and len(reader.samples("test")) == 1
    assert reader.notes() == ("test: classes of other splits have no picture here: 1 (b)",)


def test_an_empty_split_is_an_error(tmp_path):
    put(tmp_path / "train" / "a" / "1.jpg")
    (tmp_path / "val" / "a").mkdir(parents=True)
    with pytest.raises(DatasetError, match="'validation' of .* has no usable sample"):
        ClassFolders(tmp_path).samples("validation")


def test_folders_that_cannot_be_meant_are_errors(tmp_path):
    put(tmp_path / "1.jpg")
    with pytest.raises(DatasetError, match="Expected the folders of classes .*<class>; in .* there is 1.jpg"):
        ClassFolders(tmp_path)
    with pytest.raises(DatasetError, match="is no folder"):
        ClassFolders(tmp_path / "1.jpg")
    put(tmp_path / "train" / "a" / "1.jpg", tmp_path / "happy" / "1.jpg")
    with pytest.raises(DatasetError, match=r"folders of splits \(train\) beside others \(happy\)"):
        ClassFolders(tmp_path)
    put(tmp_path / "training" / "a" / "1.jpg")
    with pytest.raises(DatasetError, match="has train and training, which are both the split 'train'"):
        ClassFolders(tmp_path)

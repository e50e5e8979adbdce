"""RaFD: file names that say everything, people in one split each, and names that cannot be meant."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facezoo.labels import Emotion
from facezoo.plugin import DatasetError, open_dataset
from tests import madeup


def test_a_name_says_who_shows_what_to_which_camera(intact):
    reader = open_dataset("rafd", intact("rafd"))
    sample = next(s for s in reader.samples("all") if s.name == "Rafd135_02_Caucasian_female_surprised_left.jpg")
    assert (sample.label, sample.person, sample.values) == ("surprise", "m02", {"camera": 135.0, "gaze": -1.0})
    assert sample.landmarks is None and not sample.cropped and sample.read().shape == (48, 48, 3)
    assert reader.labels == tuple(Emotion) and reader.notes() == ()
    assert Counter(s.label for s in reader.samples("all")) == dict.fromkeys(Emotion, 16)


def test_nobody_is_in_two_splits(intact):
    reader = open_dataset("rafd", intact("rafd"))
    people = {split: {s.person for s in reader.samples(split)} for split in reader.splits}
    assert people == {"train": {"m01", "m02"}, "validation": {"m08"}, "test": {"m07"}, "all": {"m01", "m02", "m07", "m08"}}


def test_pictures_may_lie_in_folders_and_other_files_beside_them(tmp_path):
    madeup.rafd(tmp_path / "090", models=(1,), cameras=(90,))
    madeup.write(tmp_path / "090" / "thumbnail.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "Rafd_licence.txt").write_text("no picture")
    samples = open_dataset("rafd", tmp_path).samples("train")
    assert len(samples) == 16 and samples[0].name.startswith("090/Rafd090_01_")


def test_another_expression_is_left_out_and_counted_and_another_name_is_an_error(copy):
    root = copy("rafd")
    whole = len(open_dataset("rafd", root).samples("train"))
    (root / "Rafd090_01_Caucasian_female_happy_left.jpg").rename(root / "Rafd090_01_Caucasian_female_bored_left.jpg")
    reader = open_dataset("rafd", root)
    assert len(reader.samples("train")) == whole - 1
    assert "1 (Rafd090_01_Caucasian_female_bored_left.jpg)" in reader.notes()[0]
    (root / "Rafd090_01_Caucasian_female_bored_left.jpg").rename(root / "Rafd090_happy.jpg")
    with pytest.raises(DatasetError, match=r"Rafd090_happy\.jpg is not called as the publisher"):
        open_dataset("rafd", root).samples("train")


def test_a_folder_without_its_pictures_says_what_was_expected(tmp_path):
    with pytest.raises(DatasetError, match=r"Expected the pictures such as .*Rafd090_01_Caucasian_female_happy_frontal\.jpg"):
        open_dataset("rafd", tmp_path)

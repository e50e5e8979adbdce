"""AffectNet in both layouts: classes, values, landmarks, boxes, and what is left out."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facezoo.labels import AFFECTNET, Emotion
from facezoo.plugin import DatasetError
from facezoo_readers.affectnet import AffectNet, AffectNetSeven
from facezoo_readers.landmarks import five_of_68
from tests import madeup

HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"


def save(path: Path, value: object) -> None:
    np.save(path, np.array(value))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("layout", ["affectnet", "affectnet_manual"])
def test_both_layouts_give_eight_classes_with_values_and_landmarks(intact, layout):
    reader = AffectNet(intact(layout))
    assert reader.splits == ("train", "validation") and reader.labels == tuple(emotion.value for emotion in Emotion)
    for split, each in (("train", 5), ("validation", 2)):
        samples = reader.samples(split)
        assert Counter(s.label for s in samples) == dict.fromkeys(reader.labels, each)
        # made-up pictures follow the emotions in turn; valence is the smile, arousal the brows
        for sample, emotion in zip(samples, list(Emotion) * each, strict=True):
            smile, _, brow = madeup.EXPRESSIONS[emotion]
            assert sample.label == emotion and sample.values == {"valence": smile, "arousal": brow}
            assert sample.landmarks.shape == (5, 2) and sample.landmarks.dtype == np.float32 and not sample.cropped
    assert reader.notes() == () and len({s.name for s in reader.samples("train")}) == 40
    assert reader.samples("train")[3].read().ndim == 3


def test_five_landmarks_are_the_eyes_middles_the_nose_tip_and_the_mouth_corners(intact):
    sample = AffectNet(intact("affectnet")).samples("train")[0]
    assert sample.landmarks == pytest.approx(madeup.LANDMARKS * 64, abs=0.6)
    points = np.arange(136.0)
    assert five_of_68(points).tolist() == [[77, 78], [89, 90], [60, 61], [96, 97], [108, 109]]
    assert five_of_68(np.arange(132.0)) is None


def test_the_older_layout_has_boxes_in_pixels_around_the_landmarks(intact):
    for sample in AffectNet(intact("affectnet_manual")).samples("validation"):
        x0, y0, x1, y1 = sample.box
        assert (x1 - x0, y1 - y0) == (48, 48)
        assert sample.landmarks == pytest.approx(madeup.LANDMARKS * 48 + (x0, y0), abs=0.6)
        assert x1 <= sample.read().shape[1] and y1 <= sample.read().shape[0]


@pytest.mark.parametrize("layout", ["affectnet", "affectnet_manual"])
def test_seven_classes_leave_contempt_out_and_count_it(intact, layout):
    reader = AffectNetSeven(intact(layout))
    assert len(reader.samples("train")) == 35 and reader.labels == tuple(e.value for e in Emotion)[:7]
    [note] = reader.notes()
    assert note.startswith("train: pictures of contempt are left out: 5 (")


def test_codes_without_an_emotion_are_left_out_and_counted(copy):
    root = copy("affectnet")
    for number, code in ((0, "8"), (1, "9"), (2, "10"), (4, "10")):
        save(root / "val_set" / "annotations" / f"{number}_exp.npy", code)
    reader = AffectNet(root)
    assert len(reader.samples("validation")) == 12
    told = " ".join(reader.notes())
    assert "pictures have the code 8 (none): 1 (" in told and "pictures have the code 9 (uncertain): 1 (" in told
    assert "pictures have the code 10 (no face): 2 (" in told


def test_codes_saved_as_numbers_or_in_arrays_of_one_are_the_same(copy):
    root = copy("affectnet")
    for number, code in enumerate((3, np.int64(3), [3], "3", b"3")):
        save(root / "val_set" / "annotations" / f"{number}_exp.npy", code.decode() if isinstance(code, bytes) else code)
    assert [s.label for s in AffectNet(root).samples("validation")[:5]] == [AFFECTNET[3]] * 5


@pytest.mark.parametrize(
    ("ending", "value", "message"),
    [
        ("exp", "11", r"0_exp\.npy: expected an expression code from 0 to 10, found '11'"),
        ("exp", "-1", "found '-1'"),
        ("exp", "happy", "found 'happy'"),
        ("exp", [1, 2], "has 2 values; expected one"),
        ("val", "much", r"0_val\.npy: expected a number, found 'much'"),
        ("lnd", ["left"] * 136, r"0_lnd\.npy: expected the 136 numbers"),
    ],
)
def test_an_annotation_that_is_none_is_an_error_that_names_it(copy, ending, value, message):
    root = copy("affectnet")
    save(root / "val_set" / "annotations" / f"0_{ending}.npy", value)
    with pytest.raises(DatasetError, match=message):
        AffectNet(root).samples("validation")


def test_an_array_that_would_run_code_is_refused(copy):
    root = copy("affectnet")
    path = root / "val_set" / "annotations" / "0_exp.npy"
    np.save(path, np.array({"a": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match=r"0_exp\.npy is no array of numbers or text"):
        AffectNet(root).samples("validation")
    path.write_bytes(pickle.dumps(1))
    with pytest.raises(DatasetError, match=r"0_exp\.npy is no array"):
        AffectNet(root).samples("validation")


def test_values_and_landmarks_are_optional_and_minus_two_is_no_annotation(copy):
    root = copy("affectnet")
    annotations = root / "val_set" / "annotations"
    save(annotations / "0_val.npy", "-2")
    (annotations / "1_aro.npy").unlink()
    (annotations / "2_lnd.npy").unlink()
    save(annotations / "3_lnd.npy", np.zeros(10))
    first, second, third, fourth = AffectNet(root).samples("validation")[:4]
    assert set(first.values) == {"arousal"} and set(second.values) == {"valence"}
    assert [s.landmarks is None for s in (first, second, third, fourth)] == [False, False, True, True]
    assert [s.cropped for s in (first, third, fourth)] == [False, True, True]


def test_pictures_and_annotations_without_each_other_are_counted(copy):
    root = copy("affectnet")
    (root / "val_set" / "images" / "3.jpg").unlink()
    (root / "val_set" / "annotations" / "5_exp.npy").unlink()
    reader = AffectNet(root)
    assert len(reader.samples("validation")) == 14
    assert set(reader.notes()) == {
        "validation: pictures have no annotation: 1 (val_set/images/5.jpg)",
        "validation: annotations have no picture: 1 (val_set/annotations/3_exp.npy)",
    }


@pytest.mark.parametrize("part", ["images", "annotations"])
def test_half_of_the_newer_layout_is_an_error(copy, part):
    root = copy("affectnet")
    (root / "train_set" / part).rename(root / "elsewhere")
    with pytest.raises(DatasetError, match=rf"Expected the folder .*train_set/{part}"):
        AffectNet(root)
    (root / "train_set" / part).mkdir()
    with pytest.raises(DatasetError, match=rf"Expected the (pictures|annotations) .*train_set/{part}"):
        AffectNet(root).samples("train")


def test_numbers_are_sorted_by_value_and_one_split_is_enough(tmp_path):
    root = madeup.affectnet(tmp_path, 12, 1)
    for path in sorted((root / "val_set").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / "val_set").rmdir()
    reader = AffectNet(root)
    assert reader.splits == ("train",)
    assert [s.image.stem for s in reader.samples("train")] == [str(n) for n in range(12)]


@pytest.mark.parametrize("place", ["Manually_Annotated", "Manually_Annotated/Manually_Annotated_Images"])
def test_tables_and_pictures_may_lie_where_the_archives_put_them(copy, place):
    root = copy("affectnet_manual")
    (root / "Manually_Annotated_file_lists").mkdir()
    for name in ("training.csv", "validation.csv"):
        (root / name).rename(root / "Manually_Annotated_file_lists" / name)
    (root / place).parent.mkdir(exist_ok=True)
    (root / "Manually_Annotated_Images").rename(root / place)
    assert len(AffectNet(root).samples("train")) == 40


def test_a_table_without_a_header_is_read_in_the_published_order(copy):
    root = copy("affectnet_manual")
    with_header = [(s.name, s.label, s.box) for s in AffectNet(root).samples("validation")]
    edit(root / "validation.csv", HEADER, "")
    assert [(s.name, s.label, s.box) for s in AffectNet(root).samples("validation")] == with_header


def test_lines_and_pictures_that_do_not_fit_are_counted_and_landmarks_may_be_missing(copy):
    root = copy("affectnet_manual")
    lines = (root / "validation.csv").read_text().splitlines()
    lines[1] += ",more"
    lines[2] = lines[2].replace(",48,48,", ",wide,48,")
    fields = lines[3].split(",")
    lines[3] = ",".join([*fields[:5], "1;2;3", *fields[6:]])
    lines[4] = ",".join([*lines[4].split(",")[:6], "9", "-2", "-2"])
    (root / "validation.csv").write_text("\n".join(lines) + "\n")
    (root / "Manually_Annotated_Images" / "1" / "validation4.jpg").unlink()
    reader = AffectNet(root)
    samples = reader.samples("validation")
    assert len(samples) == 12 and samples[0].landmarks is None and samples[0].box is not None
    told = " ".join(reader.notes())
    assert "lines have another number of columns: 1 (validation.csv, line 2)" in told
    assert "lines have a column that is no number: 1 (validation.csv, line 3" in told
    assert "pictures have the code 9 (uncertain): 1 (" in told
    assert "pictures are not in Manually_Annotated_Images: 1 (1/validation4.jpg)" in told


def test_a_table_of_other_columns_or_without_pictures_is_an_error(copy):
    root = copy("affectnet_manual")
    edit(root / "training.csv", "expression", "emotion")
    with pytest.raises(DatasetError, match=r"training\.csv has no column expression"):
        AffectNet(root).samples("train")
    edit(root / "validation.csv", ",0,0.0,0.0\n", ",12,0.0,0.0\n")
    with pytest.raises(DatasetError, match=r"validation\.csv, line 2: expected an expression code from 0 to 10, found '12'"):
        AffectNet(root).samples("validation")
    (root / "Manually_Annotated_Images").rename(root / "pictures")
    with pytest.raises(DatasetError, match="Expected the folder .*Manually_Annotated_Images; in .* there is pictures/"):
        AffectNet(root)


def test_a_table_of_which_no_picture_is_there_is_an_error(copy):
    root = copy("affectnet_manual")
    for path in (root / "Manually_Annotated_Images").rglob("validation*.jpg"):
        path.unlink()
    with pytest.raises(
        DatasetError, match="'validation' .* no usable sample.*pictures are not in Manually_Annotated_Images: 16 "
    ):
        AffectNet(root).samples("validation")

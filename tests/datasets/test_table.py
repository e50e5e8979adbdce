"""Tables of pictures: labels, numbers, persons, splits, boxes, landmarks; and cells that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facezoo.plugin import DatasetError
from facezoo_readers.table import POINTS, SIDES, Table
from tests import madeup


@pytest.fixture
def table(tmp_path: Path):
    """``table("file,label", "a.jpg,happy")`` -> a reader; the pictures a to c are there."""

    def make(*lines: str, name: str = "faces.csv") -> Table:
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        for letter in "abc":
            madeup.write(tmp_path / f"{letter}.jpg", np.zeros((8, 8, 3), np.uint8))
        return Table(tmp_path)

    return make


def test_numbers_persons_splits_boxes_and_landmarks(intact):
    reader = Table(intact("pose_table"))
    assert reader.splits == ("train", "validation") and reader.labels is None
    train, validation = reader.samples("train"), reader.samples("validation")
    assert (len(train), len(validation)) == (30, 10)
    for sample in (*train, *validation):
        assert set(sample.values) == {"yaw", "pitch", "roll"} and sample.person.startswith("person-")
        assert sample.landmarks.shape == (5, 2) and sample.landmarks.dtype == np.float32 and not sample.cropped
        shift = np.rint(np.array([sample.values["yaw"] / 60, sample.values["pitch"] / 30]) * 48 * 0.12)
        assert sample.box == pytest.approx(tuple((np.array(madeup.BOX).reshape(2, 2) * 48 + shift).ravel()), abs=0.01)
        apart = sample.landmarks[1] - sample.landmarks[0]
        assert np.rad2deg(np.arctan2(apart[1], apart[0])) == pytest.approx(sample.values["roll"], abs=0.2)
    assert train[0].read().shape == (48, 48, 3) and reader.notes() == ()


def test_the_root_may_be_the_file_and_its_name_another(table, tmp_path):
    assert len(table("file,label", "a.jpg,x", name="mine.csv").samples("all")) == 1
    (tmp_path / "more.csv").write_text("file,label\nb.jpg,x\n")
    with pytest.raises(DatasetError, match=r"several csv files: mine\.csv, more\.csv"):
        Table(tmp_path)
    assert [s.name for s in Table(tmp_path / "more.csv").samples("all")] == ["b.jpg"]
    assert [s.name for s in table("file,label", "c.jpg,x").samples("all")] == ["c.jpg"]  # faces.csv before others


def test_labels_are_emotions_where_all_are(table):
    reader = table("file,label", "a.jpg,Happy", "b.jpg,angry", "c.jpg,")
    assert [s.label for s in reader.samples("all")] == ["happiness", "anger", None]
    assert reader.labels == ("happiness", "anger")
    assert table("file,label", "a.jpg,Happy", "b.jpg,other").labels == ("Happy", "other")


def test_splits_are_called_as_everywhere(table):
    reader = table("file,label,split", "a.jpg,x,val", "b.jpg,x,Train", "c.jpg,x,fold-3")
    assert reader.splits == ("train", "validation", "fold-3")
    assert [[s.name for s in reader.samples(split)] for split in reader.splits] == [["b.jpg"], ["a.jpg"], ["c.jpg"]]
    assert table("file,label,split", "a.jpg,x,", "b.jpg,x,test").splits == ("test", "all")


def test_a_column_is_a_value_if_all_its_cells_are_numbers_or_empty(table):
    reader = table("file,yaw,remark,repeat,blank", "a.jpg,1.5,3,2,", "b.jpg,,dark,1,", "c.jpg,-2e1,4,1,")
    assert [dict(s.values) for s in reader.samples("all")] == [{"yaw": 1.5}, {}, {"yaw": -20.0}]
    [note] = reader.notes()
    columns = "remark: line 3 has 'dark', blank: all cells are empty"
    assert note == f"all splits: columns are not all numbers, so they are no values: 2 ({columns})"


def test_landmarks_may_be_named_by_the_persons_sides_and_be_missing(table):
    numbers = ",".join(str(n) for n in range(10))
    for names in (POINTS, SIDES):
        reader = table(f"file,label,{','.join(names)}", f"a.jpg,x,{numbers}", f"b.jpg,x,{',' * 9}")
        first, second = reader.samples("all")
        assert first.landmarks.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]] and not first.cropped
        assert second.landmarks is None and second.cropped


def test_without_box_and_landmarks_a_picture_is_a_face(table):
    boxed, whole = table("file,person,x0,y0,x1,y1", "a.jpg,p,1,2,3.5,8", "b.jpg,q,,,,").samples("all")
    assert boxed.box == (1, 2, 3.5, 8) and not boxed.cropped
    assert whole.box is None and whole.cropped and whole.person == "q"


def test_pictures_may_lie_in_images_beside_the_table(table, tmp_path):
    madeup.write(tmp_path / "images" / "deep" / "d.jpg", np.zeros((8, 8, 3), np.uint8))
    reader = table("file,label", "gone.jpg,x", "deep/d.jpg,x")  # the first may be missing
    [sample] = reader.samples("all")
    assert sample.image == tmp_path / "images" / "deep" / "d.jpg" and sample.name == "deep/d.jpg"
    assert reader.notes() == ("all: listed pictures are not in the folder images beside the csv file: 1 (gone.jpg)",)


def test_full_paths_are_not_said_to_be_looked_for_in_a_folder_that_is_not_there(table, tmp_path):
    reader = table("file,label", f"{tmp_path}/a.jpg,x", f"{tmp_path}/gone.jpg,x")
    assert len(reader.samples("all")) == 1
    assert reader.notes() == (f"all: listed pictures are not there: 1 ({tmp_path}/gone.jpg)",)


def test_missing_pictures_are_counted_and_an_error_when_all_are(table):
    reader = table("file,label,split", "a.jpg,x,train", "gone.jpg,x,train", ",x,train", "gone.jpg,x,test")
    assert len(reader.samples("train")) == 1
    [note] = reader.notes()
    assert note == "train: listed pictures are not beside the csv file: 2 (gone.jpg, an empty name)"
    with pytest.raises(DatasetError, match="'test' of .* no usable sample.*gone.jpg"):
        reader.samples("test")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("path,label", "a.jpg,x"), "has no column file; found path, label"),
        (("",), "has no column file; found an empty file"),
        (("file,label",), "has a header and no rows"),
        (("file,split", "a.jpg,train"), "says nothing of its pictures; expected a column label, person"),
        (("file,label,label", "a.jpg,x,y"), "the column label twice"),
        (("file,label", "a.jpg,x", "b.jpg"), "line 3: 1 column; the header has 2"),
        (("file,label", "a.jpg,x,y"), "line 2: 3 columns; the header has 2"),
        (("file,label,x0,y0", "a.jpg,x,1,2"), "has no column x1, y1; expected all of x0, y0, x1, y1 or none"),
        (("file,label,nose_tip_x", "a.jpg,x,1"), "has no column image_left_eye_x"),
    ],
)
def test_a_table_that_does_not_fit_is_an_error(table, lines, message):
    with pytest.raises(DatasetError, match=message):
        table(*lines)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,x,1,2,wide,4", r"faces\.csv, line 2: x1 is 'wide'; expected a number of pixels"),
        ("a.jpg,x,1,2,,4", "line 2: x1 is ''"),
        ("a.jpg,x,1,2,inf,4", "line 2: x1 is 'inf'"),
        ("a.jpg,x,3,2,1,4", r"line 2: the box .* has no area; expected x0 < x1"),
    ],
)
def test_a_box_that_is_none_is_an_error(table, row, message):
    with pytest.raises(DatasetError, match=message):
        table("file,label,x0,y0,x1,y1", row).samples("all")


def test_a_file_that_is_no_table_is_an_error(tmp_path):
    (tmp_path / "faces.csv").write_text('file,label\n"' + "x" * 200_000)
    with pytest.raises(DatasetError, match=r"faces\.csv was not read as a csv file: field larger"):
        Table(tmp_path)
    with pytest.raises(DatasetError, match=r"Expected the file .*faces\.csv"):
        (tmp_path / "empty").mkdir()
        Table(tmp_path / "empty")

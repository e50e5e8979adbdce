"""RAF-DB basic and FER-2013: codes to emotions, splits, and layouts that are broken."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facezoo.labels import FER_2013, RAF_DB, SEVEN_EMOTIONS
from facezoo.plugin import DatasetError
from facezoo_readers.fer2013 import Fer2013
from facezoo_readers.rafdb import RafDb
from tests import madeup

LIST = "basic/EmoLabel/list_patition_label.txt"


def test_rafdb_has_its_labels_and_its_splits(intact):
    reader = RafDb(intact("rafdb"))
    assert reader.splits == ("train", "test") and reader.labels == tuple(SEVEN_EMOTIONS)
    train, test = reader.samples("train"), reader.samples("test")
    assert Counter(s.label for s in train) == dict.fromkeys(SEVEN_EMOTIONS, 6) and len(test) == 21
    codes = dict(line.split() for line in (intact("rafdb") / LIST).read_text().splitlines())
    for sample in (*train, *test):
        assert sample.label == RAF_DB[int(codes[sample.image.name.replace("_aligned", "")])]
        assert sample.cropped and sample.name == f"Image/aligned/{sample.image.name}"
    assert train[5].read().shape == (48, 48, 3) and reader.notes() == ()


def test_rafdb_may_be_opened_at_its_folder_basic(intact):
    samples = RafDb(intact("rafdb") / "basic").samples("test")
    assert [s.name for s in samples] == [s.name for s in RafDb(intact("rafdb")).samples("test")]


def test_rafdb_without_aligned_pictures_uses_the_originals_and_their_landmarks(copy):
    root = copy("rafdb")
    place = root / "basic"
    (place / "Image" / "aligned").rename(place / "Image" / "original")
    for path in (place / "Image" / "original").iterdir():
        path.rename(path.with_name(path.name.replace("_aligned", "")))
    (place / "Annotation" / "manual").mkdir(parents=True)
    points = [[30, 20], [16, 21], [24, 28], [17, 36], [31, 35]]  # the eyes the other way round
    text = "".join(f"{x}\t{y}\n" for x, y in points) + "0\n1\n2\n"
    (place / "Annotation" / "manual" / "test_00002_manu_attri.txt").write_text(text)
    (place / "Annotation" / "manual" / "test_00003_manu_attri.txt").write_text("1 2\n")
    reader = RafDb(root)
    first, second, third = reader.samples("test")[:3]
    assert second.landmarks.tolist() == [[16, 21], [30, 20], [24, 28], [17, 36], [31, 35]]
    assert first.landmarks is None and third.landmarks is None and not first.cropped
    assert "originals have no landmarks in Annotation/manual, their faces need a detector: 20 (" in reader.notes()[0]


@pytest.mark.parametrize("line", ["train_00001.jpg", "train_00001.jpg 5 1", "train_00001.jpg 8", "train_00001.jpg 0",
                                  "train_00001.jpg x", "valid_00001.jpg 3"])  # fmt: skip
def test_rafdb_refuses_a_line_that_is_none(copy, line):
    root = copy("rafdb")
    with (root / LIST).open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(DatasetError, match=rf"list_patition_label\.txt, line 65: expected .*1 to 7.* found '{line}'"):
        RafDb(root).samples("train")


def test_rafdb_counts_missing_pictures_and_refuses_when_all_are(copy):
    root = copy("rafdb")
    aligned = root / "basic" / "Image" / "aligned"
    (aligned / "test_00004_aligned.jpg").unlink()
    reader = RafDb(root)
    assert len(reader.samples("test")) == 20
    assert reader.notes() == ("test: listed pictures are not in Image/aligned: 1 (test_00004.jpg)",)
    for path in aligned.glob("test_*"):
        path.unlink()
    with pytest.raises(DatasetError, match=r"Image/aligned/test_00001_aligned\.jpg; in .* there is train_00001"):
        RafDb(root).samples("test")


def test_rafdb_says_which_file_is_missing_where(copy, tmp_path):
    root = copy("rafdb")
    (root / "basic" / "Image").rename(root / "basic" / "Images")
    with pytest.raises(DatasetError, match="Expected the folder .*basic/Image/aligned; in .*basic there is EmoLabel/, Images/"):
        RafDb(root)
    (root / LIST).rename(root / "basic" / "list.txt")
    with pytest.raises(
        DatasetError, match="Expected the file .*EmoLabel/list_patition_label.txt; in .*EmoLabel there is nothing"
    ):
        RafDb(root)
    with pytest.raises(DatasetError, match="Expected the file .*basic/EmoLabel/list_patition_label.txt"):
        RafDb(tmp_path)


def test_fer2013_has_its_labels_its_splits_and_grey_pictures(intact):
    reader = Fer2013(intact("fer2013"))
    assert reader.splits == ("train", "validation", "test") and reader.labels == tuple(SEVEN_EMOTIONS)
    assert [len(reader.samples(split)) for split in reader.splits] == [42, 14, 14]
    lines = (intact("fer2013") / "fer2013.csv").read_text().splitlines()
    for number, sample in zip(range(43, 57), reader.samples("validation"), strict=True):
        code, pixels, usage = lines[number].split(",")
        assert (usage, sample.label) == ("PublicTest", FER_2013[int(code)])
        picture = sample.read()
        assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8 and (picture == picture[:, :, :1]).all()
        assert picture[:, :, 0].ravel().tolist() == [int(pixel) for pixel in pixels.split()]
        assert sample.cropped
    names = {s.name for split in reader.splits for s in reader.samples(split)}
    assert len(names) == 70


def test_fer2013_reads_the_challenges_files_too(copy):
    root = copy("fer2013")
    plain = [(s.label, s.read().sum()) for s in Fer2013(root).samples("test")]
    rows = [line.split(",") for line in (root / "fer2013.csv").read_text().splitlines()[1:]]
    (root / "fer2013.csv").unlink()
    table = "emotion, Usage, pixels\n" + "".join(f"{code},{usage},{pixels}\n" for code, pixels, usage in rows)
    (root / "icml_face_data.csv").write_text(table)
    assert [(s.label, s.read().sum()) for s in Fer2013(root).samples("test")] == plain
    (root / "icml_face_data.csv").unlink()
    (root / "train.csv").write_text("emotion,pixels\n" + "".join(f'{code},"{pixels}"\n' for code, pixels, _ in rows))
    reader = Fer2013(root)
    assert reader.splits == ("train",) and len(reader.samples("train")) == 70
    assert len(Fer2013(root / "train.csv").samples("train")) == 70


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7,{pixels},Training", "expected an emotion from 0 to 6, found '7'"),
        ("x,{pixels},Training", "expected an emotion from 0 to 6, found 'x'"),
        ("3,1 2 3,Training", "expected 2304 pixels from 0 to 255, found '3 words"),
        ("3,{pixels} 4,Training", "expected 2304 pixels from 0 to 255, found '2305 words"),
        ("3,256{pixels},Training", "expected 2304 pixels from 0 to 255"),
        ("3,x{pixels},Training", "expected 2304 pixels from 0 to 255"),
        ("3,{pixels},Trainig", "expected a Usage of Training, PublicTest, PrivateTest, found 'Trainig'"),
        ("3,{pixels}", "expected a Usage"),
    ],
)
def test_fer2013_refuses_a_line_that_is_none(copy, line, message):
    root = copy("fer2013")
    with (root / "fer2013.csv").open("a") as file:
        file.write(line.format(pixels=" ".join(["1"] * 2304)) + "\n")
    with pytest.raises(DatasetError, match=rf"fer2013\.csv, line 72: {message}"):
        Fer2013(root).samples("train")


def test_fer2013_says_what_is_missing(tmp_path):
    with pytest.raises(DatasetError, match=r"Expected the file .*fer2013\.csv; in .* there is nothing"):
        Fer2013(tmp_path)
    (tmp_path / "fer2013.csv").write_text("pixels,Usage\n")
    with pytest.raises(DatasetError, match=r"fer2013\.csv has no column emotion; .* found pixels, Usage"):
        Fer2013(tmp_path)
    (tmp_path / "fer2013.csv").write_text("")
    with pytest.raises(DatasetError, match="no column emotion, pixels.*an empty file"):
        Fer2013(tmp_path)
    madeup.fer2013(tmp_path, 7, 7, 0)
    with pytest.raises(DatasetError, match="'test' of .* has no usable sample"):
        Fer2013(tmp_path).samples("test")

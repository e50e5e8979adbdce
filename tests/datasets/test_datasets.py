"""Samples, triplets, the base of readers, opening by name, and the digest of a split."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from facezoo import datasets
from facezoo.datasets import AnnotatedTriplet, Reader, Sample, TripletReader, open_dataset, reader_of, split_digest
from facezoo.errors import DatasetError, InputError, PluginError, UnknownNameError
from facezoo.plugins import Plugin, Plugins, discover
from facezoo.specs import DatasetSpec
from tests import madeup
from tests.conftest import ROOT

FACES = tuple(Sample(f"{i}.png", Path(f"{i}.png")) for i in range(3))


def triplet(*answers: int) -> AnnotatedTriplet:
    return AnnotatedTriplet(FACES, "two-class", tuple((f"a{i}", answer) for i, answer in enumerate(answers)))


class Numbers(Reader):
    """Split "train" of three samples, one of which is left out; split "test" of none."""

    layout = "ROOT"
    splits = ("train", "test")
    collected = 0

    def collect(self, split: str) -> list[Sample]:
        self.collected += 1
        for number in range(5):
            self.skip(split, "numbers are odd", f"number {number}")
        return [Sample("a", Path("a"), label="x"), Sample("b", Path("b"))] if split == "train" else []


class Triplets(TripletReader):
    layout = "ROOT"
    splits = ("train",)

    def collect_triplets(self, split: str) -> list[AnnotatedTriplet]:
        return [triplet(0), AnnotatedTriplet((FACES[2], FACES[0], FACES[1]), "one-class", (("a", 1),))]


@pytest.mark.parametrize(
    ("answers", "votes", "odd", "positive"),
    [
        ((0,), (1, 0, 0), 0, (1, 2)),
        ((1, 1, 0), (1, 2, 0), 1, (0, 2)),
        ((2, 2, 2, 0), (1, 0, 3), 2, (0, 1)),
        ((0, 1), (1, 1, 0), None, None),
        ((0, 1, 2), (1, 1, 1), None, None),
        ((0, 0, 1, 1, 2), (2, 2, 1), None, None),
    ],
)
def test_the_odd_one_out_is_the_annotators_majority_and_the_others_are_the_pair(answers, votes, odd, positive):
    found = triplet(*answers)
    assert (found.votes, found.odd, found.positive) == (votes, odd, positive)


def test_a_sample_reads_files_and_arrays_as_rgb_bytes(tmp_path):
    picture = madeup.face((1, 0, 0), 0, 20)
    path = madeup.write(tmp_path / "a.png", picture)
    assert np.array_equal(Sample("a", path).read(), picture)
    shared = np.broadcast_to(picture[:, :, :1], (20, 20, 3))
    assert np.array_equal(Sample("a", shared).read(), shared) and Sample("a", shared).read().flags.c_contiguous


def test_a_damaged_picture_is_named_when_it_is_read(tmp_path):
    path = madeup.write(tmp_path / "cut.jpg", madeup.face((1, 0, 0), 0, 64))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match=r"cut\.jpg is damaged"):
        Sample("cut", path).read()
    with pytest.raises(InputError, match=r"no file .*gone\.jpg"):
        Sample("gone", tmp_path / "gone.jpg").read()


def test_samples_and_triplets_travel_to_other_processes():
    sent = pickle.loads(pickle.dumps(triplet(0, 2)))
    assert sent.answers == (("a0", 0), ("a1", 2)) and [s.name for s in sent.images] == ["0.png", "1.png", "2.png"]


def test_a_split_is_collected_once_and_what_was_left_out_is_told(tmp_path):
    reader = Numbers(tmp_path)
    assert reader.notes() == ()
    assert [s.name for s in reader.samples("train")] == [s.name for s in reader.samples("train")] == ["a", "b"]
    reader.samples("train").clear()
    assert len(reader.samples("train")) == 2 and reader.collected == 1
    assert reader.notes() == ("train: numbers are odd: 5 (number 0, number 1, number 2, …)",)


def test_an_unknown_and_an_empty_split_are_errors(tmp_path):
    reader = Numbers(tmp_path)
    with pytest.raises(DatasetError, match=r"no split 'tain'; it has train, test\. Did you mean train\?"):
        reader.samples("tain")
    with pytest.raises(DatasetError, match=r"'test' of .* has no usable sample\. Left out: test: numbers are odd: 5 "):
        reader.samples("test")


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="There is no folder .*gone"):
        Numbers(tmp_path / "gone")


def test_what_is_expected_is_told_with_what_is_there_instead(tmp_path):
    reader = Numbers(tmp_path)
    assert "there is nothing" in str(reader.expected(tmp_path / "a" / "b.csv"))
    for number in range(10):
        (tmp_path / f"f{number}.txt").touch()
    (tmp_path / "a").mkdir()
    text = str(reader.expected(tmp_path / "z.csv"))
    assert f"Expected the file {tmp_path / 'z.csv'}" in text and "a/, f0.txt" in text and "and 3 more" in text


def test_a_face_in_several_triplets_is_one_sample(tmp_path):
    reader = Triplets(tmp_path)
    assert reader.samples("train") == list(FACES)
    with pytest.raises(DatasetError, match="no split 'test'"):
        reader.triplets("test")


def test_a_name_opens_a_reader_and_a_misspelt_one_names_it(tmp_path):
    assert type(open_dataset("rafdb", madeup.rafdb(tmp_path))).__name__ == "RafDb"
    with pytest.raises(UnknownNameError, match="rafdb"):
        open_dataset("raf-db", tmp_path)


def test_a_wrong_layout_says_where_the_right_one_is_shown(tmp_path):
    with pytest.raises(DatasetError, match=r"fer2013\.csv.*`facezoo datasets fer2013` shows the layout"):
        open_dataset("fer2013", tmp_path)


@pytest.mark.parametrize("target", ["pathlib:Path", "facezoo.datasets:open_dataset"])
def test_a_plugin_whose_reader_is_none_is_an_error(monkeypatch, target, tmp_path):
    spec = DatasetSpec(name="wrong", target=target, summary="", plugin="sick")
    monkeypatch.setattr(datasets, "discover", lambda: Plugins((Plugin("sick", "sick", "sick", "1", (spec,)),)))
    with pytest.raises(PluginError, match="no facezoo.datasets.Reader"):
        open_dataset("wrong", tmp_path)


@pytest.mark.parametrize("name", [spec.name for spec in discover().all(DatasetSpec)])
def test_every_reader_shows_its_layout_and_refuses_an_empty_folder(name, tmp_path):
    assert "ROOT" in reader_of(name).layout
    with pytest.raises(DatasetError, match=f"[Ee]xpected.*{re.escape(str(tmp_path))}"):
        open_dataset(name, tmp_path)


def test_the_digest_says_which_samples_labels_and_values_were_used():
    def digest(name="a", label="x", **values: float) -> str:
        return split_digest([Sample("0", Path("0")), Sample(name, Path("elsewhere") / name, label=label, values=values)])

    assert re.fullmatch("[0-9a-f]{12}", digest())
    assert digest() == split_digest([Sample("a", Path("a"), label="x"), Sample("0", Path("0"))])
    assert len({digest(), digest("b"), digest(label="y"), digest(yaw=1), digest(yaw=2), digest(pitch=1)}) == 6
    assert split_digest([triplet(0)]) == split_digest([triplet(0)]) != split_digest([triplet(1)])


def test_every_picture_that_cannot_be_read_is_found(tmp_path):
    madeup.write(tmp_path / "whole.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes((tmp_path / "whole.png").read_bytes()[:40])
    samples = [Sample(name, tmp_path / name) for name in ("broken.png", "whole.png", "gone.png")]
    found = list(datasets.unreadable(samples))
    assert [sample for sample, _ in found] == [samples[0], samples[2]]
    assert all(sample.name in why for sample, why in found)


def test_the_documented_reader_works(tmp_path):
    """The example of docs/datasets.md, as it is printed there."""
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Named" in block)
    scope: dict = {}
    exec(code, scope)
    with pytest.raises(DatasetError, match=r"anna_happy_012\.jpg"):
        scope["Named"](tmp_path)
    for word in ("happy", "angry", "bored"):
        madeup.write(tmp_path / f"ben_{word}_007.jpg", madeup.face((0, 0, 0), 0, 8))
    reader = scope["Named"](tmp_path)
    assert [(s.label, s.person) for s in reader.samples("all")] == [("anger", "ben"), ("happiness", "ben")]
    assert reader.notes() == ("all: pictures have another expression: 1 (ben_bored_007.jpg)",)

"""The reader ``synthetic``: samples, splits by person, shards, unfinished sets, and triplets that follow from distances."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facezoo.plugin import DatasetError, InputError, TripletReader, open_dataset, split_digest
from facezoo_synthetic import layout
from facezoo_synthetic.action_units import ACTION_UNITS
from facezoo_synthetic.labels import write_labels
from facezoo_synthetic.reader import SyntheticFaces
from facezoo_synthetic.rendering import row
from facezoo_synthetic.starting import open_set
from tests.synthetic.conftest import settings


@pytest.fixture(scope="module")
def reader(rendered) -> SyntheticFaces:
    found = open_dataset("synthetic", rendered())
    assert isinstance(found, SyntheticFaces) and isinstance(found, TripletReader)
    return found


def test_persons_are_split_by_their_numbers(reader):
    persons = {split: {int((sample.person or "")[1:]) for sample in reader.samples(split)} for split in reader.splits}
    assert persons["test"] == {7, 17} and persons["validation"] == {8, 18}
    assert persons["train"] == set(range(20)) - {7, 8, 17, 18} and persons["all"] == set(range(20))
    assert len(reader.samples("all")) == 40


def test_a_sample_says_what_is_known_of_its_picture(reader, studio):
    sample = reader.samples("all")[11]
    _, [known] = studio.take([studio.plan(11, 5)])
    assert (sample.name, sample.person, sample.label) == ("images/000/000005/01.png", "p000005", known.emotion)
    assert set(sample.values) == {"intensity", "yaw", "pitch", "roll", "gaze_right", "gaze_up", *ACTION_UNITS}
    assert sample.values["yaw"] == pytest.approx(known.yaw) and sample.values["AU26"] == pytest.approx(known.units["AU26"])
    assert sample.landmarks == pytest.approx(known.five)
    assert sample.read().shape == (32, 32, 3) and not sample.cropped
    assert reader.shapes("all")[11] == pytest.approx(known.identity)
    assert len(reader.shapes("test")) == len(reader.samples("test"))


def test_shards_hold_the_same_samples(reader, rendered):
    packed = SyntheticFaces(rendered(shards="webdataset"))
    for plain, sample in zip(reader.samples("all"), packed.samples("all"), strict=True):
        assert (sample.label, sample.person, dict(sample.values)) == (plain.label, plain.person, dict(plain.values))
        assert np.array_equal(sample.read(), plain.read())
    assert packed.samples("all")[11].name == "shards/00000.tar#000005_01.png"


def test_a_damaged_shard_is_named_with_the_picture(rendered, tmp_path):
    root = Path(shutil.copytree(rendered(shards="webdataset"), tmp_path / "set"))
    (root / "shards" / "00000.tar").write_bytes(b"\0" * 100_000)
    with pytest.raises(InputError, match="000000_01.png"):
        SyntheticFaces(root).samples("all")[1].read()


def test_an_unfinished_set_is_read_as_far_as_it_goes(rendered, tmp_path, monkeypatch):
    root = Path(shutil.copytree(rendered(), tmp_path / "set"))
    monkeypatch.setattr(layout, "CHUNK", 40)
    (root / "synthetic.json").write_text((root / "synthetic.json").read_text().replace('"people": 20', '"people": 50'))
    reader = SyntheticFaces(root)
    assert len(reader.samples("all")) == 40
    assert reader.notes() == ("all: chunks are not rendered yet: 2 (00001.parquet, 00002.parquet)",)


@pytest.mark.parametrize("name, message", [("synthetic.json", "Expected the file"), ("labels", "labels of the first chunk")])
def test_what_is_missing_is_named(rendered, tmp_path, name, message):
    root = Path(shutil.copytree(rendered(), tmp_path / "set"))
    shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()
    with pytest.raises(DatasetError, match=message):
        open_dataset("synthetic", root).samples("train")


def test_labels_of_something_else_are_refused(rendered, tmp_path):
    import pyarrow
    import pyarrow.parquet

    root = Path(shutil.copytree(rendered(), tmp_path / "set"))
    pyarrow.parquet.write_table(pyarrow.table({"file": ["a"]}), root / "labels" / "00000.parquet")
    with pytest.raises(DatasetError, match="has no column .*AU1"):
        SyntheticFaces(root).samples("train")


@pytest.fixture(scope="module")
def many(head_file, studio, tmp_path_factory) -> SyntheticFaces:
    """Two hundred persons of whom there are labels only: triplets need no pictures."""
    root, facts = tmp_path_factory.mktemp("many"), settings(head_file, people=200)
    for chunk in open_set(root, facts):
        plans = [studio.plan(number, number // 2) for number in facts.numbers(chunk)]
        rows = [row(facts, number, studio.labels(plan, np.zeros((68, 2)))) for number, plan in enumerate(plans)]
        write_labels(layout.labels_path(root, chunk), rows, studio.head.names)
    return SyntheticFaces(root)


def test_there_are_as_many_triplets_as_samples_a_third_of_each_kind(many):
    triplets = many.triplets("train")
    assert len(triplets) == len(many.samples("train")) == 320
    assert Counter(triplet.kind for triplet in triplets) == {"one-class": 107, "two-class": 107, "three-class": 106}
    for triplet in triplets:
        classes = {sample.label for sample in triplet.images}
        assert len(classes) == {"one-class": 1, "two-class": 2, "three-class": 3}[triplet.kind]
        assert len({id(sample) for sample in triplet.images}) == 3
        assert len({who for who, _ in triplet.answers}) == 6
    assert min(Counter(triplet.odd for triplet in triplets if triplet.odd is not None).values()) > 60


def test_answers_follow_from_the_distances_of_action_units(many):
    agree, single = [], []
    for triplet in many.triplets("train"):
        units = np.array([[sample.values[unit] for unit in ACTION_UNITS] for sample in triplet.images])
        apart = [np.linalg.norm(units[a] - units[b]) for a, b in ((1, 2), (0, 2), (0, 1))]
        odd = int(np.argmin(apart))
        single += [said == odd for _, said in triplet.answers]
        if triplet.odd is not None and min(apart) < 0.7 * sorted(apart)[1]:
            agree.append(triplet.odd == odd)
    assert len(agree) > 60 and np.mean(agree) > 0.95, "where one pair is clearly nearest people say so"
    assert 0.6 < np.mean(single) < 0.95, "each for himself errs now and then"


def test_triplets_are_the_same_each_time_and_share_their_samples(reader, rendered):
    again = SyntheticFaces(rendered())
    assert split_digest(again.triplets("train")) == split_digest(reader.triplets("train"))
    assert split_digest(reader.triplets("train")) != split_digest(reader.triplets("all"))
    samples = {id(sample) for sample in again.samples("train")}
    assert {id(sample) for triplet in again.triplets("train") for sample in triplet.images} <= samples

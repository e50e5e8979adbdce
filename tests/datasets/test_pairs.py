"""LFW, CPLFW and the portraits: pairs, folds, people, boxes, and layouts that are broken."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facezoo.datasets import FacePair, PairReader, Sample, open_dataset, split_digest
from facezoo.plugin import DatasetError
from facezoo_readers.cplfw import CpLfw
from facezoo_readers.lfw import Lfw
from facezoo_readers.portraits import Portraits
from tests import madeup, published


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.lfw(tmp_path_factory.mktemp("lfw"))


@pytest.fixture(scope="module")
def cplfw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.cplfw(tmp_path_factory.mktemp("cplfw"))


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.portraits(tmp_path_factory.mktemp("portraits"))


def test_lfw_has_the_pairs_of_its_list_in_its_folds(lfw):
    pairs = Lfw(lfw).pairs("test")
    lines = (lfw / "pairs.txt").read_text().splitlines()[1:]
    assert len(pairs) == 60 and Counter(pair.fold for pair in pairs) == dict.fromkeys(range(10), 6)
    for pair, line in zip(pairs, lines, strict=True):
        words = line.split()
        first, second = (words[:2], [words[0], words[2]]) if len(words) == 3 else (words[:2], words[2:])
        assert pair.same == (len(words) == 3) == (pair.first.person == pair.second.person)
        for sample, (name, number) in ((pair.first, first), (pair.second, second)):
            assert sample.name == f"{name}/{name}_{int(number):04d}.jpg" and sample.person == name
            assert sample.read().shape == (250, 250, 3)


def test_a_picture_in_several_pairs_is_one_sample_with_the_box_in_its_middle(lfw):
    reader = Lfw(lfw)
    samples = reader.samples("test")
    assert len({sample.name for sample in samples}) == len(samples) <= 32
    x0, y0, x1, y1 = samples[0].box
    assert (x0 + x1, y0 + y1) == (250, 250) and x1 - x0 == pytest.approx(250 / 2.2) and not samples[0].cropped


def test_lfw_reads_view_1_and_other_names_of_its_folder(lfw, tmp_path):
    root = Path(shutil.copytree(lfw, tmp_path / "lfw"))
    (root / "lfw").rename(root / "lfw_funneled")
    lines = (root / "pairs.txt").read_text().splitlines()[1:7]
    (root / "pairsDevTest.txt").write_text("\n".join(["3", *lines]))
    reader = Lfw(root)
    assert reader.splits == ("validation", "test")
    assert [pair.fold for pair in reader.pairs("validation")] == [0] * 6
    assert reader.pairs("validation")[0].first.image.is_relative_to(root / "lfw_funneled")


def test_pairs_without_a_picture_are_counted(lfw, cplfw, tmp_path):
    root = Path(shutil.copytree(lfw, tmp_path / "lfw"))
    shutil.rmtree(root / "lfw" / "Person_A")
    reader = Lfw(root)
    kept = reader.pairs("test")
    assert not any("Person_A" in (pair.first.person, pair.second.person) for pair in kept)
    assert reader.notes()[0].startswith(f"test: pairs lack a picture: {60 - len(kept)} (pairs.txt, line ")
    root = Path(shutil.copytree(cplfw, tmp_path / "cplfw"))
    (root / "images" / "Person_A_1.jpg").unlink()
    reader = CpLfw(root)
    assert len(reader.pairs("test")) < 40 and "pairs lack a picture" in reader.notes()[0]


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (0, "ten folds", "line 1: expected the number of folds and of pairs of a kind"),
        (0, "10\t4", "says 10 4, which is 80 pairs, and has 60"),
        (1, "Person_A 1", "line 2: expected a name and two numbers, found 'Person_A 1'"),
        (1, "Person_A one 2", "line 2: expected a name and two numbers"),
        (4, "Person_A 1 2", "line 5: expected a name, a number, another name and its number"),
    ],
)
def test_lfw_refuses_a_list_that_is_none(lfw, tmp_path, line, text, message):
    root = Path(shutil.copytree(lfw, tmp_path / "lfw"))
    lines = (root / "pairs.txt").read_text().splitlines()
    (root / "pairs.txt").write_text("\n".join([*lines[:line], text, *lines[line + 1 :]]))
    with pytest.raises(DatasetError, match=message):
        Lfw(root).pairs("test")


def test_pair_readers_say_what_is_missing(lfw, tmp_path):
    (tmp_path / "pairs.txt").write_text((lfw / "pairs.txt").read_text())
    with pytest.raises(DatasetError, match="Expected the pictures .*_0001.jpg; in .* there is pairs.txt"):
        Lfw(tmp_path)
    (tmp_path / "pairs_CPLFW.txt").write_text("a_1.jpg 1\nb_1.jpg 1\n")
    with pytest.raises(DatasetError, match="Expected the pictures such as .*AJ_Cook_1.jpg"):
        CpLfw(tmp_path)


def test_cplfw_has_two_lines_per_pair_and_balanced_folds(cplfw):
    pairs = CpLfw(cplfw).pairs("test")
    lines = (cplfw / "pairs_CPLFW.txt").read_text().splitlines()
    assert len(pairs) == 40
    for pair, first, second in zip(pairs, lines[::2], lines[1::2], strict=True):
        assert [f"{pair.first.name} {int(pair.same)}", f"{pair.second.name} {int(pair.same)}"] == [first, second]
        assert pair.same == (pair.first.person == pair.second.person)
    assert Counter((pair.fold, pair.same) for pair in pairs) == {(f, s): 2 for f in range(10) for s in (True, False)}
    assert pairs[0].first.person == pairs[0].first.name[:8] and not pairs[0].first.cropped


def test_cplfws_aligned_pictures_are_face_crops(tmp_path):
    reader = CpLfw(published.cplfw(tmp_path, 3, 2, 10, folder="aligned images"))
    assert all(sample.cropped for sample in reader.samples("test"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Person_A_1.jpg 1\n", "has 1 lines; expected two for each pair"),
        ("", "has 0 lines"),
        ("Person_A_1.jpg 1\nPerson_A_2.jpg 0\n", "line 1: the two lines of a pair have the labels 1 and 0"),
        ("Person_A_1.jpg yes\nPerson_A_2.jpg yes\n", "line 1: expected a picture and 0 or 1"),
    ],
)
def test_cplfw_refuses_a_list_that_is_none(cplfw, tmp_path, text, message):
    root = Path(shutil.copytree(cplfw, tmp_path / "cplfw"))
    (root / "pairs_CPLFW.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        CpLfw(root).pairs("test")


def test_portraits_of_one_person_are_never_in_both_splits(portraits):
    reader = Portraits(portraits)
    people = {split: {sample.person for sample in reader.samples(split)} for split in reader.splits}
    assert people["test"] >= {"c0", "c8", "c10007", "c10077"} and "c10001" in people["train"]
    assert not people["train"] & people["test"] and len(people["test"]) == 24
    assert sum(len(reader.samples(split)) for split in reader.splits) == 64
    sample = reader.samples("test")[0]
    assert sample.landmarks == pytest.approx(madeup.LANDMARKS * 48, abs=0.01) and sample.label is None


def test_portraits_pairs_are_balanced_of_the_first_hold_out_and_their_kinds_do_not_tell(portraits):
    reader = Portraits(portraits)
    pairs = reader.pairs("test")
    same, others = ([pair for pair in pairs if pair.same is kind] for kind in (True, False))
    people = {sample.person for sample in reader.samples("test") if int(sample.person[1:]) < 10_000}
    assert {pair.first.person for pair in same} == people and len(same) == len(others) == len(people) == 16
    assert all((pair.first.person == pair.second.person) is pair.same for pair in pairs)
    tiers = dict(line.split(",")[:3:2] for line in (portraits / "portraits.csv").read_text().splitlines()[1:])
    kinds = [Counter((tiers[pair.first.name], tiers[pair.second.name]) for pair in part) for part in (same, others)]
    assert kinds[0] == kinds[1] and len(kinds[0]) == 2
    assert Counter(pair.fold for pair in same) == Counter(pair.fold for pair in others)
    assert {pair.fold for pair in pairs} == set(range(10))


def test_two_prints_of_one_photo_are_no_pair(portraits, tmp_path):
    root = Path(shutil.copytree(portraits, tmp_path / "portraits"))
    picture = np.clip(Sample("", root / "images" / "00000_0.jpg").read() * 0.8 + 20, 0, 255).astype(np.uint8)
    madeup.write(root / "images" / "00000_1.jpg", picture)
    reader = Portraits(root)
    assert "c0" not in {pair.first.person for pair in reader.pairs("test") if pair.same}
    assert reader.notes() == ("test: people have one photo twice, which is no pair: 1 (00000_0.jpg)",)


def test_portraits_refuse_a_table_that_is_none(portraits, tmp_path):
    root = Path(shutil.copytree(portraits, tmp_path / "portraits"))
    text = (root / "portraits.csv").read_text()
    for old, new, message in (
        ("nose_x", "nose", "has no column nose_x"),
        ("00000_0.jpg,0,", "00000_0.jpg,zero,", "line 2: expected 15 columns and a number of a person"),
        ("A-bioguide,100,0,", "A-bioguide,100,0,x", "line [0-9]+: .*expected a number of pixels"),
    ):
        (root / "portraits.csv").write_text(text.replace(old, new, 1))
        with pytest.raises(DatasetError, match=message):
            Portraits(root).samples("test")


def test_the_digest_of_pairs_knows_names_same_and_fold():
    faces = [Sample(name, Path(name)) for name in "abc"]
    pair = FacePair(faces[0], faces[1], True, 3)
    digest = split_digest([pair])
    changed = (
        FacePair(faces[0], faces[2], True, 3),
        FacePair(faces[0], faces[1], False, 3),
        FacePair(faces[0], faces[1], True, 4),
    )
    assert len({digest, *(split_digest([other]) for other in changed)}) == 4
    assert split_digest([pair, changed[0]]) == split_digest([changed[0], pair])


def test_a_split_without_a_pair_is_an_error(tmp_path):
    class Empty(PairReader):
        layout, splits = "ROOT", ("test",)

        def collect_pairs(self, split: str) -> list[FacePair]:
            self.skip(split, "pairs lack a picture", "line 1")
            return []

    with pytest.raises(DatasetError, match=r"has no usable pair\. Left out: test: pairs lack a picture: 1 \(line 1\)"):
        Empty(tmp_path).pairs("test")


@pytest.mark.parametrize("name", ["lfw", "cplfw", "portraits"])
def test_pairs_are_counted_by_the_command(name, request):
    from facezoo.cli.datasets import counts

    facts = counts(open_dataset(name, request.getfixturevalue(name)), "test")
    assert facts["pairs"] == 2 * facts["same"] and facts["folds"] == 10 and facts["persons"] > 1

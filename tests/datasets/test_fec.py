"""FEC: what its columns mean, what does not fit, which pictures are there, and where the splits are cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facezoo.plugin import DatasetError, TripletReader
from facezoo_readers.fec import FacialExpressionComparison, file_name
from tests import madeup

BOX = "0.25,0.75,0.1,0.9"  # left, right, top, bottom
URLS = tuple(f"http://farm{i}.example.org/1/{name}.jpg" for i, name in enumerate("abcd"))
SIZES = {"a": (80, 40), "b": (60, 60), "c": (20, 100), "d": (10, 10)}  # width, height


def line(*answers: str, urls=URLS, box: str = BOX, kind: str = "TWO_CLASS_TRIPLET") -> str:
    return ",".join([*(f"{url},{box}" for url in urls[:3]), kind, *answers]) + "\n"


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., FacialExpressionComparison]:
    """``tiny(line, …)``: a reader of these lines as test csv, with the pictures a to d."""

    def write(*lines: str) -> FacialExpressionComparison:
        (tmp_path / "faceexp-comparison-data-test-public.csv").write_text("".join(lines))
        for name, size in SIZES.items():
            madeup.write(tmp_path / "images" / f"{name}.jpg", np.zeros((size[1], size[0], 3), np.uint8))
        return FacialExpressionComparison(tmp_path)

    return write


def test_an_answer_is_the_image_that_is_least_similar(tiny):
    """The known mistake is to take images 1 and 2 for the positive pair: the columns' order says nothing."""
    triplets = tiny(line("8", "1"), line("8", "2"), line("8", "3")).triplets("test")
    assert [t.odd for t in triplets] == [0, 1, 2]
    assert [t.positive for t in triplets] == [(1, 2), (0, 2), (0, 1)]
    assert {tuple(sample.image.name for sample in t.images) for t in triplets} == {("a.jpg", "b.jpg", "c.jpg")}


def test_the_positive_pair_is_the_one_that_looks_alike(intact):
    """On faces whose expression is in the pixels the annotated pair is the closer one, more often than any fixed pair is."""
    reader = FacialExpressionComparison(intact("fec"))
    right = {"annotated": 0, "first two": 0}
    triplets = [t for t in reader.triplets("test") if t.odd is not None and t.kind == "two-class"]
    for triplet in triplets:
        crops = [_mouth(sample) for sample in triplet.images]
        apart = {pair: float(np.abs(crops[pair[0]] - crops[pair[1]]).mean()) for pair in ((0, 1), (0, 2), (1, 2))}
        closest = min(apart, key=apart.__getitem__)
        right["annotated"] += closest == triplet.positive
        right["first two"] += closest == (0, 1)
    assert right["annotated"] >= 0.7 * len(triplets) > 0.5 * len(triplets) > right["first two"]


def _mouth(sample) -> np.ndarray:
    """(12, 12) darkness of the lower half of the face, cut out by its box."""
    x0, y0, x1, y1 = sample.box
    part = Image.fromarray(sample.read()).crop((int(x0), int((y0 + y1) / 2), int(x1), int(y1))).resize((12, 12))
    return (np.asarray(part, np.float32)[:, :, 0] < 100).astype(np.float32)


def test_annotators_and_kinds_are_kept_and_rows_are_ragged(tiny):
    first, second = tiny(
        line("17", "2", "900", "1", "17", "2", kind="ONE_CLASS_TRIPLET"), line("5", "3", "", "", kind="THREE_CLASS_TRIPLET")
    ).triplets("test")
    assert first.answers == (("17", 1), ("900", 0), ("17", 1)) and first.kind == "one-class" and first.votes == (1, 2, 0)
    assert second.answers == (("5", 2),) and second.kind == "three-class"


def test_a_tie_is_kept_and_has_no_odd_one(tiny):
    [triplet] = tiny(line("1", "2", "2", "3")).triplets("test")
    assert triplet.odd is None and triplet.positive is None and triplet.votes == (0, 1, 1)


def test_boxes_are_pixels_of_the_upright_picture(tiny, tmp_path):
    reader = tiny(line("8", "1", box="0.25,0.75,0.1,0.9"))
    sideways = Image.new("RGB", (60, 30))
    exif = sideways.getexif()
    exif[0x0112] = 6  # shown turned by a quarter: 30 wide, 60 high
    sideways.save(tmp_path / "images" / "b.jpg", exif=exif)
    a, b, c = reader.triplets("test")[0].images
    assert a.box == pytest.approx((20, 4, 60, 36)) and c.box == pytest.approx((5, 10, 15, 90))
    assert b.box == pytest.approx((7.5, 6, 22.5, 54)) and b.read().shape == (60, 30, 3)
    assert not a.cropped and a.landmarks is None


def test_one_face_is_one_sample_and_another_box_is_another(tiny):
    other = line("8", "1", box="0.3,0.8,0.1,0.9")
    reader = tiny(line("8", "1"), line("8", "2"), other)
    first, second, third = reader.triplets("test")
    assert first.images[0] is second.images[0] and first.images[0] is not third.images[0]
    names = [sample.name for sample in reader.samples("test")]
    assert len(names) == len(set(names)) == 6 and names[0] == "images/a.jpg#0.25,0.75,0.1,0.9"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("url,left,right\n", "3 columns; expected 16"),
        (line(), "16 columns"),
        (line("8"), "17 columns"),
        (line("8", "1", "9"), "19 columns"),
        (line("8", "4"), "an answer '4'; expected 1, 2 or 3"),
        (line("8", "0"), "an answer '0'"),
        (line("8", "1", kind="FOUR_CLASS_TRIPLET"), "a triplet type 'FOUR_CLASS_TRIPLET'"),
        (line("8", "1", box="0.1,x,0.1,0.9"), "a box '0.1,x,0.1,0.9'"),
        (line("8", "1", box="0.9,0.1,0.1,0.9"), "a box 0.9,0.1"),
        (line("8", "1", box="20,60,4,36"), "in shares"),
        (line("8", "1", box="nan,0.5,0.1,0.9"), "a box nan"),
        (line("8", "1", urls=("http://example.org/", *URLS[1:])), "an address 'http://example.org/'"),
        ("\n", "0 columns"),
    ],
)
def test_a_malformed_line_is_left_out_and_told_by_its_number(tiny, bad, reason):
    reader = tiny(line("8", "1"), bad, line("8", "3"))
    assert [t.odd for t in reader.triplets("test")] == [0, 2]
    [note] = reader.notes()
    assert note.startswith("test: lines of faceexp-comparison-data-test-public.csv are malformed: 1 (line 2: ")
    assert reason in note


def test_a_stray_quotation_mark_spoils_one_line_only(tiny):
    quoted = ",".join([f'"{URLS[0]}",{BOX}', f"{URLS[1]},{BOX}", f"{URLS[2]},{BOX}", "ONE_CLASS_TRIPLET,5,2"]) + "\n"
    reader = tiny(line("8", "1"), line("8", "1").replace("TWO", '"TWO', 1), line("8", "3"), quoted)
    assert [t.odd for t in reader.triplets("test")] == [0, 2, 1]


def test_missing_pictures_and_files_that_are_none_are_counted(tiny, tmp_path):
    reader = tiny(line("8", "1"), line("8", "2", urls=URLS[1:]), line("8", "3", urls=(URLS[0], URLS[1], URLS[3])))
    (tmp_path / "images" / "d.jpg").write_text("<html>This photo is no longer available</html>")
    assert [t.odd for t in reader.triplets("test")] == [0]
    assert "test: files in images are no pictures: 1 (d.jpg)" in reader.notes()
    reader = FacialExpressionComparison(tmp_path)
    (tmp_path / "images" / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=rf"no usable triplet.*URLs have no picture in images: 1 \({URLS[0]}\)"):
        reader.triplets("test")
    assert "test: triplets lack a picture: 3 (row 0, row 1, row 2)" in reader.notes()


def test_pictures_are_looked_for_under_the_last_part_of_the_address(tiny, tmp_path):
    assert file_name("https://example.org/a/b%20c_d.jpg?size=2#top") == "b c_d.jpg"
    assert [file_name(f"https://example.org/{name}") for name in ("..", "a/%2E%2E", "a%2Fb.jpg", "")] == ["", "", "b.jpg", ""]
    twin = "http://elsewhere.example.org/a.jpg"
    reader = tiny(line("8", "1"), line("8", "2", urls=(twin, *URLS[1:])))
    names = reader.urls("test")
    assert list(names) == [*URLS[:3], twin]
    assert (
        names[twin] == f"{hashlib.sha256(twin.encode()).hexdigest()[:8]}-a.jpg" != names[URLS[0]] and names[URLS[1]] == "b.jpg"
    )
    with pytest.raises(DatasetError, match="URLs have no picture in images: 2 "):  # a.jpg could be either
        reader.triplets("test")
    for url in (URLS[0], twin):
        madeup.write(tmp_path / "images" / names[url], np.zeros((20, 20, 3), np.uint8))
    assert len(FacialExpressionComparison(tmp_path).triplets("test")) == 2


def test_addresses_can_be_listed_before_anything_is_downloaded(tiny, tmp_path):
    tiny(line("8", "1"))
    (tmp_path / "images").rename(tmp_path / "pictures")
    reader = FacialExpressionComparison(tmp_path)
    assert set(reader.urls("test")) == set(URLS[:3])
    with pytest.raises(DatasetError, match="Expected the folder of the pictures that the csv"):
        reader.triplets("test")


def test_validation_is_the_last_hundredth_of_the_train_rows_whatever_pictures_there_are(copy):
    root = copy("fec")
    reader = FacialExpressionComparison(root)
    assert isinstance(reader, TripletReader) and reader.splits == ("train", "validation", "test")
    assert [len(reader.triplets(split)) for split in reader.splits] == [297, 3, 60]
    urls = reader.urls("validation")
    lines = (root / "faceexp-comparison-data-train-public.csv").read_text().splitlines()
    assert {line.split(",")[0] for line in lines[-3:]} <= set(urls)
    for path in sorted((root / "images").iterdir())[:40]:
        if path.name not in urls.values():
            path.unlink()
    with (root / "faceexp-comparison-data-train-public.csv").open("a") as file:
        file.write("malformed\n")
    fewer = FacialExpressionComparison(root)
    assert fewer.urls("validation") == urls and len(fewer.triplets("validation")) == 3
    assert 0 < len(fewer.triplets("train")) < 297


def test_only_the_splits_whose_csv_is_there_can_be_read(copy):
    root = copy("fec")
    (root / "faceexp-comparison-data-train-public.csv").unlink()
    assert FacialExpressionComparison(root).splits == ("test",)
    (root / "faceexp-comparison-data-test-public.csv").unlink()
    with pytest.raises(DatasetError, match=r"faceexp-comparison-data-train-public\.csv.*there is images/"):
        FacialExpressionComparison(root)


def test_an_empty_csv_has_no_usable_triplet(tiny):
    with pytest.raises(DatasetError, match="'test' of .* has no usable triplet"):
        tiny("").triplets("test")

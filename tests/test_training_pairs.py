"""Where cycle-face's pairs come from: layouts, chance, augmentation, and errors that name the file expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facezoo.plugin import DatasetError, SquareCrop, open_dataset
from facezoo_cycle_face.augment import Augmentation, Square, draw, recolour
from facezoo_cycle_face.pairs import LANDMARKS, PairDataset, Shot, Track, persons_of, single_portraits, voxceleb_frames

CROP = SquareCrop(scale=2.6, shift=(0.0, -0.03))
STILL = Augmentation(area=(1, 1), ratio=(1, 1), colour_share=0, flip=0)


def picture(seed: int, size: int = 96) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(path)


def track(count: int, flip_share: float = 0.0, first: int = 0) -> Track:
    return Track("someone", tuple(Shot(picture(first + i)) for i in range(count)), flip_share)


def whole(shot: Shot) -> torch.Tensor:
    return torch.from_numpy(draw(*shot.read(), 64, None, STILL)[0].transpose(2, 0, 1).copy())


def test_a_single_portrait_is_paired_with_its_mirror_image():
    item = PairDataset([track(1)], 64, Augmentation())[0]
    assert torch.equal(item["second"], item["first"].flip(-1))
    assert item["first"].dtype == torch.uint8 and item["first"].shape == (3, 64, 64)


def test_independent_flips_differ_in_the_plane_but_share_their_colours():
    options = STILL.model_copy(update={"rotation": 15.0, "shift": 0.05})
    item = PairDataset([track(1)], 64, options, independent=True)[0]
    assert not torch.equal(item["second"], item["first"]) and not torch.equal(item["second"], item["first"].flip(-1))
    assert (item["first"].float().mean() - item["second"].float().mean()).abs() < 12


def test_frames_are_paired_with_other_frames_and_with_their_mirror_images_in_the_given_share():
    dataset = PairDataset([track(5, flip_share=0.3)], 64, STILL)
    frames = [whole(shot) for shot in dataset.tracks[0].shots]
    mirrored, seen = 0, set()
    for epoch in range(300):
        dataset.set_epoch(epoch)
        item = dataset[0]
        first = next(i for i, frame in enumerate(frames) if torch.equal(frame, item["first"]))
        mirror = torch.equal(item["second"], item["first"].flip(-1))
        mirrored += mirror
        seen.add(first)
        assert mirror or not torch.equal(item["second"], item["first"])  # never the same frame as it is
    assert seen == set(range(5))  # the last frame too
    assert 0.2 < mirrored / 300 < 0.4


def test_the_second_stage_takes_another_track_and_a_second_picture_of_each():
    tracks = [track(2, first=10 * i) for i in range(3)]
    dataset = PairDataset(tracks, 64, STILL, partner="other", again=True)
    frames = [[whole(shot) for shot in t.shots] for t in tracks]
    for epoch in range(20):
        dataset.set_epoch(epoch)
        item = dataset[1]
        assert int(item["owner"]) == 1 != int(item["other"])
        for name, owner in (("first", "owner"), ("first_again", "owner"), ("second", "other"), ("second_again", "other")):
            assert any(torch.equal(item[name], frame) for frame in frames[int(item[owner])])


def test_an_item_follows_from_seed_epoch_and_index_alone():
    options = Augmentation(rotation=10, turn=5, mouth=0.02, elastic=0.01, zoom=0.1, stretch=0.1)
    make = [PairDataset([track(3), track(4, first=20)], 64, options, seed=seed) for seed in (0, 0, 1)]
    for dataset in make:
        dataset.set_epoch(2)
    make[0][0]  # what was drawn before plays no part
    assert torch.equal(make[0][1]["second"], make[1][1]["second"])
    assert not torch.equal(make[0][1]["second"], make[2][1]["second"])
    make[1].set_epoch(3)
    assert not torch.equal(make[0][1]["second"], make[1][1]["second"])


def test_a_crop_without_chance_is_the_square_of_the_picture():
    source = picture(0, 200)
    cut, points = draw(source, Square(100, 90, 128), 64, None, Augmentation())
    box = Image.fromarray(source).resize((64, 64), Image.Resampling.BOX, (36, 26, 164, 154))
    assert np.abs(cut.astype(int) - np.asarray(box)).max() <= 2
    assert np.isnan(points).all()  # none were given


def test_landmarks_move_with_the_picture_and_keep_their_order_in_a_mirrored_one():
    source = np.zeros((200, 200, 3), np.uint8)
    points = np.array([[70.0, 70], [130, 75], [100, 100], [80, 130], [120, 128]])
    for x, y in points.astype(int):
        source[y - 3 : y + 3, x - 3 : x + 3] = 255
    moving = Augmentation(rotation=20, shift=0.05, zoom=0.1, stretch=0.1, turn=5, elastic=0.01, colour_share=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cut, moved = draw(source, Square(100, 100, 150), 64, rng, moving, points)
        assert moved[0, 0] < moved[1, 0] and moved[3, 0] < moved[4, 0]
        for x, y in ((moved + 1) * 32).astype(int):
            assert cut[y, x, 0] > 60  # on its spot
    far, moved = draw(source, Square(100, 100, 150), 64, None, moving, points + 1000)
    assert np.isnan(moved).all()


def test_a_big_picture_is_reduced_without_aliasing():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    cut, _ = draw(stripes, Square(512, 512, 900), 64, None, Augmentation())
    assert cut.std() < 3 and abs(cut.mean() - 127.5) < 3


def test_colours_change_in_the_given_share_and_stay_in_range():
    rng = np.random.default_rng(0)
    grey = picture(3, 64)
    strong = Augmentation(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1, colour_share=0.5)
    changed = sum(not np.array_equal(recolour(grey, rng, strong), grey) for _ in range(200))
    assert 70 < changed < 130
    assert np.array_equal(recolour(grey, rng, STILL), grey)


def test_voxceleb_folders_with_more_than_three_frames_are_tracks(tmp_path: Path):
    data = tmp_path / "unzippedIntervalFaces" / "data"
    for i in range(5):
        write(data / "A_Name" / "1.6" / "video" / "1" / f"{i:07}.jpg", i)
    for i in range(3):
        write(data / "A_Name" / "1.6" / "video" / "2" / f"{i:07}.jpg", i)
    tracks = voxceleb_frames(tmp_path)
    assert [t.name for t in tracks] == ["A_Name/1.6/video/1"] and len(tracks[0].shots) == 5


def test_a_table_says_where_faces_are_who_they_are_and_how_often(tmp_path: Path):
    for i in range(3):
        write(tmp_path / "images" / f"{i}.png", i)
    points = "30,40,60,40,45,55,35,70,55,70"
    header = ",".join(("file", "person", "repeat", *LANDMARKS))
    (tmp_path / "faces.csv").write_text(f"{header}\n0.png,7,1,{points}\n1.png,7,2,{points}\n")
    tracks = single_portraits(tmp_path, CROP)
    assert [t.name for t in tracks] == ["0.png", "1.png", "1.png"]  # the third picture is not in the table
    square = tracks[0].shots[0].square
    unit = 1.11 * 30
    assert (square.x, square.y, square.side) == pytest.approx((45, 55 - 0.03 * 2.6 * unit, 2.6 * unit))
    people = single_portraits(tmp_path, CROP, "person")
    assert [len(t.shots) for t in people] == [2, 2]


@pytest.mark.parametrize("wrong", ["file\n0.png\n", "file," + ",".join(LANDMARKS) + "\n0.png" + ",x" * 10 + "\n"])
def test_a_wrong_table_names_the_columns(tmp_path: Path, wrong: str):
    write(tmp_path / "0.png", 0)
    (tmp_path / "faces.csv").write_text(wrong)
    with pytest.raises(DatasetError, match="right_eye_x"):
        single_portraits(tmp_path, CROP)


def test_wrong_layouts_say_what_was_expected_where(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"1\.6/<video>/<track>.*found 0 pictures"):
        voxceleb_frames(tmp_path)
    with pytest.raises(DatasetError, match=r"No pictures in .*\.jpg"):
        single_portraits(tmp_path, CROP)
    write(tmp_path / "images" / "0.png", 0)
    header = ",".join(("file", *LANDMARKS))
    (tmp_path / "faces.csv").write_text(f"{header}\nother.png,30,40,60,40,45,55,35,70,55,70\n")
    with pytest.raises(DatasetError, match="names none of the 1 pictures"):
        single_portraits(tmp_path, CROP)


def persons(root: Path, *, landmarks: bool = True) -> Path:
    """Two people with three and two pictures, one with one; a table says who is who and where the faces are."""
    from facezoo_readers.table import SIDES

    points = "30,40,66,40,48,60,36,76,60,76" if landmarks else ""
    rows = []
    for number, person in enumerate("aaabbc"):
        write(root / f"{number}.png", number)
        rows.append(f"{number}.png,{person}" + (f",{points}" if landmarks else ""))
    header = ["file", "person", *(SIDES if landmarks else ())]
    (root / "faces.csv").write_text("\n".join([",".join(header), *rows]) + "\n")
    return root


def test_a_readers_persons_are_tracks_where_they_have_two_pictures(tmp_path: Path):
    reader = open_dataset("csv", persons(tmp_path))
    tracks = persons_of(reader, "all", CROP, 0.25, copies=2)
    assert (
        sorted((track.name, len(track.shots), track.flip_share) for track in tracks)
        == [("a", 3, 0.25)] * 2 + [("b", 2, 0.25)] * 2
    )
    shot = tracks[0].shots[0]
    assert shot.square is not None and shot.square.side == pytest.approx(2.6 * max(1.11 * 36, 36))
    assert shot.landmarks is not None and shot.landmarks[2].tolist() == [48, 60]


def test_pictures_of_a_reader_without_landmarks_are_whole_crops(tmp_path: Path):
    tracks = persons_of(open_dataset("csv", persons(tmp_path, landmarks=False)), "all", CROP)
    assert tracks[0].shots[0].square is None and tracks[0].shots[0].landmarks is None


def test_a_reader_with_one_picture_of_everybody_makes_no_pairs(tmp_path: Path):
    write(tmp_path / "a.png", 1)
    write(tmp_path / "b.png", 2)
    (tmp_path / "faces.csv").write_text("file,person\na.png,a\nb.png,b\n")
    with pytest.raises(DatasetError, match="nobody with two pictures whose faces are placed"):
        persons_of(open_dataset("csv", tmp_path), "all", CROP)

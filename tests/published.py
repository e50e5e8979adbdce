"""Made-up copies of the layouts of pairs, of head pose, of portraits and of rendered sets, on the drawn faces of ``madeup``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from facezoo.labels import SEVEN_EMOTIONS
from facezoo_readers.portraits import HELD_OUT
from facezoo_readers.table import SIDES
from facezoo_synthetic.labels import NUMBERS, write_labels
from facezoo_synthetic.layout import Settings, labels_path
from tests import madeup

Angles = tuple[float, float, float]  # yaw, pitch, roll in degrees, facezoo's signs


def photo_of(person: int, rng: np.random.Generator, size: int = 48, emotion: int | None = None) -> np.ndarray:
    """A picture of somebody with any expression (or one of ``SEVEN_EMOTIONS``): (size, size, 3) uint8 RGB."""
    chosen = SEVEN_EMOTIONS[int(rng.integers(7)) if emotion is None else emotion]
    return madeup.face(madeup.jittered(madeup.EXPRESSIONS[chosen], rng), person, size)


def lfw(root: Path, people: int = 8, each: int = 4, folds: int = 10, pairs: int = 3, *, seed: int = 0) -> Path:
    """``root/pairs.txt`` and ``root/lfw/<Name>/<Name>_0001.jpg``: the face in the middle of 250 x 250 pixels."""
    rng = np.random.default_rng(seed)
    names = [f"Person_{chr(65 + person)}" for person in range(people)]
    for person, name in enumerate(names):
        for number in range(1, each + 1):
            whole = np.full((250, 250, 3), rng.integers(60, 200, 3), np.uint8)
            whole[65:185, 65:185] = photo_of(person, rng, 120)
            madeup.write(root / "lfw" / name / f"{name}_{number:04d}.jpg", whole)
    (root / "pairs.txt").write_text("\n".join([f"{folds}\t{pairs}", *_lines(names, each, folds, pairs, rng)]) + "\n")
    return root


def _lines(names: Sequence[str], each: int, folds: int, pairs: int, rng: np.random.Generator) -> list[str]:
    found = []
    for _ in range(folds):
        for _ in range(pairs):
            first, second = rng.permutation(each)[:2] + 1
            found.append(f"{names[int(rng.integers(len(names)))]}\t{first}\t{second}")
        for _ in range(pairs):
            one, other = rng.permutation(len(names))[:2]
            found.append(f"{names[one]}\t{rng.integers(each) + 1}\t{names[other]}\t{rng.integers(each) + 1}")
    return found


def cplfw(root: Path, people: int = 6, each: int = 3, pairs: int = 20, *, folder: str = "images", seed: int = 0) -> Path:
    """``root/pairs_CPLFW.txt``, so many pairs of a kind, and ``root/images/<Name>_1.jpg``."""
    rng = np.random.default_rng(seed)
    names = [f"Person_{chr(65 + person)}" for person in range(people)]
    for person, name in enumerate(names):
        for number in range(1, each + 1):
            madeup.write(root / folder / f"{name}_{number}.jpg", photo_of(person, rng, 64))
    lines = []
    for same in (1, 0):
        for _ in range(pairs):
            one, other = rng.permutation(people)[:2]
            first, second = rng.permutation(each)[:2] + 1
            lines += [f"{names[one]}_{first}.jpg {same}", f"{names[one if same else other]}_{second}.jpg {same}"]
    (root / "pairs_CPLFW.txt").write_text("\n".join(lines) + "\n")
    return root


def posed(person: int, angles: Angles, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A face that roll turns in its picture and that yaw and pitch move across: the picture and (68, 2) landmarks."""
    yaw, pitch, roll = angles
    turned = Image.fromarray(photo_of(person, rng, size, emotion=0)).rotate(-roll, Image.Resampling.BILINEAR)
    shift = np.rint(np.array([yaw, -pitch]) / 60 * size * 0.15).astype(int)
    radians = np.deg2rad(roll)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    points = (madeup.sixty_eight(size) - size / 2) @ turn.T + size / 2 + shift
    return np.roll(np.asarray(turned), shift[::-1], axis=(0, 1)), points


def _any_pose(rng: np.random.Generator) -> Angles:
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * (60, 25, 25)
    return float(yaw), float(pitch), float(roll)


def three_hundred_w_lp(
    root: Path, photos: int = 8, copies: int = 4, *, folders: Sequence[str] = ("AFW", "AFW_Flip"), size: int = 64, seed: int = 0
) -> Path:
    """300W-LP: ``root/AFW/AFW_<photo>_<copy>.jpg`` and ``.mat`` with Pose_Para and pt2d (2, 68)."""
    rng = np.random.default_rng(seed)
    for folder in folders:
        for photo in range(photos):
            for copy in range(copies):
                angles = _any_pose(rng)
                picture, points = posed(photo, angles, size, rng)
                stem = root / folder / f"AFW_{photo:06d}_1_{copy}"
                madeup.write(stem.with_suffix(".jpg"), picture)
                savemat(f"{stem}.mat", {"Pose_Para": _fitted(angles), "pt2d": points.T})
    return root


def _fitted(angles: Angles) -> np.ndarray:
    """(1, 7) as the sets have it: pitch, yaw (towards the picture's left) and roll in radians, and four numbers more."""
    yaw, pitch, roll = np.deg2rad(angles)
    return np.array([[pitch, -yaw, roll, 100.0, 100.0, -50.0, 0.001]])


def aflw2000(root: Path, count: int = 12, *, size: int = 64, seed: int = 1) -> Path:
    """AFLW2000-3D: ``root/image00001.jpg`` and ``.mat`` with Pose_Para, pt3d_68 and pt2d (2, 21), -1 where not known."""
    rng = np.random.default_rng(seed)
    for number in range(1, count + 1):
        angles = _any_pose(rng)
        picture, points = posed(number % 5, angles, size, rng)
        madeup.write(root / f"image{number:05d}.jpg", picture)
        few = points[::3][:21].T.copy()
        few[:, 4] = -1
        deep = np.vstack([points.T, np.zeros(68)])
        savemat(str(root / f"image{number:05d}.mat"), {"Pose_Para": _fitted(angles), "pt2d": few, "pt3d_68": deep})
    return root


def biwi(root: Path, sequences: int = 3, frames: int = 6, *, size: int = 64, seed: int = 2) -> Path:
    """BIWI: ``root/hpdb/01/frame_00003_rgb.png`` and ``_pose.txt``."""
    rng = np.random.default_rng(seed)
    for sequence in range(1, sequences + 1):
        for frame in range(3, 3 + frames):
            angles = _any_pose(rng)
            picture, _ = posed(sequence, angles, size, rng)
            stem = root / "hpdb" / f"{sequence:02d}" / f"frame_{frame:05d}"
            madeup.write(Path(f"{stem}_rgb.png"), picture)
            rows = "\n".join(" ".join(f"{value:.6f}" for value in row) + " " for row in head_rotation(angles))
            Path(f"{stem}_pose.txt").write_text(f"{rows}\n\n10.5 -20.25 900.0 \n")
    return root


def head_rotation(angles: Angles) -> np.ndarray:
    """(3, 3): a head's axes (right, down, away) to a camera's: first rolled, then nodded, then turned."""
    yaw, pitch, roll = np.deg2rad(angles)
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    lean = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return nod @ turn @ lean


def fsa_npz(root: Path, train: int = 60, test: int = 20, *, size: int = 64, seed: int = 3) -> Path:
    """FSA-Net's npz files: two of the eight of 300W-LP, AFLW2000 and BIWI_noTrack; BGR, yaw towards the picture's left."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    for name, count in (("AFW", train // 2), ("AFW_Flip", train // 2), ("AFLW2000", test), ("BIWI_noTrack", test)):
        angles = [_any_pose(rng) for _ in range(count)]
        pictures = [posed(index % 5, given, size, rng)[0][:, :, ::-1] for index, given in enumerate(angles)]
        poses = np.array([(-yaw, pitch, roll) for yaw, pitch, roll in angles])
        np.savez(root / f"{name}.npz", image=np.array(pictures), pose=poses, img_size=size)
    return root


def portraits(root: Path, people: int = 32, each: int = 2, *, size: int = 48, seed: int = 4) -> Path:
    """``root/portraits.csv`` and ``root/images``: half of the people are of the first hold-out, a quarter have numbers that end
    in 7 (both are in ``test``), a quarter have others."""
    rng = np.random.default_rng(seed)
    numbers = json.loads(HELD_OUT.read_text())[: people // 2]
    numbers += [10_007 + 10 * i for i in range(people // 4)] + [10_001 + 10 * i for i in range(people // 4)]
    (root / "images").mkdir(parents=True, exist_ok=True)
    with (root / "portraits.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "person", "tier", "congress", "grayscale", *SIDES])
        for number in numbers:
            for index in range(each):
                name = f"{number:05d}_{index}.jpg"
                madeup.write(root / "images" / name, photo_of(number, rng, size, emotion=index % 7))
                tier = "A-old" if number % 3 == 0 else "A-bioguide"
                rows.writerow([name, number, tier, 100, 0, *(madeup.LANDMARKS * size).ravel().round(2)])
    return root


Facts = dict[str, object]


def drawn(facts: Facts) -> np.ndarray:
    """The picture of a row of a rendered set: (48, 48, 3) uint8."""
    rng = np.random.default_rng([int(str(facts["person"])), int(str(facts["frame"]))])
    emotion = next(i for i, one in enumerate(SEVEN_EMOTIONS) if one == facts["emotion"])
    return photo_of(int(str(facts["person"])), rng, 48, emotion)


def synthetic(
    root: Path,
    people: int = 30,
    frames: int = 7,
    *,
    tracks: bool = False,
    paint: Callable[[Facts], np.ndarray] = drawn,
    seed: int = 5,
) -> Path:
    """A set as ``facezoo synth render`` writes it: everybody with every emotion in turn. Persons 7, 17, 27 … are ``test``."""
    rng = np.random.default_rng(seed)
    settings = Settings(seed=seed, size=48, people=people, frames=frames, tracks=tracks, yaw=60.0, format="png", head="0" * 64)
    root.mkdir(parents=True, exist_ok=True)
    (root / "synthetic.json").write_text(settings.as_json())
    shapes = rng.normal(size=(people, 100))
    for chunk in range(settings.chunks):
        rows = []
        for number in settings.numbers(chunk):
            person, frame = divmod(number, frames)
            emotion = SEVEN_EMOTIONS[frame % 7]
            facts: Facts = {"file": settings.file(number), "person": person, "frame": frame, "emotion": emotion.value}
            facts |= dict.fromkeys(NUMBERS, 0.0) | dict(zip(("yaw", "pitch", "roll"), _any_pose(rng), strict=True))
            facts["intensity"] = float(rng.uniform(0.2, 1.0)) if frame % 7 else 0.0
            points = (madeup.LANDMARKS * 48).ravel().tolist()
            facts |= {"identity": shapes[person].tolist(), "expression": [0.0] * 57, "landmarks": [0.0] * 136, "five": points}
            madeup.write(root / settings.file(number), paint(facts))
            rows.append(facts)
        write_labels(labels_path(root, chunk), rows, [f"shape{i}" for i in range(57)])
    return root

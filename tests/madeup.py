"""Made-up copies of published data sets, a few small pictures each, laid out as their publishers lay them out.

The pictures are drawn faces that can be learned from: the expression is in mouth, brows and eyes, the person in the
colours, and nothing of the one is in the other. Everything follows from ``seed``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from facezoo.labels import AFFECTNET, FER_2013, FIVE_LANDMARKS, RAF_DB, SEVEN_EMOTIONS, Emotion

Photos = dict[Emotion, list[tuple[list[str], np.ndarray]]]  # columns of the csv and the expression that is shown
Expression = Sequence[float]  # smile -1 to 1, mouth open 0 to 1, brows and eyes -1 (lowered) to 1 (raised)

EXPRESSIONS: dict[Emotion, Expression] = {
    Emotion.NEUTRAL: (0.0, 0.0, 0.0),
    Emotion.HAPPINESS: (1.0, 0.6, 0.2),
    Emotion.SADNESS: (-1.0, 0.0, 0.5),
    Emotion.SURPRISE: (0.0, 1.0, 1.0),
    Emotion.FEAR: (-0.8, 0.5, 1.0),
    Emotion.DISGUST: (-0.9, 0.5, -0.6),
    Emotion.ANGER: (-0.2, 0.0, -1.0),
    Emotion.CONTEMPT: (0.6, 0.0, -0.5),
}
LANDMARKS = np.array([[0.32, 0.42], [0.68, 0.42], [0.5, 0.58], [0.33, 0.74], [0.67, 0.74]])
"""Of every face, in shares of its picture, ordered as ``FIVE_LANDMARKS``."""
BOX = (0.13, -0.02, 0.87, 1.04)
"""x0 y0 x1 y1 of every face in shares of its picture, as a detector with RetinaFace's boxes would draw it."""


def face(expression: Expression, person: int, size: int = 48) -> np.ndarray:
    """A drawn face that fills its picture: (size, size, 3) uint8 RGB."""
    smile, opened, brow = expression
    side = 2 * size  # drawn twice as large: reduced, edges are soft
    colours = np.random.default_rng([77, person]).integers((60, 60, 60, 150, 110, 90), (200, 200, 200, 250, 200, 180))
    picture = Image.new("RGB", (side, side), tuple(int(c) for c in colours[:3]))
    draw = ImageDraw.Draw(picture)
    draw.ellipse(_scaled((0.08, 0.02, 0.92, 0.98), side), fill=tuple(int(c) for c in colours[3:]))
    for x, inward in ((0.32, 1), (0.68, -1)):
        high = 0.06 + 0.035 * brow
        draw.ellipse(_scaled((x - 0.1, 0.42 - high, x + 0.1, 0.42 + high), side), fill="white")
        draw.ellipse(_scaled((x - 0.04, 0.42 - min(high, 0.04), x + 0.04, 0.42 + min(high, 0.04)), side), fill="black")
        y, slope = 0.29 - 0.06 * brow, 0.05 * min(brow, 0.3)
        ends = (x - 0.12 * inward, y + slope, x + 0.12 * inward, y - slope)
        draw.line(_scaled(ends, side), fill=(40, 25, 15), width=max(2, side // 16))
    draw.line(_scaled((0.5, 0.5, 0.5, 0.58), side), fill=(120, 70, 50), width=max(1, side // 24))
    across = np.linspace(-1, 1, 9)
    bow = 0.75 + 0.08 * smile * (1 - 2 * across**2)
    half = (0.02 + 0.1 * opened) * (1 - across**2) + 0.012
    lips = [*zip(0.5 + 0.2 * across, bow - half, strict=True), *zip(0.5 + 0.2 * across[::-1], (bow + half)[::-1], strict=True)]
    draw.polygon([(float(x) * side, float(y) * side) for x, y in lips], fill=(90, 10, 20))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX))


def _scaled(shares: Sequence[float], side: int) -> tuple[float, ...]:
    return tuple(share * side for share in shares)


def jittered(expression: Expression, rng: np.random.Generator, amount: float = 0.12) -> Expression:
    """An expression close to another, within the ranges."""
    moved = np.asarray(expression, float) + rng.normal(0, amount, 3)
    return tuple(float(v) for v in np.clip(moved, (-1, 0, -1), 1))


def faces(
    emotions: Sequence[Emotion], count: int, persons: int, rng: np.random.Generator, size: int
) -> Iterator[tuple[Emotion, np.ndarray]]:
    """``count`` faces, the emotions in turn, of so many persons."""
    for index in range(count):
        emotion = emotions[index % len(emotions)]
        yield emotion, face(jittered(EXPRESSIONS[emotion], rng), int(rng.integers(persons)), size)


def write(path: Path, picture: np.ndarray) -> Path:
    """Saves a picture (a JPEG almost without loss); folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"quality": 95, "subsampling": 0} if path.suffix in (".jpg", ".jpeg") else {}
    Image.fromarray(picture).save(path, **options)
    return path


def emotion_folders(
    root: Path,
    splits: Sequence[str] = ("train", "validation"),
    each: int = 6,
    *,
    emotions: Sequence[Emotion] = SEVEN_EMOTIONS,
    persons: int = 4,
    size: int = 48,
    seed: int = 0,
) -> Path:
    """``root/<split>/<emotion>/<n>.jpg``, ``each`` per split and emotion; without splits ``root/<emotion>/<n>.jpg``."""
    rng = np.random.default_rng(seed)
    for split in splits or ("",):
        for index, (emotion, picture) in enumerate(faces(emotions, each * len(emotions), persons, rng, size)):
            write(root / split / emotion / f"{index:04d}.jpg", picture)
    return root


def person_folders(
    root: Path,
    splits: Sequence[str] = ("train", "validation"),
    persons: int = 4,
    each: int = 6,
    *,
    size: int = 48,
    seed: int = 0,
) -> Path:
    """``root/<split>/person-<n>/<m>.jpg``: every person with any expression."""
    rng = np.random.default_rng(seed)
    for split in splits or ("",):
        for person in range(persons):
            for index in range(each):
                expression = jittered(EXPRESSIONS[SEVEN_EMOTIONS[int(rng.integers(7))]], rng)
                write(root / split / f"person-{person}" / f"{index:04d}.jpg", face(expression, person, size))
    return root


def pose_table(root: Path, count: int = 40, *, persons: int = 4, size: int = 48, seed: int = 0) -> Path:
    """``root/faces.csv`` and ``root/<n>.jpg``: columns file, split, person, box, five landmarks, yaw, pitch, roll (degrees).

    Roll turns the face in its picture, yaw and pitch move it across; the last quarter is the split validation.

    Returns:
        the csv file.
    """
    rng = np.random.default_rng(seed)
    points = [f"{name}_{axis}" for name in FIVE_LANDMARKS for axis in "xy"]
    columns = ["file", "split", "person", "x0", "y0", "x1", "y1", *points, "yaw", "pitch", "roll"]
    root.mkdir(parents=True, exist_ok=True)
    with (root / "faces.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for index in range(count):
            yaw, pitch, roll = (rng.uniform(-1, 1, 3) * (60, 30, 30)).round(2)
            person = int(rng.integers(persons))
            drawn = Image.fromarray(face(jittered(EXPRESSIONS[Emotion.NEUTRAL], rng), person, size))
            turned = np.asarray(drawn.rotate(-roll, Image.Resampling.BILINEAR))
            shift = np.rint(np.array([yaw / 60, pitch / 30]) * size * 0.12).astype(int)
            write(root / f"{index:04d}.jpg", np.roll(turned, shift[::-1], axis=(0, 1)))
            angle = np.deg2rad(roll)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            placed = ((LANDMARKS - 0.5) @ turn.T + 0.5) * size + shift
            box = [*(np.array(BOX).reshape(2, 2) * size + shift).ravel().round(2)]
            split = "validation" if index >= count * 3 // 4 else "train"
            numbers = [*box, *placed.ravel().round(2), yaw, pitch, roll]
            rows.writerow([f"{index:04d}.jpg", split, f"person-{person}", *map(float, numbers)])
    return root / "faces.csv"


def shots(root: Path, people: int = 4, test: int = 2, *, size: int = 64) -> Path:
    """``root/faces.csv`` and pictures with landmarks: everybody in every emotion; the last ``test`` people are ``test``."""
    columns = ["file", "label", "person", "split", *(f"{name}_{axis}" for name in FIVE_LANDMARKS for axis in "xy")]
    root.mkdir(parents=True, exist_ok=True)
    with (root / "faces.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for person in range(people):
            for emotion in SEVEN_EMOTIONS:
                write(root / f"{person}-{emotion}.png", face(EXPRESSIONS[emotion], person, size))
                split = "test" if person >= people - test else "train"
                rows.writerow([f"{person}-{emotion}.png", emotion, f"p{person}", split, *(LANDMARKS * size).ravel()])
    return root


def rafdb(root: Path, train: int = 42, test: int = 21, *, persons: int = 4, size: int = 48, seed: int = 0) -> Path:
    """RAF-DB basic with aligned pictures: ``root/basic/EmoLabel/list_patition_label.txt``, ``Image/aligned``."""
    rng = np.random.default_rng(seed)
    codes = {emotion: code for code, emotion in RAF_DB.items()}
    lines = []
    for split, count in (("train", train), ("test", test)):
        for index, (emotion, picture) in enumerate(faces(SEVEN_EMOTIONS, count, persons, rng, size), 1):
            write(root / "basic" / "Image" / "aligned" / f"{split}_{index:05d}_aligned.jpg", picture)
            lines.append(f"{split}_{index:05d}.jpg {codes[emotion]}\n")
    _text(root / "basic" / "EmoLabel" / "list_patition_label.txt", lines)
    return root


def rafd(root: Path, models: Sequence[int] = (1, 2, 7, 8), cameras: Sequence[int] = (90, 135), *, size: int = 48) -> Path:
    """RaFD: ``root/Rafd<camera>_<model>_…_<expression>_<gaze>.jpg``: eight expressions, the gazes left and frontal."""
    words = ("neutral", "happy", "sad", "surprised", "fearful", "disgusted", "angry", "contemptuous")
    for emotion, word in zip(Emotion, words, strict=True):
        for model in models:
            for camera in cameras:
                for gaze in ("left", "frontal"):
                    name = f"Rafd{camera:03d}_{model:02d}_Caucasian_female_{word}_{gaze}.jpg"
                    write(root / name, face(EXPRESSIONS[emotion], model, size))
    return root


def affectnet(root: Path, train: int = 40, validation: int = 16, *, persons: int = 4, size: int = 64, seed: int = 0) -> Path:
    """AffectNet's newer layout: ``root/train_set|val_set/images/<n>.jpg`` and ``annotations/<n>_exp.npy`` …, eight classes."""
    rng = np.random.default_rng(seed)
    codes = {emotion: code for code, emotion in AFFECTNET.items()}
    for folder, count in (("train_set", train), ("val_set", validation)):
        (root / folder / "annotations").mkdir(parents=True, exist_ok=True)
        for index, (emotion, picture) in enumerate(faces(tuple(Emotion), count, persons, rng, size)):
            smile, _, brow = EXPRESSIONS[emotion]
            write(root / folder / "images" / f"{index}.jpg", picture)
            stem = root / folder / "annotations" / str(index)
            for ending, value in (
                ("exp", str(codes[emotion])), ("val", str(smile)), ("aro", str(brow)),
                ("lnd", sixty_eight(size).ravel()),
            ):  # fmt: skip
                np.save(f"{stem}_{ending}.npy", np.array(value))
    return root


def affectnet_manual(
    root: Path, train: int = 40, validation: int = 16, *, persons: int = 4, size: int = 48, seed: int = 0
) -> Path:
    """AffectNet's older layout: ``root/training.csv``, ``validation.csv`` and ``Manually_Annotated_Images/<n>/<m>.jpg``.

    The faces lie off the middle of larger pictures, with their boxes and 68 landmarks.
    """
    rng = np.random.default_rng(seed)
    codes = {emotion: code for code, emotion in AFFECTNET.items()}
    columns = "subDirectory_filePath face_x face_y face_width face_height facial_landmarks expression valence arousal"
    for name, count in (("training", train), ("validation", validation)):
        lines = [",".join(columns.split()) + "\n"]
        for index, (emotion, picture) in enumerate(faces(tuple(Emotion), count, persons, rng, size)):
            photo, left, top = _photo(picture, rng)
            smile, _, brow = EXPRESSIONS[emotion]
            file = f"{index % 3}/{name}{index}.jpg"
            write(root / "Manually_Annotated_Images" / file, photo)
            points = ";".join(f"{v:.2f}" for v in (sixty_eight(size) + (left, top)).ravel())
            lines.append(f"{file},{left},{top},{size},{size},{points},{codes[emotion]},{smile},{brow}\n")
        _text(root / f"{name}.csv", lines)
    return root


def sixty_eight(size: int) -> np.ndarray:
    """(68, 2) landmarks in the usual order (jaw, brows, nose, eyes, mouth) whose five are ``LANDMARKS``, in pixels."""
    points = np.full((68, 2), 0.5) + np.linspace(-0.4, 0.4, 68)[:, None]
    points[30] = LANDMARKS[2]
    ring = np.array([[-0.1, 0], [-0.04, -0.05], [0.04, -0.05], [0.1, 0], [0.04, 0.05], [-0.04, 0.05]])
    points[36:42], points[42:48] = LANDMARKS[0] + ring, LANDMARKS[1] + ring
    points[48], points[54] = LANDMARKS[3], LANDMARKS[4]
    return points * size


def fer2013(root: Path, train: int = 42, validation: int = 14, test: int = 14, *, persons: int = 4, seed: int = 0) -> Path:
    """``root/fer2013.csv`` with columns emotion, pixels, Usage; 48 x 48 grey."""
    rng = np.random.default_rng(seed)
    codes = {emotion: code for code, emotion in FER_2013.items()}
    lines = ["emotion,pixels,Usage\n"]
    for usage, count in (("Training", train), ("PublicTest", validation), ("PrivateTest", test)):
        for emotion, picture in faces(SEVEN_EMOTIONS, count, persons, rng, 48):
            grey = np.asarray(Image.fromarray(picture).convert("L"))
            lines.append(f"{codes[emotion]},{' '.join(map(str, grey.ravel()))},{usage}\n")
    _text(root / "fer2013.csv", lines)
    return root


def fec(
    root: Path,
    train: int = 300,
    test: int = 60,
    *,
    photos: int = 84,
    persons: int = 6,
    noisy: int = 2,
    size: int = 40,
    seed: int = 0,
) -> Path:
    """Google's facial expression comparison: both csv files and ``root/images``, the photos under their URLs' last parts.

    Each face has a known expression; the odd one out of a triplet is the face that is not in the closest pair.
    Train has ``photos`` photos and test half as many others, of the same persons. Eight annotators answer, three to
    six per triplet: all err now and then, the last ``noisy`` ones guess.
    """
    if photos < 42:
        raise ValueError("a triplet of one emotion takes three photos of it in train and in test: 42 photos or more")
    rng = np.random.default_rng(seed)
    first = 0
    for name, count, shown in (("train", train, photos), ("test", test, photos // 2)):
        found: Photos = {emotion: [] for emotion in SEVEN_EMOTIONS}
        for index in range(first, first + shown):
            emotion = SEVEN_EMOTIONS[index % 7]
            expression = jittered(EXPRESSIONS[emotion], rng, 0.2)
            photo, left, top = _photo(face(expression, int(rng.integers(persons)), size), rng)
            write(root / "images" / f"{index:05d}_b.jpg", photo)
            x0, y0, x1, y1 = np.array(BOX) * size + (left, top, left, top)
            shares = (x0 / photo.shape[1], x1 / photo.shape[1], y0 / photo.shape[0], y1 / photo.shape[0])
            columns = [f"http://farm{index % 9}.example.org/{index}/{index:05d}_b.jpg", *(f"{share:.6f}" for share in shares)]
            found[emotion].append((columns, np.array(expression)))
        first += shown
        rows = (_triplet(found, rng, noisy, index % 3) for index in range(count))
        _text(root / f"faceexp-comparison-data-{name}-public.csv", (",".join(row) + "\n" for row in rows))
    return root


def _triplet(found: Photos, rng: np.random.Generator, noisy: int, kind: int) -> list[str]:
    """One line of the csv, of faces of one, two or three emotions (``kind`` 0 to 2)."""
    names = list(found)
    first, second, third = (names[i] for i in rng.permutation(len(names))[:3])
    emotions = ([first] * 3, [first, first, second], [first, second, third])[kind]
    chosen: list[tuple[list[str], np.ndarray]] = []
    while len(chosen) < 3:
        members = found[emotions[len(chosen)]]
        candidate = members[int(rng.integers(len(members)))]
        if not any(candidate[0] is other[0] for other in chosen):
            chosen.append(candidate)
    chosen = [chosen[i] for i in rng.permutation(3)]
    points = [point for _, point in chosen]
    apart = [float(np.linalg.norm(points[a] - points[b])) for a, b in ((1, 2), (0, 2), (0, 1))]
    odd = int(np.argmin(apart))  # the face that is not in the closest pair
    row = [text for columns, _ in chosen for text in columns]
    row.append(f"{('ONE', 'TWO', 'THREE')[kind]}_CLASS_TRIPLET")
    for annotator in rng.permutation(8)[: int(rng.integers(3, 7))]:
        guesses = annotator >= 8 - noisy or rng.random() < 0.05
        row += [str(7_000_001 + 1_234_567 * int(annotator)), str((int(rng.integers(3)) if guesses else odd) + 1)]
    return row


def _photo(picture: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """A larger picture that holds the face, and where its left upper corner lies in it."""
    size = len(picture)
    height, width = (int(size * share) for share in rng.uniform(1.3, 1.9, 2))
    left, top = (
        2 + int(rng.integers(whole - size - 3)) for whole in (width, height)
    )  # the face's box reaches 2 pixels beyond it
    photo = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    photo[top : top + size, left : left + size] = picture
    return photo, left, top


def _text(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")

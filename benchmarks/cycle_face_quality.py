"""Is a cycle-face model trained, or a toy? Measured on people and a clip that it never saw.

    python benchmarks/cycle_face_quality.py --data SHARED/data --model cycle-face-nano -o quality.json

``--data`` is a folder with ``portraits.zip``, ``clips/swiz3n.mpg`` and ``detectors/face_detection_yunet_2026may.onnx``.
The hold-out is 250 people who have several photos, drawn once with a seed (``portraits_holdout.json`` of the reader of
portraits: their numbers in ``portraits.csv``), and one of the six clips. Writes JSON and prints Markdown. Intervals are
95 %: bootstrap over pictures or pairs, and over the ten folds for verification.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import facezoo
import facezoo_readers
from facezoo.components import Detections
from facezoo.contracts import BoxReference
from facezoo.crops import cut, matrices
from facezoo.video import frames

HOLDOUT = Path(facezoo_readers.__file__).with_name("portraits_holdout.json")
CLIP = "swiz3n.mpg"
POINTS = tuple(f"{name}_{axis}" for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy")
MOUTH = (slice(38, 58), slice(18, 46))  # rows and columns of a 64 x 64 crop: the lips, open or shut, and the chin's top


@dataclass(frozen=True)
class Photo:
    """One hold-out photo: its person, what kind of photo it is, its crop and landmarks in pixels of the source."""

    person: int
    kind: tuple[str, str]
    landmarks: np.ndarray
    picture: np.ndarray


def photos(data: Path) -> list[Photo]:
    """The hold-out's photos, ordered by person."""
    people = set(json.loads(HOLDOUT.read_text()))
    found = []
    with zipfile.ZipFile(data / "portraits.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("portraits.csv"), "utf-8")))
        for row in rows:
            if int(row["person"]) in people:
                with Image.open(archive.open("images/" + row["file"])) as file:
                    picture = np.asarray(file.convert("RGB"))
                points = np.array([float(row[name]) for name in POINTS]).reshape(5, 2)
                found.append(Photo(int(row["person"]), (row["tier"], row["grayscale"]), points, picture))
    return sorted(found, key=lambda photo: (photo.person, photo.kind))


def faces_of(model: Any, pictures: Sequence[np.ndarray], landmarks: np.ndarray) -> Tensor:
    """Crops by the model's contract, (N, 3, S, S) in [0, 1]."""
    seen = Detections(np.full((len(pictures), 4), np.nan, np.float32), np.ones(len(pictures), np.float32), landmarks)
    placed = matrices(model.contract.crop, seen, BoxReference(length=1.0))
    return cut(pictures, range(len(pictures)), placed, model.contract.size)


def psnr(made: Tensor, wanted: Tensor) -> np.ndarray:
    """(B, 3, H, W) twice, in [0, 1] -> (B,) dB."""
    return (-10 * torch.log10((made - wanted).square().mean((1, 2, 3)))).numpy()


def interval(values: np.ndarray, statistic: Callable[[np.ndarray], float] = np.mean, rounds: int = 2000) -> list[float]:
    """95 % bootstrap interval of a statistic over the first axis."""
    rng = np.random.default_rng(0)
    drawn = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(rounds)]
    return [round(float(v), 4) for v in np.percentile(drawn, [2.5, 97.5])]


def measured(values: np.ndarray) -> dict[str, Any]:
    return {"value": round(float(values.mean()), 4), "interval": interval(values), "n": len(values)}


def batched(work: Callable[[Tensor], Tensor], faces: Tensor, size: int = 64) -> Tensor:
    return torch.cat([work(part) for part in faces.split(size)])


@torch.no_grad()
def chain(model: Any, faces: Tensor, expression: float = 1.0, identity: float = 1.0) -> Tensor:
    """``reconstruct(level="identity")`` with either code multiplied by a number: 0 takes it away."""
    x = model.prepare(faces)
    flow, inverse_flow = model.flow_decoder(model.expression_encoder(x) * expression)
    code = model.identity_encoder(x) * identity
    mean = model.identity_decoder(model.expression_decoder(x, flow), code, "remove")
    return model.restore(model.expression_decoder(model.identity_decoder(mean, code, "restore"), inverse_flow))


def reconstruction(model: Any, faces: Tensor) -> dict[str, Any]:
    """(a) What both codes keep of a face, against the average face, and what either is worth."""
    average = faces.mean(0, keepdim=True).expand_as(faces)  # of the hold-out itself: the best that one picture can do
    whole = psnr(batched(model.reconstruct, faces), faces)
    base = psnr(average, faces)
    no_expression = psnr(batched(lambda f: chain(model, f, expression=0), faces), faces)
    no_identity = psnr(batched(lambda f: chain(model, f, identity=0), faces), faces)
    alone = psnr(batched(lambda f: model.reconstruct(f, level="expression"), faces), faces)
    return {
        "reconstruct, dB": measured(whole),
        "average face, dB": measured(base),
        "gain over the average face, dB": measured(whole - base),
        "cost of a zeroed expression code, dB": measured(whole - no_expression),
        "cost of a zeroed identity code, dB": measured(whole - no_identity),
        "through the expression code alone, dB": measured(alone),
    }


def nose_offset(points: np.ndarray) -> np.ndarray:
    """(N, 5, 2) landmarks -> (N,): how far the nose lies beside the middle of the face, in reference lengths.

    Measured across the line from the eyes to the mouth, so that a tilted head is no turned one.
    """
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    down = mouth - eyes
    length = np.maximum(1.11 * np.linalg.norm(points[:, 1] - points[:, 0], axis=1), np.linalg.norm(down, axis=1))
    along = down / np.linalg.norm(down, axis=1, keepdims=True)
    nose = points[:, 2] - (eyes + mouth) / 2
    return np.abs(nose[:, 0] * along[:, 1] - nose[:, 1] * along[:, 0]) / length


def landmarks_seen(detector: Any, faces: Tensor) -> np.ndarray:
    """(N, 5, 2) in pixels of a fourfold enlargement, by YuNet; NaN where it finds no face."""
    found = np.full((len(faces), 5, 2), np.nan)
    for i, face in enumerate(faces):
        picture = (face.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        picture = cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        picture = cv2.copyMakeBorder(picture, 64, 64, 64, 64, cv2.BORDER_REPLICATE)
        detector.setInputSize(picture.shape[1::-1])
        _, boxes = detector.detect(np.ascontiguousarray(picture[..., ::-1]))
        if boxes is not None:
            found[i] = boxes[np.argmax(boxes[:, -1]), 4:14].reshape(5, 2)
    return found


def gradient_energy(faces: Tensor) -> np.ndarray:
    """(B, 3, H, W) -> (B,): mean squared difference of neighbouring pixels."""
    across, down = faces.diff(dim=-1).square().mean((1, 2, 3)), faces.diff(dim=-2).square().mean((1, 2, 3))
    return (across + down).numpy()


def hog(faces: Tensor) -> np.ndarray:
    """(N, 3, 64, 64) -> (N, D) histograms of oriented gradients, centred over the set."""
    from skimage.feature import hog as describe

    grey = faces.mean(1).numpy()
    values = [describe(g, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2)) for g in grey]
    return np.stack(values)


def pixels(faces: Tensor) -> np.ndarray:
    """(N, 3, H, W) -> (N, H·W) grey values, each face with mean 0 and norm 1."""
    grey = faces.mean(1).flatten(1)
    return F.normalize(grey - grey.mean(1, keepdim=True), dim=1).numpy()


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, D), (M, D) -> (N, M)."""
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return a @ b.T


def frontalisation(model: Any, faces: Tensor, turned: np.ndarray, detector: Any) -> dict[str, Any]:
    """(b) The neutrals of the most turned tenth: straighter, still sharp, still the same person."""
    chosen = np.argsort(-turned)[: len(turned) // 10]
    sources = faces[chosen]
    neutrals = batched(model.neutralize, sources)
    with torch.no_grad():
        plain = model.restore(model.expression_decoder(model.prepare(sources)))
    before, after = (nose_offset(landmarks_seen(detector, f)) for f in (sources, neutrals))
    both = np.isfinite(before) & np.isfinite(after)
    pairs = np.stack([before[both], after[both]], axis=1)

    def fall(rows: np.ndarray) -> float:
        return 1 - rows[:, 1].mean() / rows[:, 0].mean()

    others = [i for i in np.random.default_rng(0).permutation(len(faces)) if i not in set(chosen)]
    gallery = torch.cat((sources, faces[others[: 100 - len(chosen)]]))
    result: dict[str, Any] = {
        "nose offset of the source": measured(before[both]),
        "nose offset of the neutral": measured(after[both]),
        "fall of the nose offset": {"value": round(fall(pairs), 4), "interval": interval(pairs, fall), "n": len(pairs)},
        "faces in which the detector found one in source and neutral": f"{both.sum()} of {len(chosen)}",
        "gradient energy, neutral / plain reconstruction": measured(gradient_energy(neutrals) / gradient_energy(plain)),
        "gradient energy, neutral / source": measured(gradient_energy(neutrals) / gradient_energy(sources)),
    }
    described = {"pixels": pixels, "HOG": hog, "identity code": lambda f: batched(model.encode_identity, f).numpy()}
    for name, describe in described.items():
        gallery_codes = describe(gallery)
        codes, centre = describe(neutrals), gallery_codes.mean(0)
        best = cosine(codes - centre, gallery_codes - centre).argmax(1)
        result[f"own source first of 100, by {name} (chance 0.01)"] = measured((best == np.arange(len(chosen))).astype(float))
    return result


def openings(clip: Tensor) -> Callable[[Tensor], np.ndarray]:
    """How far a mouth is open, as this clip shows it: a function of faces (B, 3, 64, 64) -> (B,).

    The score on the first principal component of the mouth region's grey values over the clip's real frames. Sorted by it,
    the held-out clip goes from shut lips to bared teeth.
    """
    mouths = clip.mean(1)[:, *MOUTH].flatten(1)
    centre = mouths.mean(0)
    component = torch.linalg.svd(mouths - centre, full_matrices=False).Vh[0]
    return lambda faces: ((faces.mean(1)[:, *MOUTH].flatten(1) - centre) @ component).numpy()


def reenactment(model: Any, data: Path, detector: Any) -> dict[str, Any]:
    """(c) On the held-out clip: is a frame, driven by another one, closer to that one than it was?"""
    pictures = [frame.image for frame in frames(data / "clips" / CLIP)]
    points = []
    for picture in pictures:
        large = cv2.resize(picture, None, fx=2, fy=2)
        detector.setInputSize(large.shape[1::-1])
        _, boxes = detector.detect(np.ascontiguousarray(large[..., ::-1]))
        points.append(boxes[np.argmax(boxes[:, -1]), 4:14].reshape(5, 2) / 2)
    faces = faces_of(model, pictures, np.stack(points))
    rng = np.random.default_rng(0)
    pairs = np.array([(a, b) for a, b in rng.integers(len(faces), size=(2000, 2)) if abs(a - b) >= 5])[:400]
    a, b = faces[pairs[:, 0]], faces[pairs[:, 1]]
    driven = torch.cat([model.reenact(*part) for part in zip(a.split(64), b.split(64), strict=True)])
    region = (slice(None), slice(None), *MOUTH)
    start, end = psnr(a[region], b[region]), psnr(driven[region], b[region])
    opening = openings(faces)
    shown = np.stack([opening(driven), opening(b), opening(a)], axis=1)
    wide = np.abs(shown[:, 2] - shown[:, 1])
    far = wide >= np.quantile(wide, 0.75)

    def correlation(rows: np.ndarray) -> float:
        return float(np.corrcoef(rows[:, 0], rows[:, 1])[0, 1])

    return {
        "a to b, mouth, dB": measured(start),
        "reenact(a, b) to b, mouth, dB": measured(end),
        "gain in the mouth region, dB": measured(end - start),
        "gain where the mouths differ most (a quarter of the pairs), dB": measured((end - start)[far]),
        "mouth opening of reenact(a, b) against b, correlation": {
            "value": round(correlation(shown), 4), "interval": interval(shown, correlation), "n": len(shown),
        },
        "mouth opening of a against b, correlation (no transfer at all)": round(correlation(shown[:, [2, 1]]), 4),
    }  # fmt: skip


def verification(model: Any, album: Sequence[Photo], faces: Tensor) -> dict[str, Any]:
    """(d) Same person or not: one pair of photos per person, and as many of different people of the same kinds."""
    places: dict[int, list[int]] = {}
    for i, photo in enumerate(album):
        places.setdefault(photo.person, []).append(i)
    grey = pixels(faces)
    same = [(p[0], p[1]) for p in places.values() if len(p) > 1]
    distinct = [pair for pair in same if float(grey[pair[0]] @ grey[pair[1]]) < 0.97]  # else one photo, twice
    groups: dict[Any, list[tuple[int, int]]] = {}
    for pair in distinct:
        groups.setdefault((album[pair[0]].kind, album[pair[1]].kind), []).append(pair)
    groups = {kind: pairs for kind, pairs in groups.items() if len(pairs) > 1}
    positives = [pair for pairs in groups.values() for pair in pairs]
    negatives = [(pairs[i][0], pairs[(i + 1) % len(pairs)][1]) for pairs in groups.values() for i in range(len(pairs))]
    order = np.random.default_rng(0).permutation(len(positives))
    folds = np.array_split(order, 10)
    result: dict[str, Any] = {
        "pairs": f"{len(positives)} same, {len(negatives)} different; {len(same) - len(distinct)} left out: one photo twice"
    }
    described = {"identity code": batched(model.encode_identity, faces).numpy(), "raw pixels": grey, "HOG": hog(faces)}
    for name, codes in described.items():
        codes = codes - codes.mean(0)
        codes = codes / np.linalg.norm(codes, axis=1, keepdims=True)
        near, far = (np.array([codes[i] @ codes[j] for i, j in pairs]) for pairs in (positives, negatives))
        accuracy = []
        for fold in folds:
            rest = np.setdiff1d(order, fold)
            candidates = np.unique(np.concatenate([near[rest], far[rest]]))
            best = max(candidates, key=lambda t: (near[rest] >= t).mean() + (far[rest] < t).mean())
            accuracy.append(((near[fold] >= best).mean() + (far[fold] < best).mean()) / 2)
        half = 2.262 * np.std(accuracy, ddof=1) / np.sqrt(10)  # Student's t, nine degrees of freedom
        mean = float(np.mean(accuracy))
        area = float((near[:, None] > far[None, :]).mean())
        limits = [round(mean - half, 4), round(mean + half, 4)]
        result[f"accuracy, {name}"] = {"value": round(mean, 4), "interval": limits, "n": 2 * len(order)}
        result[f"area under ROC, {name}"] = round(area, 4)
    return result


def markdown(sections: dict[str, dict[str, Any]]) -> str:
    """Tables for the card and the documentation."""
    lines = []
    for title, rows in sections.items():
        lines += [f"**{title}**", "", "| measure | value | 95 % interval | n |", "| --- | --- | --- | --- |"]
        for name, row in rows.items():
            if isinstance(row, dict):
                low, high = row["interval"]
                lines.append(f"| {name} | {row['value']:.3f} | {low:.3f} … {high:.3f} | {row.get('n', '')} |")
            else:
                lines.append(f"| {name} | {row} | | |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="cycle-face-nano")
    parser.add_argument("--parts", default="abcd", help="which of the four to measure")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    model: Any = facezoo.load(given.model, device="cpu")
    onnx = given.data / "detectors" / "face_detection_yunet_2026may.onnx"
    detector = cv2.FaceDetectorYN.create(str(onnx), "", (320, 320), 0.5, 0.3, 50)
    album = photos(given.data)
    faces = faces_of(model, [photo.picture for photo in album], np.stack([photo.landmarks for photo in album]))
    turned = nose_offset(np.stack([photo.landmarks for photo in album]))
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "(a) Reconstruction through both codes": lambda: reconstruction(model, faces),
        "(b) Frontalisation of the most turned tenth": lambda: frontalisation(model, faces, turned, detector),
        "(c) Reenactment on the held-out clip": lambda: reenactment(model, given.data, detector),
        "(d) Verification, ten folds": lambda: verification(model, album, faces),
    }
    sections = {title: measure() for title, measure in parts.items() if title[1] in given.parts}
    print(markdown(sections))
    if given.output:
        given.output.write_text(json.dumps({"model": given.model, **sections}, indent=1) + "\n")


if __name__ == "__main__":
    main()

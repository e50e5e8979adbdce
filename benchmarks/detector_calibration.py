"""Prints the constants that stand in plugins/facezoo_detectors: every BoxReference, and Haar's score and placement.

    python benchmarks/detector_calibration.py --data DIR [--onnx FILE …] [--retinaface FILE] [--portraits 700]

Options as in detectors.py. The portraits are those of people with odd numbers, whom detectors.py does not measure.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from detector_data import Sample, faceless, portraits
from detectors import matched, start
from rich.console import Console

from facezoo.components import Detections, Detector
from facezoo.crops import references
from facezoo_detectors.config import HaarConfig
from facezoo_detectors.haar import WINDOW, Haar
from facezoo_detectors.search import resized


def calibrate(found: dict[str, Detector], data: Path, count: int, console: Console) -> None:
    """Prints the constants: every detector's BoxReference, and Haar's score and placement."""
    samples = list(portraits(data, count, parity=1))
    for name, detector in found.items():
        rows = []
        for sample, faces in zip(samples, detector.detect([each.picture for each in samples]), strict=True):
            boxes = Detections(faces.boxes, faces.scores)
            index = matched(references(faces, detector.box_reference), sample.faces)
            if index is not None:
                box, (x, y, length) = boxes.boxes[index].astype(float), sample.faces[0]
                wide, high = box[2] - box[0], box[3] - box[1]
                rows.append([(x - (box[0] + box[2]) / 2) / wide, (y - (box[1] + box[3]) / 2) / high, length / high])
        across, down, length = np.median(rows, axis=0)
        console.print(f"{name}: BoxReference(center=({across:.3f}, {down:.3f}), length={length:.3f}) from {len(rows)} faces")
    calibrate_haar(samples, console)


def calibrate_haar(samples: list[Sample], console: Console) -> None:
    """Haar's constants, from all its proposals on the portraits and on pictures without a face."""
    haar = Haar(HaarConfig())
    evidence, is_face, placed = [], [], []
    for sample in [*samples, *faceless()]:
        picture, _ = resized(sample.picture, haar.config.min_side, haar.config.max_side)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        for proposal in haar.proposals(grey):
            seen = haar.look_again(grey, proposal)
            distance = np.inf
            if len(sample.faces):
                x, y, length = sample.faces[0]
                size = seen.side * haar.box_reference.length / length
                distance = np.hypot(*(seen.middle - [x, y])) / length
                if distance < 0.5 and 0.75 < size < 1.33:
                    placed.append((seen, sample.faces[0]))
                elif distance < 1.3:
                    continue  # part of the face, or more than it: neither right nor plainly wrong
            evidence.append(np.log1p(seen.counts))
            is_face.append(distance < 0.5)
    weights = logistic(np.array(evidence), np.array(is_face))
    factors = ", ".join(f"{weight:.2f}" for weight in weights)
    console.print(f"SCORE = ({factors}) from {sum(is_face)} faces and {len(is_face) - sum(is_face)} others")
    box = np.array([[*((truth[:2] - seen.middle) / seen.side), truth[2] / seen.side] for seen, truth in placed])
    console.print("window: centre ({:.3f}, {:.3f}), length {:.3f}".format(*np.median(box, axis=0)))
    pairs = [(seen.eyes, truth) for seen, truth in placed if seen.eyes is not None]
    ratio, below = [], []
    for eyes, (x, y, length) in pairs:
        apart = eyes[1] - eyes[0]
        distance = np.hypot(*apart)
        down = np.array([-apart[1], apart[0]]) / distance
        ratio.append(length / distance)
        below.append((np.array([x, y]) - eyes.mean(axis=0)) @ down / length)
    console.print(f"EYES_TO_LENGTH = {np.median(ratio):.3f}, BELOW_EYES = {np.median(below):.3f} from {len(pairs)} pairs")
    for trust in (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0):
        off = [
            (1 - trust) * np.log(seen.side * WINDOW.length / truth[2])
            + trust * np.log(np.hypot(*(seen.eyes[1] - seen.eyes[0])) * np.median(ratio) / truth[2])
            for seen, truth in placed
            if seen.eyes is not None
        ]
        console.print(f"EYE_TRUST = {trust}: the size is off by {np.std(off):.3f} (standard deviation of the logarithm)")


def logistic(evidence: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Constant and factors of a logistic regression, by Newton's method with a light ridge."""
    x = np.column_stack([np.ones(len(evidence)), evidence])
    ridge = np.diag([0.0] + [0.1] * evidence.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-(x @ weights)))
        gradient = x.T @ (labels - probability) - ridge @ weights
        weights = weights + np.linalg.solve(x.T @ (x * (probability * (1 - probability))[:, None]) + ridge, gradient)
    return weights


def main() -> None:
    options, found, console = start(__doc__)
    calibrate(found, options.data, options.portraits, console)


if __name__ == "__main__":
    main()

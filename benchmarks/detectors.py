"""Measures the face detectors on portraits, talking-face clips and pictures without a face.

    python benchmarks/detectors.py --data DIR [--onnx FILE …] [--retinaface FILE] [--portraits 1000] [--output DIR]

DIR holds portraits.zip (with portraits.csv) and clips/*.mpg; the portraits are those of people with even numbers, whom
detector_calibration.py does not use. A detector whose file is not given is left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from detector_data import Sample, astronaut, clips, faceless, portraits
from rich.console import Console
from rich.progress import track
from rich.table import Table

from facezoo.components import Detector
from facezoo.crops import references
from facezoo_detectors.config import HaarConfig, RetinaFaceConfig, YuNetConfig
from facezoo_detectors.convert import convert_retinaface
from facezoo_detectors.haar import Haar
from facezoo_detectors.retinaface import RetinaFace
from facezoo_detectors.yunet import YuNet

SIDE = 2.6  # sides of the crop in reference lengths: SquareCrop(scale=2.6)
NEAR_CENTRE, NEAR_SIDE = 0.06, 0.08  # a crop agrees if its centre is within 6 % of a side and its side within 8 %


def detectors(onnx: Sequence[Path], retinaface: Path | None) -> dict[str, Detector]:
    """The detectors whose files are at hand."""
    found: dict[str, Detector] = {"haar-frontal": Haar(HaarConfig())}
    for path in onnx:
        yunet = YuNet(YuNetConfig())
        yunet.load_file(path)
        found[path.stem.removeprefix("face_detection_").replace("_", "-")] = yunet
    if retinaface:
        converted = convert_retinaface(retinaface, {})
        network = RetinaFace(RetinaFaceConfig())
        network.load_state_dict(converted.tensors)
        found["retinaface-mnet025"] = network.eval()
    return found


def differences(found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far crops are apart: their centres in sides of the wanted crop, and the logarithm of the sides' ratio."""
    return np.hypot(*(found[:, :2] - wanted[:, :2]).T) / (SIDE * wanted[:, 2]), np.log(found[:, 2] / wanted[:, 2])


def matched(faces: np.ndarray, truth: np.ndarray) -> int | None:
    """Index of the found face (N, 3) that is the true one (1, 3): half a reference length away, 1.4 times the size at most."""
    if not len(faces):
        return None
    centre, size = differences(faces, np.repeat(truth, len(faces), axis=0))
    fits = (centre * SIDE < 0.5) & (np.abs(size) < np.log(1.4))
    return int(np.argmax(fits)) if fits.any() else None


def on_portraits(detector: Detector, samples: list[Sample]) -> dict[str, float]:
    """Recall, other faces reported, and agreement of the crops with the landmarks that the set gives."""
    hits, extra, apart, ratio = 0, 0, [], []
    for start in range(0, len(samples), 16):
        batch = samples[start : start + 16]
        for sample, faces in zip(batch, detector.detect([each.picture for each in batch]), strict=True):
            found = references(faces, detector.box_reference)
            index = matched(found, sample.faces)
            extra += len(found) - (index is not None)
            if index is not None:
                hits += 1
                centre, size = differences(found[index : index + 1], sample.faces)
                apart.append(float(centre[0]))
                ratio.append(abs(float(size[0])))
    near = (np.array(apart) < NEAR_CENTRE) & (np.array(ratio) < NEAR_SIDE)
    return {
        "recall": hits / len(samples),
        "extra_per_100": 100 * extra / len(samples),
        "centre_median": float(np.median(apart)),
        "centre_p95": float(np.percentile(apart, 95)),
        "side_median": float(np.median(ratio)),
        "side_p95": float(np.percentile(ratio, 95)),
        "agreeing": float(near.mean()),
    }


def on_frames(detector: Detector, frames: list[np.ndarray]) -> tuple[list[np.ndarray], dict[str, float]]:
    """References per frame, and how many frames have exactly one face."""
    faces = [references(each, detector.box_reference) for each in detector.detect(frames)]
    return faces, {"frames": len(frames), "exactly_one": sum(len(each) == 1 for each in faces) / len(frames)}


def between(names: list[str], faces: dict[str, list[np.ndarray]]) -> list[dict[str, Any]]:
    """For each pair of detectors: how far their crops of one face are apart, over frames where both see one face."""
    rows = []
    for first in range(len(names)):
        for second in range(first + 1, len(names)):
            a, b = faces[names[first]], faces[names[second]]
            pairs = [(x, y) for x, y in zip(a, b, strict=True) if len(x) == len(y) == 1]
            centre, size = differences(*(np.concatenate(each) for each in zip(*pairs, strict=True)))
            rows.append(
                {
                    "pair": f"{names[first]} / {names[second]}",
                    "faces": len(pairs),
                    "centre_median": float(np.median(centre)),
                    "centre_max": float(centre.max()),
                    "side_median": float(np.median(np.abs(size))),
                    "side_max": float(np.abs(size).max()),
                    "agreeing": float(((centre < NEAR_CENTRE) & (np.abs(size) < NEAR_SIDE)).mean()),
                }
            )
    return rows


def cost(detector: Detector, pictures: list[np.ndarray], runs: int = 5) -> float:
    """Milliseconds of processor time per picture, the least of some runs; other work on the machine hardly changes it."""
    detector.detect(pictures)
    spent = []
    for _ in range(runs):
        start = time.process_time()
        detector.detect(pictures)
        spent.append(time.process_time() - start)
    return 1000 * min(spent) / len(pictures)


def measure(found: dict[str, Detector], data: Path, count: int, console: Console) -> dict[str, Any]:
    """Everything that docs/detectors.md reports."""
    samples = list(portraits(data, count, parity=0))
    empty = [sample.picture for sample in faceless()]
    frames = [picture for _, picture in clips(data)]
    report: dict[str, Any] = {"portraits": len(samples), "faceless": len(empty), "detectors": {}}
    seen: dict[str, list[np.ndarray]] = {}
    for name, detector in track(found.items(), "Measuring", console=console):
        row: dict[str, Any] = {"portraits": on_portraits(detector, samples)}
        seen[name], row["clips"] = on_frames(detector, [*frames, astronaut()])
        row["astronaut"] = len(seen[name][-1])
        row["false_per_100_faceless"] = 100 * sum(len(each) for each in detector.detect(empty)) / len(empty)
        row["portrait_ms"] = cost(detector, [sample.picture for sample in samples[:16]])
        row["frame_ms"] = cost(detector, frames[:16])
        report["detectors"][name] = row
    report["between"] = between(list(found), seen)
    report["machine"] = {
        "processor": platform.processor() or platform.machine(),
        "torch_threads": torch.get_num_threads(),
        "opencv_threads": cv2.getNumThreads(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
    }
    return report


def tables(report: dict[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, head and rows of what is printed and written."""
    head = ["detector", "recall", "extra / 100", "false / 100 faceless", "clips: one face", "astronaut",
            "centre off, median / p95", "side off, median / p95", "agreeing", "ms / portrait", "ms / frame"]  # fmt: skip
    rows = []
    for name, row in report["detectors"].items():
        p = row["portraits"]
        rows.append(
            [name, f"{p['recall']:.1%}", f"{p['extra_per_100']:.1f}", f"{row['false_per_100_faceless']:.1f}",
             f"{row['clips']['exactly_one']:.1%} of {row['clips']['frames']}", str(row["astronaut"]),
             f"{p['centre_median']:.1%} / {p['centre_p95']:.1%}", f"{p['side_median']:.1%} / {p['side_p95']:.1%}",
             f"{p['agreeing']:.0%}", f"{row['portrait_ms']:.0f}", f"{row['frame_ms']:.0f}"]
        )  # fmt: skip
    pairs = [[r["pair"], str(r["faces"]), f"{r['centre_median']:.1%} / {r['centre_max']:.1%}",
              f"{r['side_median']:.1%} / {r['side_max']:.1%}", f"{r['agreeing']:.0%}"] for r in report["between"]]  # fmt: skip
    pair_head = ["pair", "faces", "centres apart, median / most", "sides apart, median / most", "agreeing"]
    return [("Each detector", head, rows), ("The same crop, on clips and astronaut", pair_head, pairs)]


def publish(report: dict[str, Any], output: Path | None, console: Console) -> None:
    """Prints the tables; with a folder given also writes detectors.json and detectors.md there."""
    text = []
    for title, head, rows in tables(report):
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(*row)
        console.print(table)
        text += [f"### {title}", "", f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
        text += [f"| {' | '.join(row)} |" for row in rows] + [""]
    if output:
        output.mkdir(parents=True, exist_ok=True)
        (output / "detectors.json").write_text(json.dumps(report, indent=1) + "\n")
        (output / "detectors.md").write_text("\n".join(text))


def main() -> None:
    options, found, console = start(__doc__)
    publish(measure(found, options.data, options.portraits, console), options.output, console)


def start(description: str | None) -> tuple[argparse.Namespace, dict[str, Detector], Console]:
    """The command line's options, the detectors they give, and where to print."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with portraits.zip and clips/*.mpg")
    parser.add_argument("--onnx", type=Path, nargs="*", default=[], help="YuNet ONNX files")
    parser.add_argument("--retinaface", type=Path, help="RetinaFace's released pickle")
    parser.add_argument("--portraits", type=int, default=1000, help="how many")
    parser.add_argument("--threads", type=int, default=1, help="of torch and OpenCV")
    parser.add_argument("--output", type=Path, help="folder for detectors.json and detectors.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    return options, detectors(options.onnx, options.retinaface), Console()


if __name__ == "__main__":
    main()

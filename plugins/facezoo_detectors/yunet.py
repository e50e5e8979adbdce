"""YuNet, through ``cv2.FaceDetectorYN``: boxes, scores and five landmarks from an ONNX file that OpenCV runs itself.

Source: Wu et al., YuNet: a tiny millisecond-level face detector, Machine Intelligence Research 20, 2023. Weights and
input (BGR, 0-255) as in OpenCV Zoo, ``face_detection_yunet`` (MIT).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from torch import Tensor

from facezoo.plugin import BoxReference, Detections, Detector, WeightsError
from facezoo_detectors.config import YuNetConfig
from facezoo_detectors.per_thread import PerThread
from facezoo_detectors.pictures import golden_picture, nothing, table_of, to_picture
from facezoo_detectors.search import combine, looks

FILE = "model.onnx"
CANDIDATES = 5000  # boxes that are compared with each other, at most


class YuNet(Detector):
    """A detector whose weights are one foreign file: ``load_file`` reads it, ``save_file`` writes it back unchanged."""

    # measured on portraits by benchmarks/detectors.py; used only where landmarks are not finite
    box_reference: ClassVar[BoxReference] = BoxReference(center=(0.0, 0.052), length=0.389)
    config: YuNetConfig

    def __init__(self, config: YuNetConfig) -> None:
        super().__init__(config)
        self._model: bytes | None = None
        self._networks = PerThread(self._create)

    def load_file(self, path: Path) -> None:
        """Reads an ONNX file and tries it.

        Raises:
            WeightsError: not there, or not a network that ``cv2.FaceDetectorYN`` runs.
        """
        try:
            self._model = Path(path).read_bytes()
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
        self._networks = PerThread(self._create)
        try:
            self._search(np.zeros((64, 64, 3), np.uint8), 0.5)
        except (cv2.error, WeightsError) as error:
            self._model = None
            said = str(error).strip().splitlines()[-1][:200].rstrip(".")
            raise WeightsError(f"{path} is not a YuNet ONNX file that OpenCV {cv2.__version__} runs: {said}.") from error

    def save_file(self, directory: Path) -> None:
        """Writes the file that was read as ``model.onnx``.

        Raises:
            WeightsError: none was read.
        """
        (Path(directory) / FILE).write_bytes(self._bytes())

    def _bytes(self) -> bytes:
        if self._model is None:
            raise WeightsError("This YuNet has no weights; load it by its id, as in facezoo.load('yunet-2023mar').")
        return self._model

    def _create(self) -> Any:
        with tempfile.TemporaryDirectory() as folder:  # OpenCV reads networks from memory only since 4.9
            self.save_file(Path(folder))
            return cv2.FaceDetectorYN.create(str(Path(folder) / FILE), "", (64, 64), 0.5, self.config.overlap, CANDIDATES)

    def detect(self, images: Sequence[np.ndarray], min_score: float = 0.5) -> list[Detections]:
        """The faces in each picture, best first; every face has landmarks.

        Args:
            images: (H, W, 3) uint8 RGB, of any sizes.
            min_score: the network's score in [0, 1]; fainter faces are left out.
        """
        results = []
        for image in images:
            seen = [(look, self._search(look.picture, min_score)) for look in looks(to_picture(image), self.config)]
            results.append(combine(seen, self.config.overlap))
        return results

    def _search(self, picture: np.ndarray, min_score: float) -> Detections:
        network = self._networks()
        network.setInputSize((picture.shape[1], picture.shape[0]))
        network.setScoreThreshold(float(min_score))
        _, rows = network.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        if rows is None:
            return nothing(landmarks=True)
        rows = rows[np.argsort(-rows[:, 14], kind="stable")].astype(np.float32)
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return Detections(boxes, rows[:, 14].clip(0, 1), rows[:, 4:14].reshape(-1, 5, 2))

    def golden_inputs(self) -> dict[str, Tensor]:
        return {"image": golden_picture()}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``faces`` as ``table_of`` gives them."""
        return {"faces": table_of(self, inputs["image"])}

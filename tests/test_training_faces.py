"""Faces for training: the crops of a pipeline, augmentation from (seed, epoch, index) alone, detection beforehand, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils.data import DataLoader

from facezoo.batches import FaceBatch, Shot, to_uint8, whole_face
from facezoo.components import Component, Detections, Encoder, Head, View
from facezoo.config import ComponentConfig
from facezoo.contracts import BoxReference, FivePointCrop, InputContract, SquareCrop
from facezoo.datasets import Sample
from facezoo.errors import DatasetError, IncompatibleError, InputError
from facezoo.training import FaceAugmentation, FaceDataset, class_weights, embed_samples, locate
from facezoo.training.faces import cut_face
from tests.untrained import FixedDetector, portrait

SQUARE = InputContract(crop=SquareCrop(scale=2.6, shift=(0.0, 0.1)), size=(40, 40))
FIVE = InputContract(
    crop=FivePointCrop(template=((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))), size=(48, 40)
)
POINTS = np.array([[40, 45], [63, 43], [52, 60], [43, 72], [61, 71]], np.float32)
BOX = (30.0, 25.0, 75.0, 90.0)
THEIRS = BoxReference(center=(0.02, 0.07), length=0.4)
SAMPLES = {
    "landmarks": Sample("a", portrait(1), landmarks=POINTS, box=BOX),
    "box": Sample("b", portrait(2), box=BOX),
    "half the landmarks": Sample("c", portrait(3), box=BOX, landmarks=np.where(POINTS > 60, np.nan, POINTS).astype(np.float32)),
    "at the edge": Sample("d", portrait(4), box=(-20.0, -10.0, 30.0, 50.0)),
    "cropped": Sample("e", portrait(5, 70, 90), cropped=True),
}


class Averages(Encoder):
    """Mean colours of the four quarters: small, untrained, and different for different faces."""

    def __init__(self, contract: InputContract = SQUARE) -> None:
        super().__init__(ComponentConfig())
        self.contract = contract

    def view_table(self) -> dict[str, View]:
        return {"quarters": View(12, "features", ()), "whole": View(3, "features", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(prepared, 2 if view == "quarters" else 1).flatten(1)


def as_pipeline(sample: Sample, contract: InputContract) -> Tensor:
    """(3, H, W) as a pipeline cuts it out."""
    image = sample.read()
    if sample.cropped:
        return whole_face(image, contract.size)
    points = None if sample.landmarks is None else sample.landmarks[None]
    found = Detections(np.array([sample.box], np.float32), np.ones(1, np.float32), points)
    return FaceBatch([Shot("x", image, found)], THEIRS).faces_for(Averages(contract))[0]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sample_is_cut_out_as_a_pipeline_would(kind: str) -> None:
    sample = SAMPLES[kind]
    wanted = as_pipeline(sample, SQUARE)
    assert torch.equal(cut_face(sample, SQUARE, THEIRS), wanted)
    dataset = FaceDataset([sample], SQUARE, box_reference=THEIRS)
    assert torch.equal(dataset[0]["faces"].permute(1, 2, 0), torch.from_numpy(to_uint8(wanted[None])[0]))


def test_a_five_point_crop_needs_all_landmarks() -> None:
    assert torch.equal(cut_face(SAMPLES["landmarks"], FIVE), as_pipeline(SAMPLES["landmarks"], FIVE))
    assert cut_face(SAMPLES["landmarks"], FIVE).shape == (3, 48, 40)
    for kind in ("box", "half the landmarks"):
        with pytest.raises(IncompatibleError, match=f"{SAMPLES[kind].name}: .*five landmarks"):
            cut_face(SAMPLES[kind], FIVE, THEIRS)


def test_a_sample_that_does_not_say_where_its_face_is_is_refused() -> None:
    for sample, reference in ((Sample("lost", portrait()), THEIRS), (SAMPLES["box"], None)):
        with pytest.raises(DatasetError, match=f"{sample.name} has neither"):
            FaceDataset([sample], SQUARE, box_reference=reference)[0]
    with pytest.raises(InputError, match="wide: A crop of"):
        cut_face(Sample("wide", portrait(), box=(0.0, 0.0, 1e5, 1e5)), SQUARE, THEIRS)
    with pytest.raises(IncompatibleError, match="takes embeddings"):
        FaceDataset([], None)


def test_a_big_photograph_is_reduced_without_aliasing() -> None:
    """Twelve pixels per pixel of the crop: nearly what one filter gives; a fine pattern becomes grey, not stripes."""
    big = np.asarray(Image.fromarray(portrait(6)).resize((1200, 1440), Image.Resampling.BICUBIC))
    sample = Sample("big", big, box=tuple(12 * v for v in BOX))  # type: ignore[arg-type]
    got, wanted = cut_face(sample, SQUARE, THEIRS), as_pipeline(sample, SQUARE)
    assert float((got - wanted).abs().max()) < 0.01
    stripes = np.repeat((np.arange(1200) % 3 == 0)[None, :, None] * np.uint8(255), 1440, 0).repeat(3, 2)
    flat = cut_face(replace(sample, image=stripes), SQUARE, THEIRS)
    assert float(flat.std()) < 0.02 and float(flat.mean()) == pytest.approx(1 / 3, abs=0.01)


def test_targets_come_with_their_faces(tmp_path: Path) -> None:
    targets = {"label": [4, 0, 2], "pose": [[1.0, 2.0, 3.0]] * 3}
    samples = [SAMPLES["cropped"]] * 3
    item = next(iter(DataLoader(FaceDataset(samples, SQUARE, targets), batch_size=3)))
    assert item["label"].tolist() == [4, 0, 2] and item["label"].dtype == torch.int64
    assert item["pose"].shape == (3, 3) and item["pose"].dtype == torch.float32
    for wrong in ([1, 2], ["happiness", "anger", "fear"], 5):
        with pytest.raises(InputError, match="Targets 'label' are .* for each of 3 samples"):
            FaceDataset(samples, SQUARE, {"label": wrong})


EVERYTHING = FaceAugmentation(
    flip=0.5, area=(0.6, 1.2), ratio=(0.9, 1.1), shift=0.05, rotation=15, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1,
    colour_share=0.8, grayscale=0.3, blur=0.5, erasing=0.5,
)  # fmt: skip


def items(dataset: FaceDataset, order: Sequence[int]) -> dict[int, Tensor]:
    return {index: dataset[index]["faces"] for index in order}


def test_an_example_follows_from_seed_epoch_and_index_alone() -> None:
    samples = [SAMPLES["landmarks"], SAMPLES["box"], SAMPLES["cropped"], SAMPLES["landmarks"]]

    def dataset(seed: int = 0, epoch: int = 0) -> FaceDataset:
        made = FaceDataset(samples, SQUARE, None, EVERYTHING, THEIRS, seed)
        made.set_epoch(epoch)
        return made

    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, again = items(dataset(), range(4)), items(dataset(), (2, 0, 3, 1))
    assert all(torch.equal(first[i], again[i]) for i in range(4))
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert not torch.equal(first[0], first[3])  # one face, two indices
    for other in (dataset(epoch=1), dataset(seed=1)):
        assert all(not torch.equal(first[i], face) for i, face in items(other, range(4)).items())


def test_as_it_stands_nothing_happens() -> None:
    assert not FaceAugmentation().moves and not FaceAugmentation().recolours
    face = FaceDataset([SAMPLES["box"]], SQUARE, None, FaceAugmentation(), THEIRS)
    face.set_epoch(3)
    assert torch.equal(face[0]["faces"], FaceDataset([SAMPLES["box"]], SQUARE, box_reference=THEIRS)[0]["faces"])


def changed(sample: Sample = SAMPLES["landmarks"], seed: int = 0, **values: Any) -> Tensor:
    return cut_face(sample, SQUARE, THEIRS, FaceAugmentation(**values), np.random.default_rng(seed))


PLAIN = cut_face(SAMPLES["landmarks"], SQUARE)


def test_each_augmentation_does_what_its_name_says() -> None:
    assert torch.equal(changed(flip=1.0), PLAIN.flip(-1))
    grey = changed(grayscale=1.0)
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[1], grey[2])
    noise = (changed(erasing=1.0) != PLAIN).any(0)
    rows, columns = noise.any(1).nonzero().flatten(), noise.any(0).nonzero().flatten()
    assert noise.sum() == len(rows) * len(columns) and 0.02 * 1600 * 0.8 <= noise.sum() <= 1600 / 3 * 1.2  # a full rectangle
    edges = [float(face.diff(dim=2).abs().mean()) for face in (PLAIN, changed(blur=1.0))]
    assert edges[1] < edges[0]
    brighter = torch.stack([changed(brightness=0.4, seed=seed) for seed in range(6)]).mean((1, 2, 3)) / PLAIN.mean()
    assert brighter.min() < 0.95 and brighter.max() > 1.1
    for values in ({"contrast": 0.5}, {"saturation": 0.5}, {"hue": 0.3}):
        assert not torch.allclose(changed(**values), PLAIN, atol=0.01)
        assert torch.equal(changed(**values, colour_share=0.0), PLAIN)


def test_a_moved_crop_shows_what_surrounds_the_face() -> None:
    """A picture whose colours say where they are: a crop of it says what part of the picture it shows."""
    y, x = np.mgrid[0:256, 0:256]
    image = np.stack([x, y, np.full_like(x, 128)], 2).astype(np.uint8)
    sample = Sample("map", image, box=(98.0, 98.0, 158.0, 158.0))
    centred = BoxReference(length=0.5)  # a crop of 78 pixels around (128, 135.8)
    plain = cut_face(sample, SQUARE, centred)[:2] * 255
    assert plain[0].mean() == pytest.approx(127.5, abs=0.1)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        made = cut_face(sample, SQUARE, centred, FaceAugmentation(shift=0.2, rotation=30, area=(0.5, 1.6)), rng)[:2] * 255
        across, down = made[:, 20, 39] - made[:, 20, 0], made[:, 39, 20] - made[:, 0, 20]
        assert float(across @ down) / float(across.norm() * down.norm()) == pytest.approx(0, abs=0.01)  # still square
        side = float(across.norm()) * 40 / 39
        assert 0.7 * 78 < side < 1.27 * 78 and side == pytest.approx(float(down.norm()) * 40 / 39, rel=0.02)
        assert abs(float(torch.atan2(across[1], across[0]))) < 0.53
        assert made.min() > 40 and made.max() < 225  # real surroundings: the picture's edges are at 0 and 255
    shifted = cut_face(sample, SQUARE, centred, FaceAugmentation(shift=0.2), np.random.default_rng(1))[:2] * 255
    moves = (shifted - plain).mean((1, 2)) / 78
    assert 0.02 < moves.abs().max() <= 0.2


def test_a_part_of_a_crop_lies_within_it_and_an_oblong_turns_without_shear() -> None:
    rng = np.random.default_rng(0)
    inside = FaceAugmentation(area=(0.3, 0.9), ratio=(0.9, 1.1))
    corners = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]], float)
    for _ in range(50):
        shown = inside.part(rng, (40, 40)) @ corners
        assert shown.min() > -0.05 and shown.max() < 1.05
    turned = FaceAugmentation(rotation=45).part(np.random.default_rng(3), (96, 48))[:2, :2]
    pixels = np.diag([48, 96]) @ turned @ np.diag([1 / 48, 1 / 96])
    assert pixels @ pixels.T == pytest.approx(np.eye(2)) and abs(pixels[0, 1]) > 0.01


@pytest.mark.parametrize("values", [{"area": (1.2, 0.8)}, {"ratio": (0.0, 1.0)}, {"flip": 1.5}, {"hue": 0.6}, {"zoom": 1}])
def test_augmentation_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FaceAugmentation(**values)


class Pointing(FixedDetector):
    """Two faces, the smaller one with landmarks and a box that its own reference explains."""

    box_reference = BoxReference(center=(0.0, 0.1), length=0.5)

    def _one(self, image: np.ndarray) -> Detections:
        if not image.any():
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
        boxes = np.array([[30, 30, 72, 88], [0, 0, 90, 100]], np.float32)
        points = np.stack([POINTS, np.full((5, 2), np.nan, np.float32)])
        return Detections(boxes, np.array([0.9, 0.8], np.float32), points)


def test_a_detector_finds_the_faces_that_a_set_does_not_mark() -> None:
    black = np.zeros((120, 100, 3), np.uint8)
    given = [
        Sample("free", portrait(1)), Sample("boxed", portrait(2), box=BOX), SAMPLES["cropped"], SAMPLES["landmarks"],
        Sample("empty", black), Sample("unseen", black, box=BOX),
        Sample("elsewhere", portrait(3), box=(0.0, 100.0, 9.0, 110.0)),
    ]  # fmt: skip
    detector = Pointing()
    found, missing = locate(given, detector, THEIRS, batch_size=2)
    assert missing == 3 and [sample.name for sample in found] == ["free", "boxed", "e", "a", "unseen", "elsewhere"]
    assert detector.pictures == [2, 2, 1]  # neither the cropped face nor that with landmarks is asked for
    free, boxed, cropped, marked, unseen, elsewhere = found
    assert (
        cropped is SAMPLES["cropped"] and marked is SAMPLES["landmarks"] and unseen.box == BOX and elsewhere.landmarks is None
    )
    assert boxed.landmarks is not None and np.array_equal(boxed.landmarks, POINTS)
    assert free.landmarks is None  # the larger face, which has none
    # its box is restated: cut with the reader's reference it is what the detector's own gives
    pictures = [Shot("x", free.read(), Detections(np.array([[0, 0, 90, 100]], np.float32), np.ones(1, np.float32)))]
    wanted = FaceBatch(pictures, Pointing.box_reference).faces_for(Averages())[0]
    assert float((cut_face(free, SQUARE, THEIRS) - wanted).abs().max()) < 1e-3


def test_embedding_in_batches_gives_a_row_per_sample_in_order() -> None:
    component, samples = Averages(), list(SAMPLES.values())
    rows = embed_samples(component, samples, 2, None, THEIRS)
    assert rows.shape == (5, 12) and rows.dtype == np.float32
    wanted = component.encode(torch.stack([as_pipeline(sample, SQUARE) for sample in samples]))
    assert torch.allclose(torch.from_numpy(rows), wanted, atol=1e-6)
    assert np.array_equal(embed_samples(component, samples, 2, None, THEIRS, workers=2), rows)
    assert embed_samples(component, samples, 4, "whole", THEIRS).shape == (5, 3)
    assert embed_samples(component, []).shape == (0, 12)


def test_embedding_says_what_does_not_fit() -> None:
    class Classes(Component):
        def forward(self, faces: Tensor) -> Tensor:
            return faces.mean((2, 3))

    classes = Classes(ComponentConfig())
    with pytest.raises(IncompatibleError, match="takes embeddings"):
        embed_samples(Head(ComponentConfig()), [SAMPLES["box"]])
    classes.contract = SQUARE
    assert embed_samples(classes, [SAMPLES["cropped"]]).shape == (1, 3)
    with pytest.raises(IncompatibleError, match="is no encoder; it has no view 'identity'"):
        embed_samples(classes, [SAMPLES["cropped"]], view="identity")
    with pytest.raises(IncompatibleError, match="quarters, whole"):
        embed_samples(Averages(), [SAMPLES["cropped"]], view="identity")


def test_rare_classes_weigh_more_and_absent_ones_nothing() -> None:
    weights = class_weights([0, 0, 0, 0, 1, 1, 3], 4)
    assert weights.tolist() == pytest.approx([3 / 7, 6 / 7, 0, 12 / 7])
    assert class_weights([1, 0], 2).tolist() == [1, 1]
    with pytest.raises(InputError, match=r"0 to 2, not \[-1, 7\]"):
        class_weights([0, 7, -1], 3)
    with pytest.raises(InputError, match="no labels"):
        class_weights([], 3)

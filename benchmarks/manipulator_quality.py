"""Is an expression manipulator trained, or a toy? Measured on rendered people and portraits that it never saw.

    python benchmarks/manipulator_quality.py --model dir:RUN/model --synthetic SET --portraits FOLDER -o docs/reports/NAME

``--synthetic`` is a set of ``facezoo synth render --still`` (frames of a person differ in nothing but expression and gaze),
``--portraits`` the folder of the reader of that name; of both the split ``test``. Every source is given another person's
expression. Three aims, each of portraits and of rendered people:

1. the expression: the edited face's embedding is at least twice as near to the target's as the source's was;
2. the person: its identity similarity to the source is above that of different people in 95 % of cases;
3. nothing for nothing: with its own embedding a face comes back, at least 3 dB nearer than the training split's average face.

Beside them what the training did not ask for: which emotion a classifier reads, and, where the person's true picture with the
target's expression is known, how much nearer the mouth's pixels come to it. The latter is the independent witness. Writes
NAME.json and NAME.md; intervals are 95 % and by person. ``--people 40`` is a trial, which looks at a checkpoint in a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from manipulator_aims import markdown
from torch import Tensor

import facezoo
from facezoo.plugin import (
    Bootstrap,
    BoxReference,
    Conditions,
    Measurement,
    Report,
    Sample,
    Split,
    SquareCrop,
    System,
    Weights,
    best_class,
    crop_of,
    made_with,
    measure_mean,
    measure_share,
    measure_statistic,
    named,
    open_dataset,
    split_digest,
)
from facezoo_evaluate.draws import draw_samples
from facezoo_evaluate.edit_cases import Cases, Faces
from facezoo_evaluate.edit_figures import Shown, measure_expression, measure_identity, measure_recognition
from facezoo_evaluate.edits import driver_of, edited
from facezoo_evaluate.judging import Judge, Recut

RENDERED, PHOTOS = "rendered people", "portraits"
BATCH = 32
PEOPLE = 300  # of each kind, drawn from the seed
AVERAGE_OF = 1000  # faces of the training split
QUARTER = 0.25  # of the pairs: those whose mouths differ most


@dataclass(frozen=True, slots=True)
class Bench:
    """Who edits and who looks.

    Attributes:
        model: the manipulator.
        driver: the encoder whose embeddings it takes.
        who: judges identity.
        how: judges the expression, in the space of the driver.
        read: (B, 3, S, S) faces to (B, K) logits of ``labels``, by a classifier.
        labels: K emotions.
        bootstrap: how intervals are drawn.
        seed: of everything drawn.
    """

    model: Any
    driver: Any
    who: Judge
    how: Judge
    read: Callable[[Tensor], np.ndarray]
    labels: tuple[str, ...]
    bootstrap: Bootstrap
    seed: int

    @torch.inference_mode()
    def manipulate(self, faces: Tensor, expressions: np.ndarray) -> Tensor:
        """(B, 3, H, W) in [0, 1] and (B, D) -> (B, 3, S, S) in [0, 1]."""
        return edited(self.model, "face-manipulation", faces, expressions).cpu()

    @torch.inference_mode()
    def expressions(self, faces: Faces, rows: Sequence[int]) -> np.ndarray:
        """(B, D) of faces' own crops."""
        cut = faces.cut(self.driver.contract, rows)
        return self.driver.encode(cut, self.model.requires.view).cpu().numpy()


def one_each(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """A face of every person, drawn."""
    rng, shown = np.random.default_rng(seed), grouped(samples)
    return [own[rng.integers(len(own))] for own in shown.values()]


def grouped(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """{person: faces}, in order."""
    shown: dict[str, list[Sample]] = {}
    for sample in samples:
        shown.setdefault(str(sample.person), []).append(sample)
    return shown


def portions(count: int) -> Iterator[range]:
    for start in range(0, count, BATCH):
        yield range(start, min(start + BATCH, count))


def psnr(made: Tensor, wanted: Tensor) -> np.ndarray:
    """(B, 3, H, W) twice, in [0, 1] -> (B,) dB; at most 60."""
    error = (made - wanted).square().mean((1, 2, 3)).clamp(min=1e-6)
    return (-10 * torch.log10(error)).numpy()


def foreign(bench: Bench, cases: Cases, group: str) -> list[Measurement]:
    """Aims 1 and 2, and what the classifier reads: every source with another person's expression."""
    seen: dict[str, list[np.ndarray]] = {}
    for rows in portions(len(cases.sources.samples)):
        turn = cases.turn[list(rows)]
        contract = bench.model.contract
        before, wanted = cases.sources.cut(contract, rows), cases.targets.cut(contract, turn)
        after = bench.manipulate(before, bench.expressions(cases.targets, turn))
        with torch.inference_mode():
            found = {"who before": bench.who(before), "who after": bench.who(after), "how wanted": bench.how(wanted)}
            found |= {"how before": bench.how(before), "how after": bench.how(after)}
            faces = {"before": before, "after": after, "wanted": wanted}
            found |= {f"read {name}": bench.read(shown) for name, shown in faces.items()}
        for name, values in found.items():
            seen.setdefault(name, []).append(values)
    codes = {name: np.concatenate(parts) for name, parts in seen.items()}
    people, shown = cases.sources.people, Shown.drawn(cases.sources.people, bench.seed)
    before, after = (np.linalg.norm(codes[f"how {when}"] - codes["how wanted"], axis=1) for when in ("before", "after"))
    figures = measure_expression(before, after, people, bench.bootstrap, f"{group}: expression")
    figures.append(
        measure_statistic(
            "after / before, of the means", lambda rows: float(after[rows].mean() / before[rows].mean()), len(before),
            bench.bootstrap, owners=people, group=f"{group}: expression", better="lower",
        )
    )  # fmt: skip
    found = measure_identity(codes["who before"], codes["who after"], shown, bench.bootstrap)
    found += measure_recognition(codes["who before"], codes["who after"], shown, bench.bootstrap)[:2]
    figures += [one.model_copy(update={"group": f"{group}: person"}) for one in found]
    return figures + emotions(bench, cases, codes, group)


def emotions(bench: Bench, cases: Cases, codes: dict[str, np.ndarray], group: str) -> list[Measurement]:
    """How often a classifier reads the target's emotion off source, result, and target; of targets that have a label."""
    labels = list(bench.labels)
    wanted = [str(cases.targets.samples[row].label) for row in cases.turn]
    rows = np.array([row for row, label in enumerate(wanted) if label in labels])
    if not len(rows):
        return []
    truth = np.array([labels.index(wanted[row]) for row in rows])
    owners = [cases.sources.people[row] for row in rows.tolist()]
    said = {"source": "before", "result": "after", "target's own face": "wanted"}
    return [
        measure_share(
            f"target's emotion read off the {name}", best_class(codes[f"read {when}"])[rows] == truth, bench.bootstrap,
            owners=owners, group=f"{group}: expression",
        )
        for name, when in said.items()
    ]  # fmt: skip


def own(bench: Bench, faces: Faces, average: Tensor, group: str) -> list[Measurement]:
    """Aim 3: every face with its own embedding, beside the average face."""
    made, base = [], []
    for rows in portions(len(faces.samples)):
        before = faces.cut(bench.model.contract, rows)
        made.append(psnr(bench.manipulate(before, bench.expressions(faces, rows)), before))
        base.append(psnr(average.expand_as(before), before))
    ours, theirs = np.concatenate(made), np.concatenate(base)
    values = {"own embedding": ours, "average face": theirs, "gain over the average face": ours - theirs}
    return [
        measure_mean(name, found, bench.bootstrap, unit="dB", owners=faces.people, group=f"{group}: own embedding")
        for name, found in values.items()
    ]


def mouth(crop: SquareCrop, side: int) -> tuple[slice, slice]:
    """Rows and columns of a crop around the mouth, lips and chin: 1.1 x 0.8 distances from eyes to mouth."""
    x, y = 0.5 - crop.shift[0], 0.5 - crop.shift[1] + 0.6 / crop.scale
    top, bottom, left, right = (
        round(side * v) for v in (y - 0.4 / crop.scale, y + 0.4 / crop.scale, x - 0.55 / crop.scale, x + 0.55 / crop.scale)
    )
    return slice(max(0, top), bottom), slice(max(0, left), right)


def true_pictures(bench: Bench, samples: Sequence[Sample], group: str) -> list[Measurement]:
    """Two frames of one person: is the first, with the second's embedding, nearer to the second than it was?"""
    rng = np.random.default_rng(bench.seed)
    pairs = [tuple(shown[i] for i in rng.permutation(len(shown))[:2]) for shown in grouped(samples).values() if len(shown) > 1]
    reference = faces_of(samples).reference
    first, second = (Faces(tuple(pair[place] for pair in pairs), reference) for place in (0, 1))
    placed = replace(second, samples=tuple(replace(b, landmarks=a.landmarks) for a, b in pairs))  # the very same rectangle
    region = (..., *mouth(bench.model.contract.crop, bench.model.contract.size[0]))
    rows_of: dict[str, list[np.ndarray]] = {}
    for rows in portions(len(pairs)):
        before, wanted = first.cut(bench.model.contract, rows), placed.cut(bench.model.contract, rows)
        after = bench.manipulate(before, bench.expressions(second, rows))
        with torch.inference_mode():
            how = [bench.how(faces) for faces in (before, after, wanted)]
        found = {"before": psnr(before[region], wanted[region]), "after": psnr(after[region], wanted[region])}
        found |= {"face before": psnr(before, wanted), "face after": psnr(after, wanted)}
        found |= {f"far {n}": np.linalg.norm(how[n] - how[2], axis=1) for n in (0, 1)}
        for name, values in found.items():
            rows_of.setdefault(name, []).append(values)
    values = {name: np.concatenate(parts) for name, parts in rows_of.items()}
    people, gain = first.people, values["after"] - values["before"]
    wide = values["before"] <= np.quantile(values["before"], QUARTER)
    shown = {
        "mouth, source to true picture": values["before"], "mouth, result to true picture": values["after"],
        "gain in the mouth region": gain, "gain over the whole face": values["face after"] - values["face before"],
    }  # fmt: skip
    figures = [measure_mean(n, v, bench.bootstrap, unit="dB", owners=people, group=group) for n, v in shown.items()]
    far = [people[row] for row in np.flatnonzero(wide).tolist()]
    name = "gain in the mouth region, the quarter of pairs that differ most there"
    figures.append(measure_mean(name, gain[wide], bench.bootstrap, unit="dB", owners=far, group=group))
    return figures + measure_expression(values["far 0"], values["far 1"], people, bench.bootstrap, group)


def faces_of(samples: Sequence[Sample]) -> Faces:
    """Samples whose landmarks are known: what a box would mean does not matter."""
    return Faces(tuple(samples), BoxReference(length=1.0))


def average_face(bench: Bench, samples: Sequence[Sample]) -> Tensor:
    """(1, 3, S, S): the mean of some faces of the training split."""
    faces = faces_of(draw_samples(samples, AVERAGE_OF, bench.seed))
    parts = [faces.cut(bench.model.contract, rows).sum(0, keepdim=True) for rows in portions(len(faces.samples))]
    return torch.stack(parts).sum(0) / len(faces.samples)


@dataclass(frozen=True, slots=True)
class Data:
    """Samples by use.

    Attributes:
        rendered: all frames of the rendered test people.
        photos: a held-out portrait of each person.
        rendered_train: what the average face is of.
        photos_train: the same of the portraits.
    """

    rendered: list[Sample]
    photos: list[Sample]
    rendered_train: list[Sample]
    photos_train: list[Sample]

    @classmethod
    def opened(cls, synthetic: Path, portraits: Path, count: int, seed: int) -> Data:
        """Reads both sets; of more people than ``count`` so many are drawn."""
        sets = open_dataset("synthetic", synthetic), open_dataset("portraits", portraits)
        rendered, photos = (each.samples("test") for each in sets)
        people = sorted({str(sample.person) for sample in rendered})
        chosen = set(np.random.default_rng(seed).permutation(people)[:count].tolist())
        return cls(
            [sample for sample in rendered if str(sample.person) in chosen],
            draw_samples(one_each(photos, seed), count, seed), sets[0].samples("train"), sets[1].samples("train"),
        )  # fmt: skip


def measure(bench: Bench, data: Data) -> list[Measurement]:
    """All figures."""
    rendered, photos = faces_of(one_each(data.rendered, bench.seed)), faces_of(data.photos)
    frames = faces_of(data.rendered)
    figures: list[Measurement] = []
    for group, sources, targets in (
        (f"{PHOTOS} given {RENDERED}'s expressions", photos, frames),
        (f"{PHOTOS} given each other's expressions", photos, photos),
        (f"{RENDERED} given each other's expressions", rendered, frames),
    ):
        figures += foreign(bench, Cases.paired("face-manipulation", sources, targets, bench.seed), group)
        print(f"measured: {group}", flush=True)
    for group, faces, train in ((PHOTOS, photos, data.photos_train), (RENDERED, rendered, data.rendered_train)):
        figures += own(bench, faces, average_face(bench, train), group)
    return figures + true_pictures(bench, data.rendered, "rendered people whose true picture is known")


NOTES = (
    "All faces are judged as the manipulator cuts and sizes them, also those that are not edited; results where they are, "
    "without looking for the face again.",
    "Targets are drawn in turn, each source another person's. The encoder that measures the expression is the one whose "
    "embeddings drive the manipulator and that its training asked, so a network could please it without moving a muscle. "
    "dln-emotion-nano, who reads emotions, was trained from that encoder's weights and is no independent witness; the true "
    "pictures of rendered people are one.",
    "Identity: a judge that was a loss of the training (facenet-nano is one of the recipe's, `weights.identity`) flatters; "
    "--identity names another, such as cycle-face-nano.",
    "Different people: each source with up to fifty others of its kind. A stranger is one of them; their 95 % quantile is the "
    "stricter line; it is held fixed while cases are resampled, so that figure's interval is somewhat too narrow.",
    "The average face is that of a thousand faces of the training split, cut alike. Where a mask lets the input through, a "
    "face's own embedding gives it back easily.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="a manipulator: an id or dir:…")
    parser.add_argument("--synthetic", type=Path, required=True, help="a set of `facezoo synth render --still`")
    parser.add_argument("--portraits", type=Path, required=True, help="a folder for the reader portraits")
    parser.add_argument("--identity", default="facenet-nano", help="who judges identity")
    parser.add_argument("--classifier", default="dln-emotion-nano", help="who reads emotions")
    parser.add_argument("--people", type=int, default=PEOPLE, help="so many of each kind; fewer than the default is a trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=2000, help="resamples for intervals")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, help="NAME of NAME.json and NAME.md")
    given = parser.parse_args()
    if given.output:
        given.output.parent.mkdir(parents=True, exist_ok=True)
    load = {"device": given.device}
    model: Any = facezoo.load(given.model, **load)
    classifier: Any = facezoo.load(given.classifier, **load)
    driver = driver_of(model, facezoo.load(model.requires.encoder, **load))
    recut = Recut(classifier.contract, model.contract)
    bench = Bench(
        model, driver, Judge(facezoo.load(given.identity, **load), model.contract), Judge(driver, model.contract, "expression"),
        lambda faces: classifier(recut(faces)).float().cpu().numpy(), tuple(map(str, classifier.labels)),
        Bootstrap(given.rounds, given.seed), given.seed,
    )  # fmt: skip
    data = Data.opened(given.synthetic, given.portraits, given.people, given.seed)
    report = reported(bench, data, measure(bench, data), given)
    print(markdown(report))
    if given.output:
        given.output.with_suffix(".json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        given.output.with_suffix(".md").write_text(markdown(report), encoding="utf-8")


def reported(bench: Bench, data: Data, figures: Sequence[Measurement], given: argparse.Namespace) -> Report:
    """The figures with what they belong to."""
    origin = bench.model.provenance
    judges = (
        f"Identity: {given.identity}; expression: {named(bench.driver)}, view {bench.how.view}; emotions: {given.classifier}."
    )
    splits = [
        Split(name=name, use="measured on", count=len(some), what="faces", people=len(grouped(some)), digest=split_digest(some))
        for name, some in ((f"{RENDERED}, test", data.rendered), (f"{PHOTOS}, test", data.photos))
    ]
    system = System(
        name=named(bench.model), kind="model", weights=Weights(sha256=origin.sha256, source=origin.source.partition(":/")[0]),
        crop=crop_of(bench.model.contract), measurements=tuple(figures), remarks=(judges,),
    )  # fmt: skip
    return Report(
        protocol="manipulator-quality", task="face-manipulation", dataset=f"{RENDERED} and {PHOTOS}",
        summary="What the manipulator makes of people whom its training never saw",
        limit=given.people if given.people < PEOPLE else None,
        splits=tuple(splits),
        systems=(system,), notes=NOTES, choices={"seed": given.seed, "rounds": given.rounds, "people": given.people},
        made_with=made_with(Conditions(device=given.device)), command="benchmarks/manipulator_quality.py",
    )  # fmt: skip


if __name__ == "__main__":
    main()

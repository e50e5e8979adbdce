"""``emotion-linear``: ``rafdb-linear`` for any data set whose samples are labelled with the seven emotions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facezoo.plugin import SEVEN_EMOTIONS, DatasetError, Reader, Sample, open_dataset
from facezoo_evaluate.emotions import class_numbers
from facezoo_evaluate.linear import LinearConfig, LinearProtocol


class OwnEmotionsConfig(LinearConfig):
    """Values of ``emotion-linear``: those of ``rafdb-linear``, and which data.

    Attributes:
        reader: of the data: folder, csv, synthetic, affectnet-7 …
        fitted_on: the split.
        measured_on: the split; empty: test, or validation where there is no test.
        layer: see ``rafdb-linear``; here a logistic regression, unless sgd is asked for.
        side: see ``rafdb-linear``; here the contract's, unless another is asked for.
    """

    reader: str = "folder"
    fitted_on: str = "train"
    measured_on: str = ""
    layer: Literal["sgd", "logistic"] = "logistic"
    side: int = Field(default=0, ge=0)


class EmotionLinear(LinearProtocol):
    """Seven emotions of a reader, by one linear layer on a frozen encoder."""

    config: OwnEmotionsConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    config_class = OwnEmotionsConfig
    dataset = "own data"
    layout = "As the reader says (--set reader=NAME; `facezoo datasets NAME`): folder takes ROOT/train/<emotion>, ROOT/test/…"
    notes = ("Samples of other classes than the seven emotions are left out.",)

    def prepare(self) -> None:
        config = self.config
        self.reader = open_dataset(config.reader, self.bench.data)
        self.train = self.bench.part(
            self.reader, config.fitted_on, "fitted on", _labelled(self.reader, config.fitted_on), name="train"
        )
        split = config.measured_on or ("test" if "test" in self.reader.splits else "validation")
        if split == config.fitted_on:
            raise DatasetError(f"Fitting and measuring on the same split {split!r} would say nothing; name another.")
        self.test = self.bench.part(self.reader, split, "measured on", _labelled(self.reader, split), name="test")
        self.wanted = class_numbers(self.test)


def _labelled(reader: Reader, split: str) -> list[Sample]:
    """The samples of a split that show one of the seven emotions.

    Raises:
        DatasetError: there is none, or an emotion without a sample.
    """
    samples = [sample for sample in reader.samples(split) if sample.label in set(SEVEN_EMOTIONS)]
    if missing := [emotion.value for emotion in SEVEN_EMOTIONS if emotion not in {sample.label for sample in samples}]:
        raise DatasetError(f"The split {split!r} of {reader.root} shows nobody with {', '.join(missing)}.")
    return samples

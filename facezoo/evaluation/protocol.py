"""What a protocol is: data laid out once, then every system measured on them in the same way.

class Smiles(Protocol):
    config: SmilesConfig                      # its values, subclass of ProtocolConfig; `--set key=value`
    config_class = SmilesConfig
    task, dataset = "emotion-recognition", "Smiles"
    needs = ("classifier:emotion",)           # one of these has to be met by --model

    def prepare(self) -> None:
        reader = open_dataset("folder", self.bench.data)
        self.test = self.bench.part(reader, "test", "measured on")

    def measure(self, subject: Subject) -> Outcome:
        given = best_class(subject.answers(self.test))
        return Outcome((measure_share("accuracy", given == self.wanted, self.bootstrap, owners=self.test.people),))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from facezoo.components import Component
from facezoo.contracts import InputContract, SquareCrop
from facezoo.errors import InputError
from facezoo.evaluation.bench import Bench
from facezoo.evaluation.intervals import Bootstrap
from facezoo.evaluation.report import Confusion, Measurement, Published
from facezoo.evaluation.subjects import Subject

WITHOUT_MODEL = SquareCrop(scale=2.6, shift=(0.0, -0.03))  # hairline to chin: what peers are shown where no model is named


class ProtocolConfig(BaseModel):
    """Values of a protocol. What a paper leaves open is a value here, with its meaning in the docstring.

    Attributes:
        rounds: of the bootstrap.
        seed: of the bootstrap, of probes and of what a protocol draws.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(default=2000, ge=1)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured of one system.

    Attributes:
        measurements: the first is what the protocol is about.
        confusion: for classes.
        left_out: parts that it cannot answer, and why: "pose: no head was given".
        remarks: what a reader of the numbers must know.
    """

    measurements: tuple[Measurement, ...]
    confusion: Confusion | None = None
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Protocol(ABC):
    """One evaluation with a published split and metric. The bench and the loading are the core's; a subclass measures.

    Args:
        config: the values.
        bench: the data and how faces are found.
        helpers: {slot: component} for ``slots``.

    Attributes:
        config_class: of the values.
        task: the registry's task that the numbers are about.
        dataset: what registry and reports call the data.
        layout: what --data names, as text; a reader's own layout where that is all.
        needs: requirements as of a pipeline's slots, of which a model has to meet one; empty: ``measure`` says what it
            cannot answer.
        slots: further components that the protocol works with, {slot: requirement}: ``--slot judge=ID``.
        peers: {name: target of a ``Peer``} that can be measured beside.
        published: others' numbers.
        notes: what the paper leaves open and what is done here.
    """

    config_class: ClassVar[type[ProtocolConfig]] = ProtocolConfig
    task: ClassVar[str]
    dataset: ClassVar[str]
    layout: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    slots: ClassVar[Mapping[str, str]] = {}
    peers: ClassVar[Mapping[str, str]] = {}
    published: ClassVar[tuple[Published, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: ProtocolConfig, bench: Bench, helpers: Mapping[str, Component] | None = None) -> None:
        self.config, self.bench, self.helpers = config, bench, dict(helpers or {})
        self.bootstrap = Bootstrap(config.rounds, config.seed)
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Opens the data and lays out its parts on the bench, before any weights are loaded.

        Raises:
            DatasetError: the data are laid out another way.
        """

    @abstractmethod
    def measure(self, subject: Subject) -> Outcome:
        """Measures one system.

        Raises:
            IncompatibleError: it cannot answer any of what is asked.
        """

    def baselines(self) -> Mapping[str, Outcome]:
        """What needs no face: {what it does: what that gives}, such as always saying the most frequent class."""
        return {}

    def remarks(self) -> tuple[str, ...]:
        """Notes that follow from the data: what a reader left out."""
        return ()


@dataclass(frozen=True, slots=True)
class Peer:
    """Something to compare with: a description without weights, or another library's model. A protocol names it by target.

    Attributes:
        make: (contract, file) to a component in eval mode. The contract is that of the first model measured beside it: a
            peer without a crop of its own takes that one's.
        wants: the file that the user has to name (``--peer sface=FILE``); empty: none, and ``file`` is then None.
    """

    make: Callable[[InputContract, str | None], Component]
    wants: str = ""

    def subject(self, name: str, like: InputContract | None, file: str | None, bench: Bench) -> Subject:
        """It on the bench.

        Args:
            name: as the user wrote it.
            like: contract of the first model; None: no model is measured.
            file: the user's.
            bench: the data.

        Raises:
            InputError: a file is missing, or given where none is read.
        """
        if self.wants and file is None:
            raise InputError(f"The peer {name} reads {self.wants}, which you have to bring: --peer {name}=FILE.")
        if file is not None and not self.wants:
            raise InputError(f"The peer {name} reads no file, so {name}={file} says nothing; name it alone: --peer {name}.")
        return Subject(name, self.make(like or InputContract(crop=WITHOUT_MODEL, size=(64, 64)), file), bench, "peer")

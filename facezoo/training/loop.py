"""The loop every recipe shares.

    output/checkpoints/       the newest few
    output/losses.jsonl       every step
    output/validation.jsonl   every validation, for recipes that have one
    output/tensorboard/       curves and pictures
    output/config.yaml        every value of the run
    output/data.json          what was solved, for recipes that are solved in one go
    output/model/             the component directory, when the run is done

A killed run continues with exactly the losses it would have had: the order of an epoch follows from
(seed, epoch), an example from (seed, epoch, index), a step's noise from (seed, step, process), and the
weights, the optimisers' states, the validations and the weights of the best of them are in the checkpoint.
There is no other state. A validation belongs to the end of its epoch: a run that was killed in between
makes it when it goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from facezoo.errors import DatasetError, DeviceError, FacezooError, InputError
from facezoo.training import checkpoints
from facezoo.training.average import WeightAverage
from facezoo.training.beginning import begin, check_data, check_values, data_of
from facezoo.training.exchange import Exchange, Weights
from facezoo.training.interruption import held_back
from facezoo.training.journal import Journal
from facezoo.training.order import ShuffledBatches, step_seed
from facezoo.training.recipe import Moment, Recipe, Record, TrainingConfig
from facezoo.training.validation import Validation, Validations

if TYPE_CHECKING:
    from accelerate import Accelerator


def train(name: str, recipe_class: type[Recipe], config: TrainingConfig, data: Path, output: Path, *,
          resume: bool = False, quiet: bool = False) -> Path:  # fmt: skip
    """Runs a recipe to its end and returns the folder of the exported model.

    Args:
        name: the recipe's, for the card.
        recipe_class: built as ``recipe_class(config, data)``.
        config: its values.
        data: folder (or file) of the training data.
        output: the run's folder; new or empty unless ``resume``.
        resume: continue from the newest checkpoint (from the start where there is none).
        quiet: no progress bar, no remarks.

    Raises:
        InputError: an output folder that holds a run, without ``resume``; other values or data than it began with.
        DatasetError: data that are missing, laid out in another way, or fewer than one batch.
        DeviceError: a device that is not there.
    """
    accelerator = _accelerator(config)
    begun = accelerator.is_main_process and check_values(output, config, resume)
    accelerator.wait_for_everyone()  # before anybody reads what is in the folder
    torch.manual_seed(config.seed)
    recipe = recipe_class(config, data)
    solved = [accelerator.is_main_process and _solved(name, recipe, output, accelerator.device, quiet)]
    if _told(accelerator, solved)[0]:
        return output / "model"
    run = _Run(name, recipe, accelerator, output)
    saved = checkpoints.found(output / "checkpoints")
    if saved:
        run.restore(checkpoints.read(saved[-1]))
    if accelerator.is_main_process:
        begin(output, config)
    made, active = run.validations.history, accelerator.is_main_process
    with Journal(output, run.step, run.steps, made, active=active, quiet=quiet) as journal:
        for note in (*run.recipe.notes(), *run.resumed(begun)):
            journal.note(note)
        try:
            run.go(journal)
            if accelerator.is_main_process:
                run.export(journal)
        except (KeyboardInterrupt, FacezooError):
            run.leave()
            raise
    accelerator.wait_for_everyone()
    return output / "model"


def _solved(name: str, recipe: Recipe, output: Path, device: torch.device, quiet: bool) -> bool:
    """Solves and exports a recipe in closed form; False if it is none."""
    since, data = time.monotonic(), recipe.solved_on()
    check_data(data_of(output), data, recipe.data, output)
    figures = recipe.solve()
    if figures is None:
        return False
    begin(output, recipe.config, data)
    with Journal(output, 0, 0, quiet=quiet) as journal:
        for note in recipe.notes():
            journal.note(note)
        journal.validation(Validation(0, 0, figures))
    seconds, config = time.monotonic() - since, recipe.config.model_dump(mode="json")
    record = Record(
        name, config, recipe.data.resolve().name, 0, seconds, str(device), {}, tuple(recipe.notes()), figures=dict(figures)
    )
    recipe.export(output / "model", record)
    return True


def _accelerator(config: TrainingConfig) -> Accelerator:
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise FacezooError("Training needs accelerate; install it with: pip install 'facezoo[train]'") from error
    if config.device not in ("auto", "cpu", "cuda", "mps"):
        raise DeviceError(f"A recipe's device is auto, cpu, cuda or mps, not {config.device!r}; `accelerate launch` picks one.")
    try:
        accelerator = Accelerator(mixed_precision=config.mixed_precision, cpu=config.device == "cpu")
    except ValueError as error:  # accelerate keeps both for the life of a process
        raise InputError(
            f"accelerate does not take mixed_precision={config.mixed_precision} and device={config.device} in this process, "
            f"which has trained with other ones before: {error} Start another process for this run."
        ) from error
    if config.device not in ("auto", accelerator.device.type):
        raise DeviceError(f"This machine has no {config.device} for training; accelerate finds {accelerator.device.type}.")
    return accelerator


def _told(accelerator: Accelerator, values: list[Any]) -> list[Any]:
    """The first process's values, for every process."""
    if accelerator.num_processes == 1:
        return values
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list(list(values), from_process=0)


class _Run:
    """One recipe at work: its parts, and how far it has come."""

    def __init__(self, name: str, recipe: Recipe, accelerator: Accelerator, output: Path) -> None:
        self.name, self.recipe, self.config, self.accelerator, self.output = name, recipe, recipe.config, accelerator, output
        self.dataset = recipe.dataset()
        self.modules = dict(recipe.modules())
        self.format = torch.channels_last if self.config.channels_last else torch.contiguous_format
        for module in self.modules.values():
            module.to(accelerator.device, memory_format=self.format)  # pyright: ignore[reportCallIssue]
        self.optimizers = {turn: accelerator.prepare_optimizer(o) for turn, o in recipe.optimizers().items()}
        self.average = WeightAverage(self.modules, self.config.ema) if self.config.ema else None
        self.exchange = Exchange(self.modules)
        self.validations = Validations(self.modules, recipe.best_by, self.config.patience)
        if self.config.patience and recipe.best_by is None:
            raise InputError(
                f"{name} does not say which figure of a validation is the best, so it has no patience; leave it out."
            )
        length = len(self.dataset)  # pyright: ignore[reportArgumentType]
        self.per_epoch = self._batches(0, 0).whole
        if not self.per_epoch:
            needed = self.config.batch_size * accelerator.num_processes
            raise DatasetError(f"{recipe.data} gives {length} examples; one step takes {needed}. Lower batch_size.")
        self.steps = min(self.config.epochs * self.per_epoch, self.config.max_steps or 2**62)
        self.step, self.seconds, self.since = 0, 0.0, time.monotonic()
        self.whole = True  # no step is half done

    def _batches(self, epoch: int, start: int) -> ShuffledBatches:
        length = len(self.dataset)  # pyright: ignore[reportArgumentType]
        order = (length, self.config.batch_size, self.config.seed, epoch, start)
        return ShuffledBatches(*order, self.accelerator.process_index, self.accelerator.num_processes)

    def go(self, journal: Journal) -> None:
        while True:
            if self._validation_is_due():
                self._validate(journal)
            if self.step >= self.steps or self.validations.exhausted:
                return
            self._epoch(journal)

    def _epoch(self, journal: Journal) -> None:
        """The rest of an epoch, or of the run."""
        epoch, start = divmod(self.step, self.per_epoch)
        if hasattr(self.dataset, "set_epoch"):
            # before the workers are made: each gets a copy
            self.dataset.set_epoch(epoch)  # pyright: ignore[reportAttributeAccessIssue]
        loader = DataLoader(self.dataset, batch_sampler=self._batches(epoch, start), num_workers=self.config.workers)
        for batch in loader:
            with held_back():
                self._step({name: self._placed(value) for name, value in batch.items()}, epoch, journal)
            if self.step >= self.steps:
                return

    def _validation_is_due(self) -> bool:
        """At the end of an epoch that is validated, unless the checkpoint that the run goes on from has it already."""
        every, (epochs, inside) = self.config.validate_every, divmod(self.step, self.per_epoch)
        if not every or not epochs or inside or (epochs % every and epochs < self.config.epochs):
            return False
        return not self.validations.history or self.validations.history[-1].step < self.step

    def _validate(self, journal: Journal) -> None:
        torch.manual_seed(step_seed(self.config.seed, self.step, 0))  # whatever draws follows from the step
        with journal.paused(), self._exported(self._averages()), torch.no_grad(), self.accelerator.autocast():
            given = {name: float(value) for name, value in self.recipe.validate().items()}
            figures = _told(self.accelerator, [given])[0]  # all stop at the same step, to whatever bit they agree
            if figures:
                validation = Validation(self.step, self.step // self.per_epoch, figures)
                self.validations.add(validation)
                journal.validation(validation)

    def _placed(self, value: Tensor) -> Tensor:
        value = value.to(self.accelerator.device, non_blocking=True)
        return value.contiguous(memory_format=self.format) if value.ndim == 4 else value

    def _step(self, batch: dict[str, Tensor], epoch: int, journal: Journal) -> None:
        self.whole = False
        seed = step_seed(self.config.seed, self.step, self.accelerator.process_index)
        torch.manual_seed(seed)  # whatever draws from torch's own generator (dropout) follows from the step too
        generator = torch.Generator(self.accelerator.device).manual_seed(seed)
        moment = Moment(self.step, epoch, self.step % self.per_epoch, self.per_epoch, self.steps, generator)
        noted: dict[str, Tensor] = {}
        rates: dict[str, float] = {}
        for turn, optimizer in self.optimizers.items():
            rates[turn] = self._rate(turn, optimizer, moment)
            with self.accelerator.autocast():
                losses = self.recipe.losses(batch, turn, moment)
                total = torch.stack([loss.float() for loss in losses.values()]).sum()
            if not bool(torch.isfinite(total)) and self.config.mixed_precision != "fp16":
                raise FacezooError(f"The losses of step {self.step} are not finite: {self._values(losses)}. Lower the rate.")
            self._descend(total, optimizer)
            noted |= losses
        self.recipe.after_step(moment)
        if self.average is not None:
            self.average.update()
        self.step += 1
        self.whole = True
        journal.losses(moment.step, epoch, self._values(noted), rates)
        if self.step % self.config.pictures_every == 0 and journal.active:
            journal.pictures(self.step, self._pictures(batch))
        if self.step % self.config.checkpoint_every == 0:
            self.checkpoint()

    def _rate(self, turn: str, optimizer: Any, moment: Moment) -> float:
        rate = self.recipe.learning_rate(turn, moment)
        if rate is not None:
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("share", 1.0)
        return float(optimizer.param_groups[0]["lr"])

    def _descend(self, total: Tensor, optimizer: Any) -> None:
        """One step of one optimiser. Gradients are averaged over processes by hand: a recipe calls its networks
        one by one, so there is no single ``forward`` that could be wrapped."""
        optimizer.zero_grad()
        self.accelerator.backward(total)
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        if self.accelerator.num_processes > 1:
            for weight in weights:
                if weight.grad is None:
                    weight.grad = torch.zeros_like(weight)
                weight.grad = self.accelerator.reduce(weight.grad, reduction="mean")
        if self.config.clip_norm is not None:
            self.accelerator.clip_grad_norm_(weights, self.config.clip_norm)
        optimizer.step()

    def _values(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        if self.accelerator.num_processes > 1:
            values = self.accelerator.reduce(values, reduction="mean")
        return dict(zip(losses, (float(v) for v in values), strict=True))

    def _pictures(self, batch: dict[str, Tensor]) -> Mapping[str, Tensor]:
        with self._exported(self._averages()), torch.no_grad(), self.accelerator.autocast():
            return self.recipe.pictures(batch)

    def _averages(self) -> Weights | None:
        return self.average.weights() if self.average else None

    @contextmanager
    def _exported(self, weights: Weights | None) -> Iterator[None]:
        """Inside, the networks are in eval mode and hold ``weights``; None: their own."""
        modes = {module: module.training for top in self.modules.values() for module in top.modules()}
        for module in self.modules.values():
            module.eval()
        try:
            with self.exchange.holding(weights):
                yield
        finally:
            for module, mode in modes.items():
                module.training = mode

    def _elapsed(self) -> float:
        now = time.monotonic()
        self.seconds, self.since = self.seconds + now - self.since, now
        return self.seconds

    def leave(self) -> None:
        """What is needed to go on later, for Ctrl-C and for an error that somebody can mend, such as a broken picture."""
        with held_back():
            self.exchange.put_back()
            if self.whole:
                self.checkpoint()

    def checkpoint(self) -> None:
        seconds = self._elapsed()
        if not self.accelerator.is_main_process:
            return
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": seconds,
            "data": self._data(),
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizers": {turn: optimizer.state_dict() for turn, optimizer in self.optimizers.items()},
            "average": self.average.state_dict() if self.average else {},
            "validations": self.validations.state_dict(),
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else {},
        }
        checkpoints.write(self.output / "checkpoints", self.step, state, self.config.keep_checkpoints)

    def _data(self) -> dict[str, Any]:
        """By what other data are noticed at a resumption."""
        length = len(self.dataset)  # pyright: ignore[reportArgumentType]
        return {"examples": length, "digest": getattr(self.dataset, "digest", None)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to where a checkpoint was written.

        Raises:
            InputError: the run began with other data.
        """
        check_data(state.get("data"), self._data(), self.recipe.data, self.output)
        self.step, self.seconds = state["step"], state["seconds"]
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        for turn, optimizer in self.optimizers.items():
            optimizer.load_state_dict(checkpoints.same_on(state["optimizers"][turn], self.accelerator.device))
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if "validations" in state:  # a checkpoint of a version without them has had none
            self.validations.load_state_dict(state["validations"])
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])

    def resumed(self, begun: bool) -> tuple[str, ...]:
        """From where the run goes on, if it was ``begun`` before."""
        if not self.step:
            return ("Of the run so far no step was kept, so it begins with its first.",) if begun else ()
        if self.step >= self.steps:
            return (f"No step is left; {self.step:,} are done.",)
        return (f"Goes on after step {self.step:,} of {self.steps:,}, in epoch {self.step // self.per_epoch + 1:,}.",)

    def export(self, journal: Journal) -> None:
        """Writes the model: the weights of the best validation, or the last ones where nothing says which is best."""
        config = self.config.model_dump(mode="json")
        best = self.validations.best
        step = best.step if best else self.step
        figures = next((dict(v.figures) for v in self.validations.history if v.step == step), {})
        notes = [*self.recipe.notes()]
        if self.recipe.best_by and self.config.validate_every and not self.validations.history:
            notes.append("No validation was made before the run ended: these are its last weights.")
        record = Record(
            self.name, config, self.recipe.data.resolve().name, self.step, self._elapsed(), str(self.accelerator.device),
            journal.averages(), tuple(notes), step, figures,
        )  # fmt: skip
        with self._exported(self.validations.weights or self._averages()):
            self.recipe.export(self.output / "model", record)
        if not checkpoints.found(self.output / "checkpoints"):
            self.checkpoint()


def parameters_of(*modules: nn.Module) -> list[nn.Parameter]:
    """Trainable parameters of several modules, each once even where modules share some."""
    seen = {id(p): p for module in modules for p in module.parameters() if p.requires_grad}
    return list(seen.values())

"""The order of examples: shuffled, the same for everyone who knows (seed, epoch), and enterable in the middle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class ShuffledBatches(Sampler[list[int]]):
    """Batches of indices of one epoch for one of several processes; the incomplete last batch is left out.

    Args:
        length: examples in the data set.
        batch_size: per process.
        seed: of the run.
        epoch: which permutation.
        start: batches to skip.
        process: this process's number.
        processes: of all.
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, epoch: int = 0, start: int = 0, process: int = 0, processes: int = 1
    ) -> None:
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.epoch, self.start, self.process, self.processes = epoch, start, process, processes

    @property
    def whole(self) -> int:
        """Batches in an epoch."""
        return self.length // (self.batch_size * self.processes)

    def __len__(self) -> int:
        return max(0, self.whole - self.start)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        for batch in range(self.start, self.whole):
            first = (batch * self.processes + self.process) * self.batch_size
            yield order[first : first + self.batch_size].tolist()


def step_seed(seed: int, step: int, process: int) -> int:
    """A 63-bit seed for one step of one process, unrelated to its neighbours'."""
    return int(np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)[0] >> np.uint64(1))

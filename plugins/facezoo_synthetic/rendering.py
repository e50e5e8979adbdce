"""A set on disk, chunk by chunk. What is there stays, so a run that was killed goes on."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import torch

from facezoo.plugin import FacezooError
from facezoo_synthetic.head import load_head
from facezoo_synthetic.labels import Row, write_labels
from facezoo_synthetic.layout import Settings, labels_path
from facezoo_synthetic.packing import encode, write_files, write_shard
from facezoo_synthetic.studio import PORTION, Labels, Plan, Studio

ROW_BYTES = 1100  # of a picture's labels, compressed
PACKING_BYTES = 6 * 1024  # of a picture's labels in a shard, with tar's headers and padding

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """A set that is being rendered.

    Attributes:
        out: its folder.
        settings: of the set.
        head: the head's file.
        device: where it is rendered.
    """

    out: Path
    settings: Settings
    head: Path
    device: str = "cpu"

    def studio(self) -> Studio:
        """Reads the head and sets up for its pictures."""
        settings = self.settings
        return Studio(load_head(self.head), settings.seed, settings.size, self.device, settings.yaw)

    def plan(self, studio: Studio, number: int) -> Plan:
        """What picture number ``number`` of the set shows."""
        settings = self.settings
        return studio.plan(number, number // settings.frames, track=settings.tracks, still=settings.still)

    def room(self, studio: Studio, chunks: Sequence[int]) -> int:
        """About how many bytes these chunks will take, by the set's first pictures."""
        numbers = range(min(PORTION, self.settings.pictures))
        pictures, _ = studio.take([self.plan(studio, number) for number in numbers])
        each = sum(map(len, encoded(pictures, self.settings.format))) / len(numbers)
        each += ROW_BYTES + (PACKING_BYTES if self.settings.shards else 0)
        return int(each * sum(len(self.settings.numbers(chunk)) for chunk in chunks))

    def render(self, studio: Studio, chunk: int, done: Done = lambda count: None) -> None:
        """Renders a chunk and writes it; its labels come last, so that a chunk with labels is whole."""
        numbers = self.settings.numbers(chunk)
        pictures, labels = studio.take([self.plan(studio, number) for number in numbers], done)
        rows = [row(self.settings, number, known) for number, known in zip(numbers, labels, strict=True)]
        contents = encoded(pictures, self.settings.format)
        if self.settings.shards:
            places = write_shard(self.out / self.settings.shard(chunk), rows, contents)
            rows = [{**facts, "start": start, "length": length} for facts, (start, length) in zip(rows, places, strict=True)]
        else:
            write_files(self.out, [facts["file"] for facts in rows], contents)
        write_labels(labels_path(self.out, chunk), rows, studio.head.names)


def encoded(pictures: torch.Tensor, kind: str) -> list[bytes]:
    """(B, 3, S, S) uint8 RGB as files."""
    return [encode(picture, kind) for picture in pictures.permute(0, 2, 3, 1).cpu().numpy()]


def row(settings: Settings, number: int, known: Labels) -> Row:
    """The labels of picture number ``number`` by the names of their columns."""
    right, up = known.gaze
    facts = {name: getattr(known, name) for name in ("person", "emotion", "intensity", "yaw", "pitch", "roll")}
    lists = {name: getattr(known, name).reshape(-1) for name in ("identity", "expression", "landmarks", "five")}
    place = {"file": settings.file(number), "frame": number % settings.frames}
    return {**place, **facts, "gaze_right": right, "gaze_up": up, **known.units, **lists}


def render_chunks(job: Job, chunks: Sequence[int], workers: int, done: Done) -> None:
    """Renders chunks in processes of their own, one at a time in each.

    Args:
        job: the set.
        chunks: which of it.
        workers: how many processes; each computes with one thread.
        done: is told how many pictures were added.

    Raises:
        FacezooError: a process was killed, or what it raised.
    """
    context = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA, nor threads that torch has begun
    with ProcessPoolExecutor(workers, context, _begin, (job,)) as pool:
        futures = {pool.submit(_render, chunk): chunk for chunk in chunks}
        try:
            for future in as_completed(futures):
                future.result()
                done(len(job.settings.numbers(futures[future])))
        except BrokenProcessPool as error:
            raise FacezooError(
                "A process that renders was killed, most likely for want of memory. Finished chunks are kept: go on with the "
                "same command and fewer --workers."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_own: tuple[Job, Studio] | None = None  # of a process of ``render_chunks``


def _begin(job: Job) -> None:
    global _own
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _own = job, job.studio()


def _render(chunk: int) -> None:
    assert _own is not None  # the process has begun
    job, studio = _own
    job.render(studio, chunk)


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

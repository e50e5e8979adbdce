"""Several data sets in one run: a folder per reader, and their faces one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from torch.utils.data import ConcatDataset

from facezoo.datasets import Reader, open_dataset
from facezoo.errors import DatasetError


class Joined(ConcatDataset[dict[str, Tensor]]):
    """Several data sets one after the other, each with the randomness of the epoch."""

    def set_epoch(self, epoch: int) -> None:
        for part in self.datasets:
            part.set_epoch(epoch)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def digest(self) -> str:
        """Those of the parts, in their order."""
        return " ".join(part.digest for part in self.datasets)  # pyright: ignore[reportAttributeAccessIssue]


def open_several(names: Sequence[str], data: Path, default: Sequence[str] = ()) -> dict[str, Reader]:
    """{name: reader}. One reader reads the data folder itself, several read the folders of their names in it.

    Args:
        names: of readers.
        data: the folder.
        default: the names that a recipe has by itself, for the message.

    Raises:
        DatasetError: a folder is missing, or laid out another way.
        UnknownNameError: no such reader.
    """
    several = len(names) > 1
    if absent := [name for name in names if several and not (data / name).is_dir()]:
        own = " (the default)" if tuple(names) == tuple(default) else ""
        raise DatasetError(
            f"There is no folder {' or '.join(str(data / name) for name in absent)}: the readers are "
            f"{' and '.join(names)}{own}, and each of several reads the folder of its name in {data}. If that is "
            "one data set, name its reader: --readers folder for a folder per class, --readers rafdb or affectnet for "
            "these as published."
        )
    return {name: open_dataset(name, data / name if several else data) for name in names}

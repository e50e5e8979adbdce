"""Faces per second of the renderer of synthetic faces, at several sizes.

    python benchmarks/synthetic.py [--head FILE] [--sizes 64 112 224] [--devices cpu cuda] [--threads 1] [--faces 32]

Without --head the head that ``facezoo synth import`` stored is used. Every run shows the same people. The clock runs from the
choice of person, expression and shot to finished pictures and labels; writing files is not in it. Beside the time on the wall
stands the processor's own time: on a machine that does other things too, only this says what a face costs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from cycle_face import cpu_name
from rich.console import Console
from rich.table import Table

from facezoo_synthetic.head import Head, find_head, load_head
from facezoo_synthetic.studio import PORTION, Studio


def measure(head: Head, size: int, device: str, faces: int) -> dict[str, Any]:
    """One row: ``faces`` pictures of a side of ``size`` pixels."""
    studio = Studio(head, seed=0, size=size, device=device)
    studio.take([studio.plan(number, number) for number in range(PORTION)])
    _wait(device)
    wall, processor = time.perf_counter(), time.process_time()
    studio.take([studio.plan(number, number) for number in range(faces)])
    _wait(device)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    threads = torch.get_num_threads()
    row = {"device": device, "threads": threads, "side": size, "faces": faces, "faces_per_s": faces / wall}
    return {**row, "processor_s_per_face": processor / faces}


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head", type=Path, help="the head's file, if not the imported one")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 112, 224])
    parser.add_argument("--devices", nargs="+", default=["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the processor")
    parser.add_argument("--faces", type=int, default=32, help="rendered per measurement")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    head = load_head(find_head(options.head))
    machine = {"cpu": cpu_name(), "torch": torch.__version__}
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    rows = [measure(head, size, device, options.faces) for device in options.devices for size in options.sizes]
    table = Table(title=f"Synthetic faces, {machine}")
    for column in rows[0]:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=140).print(table)
    if options.output:
        options.output.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

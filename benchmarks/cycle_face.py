"""Images per second of cycle-face's encoders and decoders, for every way to run them, in one run.

    python benchmarks/cycle_face.py [--width 1.0] [--device cpu] [--batches 1 32] [--seconds 3] [-o speed.json]

Weights do not matter for speed, so the networks are untrained. Compilation happens before the clock starts; its time
is a column of its own. The ratio is to eager float32 at the same batch size.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from facezoo import weights
from facezoo.components import Component
from facezoo.devices import compile_networks
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec
from facezoo_cycle_face.config import CycleFaceConfig

WAYS = (
    ("eager float32", torch.float32, False, False),
    ("channels_last float32", torch.float32, True, False),
    ("eager bfloat16", torch.bfloat16, False, False),
    ("channels_last bfloat16", torch.bfloat16, True, False),
    ("compiled float32", torch.float32, False, True),
    ("compiled bfloat16", torch.bfloat16, False, True),
    ("compiled channels_last bfloat16", torch.bfloat16, True, True),
)
WORK = ("encode_identity", "encode_expression", "neutralize", "mean_face", "reconstruct")


def component(width: float, dtype: torch.dtype, channels_last: bool, compiled: bool, device: torch.device) -> Component:
    """An untrained cycle-face, ready to run."""
    torch.manual_seed(0)
    trunk = "vgg19-frozen" if width == 1.0 else "trained"
    made = weights.create(discover().get(ComponentSpec, "cycle-face"), CycleFaceConfig(width=width, trunk=trunk))
    made.trainable_(False).to(device, dtype)
    if channels_last:
        made.to(memory_format=torch.channels_last)
    if compiled:
        compile_networks(made, device)
    return made


def rate(run: Callable[[], object], batch: int, seconds: float, device: torch.device) -> tuple[float, float]:
    """-> images per second (median of single calls), seconds of the first call."""
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return batch / sorted(times)[len(times) // 2], first


@torch.inference_mode()
def measure(options: argparse.Namespace) -> list[dict]:
    device = torch.device(options.device)
    rows = []
    for way, dtype, channels_last, compiled in WAYS:
        if compiled and not options.compile:
            continue
        for batch in options.batches:
            torch.compiler.reset()  # each batch size is compiled for itself, as a service with one size would
            made = component(options.width, dtype, channels_last, compiled, device)
            faces = torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(0)).to(device)
            for work in options.work:
                run = getattr(made, work)
                per_second, first = rate(lambda run=run, faces=faces: run(faces), batch, options.seconds, device)
                rows.append({"way": way, "work": work, "batch": batch, "images_per_s": per_second, "first_call_s": first})
    base = {(r["work"], r["batch"]): r["images_per_s"] for r in rows if r["way"] == WAYS[0][0]}
    return [{**r, "ratio": r["images_per_s"] / base[r["work"], r["batch"]]} for r in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--work", nargs="+", default=list(WORK), choices=WORK)
    parser.add_argument("--seconds", type=float, default=3.0, help="time per measurement")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = measure(options)
    machine = {"cpu": cpu_name(), "threads": torch.get_num_threads(), "torch": torch.__version__, "device": options.device}
    table = Table(title=f"cycle-face, width {options.width}, 64 x 64 px, {machine}")
    for column in ("work", "batch", "way", "images/s", "x eager float32", "first call, s"):
        table.add_column(column, justify="left" if column in ("work", "way") else "right")
    for row in sorted(rows, key=lambda r: (r["work"], r["batch"])):
        cells = (f"{row['images_per_s']:.1f}", f"{row['ratio']:.2f}", f"{row['first_call_s']:.1f}")
        table.add_row(row["work"], str(row["batch"]), row["way"], *cells)
    Console(width=140).print(table)
    if options.output:
        options.output.write_text(json.dumps({"machine": machine, "width": options.width, "rows": rows}, indent=1) + "\n")


def cpu_name() -> str:
    """The processor, and which matrix units it says it has."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    name = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f" {flag} " in text]
    return f"{name} ({', '.join(flags)})"


if __name__ == "__main__":
    main()

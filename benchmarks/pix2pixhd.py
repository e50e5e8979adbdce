"""Pictures per second of pix2pixHD's generators, for every way to run them, in one run.

    python benchmarks/pix2pixhd.py [--networks released bundled] [--sizes 256 512] [--device cpu] [--quick] [-o speed.json]

"released" is the global generator of the release (ngf 64, four halvings, nine residual blocks; 182 million parameters),
"bundled" the network of expression-manipulator-nano with one expression for all pictures, at its own width and depth. Weights
do not matter for speed, so both are untrained. The network alone is measured, at each size: no crop, no detection. Compilation
happens before the clock starts; its time is a column of its own. The ratio is to eager float32 at the same size and batch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cycle_face import WAYS, cpu_name, rate
from rich.console import Console
from rich.table import Table
from torch import nn

from facezoo import weights
from facezoo.components import Component
from facezoo.config import ComponentConfig
from facezoo.devices import compile_networks
from facezoo.errors import FacezooError
from facezoo.loader import directory_of
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec
from facezoo_pix2pixhd.config import ExpressionManipulatorConfig, Pix2PixHDConfig

BUNDLED = "expression-manipulator-nano"
QUICK = ("eager float32", "channels_last float32", "eager bfloat16")
Way = tuple[str, torch.dtype, bool, bool]


def component(arch: str, config: ComponentConfig, way: Way, device: torch.device) -> Component:
    """An untrained component, ready to run."""
    _, dtype, channels_last, compiled = way
    torch.manual_seed(0)
    made = weights.create(discover().get(ComponentSpec, arch), config)
    made.trainable_(False).to(device, dtype)
    if channels_last:
        made.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if compiled:
        compile_networks(made, device)
    return made


def config_of(model: str) -> ExpressionManipulatorConfig:
    """The configuration of a trained manipulator."""
    try:
        directory = directory_of(model)
    except FacezooError as error:
        raise SystemExit(f"{error}\nWithout it: --networks released") from error
    if directory is None:
        raise SystemExit(f"{model} has no folder with a configuration.")
    return ExpressionManipulatorConfig.from_values(weights.read_manifest(directory).config, str(directory))


def work(made: Component, size: int, batch: int, channels_last: bool, device: torch.device) -> Callable[[], object]:
    """One call of the network on pictures of that size."""
    network = made.network
    if not isinstance(network, nn.Module):
        raise TypeError(f"{type(made).__name__} has no network")
    pictures = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pictures = pictures.to(device, made.dtype)
    if channels_last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    if not isinstance(made.config, ExpressionManipulatorConfig):
        return lambda: network(pictures)
    code = torch.zeros(batch, made.config.expression_dim, device=device, dtype=made.dtype)
    return lambda: network(pictures, code)


@torch.inference_mode()
def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row per network, way, size and batch."""
    device = torch.device(options.device)
    chosen = [way for way in WAYS if (way[0] in QUICK if options.quick else options.compile or not way[3])]
    rows = []
    for network in options.networks:
        released = network == "released"
        arch, config = ("pix2pixhd", Pix2PixHDConfig()) if released else ("expression-manipulator", config_of(options.model))
        for way in chosen:
            for size in options.sizes:
                for batch in options.batches:
                    torch.compiler.reset()  # each size is compiled for itself
                    run = work(component(arch, config, way, device), size, batch, way[2], device)
                    per_second, first = rate(run, batch, options.seconds, device)
                    place = {"network": network, "size": size, "batch": batch, "way": way[0]}
                    rows.append({**place, "images_per_s": per_second, "first_call_s": first})
    base = {(r["network"], r["size"], r["batch"]): r["images_per_s"] for r in rows if r["way"] == WAYS[0][0]}
    return [{**r, "ratio": r["images_per_s"] / base[r["network"], r["size"], r["batch"]]} for r in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["released", "bundled"], choices=["released", "bundled"])
    parser.add_argument("--model", default=BUNDLED, help='whose network is "bundled"')
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", type=int, nargs="+", default=[1])
    parser.add_argument("--seconds", type=float, default=3.0, help="time per measurement")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the processor")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = measure(options)
    machine = {"cpu": cpu_name(), "threads": torch.get_num_threads(), "torch": torch.__version__, "device": options.device}
    if options.device.startswith("cuda"):
        machine["gpu"] = torch.cuda.get_device_name(options.device)
    table = Table(title=f"pix2pixHD, {machine}")
    for column in ("network", "size", "batch", "way", "images/s", "x eager float32", "first call, s"):
        table.add_column(column, justify="left" if column in ("network", "way") else "right")
    for row in sorted(rows, key=lambda r: (options.networks.index(r["network"]), r["size"], r["batch"])):
        cells = (f"{row['images_per_s']:.3g}", f"{row['ratio']:.2f}", f"{row['first_call_s']:.1f}")
        table.add_row(row["network"], str(row["size"]), str(row["batch"]), row["way"], *cells)
    Console(width=140).print(table)
    if options.output:
        options.output.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

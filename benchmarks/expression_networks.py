"""Faces per second of facenet, the DLN and FECNet, for every way to run them; and facenet-pytorch beside facenet.

    python benchmarks/expression_networks.py [--device cpu] [--batches 1 32] [--seconds 3] [--peer FOLDER] [-o speed.json]

Weights do not matter for speed, so the networks are untrained. With --peer FOLDER the folder holds facenet-pytorch,
installed on its own because it pins older versions of what it needs:

    pip install --no-deps --target FOLDER facenet-pytorch==2.6.0 requests urllib3 idna certifi charset-normalizer tqdm

Then its own network is filled with random weights and statistics, its state dictionary goes through ``facezoo convert``,
and both are shown the same faces: how far they are apart, and how fast each is, called alike (float32, eager).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from cycle_face import WAYS, cpu_name, rate
from rich.console import Console
from rich.table import Table

from facezoo import weights
from facezoo.components import patterns
from facezoo.devices import compile_networks
from facezoo.loader import convert, load, relative_error
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec, resolve

ARCHS = ("facenet", "dln", "dln-emotion", "fecnet")


@torch.inference_mode()
def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row per network, way and batch size."""
    device, rows = torch.device(options.device), []
    for arch in options.archs:
        spec = discover().get(ComponentSpec, arch)
        for way, dtype, channels_last, compiled in WAYS:
            if compiled and not options.compile:
                continue
            for batch in options.batches:
                torch.compiler.reset()
                torch.manual_seed(0)
                made: Any = weights.create(spec, resolve(spec.config, arch)()).trainable_(False).to(device, dtype)
                if channels_last:
                    made.to(memory_format=torch.channels_last)
                if compiled:
                    compile_networks(made, device)
                faces = torch.rand(batch, 3, *made.contract.size, generator=torch.Generator().manual_seed(0)).to(device)
                speed, first = rate(lambda made=made, faces=faces: made(faces), batch, options.seconds, device)
                side = made.contract.size[0]
                rows.append(
                    {"network": arch, "side": side, "way": way, "batch": batch, "faces_per_s": speed, "first_call_s": first}
                )
    base = {(r["network"], r["batch"]): r["faces_per_s"] for r in rows if r["way"] == WAYS[0][0]}
    return [{**row, "ratio": row["faces_per_s"] / base[row["network"], row["batch"]]} for row in rows]


@torch.inference_mode()
def beside_peer(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """facenet-pytorch's own network and facezoo's, with the same random weights, on the same faces."""
    sys.path.insert(0, str(folder))
    from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1  # pyright: ignore[reportMissingImports]

    generator = torch.Generator().manual_seed(0)
    peer = InceptionResnetV1(pretrained=None, classify=False, num_classes=None).eval()
    for name, tensor in peer.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_(0, 0.05, generator=generator)
        elif name.endswith("running_var"):
            tensor.uniform_(0.8, 1.3, generator=generator)
    with tempfile.TemporaryDirectory() as scratch:
        torch.save(peer.state_dict(), Path(scratch) / "facenet.pt")
        directory, _ = convert("facenet", Path(scratch) / "facenet.pt", Path(scratch) / "facenet")
        own: Any = load(f"dir:{directory}", device=options.device)
    peer, rows = peer.to(options.device), []
    for side in (160, 224):
        prepared = (patterns(4, side, side) * 255 - 127.5).to(options.device) / 128
        apart = relative_error(own.network(prepared), peer(prepared))
        for batch in options.batches:
            faces = prepared[torch.arange(batch) % 4]
            theirs, _ = rate(lambda faces=faces: peer(faces), batch, options.seconds, torch.device(options.device))
            ours, _ = rate(lambda faces=faces: own.network(faces), batch, options.seconds, torch.device(options.device))
            rows.append({"side": side, "batch": batch, "relative_error": apart, "facenet_pytorch": theirs, "facezoo": ours})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--archs", nargs="*", default=list(ARCHS), choices=ARCHS)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--seconds", type=float, default=3.0, help="time per measurement")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--peer", type=Path, help="folder with facenet-pytorch")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    machine = {"cpu": cpu_name(), "threads": torch.get_num_threads(), "torch": torch.__version__, "device": options.device}
    peers = beside_peer(options.peer, options) if options.peer else []
    rows = measure(options)
    show(f"Expression networks, {machine}", rows)
    show("facenet beside facenet-pytorch, eager float32, faces/s", peers)
    if options.output:
        options.output.write_text(json.dumps({"machine": machine, "rows": rows, "peer": peers}, indent=1) + "\n")


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """A table of records."""
    if not rows:
        return
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

"""How long a user waits before anything happens: `import facezoo` and `facezoo list`.

    python benchmarks/startup.py [-n 15] [-o startup.json]

Aims: the import under 60 ms, the listing under 0.6 s, the interpreter's own start included in the latter only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

IMPORT = "import time; t = time.perf_counter(); import facezoo; print(time.perf_counter() - t)"


def import_seconds() -> float:
    """Seconds of `import facezoo` in a fresh interpreter, without the interpreter's own start."""
    return float(subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout)


def command_seconds(*arguments: str) -> float:
    """Wall seconds of a facezoo command."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "facezoo", *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--repeat", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    measured = {
        "import facezoo": [import_seconds() for _ in range(options.repeat)],
        "facezoo list": [command_seconds("list") for _ in range(options.repeat)],
        "facezoo --help": [command_seconds("--help") for _ in range(options.repeat)],
    }
    rows = {name: {"median_s": statistics.median(v), "best_s": min(v), "worst_s": max(v)} for name, v in measured.items()}
    for name, row in rows.items():
        median, best, worst = (row[key] * 1000 for key in ("median_s", "best_s", "worst_s"))
        print(f"{name:16} median {median:7.1f} ms   best {best:7.1f}   worst {worst:7.1f}")
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

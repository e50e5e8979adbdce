"""Do identity codes still tell people apart in video? Share of saturated values, and cosines between clips.

python benchmarks/clip_codes.py CLIP... [--model cycle-face-nano] [--frames 25]
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

import facezoo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--model", default="cycle-face-nano")
    parser.add_argument("--frames", type=int, default=25)
    options = parser.parse_args()
    pipe = facezoo.pipeline("identity-embedding", encoder=options.model)
    means = {}
    for clip in options.clips:
        results = itertools.islice(pipe.video(clip, batch_size=options.frames), options.frames)
        codes = np.stack([result.faces[0].embeddings["identity"].values for result in results if result.faces])
        means[clip.stem] = codes.mean(axis=0) / np.linalg.norm(codes.mean(axis=0))
        share = float((np.abs(codes) > 0.99).mean())
        print(f"{clip.stem:12} {len(codes)} faces, {share:.1%} of the values beyond 0.99")
    for one, other in itertools.combinations(means, 2):
        print(f"{one} / {other}: {float(means[one] @ means[other]):.2f}")


if __name__ == "__main__":
    main()

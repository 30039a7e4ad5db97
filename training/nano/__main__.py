"""`python -m training.nano DATA CACHE`: from photos to the shipped weights, resumable."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

WEIGHTS = Path(__file__).parents[2] / "edgeseg" / "engines" / "nano" / "weights"


def run(module: str, *arguments: object) -> None:
    """Run one step in a process of its own, so that its memory is given back."""
    print(f"== {module}", flush=True)
    subprocess.run([sys.executable, "-m", f"training.{module}", *map(str, arguments)], check=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/ and caltech101/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos and checkpoints")
    parser.add_argument("--detector-minutes", type=float, default=120)
    parser.add_argument("--segmenter-minutes", type=float, default=60)
    parser.add_argument(
        "--scenes", type=int, default=500, help="synthetic table scenes, for both models"
    )
    parser.add_argument("--encoder", type=Path, help="a MiniLM folder: makes the words anew")
    parser.add_argument("--word-list", type=Path, default=Path("/usr/share/dict/words"))
    args = parser.parse_args()
    detector, segmenter = args.cache / "detector.pt", args.cache / "segmenter.pt"
    if args.encoder is not None:
        run("nano.word_vectors", args.encoder, args.word_list, WEIGHTS / "words.npz")
    drawn = args.cache / "tableware" / "drawn.tar"
    if not drawn.with_suffix(".json.gz").exists():
        run("synthetic.render", args.data, args.cache, drawn, "--scenes", args.scenes)
    run(
        "nano.train_detector",
        args.data,
        args.cache,
        detector,
        *("--tableware", drawn.parent, "--minutes", args.detector_minutes),
    )
    run(
        "nano.train_segmenter",
        args.data,
        args.cache,
        segmenter,
        *("--tableware", drawn.parent, "--minutes", args.segmenter_minutes, "--backbone", detector),
    )
    run("nano.export", WEIGHTS, "--detector", detector, "--segmenter", segmenter)
    nano, fitted = args.data / "nano", args.cache / "calibration.npz"
    tars = sorted(nano.glob("train-*.tar"))
    run("nano.calibrate", nano / "train.json.gz", *tars, "--out", fitted)
    run("nano.export", WEIGHTS, "--detector", detector, "--calibration", fitted)
    run("nano.train_embedder", args.data, args.cache, WEIGHTS / "embedder.npz")


if __name__ == "__main__":
    main()

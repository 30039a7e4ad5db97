"""How many of Caltech101's photos are named rightly: words beyond COCO's, one thing a photo."""

from __future__ import annotations

import argparse
import random
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from edgeseg.codecs import decode_image
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.types import Image
from training.common.data import CALTECH_NAMES, SKIPPED_CALTECH, read_json

SHOWN = 0.35
FLOOR = 0.02


def read_labels(folder: Path) -> dict[str, str]:
    """The word for what each photo shows, by file name."""
    rows = read_json(folder / "labels.json.gz")
    return {
        row["file_name"]: CALTECH_NAMES.get(row["label"], row["label"].replace("_", " "))
        for row in rows
        if row["label"] not in SKIPPED_CALTECH
    }


def photos(folder: Path, labels: dict[str, str]) -> Iterator[tuple[str, Image]]:
    """Label and image of each photo that has one."""
    for path in sorted(folder.glob("images-*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None and member.name in labels:
                    yield labels[member.name], decode_image(stream.read())


def main() -> None:
    """Print the shares of photos whose own label wins, and is shown, among all labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with caltech101/")
    parser.add_argument("--limit", type=int, help="only so many photos, drawn with a fixed seed")
    args = parser.parse_args()
    folder = args.data / "caltech101"
    known = read_labels(folder)
    labels = sorted(set(known.values()))
    if args.limit:
        drawn = random.Random(0).sample(sorted(known), min(args.limit, len(known)))
        known = {name: known[name] for name in drawn}
    detector = NanoDetector()
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for label, image in photos(folder, known):
        detections = detector.detect(image, labels, box_threshold=FLOOR, text_threshold=FLOOR)
        best = detections.labels[0] if len(detections) else None
        shown = any(
            each == label and score >= SHOWN
            for each, score in zip(detections.labels, detections.scores, strict=True)
        )
        row = counts[label]
        row[0], row[1], row[2] = row[0] + 1, row[1] + (best == label), row[2] + shown
    seen_all, right, shown_all = (sum(row[i] for row in counts.values()) for i in range(3))
    for label, (seen, named, here) in sorted(counts.items()):
        print(f"{label:<20}{seen:>4} photos{named / seen:>7.0%} named{here / seen:>7.0%} found")
    print(f"{seen_all} photos, {len(labels)} labels: the photo's own label scores highest in")
    print(
        f"{right / seen_all:.1%}, and is found at a score of {SHOWN} in {shown_all / seen_all:.1%}"
    )


if __name__ == "__main__":
    main()

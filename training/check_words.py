"""How many of Caltech101's photos are named rightly: words beyond COCO's, one thing a photo."""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from edgeseg.codecs import decode_image
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.types import Image

SHOWN = 0.35
LEAST = 0.02


def photos(folder: Path, limit: int | None) -> Iterator[tuple[str, Image]]:
    """Label and image of each photo, or of so many drawn with a fixed seed."""
    rows = json.loads(gzip.decompress((folder / "labels.json.gz").read_bytes()))
    rows = random.Random(0).sample(rows, min(limit or len(rows), len(rows)))
    labels = {row["file_name"]: row["label"] for row in rows}
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
    parser.add_argument("--limit", type=int, help="only so many photos")
    args = parser.parse_args()
    folder = args.data / "caltech101"
    known = json.loads(gzip.decompress((folder / "labels.json.gz").read_bytes()))
    labels = sorted({row["label"] for row in known})
    detector = NanoDetector()
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for label, image in photos(folder, args.limit):
        found = detector.detect(image, labels, box_threshold=LEAST, text_threshold=LEAST)
        best = found.labels[0] if len(found) else None
        shown = any(
            each == label and score >= SHOWN
            for each, score in zip(found.labels, found.scores, strict=True)
        )
        row = counts[label]
        row[0], row[1], row[2] = row[0] + 1, row[1] + (best == label), row[2] + shown
    photos_seen, right, shown_all = (sum(row[i] for row in counts.values()) for i in range(3))
    for label, (seen, named, found_here) in sorted(counts.items()):
        print(
            f"{label:<20}{seen:>4} photos{named / seen:>7.0%} named{found_here / seen:>7.0%} found"
        )
    print(f"{photos_seen} photos, {len(labels)} labels: the photo's own label scores highest in")
    print(
        f"{right / photos_seen:.1%} and is found at a score of {SHOWN:g} in {shown_all / photos_seen:.1%}"
    )


if __name__ == "__main__":
    main()

"""How well the nano embedder tells an object from others of its class, on photos not trained on."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edgeseg.engines.nano.embedder import load_projection
from edgeseg.engines.nano.onnx_session import Network
from training.common.data import BoolArray, FloatArray, load_photos
from training.nano.train_embedder import measured, objects_of

VIEWS = 3
THRESHOLD = 0.5
"""The default `pairing_threshold`."""


def area_under_curve(same: FloatArray, other: FloatArray) -> float:
    """Return how often a pair of one object is more similar than one of two objects."""
    ranks = np.argsort(np.argsort(np.concatenate([same, other])))[: len(same)]
    return float((ranks.mean() - (len(same) - 1) / 2) / len(other))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path, help="COCO format, such as val.json.gz")
    parser.add_argument("tars", type=Path, nargs="+", help="its photos")
    parser.add_argument("--cache", type=Path, required=True, help="file for decoded photos")
    parser.add_argument("--objects", type=int, default=250)
    args = parser.parse_args()
    photos = load_photos(args.annotations, args.tars, args.cache)
    chosen = objects_of(photos, args.objects, seed=0)
    features, numbers = measured(photos, chosen, Network("encoder"), seed=1, views=VIEWS)
    mean, projection = load_projection()
    vectors = (features - mean) @ projection
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    classes = np.array([photos.photos[i].classes[row] for i, row in chosen])[numbers]
    images = np.array([i for i, _ in chosen])[numbers]
    upper: BoolArray = np.triu(np.ones(cosines.shape, bool), 1)
    same = cosines[upper & (numbers[:, None] == numbers)]
    of_class = (classes[:, None] == classes) & (images[:, None] != images)
    other = cosines[upper & of_class]
    print(f"{len(chosen)} objects, {len(same)} pairs of one, {len(other)} of two of a class")
    print(f"AUC {area_under_curve(same, other):.4f}; at a cosine of {THRESHOLD}:")
    print(f"same {np.mean(same >= THRESHOLD):.3f}, other {np.mean(other >= THRESHOLD):.3f}")


if __name__ == "__main__":
    main()

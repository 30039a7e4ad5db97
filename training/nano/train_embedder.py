"""Fit the nano embedder's projection: one object in changed images against others of its class."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps
from tqdm import tqdm

from edgeseg.engines.nano.embedder import measure
from edgeseg.engines.nano.onnx_session import Network
from training.common.data import BoolArray, FloatArray, IntArray, PhotoSet, UInt8Array, load_nano

MIN_AREA_PX = 1500
MAX_PER_CLASS = 60
VIEWS = 5
"""Changed images of each object."""
DIM = 64
RIDGE = 0.02
"""Share of the mean variance that is added to each feature's, as data are few."""
Pillow = Image.Image


def objects_of(photos: PhotoSet, count: int, seed: int) -> list[tuple[int, int]]:
    """Return (photo, instance) of large objects with masks, not too many of one class."""
    rng = np.random.default_rng(seed)
    taken: dict[int, int] = {}
    chosen = []
    for index in rng.permutation(len(photos)):
        photo = photos.photos[index]
        for row, name in enumerate(photo.classes.tolist()):
            mask = None if photo.crowd[row] else photo.mask(row)
            if mask is None or mask.sum() < MIN_AREA_PX or taken.get(name, 0) >= MAX_PER_CLASS:
                continue
            taken[name] = taken.get(name, 0) + 1
            chosen.append((int(index), row))
        if len(chosen) >= count:
            break
    return chosen


def change(
    rgb: UInt8Array, mask: BoolArray, behind: UInt8Array, rng: np.random.Generator
) -> tuple[UInt8Array, BoolArray]:
    """The same object elsewhere: background, mirror, turn, size, a side cut off, mask, light."""
    image, cut = Image.fromarray(rgb), Image.fromarray(mask.astype(np.uint8) * 255)
    if rng.random() < 0.6:
        soft = cut.filter(ImageFilter.GaussianBlur(1))
        image = Image.composite(image, Image.fromarray(behind).resize(image.size), soft)
    if rng.random() < 0.5:
        image, cut = ImageOps.mirror(image), ImageOps.mirror(cut)
    turn = rng.uniform(-20, 20)
    image, cut = image.rotate(turn, Image.Resampling.BILINEAR), cut.rotate(turn)
    scale, stretch = rng.uniform(0.5, 1.5), rng.uniform(0.85, 1.15)
    size = (max(32, int(image.width * scale * stretch)), max(32, int(image.height * scale)))
    image, cut = image.resize(size, Image.Resampling.BICUBIC), cut.resize(size)
    shown = _cut_side(np.asarray(cut) > 127, rng)
    return (relit(image, rng), shown) if shown.sum() >= 150 else (rgb, mask)


def relit(image: Pillow, rng: np.random.Generator) -> UInt8Array:
    """Another exposure, white balance, gamma and contrast, and JPEG's losses."""
    values = np.asarray(image, np.float32) * rng.uniform(0.6, 1.35)
    values = (values * np.exp(rng.normal(0, 0.06, 3))).clip(0, 255)
    values = 255 * (values / 255) ** rng.uniform(0.8, 1.25)
    values = (values - values.mean()) * rng.uniform(0.8, 1.2) + values.mean()
    stream = io.BytesIO()
    pixels = values.clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=int(rng.integers(50, 95)))
    return np.asarray(Image.open(stream))


def _cut_side(mask: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Without up to 30 % on one side, and up to two pixels larger or smaller."""
    if not mask.any():
        return mask
    side = int(rng.integers(4))
    turned = np.rot90(mask, side)
    rows = np.nonzero(turned.any(axis=1))[0]
    below = np.arange(len(turned)) >= rows[0] + rng.uniform(0, 0.3) * (rows[-1] + 1 - rows[0])
    kept = np.rot90(turned & below[:, None], -side)
    wider = int(rng.integers(-2, 3))
    if not wider:
        return kept
    grow = (ImageFilter.MaxFilter if wider > 0 else ImageFilter.MinFilter)(2 * abs(wider) + 1)
    return np.asarray(Image.fromarray(kept.astype(np.uint8) * 255).filter(grow)) > 127


def measured(
    photos: PhotoSet, chosen: list[tuple[int, int]], encoder: Network, seed: int, views: int = VIEWS
) -> tuple[FloatArray, IntArray]:
    """(N, F) features of objects, as they are and changed, and (N,) numbers of the objects."""
    rng = np.random.default_rng(seed)
    rows, numbers = [], []
    for number, (index, instance) in enumerate(tqdm(chosen, mininterval=10)):
        mask = photos.photos[index].mask(instance)
        assert mask is not None
        rgb, own = np.asarray(photos.rgb(index)), mask.astype(bool)
        rows.append(measure(encoder, rgb, own))
        for _ in range(views):
            behind = np.asarray(photos.rgb(int(rng.integers(len(photos)))))
            rows.append(measure(encoder, *change(rgb, own, behind, rng)))
        numbers += [number] * (views + 1)
    return np.stack(rows), np.array(numbers)


def fit(features: FloatArray, numbers: IntArray, dim: int = DIM) -> tuple[FloatArray, FloatArray]:
    """Return the (F,) mean and the (F, dim) projection of linear discriminant analysis."""
    mean, scale = features.mean(axis=0), features.std(axis=0)
    # Colours that hardly occur in training must not weigh more than all others where they do occur.
    scale = np.maximum(scale, 0.1 * np.median(scale))
    values: npt.NDArray[np.float64] = ((features - mean) / scale).astype(np.float64)
    each = np.unique(numbers)
    middles = np.stack([values[numbers == number].mean(axis=0) for number in each])
    inside = values - middles[np.searchsorted(each, numbers)]
    within = inside.T @ inside / (len(values) - len(each))
    within += RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    whitening = np.linalg.inv(np.linalg.cholesky(within))
    _, basis = np.linalg.eigh(whitening @ np.cov(middles.T) @ whitening.T)
    projection = whitening.T @ basis[:, ::-1][:, :dim] / scale[:, None]
    return mean.astype(np.float32), projection.astype(np.float32)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos")
    parser.add_argument("out", type=Path, help="embedder.npz")
    parser.add_argument("--objects", type=int, default=1600)
    args = parser.parse_args()
    photos = load_nano(args.data, args.cache)
    chosen = objects_of(photos, args.objects, seed=0)
    features, numbers = measured(photos, chosen, Network("encoder"), seed=1)
    mean, projection = fit(features, numbers)
    np.savez_compressed(args.out, mean=mean, projection=projection.astype(np.float16))


if __name__ == "__main__":
    main()

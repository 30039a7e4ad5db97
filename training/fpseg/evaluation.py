"""A model measured on labelled photos: figures as JSON, a table and two plots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edgeseg.evaluation.label_maps import ious
from edgeseg.files import write_bytes
from training.common.distributed import World
from training.fpseg.charts import draw_bars, draw_matrix
from training.fpseg.config import Evaluate
from training.fpseg.data import open_photos
from training.fpseg.figures import Figures, measure
from training.fpseg.index import NAME, shown_rows
from training.fpseg.pairs import PairSampler
from training.fpseg.predictors import open_predictor
from training.fpseg.train import TEST_SEED, require_rows

P_NEG_MAX = 0.8


def evaluate(config: Evaluate, world: World) -> None:
    """Write ``eval.json``, ``classes.png`` and ``confusion.png``, and print the table.

    ``miou`` chooses each pixel's class among the evaluated ones; ``pooled`` is what the original
    calls mIoU, on pairs that are the same each time.
    """
    if not world.is_first:
        return
    photos = open_photos(config, config.split)
    require_rows(config.n_classes, photos.table)
    predict = open_predictor(config, photos, world)
    config.output_dir.mkdir(parents=True, exist_ok=True)
    folder = config.image_embedding_dir
    index = config.output_dir / NAME if folder is None else folder / config.split / NAME
    shown = shown_rows(photos, index, config.num_workers)[: config.limit]
    pairs = PairSampler(
        shown,
        range(config.n_classes),
        config.test_n_class_examples_per_epoch,
        P_NEG_MAX,
        TEST_SEED,
    ).epoch(0)
    figures = measure(predict, photos, pairs, config.target_size, config.limit)
    write_figures(figures, config.runtime, config.output_dir)


def write_figures(figures: Figures, runtime: str, folder: Path) -> None:
    """Write the figures as JSON and as plots, and print them."""
    data = {**figures.as_json(), "runtime": runtime}
    write_bytes(folder / "eval.json", json.dumps(data, indent=1).encode())
    values = ious(figures.table)
    per_class = dict(zip(figures.names, np.nan_to_num(values).tolist(), strict=True))
    title = f"mIoU {figures.miou:.3f} on {figures.images} photos"
    draw_bars(per_class, title, folder / "classes.png")
    columns = [*figures.names, "none"]
    draw_matrix(figures.table, figures.names, columns, folder / "confusion.png")
    width = max(len(name) for name in figures.names)
    for name, value in zip(figures.names, values, strict=True):
        print(f"{name:{width}} {value:.4f}" if value == value else f"{name:{width}} -")
    print(
        f"{'mIoU':{width}} {figures.miou:.4f}   pooled {figures.pooled:.4f}   {folder}", flush=True
    )

"""Prompts of classes tuned on stored embeddings, epoch after epoch, the best one kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edgeseg.engines.fpseg.checkpoint import start_model, write_checkpoint
from edgeseg.engines.fpseg.model import FPSeg
from edgeseg.errors import InvalidParameterError
from edgeseg.types import BoolArray
from training.common.configs import write_config
from training.common.distributed import World
from training.common.precision import autocast
from training.common.store import EmbeddingStore
from training.fpseg.class_table import ClassTable
from training.fpseg.config import Train
from training.fpseg.data import LabelledPhotos, open_photos
from training.fpseg.embeddings import open_embeddings
from training.fpseg.epochs import BEST, EpochRun
from training.fpseg.figures import Figures, measure
from training.fpseg.index import NAME, shown_rows
from training.fpseg.packs import take_from_pack, write_pack
from training.fpseg.pairs import Pair, PairSampler, PairSet, batches
from training.fpseg.tuning import Tuner

# The pairs of tests are the same in all epochs, and others than those of training.
TEST_SEED = 1


def train(config: Train, world: World) -> None:
    """Tune as the configuration says, from the last epoch that ended if there is one.

    ``log_dir`` gets ``config.yaml``, ``log.csv``, ``last.pt`` (what a restart needs),
    ``checkpoint.pth`` (the best epoch, in the original's format), and a pack where one is named.
    """
    torch.manual_seed(config.seed)
    photos = open_photos(config, config.train_split)
    model = open_model(config, photos.table)
    training = Training(config, model, photos, world)
    if world.is_first:
        config.log_dir.mkdir(parents=True, exist_ok=True)
        write_config(config, config.log_dir / "config.yaml")
        print(
            f"{config.log_dir}: {len(photos.keys):,} photos, {len(photos.table.rows)} classes, "
            f"{training.tuner.learning:,} numbers learn, {config.n_epochs} epochs, from epoch "
            f"{training.epoch}",
            flush=True,
        )
    training.run()


def open_model(config: Train, table: ClassTable) -> FPSeg:
    """Build the model to tune; raises InvalidParameterError where it does not fit the classes."""
    require_rows(config.n_classes, table)
    if config.from_pack is None:
        fresh = config.prompts == "fresh"
        return start_model(
            config.encoder, config.checkpoint, config.n_classes, config.prompt_size,
            config.input_px, fresh_prompts=fresh,
        )  # fmt: skip
    model = start_model(
        config.encoder, config.checkpoint, config.n_classes, config.prompt_size, config.input_px,
        fresh_prompts=True,
    )  # fmt: skip
    take_from_pack(model, config.from_pack, table, config.learn)
    return model


def require_rows(n_classes: int, table: ClassTable) -> None:
    """Raise InvalidParameterError unless the data has so many classes."""
    if n_classes != len(table.rows):
        raise InvalidParameterError(
            f"n_classes is {n_classes}, the data has {len(table.rows)} classes."
        )


class Training(EpochRun):
    """Pairs of photos and classes, and the prompts that learn from them."""

    def __init__(self, config: Train, model: FPSeg, photos: LabelledPhotos, world: World) -> None:
        super().__init__(config.log_dir, config.n_epochs, config.test_interval, world)
        self.config, self.photos = config, photos
        rows = photos.table.numbers(config.learn) or list(range(config.n_classes))
        encoder = model.encoder_fingerprint() if config.checkpoint is not None else None
        self.store = self._store(config.train_split, photos, encoder)
        self.valid = open_photos(config, config.val_split)
        self.valid_store = self._store(config.val_split, self.valid, encoder)
        self.sampler = PairSampler(
            self._shown(config.train_split, photos),
            rows,
            config.n_class_examples_per_epoch,
            config.p_neg_max,
            config.seed,
        )
        self.test_pairs = PairSampler(
            self._shown(config.val_split, self.valid),
            range(config.n_classes),
            config.test_n_class_examples_per_epoch,
            config.p_neg_max,
            TEST_SEED,
        ).epoch(0)
        self.tuner = Tuner(model, rows, config, world)
        self.resume()

    def train_epoch(self) -> None:
        """Draw the pairs of this epoch, and make a step with each batch of them."""
        config, world = self.config, self.world
        pairs = self.sampler.epoch(self.epoch, flips=config.flips)
        # All processes must make as many steps.
        own = pairs[world.rank : len(pairs) // world.size * world.size : world.size]
        steps = -(-len(own) // config.batch_size)
        source = PairSet(self.photos, self.store, config.target_size)
        rng = np.random.default_rng([config.seed, self.epoch, world.rank])
        loaded = batches(source, own, config.batch_size, config.num_workers)
        title = f"epoch {self.epoch + 1}/{config.n_epochs}"
        bar = tqdm(loaded, title, steps, leave=False, disable=not world.is_first)
        for number, batch in enumerate(bar):
            progress = (self.epoch + number / steps) / config.n_epochs
            losses = self.tuner.step(batch.to(world.device), progress, rng)
            self.step += 1
            bar.set_postfix(loss=f"{losses['loss']:.3f}")
            if self.step % config.train_log_interval == 0:
                self.log(losses)

    def test(self) -> None:
        """Measure both figures on the validation split."""
        model, config = self.tuner.settle(), self.config
        figures = test(model, self.valid, self.valid_store, self.test_pairs, config, self.world)
        values = {"miou": figures.miou, "pooled": figures.pooled}
        text = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"epoch {self.epoch} {text} {self.elapsed_s / 60:.1f} min", flush=True)
        self.log(values)
        if self.best is None or values[config.keep] > self.best:
            self.best = values[config.keep]
            if config.save_checkpoint:
                write_checkpoint(model, self.log_dir / BEST)
            if config.pack is not None:
                write_pack(model, self.photos.table, config, figures)

    def learned(self) -> dict[str, Any]:
        """Return all but the encoder."""
        return self.tuner.state()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from these."""
        self.tuner.load(state)

    def _store(self, split: str, photos: LabelledPhotos, encoder: str | None) -> EmbeddingStore:
        return open_embeddings(self.config.image_embedding_dir, split, encoder, photos)

    def _shown(self, split: str, photos: LabelledPhotos) -> BoolArray:
        path = self.config.image_embedding_dir / split / NAME
        return shown_rows(photos, path, self.config.num_workers)


def test(
    model: FPSeg,
    photos: LabelledPhotos,
    store: EmbeddingStore,
    pairs: Sequence[Pair],
    config: Train,
    world: World,
) -> Figures:
    """Measure the model on stored embeddings, at the label maps' own size."""

    def predict(key: str, rows: Sequence[int]) -> Tensor:
        (features,) = store.read(key)
        embedding = torch.from_numpy(features)[None].float().to(world.device)
        with autocast(world.device, config.precision):
            return model.decode(embedding, rows)

    return measure(predict, photos, pairs)

"""Prompts of classes tuned on stored embeddings, epoch after epoch, the best one kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edgeseg.engines.fpseg.checkpoint import start_model, write_checkpoint
from edgeseg.engines.fpseg.model import FPSeg
from edgeseg.errors import ConflictError, InvalidParameterError
from training.common.configs import write_config
from training.common.distributed import World
from training.common.logs import RunLog
from training.common.precision import autocast
from training.common.states import read_state, write_state
from training.common.store import EmbeddingStore
from training.fpseg.class_table import ClassTable
from training.fpseg.config import Train
from training.fpseg.data import LabelledPhotos, open_photos
from training.fpseg.embeddings import open_embeddings
from training.fpseg.figures import Figures, measure
from training.fpseg.index import NAME, shown_rows
from training.fpseg.packs import take_from_pack, write_pack
from training.fpseg.pairs import Pair, PairSampler, PairSet, batches
from training.fpseg.tuning import Tuner

LAST, BEST = "last.pt", "checkpoint.pth"
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


class Training:
    """A run: its data, what learns, and how far it is."""

    def __init__(self, config: Train, model: FPSeg, photos: LabelledPhotos, world: World) -> None:
        self.config, self.world, self.photos = config, world, photos
        learn = photos.table.numbers(config.learn)
        rows = learn or list(range(config.n_classes))
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
        self.epoch, self.step, self.best, self.elapsed_s = 0, 0, -1.0, 0.0
        self._resume()

    def run(self) -> None:
        """Train the epochs that are left."""
        log = RunLog(self.config.log_dir, self.step) if self.world.is_first else None
        try:
            self._epochs(log)
        finally:
            if log is not None:
                log.close()

    def _epochs(self, log: RunLog | None) -> None:
        while self.epoch < self.config.n_epochs:
            clock = time.monotonic()
            self._train_epoch(log)
            self.epoch += 1
            is_last = self.epoch == self.config.n_epochs
            if self.world.is_first and (is_last or self.epoch % self.config.test_interval == 0):
                self._test(log)
            self.elapsed_s += time.monotonic() - clock
            if self.world.is_first:
                write_state(self.config.log_dir / LAST, self._state())
            self.world.wait()

    def _train_epoch(self, log: RunLog | None) -> None:
        config, world = self.config, self.world
        pairs = self.sampler.epoch(self.epoch, flips=config.flips)
        # All processes must make as many steps.
        own = pairs[world.rank : len(pairs) // world.size * world.size : world.size]
        steps = -(-len(own) // config.batch_size)
        source = PairSet(self.photos, self.store, config.target_size)
        rng = np.random.default_rng([config.seed, self.epoch, world.rank])
        loaded = batches(source, own, config.batch_size, config.num_workers)
        bar = tqdm(
            loaded, f"epoch {self.epoch + 1}/{config.n_epochs}", steps, leave=False,
            disable=not world.is_first, file=sys.stderr,
        )  # fmt: skip
        for number, batch in enumerate(bar):
            progress = (self.epoch + number / steps) / config.n_epochs
            losses = self.tuner.step(batch.to(world.device), progress, rng)
            self.step += 1
            bar.set_postfix(loss=f"{losses['loss']:.3f}")
            if log is not None and self.step % config.train_log_interval == 0:
                log.write(self.step, losses)

    def _test(self, log: RunLog | None) -> None:
        model = self.tuner.settle()
        figures = test(
            model, self.valid, self.valid_store, self.test_pairs, self.config, self.world
        )
        values = {"miou": figures.miou, "pooled": figures.pooled}
        text = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"epoch {self.epoch} {text} {self.elapsed_s / 60:.1f} min", flush=True)
        if log is not None:
            log.write(self.step, values)
        if values[self.config.keep] > self.best:
            self.best = values[self.config.keep]
            if self.config.save_checkpoint:
                write_checkpoint(model, self.config.log_dir / BEST)
            if self.config.pack is not None:
                write_pack(model, self.photos.table, self.config, figures)

    def _store(self, split: str, photos: LabelledPhotos, encoder: str | None) -> EmbeddingStore:
        return open_embeddings(self.config.image_embedding_dir, split, encoder, photos)

    def _shown(self, split: str, photos: LabelledPhotos) -> np.ndarray:
        path = self.config.image_embedding_dir / split / NAME
        return shown_rows(photos, path, self.config.num_workers)

    def _state(self) -> dict[str, object]:
        return {
            **self.tuner.state(),
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "elapsed_s": self.elapsed_s,
        }

    def _resume(self) -> None:
        path = self.config.log_dir / LAST
        if not path.exists():
            return
        state = read_state(path, self.world.device)
        try:
            self.tuner.load(state)
            self.epoch, self.step = state["epoch"], state["step"]
            self.best, self.elapsed_s = state["best"], state["elapsed_s"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConflictError(
                f"{path} is of another training ({str(error)[:200]}); choose another log_dir."
            ) from error


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

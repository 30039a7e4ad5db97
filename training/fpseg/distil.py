"""An encoder that learns another's embeddings of photos, the best one kept."""

from __future__ import annotations

import math
import sys
import time

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from edgeseg.engines.fpseg.checkpoint import start_model, write_checkpoint
from edgeseg.engines.fpseg.model import prepared
from edgeseg.errors import ConflictError, InvalidParameterError
from training.common.configs import write_config
from training.common.distributed import World
from training.common.logs import RunLog
from training.common.precision import autocast, scaler
from training.common.states import read_state, write_state
from training.common.store import EmbeddingStore
from training.fpseg.config import Distil
from training.fpseg.data import LabelledPhotos, open_photos
from training.fpseg.embeddings import Inputs, open_embeddings

LAST, BEST = "last.pt", "checkpoint.pth"


class Lessons(Dataset[tuple[Tensor, Tensor]]):
    """(3, S, S) uint8 photos as the student takes them, and the teacher's (C, h, w) embeddings."""

    def __init__(self, photos: LabelledPhotos, store: EmbeddingStore, config: Distil) -> None:
        self._keys, self._store = photos.keys, store
        self._inputs = Inputs(photos, config.target_size, config.input_px)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        key = self._keys[index]
        return self._inputs[key], torch.from_numpy(self._store.read(key)[0]).float()

    def __len__(self) -> int:
        return len(self._keys)


def distil(config: Distil, world: World) -> None:
    """Train the encoder as the configuration says, from the last epoch that ended.

    ``log_dir`` gets ``config.yaml``, ``log.csv``, ``last.pt`` and ``checkpoint.pth``: the model
    with the lowest error on the validation split, in the original's format.
    """
    torch.manual_seed(config.seed)
    distillation = Distillation(config, world)
    if world.is_first:
        config.log_dir.mkdir(parents=True, exist_ok=True)
        write_config(config, config.log_dir / "config.yaml")
        print(
            f"{config.log_dir}: {len(distillation.lessons):,} photos, {config.n_epochs} epochs, "
            f"from epoch {distillation.epoch}",
            flush=True,
        )
    distillation.run()


class Distillation:
    """A run: the student, the teacher's embeddings, and how far it is."""

    def __init__(self, config: Distil, world: World) -> None:
        self.config, self.world = config, world
        self.lessons, self.exam = (
            self._lessons(split) for split in (config.train_split, config.val_split)
        )
        # Prompts are of no use to another encoder, but the original's files have some.
        self.model = start_model(
            config.encoder, config.checkpoint, config.n_classes, config.prompt_size,
            config.input_px, fresh_prompts=True,
        )  # fmt: skip
        self.encoder = self.model.image_encoder.to(world.device)
        self.optimiser = torch.optim.AdamW(
            self.encoder.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self._scaler = scaler(world.device, config.precision)
        self.epoch, self.step, self.best, self.elapsed_s = 0, 0, math.inf, 0.0
        self._resume()

    def run(self) -> None:
        """Train the epochs that are left."""
        log = RunLog(self.config.log_dir, self.step) if self.world.is_first else None
        try:
            while self.epoch < self.config.n_epochs:
                self._epoch(log)
        finally:
            if log is not None:
                log.close()

    def _epoch(self, log: RunLog | None) -> None:
        clock = time.monotonic()
        self._train_epoch(log)
        self.epoch += 1
        self.world.share_buffers(self.encoder)
        is_last = self.epoch == self.config.n_epochs
        if self.world.is_first:
            if is_last or self.epoch % self.config.test_interval == 0:
                self._test(log)
            self.elapsed_s += time.monotonic() - clock
            write_state(self.config.log_dir / LAST, self._state())
        self.world.wait()

    def _train_epoch(self, log: RunLog | None) -> None:
        config, world = self.config, self.world
        self.encoder.train()
        order = np.random.default_rng([config.seed, self.epoch]).permutation(len(self.lessons))
        # All processes must make as many steps.
        own = order[world.rank : len(order) // world.size * world.size : world.size].tolist()
        loaded = DataLoader(
            self.lessons,
            batch_sampler=[
                own[start : start + config.batch_size]
                for start in range(0, len(own), config.batch_size)
            ],
            num_workers=config.num_workers,
        )
        title = f"epoch {self.epoch + 1}/{config.n_epochs}"
        for images, wanted in tqdm(
            loaded, title, leave=False, disable=not world.is_first, file=sys.stderr
        ):
            loss = self._learn(images.to(world.device), wanted.to(world.device))
            self.step += 1
            if log is not None and self.step % config.train_log_interval == 0:
                log.write(self.step, {"mse": loss})

    def _learn(self, images: Tensor, wanted: Tensor) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._error(images, wanted)
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self.optimiser)
        self.world.average_gradients(self.encoder.parameters())
        self._scaler.step(self.optimiser)
        self._scaler.update()
        return float(loss.detach())

    def _error(self, images: Tensor, wanted: Tensor) -> Tensor:
        with autocast(self.world.device, self.config.precision):
            made = self.encoder(prepared(images, self.config.input_px))
        if made.shape != wanted.shape:
            raise InvalidParameterError(
                f"The student's embeddings have the shape {tuple(made.shape[1:])}, the teacher's "
                f"{tuple(wanted.shape[1:])}: set input_px to what precompute was told."
            )
        return functional.mse_loss(made.float(), wanted)

    @torch.no_grad()
    def _test(self, log: RunLog | None) -> None:
        self.encoder.eval()
        total = 0.0
        loader = DataLoader(self.exam, self.config.batch_size, num_workers=self.config.num_workers)
        for images, wanted in loader:
            on = self.world.device
            total += float(self._error(images.to(on), wanted.to(on))) * len(images)
        error = total / len(self.exam)
        print(f"epoch {self.epoch} mse {error:.6g} {self.elapsed_s / 60:.1f} min", flush=True)
        if log is not None:
            log.write(self.step, {"val_mse": error})
        if error < self.best:
            self.best = error
            if self.config.save_checkpoint:
                write_checkpoint(self.model, self.config.log_dir / BEST)

    def _lessons(self, split: str) -> Lessons:
        photos = open_photos(self.config, split)
        store = open_embeddings(self.config.image_embedding_dir, split, None, photos)
        return Lessons(photos, store, self.config)

    def _state(self) -> dict[str, object]:
        return {
            "encoder": self.encoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
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
            self.encoder.load_state_dict(state["encoder"])
            self.optimiser.load_state_dict(state["optimiser"])
            self._scaler.load_state_dict(state["scaler"])
            self.epoch, self.step = state["epoch"], state["step"]
            self.best, self.elapsed_s = state["best"], state["elapsed_s"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConflictError(
                f"{path} is of another training ({str(error)[:200]}); choose another log_dir."
            ) from error

"""An encoder that learns another's embeddings of photos, the best one kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from edgeseg.engines.fpseg.checkpoint import start_model, write_checkpoint
from edgeseg.engines.fpseg.model import prepared
from edgeseg.errors import InvalidParameterError
from training.common.configs import write_config
from training.common.distributed import World
from training.common.precision import autocast, scaler
from training.common.store import EmbeddingStore
from training.fpseg.config import Distil
from training.fpseg.data import LabelledPhotos, open_photos
from training.fpseg.embeddings import Inputs, open_embeddings
from training.fpseg.epochs import BEST, EpochRun


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


class Distillation(EpochRun):
    """Photos, the teacher's embeddings of them, and the encoder that learns these."""

    def __init__(self, config: Distil, world: World) -> None:
        super().__init__(config.log_dir, config.n_epochs, config.test_interval, world)
        self.config = config
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
        self.resume()

    def train_epoch(self) -> None:
        """Show each photo once, in an order of this epoch's own."""
        config, world = self.config, self.world
        self.encoder.train()
        order = np.random.default_rng([config.seed, self.epoch]).permutation(len(self.lessons))
        # All processes must make as many steps.
        own = order[world.rank : len(order) // world.size * world.size : world.size].tolist()
        size = config.batch_size
        loaded = DataLoader(
            self.lessons,
            batch_sampler=[own[start : start + size] for start in range(0, len(own), size)],
            num_workers=config.num_workers,
        )
        title = f"epoch {self.epoch + 1}/{config.n_epochs}"
        for images, wanted in tqdm(loaded, title, leave=False, disable=not world.is_first):
            loss = self._learn(images.to(world.device), wanted.to(world.device))
            self.step += 1
            if self.step % config.train_log_interval == 0:
                self.log({"mse": loss})
        world.share_buffers(self.encoder)

    @torch.no_grad()
    def test(self) -> None:
        """Measure the mean error on the validation split."""
        self.encoder.eval()
        total, on = 0.0, self.world.device
        loader = DataLoader(self.exam, self.config.batch_size, num_workers=self.config.num_workers)
        for images, wanted in loader:
            total += float(self._error(images.to(on), wanted.to(on))) * len(images)
        error = total / len(self.exam)
        print(f"epoch {self.epoch} mse {error:.6g} {self.elapsed_s / 60:.1f} min", flush=True)
        self.log({"val_mse": error})
        if self.best is None or error < self.best:
            self.best = error
            if self.config.save_checkpoint:
                write_checkpoint(self.model, self.log_dir / BEST)

    def learned(self) -> dict[str, Any]:
        """Return the encoder and what moves it."""
        return {
            "encoder": self.encoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from these."""
        self.encoder.load_state_dict(state["encoder"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])

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

    def _lessons(self, split: str) -> Lessons:
        photos = open_photos(self.config, split)
        store = open_embeddings(self.config.image_embedding_dir, split, None, photos)
        return Lessons(photos, store, self.config)

"""What learns while prompts are tuned, and one step of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.fpseg.encoders import PREFIX
from edgeseg.engines.fpseg.model import FPSeg, enlarged
from training.common.distributed import World
from training.common.precision import autocast, scaler
from training.fpseg.config import Train
from training.fpseg.losses import mask_losses
from training.fpseg.pairs import PairBatch


class Tuner:
    """Tunes the prompts of some rows or of all; frozen ones stay as they are, to the bit.

    The rows that learn are a tensor of their own, so that no optimiser touches others. With all
    rows the embedding of "no mask" learns too, and the decoder where the configuration says so.
    """

    def __init__(self, model: FPSeg, rows: Sequence[int], config: Train, world: World) -> None:
        self.model, self.config, self.world = model.eval(), config, world
        # The encoder is not needed: embeddings are read.
        model.prompt_encoder.to(world.device)
        model.mask_decoder.to(world.device)
        self.rows = torch.tensor(rows, device=world.device)
        prompts = model.prompt_encoder.prompt_embeddings
        self.learned = nn.Parameter(prompts.detach()[self.rows].clone())
        model.requires_grad_(False)
        own = [self.learned]
        if not config.learn:
            own.append(model.prompt_encoder.no_mask_embed.weight.requires_grad_(True))
        groups: list[dict[str, Any]] = [{"params": own, "lr": config.prompt_learning_rate}]
        if config.tuned_part == "prompts and decoder":
            decoder = list(model.mask_decoder.requires_grad_(True).parameters())
            groups.append({"params": decoder, "lr": config.decoder_learning_rate})
        self._rates = [group["lr"] for group in groups]
        self._all = [each for group in groups for each in group["params"]]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        self._scaler = scaler(world.device, config.precision)

    @property
    def learning(self) -> int:
        """Numbers that learn."""
        return sum(each.numel() for each in self._all)

    def step(self, batch: PairBatch, progress: float, rng: np.random.Generator) -> dict[str, float]:
        """Make one step at a progress in [0, 1]; returns the losses."""
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * rate_at(self.config.schedule, progress)
        self.optimiser.zero_grad(set_to_none=True)
        logits, masks = self._decoded(batch, rng)
        losses = mask_losses(enlarged(logits, (masks.shape[1], masks.shape[2])), masks)
        loss = losses.bce + self.config.dice * losses.dice
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self.optimiser)
        self.world.average_gradients(self._all)
        self._scaler.step(self.optimiser)
        self._scaler.update()
        values = {"loss": loss, "bce": losses.bce, "dice": losses.dice}
        return {name: float(value.detach()) for name, value in values.items()}

    def prompts(self) -> Tensor:
        """(N, T, C) prompts of all rows, as they are now."""
        return self.model.prompt_encoder.prompt_embeddings.index_copy(0, self.rows, self.learned)

    @torch.no_grad()
    def settle(self) -> FPSeg:
        """Put what was learned into the model, and return it."""
        self.model.prompt_encoder.prompt_embeddings[self.rows] = self.learned
        return self.model

    def state(self) -> dict[str, Any]:
        """Return all that a restart needs."""
        weights = self.settle().state_dict()
        return {
            "model": {k: v for k, v in weights.items() if not k.startswith(PREFIX)},
            "optimiser": self.optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.load_state_dict({**self.model.state_dict(), **state["model"]})
        with torch.no_grad():
            self.learned.copy_(self.model.prompt_encoder.prompt_embeddings[self.rows])
        self.optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])

    def _decoded(self, batch: PairBatch, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the logits of a batch's pairs, or of a part of them, and the masks of that."""
        height, width = batch.embeddings.shape[-2:]
        rows, columns = (_part(side, self.config.crop, rng) for side in (height, width))
        places = self.model.prompt_encoder.pe_layer.grid(height, width)[..., rows, columns]
        down, across = batch.masks.shape[1] / height, batch.masks.shape[2] / width
        masks = batch.masks[:, _scaled(rows, down), _scaled(columns, across)]
        with autocast(self.world.device, self.config.precision):
            prompts = self.prompts()[batch.rows]
            embeddings = batch.embeddings[..., rows, columns]
            return self.model.decode_prompts(embeddings, prompts, places), masks


def rate_at(schedule: str, progress: float) -> float:
    """Return the share of the learning rate at a progress in [0, 1]."""
    return 1.0 if schedule == "constant" else (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def _part(side: int, least: float | None, rng: np.random.Generator) -> slice:
    """Return a random part of so many cells; the whole where no least share is set."""
    if least is None:
        return slice(0, side)
    length = int(rng.integers(max(1, round(least * side)), side + 1))
    start = int(rng.integers(0, side - length + 1))
    return slice(start, start + length)


def _scaled(part: slice, factor: float) -> slice:
    return slice(round(part.start * factor), round(part.stop * factor))

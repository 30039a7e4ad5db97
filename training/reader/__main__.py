"""`python -m training.reader CHECKPOINT`: from a grammar to the prompt tagger, resumable."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from training.reader.batches import Batch, Sentences
from training.reader.export import export
from training.reader.model import Tagger

OUT = Path(__file__).parents[2] / "edgeseg" / "engines" / "nano" / "weights" / "reader.onnx"
BATCH = 64
RATE, MIN_RATE = 3e-3, 1e-5
# Of running averages of the weights, which are what is exported.
AVERAGE = 0.999
HELD_OUT_SEED = 1_000_003
log = logging.getLogger("training.reader")


def loss_of(model: Tagger, batch: Batch) -> torch.Tensor:
    """Cross-entropy of tags plus that of starts, averaged over tokens."""
    tags, starts = model(batch.parts, batch.vectors, batch.shapes, batch.kept)
    kept = batch.kept[..., 0]
    begun = F.binary_cross_entropy_with_logits(starts, batch.starts, kept, reduction="sum")
    tagged = F.cross_entropy(tags.flatten(0, 1), batch.tags.flatten(), label_smoothing=0.02)
    return tagged + begun / kept.sum()


@torch.inference_mode()
def accuracy(model: Tagger, batches: list[Batch]) -> tuple[float, float]:
    """Return the shares of tokens, and of whole sentences, whose tags and starts are right."""
    tokens = right = sentences = whole = 0
    for batch in batches:
        tags, starts = model(batch.parts, batch.vectors, batch.shapes, batch.kept)
        kept = batch.kept[..., 0] > 0
        fits = (tags.argmax(2) == batch.tags) & ((starts > 0) == (batch.starts > 0.5))
        tokens, right = tokens + int(kept.sum()), right + int((fits & kept).sum())
        sentences, whole = sentences + len(kept), whole + int((fits | ~kept).all(1).sum())
    return right / tokens, whole / sentences


def train(checkpoint: Path, steps: int, seed: int) -> Tagger:
    """Train for ``steps`` batches in all, from the checkpoint where there is one."""
    torch.manual_seed(seed)
    model, average = Tagger(), Tagger()
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.05, final_div_factor=RATE / MIN_RATE
    )
    done = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done = state["done"]
    held_out = Sentences(HELD_OUT_SEED)
    tests = held_out.batches(BATCH, noisy=False)
    sentences, began = Sentences(seed + done), time.monotonic()
    ready: list[Batch] = []
    for step in range(done, steps):
        ready = ready or sentences.batches(BATCH)
        loss = loss_of(model.train(), ready.pop())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(value, 1 - min(AVERAGE, step / (step + 10)))
        if (step + 1) % 200 == 0 or step + 1 == steps:
            shares = accuracy(average.eval(), tests)
            minutes = (time.monotonic() - began) / 60
            log.info(
                "step %d, loss %.3f, tokens %.4f, sentences %.4f, %.1f min",
                step + 1, loss.item(), *shares, minutes,
            )  # fmt: skip
            state = {"model": model.state_dict(), "average": average.state_dict()}
            state |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            torch.save(state | {"done": step + 1}, checkpoint)
    return average.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="written every 200 steps, resumed from")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    export(train(args.checkpoint, args.steps, args.seed), args.out)


if __name__ == "__main__":
    main()

"""Tuned prompts as packs of classes, and classes of packs to add others to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from edgeseg.classes.pack import SUFFIX, ClassPack, PackClass, difference
from edgeseg.engines.fpseg.model import FPSeg
from edgeseg.errors import InvalidPackError, InvalidParameterError
from training.fpseg.class_table import ClassTable
from training.fpseg.config import Train
from training.fpseg.figures import Figures


def take_from_pack(model: FPSeg, path: Path, table: ClassTable, learn: Sequence[str]) -> None:
    """Give the model the prompts of a pack, by the names of their classes.

    Raises InvalidPackError for a pack of another encoder or decoder, InvalidParameterError where a
    class is neither in the pack nor learns, or its prompt has another number of tokens.
    """
    pack = ClassPack.load(path)
    base = model.base()
    if base != pack.base:
        raise InvalidPackError(
            f"The pack {pack.name!r} does not fit the checkpoint: {difference(base, pack.base)}."
        )
    missing = [name for name in table.names if name not in (*pack.names, *learn)]
    if missing:
        raise InvalidParameterError(f"The class {missing[0]!r} is neither in {path} nor in learn.")
    shape = model.prompt_encoder.shape[1:]
    with torch.no_grad():
        for each in pack.take([name for name in table.names if name in pack.names]):
            if each.prompt.shape != shape:
                raise InvalidParameterError(
                    f"{each.name} of {path} has {len(each.prompt)} tokens: set prompt_size to that."
                )
            row = table.numbers([each.name])[0]
            model.prompt_encoder.prompt_embeddings[row] = torch.from_numpy(each.prompt)


def write_pack(model: FPSeg, table: ClassTable, config: Train, figures: Figures) -> Path:
    """Write all classes, or those that learn, as a pack beside the checkpoint."""
    assert config.pack is not None
    rows = table.numbers(config.learn) or list(range(len(table.rows)))
    prompts = model.prompt_encoder.prompt_embeddings.detach().float().cpu().numpy()
    classes = tuple(
        PackClass(table.rows[row].name, prompts[row].copy(), table.rows[row].colour) for row in rows
    )
    facts = {"miou": figures.miou, "pooled": figures.pooled}
    pack = ClassPack(config.pack, classes, model.base(), figures=facts)
    path = config.log_dir / f"{config.pack}{SUFFIX}"
    pack.save(path)
    return path

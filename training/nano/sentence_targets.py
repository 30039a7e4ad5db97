"""Targets of the sentence encoder: a teacher's vectors of short texts, reduced by PCA."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import torch

from edgeseg.engines.torch.hf import import_transformers

BATCH, MAX_TOKENS = 64, 32
COUNT = 6_000
Pair = tuple[list[str], np.ndarray]


def load_targets(
    encoder: Path, wordnet: Path, cache: Path, statements: list[str], dim: int
) -> Pair:
    """Return texts and their (N, dim) float32 unit targets.

    Texts are the statements, definitions and examples of WordNet; the teacher's vectors are kept in
    `cache`, so that a second run asks only for new texts.
    """
    texts = list(dict.fromkeys([*statements, *wordnet_texts(wordnet)]))
    known: dict[str, np.ndarray] = {}
    for path in sorted(cache.glob("*.npz")):
        with np.load(path) as data:
            known.update(zip(data["texts"].tolist(), data["vec"], strict=True))
    new = [text for text in texts if text not in known]
    if new:
        vectors = teach(new, encoder)
        cache.mkdir(parents=True, exist_ok=True)
        name = f"targets-{len(list(cache.glob('*.npz')))}.npz"
        np.savez(cache / name, texts=np.array(new), vec=vectors)
        known.update(zip(new, vectors, strict=True))
    full = np.stack([known[text] for text in texts]).astype(np.float32)
    return texts, reduce(full, len(statements), dim)


def reduce(full: np.ndarray, count: int, dim: int) -> np.ndarray:
    """(N, dim) float32 unit rows: centred, and projected on the axes of the first `count` rows."""
    full = full - full[:count].mean(0)
    _, axes = np.linalg.eigh(full[:count].T @ full[:count])
    reduced = full @ axes[:, ::-1][:, :dim]
    return np.asarray(reduced / np.linalg.norm(reduced, axis=1, keepdims=True), np.float32)


def wordnet_texts(folder: Path) -> list[str]:
    """Definitions of nouns for things, definitions of verbs, and example sentences."""
    texts: list[str] = []
    for name, files in (("noun", {6, 8, 13, 18}), ("verb", set(range(29, 44)))):
        chosen: list[str] = []
        for line in (folder / f"data.{name}").read_text("utf-8").split("\n"):
            if line[:1].isdigit():
                head, gloss = line.split(" | ", 1)
                fields = head.split()
                if int(fields[1]) in files and fields[4][0].islower():
                    text = re.sub(r"\([^)]*\)\s*", "", re.split(r';?\s*"', gloss)[0])
                    chosen.append(text.split(";")[0].strip(" ;:"))
                chosen += re.findall(r'"([^"]+)"', gloss)
        chosen = sorted({text for text in chosen if 3 <= len(text.split()) <= 12})
        random.Random(2).shuffle(chosen)
        texts += chosen[:COUNT]
    return texts


@torch.inference_mode()
def teach(texts: list[str], encoder: Path) -> np.ndarray:
    """(N, 384) float16 mean-pooled unit vectors; linear layers in 8 bits, which halves the time."""
    transformers = import_transformers()
    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
    model = torch.ao.quantization.quantize_dynamic(
        transformers.AutoModel.from_pretrained(encoder).eval(), {torch.nn.Linear}, dtype=torch.qint8
    )
    order = np.argsort([len(text) for text in texts])
    vectors = np.zeros((len(texts), 384), np.float16)
    for start in range(0, len(texts), BATCH):
        rows = order[start : start + BATCH]
        tokens = tokenizer(
            [texts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        hidden = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None]
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        vectors[rows] = torch.nn.functional.normalize(pooled, dim=1).numpy()
    return vectors

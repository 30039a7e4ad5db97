"""Make the shipped word vectors: a sentence encoder, distilled into a table of int8 rows."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import numpy as np
import torch

from edgeseg.engines.nano.word_vectors import singulars
from edgeseg.engines.torch.hf import import_transformers

DIM = 96
TEMPLATES = ("{}", "a photo of a {}")
# Partial whitening: 0 keeps the encoder's geometry, 1 makes all directions equal.
WHITENING = 0.4


def vocabulary(word_list: Path, encoder: Path, extra: list[str]) -> list[str]:
    """Lower-case words of a word list and of the encoder's own vocabulary, singular only."""
    tokens = (encoder / "vocab.txt").read_text().split("\n")
    words = {w for w in tokens if re.fullmatch(r"[a-z]{2,}", w)}
    words |= {w for w in word_list.read_text().split("\n") if re.fullmatch(r"[a-z]{2,}", w)}
    words = {w for w in words if not any(s in words for s in singulars(w))}
    return sorted(words | set(extra))


@torch.inference_mode()
def encode(texts: list[str], encoder: Path, batch: int = 512) -> np.ndarray:
    """(N, 384) float32 mean-pooled, unit-length sentence embeddings."""
    transformers = import_transformers()
    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
    model = transformers.AutoModel.from_pretrained(encoder)
    rows = []
    for start in range(0, len(texts), batch):
        tokens = tokenizer(texts[start : start + batch], padding=True, return_tensors="pt")
        hidden = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None]
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        rows.append(torch.nn.functional.normalize(pooled, dim=1).numpy())
    return np.concatenate(rows)


def distil(words: list[str], encoder: Path) -> np.ndarray:
    """(N, DIM) int8 vectors: templates averaged, centred, reduced by PCA, partly whitened."""
    full = np.sum([encode([t.format(w) for w in words], encoder) for t in TEMPLATES], axis=0)
    full = full - full.mean(0)
    _, scale, basis = np.linalg.svd(full, full_matrices=False)
    reduced = full @ basis[:DIM].T / scale[:DIM] ** WHITENING
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    return np.rint(reduced / np.abs(reduced).max(1, keepdims=True) * 127).astype(np.int8)


def class_phrases() -> list[str]:
    """Every class name and synonym of `synonyms.toml` and `expressions.txt`."""
    folder = Path(__file__).parent
    table = tomllib.loads((folder / "synonyms.toml").read_text())
    lines = (folder / "expressions.txt").read_text().split("\n")
    return [*table, *(s for v in table.values() for s in v), *(x for x in lines if x)]


def main() -> None:
    """Command line: write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", type=Path, help="folder of a MiniLM sentence encoder")
    parser.add_argument("word_list", type=Path, help="a list of English words, one per line")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    words = vocabulary(args.word_list, args.encoder, class_phrases())
    vectors = distil(words, args.encoder)
    text = np.frombuffer("\n".join(words).encode(), np.uint8)
    np.savez_compressed(args.out, words=text, vectors=vectors)


if __name__ == "__main__":
    main()

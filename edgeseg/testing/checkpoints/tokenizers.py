"""Tokenizers of the real kinds whose vocabulary is made up on the spot."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeseg.engines.torch.hf import import_transformers

_LETTERS = string.ascii_lowercase + string.digits + "-'"
# Grounding DINO knows these by their numbers in BERT's vocabulary.
_BERT_FIXED = {
    0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"
}  # fmt: skip


def bert(folder: Path, size: int = 1200) -> Any:
    """Write a BERT tokenizer that spells words letter by letter; return it."""
    words = [*_LETTERS, *(f"##{letter}" for letter in _LETTERS), ","]
    vocabulary = {index: f"[unused{index}]" for index in range(size)}
    vocabulary |= _BERT_FIXED | dict(enumerate(words, 1030))
    lines = [vocabulary[index] for index in range(size)]
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write(folder / "tokenizer_config.json", tokenizer_class="BertTokenizer", do_lower_case=True)
    return import_transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True)


def byte_level(
    folder: Path, kind: str, special: Sequence[str], roles: Mapping[str, Any], size: int = 0
) -> Any:
    """Write a byte-level BPE tokenizer without merges, ``special`` first; return it.

    ``roles`` goes into its configuration (bos_token ...); ``size`` pads the vocabulary.
    """
    _bytes(folder, [*special, *_letters_of_bytes()], size)
    _write(folder / "tokenizer_config.json", tokenizer_class=kind, **roles)
    return import_transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True)


def clip(folder: Path, size: int = 0) -> Any:
    """Write a CLIP tokenizer that spells words byte by byte; return it."""
    letters = _letters_of_bytes()
    ends = ["<|startoftext|>", "<|endoftext|>"]
    filler = max(0, size - 2 * len(letters) - len(ends))
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += [*(f"[unused{index}]" for index in range(filler)), *ends]
    _bytes(folder, tokens, 0)
    last = ends[1]
    _write(
        folder / "tokenizer_config.json",
        tokenizer_class="CLIPTokenizer",
        bos_token=ends[0],
        eos_token=last,
        unk_token=last,
        pad_token=last,
        model_max_length=32,
    )
    return import_transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _bytes(folder: Path, tokens: Sequence[str], size: int) -> None:
    padded = [*tokens, *(f"[unused{index}]" for index in range(len(tokens), size))]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(padded)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def _letters_of_bytes() -> list[str]:
    """Return the printable letter that stands for each byte in byte-level BPE (GPT-2)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    letters |= {byte: chr(256 + index) for index, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def _write(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps(facts), encoding="utf-8")

"""The prompt tagger: a small network that gives each token of a prompt its tag.

Pieces of a token and its word vector are read together, so that a misspelled word is still read
by its pieces. Made by `python -m training.reader`; see docs/models.md.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

from edgeseg.engines.nano.onnx_session import Network
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language.tags import TAGS, Token, tokenize

MAX_TOKENS = 80
# A token is spelled by its pieces of three and four letters, each hashed into a bucket.
BUCKETS = 8192
PARTS = 24
SHAPES = 6
_MAX_LETTERS = 16

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


def parts_of(text: str) -> IntArray:
    """(PARTS,) int64 buckets of a token's pieces, in lower case with marks at its ends, then zeros.

    The same text has the same buckets on every machine.
    """
    plain = text.lower().replace("\u2019", "'")
    marked = f"<{plain[:_MAX_LETTERS]}>"
    pieces = [marked, *(marked[at : at + n] for n in (3, 4) for at in range(len(marked) - n + 1))]
    buckets = [crc32(piece.encode()) % (BUCKETS - 1) + 1 for piece in dict.fromkeys(pieces)]
    parts = np.zeros(PARTS, np.int64)
    parts[: len(buckets)] = buckets[:PARTS]
    return parts


def shape_of(text: str) -> FloatArray:
    """(SHAPES,) float32 flags: capital first, all capitals, digits, sign, long, one letter."""
    flags = (
        text[0].isupper(),
        text.isupper() and len(text) > 1,
        any(letter.isdigit() for letter in text),
        not text[0].isalnum(),
        len(text) > _MAX_LETTERS,
        len(text) == 1,
    )
    return np.array(flags, np.float32)


class PromptTagger:
    """Tags the tokens of prompts; safe to call from several threads."""

    def __init__(self, vectors: WordVectors) -> None:
        self._network = Network("reader", 1)
        self._vectors = vectors

    def tag(self, prompt: str) -> list[Token]:
        """Return the tokens of a prompt, at most MAX_TOKENS, with their most probable tags."""
        matches = list(tokenize(prompt))[:MAX_TOKENS]
        if not matches:
            return []
        texts = [match[0] for match in matches]
        tags, starts = self._network.run(
            parts=np.stack([parts_of(text) for text in texts]),
            vectors=np.stack([self._vectors.vector(text) for text in texts]),
            shapes=np.stack([shape_of(text) for text in texts]),
        )
        return [
            Token(text, TAGS[int(row.argmax())], bool(start > 0.5), float(row.max()), match.start())
            for text, match, row, start in zip(texts, matches, tags, starts, strict=True)
        ]


@lru_cache(maxsize=1)
def shipped_tagger() -> PromptTagger:
    """The tagger in the package, read once per process when it is first needed."""
    return PromptTagger(WordVectors.shipped())

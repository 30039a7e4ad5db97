"""`python -m training.nano.sentence_encoder ENCODER WORDNET CACHE`: distils a MiniLM.

The student reads word vectors of the package with one layer of attention. Its targets are the
teacher's vectors, centred and reduced by PCA; a statement of what a thing is for has the same
target in the frame of a question ("what can i use to ...") as alone. Writes `knowledge.tsv`, the
weights of the student, `sentences.npz`, and the targets of the statements, `statements.npz`.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseg.engines.nano.affordances.knowledge import all_affordances
from edgeseg.engines.nano.affordances.statements import NAME, write_statements
from edgeseg.engines.nano.sentence_encoder import MAX_WORDS, sentence_words
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language.lexicon import FRAME_WORDS
from training.nano.sentence_targets import load_targets

WIDTH, HEADS, DIM = 128, 4, 128
FRAMES = (Path(__file__).parent / "question_frames.txt").read_text("utf-8").split("\n")
BATCH = 256
RATE = 2e-3
TEMPERATURE = 0.06
# How often a statement stands in the frame of a question, and how often a word is left out.
FRAMED, DROPPED = 0.7, 0.06


class Student(nn.Module):
    """Word vectors (N, W) by rows of a table -> unit vectors (N, DIM)."""

    def __init__(self, table: Tensor, own: int) -> None:
        super().__init__()
        self.table = nn.Parameter(table[:own].clone())
        self.register_buffer("fixed", table[own:])
        self.into = nn.Linear(table.shape[1], WIDTH, bias=False)
        self.places = nn.Parameter(torch.zeros(MAX_WORDS, WIDTH))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))
        self.qkv, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.pool, self.out = nn.Parameter(torch.zeros(WIDTH)), nn.Linear(WIDTH, DIM, bias=False)
        with torch.no_grad():
            self.into.weight.mul_(4)

    def forward(self, rows: Tensor) -> Tensor:
        """(N, DIM) unit vectors of rows (N, W), which are -1 where a text has ended."""
        ended = rows < 0
        table = torch.cat([self.table, self.fixed])
        x = self.norms[0](self.into(table[rows.clamp(min=0)]) + self.places[: rows.shape[1]])
        n, w, _ = x.shape
        q, k, v = self.qkv(x).view(n, w, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=~ended[:, None, None])
        x = self.norms[1](x + self.mix(mixed.transpose(1, 2).reshape(n, w, -1)))
        x = self.norms[2](x + self.down(F.relu(self.up(x))))
        share = (x @ self.pool).masked_fill(ended, -1e9).softmax(1)
        return F.normalize(self.out((share[..., None] * x).sum(1)), dim=1)


class Words:
    """Rows of a table of word vectors: the encoder's own words first, then all others."""

    def __init__(self, texts: list[str]) -> None:
        vectors = WordVectors.shipped()
        used = {word for text in texts for word in sentence_words(text)}
        self.own = [*sorted(word for word in FRAME_WORDS | {"i", "a"} if word.isalpha()), "?"]
        others = [w for w in sorted(used - set(self.own)) if vectors.vector(w).any()]
        table = np.stack([vectors.vector(w) for w in [*self.own, *others]])
        noise = np.random.default_rng(0).normal(0, 0.1, table.shape)
        self.table = torch.tensor(np.where(table.any(1, keepdims=True), table, noise)).float()
        self._row = {word: row for row, word in enumerate([*self.own, *others])}

    def rows(self, texts: list[str]) -> Tensor:
        """(N, W) int64 rows of the words of each text, -1 after its end."""
        unknown = len(self.own) - 1
        lists = [[self._row.get(w, unknown) for w in sentence_words(t)] or [unknown] for t in texts]
        longest = max(map(len, lists))
        return torch.tensor([row + [-1] * (longest - len(row)) for row in lists])


def framed(text: str, draw: random.Random) -> str:
    """Return a statement in the frame of a question, with a word left out now and then."""
    words = text.split()
    if len(words) > 3:
        words = [w for w in words if draw.random() > DROPPED] or words
    text = " ".join(words)
    frame = draw.choice(FRAMES) if draw.random() < FRAMED else "{}"
    return frame.format(text) if frame else text


def train(texts: list[str], targets: Tensor, own: set[str], out: Path, minutes: float) -> Student:
    """Return the student after so many minutes of CPU time."""
    draw = random.Random(0)
    extra = [re.sub(r"\{\}", " ", frame) for frame in FRAMES]
    words = Words([*texts, *extra])
    student = Student(words.table, len(words.own))
    optimiser = torch.optim.AdamW(student.parameters(), RATE, weight_decay=0.01)
    start, step, shown = time.process_time(), 0, 0.0
    while (progress := (time.process_time() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * (1 - 0.98 * progress)
        picked = [draw.randrange(len(texts)) for _ in range(BATCH)]
        spoken = [framed(texts[i], draw) if texts[i] in own else texts[i] for i in picked]
        made, goal = student(words.rows(spoken)), targets[picked]
        same = torch.tensor(picked)
        likeness = (made @ goal.T / TEMPERATURE).masked_fill(
            (same[:, None] == same) & ~torch.eye(BATCH, dtype=torch.bool), -1e9
        )
        contrast = F.cross_entropy(likeness, torch.arange(BATCH))
        loss = 4 * (1 - (made * goal).sum(1).mean()) + 0.3 * contrast
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if progress >= shown:
            shown += 0.05
            mean = float((made * goal).sum(1).mean().detach())
            print(f"{progress:.0%} step {step} loss {loss:.3f} cosine {mean:.3f}", flush=True)
            export(student, words, out)
    export(student, words, out)
    return student


def export(student: Student, words: Words, out: Path) -> None:
    """Write the weights as the engine reads them, in half precision."""
    arrays = {
        "own": student.table,
        "into": student.into.weight.T,
        "places": student.places,
        **{f"norm{i}": torch.stack([n.weight, n.bias]) for i, n in enumerate(student.norms)},
        "qkv": student.qkv.weight.T,
        "qkv_bias": student.qkv.bias,
        "mix": student.mix.weight.T,
        "mix_bias": student.mix.bias,
        "up": student.up.weight.T,
        "up_bias": student.up.bias,
        "down": student.down.weight.T,
        "down_bias": student.down.bias,
        "pool": student.pool,
        "out": student.out.weight.T,
    }
    halves = {name: value.detach().numpy().astype(np.float16) for name, value in arrays.items()}
    own = np.frombuffer("\n".join(words.own).encode(), np.uint8)
    np.savez_compressed(out, own_words=own, heads=np.array(HEADS), **halves)


def main() -> None:
    """Command line: train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", type=Path, help="folder of a MiniLM sentence encoder")
    parser.add_argument("wordnet", type=Path, help="the dict folder of WordNet")
    parser.add_argument("cache", type=Path, help="folder for the teacher's vectors")
    parser.add_argument("--minutes", type=float, default=2.5, help="of CPU time")
    args = parser.parse_args()
    torch.manual_seed(0)
    subprocess.run([sys.executable, "-m", "training.nano.knowledge", args.wordnet], check=True)
    statements = sorted({text for entry in all_affordances() for text in entry.examples})
    texts, targets = load_targets(args.encoder, args.wordnet, args.cache, statements, DIM)
    weights = Path(__file__).parents[2] / "edgeseg" / "engines" / "nano" / "weights"
    goals = torch.tensor(targets)
    train(texts, goals, set(statements), weights / "sentences.npz", args.minutes)
    count = len(statements)
    write_statements(texts[:count], targets[:count], weights / NAME)


if __name__ == "__main__":
    main()

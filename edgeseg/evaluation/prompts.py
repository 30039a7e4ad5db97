"""Prompts with known answers: how many a simplifier reads right, by kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.errors import InvalidParameterError
from edgeseg.language.filter_text import filters_text
from edgeseg.language.phrases import join_phrases
from edgeseg.schemas import Simplification

FIELDS = ("kind", "prompt", "accept", "filter", "reject")


@dataclass(frozen=True)
class PromptRow:
    """A prompt, and regular expressions for the phrases and filters that are right for it."""

    kind: str
    prompt: str
    accept: re.Pattern[str]
    filters: re.Pattern[str] | None = None
    reject: re.Pattern[str] | None = None

    def is_right(self, simplification: Simplification) -> bool:
        """Tell whether phrases and filters are as the row says."""
        phrases = join_phrases(simplification.phrases)
        filters = filters_text(simplification.filters)
        return bool(
            self.accept.search(phrases)
            and (self.filters is None or self.filters.search(filters))
            and not (self.reject and self.reject.search(phrases))
        )


@dataclass(frozen=True)
class PromptAnswer:
    """What a simplifier read in the prompt of a row, and whether that is right."""

    row: PromptRow
    phrases: str
    filters: str
    right: bool


def read_prompts(path: Path) -> list[PromptRow]:
    """Read rows from JSON Lines or a JSON array, as docs/evaluation.md describes them.

    Raises:
        InvalidParameterError: the file cannot be read, or a row is not as described.
    """
    try:
        text = path.read_text("utf-8")
        is_array = text.lstrip().startswith("[")
        lines = [line for line in text.split("\n") if line.strip()]
        rows = json.loads(text) if is_array else [json.loads(line) for line in lines]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidParameterError(f"{path}: cannot be read as JSON rows: {error}") from error
    if not rows:
        raise InvalidParameterError(f"{path}: there is no row.")
    return [_read_row(row, f"{path}, row {number}") for number, row in enumerate(rows, 1)]


def evaluate_prompts(
    rows: Sequence[PromptRow], simplify: Callable[[str], Simplification]
) -> list[PromptAnswer]:
    """Ask about every row's prompt; return the answers in order."""
    answers = []
    for row in rows:
        simplification = simplify(row.prompt)
        phrases = join_phrases(simplification.phrases)
        filters = filters_text(simplification.filters)
        answers.append(PromptAnswer(row, phrases, filters, row.is_right(simplification)))
    return answers


def counts_by_kind(answers: Sequence[PromptAnswer]) -> dict[str, tuple[int, int]]:
    """Return right and all answers by kind, in the order of the file, and "all" at the end."""
    kinds = dict.fromkeys(answer.row.kind for answer in answers)
    groups = {kind: [a for a in answers if a.row.kind == kind] for kind in kinds}
    groups["all"] = list(answers)
    return {kind: (sum(a.right for a in group), len(group)) for kind, group in groups.items()}


def _read_row(row: Any, where: str) -> PromptRow:
    if not isinstance(row, dict) or not set(row) <= set(FIELDS):
        raise InvalidParameterError(f"{where}: expected an object of {', '.join(FIELDS)}.")
    wrong = [name for name in FIELDS if not isinstance(row.get(name), str | None)]
    missing = [name for name in FIELDS[:3] if not row.get(name)]
    if wrong or missing:
        raise InvalidParameterError(f"{where}: expected text for {', '.join(wrong or missing)}.")
    try:
        accept, chosen, reject = (
            re.compile(row[name], re.IGNORECASE) if row.get(name) else None for name in FIELDS[2:]
        )
    except re.error as error:
        raise InvalidParameterError(f"{where}: not a regular expression: {error}.") from error
    assert accept is not None
    return PromptRow(row["kind"], row["prompt"], accept, chosen, reject)

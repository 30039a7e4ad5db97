"""What a detector is asked for, and which of the boxes that it finds are gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeseg import attributes
from edgeseg.language.phrases import split_list, split_phrases
from edgeseg.schemas import DetectRequest, Filter, Simplification
from edgeseg.selection import boxes
from edgeseg.selection.filters import apply_filters
from edgeseg.types import Detections, IntArray


def asked_phrases(
    request: DetectRequest, simplification: Simplification
) -> tuple[list[str], set[str]]:
    """Return all phrases to look for, and which of them are unwanted."""
    phrases = list(simplification.phrases)
    known = {phrase.casefold() for phrase in phrases}
    unwanted = [
        phrase
        for piece in split_phrases(request.negative_prompt or "")
        for phrase in split_list(piece)
        if phrase.casefold() not in known
    ]
    known |= {phrase.casefold() for phrase in unwanted}
    compared = [
        phrase
        for phrase in attributes.others(simplification.filters)
        if phrase.casefold() not in known
    ]
    return phrases + compared + unwanted, set(unwanted)


def names_of(phrases: Sequence[str], subjects: Mapping[str, str]) -> list[str]:
    """Return what an engine is asked for, each once: "cup" for "cup on the table"."""
    names = {(name := subjects.get(p.casefold(), p)).casefold(): name for p in phrases}
    return list(names.values())


def as_phrases(
    detections: Detections, phrases: Sequence[str], subjects: Mapping[str, str]
) -> tuple[Detections, IntArray]:
    """Label boxes by the phrases that they were looked for by; a box may be one of several.

    Returns the boxes and the row of each among those that came in.
    """
    if not subjects:
        return detections, np.arange(len(detections))
    pairs = [
        (row, phrase)
        for row, label in enumerate(detections.labels)
        for phrase in phrases
        if subjects.get(phrase.casefold(), phrase).casefold() == label.casefold()
    ]
    rows = np.array([row for row, _ in pairs], np.int64)
    chosen = detections.take(rows)
    labels = tuple(phrase for _, phrase in pairs)
    return Detections(chosen.boxes_xyxy, chosen.scores, labels), rows


def select(
    detections: Detections,
    size_hw: tuple[int, int],
    request: DetectRequest,
    simplification: Simplification,
    negatives: set[str],
) -> IntArray:
    """Return the rows of ``detections`` that the request asks for, best first.

    Each policy chooses among what the one before it has left:

        thresholds -> negatives -> exclusions -> repeats -> groups -> filters -> best first

    Filters over colours and relations, and with them all others, wait for `choose`.
    """
    if attributes.has_attributes(simplification.filters):
        return _candidates(detections, request, simplification, negatives, size_hw)
    rows = _distinct(detections, request, simplification, negatives, size_hw)
    rows = rows[apply_filters(detections.take(rows), simplification.filters, size_hw)]
    rows = rows[boxes.best_first(detections.take(rows))]
    return rows[: request.max_objects]


def _distinct(
    detections: Detections,
    request: DetectRequest,
    simplification: Simplification,
    negatives: set[str],
    size_hw: tuple[int, int],
) -> IntArray:
    """Return the rows of boxes that show different things, before filters choose among them."""
    left = detections
    rows: IntArray = np.arange(len(detections))

    def keep(chosen: IntArray) -> None:
        nonlocal left, rows
        rows = rows[chosen]
        left = detections.take(rows)

    keep(boxes.inside(left))
    keep(boxes.above_thresholds(left, request.box_threshold, request.class_thresholds))
    keep(boxes.without_negatives(left, negatives))
    for each in simplification.filters:
        # An exclusion by colour is for `choose`: here the colours are not known.
        if each.phrase is None or each.kind != "exclude" or attributes.has_attributes([each]):
            continue
        keep(_without_excluded(left, each, each.phrase, size_hw))
    keep(boxes.suppress(left, simplification.alternatives))
    keep(boxes.without_groups(left))
    return rows


def _candidates(
    detections: Detections,
    request: DetectRequest,
    simplification: Simplification,
    negatives: set[str],
    size_hw: tuple[int, int],
) -> IntArray:
    """Return the rows of boxes among which filters choose later, best first.

    What is asked for and what it is compared with do not suppress each other: a shirt may have
    nearly the box of the person. Where nothing is found that is asked for, no box is left.
    """
    asked = {phrase.casefold() for phrase in simplification.phrases}
    is_asked = np.array([label.casefold() in asked for label in detections.labels], np.bool_)
    is_negative = np.array([label in negatives for label in detections.labels], np.bool_)
    chosen = []
    for group in (is_asked | is_negative, ~is_asked):
        rows = np.flatnonzero(group)
        some = detections.take(rows)
        chosen.append(rows[_distinct(some, request, simplification, negatives, size_hw)])
    if not len(chosen[0]):
        return chosen[0]
    rows = np.concatenate(chosen)
    best: IntArray = rows[boxes.best_first(detections.take(rows))]
    return best


def _without_excluded(
    detections: Detections, exclusion: Filter, phrase: str, size_hw: tuple[int, int]
) -> IntArray:
    """Drop boxes of what is asked for where something to be left out lies: fruit that is an apple.

    The boxes of what is left out stay, since the filters are yet to choose among them.
    """
    named = detections.take(
        [i for i, label in enumerate(detections.labels) if label.casefold() == phrase.casefold()]
    )
    excluded = named.take(apply_filters(named, exclusion.filters, size_hw))
    return boxes.without_covered(detections, excluded)

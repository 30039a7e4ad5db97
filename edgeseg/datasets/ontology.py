"""Ontologies: which prompts, thresholds and areas make which class, numbered in their order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from edgeseg.codecs import rle_area, rle_overlap
from edgeseg.errors import InvalidParameterError
from edgeseg.language.phrases import split_phrases
from edgeseg.schemas import (
    MAX_PROMPT_CHARS,
    SegmentationResult,
    SegmentedObject,
    SegmentOptions,
    parse,
)
from edgeseg.schemas.wire import Unit

# Two masks of one class that share so much are one object, found by two of its prompts.
_SAME_IOU = 0.7


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Prompts = Annotated[list[str], BeforeValidator(_listed)]


class LabelClass(BaseModel):
    """How a class is found.

    ``min_area`` and ``max_area`` are pixels of a mask, or below 1 a share of the image's.
    """

    model_config = ConfigDict(extra="forbid")

    prompts: Prompts = []
    threshold: Unit | None = None
    negative: Prompts = []
    min_area: float | None = Field(None, ge=0)
    max_area: float | None = Field(None, gt=0)

    def takes(self, area_px: int, image_px: int) -> bool:
        """Say whether a mask of so many pixels is neither too small nor too large."""
        lowest = _pixels(self.min_area, image_px)
        highest = _pixels(self.max_area, image_px)
        return (lowest is None or area_px >= lowest) and (highest is None or area_px <= highest)


class Ontology(BaseModel):
    """Classes by name, in the order of their numbers."""

    model_config = ConfigDict(extra="forbid")

    classes: dict[str, LabelClass] = Field(min_length=1)

    @property
    def names(self) -> list[str]:
        """The names of the classes; the position is the number, found or not."""
        return list(self.classes)

    @cached_property
    def class_by_phrase(self) -> dict[str, str]:
        """The class of each prompt, as results label it."""
        return {
            phrase: name
            for name, each in self.classes.items()
            for prompt in each.prompts or [name]
            for phrase in split_phrases(prompt)
        }

    @property
    def prompt(self) -> str:
        """The prompts of all classes as one, separated by dots."""
        return " . ".join(self.class_by_phrase) + " ."

    def options(self) -> SegmentOptions:
        """Return the options of a request for all classes: thresholds and negative prompts."""
        negative = dict.fromkeys(text for each in self.classes.values() for text in each.negative)
        thresholds = {
            phrase: threshold
            for phrase, name in self.class_by_phrase.items()
            if (threshold := self.classes[name].threshold) is not None
        }
        return {
            "simplify": "never",
            "class_thresholds": thresholds,
            "negative_prompt": " . ".join(negative) + " ." if negative else None,
        }

    def to_classes(self, result: SegmentationResult) -> SegmentationResult:
        """Return a result with classes in place of prompts, best objects first.

        Objects that are too small or too large are left out, and so are those of a class that an
        object with a better score covers.
        """
        image_px = result.image.width * result.image.height
        kept: list[SegmentedObject] = []
        for each in sorted(result.objects, key=lambda each: -each.score):
            name = self.class_by_phrase.get(each.label)
            if name is None or not self.classes[name].takes(rle_area(each.mask), image_px):
                continue
            if not any(one.label == name and mask_iou(one, each) >= _SAME_IOU for one in kept):
                kept.append(each.model_copy(update={"label": name}))
        return result.model_copy(update={"objects": kept, "phrases": self.names})


def mask_iou(one: SegmentedObject, other: SegmentedObject) -> float:
    """Return the intersection over union of two masks of one image; 0 where both are empty."""
    shared = rle_overlap(one.mask, other.mask)
    union = rle_area(one.mask) + rle_area(other.mask) - shared
    return shared / union if union else 0.0


def read_ontology(path: Path) -> Ontology:
    """Read a YAML file: ``classes``, each a name with its prompts or with all that it takes.

    Raises InvalidParameterError for a file that is not there, is not YAML, or says something that
    no ontology can.
    """
    try:
        data: Any = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidParameterError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise InvalidParameterError(f"{path} is not YAML in UTF-8: {why}.") from None
    try:
        return parse_ontology(data)
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{path}: {error.detail}") from None


def parse_ontology(data: object) -> Ontology:
    """Check what an ontology's file holds, and return it.

    ``{"classes": ["cat", "dog"]}`` is short for classes that are their own prompt, and
    ``{"mug": ["cup", "mug"]}`` for prompts alone. Raises InvalidParameterError.
    """
    classes = data.get("classes") if isinstance(data, Mapping) else None
    if isinstance(classes, list):
        if len(set(map(str, classes))) < len(classes):
            raise InvalidParameterError("classes: a class comes twice.")
        classes = dict.fromkeys(classes)
    if not isinstance(data, Mapping) or not isinstance(classes, Mapping) or not classes:
        raise InvalidParameterError("Expected classes: a list of names, or names with prompts.")
    rows = {str(name): _row(value) for name, value in classes.items()}
    ontology = parse(Ontology, {**{str(key): data[key] for key in data}, "classes": rows})
    _check(ontology)
    return ontology


def _row(value: object) -> object:
    if value is None:
        return {}
    return {"prompts": value} if isinstance(value, str | list) else value


def _check(ontology: Ontology) -> None:
    owners: dict[str, str] = {}
    for name, each in ontology.classes.items():
        if not name.strip():
            raise InvalidParameterError("classes: a name is blank.")
        for prompt in each.prompts or [name]:
            phrases = split_phrases(prompt)
            if not phrases:
                raise InvalidParameterError(f"{name}: the prompt {prompt!r} names nothing.")
            for phrase in phrases:
                owner = owners.setdefault(phrase.casefold(), name)
                if owner != name:
                    raise InvalidParameterError(
                        f"{phrase!r} is a prompt of {owner} and of {name}: leave it to one."
                    )
    for name, each in ontology.classes.items():
        for text in each.negative:
            if text.casefold() in owners:
                raise InvalidParameterError(
                    f"{name}: the negative prompt {text!r} is a prompt of "
                    f"{owners[text.casefold()]}; classes compete without it."
                )
    if len(ontology.prompt) > MAX_PROMPT_CHARS:
        raise InvalidParameterError(
            f"The prompts of all classes have {len(ontology.prompt)} characters; at most "
            f"{MAX_PROMPT_CHARS} are allowed: label in two data sets."
        )


def _pixels(area: float | None, image_px: int) -> float | None:
    return area * image_px if area is not None and area < 1 else area

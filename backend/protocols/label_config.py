"""A labelling configuration of Label Studio: the image, the labels, and the regions it wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from edgeseg.errors import InvalidParameterError

MAX_CONFIG_CHARS = 100_000
Kind = Literal["brushlabels", "polygonlabels", "rectanglelabels"]
_KINDS: dict[str, Kind] = {
    "BrushLabels": "brushlabels",
    "PolygonLabels": "polygonlabels",
    "RectangleLabels": "rectanglelabels",
}
_TOOLS = ("RectangleLabels", "KeyPointLabels", "Rectangle", "KeyPoint")
_ON = ("true", "1", "yes")


@dataclass(frozen=True)
class LabelConfig:
    """Where the image is, which control takes regions, and what its labels are found by.

    ``phrases`` are the words that each label is found by: its ``predicted_values``, separated by
    commas, or else the label itself.
    """

    image_name: str
    image_field: str
    control_name: str
    kind: Kind
    phrases: dict[str, tuple[str, ...]]

    @property
    def prompt(self) -> str:
        """All phrases of all labels, separated by dots."""
        return " . ".join(each for phrases in self.phrases.values() for each in phrases)

    def label_of(self, phrase: str) -> str | None:
        """Return the label that a phrase stands for."""
        for label, phrases in self.phrases.items():
            if phrase.casefold() in (label.casefold(), *(each.casefold() for each in phrases)):
                return label
        return None


def parse_config(text: str) -> LabelConfig:
    """Read a labelling configuration.

    Of several controls that take regions the one is used that is no smart tool, masks before
    outlines before boxes. Raises InvalidParameterError without an image or such a control.
    """
    root = _parse(text)
    images = {each.get("name", ""): each.get("value", "") for each in root.iter("Image")}
    for is_smart in (False, True):
        for tag, kind in _KINDS.items():
            for control in root.iter(tag):
                target = control.get("toName", "")
                if target in images and _is_smart(control) is is_smart:
                    field = images[target].removeprefix("$")
                    name = control.get("name", "")
                    return LabelConfig(target, field, name, kind, _phrases(control))
    raise InvalidParameterError(
        "The labelling configuration has no Image with BrushLabels, PolygonLabels or "
        "RectangleLabels."
    )


def _parse(text: str) -> ElementTree.Element:
    # Entities could stand for more text than there is memory.
    if len(text) > MAX_CONFIG_CHARS or "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise InvalidParameterError("The labelling configuration is too long, or has entities.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InvalidParameterError(f"The labelling configuration is no XML: {error}.") from None


def _is_smart(control: ElementTree.Element) -> bool:
    return control.tag in _TOOLS and control.get("smart", "").lower() in _ON


def _phrases(control: ElementTree.Element) -> dict[str, tuple[str, ...]]:
    phrases = {}
    for label in control.iter("Label"):
        value = label.get("value", "").strip()
        words = [each.strip() for each in label.get("predicted_values", "").split(",")]
        if value:
            phrases[value] = tuple(filter(None, words)) or (value.replace("_", " "),)
    return phrases

"""The roles that engines play, the families that name one for each, and where they run."""

from __future__ import annotations

from typing import Literal, get_args

# What torch calls the devices that engines run on.
DEVICES = r"^(auto|cpu|mps|(cuda|xpu)(:\d{1,3})?)$"
Role = Literal["simplify", "extract", "detect", "segment", "ground", "embed", "classify"]
ROLES: tuple[Role, ...] = get_args(Role)
# A family that is not named here is one engine that plays every role.
FAMILIES: dict[str, dict[Role, str]] = {
    "compact": {
        "simplify": "nano",
        "extract": "nano",
        "detect": "nanodet-plus",
        "segment": "nano",
        "embed": "nano",
        "classify": "nano",
    },
    "full": {
        "simplify": "nano",
        "extract": "nano",
        "detect": "grounding-dino-tiny",
        "segment": "sam2.1-small",
        "embed": "nano",
        "classify": "nano",
    },
    "large": {
        "simplify": "nano",
        "extract": "nano",
        "detect": "grounding-dino-base",
        "segment": "sam2.1-large",
        "embed": "nano",
        "classify": "nano",
    },
}

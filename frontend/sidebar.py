"""The sidebar: thresholds, engines, and the state of queues and workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from edgeseg.errors import EdgeSegError
from edgeseg.schemas import (
    MAX_DEADLINE_MS,
    MAX_POINTS_PER_SIDE,
    ClassesRequest,
    DetectRequest,
    EngineInfo,
    EntitiesRequest,
    MasksRequest,
    PairingMode,
    TileMode,
)
from edgeseg.settings import Role
from frontend import api
from frontend.advice import explain

ModeT = TypeVar("ModeT", bound=str)
QUEUES_EVERY_S = 2.0
_FIELDS = DetectRequest.model_fields
_ENTITY_FIELDS = EntitiesRequest.model_fields
_ROLES: dict[Role, str] = {"simplify": "Simplifier", "detect": "Detector", "segment": "Segmenter"}
_ENTITY_ROLES: dict[Role, str] = {
    "extract": "Entity extractor", "detect": "Detector", "segment": "Segmenter",
    "embed": "Embedder",
}  # fmt: skip
_MASK_FIELDS = MasksRequest.model_fields
_CLASS_ROLES: dict[Role, str] = {"classify": "Engine of classes"}
_MASK_ROLES: dict[Role, str] = {"segment": "Segmenter"}
_TILES: dict[TileMode, str] = {"auto": "Auto", "always": "Always", "never": "Never"}
_PAIRINGS: dict[PairingMode, str] = {"one_to_one": "One to one", "many_to_one": "Many to one"}


def entities_sidebar() -> dict[str, Any]:
    """Draw it for several images and return the fields of POST /entities that it sets."""
    with st.sidebar:
        st.header("Settings")
        chosen: dict[str, Any] = {
            "box_threshold": _threshold("box_threshold", "Box threshold"),
            "text_threshold": _threshold("text_threshold", "Text threshold"),
            "pairing_threshold": _threshold("pairing_threshold", "Pairing threshold"),
            "pairing": _pairing(),
            "tile": _tile(),
            "engines": _engines(_ENTITY_ROLES),
        }
        _queues_below()
    return chosen


def masks_sidebar() -> dict[str, Any]:
    """Draw it for masks without words and return the fields of POST /masks that it sets."""
    with st.sidebar:
        st.header("Settings")
        chosen: dict[str, Any] = {
            "points_per_side": _whole("points_per_side", "Points per side", 1, MAX_POINTS_PER_SIDE),
            "crop_layers": _whole("crop_layers", "Crop layers", 0, 2),
            "predicted_iou_threshold": _own_threshold("predicted_iou_threshold", "Predicted IoU"),
            "stability_threshold": _own_threshold("stability_threshold", "Stability"),
            "min_area": int(
                st.number_input(
                    "Smallest islands and holes (px)", 0, help=_about("min_area"), key="min_area"
                )
            ),
            "engines": _engines(_MASK_ROLES, grounds=False),
        }
        _queues_below()
    return chosen


def classes_sidebar() -> dict[str, Any]:
    """Draw it for classes of a pack and return the fields of POST /classes that it sets."""
    with st.sidebar:
        st.header("Settings")
        fields = ClassesRequest.model_fields
        about = {name: str(field.description).partition(";")[0] for name, field in fields.items()}
        chosen: dict[str, Any] = {
            "deadline_ms": st.number_input(
                "Deadline (ms)", 1.0, float(MAX_DEADLINE_MS), None, 10.0, placeholder="none",
                help=about["deadline_ms"], key="deadline_ms",
            ),
            "background_threshold": st.number_input(
                "Background threshold", 0.0, 1.0, None, 0.05, placeholder="the pack's own",
                help=about["background_threshold"], key="background_threshold",
            ),
            "engines": _engines(_CLASS_ROLES, grounds=False),
        }  # fmt: skip
        _queues_below()
    return chosen


def _about(name: str) -> str:
    return str(_MASK_FIELDS[name].description).partition(";")[0]


def _whole(name: str, label: str, low: int, high: int) -> int:
    default = int(_MASK_FIELDS[name].default)
    return int(st.slider(label, low, high, default, help=_about(name), key=name))


def _own_threshold(name: str, label: str) -> float | None:
    """Offer a threshold; left alone, it is the engine's own."""
    return st.number_input(
        label, 0.0, 1.0, None, 0.05, placeholder="the engine's own", help=_about(name), key=name
    )


def _queues_below() -> None:
    st.divider()
    st.subheader("Queues")
    _queues()


def _pairing() -> PairingMode:
    return _choice("pairing", "Pairing", _PAIRINGS)


def _tile() -> TileMode:
    return _choice("tile", "Tiling for small objects", _TILES)


def _choice(name: str, label: str, names: Mapping[ModeT, str]) -> ModeT:
    """Offer the values of a field by their names; return the one that is chosen."""
    field = _FIELDS.get(name) or _ENTITY_FIELDS[name]
    chosen: ModeT = st.segmented_control(
        label,
        list(names),
        format_func=lambda mode: names[mode],
        default=field.default,
        required=True,
        key=name,
        help=field.description,
    )
    return chosen


def _threshold(name: str, label: str) -> float:
    field = _FIELDS.get(name) or _ENTITY_FIELDS[name]
    return float(st.slider(label, 0.0, 1.0, field.default, 0.01, help=field.description, key=name))


def _engines(roles: Mapping[Role, str], *, grounds: bool = True) -> dict[str, str]:
    """Offer the engines that can run; return those that are not the server's own choice."""
    try:
        known = [each for each in api.engines() if each.allowed]
    except EdgeSegError as error:
        st.warning(explain(error))
        return {}
    chosen: dict[str, str] = {}
    with st.expander("Engines"):
        for role, title in roles.items():
            name = _engine(role, title, [each for each in known if each.role == role])
            if name is not None:
                chosen[role] = name
        # In place of detector and segmenter, and only where one can run.
        grounders = [each for each in known if each.role == "ground" and each.available and grounds]
        name = _engine("ground", "Grounder", grounders) if grounders else None
        if name is not None:
            chosen["ground"] = name
    return chosen


def _engine(role: Role, title: str, known: Sequence[EngineInfo]) -> str | None:
    by_name = {each.name: each for each in known if each.available}
    usual = next((each.name for each in known if each.default), None)
    names = ["", *(name for name in by_name if name != usual)]
    said = f"{usual} (default)" if usual else "default"
    chosen = st.selectbox(title, names, format_func=lambda name: name or said, key=f"engine_{role}")
    about = by_name.get(chosen or usual or "")
    if about is not None:
        st.caption(about.description)
    return chosen or None


@st.fragment(run_every=QUEUES_EVERY_S)
def _queues() -> None:
    """Show queue lengths and workers as they are now."""
    try:
        queues = api.queues()
    except EdgeSegError as error:
        st.warning(explain(error))
        return
    for role, title in _ROLES.items():
        queue = queues.get(api.QUEUES[role], {})
        workers = queue.get("workers", [])
        sign = ":green[●]" if workers else ":red[●]"
        plural = "" if len(workers) == 1 else "s"
        st.markdown(
            f"{sign} **{title}** · {len(workers)} worker{plural}  \n"
            f"{queue.get('waiting', 0)} waiting · {queue.get('running', 0)} running"
        )

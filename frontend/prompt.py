"""The prompt: its box, examples to click, and the review of the simplified prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from edgeseg.errors import EdgeSegError
from edgeseg.schemas import MAX_PROMPT_CHARS, Filter, Simplification, SimplifyMode
from frontend import api, session
from frontend.advice import explain

EXAMPLES = (
    "cat . dog .",
    "the leftmost person",
    "What could I drink coffee from?",
    "all people except the man on the left",
)
MODES: dict[SimplifyMode, str] = {"auto": "Auto", "always": "Always", "never": "Never"}
_MODES_HELP = (
    "Auto: simplify where it helps. Always: pass every prompt through the simplifier, and stop "
    "when it fails. Never: take the prompt as it is, split at its dots."
)
_ORDINALS = {1: "", 2: "second ", 3: "third "}
_WHERE = {
    "leftmost": "leftmost", "rightmost": "rightmost", "topmost": "topmost",
    "bottommost": "bottommost", "largest": "largest", "smallest": "smallest",
    "front": "front-most", "back": "rear-most", "center": "most central",
}  # fmt: skip
_RELATIONS = {
    "in_front_of": "in front of", "next_to": "next to", "nearest_to": "nearest to",
    "left_of": "left of", "right_of": "right of",
}  # fmt: skip


def ask(engines: Mapping[str, str]) -> None:
    """Draw the prompt's box, the switch, the examples and Simplify with its review."""
    st.text_area(
        "What to find",
        key="prompt",
        height=72,
        max_chars=MAX_PROMPT_CHARS,
        placeholder="cat . dog .   or   the leftmost cup   or   What can I sit on?",
    )
    st.pills(
        "Examples",
        EXAMPLES,
        key="example",
        on_change=_take_example,
        label_visibility="collapsed",
        wrap=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = st.segmented_control(
            "Simplify the prompt",
            list(MODES),
            format_func=lambda mode: MODES[mode],
            default="auto",
            required=True,
            key="mode",
            help=_MODES_HELP,
        )
        pressed = st.button("Simplify", icon=":material/auto_fix_high:", disabled=mode == "never")
    if pressed and session.written():
        _simplify(session.written(), engines)
    elif pressed:
        st.warning("Write what to find first.")
    simplification = session.review()
    if simplification is not None and mode != "never":
        _review(simplification)


def fields() -> dict[str, Any]:
    """Return the fields of POST /segment that the prompt sets: as reviewed, if it was."""
    simplification = session.review()
    mode = st.session_state.get("mode") or "auto"
    if simplification is None or mode == "never":
        return {"text_prompt": session.written(), "simplify": mode}
    filters = [
        each.model_dump(exclude_defaults=True)
        for number, each in enumerate(simplification.filters)
        if st.session_state.get(_filter_key(number), True)
    ]
    text = str(st.session_state.get("reviewed") or "")
    return {"text_prompt": text, "simplify": "never", "filters": filters}


def say(each: Filter) -> str:
    """Return a filter in words: "keep the second leftmost cat"."""
    thing = each.phrase or "object"
    if each.kind == "exclude":
        return "leave out: " + ", ".join(_choice(inner, each.phrase) for inner in each.filters)
    if each.kind in ("colour", "relation"):
        return f"keep each {_choice(each, thing)}"
    return f"keep the {_choice(each, thing)}"


def _choice(each: Filter, thing: str | None) -> str:
    thing = each.phrase or thing or "object"
    if each.kind == "side":
        return f"{thing} in the centre" if each.side == "center" else f"{thing} at the {each.side}"
    if each.kind == "colour":
        return f"{thing} that is {'not ' if each.negated else ''}{each.colour}"
    if each.kind == "relation":
        how = (
            f"{'not ' if each.negated else ''}{_RELATIONS.get(each.relation or '', each.relation)}"
        )
        return f"{each.subject or thing} {'without' if how == 'not with' else how} {each.other}"
    nth = _ORDINALS.get(each.rank, f"{each.rank}th ")
    many = f"{each.count} " if each.count > 1 else ""
    return f"{nth}{many}{_WHERE.get(each.kind, each.kind)} {thing}"


def _take_example() -> None:
    chosen = st.session_state.get("example")
    if chosen:
        st.session_state["prompt"] = chosen
        st.session_state["example"] = None


def _simplify(written: str, engines: Mapping[str, str]) -> None:
    chosen = {role: name for role, name in engines.items() if role == "simplify"}
    try:
        with st.spinner("Simplifying ..."):
            simplification = api.client().simplify(written, chosen)
    except EdgeSegError as error:
        session.set_review(None)
        st.error(explain(error))
        return
    session.set_review(simplification)
    st.session_state["reviewed"] = simplification.simplified_prompt
    for number in range(len(simplification.filters)):
        st.session_state[_filter_key(number)] = True


def _review(simplification: Simplification) -> None:
    """Show the simplified prompt and the reason, editable before segmentation."""
    with st.container(border=True, key="review"):
        st.text_area(
            "Simplified prompt",
            key="reviewed",
            height=68,
            help="This is what Segment Image looks for; edit it as you like.",
        )
        for number, each in enumerate(simplification.filters):
            st.checkbox(say(each).capitalize(), key=_filter_key(number))
        why = simplification.reason or "The prompt is already simple."
        st.caption(f"Why: {why}")
        for warning in simplification.warnings:
            st.caption(f":material/warning: {warning}")


def _filter_key(number: int) -> str:
    return f"filter_{number}"

"""One comparison: the judgement, the images with pairs in one colour, a table, and downloads."""

from __future__ import annotations

from typing import Any

import streamlit as st

from edgeseg.report.verdicts import (
    HELD,
    PARTS,
    PRESENCE,
    SIGNS,
    count,
    differences,
    missing,
    objects_of,
    seen_colours,
    short_names,
)
from edgeseg.schemas import EntitiesResult, EntityVerdict, Judgement
from frontend.advice import escaped
from frontend.entity_jobs import Comparison


def show(comparison: Comparison) -> None:
    """Draw the result."""
    result, judgement = comparison.result, comparison.judgement
    st.markdown(f"**{escaped(result.prompt[:300])}**")
    _summary(result, judgement)
    for warning in result.warnings:
        st.warning(escaped(warning))
    _images(comparison)
    if judgement is not None:
        _table(result, judgement)
        _relations(judgement)
    _downloads(comparison)


def _summary(result: EntitiesResult, judgement: Judgement | None) -> None:
    if judgement is None:
        st.error("The generated image could not be read, so it is not judged.")
        return
    lacking, wrong = missing(result), list(differences(result))
    if lacking:
        st.error(f"**Missing:** {escaped(', '.join(lacking))}", icon=":material/search_off:")
    if wrong:
        st.warning("**Not as asked:**\n" + "".join(f"\n- {escaped(each)}" for each in wrong))
    if judgement.total is None:
        st.info("Nothing could be judged.")
        return
    if not lacking and not wrong:
        st.success("All that could be checked is as asked for.")
    with st.container(horizontal=True, key="judgement"):
        passed, every = judgement.counted
        st.metric("Total", f"{judgement.total:.0%}", help=f"{passed} of {every} checks passed.")
        for measure, (good, of) in judgement.checks.items():
            st.metric(PARTS[measure], f"{good} of {of}")


def _images(comparison: Comparison) -> None:
    names = short_names(comparison.result)
    left, right = st.columns(2)
    with left:
        st.markdown("##### References")
        if len(names) == 1:
            st.caption("No references were given.")
        for index in range(len(names) - 1):
            _image(comparison, index, names[index])
    with right:
        st.markdown("##### Generated")
        _image(comparison, len(names) - 1, names[-1])
    st.caption("A pair has one colour and one number. What has no partner is outlined in dashes.")


def _image(comparison: Comparison, index: int, name: str) -> None:
    shown, drawn = comparison.images[index], comparison.drawings[index]
    if drawn is None:
        detail = str((shown.error or {}).get("detail") or "It could not be read.")
        st.error(f"**{escaped(name)}**  \n{escaped(detail)}")
        return
    st.image(drawn, width="stretch", alt=f"{name} with its objects marked")
    found = ", ".join(f"{each.label} {each.score:.2f}" for each in shown.objects)
    st.caption(f"{escaped(name)}: {escaped(found) or 'nothing found'}")
    for warning in shown.warnings:
        st.caption(escaped(warning))


def _table(result: EntitiesResult, judgement: Judgement) -> None:
    st.markdown("##### Thing by thing")
    rows = [_row(result, each) for each in judgement.entities]
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        key="entities_table",
        column_config={
            "Colours": st.column_config.TextColumn(help="Asked for, with the share that has it."),
            "Same": st.column_config.TextColumn(
                help="Whether it is the one in the references, by the cosine of their embeddings."
            ),
        },
    )


def _row(result: EntitiesResult, verdict: EntityVerdict) -> dict[str, Any]:
    sign = "" if verdict.count_held is None else f"{SIGNS[verdict.count_held]} "
    colours = [f"{SIGNS[each.held]} {each.colour} {each.share:.0%}" for each in verdict.colours]
    cosine = "" if verdict.cosine is None else f" {verdict.cosine:.2f}"
    same = "no reference" if verdict.found else ""
    return {
        "Thing": verdict.label,
        "There": f"{SIGNS[verdict.present]} {PRESENCE[verdict.present]}",
        "How many": f"{sign}{count(verdict)}",
        "Colours": ", ".join(colours),
        "Colours seen": ", ".join(seen_colours(objects_of(result, verdict))),
        "Same": same if verdict.paired is None else f"{SIGNS[verdict.paired]}{cosine}",
    }


def _relations(judgement: Judgement) -> None:
    if not judgement.relations:
        return
    rows = [
        f"- {SIGNS[each.held]} {HELD[each.held]}: {escaped(each.text)}"
        for each in judgement.relations
    ]
    st.markdown("##### Relations\n" + "\n".join(rows))


def _downloads(comparison: Comparison) -> None:
    with st.container(horizontal=True, key="entities_downloads"):
        st.download_button(
            "Report (HTML)", lambda: comparison.page, "report.html", "text/html",
            on_click="ignore", icon=":material/download:", key="download_report",
        )  # fmt: skip
        st.download_button(
            "JSON", lambda: f"{comparison.to_json('seed')}\n".encode(), "entities.json",
            "application/json", on_click="ignore", key="download_entities",
        )  # fmt: skip
        st.download_button(
            "Result with pairs (JSON)",
            lambda: f"{comparison.result.model_dump_json(indent=2)}\n".encode(),
            "entities_result.json", "application/json", on_click="ignore", key="download_result",
        )  # fmt: skip

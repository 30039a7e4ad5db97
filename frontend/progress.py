"""Live progress: one row per image with its stages, its queue position, and Cancel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from edgeseg.errors import EdgeSegError
from edgeseg.settings import Role
from frontend import api, jobs, session
from frontend.advice import explain
from frontend.jobs import Job, StepState
from frontend.state import Entry

EVERY_S = 0.3
_NOW: dict[Role, str] = {
    "simplify": "Simplifying", "detect": "Detecting", "segment": "Segmenting",
    "ground": "Detecting and segmenting", "extract": "Reading the text", "embed": "Comparing",
}  # fmt: skip
_MARKS: dict[StepState, str] = {"waiting": "○", "running": "◐", "done": "●", "skipped": "-"}


@st.fragment(run_every=EVERY_S)
def live() -> None:
    """Show running jobs; when all have ended, collect the results and rerun the page."""
    run = session.run()
    if run is None:
        return
    if run.ended:
        collect()
        st.rerun()
    with st.container(border=True, key="progress"):
        for number, job in enumerate(run.jobs):
            row(number, job)
        waiting = sum(not job.ended for job in run.jobs)
        if len(run.jobs) > 1 and waiting > 1:
            st.button("Cancel all", key="cancel_all", on_click=_cancel, args=(run.jobs,))


def collect() -> None:
    """Add finished jobs to the history; failed ones are reported by tell_failures."""
    run = session.run()
    if run is None or run.collected:
        return
    run.collected = True
    session.history().add(
        [
            Entry(job.photo, job.prompt, job.segmentation, run.batch)
            for job in run.jobs
            if job.segmentation is not None
        ]
    )


def tell_failures() -> None:
    """Say which images of the last run failed or were cancelled, and what to do."""
    run = session.run()
    for job in run.jobs if run is not None and run.collected else []:
        if job.state == "cancelled":
            st.info(f"{job.photo.name}: cancelled. Press the button to start it again.")
        elif job.error is not None:
            st.error(f"**{job.photo.name.replace('*', '')}**  \n{explain(job.error)}")


def describe(job: Job) -> str:
    """Return where an image stands, in words."""
    if job.state == "sending":
        return "Sending ..."
    if job.ended:
        return {"done": "Done", "failed": "Failed", "cancelled": "Cancelled"}[job.state]
    if job.state == "running" and job.stage is not None:
        return f"{_NOW[job.stage]}{job.detail} ..."
    behind = _queue_position(job)
    return f"Queued behind {behind}" if behind else "Queued, next in line"


def row(number: int, job: Job) -> None:
    """Draw one job with its stages and Cancel."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"job_{number}"):
        steps = "  ".join(f"{_MARKS[step]} {stage}" for stage, step in job.steps.items())
        with st.container(width="stretch"):
            st.progress(job.share, text=f"**{job.photo.name[:40]}** · {describe(job)}")
            if steps:
                st.caption(steps)
        if not job.ended:
            st.button(
                "Cancel",
                key=f"cancel_{number}",
                on_click=partial(_cancel, [job]),
                icon=":material/close:",
            )


def _cancel(pending: Sequence[Job]) -> None:
    for job in pending:
        try:
            jobs.cancel(api.client(), job)
        except EdgeSegError as error:
            st.toast(explain(error))


def _queue_position(job: Job) -> int:
    """Return how many tasks are before it, as the server counts them."""
    try:
        return (api.queue_position(job.task_id) or 0) if job.task_id else 0
    except EdgeSegError:
        return 0

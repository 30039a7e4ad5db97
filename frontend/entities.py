"""The page Compare images: does a generated image show what a text asks for?"""

from __future__ import annotations

import streamlit as st

from edgeseg.schemas import MAX_IMAGES, MAX_PROMPT_CHARS
from frontend import api, entity_results, inputs, jobs, progress, samples, session, sidebar
from frontend.advice import escaped, explain
from frontend.entity_jobs import EntityJob
from frontend.state import Photo


def show() -> None:
    """Draw the page once."""
    settings = sidebar.entities_sidebar()
    left, right = st.columns([4, 7], gap="medium")
    with left:
        session.choose_page()
        text, references, generated = _inputs()
        if _is_pressed(text, references, generated):
            assert generated is not None
            job = EntityJob(generated, text, references=references)
            session.set_comparison(jobs.start_jobs(api.client(), [job], settings))
    with right:
        _outcome()


def _inputs() -> tuple[str, list[Photo], Photo | None]:
    st.text_area(
        "Text that the image was generated from",
        key="entities_prompt",
        height=72,
        max_chars=MAX_PROMPT_CHARS,
        placeholder="A dog sitting on a red sofa in a garden",
    )
    references = st.file_uploader(
        "References: how the things should look",
        type=list(inputs.SUFFIXES),
        accept_multiple_files=True,
        help=f"None, one or several, {MAX_IMAGES - 1} at most; JPG, PNG or WebP.",
        key="reference_files",
    )
    photos = [Photo.from_bytes(each.name, each.getvalue()) for each in references]
    below_references = st.container()
    generated = st.file_uploader(
        "Generated image", type=list(inputs.SUFFIXES), key="generated_file"
    )
    made = [Photo.from_bytes(generated.name, generated.getvalue())] if generated else []
    below_generated = st.container()
    example = samples.comparison()
    if example is not None and st.checkbox(
        "Try an example", key="entities_example", on_change=_suggest_text
    ):
        photos, made = photos or example[1], made or [example[2]]
    with below_references:
        photos = inputs.readable(photos, "references")
    with below_generated:
        made = inputs.readable(made, "generated")
    return _written(), photos, made[0] if made else None


def _written() -> str:
    return str(st.session_state.get("entities_prompt") or "").strip()


def _suggest_text() -> None:
    """Put the example's text into the empty box."""
    example = samples.comparison()
    if example is not None and st.session_state.get("entities_example") and not _written():
        st.session_state["entities_prompt"] = example[0]


def _is_pressed(text: str, references: list[Photo], generated: Photo | None) -> bool:
    """Draw Compare; say what is missing where it is pressed too early."""
    run = session.comparison()
    is_busy = run is not None and not run.collected
    pressed = st.button(
        "Compare", type="primary", width="stretch", disabled=is_busy or generated is None,
        icon=":material/play_arrow:", key="compare",
    )  # fmt: skip
    if generated is None:
        st.caption("Add the generated image first.")
    elif pressed and not text:
        st.warning("Write the text, such as: a dog on a red sofa.")
    elif pressed and len(references) >= MAX_IMAGES:
        st.warning(f"There are {len(references)} references: at most {MAX_IMAGES - 1} can be sent.")
    else:
        return bool(pressed)
    return False


def _outcome() -> None:
    run = session.comparison()
    if run is None:
        _welcome()
        return
    if not run.collected:
        _live()
    for job in run.jobs if run.collected else ():
        if job.state == "cancelled":
            st.info("Cancelled. Press Compare to start it again.")
        elif job.error is not None:
            st.error(f"**{escaped(job.photo.name)}**  \n{explain(job.error)}")
        elif isinstance(job, EntityJob) and job.comparison is not None:
            entity_results.show(job.comparison)


@st.fragment(run_every=progress.EVERY_S)
def _live() -> None:
    """Show the running comparison; when it has ended, rerun the page."""
    run = session.comparison()
    if run is None:
        return
    if run.ended:
        run.collected = True
        st.rerun()
    with st.container(border=True, key="progress"):
        progress.row(0, run.jobs[0])


def _welcome() -> None:
    with st.container(border=True, key="welcome"):
        st.markdown(
            "#### Does the image show what was asked for?\n"
            "1. Write the text that the image was generated from.\n"
            "2. Add references that show how its things should look, if there are any.\n"
            "3. Add the generated image.\n"
            "4. Press **Compare** to see what is there, what is missing, and what is the same."
        )

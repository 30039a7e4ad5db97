"""The report page: one HTML file with its images in it, to look at and to pass on."""

from __future__ import annotations

from html import escape
from importlib import resources

from edgeseg.entity_result import EntitySegmentation
from edgeseg.report.figures import MANY, figures
from edgeseg.report.table import entity_table, relation_list
from edgeseg.report.verdicts import PARTS, differences, missing, short_names
from edgeseg.schemas import EntitiesResult, Judgement

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
# Longer prompts are set smaller.
_LONG_CHARS = 160


def report(found: EntitySegmentation) -> str:
    """Return the page; whatever comes from outside is escaped, and no script is in it.

    Raises what `load_image` raises for an image that is no longer where it was.
    """
    result, judgement = found.result, found.judgement
    style = resources.files("edgeseg.report").joinpath("page.css").read_text("utf-8")
    drawn = figures(found)
    prompt = escape(result.prompt)
    size = ' class="long"' if len(result.prompt) > _LONG_CHARS else ""
    many = " many" if len(result.contextual) > MANY else ""
    references = "".join(drawn.images[:-1]) or '<p class="note">No references were given.</p>'
    details = ""
    if judgement is not None:
        details = relation_list(judgement) + entity_table(result, judgement, drawn)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="EdgeSeg">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{prompt[:200]} · EdgeSeg</title><style>{style}</style></head><body>
<header><p class="kind">Does the image show what was asked for?</p>
<h1 dir="auto"{size}>{prompt}</h1>{_summary(result, judgement)}</header>
<main><div class="images"><section><h2>References</h2><div class="references{many}">{references}
</div></section><section class="generated"><h2>Generated</h2>{drawn.images[-1]}</section></div>
<p class="note">A pair has one colour and one number in both images. What has no partner is outlined
in grey dashes.</p>
{details}</main>
<footer>{_remarks(result)}<p>{escape(_engines(result))}</p></footer>
</body></html>
"""
    # A file's name need not be valid Unicode.
    return page.encode("utf-8", "replace").decode()


def _summary(result: EntitiesResult, judgement: Judgement | None) -> str:
    return f'<div class="summary">{_score(judgement)}{_problems(result, judgement)}</div>'


def _score(judgement: Judgement | None) -> str:
    if judgement is None:
        return ""
    if judgement.total is None:
        return '<div class="score"><p class="total"><b>?</b> nothing could be judged</p></div>'
    passed, every = judgement.counted
    bars = "".join(
        f'<li><span>{PARTS[name]}</span><span class="bar{" full" if good == of else ""}">'
        f'<i style="width:{judgement.parts[name]:.1%}"></i></span><b>{good} of {of}</b></li>'
        for name, (good, of) in judgement.checks.items()
    )
    total = f'<p class="total"><b>{judgement.total:.0%}</b> {passed} of {every} checks passed</p>'
    return f'<div class="score">{total}<ul>{bars}</ul></div>'


def _problems(result: EntitiesResult, judgement: Judgement | None) -> str:
    """Return what is missing and wrong, in words, with the images that failed."""
    parts = []
    if judgement is None:
        parts.append("<p><b>✗ Not judged:</b> the generated image could not be read.</p>")
    lacking = ", ".join(f"<bdi>{escape(each)}</bdi>" for each in missing(result))
    if lacking:
        parts.append(f'<p class="missing"><b>✗ Missing:</b> {lacking}</p>')
    wrong = "".join(f"<li><bdi>{escape(each)}</bdi></li>" for each in differences(result))
    if wrong:
        parts.append(f"<p><b>✗ Not as asked:</b></p><ul>{wrong}</ul>")
    failed = [
        f"<bdi>{escape(name)}</bdi>"
        for name, each in zip(short_names(result), result.contextual, strict=False)
        if each.error is not None
    ]
    if failed:
        parts.append(f"<p><b>✗ References that could not be read:</b> {', '.join(failed)}</p>")
    if parts:
        return f'<div class="problems">{"".join(parts)}</div>'
    if judgement is not None and judgement.total is not None:
        return '<div class="fine"><b>✓</b> All that could be checked is as asked for.</div>'
    return ""


def _remarks(result: EntitiesResult) -> str:
    rows = "".join(f"<li>{escape(each)}</li>" for each in result.warnings)
    return f"<ul>{rows}</ul>" if rows else ""


def _engines(result: EntitiesResult) -> str:
    ran = ", ".join(
        f"{role} by {each.name} on {each.device}" for role, each in result.engines.items()
    )
    seconds = result.timings_ms.get("total", 0.0) / 1000
    return f"EdgeSeg: {ran or 'no engine ran'}; {seconds:.1f} s."

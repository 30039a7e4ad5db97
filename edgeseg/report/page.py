"""The report page: one HTML file with its images in it, to look at and to pass on."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib import resources

import PIL.Image

from edgeseg.entity_result import EntitySegmentation
from edgeseg.report.drawing import pair_colour, pair_numbers, paired_overlays
from edgeseg.schemas import EntityVerdict, ImageEntities, Judgement, Pairing

# Wide enough to judge by, small enough to send.
_IMAGE_PX = 1200
_PARTS = {
    "presence": "Things there",
    "count": "Numbers",
    "colour": "Colours",
    "relation": "Relations",
    "identity": "Same things",
}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report(found: EntitySegmentation) -> str:
    """Return the page; whatever comes from outside is escaped, and no script is in it."""
    style = resources.files("edgeseg.report").joinpath("page.css").read_text("utf-8")
    images = [_figure(found, index, drawn) for index, drawn in enumerate(paired_overlays(found))]
    prompt = escape(found.result.prompt)
    references = "".join(images[:-1]) or '<p class="none">No contextual images.</p>'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="EdgeSeg">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{prompt}</title><style>{style}</style></head><body>
<header><p class="kind">Does the image show what was asked for?</p><h1>{prompt}</h1>
{_summary(found.judgement)}</header>
<main class="images"><section><h2>References</h2>{references}</section>
<section><h2>Generated</h2>{images[-1]}</section></main>
<p class="note">A pair has one colour and one number in both images; what has no partner is grey.
</p>
{_details(found)}
<footer>{escape(_engines(found))}</footer>
</body></html>
"""


def _summary(judgement: Judgement | None) -> str:
    if judgement is None:
        return '<p class="missing">The generated image could not be read, so it is not judged.</p>'
    missing = ""
    if judgement.missing:
        names = ", ".join(map(escape, judgement.missing))
        missing = f'<p class="missing"><strong>Missing:</strong> {names}</p>'
    total = "?" if judgement.total is None else f"{judgement.total:.0%}"
    bars = "".join(
        f'<li><span>{_PARTS[name]}</span><span class="bar"><i style="width:{share:.0%}"></i></span>'
        f"<b>{judgement.checks[name][0]} of {judgement.checks[name][1]}</b></li>"
        for name, share in judgement.parts.items()
    )
    score = f'<p class="total"><b>{total}</b> of all checks passed</p>'
    return f'{missing}<div class="score">{score}<ul>{bars}</ul></div>'


def _figure(found: EntitySegmentation, index: int, drawn: PIL.Image.Image | None) -> str:
    shown = found.images[index]
    name = escape(shown.file_name or f"image {index + 1}")
    if drawn is None:
        detail = escape(str((shown.error or {}).get("detail", "It could not be read.")))
        return f'<figure class="failed"><p>✗ {detail}</p><figcaption>{name}</figcaption></figure>'
    numbers = pair_numbers(found)[index]
    tags = "".join(_tag(shown, numbers, place) for place in range(len(shown.objects)))
    tags = tags or "<li>Nothing found.</li>"
    return (
        f'<figure><img alt="{name}, objects marked" src="{_data_uri(drawn)}">'
        f'<figcaption>{name}</figcaption><ul class="tags">{tags}</ul></figure>'
    )


def _tag(shown: ImageEntities, numbers: dict[str, int], place: int) -> str:
    each = shown.objects[place]
    number = numbers.get(each.object_id)
    red, green, blue = pair_colour(number)
    mark = "" if number is None else str(number)
    swatch = f'<i style="background:rgb({red},{green},{blue})">{mark}</i>'
    return f"<li>{swatch}{escape(each.object_id)} <small>{each.score:.2f}</small></li>"


def _details(found: EntitySegmentation) -> str:
    judgement = found.judgement
    if judgement is None:
        return ""
    rows = "".join(_entity_row(each, found.result.pairings) for each in judgement.entities)
    table = (
        "<table><thead><tr><th>Entity</th><th>There</th><th>Number</th><th>Colours</th>"
        f"<th>Same as in a reference</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    if not judgement.relations:
        return table
    relations = "".join(
        f"<li>{_mark(each.held)} {escape(each.text)}</li>" for each in judgement.relations
    )
    return f'{table}<h2>Relations</h2><ul class="relations">{relations}</ul>'


def _entity_row(verdict: EntityVerdict, pairings: list[Pairing]) -> str:
    asked = "several" if verdict.asked is None else str(verdict.asked)
    count = "" if not verdict.found else f"{verdict.found} of {asked}"
    colours = "".join(
        f"<span>{_mark(each.held)} {escape(each.colour)} <small>{each.share:.0%}</small></span> "
        for each in verdict.colours
    )
    same = "" if verdict.paired is None else _mark(verdict.paired)
    if verdict.cosine is not None:
        same += f" <small>cosine {verdict.cosine:.2f}</small>"
    count_cell = f"{_mark(verdict.count_held)} {count}" if count else ""
    return (
        f"<tr><th scope=row>{escape(verdict.label)}</th><td>{_mark(verdict.present)}</td>"
        f"<td>{count_cell}</td><td>{colours}</td><td>{same}</td></tr>"
    )


def _mark(held: bool | None) -> str:
    """Return a sign and a word, so that nothing hangs on colour alone."""
    if held is None:
        return '<span class="open">? unknown</span>'
    return '<span class="yes">✓ yes</span>' if held else '<span class="no">✗ no</span>'


def _data_uri(drawn: PIL.Image.Image) -> str:
    small = drawn.convert("RGB")
    small.thumbnail((_IMAGE_PX, _IMAGE_PX))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def _engines(found: EntitySegmentation) -> str:
    engines = found.result.engines.items()
    ran = ", ".join(f"{role} by {each.name} on {each.device}" for role, each in engines)
    seconds = found.result.timings_ms.get("total", 0.0) / 1000
    return f"EdgeSeg: {ran}; {seconds:.1f} s."

"""Tables of the report page: what became of each entity and of each relation."""

from __future__ import annotations

from html import escape

from edgeseg.report.drawing import pair_numbers
from edgeseg.report.figures import Figures, chip
from edgeseg.report.verdicts import HELD, PRESENCE, SIGNS, count, objects_of
from edgeseg.schemas import EntitiesResult, EntityObject, EntityVerdict, Judgement

_HEADS = ("Thing", "There", "How many", "Colours", "Same as in a reference")
# Of one entity; the images show all of them.
_MAX_ROWS = 8
# As people see them: the middles of the ranges in edgeseg.entities.colours.
_SWATCHES = {
    "black": "#111", "white": "#fff", "grey": "#8a8a8a", "red": "#c8201e", "orange": "#f08a1d",
    "yellow": "#f2d21b", "green": "#2f9e44", "blue": "#2b6fd4", "purple": "#7b3fb5",
    "pink": "#f283b6", "brown": "#7a4a22",
}  # fmt: skip


def entity_table(result: EntitiesResult, judgement: Judgement, drawn: Figures) -> str:
    """Return the table with a row for each entity."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    rows = "".join(_row(result, each, drawn) for each in judgement.entities)
    return (
        '<section><h2>Thing by thing</h2><div class="wide"><table><thead>'
        f"<tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def relation_list(judgement: Judgement) -> str:
    """Return the relations, or nothing where there are none."""
    if not judgement.relations:
        return ""
    rows = "".join(
        f"<li>{mark(each.held, HELD[each.held])} <bdi>{escape(each.text)}</bdi></li>"
        for each in judgement.relations
    )
    return f'<section><h2>Relations</h2><ul class="relations">{rows}</ul></section>'


def mark(held: bool | None, word: str) -> str:
    """Return a sign and a word, so that nothing hangs on colour alone."""
    kind = {True: "yes", False: "no", None: "open"}[held]
    return f'<span class="{kind}"><b>{SIGNS[held]}</b> {escape(word)}</span>'


def _row(result: EntitiesResult, verdict: EntityVerdict, drawn: Figures) -> str:
    shown = objects_of(result, verdict)
    cells = (
        mark(verdict.present, PRESENCE[verdict.present]),
        _count(verdict),
        _colours(verdict, shown),
        _pairs(result, verdict, shown, drawn),
    )
    label = escape(verdict.label)
    kind = ' class="lacking"' if verdict.present is False else ""
    return (
        f'<tr{kind}><th scope="row"><bdi>{label}</bdi></th>'
        + "".join(
            f'<td data-head="{head}">{cell}</td>'
            for head, cell in zip(_HEADS[1:], cells, strict=True)
        )
        + "</tr>"
    )


def _count(verdict: EntityVerdict) -> str:
    text = count(verdict)
    return text if verdict.count_held is None else mark(verdict.count_held, text)


def _colours(verdict: EntityVerdict, shown: list[EntityObject]) -> str:
    wanted = "".join(
        f"<p>{mark(each.held, each.colour)}{swatch(each.colour)}"
        f" <small>{each.share:.0%}</small></p>"
        for each in verdict.colours
    )
    seen = "".join(_shares(each) for each in shown[:_MAX_ROWS] if each.colours)
    return f'{wanted}<div class="seen"><small>seen</small>{seen}</div>' if seen else wanted


def swatch(colour: str) -> str:
    """Return a square of a basic colour; nothing for a word that is none."""
    known = _SWATCHES.get(colour)
    return f' <i class="swatch" style="background:{known}"></i>' if known else ""


def _shares(each: EntityObject) -> str:
    """Return a bar of an object's colours, each as wide as its share."""
    shares = sorted(each.colours.items(), key=lambda item: -item[1])
    said = escape(", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.01))
    parts = "".join(
        f'<i style="width:{share:.1%};background:{_SWATCHES.get(name, "transparent")}"></i>'
        for name, share in shares
    )
    common = escape(" ".join(f"{name} {share:.0%}" for name, share in shares[:2] if share >= 0.1))
    return (
        f'<span class="shares" role="img" aria-label="{said}" title="{said}">{parts}</span>'
        f"<small>{common}</small>"
    )


def _pairs(
    result: EntitiesResult, verdict: EntityVerdict, shown: list[EntityObject], drawn: Figures
) -> str:
    if not shown:
        return ""
    if verdict.paired is None:
        return '<span class="open">no reference shows it</span>'
    numbers = pair_numbers(result)[-1]
    mine = {each.object_id for each in shown}
    rows = []
    for pairing in [each for each in result.pairings if each.generated in mine][:_MAX_ROWS]:
        both = ""
        if pairing.paired and pairing.image is not None and pairing.contextual is not None:
            both = drawn.cutouts.get((pairing.image, pairing.contextual), "") + drawn.cutouts.get(
                (len(result.contextual), pairing.generated), ""
            )
        near = "no partner" if pairing.cosine is None else f"cosine {pairing.cosine:.2f}"
        if pairing.cosine is not None and not pairing.paired:
            near += f", below {result.pairing_threshold:.2f}"
        rows.append(
            f"<p class=pair>{chip(numbers.get(pairing.generated))}{both}<small>{near}</small></p>"
        )
    return mark(verdict.paired, "the same" if verdict.paired else "another") + "".join(rows)

"""The judgement in words: what is missing, what is not as asked, and names to tell it by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeseg.schemas import EntitiesResult, EntityObject, EntityVerdict, Measure

PARTS: dict[Measure, str] = {
    "presence": "Things there",
    "count": "Numbers",
    "colour": "Colours",
    "relation": "Relations",
    "identity": "Same as references",
}
PRESENCE = {True: "there", False: "missing", None: "not found"}
HELD = {True: "holds", False: "does not hold", None: "not both found"}
SIGNS = {True: "✓", False: "✗", None: "?"}
# Smaller shares of a colour are not worth a word.
_MIN_SEEN = 0.1


def missing(result: EntitiesResult) -> list[str]:
    """Return the labels of what was not found, with the number where several were asked for."""
    verdicts = result.judgement.entities if result.judgement is not None else []
    return [
        each.label if each.asked == 1 else f"{each.label} ({asked(each)})"
        for each in verdicts
        if each.present is False
    ]


def differences(result: EntitiesResult) -> Iterator[str]:
    """Yield what is there and not as asked, a sentence each."""
    judgement = result.judgement
    for each in judgement.entities if judgement is not None else []:
        if each.count_held is False:
            yield f"{each.label}: {each.found} found, {asked(each)}"
        for colour in each.colours:
            if colour.held is False:
                seen = " and ".join(seen_colours(objects_of(result, each)))
                yield f"{each.label}: not {colour.colour}" + (f" but {seen}" if seen else "")
        if each.paired is False:
            near = "" if each.cosine is None else f" (cosine {each.cosine:.2f})"
            yield f"{each.label}: not the one in the references{near}"
    for relation in judgement.relations if judgement is not None else []:
        if relation.held is False:
            yield f"{relation.text}: not so"


def asked(verdict: EntityVerdict) -> str:
    """Return how many were asked for, in words."""
    return f"{'several' if verdict.asked is None else verdict.asked} asked for"


def count(verdict: EntityVerdict) -> str:
    """Return how many were found of how many, in words; nothing for what need not be there."""
    if verdict.present is None:
        return ""
    is_more = verdict.asked is None or verdict.found > verdict.asked
    return (
        f"{verdict.found}, {asked(verdict)}" if is_more else f"{verdict.found} of {verdict.asked}"
    )


def objects_of(result: EntitiesResult, verdict: EntityVerdict) -> list[EntityObject]:
    """Return the objects of an entity in the generated image."""
    return [each for each in result.generated.objects if each.entity == verdict.entity]


def seen_colours(objects: list[EntityObject]) -> list[str]:
    """Return the two commonest colours of objects, by the mean of their shares."""
    shares: dict[str, float] = {}
    for each in objects:
        for name, share in each.colours.items():
            shares[name] = shares.get(name, 0.0) + share / len(objects)
    names = sorted((name for name in shares if shares[name] >= _MIN_SEEN), key=lambda n: -shares[n])
    return names[:2]


def short_names(result: EntitiesResult) -> list[str]:
    """Return a name for each image, the generated one last, without folders where they can go."""
    numbered = enumerate(result.images, 1)
    return shortened([each.file_name or f"image {number}" for number, each in numbered])


def shortened(paths: Sequence[str]) -> list[str]:
    """Return the ends of paths that tell them apart.

    >>> shortened(["/home/me/a/dog.jpg", "/home/me/b/dog.jpg", "/home/me/generated.png"])
    ['a/dog.jpg', 'b/dog.jpg', 'generated.png']
    """
    split = [path.replace("\\", "/").split("/") for path in paths]

    def short(path: list[str]) -> str:
        for depth in range(1, len(path)):
            if sum(other[-depth:] == path[-depth:] for other in split) == 1:
                return "/".join(path[-depth:])
        return "/".join(path)

    return [short(path) for path in split]

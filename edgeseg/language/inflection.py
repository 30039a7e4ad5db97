"""English number: whether a noun is plural, and its singular."""

from __future__ import annotations

from edgeseg.language.lexicon import word_set

IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "knives": "knife",
    "wolves": "wolf",
    "leaves": "leaf",
    "shelves": "shelf",
    "loaves": "loaf",
    "halves": "half",
    "scarves": "scarf",
    "calves": "calf",
    "lives": "life",
    "wives": "wife",
    "oxen": "ox",
    "cacti": "cactus",
    "shoes": "shoe",
    "canoes": "canoe",
    "cookies": "cookie",
    "movies": "movie",
    "ties": "tie",
    "pies": "pie",
    "horses": "horse",
    "houses": "house",
    "vases": "vase",
    "buses": "bus",
    "gases": "gas",
    "taxis": "taxi",
    "lenses": "lens",
    "dwarves": "dwarf",
}
# One thing whose name ends like a plural.
SINGULAR_S = word_set(
    "bus gas lens iris cactus octopus hippopotamus platypus walrus canvas news tennis series "
    "species christmas atlas compass chess campus virus bonus circus plus minus axis oasis basis "
    "status asparagus hummus couscous citrus eucalyptus chaos tess swiss apparatus rhinoceros "
    "albatross physics mathematics athletics gymnastics sis"
)

# Ends like "men", of one.
_NOT_MEN = word_set("omen specimen abdomen regimen stamen ramen hymen acumen semen")
# Plural in form, one thing in the image.
PAIRS = word_set(
    "scissors glasses sunglasses eyeglasses pants trousers jeans shorts leggings tights "
    "binoculars chopsticks scrubs clothes goggles headphones earphones pliers tongs tweezers "
    "stairs pyjamas pajamas overalls"
)


def is_plural(word: str) -> bool:
    """Tell whether an English noun in lower case looks plural."""
    if word in IRREGULAR or (word.endswith("men") and word not in _NOT_MEN):
        return True
    return (
        len(word) > 3
        and word.endswith("s")
        and not word.endswith(("ss", "us", "is"))
        and (word not in SINGULAR_S)
    )


def singular(word: str) -> str:
    """Return the singular of an English noun in lower case; a singular comes back as it is."""
    known = IRREGULAR.get(word)
    if known or not is_plural(word):
        return known or word
    if word.endswith("men"):
        return word[:-3] + "man"
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes", "oes")):
        return word[:-2]
    return word[:-1]


def means_several(word: str) -> bool:
    """Tell whether a noun in lower case stands for more than one thing ("scissors" does not)."""
    return is_plural(word) and word not in PAIRS

"""Punctuation of prompts from any keyboard, made plain: scripts, bullets, numbers and quotes.

"cat、dog。"            cat, dog .
"1) cup 2) plate"      cup . plate
"- bolt\\n- nut"        bolt . nut
"crane (bird)"         crane
"the cup (red)"        red cup
"""

from __future__ import annotations

import re

from edgeseg.language.lexicon import ADJECTIVES

_PLAIN = str.maketrans(
    {
        "\uff0c": ", ",
        "、": ", ",
        "\uff1b": "; ",
        "\uff1a": ": ",
        "。": " . ",
        "\uff1f": "? ",
        "\uff01": "! ",
        "\uff08": " (",
        "\uff09": ") ",
        "\u061b": "; ",
        "\u060c": ", ",
        "\u3000": " ",
        "\u00a0": " ",
        "\t": "\n",
        "\u2028": "\n",
        "¿": "",
        "¡": "",
        "「": '"',
        "」": '"',
        "«": '"',
        "»": '"',
        "`": '"',
    }
)
_SIGNS = "-*+\u2022\u00b7\u2023\u25aa\u25cf\u25cb\u25e6\u2013\u2014"
_BULLET = re.compile(rf"(?:^|\n)[ \t]*(?:[{_SIGNS}]|\[[ xX]?\])[ \t]+")
_INNER_BULLET = re.compile(r"\s+[\u2022\u2023\u25aa\u25cf\u25cb\u25e6]\s+|\s*(?:->|\u2192|=>)\s*")
# "1." opens a line; "1)", "(1)" and "a)" are numbers of a list anywhere, if they count up.
_LINE_NUMBER = re.compile(r"(?:^|\n)[ \t]*\d{1,2}[.)][ \t]+")
_INNER_NUMBER = re.compile(r"(?:^|(?<=\s))\(?(?P<number>\d{1,2}|[a-h]|i{1,3}|iv|v)\)[ \t]+", re.I)
_FIRST_NUMBERS = frozenset(("1", "a", "i"))
_QUOTED = re.compile(
    r"(?<!\w)(['\"\u2018\u201c\u201e])([^'\"\u2018-\u201f]+)['\"\u2019\u201d\u201c](?!\w)"
)
_LIST = re.compile(r"^\s*[\[{](?P<items>[^\[\]{}]*)[\]}]\s*$", re.S)
# What a word means, in brackets after it; what is left out or where it is stays for the grammar.
_SENSE = re.compile(r"^(?P<name>[\w-]+) \((?:an? )?(?P<sense>[\w-]+)\)$")
_NO_SENSES = frozenset(
    [
        "left",
        "right",
        "top",
        "bottom",
        "middle",
        "center",
        "centre",
        "leftmost",
        "rightmost",
        "topmost",
        "bottommost",
        "largest",
        "smallest",
        "biggest",
        "front",
        "back",
        "foreground",
        "background",
        "nearest",
        "closest",
    ]
)


_LOOKS = re.compile(r"^(?P<name>[\w' -]+?) \((?P<looks>[\w -]+)\)$")
_ARTICLE = re.compile(r"^(?:the|an?|my|our|your) ", re.IGNORECASE)


def plain_punctuation(prompt: str) -> str:
    """Return a prompt with ASCII punctuation, its bullets and numbers of lists as " . "."""
    text = prompt.translate(_PLAIN).replace("\r\n", "\n").replace("\r", "\n")
    listed = _LIST.match(text)
    text = listed["items"] if listed else text
    text = _QUOTED.sub(r"\2", text)
    text = _BULLET.sub(" . ", text)
    numbers = [match["number"].lower() for match in _INNER_NUMBER.finditer(text)]
    if len(numbers) > 1 and numbers[0] in _FIRST_NUMBERS:
        text = _INNER_NUMBER.sub(" . ", text)
    text = _LINE_NUMBER.sub(" . ", text)
    text = _INNER_BULLET.sub(" . ", text)
    looks = _LOOKS.match(text.strip())
    if looks and set(looks["looks"].lower().split()) <= ADJECTIVES:
        return f"{looks['looks']} {_ARTICLE.sub('', looks['name'])}"
    sense = _SENSE.match(text.strip())
    if sense and sense["sense"].lower() not in _NO_SENSES:
        text = sense["name"]
    return text

"""Noise of prompts as people type them: slips of the keyboard, chat, lost and foreign signs."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from edgeseg.language.tags import Tag, tokenize
from training.reader.grammar import Word

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_CHAT = {
    "you": "u", "your": "ur", "please": "pls", "the": "teh", "with": "w/", "without": "w/o",
    "and": "n", "are": "r", "people": "ppl", "background": "bg", "picture": "pic", "thanks": "thx",
    "this": "dis", "that": "dat", "because": "cuz", "for": "4", "to": "2", "want": "wnat",
    "going": "goin", "looking": "lookin", "everything": "evrything", "except": "exept",
    "which": "wich", "left": "lft", "right": "rite", "something": "smth", "what": "wat",
    "there": "theres", "okay": "k", "give": "giv", "second": "2nd", "third": "3rd", "two": "2",
    "three": "3", "leave": "leav", "biggest": "bigest", "person": "prson",
}  # fmt: skip
# Fullwidth and ideographic signs of the same meaning.
_FOREIGN = {
    ",": "\uff0c\u3001,;",
    ".": "\u3002\uff0e.",
    "?": "\uff1f?",
    "!": "\uff01!",
    ":": "\uff1a:",
    "(": "\uff08(",
    ")": "\uff09)",
}
_FILLERS = ("um", "uh", "like", "you know", "i guess", "sort of", "eh", "well", "hmm", "er")
_LEFT_GLUED, _RIGHT_GLUED = re.compile(r"[,.?!:;)”}]+|…"), re.compile(r"[(“{#]")


def _neighbours() -> dict[str, str]:
    near: dict[str, set[str]] = {}
    for number, row in enumerate(_ROWS):
        for place, letter in enumerate(row):
            beside = {row[max(0, place - 1)], row[min(len(row) - 1, place + 1)]}
            for other in _ROWS[max(0, number - 1) : number + 2]:
                beside |= set(other[max(0, place - 1) : place + 2])
            near[letter] = beside - {letter}
    return {letter: "".join(sorted(beside)) for letter, beside in near.items()}


_NEAR = _neighbours()


def misspell(word: str, random_: random.Random) -> str:
    """Return a word with one slip: a letter lost, doubled, swapped, added or missed."""
    if len(word) < 4 or not word.isalpha():
        return word
    at = random_.randrange(1, len(word))
    kind = random_.random()
    if kind < 0.25:
        return word[:at] + word[at + 1 :]
    if kind < 0.45:
        return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
    if kind < 0.6:
        return word[:at] + word[at] + word[at:]
    near = _NEAR.get(word[at].lower())
    if kind < 0.8 and near:
        return word[:at] + random_.choice(near) + word[at + 1 :]
    vowels = "aeiou"
    if word[at] in vowels:
        return word[:at] + random_.choice(vowels) + word[at + 1 :]
    return word[:at] + (random_.choice(near) if near else word[at]) + word[at:]


def spoiled(words: Sequence[Word], random_: random.Random) -> list[Word]:
    """Return the words of a sentence as a hasty or formal person types them."""
    typos = random_.choice((0, 0, 0, 0.03, 0.08, 0.2))
    chat = random_.choice((0, 0, 0, 0.3, 0.8))
    unmarked, lost = random_.random() < 0.15, random_.random() < 0.08
    made: list[Word] = []
    for word in words:
        text = word.text
        if unmarked and text in ",.?!:;":
            continue
        if lost and text.lower() in ("the", "a", "an") and not word.starts:
            continue
        if random_.random() < chat:
            text = _CHAT.get(text, text)
        if "'" in text and random_.random() < 0.2:
            text = text.replace("'", random_.choice(("", "\u2019")))
        if random_.random() < typos:
            text = misspell(text, random_)
        made.append(Word(text, word.tag, word.starts))
        if random_.random() < 0.004:
            made += [Word(each) for each in random_.choice(_FILLERS).split()]
    return made or list(words)


def written(
    words: Sequence[Word], random_: random.Random
) -> tuple[str, list[tuple[str, Tag, bool]]]:
    """Return a sentence as text, and its tokens with their tags and starts."""
    loose, foreign = random_.random() < 0.1, random_.random() < 0.05
    text, spans = "", []
    for number, word in enumerate(words):
        sign = word.text
        glued = _LEFT_GLUED.fullmatch(sign) or (
            number and _RIGHT_GLUED.fullmatch(words[number - 1].text)
        )
        if text and not (glued and not loose):
            text += " "
        if foreign and sign in _FOREIGN:
            sign = random_.choice(_FOREIGN[sign])
        spans.append((len(text), word))
        text += sign
    style = random_.random()
    if style < 0.25:
        text = text[:1].upper() + text[1:]
    elif style < 0.29:
        text = text.upper()
    elif style < 0.32:
        text = text.title()
    elif style < 0.55:
        text = text.lower()
    return text, _aligned(text, spans)


def _aligned(text: str, spans: list[tuple[int, Word]]) -> list[tuple[str, Tag, bool]]:
    """Give each token of the text the tag of the word that it begins in."""
    tokens: list[tuple[str, Tag, bool]] = []
    at = -1
    for match in tokenize(text):
        first = False
        while at + 1 < len(spans) and spans[at + 1][0] <= match.start():
            at, first = at + 1, True
        word = spans[max(at, 0)][1]
        tokens.append((match[0], word.tag, word.starts and first))
    return tokens

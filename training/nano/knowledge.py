"""`python -m training.nano.knowledge WORDNET`: what some 2,000 visible things are for.

Joins `things/*.txt`, written for this project, with WordNet's glosses of the same names and of the
things in the table of affordances. A row of the file is names, kinds, purposes and gloss, between
tabs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edgeseg.engines.nano.affordances.table import read_table
from training.nano.wordnet import WordNet, definition

HEADER = """\
# What visible things are for: names, kinds, purposes, gloss.
# Purposes: written for EdgeSeg (Apache-2.0). Glosses and kinds: WordNet 3.1, see the end.
"""
LICENCE = """\
# WordNet 3.1 Copyright 2006, 2011 by Princeton University. All rights reserved. Permission to use,
# copy, modify and distribute this database for any purpose and without fee or royalty is hereby
# granted. THIS DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR
# WARRANTIES, EXPRESS OR IMPLIED. https://wordnet.princeton.edu/license-and-commercial-use
"""
MAX_GLOSS_WORDS = 22
_ENGINE = Path(__file__).parents[2] / "edgeseg" / "engines" / "nano"
OUT = _ENGINE / "affordances" / "knowledge.tsv"


# WordNet's files of the things of a theme; all other themes are of artifacts (6).
THEMES = {"people": (18, 8), "nature": (5, 20, 17, 19), "kitchen": (6, 13)}
ARTIFACTS = (6,)


def own_rows() -> Iterator[tuple[str, str, list[str]]]:
    """Yield theme, names and purposes of `things/*.txt`."""
    for path in sorted((Path(__file__).parent / "things").glob("*.txt")):
        for line in path.read_text("utf-8").split("\n"):
            names, _, purposes = line.partition(": ")
            if purposes and not line.startswith("#"):
                yield path.stem, names, purposes.split("; ")


def rows(wordnet: WordNet) -> Iterator[str]:
    """Yield the rows of the file: own ones first, then what only the table of affordances has."""
    merged: dict[str, list[str]] = {}
    files: dict[str, tuple[int, ...]] = {}
    for theme, names, purposes in own_rows():
        files.setdefault(names, THEMES.get(theme, ARTIFACTS))
        merged.setdefault(names, []).extend(purposes)
    known = {name for names in merged for name in names.split(" . ")}
    for affordance in read_table():
        for thing in affordance.things:
            if thing not in known:
                known.add(thing)
                merged[thing] = []
    for names, purposes in merged.items():
        found = (wordnet.visible(n, files.get(names, ())) for n in names.split(" . "))
        synset = next(filter(None, found), None)
        gloss = definition(synset) if synset else ""
        gloss = gloss if len(gloss.split()) <= MAX_GLOSS_WORDS else ""
        kinds = wordnet.kinds(synset) if synset else ()
        if purposes or gloss:
            yield "\t".join((names, ",".join(kinds), "; ".join(purposes), gloss))


def main() -> None:
    """Command line: write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wordnet", type=Path, help="the dict folder of WordNet")
    args = parser.parse_args()
    lines = list(rows(WordNet(args.wordnet)))
    OUT.write_text(HEADER + "\n".join(lines) + "\n" + LICENCE, "utf-8")
    print(f"{len(lines)} rows")


if __name__ == "__main__":
    main()

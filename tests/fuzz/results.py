"""Changed results, and a process that exports them: `python -m tests.fuzz.results SEED N`.

It fails where an export is neither refused by a reason nor a file that its readers accept.
"""

from __future__ import annotations

import copy
import io
import json
import random
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from xml.etree import ElementTree

from edgeseg.errors import EdgeSegError
from edgeseg.exporters import FORMATS, Export, Limits
from edgeseg.exporters.documents import Document, export_documents
from tests.fuzz.masks import masks, whole

LIMITS = Limits(10**6, 100, 10**7, 10**5)
_TEXTS = (
    "", " ", "cat", "a\0b", "a\r\nSet-Cookie: b", "..\\..\\x.jpg", "../../x.jpg", "/etc/x.jpg",
    "C:x", "C:\\x.jpg", "nul", "aux.jpg", "\ud800", "\ufeff", "\u2028", "\u202fa\u3000b .jpg",
    "👩\u200d🚀.png", "é" * 300, "a" * 70_000, "a/" * 2000 + "b", ".", "..", "x.jpg", "x.png",
    "cam1/x.jpg", "%00%2f.jpg", '"><script>', "a:b#c", "<![CDATA[", "${x}", "\x7f\x9b", "\ufffe",
)  # fmt: skip
_NUMBERS = (
    0, -1, 1, 0.5, 1e308, -1e308, float("nan"), float("inf"), 2**31, 2**63, 2**64, 10**400, True,
)  # fmt: skip
_OTHERS: tuple[Any, ...] = (None, [], {}, [[]], {"a": 1})


def results(seed: int, count: int) -> Iterator[tuple[str, list[Document]]]:
    """Yield a format and the documents to export in it: results changed here and there."""
    rng = random.Random(seed)
    hostile = masks(seed, 2 * count)
    for _ in range(count):
        shapes = [next(hostile) if rng.random() < 0.1 else whole(rng) for _ in range(2)]
        chosen = [_changed(rng, _result(mask)) for mask in shapes[: rng.choice((1, 1, 2))]]
        names = [rng.choice((None, f"{number}.jpg", rng.choice(_TEXTS))) for number in range(2)]
        pairs = zip(chosen, names, strict=False)
        documents = [Document(json.dumps(row).encode(), name) for row, name in pairs]
        yield rng.choice(list(FORMATS)), documents


def _result(mask: dict[str, Any]) -> dict[str, Any]:
    each = {"id": 0, "label": "cat", "score": 0.9, "box": [0, 0, 1, 1], "mask": mask, "area": 1}
    return {
        "task_id": "a", "prompt": "cat", "simplified_prompt": "cat .", "phrases": ["dog", "cat"],
        "image": {"width": mask["size"][1], "height": mask["size"][0]}, "objects": [each],
    }  # fmt: skip


def _changed(rng: random.Random, result: dict[str, Any]) -> dict[str, Any]:
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        place: Any = result
        while True:
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.1:
                break
            place = place[key]
        pools = (_TEXTS, _NUMBERS, _OTHERS)
        same = _TEXTS if isinstance(place[key], str) else _NUMBERS
        # A copy: what is put in here may be changed further.
        place[key] = copy.deepcopy(rng.choice(rng.choice((same, same, *pools))))
    return result


def check(made: Export) -> None:
    """Raise AssertionError for a file that harms or confuses whoever reads it."""
    assert not re.search(r"[\x00-\x1f/\\]", made.file_name), made.file_name
    files = {made.file_name: made.data}
    if made.media_type == "application/zip":
        with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
            assert len(files) == len(archive.namelist())
    for name, data in files.items():
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            assert not path.is_absolute(), name
            assert ".." not in path.parts, name
        assert not PureWindowsPath(name).drive, name
        if name.endswith(("json", "geojson")):
            json.loads(data, parse_constant=_refuse)
        elif name.endswith(".xml"):
            ElementTree.fromstring(data)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def _outcome(format_name: str, documents: list[Document]) -> str:
    """Export, and return the code of the error or "exported"."""
    try:
        made = export_documents(documents, format_name, LIMITS)
    except EdgeSegError as refusal:
        error = refusal
    else:
        check(made)
        return "exported"
    assert 400 <= error.status < 500, error
    assert len(error.detail) < 5000, error.detail[:200]
    return error.code


def main(seed: int, count: int) -> None:
    """Try ``count`` exports and print how they ended."""
    kinds = Counter(_outcome(*each) for each in results(seed, count))
    print(f"seed {seed}: {count} exports, {json.dumps(kinds)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""Examples in docstrings are exact."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import edgeseg

_ROOT = Path(edgeseg.__file__).parent
_MODULES = [
    ".".join(path.relative_to(_ROOT.parent).with_suffix("").parts)
    for path in sorted(_ROOT.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("name", _MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed

"""The layers that the architecture page shows are those that the import contracts keep."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_layers_on_the_page_are_those_of_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layered,) = (each for each in contracts["contracts"] if each["type"] == "layers")
    kept = [re.findall(r"\w+", row) for row in layered["layers"]]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = page.partition("## Layers")[2].partition("```text\n")[2].partition("```")[0]
    assert [re.findall(r"\w+", row) for row in shown.splitlines()] == kept


def test_every_module_is_in_a_layer() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\w+", page.partition("## Layers")[2].partition("```")[2]))
    parts = [each for each in (ROOT / "edgeseg").iterdir() if each.suffix == ".py" or each.is_dir()]
    names = {each.stem for each in parts if (each / "__init__.py").exists() or each.is_file()}
    assert names - shown - {"__init__", "_services"} == set()

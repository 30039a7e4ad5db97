"""What the documentation shows is run, and what it names is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN_URL = "http://127.0.0.1:8000"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def lines(starting_with: str) -> list[str]:
    """The README's shell lines that start with a word."""
    every = [line for block in blocks(README, "bash") for line in block.splitlines()]
    return [line for line in every if line.startswith(f"{starting_with} ")]


@pytest.fixture
def folder(tmp_path: Path, chelsea: Path) -> Path:
    """A folder with the photo that the documentation speaks of."""
    with PIL.Image.open(chelsea) as pil_image:
        pil_image.save(tmp_path / "photo.jpg", quality=92)
    return tmp_path


@pytest.fixture(scope="module")
def api_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stack of nano engines, as `make up` starts it."""
    data_dir = tmp_path_factory.mktemp("stack")
    settings = Settings(engines="nano", api_port=0, data_dir=data_dir, worker_niceness=0)
    with EmbeddedStack(settings) as stack:
        yield stack.api_url


def run_python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_shell(line: str, folder: Path) -> str:
    """Run one line with the commands of this environment first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_in_the_readme_finds_the_cat(folder: Path) -> None:
    block = next(each for each in blocks(README, "python") if "EdgeSegAI()" in each)
    assert run_python(block, folder).splitlines()[0] == "the cat"
    assert (folder / "overlay.png").exists()
    result = json.loads((folder / "result.json").read_text())
    assert result["objects"][0]["label"] == "cat"


def test_the_client_in_the_readme_finds_the_cat(folder: Path, api_url: str) -> None:
    block = next(each for each in blocks(README, "python") if "EdgeSegClient" in each)
    assert run_python(block.replace(SHOWN_URL, api_url), folder) == "the cat ['cat']\n"


@pytest.mark.parametrize("number", range(len(lines("curl"))))
def test_curl(number: int, folder: Path, api_url: str) -> None:
    answer = json.loads(run_shell(lines("curl")[number].replace(SHOWN_URL, api_url), folder))
    expected = (("objects", "visualization"), ("phrases", "reason"), ("status",))[number]
    assert set(expected) <= set(answer)


@pytest.mark.parametrize("line", lines("edgeseg"))
def test_command_line(line: str, folder: Path) -> None:
    assert run_shell(line, folder)
    if "-o out.png" in line:
        assert json.loads((folder / "out.json").read_text())["objects"]
        assert (folder / "out.png").exists()


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", README, re.MULTILINE))
    targets = {first or second for first, second in named}
    assert targets >= {"demo", "test", "up"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_library_page(folder: Path) -> None:
    assert run_python("".join(blocks(LIBRARY, "python")), folder)


def test_the_tree_names_what_is_there() -> None:
    tree = next(each for each in blocks(README, "text"))
    inside = ""
    for row in tree.splitlines():
        names = re.match(r" *(?:[\w./]+ )*[\w./]+", row)
        assert names is not None
        here = inside if row.startswith("  ") else ""
        for name in re.split(r" {2,}", row.strip())[0].split():
            assert (ROOT / here / name).exists(), name
            if not row.startswith("  "):
                inside = name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    # In a block of code, brackets before parentheses are no link.
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / target).exists(), target

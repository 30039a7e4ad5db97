"""The other commands, and the help of all of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import edgeseg
from edgeseg.cli import COMMANDS, modules_of


def run(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "edgeseg.cli", *arguments], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    text = run(command.replace("_", "-"), "--help")
    assert "Usage: edgeseg" in text.replace("python -m edgeseg.cli", "edgeseg")
    assert "--help" in text


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        (["segment", "a.jpg"], ["segment"]),
        (["export-model", "nano"], ["export_model"]),
        # Commands of one group may be in several modules.
        (["evaluate", "words"], ["evaluate", "evaluate_words"]),
        (["segmnet"], list(COMMANDS)),
        (["--help"], list(COMMANDS)),
        ([], list(COMMANDS)),
    ],
)
def test_a_command_loads_its_own_modules_alone(arguments: list[str], modules: list[str]) -> None:
    assert modules_of(arguments) == modules


def test_version() -> None:
    assert run("--version") == f"edgeseg {edgeseg.__version__}\n"


def test_simplify_as_text_and_as_json() -> None:
    assert run("simplify", "cat . dog", "--engine", "fake").splitlines()[0] == "cat . dog"
    made = json.loads(run("simplify", "cat . dog", "--engine", "fake", "--json"))
    assert set(made) >= {"simplified_prompt", "phrases", "filters", "changed", "reason"}
    assert made["phrases"] == ["cat", "dog"]


def test_filters_are_told_in_words() -> None:
    assert "  leftmost of dog, rank 2\n" in run("simplify", "the second dog from the left")
    assert "  largest of dogs, 2 of them\n" in run("simplify", "the two largest dogs")
    text = run("simplify", "all people except the man on the left")
    assert text.splitlines()[1].startswith("  exclude of people (leftmost")


def test_engines_as_text_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEG_ENGINES", "fake")
    lines = run("engines").splitlines()
    assert lines[0].split()[:3] == ["role", "engine", "size"]
    starred = [line.split()[1:3] for line in lines if line.startswith("*")]
    roles = ("simplify", "extract", "detect", "segment", "embed", "classify")
    assert starred == [[role, "fake"] for role in roles]
    rows = json.loads(run("engines", "--role", "detect", "--json"))
    assert {row["role"] for row in rows} == {"detect"}
    assert {"nano", "fake"} <= {row["name"] for row in rows}
    run("engines", "--role", "paint", code=2)

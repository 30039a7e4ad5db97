"""The examples of docs/rest.md, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from backend import create_app
from edgeseg import errors
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, chelsea: Path) -> Path:
    with PIL.Image.open(chelsea) as pil_image:
        pil_image.save(tmp_path / "photo.jpg", quality=92)
    return tmp_path


def test_the_examples_run(stack: EmbeddedStack, folder: Path) -> None:
    script = "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
    assert script.count("curl") >= 9
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"API": stack.api_url, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-500:]
    assert "event: done" in done.stdout
    assert '"label":"face"' in done.stdout


def test_the_page_names_each_resource_and_each_code() -> None:
    for path in create_app(Settings()).openapi()["paths"]:
        assert f"{path.replace('task_id', 'id')}`" in PAGE, path
    families = {"unavailable", "conflict", "engine_error"}
    codes = {each.code for each in vars(errors).values() if isinstance(each, type)
             and issubclass(each, errors.EdgeSegError)}  # fmt: skip
    assert {code for code in codes if f"`{code}`" not in PAGE} == families

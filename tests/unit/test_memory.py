"""Lack of memory is told as such, at every border, and never as a fault of the image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import PIL.Image
import pytest
from fastapi import FastAPI

from backend import problems
from edgeseg import EdgeSegAI
from edgeseg.engines.fake import FakeDetector
from edgeseg.errors import NotEnoughMemoryError, StageFailedError
from edgeseg.memory_errors import is_memory_error
from edgeseg.worker import jobs

# Decoded: 75 MB; what a child may have beyond what it has anyway: less.
SIDE = 5000
DECODE = """
import resource, sys
import edgeseg.codecs as codecs
from edgeseg.errors import EdgeSegError
from pathlib import Path
data = Path(sys.argv[1]).read_bytes()
codecs.decode_image(Path(sys.argv[2]).read_bytes())
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (20 << 20), size + (20 << 20)))
for check in (codecs.decode_image, codecs.inspect_image):
    try:
        check(data)
        print("read")
    except EdgeSegError as error:
        print(error.code)
        print(error.detail, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"])
def test_a_decoder_without_memory_does_not_blame_the_image(tmp_path: Path, kind: str) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    mode = "P" if kind == "GIF" else "RGB"
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    PIL.Image.new(mode, (SIDE, SIDE)).save(large, kind, **options)
    PIL.Image.new(mode, (8, 8)).save(small, kind)
    limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", DECODE, str(large), str(small)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**limits, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    codes = ended.stdout.split()
    assert codes[0] == "out_of_memory", ended.stderr
    # A check may need less.
    assert codes[1] in {"out_of_memory", "read"}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        OSError("out of memory when reading image file"),
    ],
)
def test_workers_and_the_library_say_so_too(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(jobs._meaning(type(error), error, "detect"), NotEnoughMemoryError)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FakeDetector, "detect", fail)
    with EdgeSegAI("fake", "fake", "fake") as ai, pytest.raises(NotEnoughMemoryError):
        ai.segment_image(image=np.zeros((8, 8, 3), np.uint8), prompt="cat")


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory")])
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not is_memory_error(error)
    assert isinstance(jobs._meaning(type(error), error, "detect"), StageFailedError)


def test_the_api_answers_503(tmp_path: Path) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fail() -> None:
        raise MemoryError

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/")

    import asyncio

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert json.loads(answer.content)["code"] == "out_of_memory"
    assert int(answer.headers["retry-after"]) >= 1


def test_the_command_line_says_so_in_a_sentence(tmp_path: Path) -> None:
    code = """
import sys
from edgeseg.cli import main
from edgeseg.cli.app import app
@app.command()
def fill():
    raise MemoryError
sys.argv = ["edgeseg", "fill"]
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == "edgeseg: There is not enough memory. [out_of_memory]\n"

"""Images that are small as files and large in memory do not take the API beyond its container."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest

from tests.services.conftest import StackMaker

# The API's container has 1 GiB; the rest is for bodies and answers.
LIMIT_MB = 700
# Nearly 80 megapixels, and nearly as many as are checked to their end.
LARGE, CHECKED = (16383, 4880), (4000, 1990)


def worst_cases() -> dict[str, bytes]:
    """Files by name: each format, flat, at both sizes."""
    kinds: dict[str, dict[str, Any]] = {
        "WEBP": {}, "PNG": {}, "JPEG": {"progressive": True}, "TIFF": {"compression": "tiff_lzw"},
        "GIF": {},
    }  # fmt: skip
    made = {}
    for size in (LARGE, CHECKED):
        flat = PIL.Image.new("RGB", size, "gray")
        for kind, options in kinds.items():
            out = io.BytesIO()
            converted = flat.convert("P") if kind == "GIF" else flat
            converted.save(out, kind, **options)
            made[f"{size[0]}.{kind.lower()}"] = out.getvalue()
    noise = np.random.default_rng(0).integers(0, 256, (1990, 4000, 4), np.uint8)
    out = io.BytesIO()
    PIL.Image.fromarray(noise).save(out, "WEBP", lossless=True, method=0)
    made["noise.webp"] = out.getvalue()
    return made


@pytest.mark.timeout(240)
def test_the_api_stays_within_its_memory(make_stack: StackMaker) -> None:
    files = worst_cases()
    with make_stack(max_image_pixels=80_000_000) as stack:
        pid = stack.child("backend").pid

        def send(name: str) -> int:
            return httpx.post(
                f"{stack.api_url}/segment",
                files={"image": (name, files[name])},
                data={"text_prompt": "cat", "simplify": "never", "visualization": "false"},
                headers={"Prefer": "respond-async"},
                timeout=120,
            ).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(send, [*files, *files])) == {202}
        status = Path(f"/proc/{pid}/status").read_text()
        peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        assert peak_mb < LIMIT_MB

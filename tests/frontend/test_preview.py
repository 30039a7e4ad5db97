"""Images that browsers cannot show come as ones that they can, or with why they are none."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from edgeseg.settings import get_settings
from frontend.preview import Previews


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=[Previews().route]))


def test_a_tiff_of_16_bits_is_shown_in_its_size(client: TestClient) -> None:
    out = io.BytesIO()
    ramp = np.linspace(0, 65535, 60 * 40).astype(np.uint16).reshape(40, 60)
    PIL.Image.fromarray(ramp).save(out, "TIFF")
    answer = client.post("/preview", content=out.getvalue())
    assert answer.headers["content-type"] == "image/jpeg"
    with PIL.Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (60, 40))
        pixels = np.asarray(shown.convert("L"))
    assert int(pixels[-1].mean()) - int(pixels[0].mean()) > 200


def test_what_is_no_image_says_why(client: TestClient) -> None:
    answer = client.post("/preview", content=b"%PDF-1.7")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_image")
    assert "PDF" in answer.json()["detail"]


def test_a_file_beyond_the_limit_is_not_read_to_its_end(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_MAX_IMAGE_BYTES", "1000")
    get_settings.cache_clear()
    answer = client.post("/preview", content=bytes(1001))
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")

"""The pages of the API work where there is no network."""

from __future__ import annotations

import re

from backend import create_app
from edgeseg.settings import Settings
from tests.unit.backend.test_problems import served


def test_what_the_documentation_loads_comes_from_here() -> None:
    with served(create_app(Settings(redis_host="127.0.0.1", redis_port=1))) as client:
        page = client.get("/docs").text
        loaded = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+)"', page)
        assert any(each.endswith(".js") for each in loaded)
        for each in loaded:
            assert each.startswith("/"), each
            assert client.get(each).status_code == 200, each

"""The page of documentation works under its own Content Security Policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from backend import create_app
from edgeseg.settings import Settings
from tests.browser.driver import PATIENCE_MS
from tests.unit.backend.test_problems import served


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("operations-livez_livez_get", '"alive"'),
        ("segment-simplify_simplify_post", '"queue_unavailable"'),
    ],
)
def test_requests_can_be_tried_out(browser: Browser, operation: str, answer: str) -> None:
    settings = Settings(redis_host="127.0.0.1", redis_port=1)
    with served(create_app(settings)) as api, browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{api.base_url}/docs".replace("//docs", "/docs"))
        block = page.locator(f"#operations-{operation}")
        block.locator(".opblock-summary").click()
        block.locator(".try-out__btn").click()
        block.locator(".execute").click()
        expect(block.locator(".live-responses-table")).to_contain_text(answer)
        assert not [fault for fault in faults if "Content Security Policy" in fault]

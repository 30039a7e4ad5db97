"""The whole stack with its UI, on the engines that come with the package, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from tests.browser.driver import PATIENCE_MS, settle

# Chromium asks for nothing beyond this machine.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("EDGESEG_", "REDIS_", "STREAMLIT_")):
                patch.delenv(name)
        folder = tmp_path_factory.mktemp("ui")
        # Whoever chooses the fake engines waits for them.
        settings = Settings(
            engines="nano",
            allowed_engines=("fake",),
            api_port=0,
            ui_port=0,
            data_dir=folder,
            fake_latency_s=5,
            worker_niceness=0,
        )
        with EmbeddedStack(settings, ui=True) as running:
            yield running


# Playwright's event loop runs in this thread: tests elsewhere have loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program is not None, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, stack: EmbeddedStack) -> Iterator[Page]:
    """The UI as a new visitor sees it."""
    assert stack.ui_url is not None
    context = browser.new_context(viewport={"width": 1360, "height": 1100}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    opened.goto(stack.ui_url)
    opened.get_by_role("heading", name="EdgeSeg").wait_for()
    settle(opened)
    yield opened
    context.close()

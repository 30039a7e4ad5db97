"""The stage is checked by axe-core in its main states, light and dark, wide and on a phone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from edgeseg.stack.local import EmbeddedStack
from tests.browser import stage_driver as driver
from tests.browser.driver import PATIENCE_MS, settle

AXE = Path(__file__).parents[2] / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
# The stage alone: the rest of the document is Streamlit's.
_RUN = """async () => {
  const { violations, passes } = await axe.run(stage.root);
  const found = violations.map(({ id, impact, nodes }) => [id, impact, nodes[0].failureSummary]);
  return JSON.stringify({ found, passed: passes.map(({ id }) => id) });
}"""


def serious(page: Page) -> list[Any]:
    """Return what axe-core finds serious or critical, each with its first element."""
    answer = json.loads(page.evaluate(_RUN))
    assert {"button-name", "color-contrast"} <= set(answer["passed"])
    return [each for each in answer["found"] if each[1] in ("serious", "critical")]


@pytest.mark.parametrize(("scheme", "width", "height"), [("dark", 1280, 720), ("light", 390, 844)])
def test_nothing_serious_is_found(
    browser: Browser,
    stack: EmbeddedStack,
    photo_folder: Path,
    scheme: Any,
    width: int,
    height: int,
) -> None:
    assert AXE.is_file(), "axe-core is missing: make test installs it"
    with browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
    ) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(str(stack.ui_url))
        page.get_by_role("heading", name="EdgeSeg").wait_for()
        settle(page)
        driver.open_stage(page)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert serious(page) == []

        driver.put_image(page, photo_folder / "coffee.png")
        driver.find(page, "cup . spoon")
        assert driver.objects(page)
        driver.picture(page).focus()
        driver.press(page, "ArrowDown", "w")
        assert driver.selected(page) is not None
        assert serious(page) == []

        driver.press(page, "c", "?")
        assert serious(page) == []

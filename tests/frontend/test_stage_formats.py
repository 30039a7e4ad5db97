"""What the stage offers for download is what the API writes."""

from __future__ import annotations

import re
from pathlib import Path

from edgeseg.exporters import FORMATS

STAGE = Path(__file__).parents[2] / "frontend" / "stage"


def test_each_format_of_the_api_is_offered() -> None:
    text = (STAGE / "downloads.js").read_text(encoding="utf-8")
    table = text.partition("FORMATS = [")[2].partition("];")[0]
    assert re.findall(r'\["([\w-]+)"', table) == list(FORMATS)

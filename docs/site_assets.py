"""MkDocs hook: puts Mermaid into the site, so that its drawings need no network."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any


def on_post_build(config: Any) -> None:
    """Copy the script that `make site` has installed; `make check` builds without drawings."""
    source = os.environ.get("MERMAID_JS")
    if source:
        target = Path(config["site_dir"]) / "assets" / "mermaid.min.js"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

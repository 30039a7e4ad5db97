"""``python -m frontend``: serve the UI where the settings say."""

from __future__ import annotations

import sys
from pathlib import Path

from streamlit.web import cli

from edgeseg.settings import get_settings

# Every other part of the style is Streamlit's own, so that it follows the system's light or dark.
THEME = {
    "theme.light.primaryColor": "#1769aa",
    "theme.dark.primaryColor": "#2b7fc3",
    "theme.baseRadius": "medium",
}


def options() -> dict[str, str]:
    """Return Streamlit's options: our address and limits, no questions, nothing sent anywhere."""
    settings = get_settings()
    megabytes = max(1, settings.max_image_bytes // 2**20)
    return {
        "server.address": settings.ui_host,
        "server.port": str(settings.ui_port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": str(megabytes),
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        **THEME,
    }


def main() -> None:
    """Become ``streamlit run`` with our options."""
    script = Path(__file__).with_name("server.py")
    chosen = [f"--{name}={value}" for name, value in options().items()]
    sys.argv = ["streamlit", "run", str(script), *chosen]
    cli.main()


if __name__ == "__main__":
    main()

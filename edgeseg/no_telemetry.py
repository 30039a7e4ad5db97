"""Switches off what our dependencies would report to others, before any of them is imported."""

from __future__ import annotations

import os

# Each name is read by its library when that is imported, and inherited by child processes. A value
# that a person has set stays.
SWITCHES = {
    # onnxruntime 1.31 writes a device id into ~/.cache/Microsoft and reports sessions.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub, transformers: versions and model names, with each download.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Streamlit: pages viewed and versions.
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    # What several other tools agree on.
    "DO_NOT_TRACK": "1",
}


def switch_off() -> None:
    """Set the switches in the environment of this process."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)

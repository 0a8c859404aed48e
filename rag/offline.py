"""Tells every library that reports home not to, before any of them is imported. Knows nothing about what they do.

Imported first by `rag/__init__.py`. A switch is read by its library once, at import, so it must be set by then; it is
set whatever the environment says, since none of these reports is needed for anything a person can ask for. Fetching a
model or a page, which a person does ask for, still works.
"""

from __future__ import annotations

import os

#: What each library reads. Child processes inherit it.
SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: device id, event database in the user's cache, upload
    "GRADIO_ANALYTICS_ENABLED": "False",  # Gradio: launches, errors, version check
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and transformers through it
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # huggingface_hub: newest version on the package index
    "DISABLE_TELEMETRY": "1",  # transformers
    "DO_NOT_TRACK": "1",  # the common switch, for what comes next
}


def switch_off_reports() -> None:
    """Set every switch in this process's environment."""
    os.environ.update(SWITCHES)

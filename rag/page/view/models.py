"""Choosing a language model, and fetching one that is not here yet."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.models.fetch import fetch
from rag.page.render import render_error
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, PRIVATE, Shared


class Models:
    """What happens when a model is chosen or fetched."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.desk = shared, shared.desk

    def connect(self, ask: AskTab) -> None:
        """Say what each event does."""
        ask.model.change(self.about, ask.model, [ask.fetch_button, ask.fetched], **AT_ONCE)
        ask.fetch_button.click(
            self.fetch, ask.model, [ask.fetched, ask.model, ask.fetch_button], concurrency_id="fetch",
            concurrency_limit=1, **PRIVATE,
        )  # fmt: skip

    def fetch(self, model: str, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        """Fetch it now, and say how far it is."""
        progress(0, desc=f"Fetching {model}")
        try:
            fetch(model, self.desk.settings, progress=lambda p: progress((p.done, p.total), desc=p.stage, unit=p.unit))
        except RagError as error:
            return [render_error(error.message, error.hint), gr.skip(), gr.skip()]
        return ["Ready.", gr.update(choices=self.shared.model_choices(), value=model), gr.update(visible=False)]

    def about(self, model: str) -> list[Any]:
        """What the chosen one needs, where it is not here yet."""
        for info in self.desk.models():
            if info.name == model and info.kind == "fetchable":
                text = f"Fetch {model}: {info.size_bytes / 1e9:.2f} GB, needs {info.ram_bytes / 1e9:.1f} GB of RAM"
                return [gr.update(visible=True, value=text), "It is not on this disk yet; until then it cannot answer."]
        return [gr.update(visible=False), ""]

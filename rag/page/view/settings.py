"""The tab "Settings": language models, how answers are made and shown, and what is stored where."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.models.machine import cores, total_memory
from rag.page.render import on_page, render_models, render_stored
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, Shared, keep, message, told_by

#: Seconds between two looks at a model that is fetched behind the page.
LOOK = 2.0
THEMES = [("As this machine", "system"), ("Light", "light"), ("Dark", "dark")]


class SettingsTab:
    """Laid out where it is made; `connect` says what each event does."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.desk = shared, shared.desk
        gr.Markdown("## Language models", elem_classes="dl-h2")
        self.models = gr.HTML(elem_id="dl-models", apply_default_css=False)
        self.asked = gr.Textbox(visible="hidden", elem_id="dl-model-do", label="What to do with a model")
        self.looks = gr.Timer(LOOK, active=not self.desk.fetching.done)
        gr.Markdown("## Answers", elem_classes="dl-h2")
        with gr.Row():
            self.k = gr.Slider(
                1, 20, value=self.desk.settings.k, step=1, label="Passages to search for",
                info="More find more, and are listed under “Found, but not cited”.",
            )  # fmt: skip
            self.threads = gr.Slider(
                0, cores(), value=self.desk.settings.threads, step=1, label="Processor threads of the language model",
                info="0 takes what was measured to be fastest. Holds for everybody here until the page is stopped.",
            )  # fmt: skip
        gr.Markdown("## This page", elem_classes="dl-h2")
        with gr.Row():
            self.theme = gr.Radio(THEMES, value="system", label="Theme", elem_id="dl-theme")
            self.keys = gr.Checkbox(
                True, label="Keyboard shortcuts", info="Single keys; ? lists them.", elem_id="dl-keys"
            )
        gr.Markdown("## What is stored where", elem_classes="dl-h2")
        self.stored = gr.HTML(elem_id="dl-stored", apply_default_css=False)

    def connect(self, ask: AskTab, status: Any, status_line: Any) -> None:
        """Say what each event does.

        Args:
            ask: the other tab, whose model is chosen here, too.
            status: the line at the top.
            status_line: gives its text.
        """
        self._status_line = status_line
        shown = [status, ask.model, self.models, self.looks]
        self.looks.tick(self.look, ask.model, shown, **AT_ONCE)
        self.asked.change(self.act, [self.asked, ask.model], [self.shared.outbox, *shown], **AT_ONCE)
        ask.model.change(self.table, ask.model, self.models, **AT_ONCE)
        self.threads.release(self.set_threads, self.threads, self.shared.outbox, **AT_ONCE)
        self.theme.input(None, self.theme, self.shared.kept, **keep("theme"))
        self.theme.change(None, self.theme, js="(name) => window.dateline?.theme(name)", **AT_ONCE)
        self.keys.input(None, self.keys, self.shared.kept, **keep("keys"))
        self.keys.change(None, self.keys, js="(on) => window.dateline?.keys(on)", **AT_ONCE)

    @property
    def restored(self) -> list[Any]:
        """The outputs of `arrived`."""
        return [self.models, self.stored, self.theme, self.keys, self.threads, self.looks]

    def arrived(self, kept: dict[str, Any], model: str, person: str | None) -> list[Any]:
        """As a visitor left it."""
        theme = kept.get("theme") if kept.get("theme") in {name for _, name in THEMES} else "system"
        threads = self.desk.settings.threads
        return [self.table(model), self.where(person), theme, bool(kept.get("keys", True)), threads,
                gr.update(active=not self.desk.fetching.done)]  # fmt: skip

    def table(self, model: str) -> str:
        """All models, with what each needs and how well it did."""
        fetching, memory = self.desk.fetching, total_memory()
        return render_models(
            self.desk.models(), chosen=model or self.desk.default_model, usual=self.desk.default_model, memory=memory,
            fetching="" if fetching.done else fetching.name, progress=fetching.progress(),
            seconds_left=self.desk.seconds_left(), error=fetching.error,
        )  # fmt: skip

    def look(self, model: str) -> list[Any]:
        """How far the model is that is fetched; once it is here it is chosen where nobody chose, and not looked for."""
        fetching, usual = self.desk.fetching, self.desk.default_model
        if not fetching.done:
            return [self._status_line(), gr.skip(), self.table(model), gr.skip()]
        chosen = fetching.name if model == usual and fetching.name and not fetching.error else model
        models = gr.update(choices=self.shared.model_choices(), value=chosen)
        return [self._status_line(), models, self.table(chosen), gr.update(active=False)]

    def act(self, text: str, model: str) -> list[Any]:
        """Use, fetch or stop fetching a model."""
        told = told_by(text)
        name, same = str(told.get("name", "")), [gr.skip()] * 5
        try:
            if told.get("do") == "use-model":
                model = self.desk.ready(name)
                said = message(op="say", text=f"{name} answers from the next question on.")
                return [said, gr.skip(), model, self.table(model), gr.skip()]
            if told.get("do") == "fetch-model":
                self.desk.fetch(name)
            elif told.get("do") == "stop-fetching":
                self.desk.stop_fetching()
        except RagError as error:
            return [message(op="say", text=on_page(str(error))), *same[1:]]
        return [gr.skip(), self._status_line(), gr.skip(), self.table(model), gr.update(active=True)]

    def set_threads(self, threads: float) -> str:
        """Have the language model run with so many."""
        self.desk.set_threads(int(threads))
        return message(op="say", text="The language model is opened anew with the next question.")

    def where(self, person: str | None) -> str:
        """What is stored where."""
        settings = self.desk.settings
        return render_stored(
            [
                ("Articles, and what was made of them to search", str(settings.index_dir)),
                ("Your conversations", str(self.shared.keeper_of(person).folder)),
                ("Your collections", str(settings.data_dir / "collections")),
                ("Verdicts and corrections", str(settings.data_dir / "feedback.jsonl")),
                ("Fetched models", str(settings.cache_dir / "models")),
                ("Filters, model, theme and the question being typed", "in this browser"),
            ]
        )

"""The tab "Articles": adding them, and the place of the list that static/sources.js shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rag.articles.kinds import SUFFIXES
from rag.errors import RagError
from rag.page.desk import MOST_FILES, Added
from rag.page.render import escape, on_page, render_error, render_fetching
from rag.page.render_sources import render_place
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, INDEX, PRIVATE, Shared, message
from rag.settings import EXTRACTS
from rag.types import Progress

#: What files may be called: all that is read.
KINDS = sorted(SUFFIXES)


class ArticlesTab:
    """Laid out where it is made; `connect` says what each event does."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.desk = shared, shared.desk
        with gr.Accordion("Add articles", open=not self.desk.status().articles):
            with gr.Row():
                self.files = gr.File(
                    file_count="multiple", label=f"Articles (at most {MOST_FILES} files)", file_types=KINDS, height=140
                )
                with gr.Column():
                    self.url = gr.Textbox(label="Or the address of a page or feed", placeholder="https://…")
                    self.url_button = gr.Button("Add the address")
                    self.sample_button = gr.Button("Index the bundled sample", variant="primary", visible=False)
            self.outcome = gr.HTML(elem_id="dl-outcome", apply_default_css=False)
        gr.HTML(render_place(), elem_id="dl-articles", apply_default_css=False)

    def connect(self, ask: AskTab, panel: Any, status: Any, tab: Any) -> list[Any]:
        """Say what each event does.

        Args:
            ask: the other tab, whose sources and welcome depend on the articles.
            panel: where articles are read.
            status: the line above the tabs.
            tab: this tab, whose list is looked up anew when it is opened.

        Returns:
            The outputs of `refreshed`.
        """
        one_writer = {"concurrency_id": INDEX, "concurrency_limit": 1, **PRIVATE}
        fresh = [status, ask.sources, self.sample_button]
        show = {"js": "() => window.datelineSources.show()", **AT_ONCE}
        for change in (
            self.files.upload(self.add_files, self.files, [self.outcome, self.files], **one_writer),
            gr.on([self.url_button.click, self.url.submit], self.add_url, self.url, self.outcome, **one_writer),
            self.sample_button.click(self.add_sample, None, self.outcome, **one_writer),
            self.shared.changed.change(lambda: None, **AT_ONCE),
        ):
            change.then(self.refreshed, None, fresh, **AT_ONCE).then(
                self.welcome, None, self.shared.aside, **AT_ONCE
            ).then(ask.chips_of, ask.filters, ask.chips, **AT_ONCE)
        self.outcome.change(None, **show)
        tab.select(None, **show)
        return fresh

    # ------------------------------------------------------------------ what is shown

    def status_line(self) -> str:
        """What is indexed, who answers, and how far a model is that is fetched."""
        status = self.desk.status()
        when = f"{status.last_indexed[:16].replace('T', ' ')} UTC" if status.last_indexed else "never"
        fetching = self.desk.fetching
        speaker = "Dateline's reader" if self.desk.default_model == EXTRACTS else self.desk.default_model
        return (
            f"<b>{status.articles}</b> articles<span class='dl-desk-only'> · answers by <b>{escape(speaker)}</b>"
            f" · last indexed {escape(when)}</span>"
            + render_fetching(
                fetching.name,
                fetching.progress(),
                done=fetching.done,
                error=fetching.error,
                seconds_left=self.desk.seconds_left(),
            )
        )

    def refreshed(self) -> list[Any]:
        """status, choices of sources, the button for the sample."""
        status = self.desk.status()
        sources = gr.update(choices=sorted(filter(None, status.sources)))
        return [self.status_line(), sources, gr.update(visible=not status.articles)]

    def welcome(self) -> str:
        """A message: what an empty conversation shows now."""
        return message(op="welcome", html=self.shared.welcome())

    # ------------------------------------------------------------------ adding

    def add_files(self, files: list[str] | None, progress: gr.Progress = gr.Progress()) -> tuple[str, None]:  # noqa: B008
        """Index what was uploaded."""
        paths = [Path(file) for file in files or []]
        try:
            return self._add(lambda show: self.desk.add_files(paths, show), progress), None
        finally:
            for path in paths:
                path.unlink(missing_ok=True)  # what was uploaded is in the index now, or refused

    def add_url(self, url: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
        """Index a page or a feed."""
        return self._add(lambda show: self.desk.add_url(url, show), progress)

    def add_sample(self, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
        """Index the bundled sample."""
        return self._add(self.desk.add_sample, progress)

    @staticmethod
    def _add(work: Callable[[Callable[[Progress], None]], list[Added]], progress: gr.Progress) -> str:
        progress(0, desc="Reading")

        def show(step: Progress) -> None:
            total = f" of {step.total}" if step.total else ""
            progress((step.done, step.total), desc=f"{step.stage}: {step.done}{total} {step.unit}")

        try:
            return _outcome_list(work(show))
        except RagError as error:
            return render_error(error.message, error.hint)


def _outcome_list(added: Sequence[Added]) -> str:
    rows = "".join(
        f'<li class="dl-outcome"><b>{escape(a.name)}</b>: '
        f'<span class="{"dl-problem" if a.outcome == "refused" else "dl-check"}">{escape(a.outcome)}</span> '
        f"{escape(on_page(a.reason))}</li>"
        for a in added
    )
    return f'<ul role="status">{rows}</ul>'

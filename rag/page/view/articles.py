"""The tab "Articles": adding, finding, opening and deleting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.page.desk import MOST_FILES, Added
from rag.page.render import Place, escape, on_page, render_error, render_fetching
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, INDEX, PRIVATE, Shared, ask_twice, hidden, message
from rag.settings import EXTRACTS
from rag.types import Progress

#: Articles listed in the table; the search above it looks through all of them.
MOST_ROWS = 500
KINDS = [".txt", ".md", ".html", ".htm", ".pdf", ".json", ".jsonl", ".xml", ".rss"]


class ArticlesTab:
    """Laid out where it is made; `connect` says what each event does."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.desk = shared, shared.desk
        self.chosen = gr.State(None)
        with gr.Row():
            self.files = gr.File(
                file_count="multiple", label=f"Articles (at most {MOST_FILES} files)", file_types=KINDS, height=140
            )
            with gr.Column():
                self.url = gr.Textbox(label="Or the address of a page or feed", placeholder="https://…")
                self.url_button = gr.Button("Add the address")
                self.sample_button = gr.Button("Index the bundled sample", variant="primary", visible=False)
        self.outcome = gr.HTML(elem_id="dl-outcome", apply_default_css=False)
        with gr.Row(equal_height=True):
            self.find = gr.Textbox(label="Search the table", placeholder="title, source, date", scale=3)
            self.count = gr.Markdown()
        self.rows = gr.Dataframe(
            headers=["Title", "Source", "Date", "Passages", "Id"],
            datatype="str",
            interactive=False,
            label="Articles",
            wrap=True,
            max_height=420,
            column_widths=["320px", "240px", "140px", "120px", "440px"],
            elem_id="dl-articles",
        )
        self.picked = gr.HTML("Choose a row to open or delete an article.", apply_default_css=False)
        with gr.Row():
            self.open_button = gr.Button("Open", interactive=False)
            self.delete_button = gr.Button("Delete…", interactive=False)
            self.delete_sure = gr.Button("Really delete it", variant="stop", visible=False)
            self.delete_not = gr.Button("Keep it", visible=False)

    def connect(self, ask: AskTab, panel: Any, status: Any, tab: Any) -> list[Any]:
        """Say what each event does.

        Args:
            ask: the other tab, whose sources and welcome depend on the articles.
            panel: where articles are read.
            status: the line above the tabs.
            tab: this tab, which is looked up anew when it is opened.

        Returns:
            The outputs of `refreshed`.
        """
        one_writer = {"concurrency_id": INDEX, "concurrency_limit": 1, **PRIVATE}
        told = [self.chosen, self.picked, self.open_button, self.delete_button, self.delete_sure, self.delete_not]
        fresh = [status, self.rows, self.count, ask.sources, self.sample_button]
        for change in (
            self.files.upload(self.add_files, self.files, [self.outcome, self.files], **one_writer),
            gr.on([self.url_button.click, self.url.submit], self.add_url, self.url, self.outcome, **one_writer),
            self.sample_button.click(self.add_sample, None, self.outcome, **one_writer),
            self.delete_sure.click(self.delete_chosen, self.chosen, told, **one_writer),
        ):
            change.then(self.refreshed, self.find, fresh, **AT_ONCE).then(
                self.welcome, None, self.shared.outbox, **AT_ONCE
            ).then(ask.chips_of, ask.filters, ask.chips, **AT_ONCE)
        self.find.change(self.table, self.find, [self.rows, self.count], **AT_ONCE)
        tab.select(self.table, self.find, [self.rows, self.count], **AT_ONCE)
        self.rows.select(self.choose, None, told, **AT_ONCE)
        shown = {"js": "() => window.dateline.show()", **AT_ONCE}
        self.open_button.click(self.open_chosen, [self.chosen], panel, **AT_ONCE).then(None, **shown)
        twice = [self.delete_sure, self.delete_not]
        self.delete_button.click(ask_twice, None, twice, **AT_ONCE)
        self.delete_not.click(lambda: hidden(2), None, twice, **AT_ONCE)
        return fresh

    # ------------------------------------------------------------------ what is shown

    def status_line(self) -> str:
        """What is indexed, who answers, and how far a model is that is fetched."""
        status = self.desk.status()
        when = f"{status.last_indexed[:16].replace('T', ' ')} UTC" if status.last_indexed else "never"
        fetching = self.desk.fetching
        speaker = "Dateline's reader" if self.desk.default_model == EXTRACTS else self.desk.default_model
        return (
            f"<b>{status.articles}</b> articles · <b>{status.passages}</b> passages · last indexed {escape(when)}"
            f" · answers by <b>{escape(speaker)}</b> unless you choose another"
            + render_fetching(fetching.name, fetching.progress(), done=fetching.done, error=fetching.error)
        )

    def table(self, query: str) -> tuple[list[list[Any]], str]:
        """The rows that fit the words, and how many there are."""
        rows = self.desk.find(query)
        shown = [[r.title, r.source, str(r.published or ""), r.passages, r.id] for r in rows[:MOST_ROWS]]
        return shown, f"{len(rows)} articles" + (f", the newest {MOST_ROWS} shown" if len(rows) > MOST_ROWS else "")

    def refreshed(self, query: str) -> list[Any]:
        """status, table, its count, choices of sources, the button for the sample."""
        rows, count = self.table(query)
        status = self.desk.status()
        sources = gr.update(choices=sorted(filter(None, status.sources)))
        return [self.status_line(), rows, count, sources, gr.update(visible=not status.articles)]

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

    # ------------------------------------------------------------------ one article

    def choose(self, event: gr.SelectData) -> list[Any]:
        """A row was chosen."""
        row = event.row_value
        said = gr.update(value=f"Chosen: {escape(row[0])}")
        return [row[4], said, gr.update(interactive=True), gr.update(interactive=True), *hidden(2)]

    def open_chosen(self, article_id: str | None) -> str:
        """The chosen article, for the panel."""
        return self.shared.open_place(Place(article_id).to_json()) if article_id else gr.skip()

    def delete_chosen(self, article_id: str | None) -> list[Any]:
        """Delete the chosen article."""
        said = "Nothing was chosen."
        if article_id:
            try:
                said = f"Deleted: {article_id}" if self.desk.delete([article_id]) else f"{article_id} was gone already."
            except RagError as error:
                said = on_page(str(error))
        return [None, escape(said), gr.update(interactive=False), gr.update(interactive=False), *hidden(2)]


def _outcome_list(added: Sequence[Added]) -> str:
    rows = "".join(
        f'<li class="dl-outcome"><b>{escape(a.name)}</b>: '
        f'<span class="{"dl-problem" if a.outcome == "refused" else "dl-check"}">{escape(a.outcome)}</span> '
        f"{escape(on_page(a.reason))}</li>"
        for a in added
    )
    return f'<ul role="status">{rows}</ul>'

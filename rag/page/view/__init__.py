"""The Gradio page: what is where. Each part says itself what its events do; only app.py imports this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from rag.page.api import add_api
from rag.page.conversations import Conversation
from rag.page.desk import Desk
from rag.page.view.articles import ArticlesTab
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, MODEL, Shared
from rag.page.view.models import Models
from rag.page.view.sidebar import SideBar

STATIC = Path(__file__).parent.parent / "static"
#: Seconds between two looks at a model that is fetched behind the page.
LOOK = 2.0


def build(desk: Desk) -> gr.Blocks:
    """The page around one desk."""
    shared = Shared(desk)
    with gr.Blocks(title="Dateline", analytics_enabled=False, fill_width=True) as page:
        shared.conversation = gr.State(Conversation())
        shared.remembered = gr.BrowserState(None, storage_key="dateline", secret="dateline")
        shared.outbox = gr.Textbox(visible="hidden", elem_id="dl-outbox", label="Messages")
        shared.changed = gr.Textbox(visible="hidden", elem_id="dl-changed", label="Changed")
        with gr.Sidebar(label="Conversations", open=False):
            side = SideBar(shared)
        gr.Markdown("# Dateline", elem_id="dl-title")
        status = gr.HTML(elem_id="dl-status", apply_default_css=False)
        with gr.Row():
            with gr.Column(scale=3, min_width=320), gr.Tabs():
                with gr.Tab("Ask"):
                    ask = AskTab(shared)
                with gr.Tab("Articles") as tab:
                    articles = ArticlesTab(shared)
            with gr.Column(scale=2, min_width=320, elem_id="dl-panel"):
                gr.Button("Close", size="sm", elem_id="dl-close")
                panel = gr.HTML(elem_id="dl-panel-body", apply_default_css=False)
        ask.connect(panel)
        side.connect(ask.box)
        Models(shared).connect(ask)
        fresh = articles.connect(ask, panel, status, tab)
        arrival = Arrival(shared, ask, articles)
        page.load(
            arrival.arrive,
            shared.remembered,
            [*fresh, *ask.options[1:], ask.chips, shared.conversation, shared.saved, shared.outbox],
            **AT_ONCE,
        ).then(articles.welcome, None, shared.outbox, **AT_ONCE)
        page.unload(arrival.gone)
        if not desk.fetching.done:
            looks = gr.Timer(LOOK)
            looks.tick(arrival.look, ask.model, [status, ask.model, looks], **AT_ONCE)
        add_api(desk, concurrency_id=MODEL, concurrency_limit=1)
    return page


class Arrival:
    """A visitor comes, and goes."""

    def __init__(self, shared: Shared, ask: AskTab, articles: ArticlesTab) -> None:
        self.shared, self.desk, self.ask, self.articles = shared, shared.desk, ask, articles

    def arrive(self, remembered: Any, request: gr.Request) -> list[Any]:
        """Everything as it was left: filters, model, conversation."""
        kept = remembered if isinstance(remembered, dict) else {}
        status, rows, count, choices, sample = self.articles.refreshed("")
        known = [s for s in kept.get("sources") or [] if s in choices["choices"]]
        models = {name for _, name in self.shared.model_choices()}
        fetchable = {m.name for m in self.desk.models() if m.kind == "fetchable"}
        model = kept.get("model") if kept.get("model") in models - fetchable else self.desk.default_model
        conversation = self.shared.keeper(request).load(str(kept.get("conversation") or "-" * 8)) or Conversation()
        since, until, only = kept.get("since"), kept.get("until"), kept.get("only") or ""
        undated = bool(kept.get("undated", True))
        return [
            status,
            rows,
            count,
            gr.update(choices=choices["choices"], value=known),
            sample,
            since,
            until,
            undated,
            only,
            kept.get("k") or self.desk.settings.k,
            gr.update(choices=self.shared.model_choices(), value=model),
            self.ask.chips_of(known, since, until, undated, only, request),
            conversation,
            self.shared.listed(request, conversation.id),
            self.shared.show_all(conversation),
        ]

    def gone(self, request: gr.Request) -> None:
        """The tab was closed."""
        self.shared.visitors.gone(request.session_hash)

    def look(self, model: str) -> list[Any]:
        """How far the model is that is fetched; once it is here it is chosen where nobody chose, and not looked for."""
        fetching, usual = self.desk.fetching, self.desk.default_model
        if not fetching.done:
            return [self.articles.status_line(), gr.skip(), gr.skip()]
        chosen = fetching.name if model == usual and not fetching.error else model
        models = gr.update(choices=self.shared.model_choices(), value=chosen)
        return [self.articles.status_line(), models, gr.update(active=False)]

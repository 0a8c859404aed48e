"""The Gradio page: what is where. Each part says itself what its events do; only app.py imports this."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gradio as gr

from rag.page.api import add_api
from rag.page.conversations import Conversation
from rag.page.desk import Desk
from rag.page.render import render_bar, render_help
from rag.page.view.articles import ArticlesTab
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, MODEL, Shared, as_open
from rag.page.view.settings import SettingsTab
from rag.page.view.sidebar import SideBar

STATIC = Path(__file__).parent.parent / "static"


def build(desk: Desk) -> gr.Blocks:
    """The page around one desk."""
    shared = Shared(desk)
    with gr.Blocks(title="Dateline", analytics_enabled=False, fill_width=True) as page:
        shared.conversation = gr.State(Conversation())
        shared.kept = gr.BrowserState(None, storage_key="dateline", secret="dateline")
        shared.opened = gr.BrowserState(None, storage_key="dateline-open", secret="dateline")
        shared.outbox, shared.stream, shared.aside, shared.later = (
            gr.Textbox(visible="hidden", elem_id=f"dl-{name}", label="Messages")
            for name in ("outbox", "stream", "aside", "later")
        )
        shared.changed = gr.Textbox(visible="hidden", elem_id="dl-changed", label="Changed")
        with gr.Row(elem_id="dl-desk"):
            with gr.Column(elem_id="dl-left", min_width=0):
                side = SideBar(shared)
            with gr.Column(elem_id="dl-main", min_width=0):
                gr.HTML(render_bar(), elem_id="dl-bar", apply_default_css=False)
                status = gr.HTML(elem_id="dl-status", apply_default_css=False)
                with gr.Tabs(elem_id="dl-tabs"):
                    with gr.Tab("Ask"):
                        ask = AskTab(shared)
                    with gr.Tab("Articles") as tab:
                        articles = ArticlesTab(shared)
                    with gr.Tab("Settings"):
                        settings = SettingsTab(shared)
            with gr.Column(elem_id="dl-panel", min_width=0):
                panel = gr.HTML(elem_id="dl-panel-body", apply_default_css=False)
        gr.HTML(render_help(), elem_id="dl-help-place", apply_default_css=False)
        ask.connect(panel, settings.k)
        side.connect(ask)
        settings.connect(ask, status, articles.status_line)
        fresh = articles.connect(ask, panel, status, tab)
        arrival = Arrival(shared, side, ask, articles, settings)
        page.load(
            arrival.arrive,
            [shared.kept, shared.opened],
            [*fresh, *ask.options[1:], ask.chips, side.shelf, shared.conversation, shared.opened, shared.saved,
             shared.outbox, side.who, *settings.restored],
            js="(kept, opened) => [(window.datelineKept = kept), { ...opened, link: location.hash }]",
            **AT_ONCE,
        ).then(articles.welcome, None, shared.aside, **AT_ONCE)  # fmt: skip
        page.unload(arrival.gone)
        add_api(desk, concurrency_id=MODEL, concurrency_limit=desk.at_once)
    return page


class Arrival:
    """A visitor comes, and goes."""

    def __init__(
        self, shared: Shared, side: SideBar, ask: AskTab, articles: ArticlesTab, settings: SettingsTab
    ) -> None:
        self.shared, self.desk = shared, shared.desk
        self.side, self.ask, self.articles, self.settings = side, ask, articles, settings

    def arrive(self, chosen: Any, opened: Any, request: gr.Request) -> list[Any]:
        """Everything as it was left: filters, model, conversation; what a link names comes first."""
        kept = {**(chosen if isinstance(chosen, dict) else {}), **opened}
        status, choices, sample = self.articles.refreshed()
        known = [s for s in kept.get("sources") or [] if s in choices["choices"]]
        models = {name for _, name in self.shared.model_choices()}
        model = str(kept["model"]) if kept.get("model") in models else self.desk.default_model
        linked, turn = read_link(str(kept.get("link") or ""))
        keeper = self.shared.keeper(request)
        conversation = keeper.load(linked or str(kept.get("conversation") or "-" * 8)) or Conversation()
        since, until, only = kept.get("since"), kept.get("until"), kept.get("only") or ""
        undated = bool(kept.get("undated", True))
        return [
            status,
            gr.update(choices=choices["choices"], value=known),
            sample,
            since,
            until,
            undated,
            only,
            kept.get("k") or self.desk.settings.k,
            gr.update(choices=self.shared.model_choices(), value=model),
            kept.get("length") if kept.get("length") in {"full", "short"} else "full",
            self.ask.chips_of(known, since, until, undated, only, request),
            self.side.shelf_of(known, only, request),
            conversation,
            as_open(conversation),
            self.shared.listed(request, conversation.id),
            self.shared.show_all(conversation, at=turn, lost=bool(linked) and not conversation.id),
            self.side.arrived(request),
            *self.settings.arrived(kept, model, request.username),
        ]

    def gone(self, request: gr.Request) -> None:
        """The tab was closed."""
        self.shared.visitors.gone(request.session_hash)


def read_link(fragment: str) -> tuple[str, int | None]:
    """The conversation that an address's fragment names, "" for none, and the turn, None for none."""
    named = {name: values[0] for name, values in parse_qs(fragment.removeprefix("#")).items()}
    turn = named.get("t", "")
    return named.get("c", ""), int(turn) - 1 if turn.isdecimal() and int(turn) > 0 else None

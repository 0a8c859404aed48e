"""The left pane: conversations that are kept, to be found, named, pinned, exported and deleted; who is logged in."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr

from rag.page.conversations import Conversation
from rag.page.export import Download, export
from rag.page.render import render_found, render_shelf, render_who
from rag.page.view.asking import AskTab
from rag.page.view.common import AT_ONCE, Shared, as_open, message, told_by


class SideBar:
    """Laid out where it is made; `connect` says what each event does."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        gr.HTML(
            '<div class="dl-brand"><h1>Dateline</h1>'
            '<button type="button" class="dl-icon dl-narrow" data-do="menu" aria-label="Close the menu">✕</button>'
            "</div>",
            elem_id="dl-title",
            apply_default_css=False,
        )
        self.new_button = gr.Button("New conversation", elem_id="dl-new")
        self.shelf = gr.HTML(elem_id="dl-shelf", apply_default_css=False)
        self.words = gr.Textbox(
            label="Search conversations", show_label=False, placeholder="Search conversations", elem_id="dl-search",
            max_lines=1, container=False,
        )  # fmt: skip
        self.found = gr.HTML(elem_id="dl-found", apply_default_css=False)
        shared.saved = gr.HTML(elem_id="dl-saved", apply_default_css=False)
        self.who = gr.HTML(elem_id="dl-who", apply_default_css=False)
        self.told = gr.Textbox(visible="hidden", elem_id="dl-side", label="What to do with a conversation")

    def connect(self, ask: AskTab) -> None:
        """Say what each event does.

        Args:
            ask: the tab whose question box is free once another conversation is open, and whose filters are shown.
        """
        box = ask.box
        shared = self.shared
        opened = [shared.conversation, shared.outbox, shared.saved, shared.opened, box]
        self.new_button.click(self.new, None, opened, **AT_ONCE)
        self.words.change(self.find, self.words, self.found, **AT_ONCE)
        self.told.change(self.act, [self.told, shared.conversation], opened, **AT_ONCE)

        chosen = [ask.sources, ask.only]
        gr.on(
            [ask.sources.change, ask.only.change, shared.changed.change], self.shelf_of, chosen, self.shelf, **AT_ONCE
        )

    def shelf_of(self, sources: list[str], only: str, request: gr.Request) -> str:
        """What can be asked, and which of it is."""
        chosen = {*(sources or ()), *told_by(only or "{}").get("collections", ()), *(["articles"] if only else ())}
        collections = self.shared.collections(request).all()
        retriever = self.shared.desk.retriever
        return render_shelf(retriever.sources(), collections, chosen, len(retriever.articles()))

    def arrived(self, request: gr.Request) -> str:
        """Who is logged in."""
        return render_who(request.username)

    def find(self, words: str, request: gr.Request) -> str:
        """Answers and names with these words."""
        return render_found(words.strip(), self.shared.keeper(request).find(words)) if words.strip() else ""

    def new(self, request: gr.Request) -> list[Any]:
        """An empty conversation; what is being answered goes on, and is kept where it was asked."""
        return self._open(Conversation(), request)

    def act(self, text: str, conversation: Conversation, request: gr.Request) -> list[Any]:
        """Open, name, pin, export or delete a conversation of the list."""
        told, keeper = told_by(text), self.shared.keeper(request)
        found = keeper.load(str(told.get("id", "")) or "-" * 8)
        what, same = told.get("do"), [gr.skip()] * 5
        if found is None:
            said = "That conversation is not here: deleted, damaged, or somebody else's."
            return [gr.skip(), message(op="say", text=said),
                    self.shared.listed(request, conversation.id), *same[3:]]  # fmt: skip
        if what == "open":
            return self._open(found, request, told.get("turn"))
        if what == "export":
            turn = told.get("turn")
            file = export(found, str(told.get("form")), turn if isinstance(turn, int) else None)
            return [gr.skip(), file_message(file), *same[2:]]
        if what == "forget":
            keeper.delete(found.id)
            if found.id == conversation.id:
                return self._open(Conversation(), request)
        elif what == "rename":
            keeper.rename(found.id, str(told.get("text", "")))
        elif what in {"pin", "unpin"}:
            keeper.pin(found.id, what == "pin")
        return [*same[:2], self.shared.listed(request, conversation.id), *same[3:]]

    def _open(self, conversation: Conversation, request: gr.Request, turn: int | None = None) -> list[Any]:
        self.shared.visitors.leave(request.session_hash)
        box = gr.update(submit_btn="Ask", stop_btn=False)
        shown = self.shared.show_all(conversation, at=turn)
        return [conversation, shown, self.shared.listed(request, conversation.id), as_open(conversation), box]


def file_message(file: Download) -> str:
    """A message: give the person this file."""
    return message(op="file", name=file.name, kind=file.kind, data=base64.b64encode(file.content).decode())

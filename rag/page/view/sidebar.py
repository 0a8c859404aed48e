"""The side bar: conversations that are kept, a new one, export and deleting."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rag.page.conversations import Conversation, to_markdown
from rag.page.view.common import AT_ONCE, Shared, ask_twice, hidden, remembering


class SideBar:
    """Laid out where it is made; `connect` says what each event does."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.new_button = gr.Button("New conversation", variant="primary")
        shared.saved = gr.Radio([], label="Saved conversations", visible=False)
        self.export_button = gr.Button("Export as Markdown")
        self.forget_button = gr.Button("Delete this conversation…")
        self.forget_sure = gr.Button("Really delete it", variant="stop", visible=False)
        self.forget_not = gr.Button("Keep it", visible=False)
        self.exported = gr.Textbox(visible="hidden", label="Export")

    def connect(self, box: Any) -> None:
        """Say what each event does.

        Args:
            box: the question box, which is free once another conversation is open.
        """
        shared, twice = self.shared, [self.forget_sure, self.forget_not]
        opened = [shared.conversation, shared.outbox, shared.saved, shared.remembered, box, *twice]
        self.new_button.click(self.new, shared.remembered, opened, **AT_ONCE)
        shared.saved.input(self.open_saved, [shared.saved, shared.remembered], opened, **AT_ONCE)
        self.forget_button.click(ask_twice, None, twice, **AT_ONCE)
        self.forget_not.click(lambda: hidden(2), None, twice, **AT_ONCE)
        self.forget_sure.click(self.delete_saved, [shared.conversation, shared.remembered], opened, **AT_ONCE)
        self.export_button.click(to_markdown, shared.conversation, self.exported, **AT_ONCE).then(
            None, self.exported, js="(text) => window.dateline.save(text)", **AT_ONCE
        )

    def new(self, remembered: Any, request: gr.Request) -> list[Any]:
        """An empty conversation; what is being answered goes on, and is kept where it was asked."""
        return self._open(Conversation(), gr.update(value=None), remembered, request)

    def open_saved(self, id_: str | None, remembered: Any, request: gr.Request) -> list[Any]:
        """A conversation of the list."""
        found = self.shared.keeper(request).load(id_) if id_ else None
        if found is None:
            return [gr.skip()] * 7
        return self._open(found, gr.skip(), remembered, request)

    def delete_saved(self, conversation: Conversation, remembered: Any, request: gr.Request) -> list[Any]:
        """Delete what is open."""
        self.shared.keeper(request).delete(conversation.id)
        return self._open(Conversation(), self.shared.listed(request, ""), remembered, request)

    def _open(self, conversation: Conversation, saved: Any, remembered: Any, request: gr.Request) -> list[Any]:
        self.shared.visitors.leave(request.session_hash)
        kept = remembering(remembered, conversation=conversation.id)
        box = gr.update(submit_btn="Ask", stop_btn=False)
        return [conversation, self.shared.show_all(conversation), saved, kept, box, *hidden(2)]

"""What all parts of the page share: the desk, the visitors, and the messages to the script in the browser."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from rag.page.collections import Collections, collections_of
from rag.page.conversations import Conversation, Conversations, folder_name
from rag.page.desk import Desk
from rag.page.render import (
    Place,
    render_answer,
    render_list,
    render_missing,
    render_turn,
    render_welcome,
)
from rag.page.render_sources import article_page
from rag.page.visitors import Visitors
from rag.settings import EXTRACTS

#: One model answers one question at a time, and one writer changes the index.
MODEL, INDEX = "model", "index"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}
#: Numbers of messages, so that no two are equal and each is seen as a change; they grow, also over a restart.
_numbers = itertools.count(time.time_ns() // 1_000_000)


@dataclass(slots=True)
class Shared:
    """One page: made while it is laid out.

    Attributes:
        conversation: what is open, a gr.State.
        kept: what was chosen, kept by the browser; see `keep`.
        opened: which conversation is open, kept by the browser; written by those events alone that open one.
        outbox: messages to the script, see static/page.js. What goes on by itself has a box of its own, since of two
            messages that arrive in one box at once a browser sees the last only: `stream` for an answer as it comes,
            `aside` for what an empty conversation shows, `later` for what may be asked next.
        changed: the script writes here when articles or collections have changed.
        saved: the list of conversations.
    """

    desk: Desk
    visitors: Visitors = field(default_factory=Visitors)
    conversation: Any = None
    kept: Any = None
    opened: Any = None
    outbox: Any = None
    stream: Any = None
    aside: Any = None
    later: Any = None
    changed: Any = None
    saved: Any = None

    def keeper(self, request: gr.Request) -> Conversations:
        """The visitor's own conversations."""
        return self.keeper_of(request.username)

    def keeper_of(self, person: str | None) -> Conversations:
        """The conversations of a person, None where nobody logs in."""
        return Conversations(self.desk.settings.data_dir / "conversations" / folder_name(person))

    def collections(self, request: gr.Request | None) -> Collections:
        """The visitor's own collections."""
        return collections_of(self.desk.settings.data_dir, request.username if request else None)

    def only(
        self, told: str, request: gr.Request | None
    ) -> tuple[tuple[str, ...] | None, tuple[tuple[str, str, str], ...]]:
        """The only articles that a choice lets pass, None for all, and its chips.

        Args:
            told: JSON, {"articles": ids, "collections": ids}; "" for no choice.
        """
        try:
            chosen = json.loads(told or "{}")
            ids, named = list(map(str, chosen.get("articles", ()))), list(map(str, chosen.get("collections", ())))
        except (ValueError, TypeError, AttributeError):
            return None, ()
        kept = [each for each in self.collections(request).all() if each.id in named] if named else []
        if not ids and not kept:
            return None, ()
        chips = [("collections", each.id, f"Collection: {each.name}") for each in kept]
        if len(ids) == 1 and (article := self.desk.article(ids[0])):
            chips.append(("articles", "", f"Only: {article.title}"))
        elif ids:
            chips.append(("articles", "", f"Only {len(ids)} chosen articles"))
        return tuple(dict.fromkeys([*ids, *(a for each in kept for a in each.articles)])), tuple(chips)

    def listed(self, request: gr.Request, current: str) -> str:
        """The list of conversations with one of them marked."""
        return render_list(self.keeper(request).entries(), current)

    def show_all(
        self, conversation: Conversation, pending: str = "", at: int | None = None, *, lost: bool = False
    ) -> str:
        """A message: show this conversation, and below it a turn that is being answered.

        Args:
            at: which turn is brought into view, None for the last.
            lost: whether a link named one that is not here.
        """
        turns = [turn_of(conversation, n) for n in range(len(conversation.answers))]
        turns += [pending] if pending else []
        welcome = "" if turns else self.welcome(wait=False)
        return message(op="all", turns=turns, at=at, id=conversation.id, welcome=welcome, lost=lost)

    def welcome(self, *, wait: bool = True) -> str:
        """What an empty conversation shows.

        Args:
            wait: whether the questions are looked for now, which takes some seconds where the articles are new.
        """
        articles = bool(self.desk.status().articles)
        return render_welcome(self.desk.examples(wait=wait) if articles else [], articles=articles)

    def open_place(self, text: str) -> str:
        """The article at a place, for the panel."""
        try:
            place = Place.from_json(text)
        except ValueError:
            return render_missing("", Place(""))
        article = self.desk.article(place.article_id)
        return (
            article_page(article, place, self.desk.about(article))
            if article
            else render_missing(place.article_id, place)
        )

    def model_choices(self) -> list[tuple[str, str]]:
        """Labels and names of the models that are here."""
        here = [info.name for info in self.desk.models() if info.kind != "fetchable"]
        choices = [("Extracts, no model" if name == EXTRACTS else name, name) for name in here]
        if self.desk.default_model not in {name for _, name in choices}:
            choices.insert(0, (self.desk.default_model, self.desk.default_model))
        return choices


def message(**parts: Any) -> str:
    """A message to the script."""
    return json.dumps({"number": next(_numbers), **parts}, ensure_ascii=False)


def told_by(text: str) -> dict[str, Any]:
    """What the script tells; nothing when it is damaged."""
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def turn_of(conversation: Conversation, n: int) -> str:
    """A finished turn as HTML."""
    answer = conversation.answers[n]
    return render_turn(conversation.id, n, answer.question, render_answer(answer), whole=True)


def show_turn(conversation: Conversation, n: int) -> str:
    """A message: put this turn at its place."""
    return message(op="turn", turn=n, html=turn_of(conversation, n))


def keep(name: str) -> dict[str, Any]:
    """Of an event that has the browser keep the value of its input under a name.

    The browser alone puts it to the rest, at once: several events under way at a time cannot undo each other.
    """
    return {"js": f"(value) => (window.datelineKept = {{ ...window.datelineKept, {name}: value }})", **AT_ONCE}


def as_open(conversation: Conversation) -> dict[str, str]:
    """The value of `Shared.opened`; not the mere id, since Gradio does not write an empty value."""
    return {"conversation": conversation.id}


def hidden(n: int) -> list[Any]:
    """So many components hidden."""
    return [gr.update(visible=False)] * n


def ask_twice() -> Sequence[Any]:
    """Show the buttons "Really" and "Keep it"."""
    return [gr.update(visible=True)] * 2

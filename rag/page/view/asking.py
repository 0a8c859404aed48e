"""The tab "Ask": the conversation, the question box, filters and model, and what each event does."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from rag.answering.bot import Bot
from rag.answering.timeline import timeline_question
from rag.errors import RagError
from rag.page import feedback
from rag.page.conversations import Conversation
from rag.page.render import (
    Filters,
    render_error,
    render_filters,
    render_next,
    render_partial,
    render_turn,
)
from rag.page.view.common import (
    AT_ONCE,
    MODEL,
    PRIVATE,
    Shared,
    as_open,
    keep,
    message,
    show_turn,
    told_by,
)
from rag.page.visitors import Run
from rag.types import Answer

_log = logging.getLogger(__name__)

#: Said to who asks in the first seconds.
LOADING = "The models are still being loaded. This is answered as soon as they are here."
#: Seconds between two looks at what a model writes: each sends all words so far.
BETWEEN = 0.3


class AskTab:
    """Laid out where it is made; `connect` says what each event does."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.desk = shared, shared.desk
        gr.HTML('<div id="dl-feed" aria-live="off"></div>', elem_id="dl-chat", apply_default_css=False)
        with gr.Group(elem_id="dl-asking"):
            self.chips = gr.HTML(elem_id="dl-filters", apply_default_css=False)
            self.box = gr.Textbox(
                label="Question", show_label=False, placeholder="Ask the articles", lines=1, max_lines=6,
                autofocus=True, max_length=2000, submit_btn="Ask", elem_id="dl-question",
            )  # fmt: skip
            with gr.Accordion("Filters and model", open=False, elem_id="dl-options"):
                with gr.Row():
                    self.sources = gr.Dropdown([], multiselect=True, label="Sources (none chosen: all)", scale=2)
                    self.since = gr.DateTime(
                        include_time=False, type="string", label="Published from", elem_id="dl-since"
                    )
                    self.until = gr.DateTime(
                        include_time=False, type="string", label="Published until", elem_id="dl-until"
                    )
                    self.undated = gr.Checkbox(True, label="Include undated articles")
                with gr.Row():
                    self.model = gr.Dropdown(
                        shared.model_choices(), value=self.desk.default_model, label="Model", filterable=False,
                        info="Others are fetched under Settings.",
                    )  # fmt: skip
                    self.length = gr.Radio(
                        [("Full", "full"), ("Short", "short")], value="full", label="Answers", elem_id="dl-length"
                    )
        self.k: Any = None
        self.asked = gr.Textbox(visible="hidden", elem_id="dl-asked", label="Asked")
        self.done = gr.Textbox(visible="hidden", elem_id="dl-done", label="Done")
        self.only = gr.Textbox(visible="hidden", elem_id="dl-only", label="Only")
        self.place = gr.Textbox(visible="hidden", elem_id="dl-place", label="Place")

    @property
    def filters(self) -> list[Any]:
        """The components that filter."""
        return [self.sources, self.since, self.until, self.undated, self.only]

    @property
    def options(self) -> list[Any]:
        """All that an answer depends on."""
        return [*self.filters, self.k, self.model, self.length]

    def connect(self, panel: Any, k: Any) -> None:
        """Say what each event does.

        Args:
            panel: where articles are read.
            k: how many passages are searched for.
        """
        shared, self.k = self.shared, k
        to_script = {"js": "(text) => { (window.datelineMail ??= []).push(text); window.dateline?.read(); }", **AT_ONCE}
        for box in (shared.outbox, shared.stream, shared.aside, shared.later):
            box.change(None, box, **to_script)
        begun = [shared.outbox, self.box, shared.conversation, *self.filters]
        for event, inputs in (
            (self.box.submit(self.begin, [self.box, shared.conversation], begun, **AT_ONCE), self.options),
            (self.asked.change(self.begin_otherwise, [self.asked, shared.conversation], begun, **AT_ONCE),
             self.options),
        ):  # fmt: skip
            event.then(
                self.respond, inputs, [shared.stream, shared.conversation], concurrency_limit=self.desk.at_once,
                concurrency_id=MODEL, show_progress="minimal", show_progress_on=self.box, **PRIVATE,
            ).then(
                self.finish, shared.conversation, [self.box, shared.saved, shared.opened], **AT_ONCE
            ).then(self.follow, shared.conversation, shared.later, **AT_ONCE)  # fmt: skip
        self.box.stop(self.stop, **AT_ONCE)
        self.done.change(
            self.act, [self.done, shared.conversation, *self.filters],
            [shared.outbox, shared.conversation, shared.saved, shared.opened, self.box, *self.filters], **AT_ONCE,
        )  # fmt: skip
        shown = {"js": "() => window.dateline.show()", **AT_ONCE}
        self.place.change(shared.open_place, self.place, panel, **AT_ONCE).then(None, **shown)
        names = ("sources", "since", "until", "undated", "only", "k", "model", "length")
        for name, control in zip(names, self.options, strict=True):
            control.change(None, control, shared.kept, **keep(name))
        # Not after each control's own change, when others may not show yet what was kept of them.
        shared.kept.change(self.chips_of, self.filters, self.chips, **AT_ONCE)

    # ------------------------------------------------------------------ asking

    def begin(
        self, text: str, conversation: Conversation, request: gr.Request, *, turns: int | None = None,
        branch: bool = False, everywhere: bool = False, without: tuple[str, ...] = (),
    ) -> list[Any]:  # fmt: skip
        """Show a question at once; the answer waits for its turn.

        Args:
            turns: the question refers to the first so many turns; None for all.
            branch: whether it begins a new conversation after those turns.
            everywhere: whether the filters are taken away.
            without: what is not to be read out of the question.
        """
        text, skipped = text.strip(), [gr.skip()] * (3 + len(self.filters))
        if not text:
            return skipped
        if branch:
            conversation = conversation.branch(turns or 0)
        run = Run(text, conversation, conversation.answers[:turns], without)
        if not self.shared.visitors.begin(request.session_hash, run):
            said = message(op="say", text="The last question is still being answered. Stop it first, or wait.")
            return [said, *skipped[1:]]
        number = len(conversation.answers)
        waiting = render_turn(conversation.id, number, text, render_partial(""))
        shown = (
            self.shared.show_all(conversation, waiting)
            if branch
            else message(op="turn", turn=number, html=waiting, asked=text)
        )
        emptied: list[Any] = [[], None, None, True, ""] if everywhere else [gr.skip()] * len(self.filters)
        return [shown, gr.update(value="", submit_btn=False, stop_btn="Stop"), conversation, *emptied]

    def begin_otherwise(self, text: str, conversation: Conversation, request: gr.Request) -> list[Any]:
        """A question that was asked by a button: an example, an edited one, one again, also without filters."""
        told = told_by(text)
        turn, asked = int(told.get("turn", 0)), str(told.get("text", ""))
        if told.get("do") == "edit":
            return self.begin(asked, conversation, request, turns=turn, branch=True)
        if told.get("do") == "timeline" and 0 <= turn < len(conversation.answers):
            return self.begin(timeline_question(conversation.answers[turn].standalone), conversation, request)
        if told.get("do") in {"again", "all", "without"} and 0 <= turn < len(conversation.answers):
            before = conversation.answers[turn]
            without = tuple(
                dict.fromkeys((*before.query.without, *([str(told.get("name"))] if told["do"] == "without" else [])))
            )
            return self.begin(
                before.question, conversation, request, turns=turn, everywhere=told["do"] == "all", without=without
            )
        return self.begin(asked if told.get("do") == "ask" else "", conversation, request)

    def respond(
        self, sources: list[str], since: str | None, until: str | None, undated: bool, only: str, k: int, model: str,
        length: str, request: gr.Request,
    ) -> Iterator[list[Any]]:  # fmt: skip
        """Answer the visitor's question; it is kept in its conversation, and shown where that is still open."""
        run = self.shared.visitors.next(request.session_hash)
        if run is None:
            yield [gr.skip(), gr.skip()]
            return
        number = len(run.conversation.answers)
        if not self.desk.loaded:
            waiting = render_turn(run.conversation.id, number, run.text, render_partial(LOADING))
            yield [message(op="turn", turn=number, html=waiting, asked=run.text), gr.skip()]
        try:
            how: dict[str, Any] = {
                "k": int(k),
                "source": sources or None,
                "since": since or None,
                "until": until or None,
            }
            how["articles"] = self.shared.only(only, request)[0]
            answer: Answer | None = None
            with self.desk.turn(self.desk.ready(model)) as bot:
                for words, latest in _looks(bot, run, **how, undated=undated, brief=length == "short"):
                    answer = latest
                    if words and bot.generator and not run.left:
                        yield [words, gr.skip()]
            assert answer is not None
            kept = self.shared.keeper(request).append(run.conversation, answer)
            if not run.left:
                alone = len(kept.answers) == number + 1
                yield [show_turn(kept, number) if alone else self.shared.show_all(kept), kept]
        except Exception as error:
            if not isinstance(error, RagError):
                _log.exception("A question was not answered")
                error = RagError("Something is wrong inside the page; its log says what.")
            if not run.left:
                said = render_turn(run.conversation.id, number, run.text, render_error(error.message, error.hint))
                yield [message(op="turn", turn=number, html=said), gr.skip()]
        finally:
            run.stop.set()
            self.shared.visitors.done(request.session_hash, run)

    def finish(self, conversation: Conversation, request: gr.Request) -> list[Any]:
        """The question box is ready for the next."""
        if self.shared.visitors.waits(request.session_hash):
            return [gr.skip(), self.shared.listed(request, conversation.id), gr.skip()]
        box = gr.update(submit_btn="Ask", stop_btn=False)
        return [box, self.shared.listed(request, conversation.id), as_open(conversation)]

    def follow(self, conversation: Conversation, request: gr.Request) -> Any:
        """A message: questions that the articles answer, too, below the last answer."""
        if not conversation.answers:
            return gr.skip()
        found = self.desk.follow_ups(conversation.answers, lambda: self.shared.visitors.waits(request.session_hash))
        if not found:
            return gr.skip()
        return message(op="next", turn=len(conversation.answers) - 1, id=conversation.id, html=render_next(found))

    def stop(self, request: gr.Request) -> None:
        """No more of the answer is wanted."""
        self.shared.visitors.stop(request.session_hash)

    # ------------------------------------------------------------------ what the buttons of a turn and of a chip do

    def act(
        self, text: str, conversation: Conversation, sources: list[str], since: str | None, until: str | None,
        undated: bool, only: str, request: gr.Request,
    ) -> list[Any]:  # fmt: skip
        """Judge an answer, take the last turn off in a new conversation, or remove a filter."""
        told, filters = told_by(text), [sources, since, until, undated, only]
        same = [gr.skip()] * 5
        if told.get("do") == "ask-all":
            return [*same, [], since, until, undated, ""]
        if told.get("do") == "toggle":
            value = str(told.get("value"))
            if told.get("name") == "collections":
                return [*same, sources, since, until, undated, toggled(only, value)]
            return [*same, [*{*sources} ^ {value}], since, until, undated, only]
        if told.get("do") == "refine":
            return [*same, sources, told.get("since") or None, told.get("until") or None, undated, only]
        if told.get("do") == "unfilter":
            name = told.get("name")
            chosen = [s for s in sources if s != told.get("value")] if name == "sources" else sources
            return [
                *same, chosen, None if name == "since" else since, None if name == "until" else until, undated,
                without(only, str(name), str(told.get("value"))),
            ]  # fmt: skip
        if told.get("do") == "undo" and conversation.answers and not self.shared.visitors.waits(request.session_hash):
            last = conversation.answers[-1].question
            shorter = self.shared.keeper(request).save(conversation.branch(len(conversation.answers) - 1))
            listed = self.shared.listed(request, shorter.id)
            return [self.shared.show_all(shorter), shorter, listed, as_open(shorter), last, *filters]
        said = self._judge(told, request) if told.get("do") in {"like", "dislike"} else ""
        return [message(op="say", text=said) if said else gr.skip(), *same[1:], *[gr.skip()] * len(filters)]

    def _judge(self, told: dict[str, Any], request: gr.Request) -> str:
        """Keep a verdict with the very answer that it was given on, whatever is open now; what to say of it."""
        found = self.shared.keeper(request).load(str(told.get("conversation")))
        turn = int(told.get("turn", -1))
        if found is None or not 0 <= turn < len(found.answers):
            return "That answer is not kept any more, so your verdict cannot be."
        correction = str(told.get("correction", "")).strip()
        feedback.record(
            self.desk.settings.data_dir, found.answers[turn], liked=told["do"] == "like", correction=correction
        )
        return "Kept. Questions to measure with can be made of it." if correction else ""

    def chips_of(
        self, sources: list[str], since: str | None, until: str | None, undated: bool, only: str, request: gr.Request
    ) -> str:
        """The filters in force, and how many articles pass."""
        filters = Filters(tuple(sources or ()), since or None, until or None, undated, *self.shared.only(only, request))
        return render_filters(filters, self.desk.passing(filters))


def without(only: str, name: str, value: str) -> str:
    """A choice of articles and collections (JSON) without one of them; "" for none.

    Args:
        name: "articles" for all that were ticked, "collections" for the one whose id is `value`.
    """
    chosen = told_by(only)
    if name == "articles":
        chosen.pop(name, None)
    elif name == "collections":
        chosen[name] = [id_ for id_ in chosen.get(name, []) if id_ != value]
    return json.dumps(chosen) if any(chosen.values()) else ""


def toggled(only: str, collection: str) -> str:
    """A choice of articles and collections (JSON) with a collection put in, or out where it was in; "" for none."""
    chosen = told_by(only)
    named = list(chosen.get("collections", []))
    chosen["collections"] = [i for i in named if i != collection] if collection in named else [*named, collection]
    return json.dumps(chosen) if any(chosen.values()) else ""


def _looks(bot: Bot, run: Run, **how: Any) -> Iterator[tuple[str, Answer | None]]:
    """What there is to show of an answer as it comes: a message, and the last Answer so far.

    A browser that is busy sees only the last of several messages, so the evidence comes again with the first, second,
    fourth, eighth … look at the words.
    """
    written, shown, looks = "", 0.0, 0
    answer: Answer | None = None
    number = len(run.conversation.answers)
    for piece in bot.stream(run.text, history=run.history, stop=run.stop, without=run.without, **how):
        if isinstance(piece, Answer):
            if answer is None:
                yield _so_far(run, number, "", piece), piece
            answer = piece
        else:
            written += piece
            if time.monotonic() - shown > BETWEEN:
                shown, looks = time.monotonic(), looks + 1
                again = answer is not None and looks & (looks - 1) == 0
                told = _so_far(run, number, written, answer) if again else ""
                yield told or message(op="words", turn=number, text=written), answer
    yield "", answer


def _so_far(run: Run, number: int, written: str, evidence: Answer | None) -> str:
    html = render_turn(run.conversation.id, number, run.text, render_partial(written, evidence))
    return message(op="turn", turn=number, html=html, asked=run.text)

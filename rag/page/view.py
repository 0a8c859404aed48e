"""The Gradio page: what is where, and which function each event calls. Knows nothing about how answers are made."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.models.fetch import fetch
from rag.page import feedback
from rag.page.api import add_api
from rag.page.conversations import Conversation, Conversations, folder_name, to_markdown
from rag.page.desk import MOST_FILES, Added, Desk
from rag.page.render import (
    Place,
    escape,
    render_answer,
    render_article,
    render_error,
    render_missing,
    render_partial,
)
from rag.settings import EXTRACTS
from rag.types import Answer, Progress

STATIC = Path(__file__).parent / "static"
#: One model answers one question at a time, and one writer changes the index.
MODEL, INDEX = "model", "index"
#: Articles listed in the table; the search above it looks through all of them.
MOST_ROWS = 500
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}


def build(desk: Desk) -> gr.Blocks:  # noqa: PLR0915 (a page is long, and flat)
    """The page around one desk."""
    running: dict[str | None, Event] = {}

    # ------------------------------------------------------------------ what is shown

    def keeper(request: gr.Request) -> Conversations:
        return Conversations(desk.settings.data_dir / "conversations" / folder_name(request.username))

    def model_choices() -> list[tuple[str, str]]:
        choices = []
        for info in desk.models():
            label = {EXTRACTS: "Extracts only: the reader, no language model"}.get(info.name, info.name)
            size = f"{info.size_bytes / 1e9:.2f} GB, needs {info.ram_bytes / 1e9:.1f} GB of RAM"
            choices.append((label if info.name == EXTRACTS else f"{label} ({info.kind}, {size})", info.name))
        if desk.default_model not in {name for _, name in choices}:
            choices.insert(0, (desk.default_model, desk.default_model))
        return choices

    def status_line() -> str:
        status = desk.status()
        when = f"{status.last_indexed[:16].replace('T', ' ')} UTC" if status.last_indexed else "never"
        speaker = "Dateline's reader" if desk.default_model == EXTRACTS else desk.default_model
        return (
            f"<b>{status.articles}</b> articles · <b>{status.passages}</b> passages · last indexed {escape(when)}"
            f" · answers by <b>{escape(speaker)}</b> unless you choose another"
        )

    def table(query: str) -> tuple[list[list[Any]], str]:
        rows = desk.find(query)
        shown = [[r.title, r.source, str(r.published or ""), r.passages, r.id] for r in rows[:MOST_ROWS]]
        return shown, f"{len(rows)} articles" + (f", the newest {MOST_ROWS} shown" if len(rows) > MOST_ROWS else "")

    def welcome() -> tuple[str, list[dict[str, str]]]:
        if desk.status().articles:
            text = (
                "### Ask the articles\nEvery answer shows where it stands. Open a number such as [1] to read it there."
            )
            return text, [{"text": question} for question in desk.examples()]
        return (
            "### No articles yet\nAdd some under **Articles**: drop files there, paste an address, or index the "
            "bundled sample to look around.",
            [],
        )

    def chat(conversation: Conversation, *more: dict[str, Any]) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        for answer in conversation.answers:
            shown += [_asked(answer.question), _said(render_answer(answer))]
        return [*shown, *more]

    def listed(keep: Conversations, current: str) -> Any:
        choices = [(f"{c.title} · {c.started[:10]}", c.id) for c in keep.recent()]
        known = {id_ for _, id_ in choices}
        return gr.update(choices=choices, value=current if current in known else None, visible=bool(choices))

    def refreshed(query: str) -> list[Any]:
        """status, table, its count, source choices, chatbot's welcome, the sample button."""
        rows, count = table(query)
        placeholder, examples = welcome()
        sources = sorted(filter(None, desk.status().sources))
        return [
            status_line(),
            rows,
            count,
            gr.update(choices=sources),
            gr.update(placeholder=placeholder, examples=examples),
            gr.update(visible=not desk.status().articles),
        ]

    # ------------------------------------------------------------------ asking

    def begin(message: str, conversation: Conversation, request: gr.Request) -> list[Any]:
        """Show the question at once; the answer waits for its turn."""
        message = message.strip()
        if not message:
            return [gr.skip()] * 3
        if busy(request):
            return [gr.skip()] * 3
        running[request.session_hash] = Event()
        waiting = chat(conversation, _asked(message), _said(render_partial("")))
        return [waiting, gr.update(value="", submit_btn=False, stop_btn="Stop"), message]

    def respond(
        message: str,
        conversation: Conversation,
        sources: list[str],
        since: str | None,
        until: str | None,
        k: int,
        model: str,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        stop = running.get(request.session_hash)
        if not message or stop is None:
            yield [gr.skip(), gr.skip()]
            return
        written = ""
        evidence: Answer | None = None
        try:
            if stop.is_set():
                yield [chat(conversation), gr.skip()]
                return
            bot = desk.bot(desk.ready(model))
            for piece in bot.stream(
                message,
                k=int(k),
                source=sources or None,
                since=since or None,
                until=until or None,
                history=conversation.answers[-1:],
                stop=stop,
            ):
                if isinstance(piece, Answer):
                    evidence = piece
                else:
                    written += piece
                if bot.generator:
                    yield [chat(conversation, _asked(message), _said(render_partial(written, evidence))), gr.skip()]
            assert evidence is not None
            conversation = keeper(request).save(conversation.with_answer(evidence))
            yield [chat(conversation), conversation]
        except RagError as error:
            yield [
                chat(conversation, _asked(message), _said(render_error(error.message, error.hint))),
                gr.skip(),
            ]
        finally:
            stop.set()

    def finish(conversation: Conversation, remembered: Any, request: gr.Request) -> list[Any]:
        running.pop(request.session_hash, None)
        kept = {**(remembered or {}), "conversation": conversation.id}
        return [gr.update(submit_btn="Ask", stop_btn=False), listed(keeper(request), conversation.id), kept, ""]

    def stop_now(request: gr.Request) -> None:
        if event := running.get(request.session_hash):
            event.set()

    def gone(request: gr.Request) -> None:
        """The tab was closed: free the model for the next."""
        if event := running.pop(request.session_hash, None):
            event.set()

    def busy(request: gr.Request) -> bool:
        """Whether an answer is being written for this visitor; the conversation is then left as it is."""
        if request.session_hash in running:
            gr.Info("The last question is still being answered. Stop it first, or wait.")
        return request.session_hash in running

    def again(conversation: Conversation, request: gr.Request) -> tuple[Conversation, str]:
        """Retry: the last question once more."""
        if not conversation.answers or busy(request):
            return conversation, ""
        return conversation.cut(-1), conversation.answers[-1].question

    def undo(conversation: Conversation, request: gr.Request) -> list[Any]:
        if not conversation.answers or busy(request):
            return [gr.skip()] * 4
        shorter = keeper(request).save(conversation.cut(-1))
        return [
            shorter, chat(shorter), conversation.answers[-1].question, listed(keeper(request), shorter.id),
        ]  # fmt: skip

    def edit(conversation: Conversation, event: gr.EditData, request: gr.Request) -> tuple[Conversation, str]:
        if busy(request):
            return conversation, ""
        index = event.index[0] if isinstance(event.index, (tuple, list)) else event.index
        return conversation.cut(index // 2), html.unescape(str(event.value))

    # ------------------------------------------------------------------ reading

    def open_place(text: str) -> str:
        try:
            place = Place.from_json(text)
        except ValueError:
            return render_error("That link is damaged.")
        article = desk.article(place.article_id)
        return render_article(article, place) if article else render_missing(place.article_id, place)

    # ------------------------------------------------------------------ keeping

    def new(remembered: Any) -> list[Any]:
        return [Conversation(), [], gr.update(value=None), {**(remembered or {}), "conversation": ""}, *_hidden(2)]

    def open_saved(id_: str | None, remembered: Any, request: gr.Request) -> list[Any]:
        found = keeper(request).load(id_) if id_ else None
        if found is None:
            return [gr.skip()] * 5
        return [found, chat(found), {**(remembered or {}), "conversation": found.id}, *_hidden(2)]

    def delete_saved(conversation: Conversation, remembered: Any, request: gr.Request) -> list[Any]:
        keeper(request).delete(conversation.id)
        return [
            Conversation(),
            [],
            listed(keeper(request), ""),
            {**(remembered or {}), "conversation": ""},
            *_hidden(2),
        ]

    def judge(conversation: Conversation, event: gr.LikeData) -> list[Any]:
        index = event.index[0] if isinstance(event.index, (tuple, list)) else event.index
        liked = event.liked is True or event.liked == "Like"
        answer = conversation.answers[index // 2]
        feedback.record(desk.settings.data_dir, answer, liked=liked)
        asked = f"Thank you. What would be right for “{answer.question}”? (optional)"
        return [(index // 2, liked), gr.update(visible=True), gr.update(label=asked, value="")]

    def correct(judged: tuple[int, bool] | None, text: str, conversation: Conversation) -> list[Any]:
        if judged and text.strip() and judged[0] < len(conversation.answers):
            answer = conversation.answers[judged[0]]
            feedback.record(desk.settings.data_dir, answer, liked=judged[1], correction=text)
            gr.Info("Kept. `rag eval gold-from-feedback` makes draft questions of it.")
        return [None, gr.update(visible=False)]

    def remember(remembered: Any, sources: Any, since: Any, until: Any, k: Any, model: Any) -> dict[str, Any]:
        chosen = {"sources": sources, "since": since, "until": until, "k": k, "model": model}
        return {**(remembered or {}), **chosen}

    def arrive(remembered: Any, request: gr.Request) -> list[Any]:
        """Everything as it was left: filters, model, conversation."""
        kept = remembered if isinstance(remembered, dict) else {}
        keep = keeper(request)
        known = [s for s in kept.get("sources") or [] if s in desk.status().sources]
        models = {name for _, name in model_choices()}
        fetchable = {m.name for m in desk.models() if m.kind == "fetchable"}
        model = kept.get("model") if kept.get("model") in models - fetchable else desk.default_model
        conversation = keep.load(str(kept.get("conversation") or "-" * 8)) or Conversation()
        status, rows, count, sources, chatbot, sample = refreshed("")
        return [
            status,
            rows,
            count,
            gr.update(choices=sources["choices"], value=known),
            gr.update(value=chat(conversation), placeholder=chatbot["placeholder"], examples=chatbot["examples"]),
            sample,
            kept.get("since"),
            kept.get("until"),
            kept.get("k") or desk.settings.k,
            gr.update(choices=model_choices(), value=model),
            conversation,
            listed(keep, conversation.id),
        ]

    # ------------------------------------------------------------------ articles

    def add(work: Callable[[Callable[[Progress], None]], list[Added]], progress: gr.Progress) -> str:
        progress(0, desc="Reading")

        def show(step: Progress) -> None:
            total = f" of {step.total}" if step.total else ""
            progress((step.done, step.total), desc=f"{step.stage}: {step.done}{total} {step.unit}")

        try:
            return _outcome_list(work(show))
        except RagError as error:
            return render_error(error.message, error.hint)

    def add_files(files: list[str] | None, progress: gr.Progress = gr.Progress()) -> tuple[str, None]:  # noqa: B008
        paths = [Path(file) for file in files or []]
        try:
            return add(lambda show: desk.add_files(paths, show), progress), None
        finally:
            for path in paths:
                path.unlink(missing_ok=True)  # what was uploaded is in the index now, or refused

    def add_url(url: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
        return add(lambda show: desk.add_url(url, show), progress)

    def add_sample(progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
        return add(desk.add_sample, progress)

    def choose(event: gr.SelectData) -> list[Any]:
        row = event.row_value
        chosen = gr.update(value=f"Chosen: {escape(row[0])}")
        return [row[4], chosen, gr.update(interactive=True), gr.update(interactive=True), *_hidden(2)]

    def open_chosen(article_id: str | None) -> str:
        return open_place(Place(article_id).to_json()) if article_id else gr.skip()

    def delete_chosen(article_id: str | None) -> list[Any]:
        said = "Nothing was chosen."
        if article_id:
            try:
                said = f"Deleted: {article_id}" if desk.delete([article_id]) else f"{article_id} was gone already."
            except RagError as error:
                said = str(error)
            said = escape(said)
        return [None, said, gr.update(interactive=False), gr.update(interactive=False), *_hidden(2)]

    def fetch_model(model: str, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        progress(0, desc=f"Fetching {model}")
        try:
            fetch(model, desk.settings, progress=lambda p: progress((p.done, p.total), desc=p.stage, unit=p.unit))
        except RagError as error:
            return [render_error(error.message, error.hint), gr.skip(), gr.skip()]
        return ["Ready.", gr.update(choices=model_choices(), value=model), gr.update(visible=False)]

    def about_model(model: str) -> list[Any]:
        for info in desk.models():
            if info.name == model and info.kind == "fetchable":
                text = f"Fetch {model}: {info.size_bytes / 1e9:.2f} GB, needs {info.ram_bytes / 1e9:.1f} GB of RAM"
                return [gr.update(visible=True, value=text), "It is not on this disk yet; until then it cannot answer."]
        return [gr.update(visible=False), ""]

    # ------------------------------------------------------------------ the page

    with gr.Blocks(title="Dateline", analytics_enabled=False, fill_width=True) as page:
        conversation = gr.State(Conversation())
        pending = gr.State("")
        judged = gr.State(None)
        chosen = gr.State(None)
        remembered = gr.BrowserState(None, storage_key="dateline", secret="dateline")
        place = gr.Textbox(visible="hidden", elem_id="dl-place", label="Place")
        exported = gr.Textbox(visible="hidden", label="Export")

        with gr.Sidebar(label="Conversations", open=False):
            new_button = gr.Button("New conversation", variant="primary")
            saved = gr.Radio([], label="Saved conversations", visible=False)
            export_button = gr.Button("Export as Markdown")
            forget_button = gr.Button("Delete this conversation…")
            forget_sure = gr.Button("Really delete it", variant="stop", visible=False)
            forget_not = gr.Button("Keep it", visible=False)

        gr.Markdown("# Dateline", elem_id="dl-title")
        status = gr.HTML(elem_id="dl-status", apply_default_css=False)
        with gr.Row():
            with gr.Column(scale=3, min_width=320), gr.Tabs():
                with gr.Tab("Ask"):
                    chatbot = gr.Chatbot(
                        sanitize_html=True,
                        render_markdown=False,
                        autoscroll=False,
                        height="62vh",
                        label="Conversation",
                        show_label=False,
                        editable="user",
                        buttons=["copy"],
                        elem_id="dl-chat",
                        layout="panel",
                    )
                    with gr.Group(visible=False) as correcting:
                        correction = gr.Textbox(label="What would be right?", lines=2)
                        correct_button = gr.Button("Keep the correction", size="sm")
                    box = gr.Textbox(
                        label="Question",
                        placeholder="Who mediated?",
                        lines=1,
                        max_lines=6,
                        autofocus=True,
                        max_length=2000,
                        submit_btn="Ask",
                        elem_id="dl-question",
                    )
                    with gr.Accordion("Filters and model", open=False):
                        with gr.Row():
                            sources = gr.Dropdown([], multiselect=True, label="Sources (none chosen: all)", scale=2)
                            since = gr.DateTime(
                                include_time=False, type="string", label="Published from", elem_id="dl-since"
                            )
                            until = gr.DateTime(include_time=False, type="string", label="Published until")
                        with gr.Row():
                            k = gr.Slider(1, 20, value=desk.settings.k, step=1, label="Passages to search for")
                            model = gr.Dropdown(
                                model_choices(), value=desk.default_model, label="Model", filterable=False, scale=2
                            )
                        fetch_button = gr.Button("Fetch", visible=False)
                        fetched = gr.HTML(apply_default_css=False)
                with gr.Tab("Articles") as articles_tab:
                    with gr.Row():
                        files = gr.File(
                            file_count="multiple",
                            label=f"Articles (at most {MOST_FILES} files)",
                            file_types=[".txt", ".md", ".html", ".htm", ".pdf", ".json", ".jsonl", ".xml", ".rss"],
                            height=140,
                        )
                        with gr.Column():
                            url = gr.Textbox(label="Or the address of a page or feed", placeholder="https://…")
                            url_button = gr.Button("Add the address")
                            sample_button = gr.Button("Index the bundled sample", variant="primary", visible=False)
                    outcome = gr.HTML(elem_id="dl-outcome", apply_default_css=False)
                    with gr.Row(equal_height=True):
                        find = gr.Textbox(label="Search the table", placeholder="title, source, date", scale=3)
                        count = gr.Markdown()
                    rows = gr.Dataframe(
                        headers=["Title", "Source", "Date", "Passages", "Id"],
                        datatype="str",
                        interactive=False,
                        label="Articles",
                        wrap=True,
                        max_height=420,
                        column_widths=["320px", "240px", "140px", "120px", "440px"],
                        elem_id="dl-articles",
                    )
                    picked = gr.HTML("Choose a row to open or delete an article.", apply_default_css=False)
                    with gr.Row():
                        open_button = gr.Button("Open", interactive=False)
                        delete_button = gr.Button("Delete…", interactive=False)
                        delete_sure = gr.Button("Really delete it", variant="stop", visible=False)
                        delete_not = gr.Button("Keep it", visible=False)
            with gr.Column(scale=2, min_width=320, elem_id="dl-panel"):
                gr.Button("Close", size="sm", elem_id="dl-close")
                panel = gr.HTML(elem_id="dl-panel-body", apply_default_css=False)

        # What each event does.
        options = [sources, since, until, k, model]
        begin_out = [chatbot, box, pending]
        respond_in = [pending, conversation, *options]
        new_out = [conversation, chatbot, saved, remembered, forget_sure, forget_not]
        finish_out = [box, saved, remembered, pending]

        latest = {"js": "() => window.dateline.latest()", **AT_ONCE}

        def asking(start: Any) -> None:
            """After a question was set: show it, answer it in turn, tidy up."""
            start.then(None, **latest).then(
                respond, respond_in, [chatbot, conversation], concurrency_limit=1, concurrency_id=MODEL,
                show_progress="minimal", **PRIVATE,
            ).then(finish, [conversation, remembered], finish_out, **AT_ONCE).then(None, **latest)  # fmt: skip

        asking(box.submit(begin, [box, conversation], begin_out, **AT_ONCE))
        asking(
            chatbot.example_select(_example, None, box, **AT_ONCE).then(
                begin, [box, conversation], begin_out, **AT_ONCE
            )
        )
        for event, change in ((chatbot.retry, again), (chatbot.edit, edit)):
            asking(
                event(change, conversation, [conversation, box], **AT_ONCE).then(
                    begin, [box, conversation], begin_out, **AT_ONCE
                )
            )
        chatbot.clear(new, remembered, new_out, **AT_ONCE)
        chatbot.undo(undo, conversation, [conversation, chatbot, box, saved], **AT_ONCE)
        box.stop(stop_now, **AT_ONCE)
        chatbot.like(judge, conversation, [judged, correcting, correction], **AT_ONCE)
        gr.on(
            [correct_button.click, correction.submit], correct, [judged, correction, conversation],
            [judged, correcting], **AT_ONCE,
        )  # fmt: skip

        shown = {"js": "() => window.dateline.show()", **AT_ONCE}
        place.change(open_place, place, panel, **AT_ONCE).then(None, **shown)
        open_button.click(open_chosen, chosen, panel, **AT_ONCE).then(None, **shown)

        for control in options:
            control.change(remember, [remembered, *options], remembered, **AT_ONCE)
        model.change(about_model, model, [fetch_button, fetched], **AT_ONCE)
        fetch_button.click(
            fetch_model, model, [fetched, model, fetch_button], concurrency_id="fetch", concurrency_limit=1, **PRIVATE
        )

        new_button.click(
            new, remembered, [conversation, chatbot, saved, remembered, forget_sure, forget_not], **AT_ONCE
        )
        saved.input(
            open_saved, [saved, remembered], [conversation, chatbot, remembered, forget_sure, forget_not], **AT_ONCE
        )
        forget_button.click(_ask_twice, None, [forget_sure, forget_not], **AT_ONCE)
        forget_not.click(lambda: _hidden(2), None, [forget_sure, forget_not], **AT_ONCE)
        forget_sure.click(
            delete_saved, [conversation, remembered],
            new_out, **AT_ONCE,
        )  # fmt: skip
        export_button.click(to_markdown, conversation, exported, **AT_ONCE).then(
            None, exported, js="(text) => window.dateline.save(text)", **AT_ONCE
        )

        fresh = [status, rows, count, sources, chatbot, sample_button]
        for change in (
            files.upload(add_files, files, [outcome, files], concurrency_id=INDEX, concurrency_limit=1, **PRIVATE),
            gr.on(
                [url_button.click, url.submit], add_url, url, outcome, concurrency_id=INDEX, concurrency_limit=1,
                **PRIVATE,
            ),
            sample_button.click(add_sample, None, outcome, concurrency_id=INDEX, concurrency_limit=1, **PRIVATE),
            delete_sure.click(
                delete_chosen, chosen,
                [chosen, picked, open_button, delete_button, delete_sure, delete_not], concurrency_id=INDEX,
                concurrency_limit=1, **PRIVATE,
            ),
        ):  # fmt: skip
            change.then(refreshed, find, fresh, **AT_ONCE)
        find.change(table, find, [rows, count], **AT_ONCE)
        articles_tab.select(table, find, [rows, count], **AT_ONCE)
        rows.select(choose, None, [chosen, picked, open_button, delete_button, delete_sure, delete_not], **AT_ONCE)
        delete_button.click(_ask_twice, None, [delete_sure, delete_not], **AT_ONCE)
        delete_not.click(lambda: _hidden(2), None, [delete_sure, delete_not], **AT_ONCE)

        page.load(arrive, remembered, [*fresh, since, until, k, model, conversation, saved], **AT_ONCE)
        page.unload(gone)

        add_api(desk, concurrency_id=MODEL, concurrency_limit=1)
    return page


def _asked(text: str) -> dict[str, Any]:
    # The chat shows HTML, and takes it back when the question is edited.
    return {"role": "user", "content": html.escape(text, quote=False)}


def _said(markup: str) -> dict[str, Any]:
    return {"role": "assistant", "content": gr.HTML(markup, apply_default_css=False)}


def _example(event: gr.SelectData) -> str:
    return str(event.value["text"])


def _ask_twice() -> list[Any]:
    return [gr.update(visible=True), gr.update(visible=True)]


def _hidden(n: int) -> list[Any]:
    return [gr.update(visible=False)] * n


def _outcome_list(added: Sequence[Added]) -> str:
    rows = "".join(
        f'<li class="dl-outcome"><b>{escape(a.name)}</b>: '
        f'<span class="{"dl-problem" if a.outcome == "refused" else "dl-check"}">{escape(a.outcome)}</span> '
        f"{escape(a.reason)}</li>"
        for a in added
    )
    return f'<ul role="status">{rows}</ul>'

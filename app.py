"""The chat page. Thin: what can be tested without a page lives in rag/."""

from __future__ import annotations

import html
from collections.abc import Iterator
from threading import Event
from typing import Any

import gradio as gr

from rag.answering.bot import Bot
from rag.answering.show import describe, headline, short_answer
from rag.errors import InputError, RagError
from rag.settings import Settings
from rag.types import Answer, Claim

EXAMPLES = ["Who mediated?", "When was the ceasefire signed?", "How long is the border?", "Who won the World Cup?"]
#: Conversations whose last answer is remembered for follow-ups, oldest forgotten first.
MOST_THREADS = 1000
CSS = """
.dl-claim {margin: .2em 0} .dl-failed {border-left: 3px solid #b45309; padding-left: .6em}
.dl-note {opacity: .8; font-size: .9em} .dl-source {margin: .4em 0} blockquote {margin: .2em 0 .2em 1em}
"""


def render(answer: Answer) -> str:
    """The answer as HTML; every piece of article or model text is escaped."""
    parts = [f'<div class="dl-note">{_text(headline(answer))}</div>']
    if answer.standalone != answer.question:
        parts.append(f'<div class="dl-note">Searched: {_text(answer.standalone)}</div>')
    if answer.abstained:
        parts.append(f"<p><b>{_text(answer.text)}</b></p>")
    if answer.short:
        parts.append(f"<p>In short: <b>{_text(short_answer(answer))}</b></p>")
    parts += [_claim(claim) for claim in answer.claims]
    if answer.versions:
        rows = "".join(
            f"<li><b>{_text(v.value)}</b> — {_text('; '.join(f'[{c.number}] {describe(c)}' for c in v.citations))}</li>"
            for v in answer.versions
        )
        parts.append(f"<p>The articles differ:</p><ul>{rows}</ul>")
    if answer.kind == "model" and answer.extracts:
        parts.append("<p>What the articles say, verbatim:</p>" + "".join(_claim(claim) for claim in answer.extracts))
    parts.append(_sources(answer))
    parts += [f'<p class="dl-note">{_text(note)}</p>' for note in answer.notes]
    return "".join(parts)


def _claim(claim: Claim) -> str:
    marks = "".join(f"[{n}]" for n in sorted({c.number for c in claim.citations}))
    problems = "".join(f'<div class="dl-note">⚠ {_text(problem)}</div>' for problem in claim.problems)
    return f'<div class="dl-claim{" dl-failed" if problems else ""}">{_text(claim.text)} {marks}{problems}</div>'


def _sources(answer: Answer) -> str:
    cited: dict[int, dict[str, None]] = {}
    for claim in (*answer.claims, *answer.extracts):
        for citation in claim.citations:
            cited.setdefault(citation.number, {})[citation.quote] = None
    for version in answer.versions:
        for citation in version.citations:
            cited.setdefault(citation.number, {})[citation.quote] = None
    if answer.abstained:
        cited = {n: {hit.passage.text: None} for n, hit in enumerate(answer.hits[:3], 1)}
    rows = []
    for number, quotes in sorted(cited.items()):
        p = answer.hits[number - 1].passage
        link = f' <a href="{_text(p.url)}" target="_blank" rel="noopener">original</a>' if _is_web(p.url) else ""
        where = f"<b>{_text(p.title)}</b> — {_text(p.source or 'unknown source')}, {p.published or 'undated'}{link}"
        body = "".join(f"<blockquote>{_text(quote)}</blockquote>" for quote in quotes)
        rows.append(f'<div class="dl-source">[{number}] {where}{body}</div>')
    title = "Nearest passages" if answer.abstained else "Sources"
    return f"<details open><summary>{title}</summary>{''.join(rows)}</details>" if rows else ""


def _text(text: str | None) -> str:
    return html.escape(text or "", quote=True)


def _is_web(url: str | None) -> bool:
    return bool(url) and str(url).startswith(("http://", "https://"))


def _speaker(bot: Bot) -> str:
    if bot.generator is None:
        return "Answers are verbatim sentences, found by Dateline's reader; no language model writes."
    return f"Answers are written by **{bot.model}**."


def build(bot: Bot) -> gr.Blocks:
    """The page around one bot."""

    threads: dict[str | None, list[Answer]] = {}

    def respond(message: str, history: list[dict[str, Any]], request: gr.Request) -> Iterator[gr.HTML | str]:
        stop = Event()
        written = ""
        # An empty conversation begins a new thread; what was answered before stays this page's own.
        earlier = [*threads.get(request.session_hash, [])] if history else []
        try:
            for piece in bot.stream(message, history=earlier, stop=stop):
                if isinstance(piece, Answer):
                    threads[request.session_hash] = [piece]
                    if len(threads) > MOST_THREADS:
                        threads.pop(next(iter(threads)))
                    yield gr.HTML(render(piece))
                else:
                    written += piece
                    yield gr.HTML(f"<p>{_text(written)}</p>")
        except RagError as error:
            yield gr.HTML(f"<p><b>{_text(error.message)}</b> {_text(error.hint)}</p>")
        finally:
            stop.set()

    def ask(question: str) -> dict[str, Any]:
        """The whole Answer as JSON."""
        try:
            return bot.ask(question).to_dict()
        except InputError as error:
            raise gr.Error(str(error)) from error

    status = bot.retriever.status()
    with gr.Blocks(title="Dateline", analytics_enabled=False) as page:
        gr.Markdown("# Dateline")
        gr.Markdown(
            f"{status.articles} articles, {status.passages} passages. {_speaker(bot)} "
            "Every claim names its passage. Other models: `rag models list`, then `rag chat --model NAME`."
        )
        gr.ChatInterface(
            respond,
            chatbot=gr.Chatbot(
                sanitize_html=True, height=560, label="Conversation", placeholder="Ask the articles.", buttons=["copy"]
            ),
            examples=EXAMPLES,
            cache_examples=False,
            api_name="chat",
        )
        gr.api(ask, api_name="ask")
    return page


def serve(settings: Settings, *, open_browser: bool = False) -> None:
    """Open the index and the model, and serve the page until interrupted.

    Raises:
        InputError: the host is not this machine's own (the plain page has no login).
        RagError: the index or the model cannot be used.
    """
    if settings.host not in {"127.0.0.1", "localhost", "::1"}:
        raise InputError(f"The page has no login yet and does not listen on {settings.host}.", "Use 127.0.0.1.")
    with Bot.open(settings=settings) as bot:
        build(bot).queue(default_concurrency_limit=1).launch(
            server_name=settings.host,
            server_port=settings.port or None,
            inbrowser=open_browser,
            share=False,
            css=CSS,
        )


if __name__ == "__main__":
    serve(Settings.load())

"""What other programs may call: five functions, by HTTP, Gradio's client and MCP. Knows nothing about the page.

Their arguments come from anywhere, so each is checked before it is used; whatever goes wrong is told in words.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

from rag.answering.timeline import EVERYTHING, timeline
from rag.errors import InputError, RagError
from rag.page.collections import collections_of
from rag.page.desk import Desk
from rag.types import Answer, Hit, Query

#: Most passages of one request, and most articles listed.
MOST_PASSAGES, MOST_ARTICLES = 50, 10_000

_log = logging.getLogger(__name__)


class Api:
    """The five functions around one desk; each raises InputError for an argument of another kind."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def ask(
        self,
        question: str,
        sources: list[str] | None = None,
        since: str = "",
        until: str = "",
        k: int = 0,
        model: str = "",
        collections: list[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Answer a question from the indexed news articles, with citations and verbatim quotes.

        The last value is the whole answer. Where a language model writes it, what the articles say verbatim comes first
        (kind "extracts" or "abstention"), then {"kind": "partial", "text": …} with all that is written so far.

        Args:
            question: 1 to 2,000 characters.
            sources: only articles of these sources; empty for all.
            since: only articles published on or after this day, YYYY-MM-DD.
            until: only articles published on or before this day, YYYY-MM-DD.
            k: passages to retrieve, 0 for the usual number.
            model: the name of a model that is ready; empty for the usual one.
            collections: only articles of these collections of yours, by name; empty for all.
        """
        question, how = _text("question", question), self._how(sources, since, until, k, collections)
        stop, written = Event(), ""
        try:
            with self._desk.turn(self._desk.ready(_text("model", model))) as bot:
                for piece in bot.stream(question, stop=stop, **how):
                    if isinstance(piece, Answer):
                        yield piece.to_dict()
                    else:
                        written += piece
                        yield {"kind": "partial", "text": written}
        finally:
            stop.set()

    def search(
        self,
        question: str,
        sources: list[str] | None = None,
        since: str = "",
        until: str = "",
        k: int = 0,
        collections: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Find the passages of the indexed news articles that fit a question best.

        Args:
            question: anything with a word or number in it.
            sources: only articles of these sources; empty for all.
            since: only articles published on or after this day, YYYY-MM-DD.
            until: only articles published on or before this day, YYYY-MM-DD.
            k: most passages, 0 for the usual number.
            collections: only articles of these collections of yours, by name; empty for all.
        """
        question, how = _text("question", question), self._how(sources, since, until, k, collections)
        return [_hit_row(hit) for hit in self._desk.retriever.search(question, **how)]

    def timeline(
        self,
        topic: str = "",
        sources: list[str] | None = None,
        since: str = "",
        until: str = "",
        collections: list[str] | None = None,
    ) -> dict[str, Any]:
        """Tell what the indexed news articles have on a topic: its events by day, with the articles that tell each.

        Args:
            topic: "the peace talks"; empty for all articles.
            sources: only articles of these sources; empty for all.
            since: only articles published on or after this day, YYYY-MM-DD.
            until: only articles published on or before this day, YYYY-MM-DD.
            collections: only articles of these collections of yours, by name; empty for all.
        """
        asked, how = _text("topic", topic) or EVERYTHING, self._how(sources, since, until, 0, collections)
        return timeline(Query.of(asked, **how | {"k": 1}), self._desk.retriever).to_dict()

    def articles(self, query: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """List the indexed articles, newest first.

        Args:
            query: words that must stand in title, source, date or id; empty for all.
            limit: most articles to list.
        """
        most = _number("limit", limit, MOST_ARTICLES)
        return [
            {"id": r.id, "title": r.title, "source": r.source, "published": str(r.published or ""), "url": r.url,
             "passages": r.passages}
            for r in self._desk.find(_text("query", query))[:most]
        ]  # fmt: skip

    def article(self, article_id: str) -> dict[str, Any]:
        """One indexed article with its whole text.

        Args:
            article_id: as in `articles`, or in the passages of an answer.
        """
        found = self._desk.article(_text("article_id", article_id))
        if found is None:
            raise InputError(f"There is no article {article_id!r}.", "List them with: articles")
        return {"id": found.id, "title": found.title, "source": found.source, "text": found.text,
                "published": str(found.published or ""), "url": found.url}  # fmt: skip

    def _how(self, sources: Any, since: Any, until: Any, k: Any, collections: Any) -> dict[str, Any]:
        mine = collections_of(self._desk.settings.data_dir, _caller())
        return {
            "k": _number("k", k, MOST_PASSAGES) or None,
            "source": _texts("sources", sources) or None,
            "since": _text("since", since) or None,
            "until": _text("until", until) or None,
            "articles": mine.named(_texts("collections", collections)),
        }


def add_api(desk: Desk, **ask_queue: Any) -> None:
    """Offer the five functions on the Gradio page that is being laid out.

    Args:
        ask_queue: the queue of `ask`, as for `gradio.api`: concurrency_id and concurrency_limit.
    """
    import gradio as gr

    api = Api(desk)
    gr.api(in_words(api.ask), api_name="ask", **ask_queue)
    for function in (api.search, api.timeline, api.articles, api.article):
        gr.api(in_words(function), api_name=function.__name__)


def in_words(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function for Gradio: every error is one that it tells, and only a fault of ours is traced in the log."""
    import gradio as gr

    def told(error: Exception) -> gr.Error:
        if isinstance(error, RagError):
            return gr.Error(str(error), print_exception=False)
        _log.exception("A call of %s failed", function.__name__)
        return gr.Error("Something is wrong inside the page; its log says what.", print_exception=False)

    @functools.wraps(function)
    def once(*given: Any) -> Any:
        try:
            return function(*given)
        except Exception as error:
            raise told(error) from error

    @functools.wraps(function)
    def streamed(*given: Any) -> Iterator[Any]:
        try:
            yield from function(*given)
        except Exception as error:
            raise told(error) from error

    return streamed if inspect.isgeneratorfunction(function) else once


def _caller() -> str | None:
    """Who is logged in and calls; None where nobody logs in."""
    from gradio.context import LocalContext

    request = LocalContext.request.get(None)
    return request.username if request else None


def _texts(name: str, values: Any) -> list[str]:
    if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
        raise InputError(f"{name} is no list of texts.", "Give e.g. []")
    return [_text(name, value) for value in values or ()]


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{name} is no text.", "Give a text in quotes.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{name} holds half a character.", "Send it as UTF-8.") from None
    return value


def _number(name: str, value: Any, most: int) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value) or not 0 <= value <= most:
        raise InputError(f"{name} is {str(value)[:20]!r}.", f"Give a whole number from 0 to {most:,}.")
    return int(value)


def _hit_row(hit: Hit) -> dict[str, Any]:
    p = hit.passage
    return {
        "rank": hit.rank, "score": hit.score, "scores": dict(hit.scores), "id": p.id, "article_id": p.article.id,
        "text": p.text, "start": p.start, "end": p.end, "title": p.article.title, "source": p.article.source,
        "published": str(p.article.published or ""), "url": p.article.url,
    }  # fmt: skip

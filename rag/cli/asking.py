"""`rag ask` and `rag search`: one question, answered or looked up."""

from __future__ import annotations

from pathlib import Path

import click

from rag.cli.console import _say, index_option, model_option
from rag.escapes import for_json
from rag.settings import Settings

collection_option = click.option(
    "--collection",
    "collections",
    multiple=True,
    help="Only articles of this collection, by the name that it has on the page; may be repeated.",
)


def _articles_of(collections: tuple[str, ...], settings: Settings) -> tuple[str, ...] | None:
    """Ids of the articles of collections, those of who asks without a login; None for no collection."""
    from rag.page.collections import collections_of

    return collections_of(settings.data_dir, None).named(collections)


@click.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print the whole Answer as JSON.")
@click.option("-k", type=int, help="Passages to retrieve.")
@click.option("--source", multiple=True, help="Only articles of this source; may be repeated.")
@collection_option
@click.option("--since", help="Only articles published on or after this day (YYYY-MM-DD).")
@click.option("--until", help="Only articles published on or before this day (YYYY-MM-DD).")
@click.option("--as-of", help="Day on which it is asked (YYYY-MM-DD); articles near it are preferred.")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["times", "outlets"]),
    help="Do not read the times, or the outlets, out of the question; may be repeated.",
)
@model_option
@index_option
def ask(
    question: str,
    as_json: bool,
    k: int | None,
    source: tuple[str, ...],
    collections: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_of: str | None,
    without: tuple[str, ...],
    model: str | None,
    index_dir: Path | None,
) -> None:
    """Answer one question, with numbered sources and verbatim quotes."""
    from rag.answering.bot import Bot
    from rag.types import Query

    settings = Settings.load(index_dir=index_dir, model=model, k=k)
    # Checked before anything is loaded.
    query = Query.of(
        question, k=settings.k, source=source, since=since, until=until, as_of=as_of, without=without,
        articles=_articles_of(collections, settings),
    )  # fmt: skip
    with Bot.open(settings=settings) as bot:
        answer = bot.ask(query)
    if as_json:
        _say(for_json(answer.to_dict(), indent=2))
    else:
        from rag.answering.show import show_answer

        _say(show_answer(answer))


@click.command()
@click.argument("question")
@click.option("-k", type=int, help="Passages to show.")
@click.option("--source", multiple=True, help="Only articles of this source; may be repeated.")
@collection_option
@click.option("--since", help="Only articles published on or after this day (YYYY-MM-DD).")
@click.option("--until", help="Only articles published on or before this day (YYYY-MM-DD).")
@click.option("--as-of", help="Day on which it is asked (YYYY-MM-DD); articles near it are preferred.")
@index_option
def search(
    question: str,
    k: int | None,
    source: tuple[str, ...],
    collections: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_of: str | None,
    index_dir: Path | None,
) -> None:
    """Show the passages found for a question, with their scores."""
    from rag.retrieval.retriever import Retriever
    from rag.types import Query

    settings = Settings.load(index_dir=index_dir, k=k)
    only = _articles_of(collections, settings)
    query = Query.of(question, k=settings.k, source=source, since=since, until=until, as_of=as_of, articles=only)
    with Retriever.open(settings=settings) as retriever:
        for hit in retriever.search(query):
            p = hit.passage
            scores = "  ".join(f"{name} {value:.3g}" for name, value in hit.scores.items())
            _say(f"{hit.rank}. {p.article.label}", bold=True)
            _say(f"   {p.id}  score {hit.score:.3f}  {scores}\n   {' '.join(p.text.split())}\n")


@click.command()
@click.argument("topic", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON.")
@click.option("--source", multiple=True, help="Only articles of this source; may be repeated.")
@collection_option
@click.option("--since", help="Only articles published on or after this day (YYYY-MM-DD).")
@click.option("--until", help="Only articles published on or before this day (YYYY-MM-DD).")
@index_option
def timeline(
    topic: str,
    as_json: bool,
    source: tuple[str, ...],
    collections: tuple[str, ...],
    since: str | None,
    until: str | None,
    index_dir: Path | None,
) -> None:
    """Tell what the articles have on a TOPIC day by day, each event with its sources; without one, of all articles."""
    from rag.answering.timeline import EVERYTHING, show_timeline
    from rag.answering.timeline import timeline as events_of
    from rag.retrieval.retriever import Retriever
    from rag.types import Query

    settings = Settings.load(index_dir=index_dir)
    only = _articles_of(collections, settings)
    query = Query.of(topic or EVERYTHING, k=settings.k, source=source, since=since, until=until, articles=only)
    with Retriever.open(settings=settings) as retriever:
        found = events_of(query, retriever)
    _say(for_json(found.to_dict(), indent=2) if as_json else show_timeline(found))

"""Events of a topic: which articles are of it, which tell one event, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rag.answering.bot import Bot
from rag.answering.timeline import timeline
from rag.articles import load
from rag.cli import main
from rag.indexing.build import build_index
from rag.language.topics import asked_topic
from rag.models.reader import shipped_reader
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Query

ARTICLES = {
    "a": ("Morn Post", "2025-04-02", "Lorry drivers of Morn on strike",
          "Lorry drivers in Morn went on strike on 1 April over their pay."),
    "b": ("Coast Sun", "2025-04-02", "Drivers in Morn on strike over pay",
          "Lorry drivers went on strike in Morn over pay, and shops ran out of bread."),
    "c": ("Morn Post", "2025-04-12", "Strike of drivers ends", "The drivers' union ended the strike for more pay."),
    "d": ("Morn Post", "2025-04-06", "Morn paints its church", "The church of Morn is painted white and yellow again."),
}  # fmt: skip


@pytest.fixture(scope="module")
def strike(tmp_path_factory: pytest.TempPathFactory, embedder: Any, cache_dir: Path) -> Iterator[Retriever]:
    folder = tmp_path_factory.mktemp("strike")
    for name, (source, day, title, text) in ARTICLES.items():
        head = f"---\ntitle: {title}\nsource: {source}\npublished: {day}\n---\n"
        (folder / f"{name}.md").write_text(head + text, encoding="utf-8")
    settings = Settings.load({}, index_dir=folder / "index", cache_dir=cache_dir, model="extracts")
    build_index(load([folder]), settings, embedder=embedder)
    with Retriever.open(settings=settings, embedder=embedder) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "form", "words"),
    [
        ("Timeline of the talks", "timeline", "talks"),
        ("Give me a timeline of the peace talks in Doha.", "timeline", "peace talks in Doha"),
        ("Chronology of the fire", "timeline", "fire"),
        ("Summarise the coverage.", "summary", ""),
        ("Summarise the articles about the flood in Ruhl.", "summary", "flood in Ruhl"),
        ("Please give us a short overview of the effects of the strike", "summary", "strike"),
        ("What are the main points of the reports on the vote?", "summary", "vote"),
    ],
)
def test_topics(question: str, form: str, words: str) -> None:
    topic = asked_topic(question)
    assert topic is not None
    assert topic.form == form
    assert topic.words == words


@pytest.mark.parametrize("question", ["When did the timeline slip?", "Who wrote the summary?", "What is a recap?"])
def test_no_topics(question: str) -> None:
    assert asked_topic(question) is None


def test_events_are_told_by_day_and_one_event_once(strike: Retriever) -> None:
    found = timeline(Query.of("the strike of the lorry drivers"), strike)
    told = [(event.day, {c.article.id.removesuffix(".md") for c in event.citations}) for event in found.events]
    assert told == [(date(2025, 4, 1), {"a", "b"}), (date(2025, 4, 12), {"c"})]


def test_filters_hold(strike: Retriever) -> None:
    found = timeline(Query.of("the strike of the lorry drivers", source="Coast Sun"), strike)
    assert [c.article.source for event in found.events for c in event.citations] == ["Coast Sun"]


def test_a_question_for_a_summary_or_a_timeline(strike: Retriever) -> None:
    bot = Bot(strike)
    told = bot.ask("Summarise the reports on the strike of the lorry drivers.").text
    assert "went on strike" in told and "ended the strike" in told and "church" not in told
    lines = [claim.text for claim in bot.ask("Timeline of the drivers' strike").claims]
    assert [line.partition(":")[0] for line in lines] == ["1 April 2025", "12 April 2025"]
    every = bot.ask("Summarise the coverage.").text
    assert "church" in every and "ended the strike" in every


def test_the_command(strike: Retriever) -> None:
    index = str(strike.settings.index_dir)
    shown = CliRunner().invoke(main, ["timeline", "the drivers' strike", "--index", index], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "12 April 2025" in shown.output and "also in Coast Sun" in shown.output
    told = CliRunner().invoke(main, ["timeline", "the drivers' strike", "--json", "--index", index])
    assert [event["day"] for event in json.loads(told.output)["events"]] == ["2025-04-01", "2025-04-12"]


def test_an_article_is_told_by_its_beginning_and_a_topic_of_none_is_not_told(
    tmp_path: Path, embedder: Any, cache_dir: Path
) -> None:
    agreed = "The union and the port agreed on wages in Kiel on Monday."
    later = "Some of those who were there saw the wage talks otherwise, and said that they had been long."
    text = " ".join([agreed, *(f"The quay was wet for the {n}th day, and nobody sang." for n in range(4, 40)), later])
    (tmp_path / "port.md").write_text(f"---\ntitle: Wages\npublished: 2025-05-06\n---\n{text}", encoding="utf-8")
    settings = Settings.load({}, index_dir=tmp_path / "index", cache_dir=cache_dir, model="extracts")
    build_index(load([tmp_path / "port.md"]), settings, embedder=embedder)
    with Retriever.open(settings=settings, embedder=embedder) as searcher:
        (hit,) = timeline(Query.of("the wage talks"), searcher).hits
        assert hit.passage.start == 0
        told = [claim.text for claim in Bot(searcher).ask("Timeline of the wages").claims]
        assert told == [f"5 May 2025: {agreed}"]
        assert Bot(searcher, reader=shipped_reader()).ask("Timeline of the landing on Mars").abstained

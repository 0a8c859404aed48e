"""What an earlier version of a cited article said otherwise: a real index of an article that was published twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.answering.bot import Bot
from rag.articles import load
from rag.indexing.build import build_index
from rag.retrieval.retriever import Retriever
from rag.settings import Settings

FIRST = """---
title: Ferry fire at Norn
source: Quay News
published: 2025-11-08
url: https://quay.example/ferry-fire
---
Twelve people were hurt in the fire on the Norn ferry, the coast guard said. The fire was put out at noon. The ferry was
built in 1988. Captain Ada Bo led the crew. The crew did not know of the fire for an hour."""
SECOND = FIRST.replace("2025-11-08", "2025-11-10").replace("Twelve", "Thirty-one").replace("did not know", "knew")


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory, embedder: Any, cache_dir: Path) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("twice")
    settings = Settings.load({}, index_dir=folder / "index", cache_dir=cache_dir, model="extracts")
    for text in (FIRST, SECOND):
        (folder / "ferry.md").write_text(text, encoding="utf-8")
        build_index(load([folder / "ferry.md"]), settings, embedder=embedder)
    with Bot.around(Retriever.open(settings=settings, embedder=embedder), settings) as opened:
        yield opened


def earlier(bot: Bot, question: str) -> list[str]:
    return [note for note in bot.ask(question).notes if "earlier version" in note]


def test_the_value_of_an_earlier_version_is_told_with_its_day(bot: Bot) -> None:
    told = "An earlier version of “Ferry fire at Norn” (Quay News), of 8 November 2025, said “Twelve”."
    assert earlier(bot, "How many people were hurt in the fire on the ferry?") == [told]


def test_a_denial_that_was_taken_back_is_told_in_its_words(bot: Bot) -> None:
    (told,) = earlier(bot, "Did the crew know of the fire for an hour?")
    assert told.endswith("said “The crew did not know of the fire for an hour.”.")


@pytest.mark.parametrize("question", ["Who led the crew?", "In what year was the ferry built?"])
def test_what_did_not_change_is_told_without_versions(bot: Bot, question: str) -> None:
    assert earlier(bot, question) == []

"""The articles of an index as a person looks through them, and what a person set right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rag.articles import load
from rag.errors import InputError
from rag.indexing.build import build_index, correct_article, delete_articles
from rag.indexing.listing import Wanted
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article

ARTICLES = (
    Article(
        "quay", "The quay closes",
        "Mayor Anna Rask said the old quay in Hamburg closes in May. The quays of Kiel stay open.\n\n"
        "Rask spoke before the Harbour Board.", "Desk North", date(2025, 3, 1), "https://north.example/quay",
    ),
    Article(
        "mill", "A mill burns", "The mill near Hamburg burned down. Nobody was hurt, said Anna Rask.",
        "north.example", date(2025, 3, 1), "https://www.north.example/mill",
    ),
    Article("fair", "The fair opens", "The fair opens on the quay.", "Desk North", date(2025, 4, 1),
            "https://north.example/fair"),
    Article("clock", "The clock", "The Harbour Board paid for the new clock.", "Desk South"),
)  # fmt: skip


@pytest.fixture
def index(settings: Settings, letters: Any) -> Iterator[Retriever]:
    build_index(ARTICLES, settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        yield retriever


def ids(index: Retriever, **wanted: Any) -> list[str]:
    return [row.id for row in index.listed(Wanted(**wanted)).rows]


def test_all_words_must_stand_in_an_article_and_quoted_ones_side_by_side(index: Retriever) -> None:
    assert ids(index, text="quay") == ["quay", "fair"], "the one with more of it first"
    assert ids(index, text="hamburg board") == ["quay"], "they may stand in different passages"
    assert ids(index, text='"burned down"') == ["mill"]
    assert ids(index, text='"down burned"') == []
    assert sorted(ids(index, text="harb*")) == ["clock", "quay"]
    assert ids(index, text="?!") == []


def test_an_excerpt_marks_the_words_and_says_where_they_stand(index: Retriever) -> None:
    row = index.listed(Wanted(text="quay")).rows[0]
    excerpt = row.excerpts[0]
    assert [piece for piece, found in excerpt.pieces if found] == ["quay", "quays"]
    text = index.article("quay").text
    assert [(word, text[a:b]) for a, b, word in excerpt.found] == [("quay", "quay"), ("quays", "quays")]


def test_articles_are_narrowed_and_counted(index: Retriever) -> None:
    every = index.listed(Wanted())
    assert (every.total, every.of, every.undated) == (4, 4, 1)
    assert every.sources == {"Desk North": 3, "Desk South": 1}, "a host's only other name is its outlet's"
    assert every.days == {date(2025, 3, 1): 2, date(2025, 4, 1): 1}
    assert every.names["person"] == {"Anna Rask": 2}
    assert every.names["place"]["Hamburg"] == 2
    assert every.names["organisation"] == {"Harbour Board": 2}
    assert sorted(ids(index, names=("Anna Rask", "Hamburg"))) == ["mill", "quay"]
    assert ids(index, sources=("Desk South",)) == ["clock"]
    assert ids(index, undated=True) == ["clock"]
    assert ids(index, since=date(2025, 3, 2)) == ["fair"]
    assert ids(index, articles=()) == []


def test_articles_are_sorted_and_what_is_unknown_comes_last(index: Retriever) -> None:
    assert ids(index, order="published") == ["fair", "mill", "quay", "clock"]
    assert ids(index, order="published", descending=False) == ["mill", "quay", "fair", "clock"]
    assert ids(index, order="title", descending=False) == ["mill", "clock", "fair", "quay"]
    assert ids(index, order="words")[0] == "quay"
    assert [row.id for row in index.listed(Wanted(order="title"), most=1, skip=1).rows] == ["fair"]


def test_only_some_articles_are_asked(index: Retriever) -> None:
    assert {hit.passage.article.id for hit in index.search("quay", articles=["fair", "clock"])} == {"fair", "clock"}
    assert index.search("quay", articles=[]) == []


def test_an_outlet_is_found_by_its_host_too(index: Retriever) -> None:
    hits = index.search("quay", source="north.example")
    assert {hit.passage.article.source for hit in hits} == {"Desk North"}
    assert index.search("quay", source="desk north")
    with pytest.raises(InputError, match="Known sources"):
        index.search("quay", source="elsewhere.example")


# ---------------------------------------------------------------- set right by hand


def test_what_a_person_set_right_stays_when_the_article_is_read_again(settings: Settings, letters: Any) -> None:
    build_index(ARTICLES, settings, embedder=letters)
    changed = {"title": "The old quay", "source": "Desk West", "published": "2025-03-02"}
    done = correct_article("quay", changed, settings, embedder=letters)
    assert done is not None
    assert (done.title, done.source, done.published, done.dated_by) == (
        "The old quay", "Desk West", date(2025, 3, 2), "person",
    )  # fmt: skip
    report = build_index(ARTICLES, settings, embedder=letters)
    assert len(report.unchanged) == 4
    newer = replace(ARTICLES[0], text=ARTICLES[0].text + " It opens in June.")
    build_index([newer], settings, embedder=letters)
    build_index([], settings, embedder=letters, rebuild=True)
    with Retriever.open(settings=settings, embedder=letters) as index:
        kept = index.article("quay")
        assert (kept.title, kept.source, kept.published) == ("The old quay", "Desk West", date(2025, 3, 2))
        assert "June" in kept.text
        assert ids(index, text="old", sources=("Desk West",)) == ["quay"]
        assert [version.title for version in index.versions("quay")] == ["The old quay"]


def test_what_is_set_back_is_as_it_was_read_again(settings: Settings, letters: Any) -> None:
    build_index(ARTICLES, settings, embedder=letters)
    for day in ("", "2025-03-01"):
        correct_article("quay", {"published": day}, settings, embedder=letters)
    assert correct_article("quay", {"published": "2025-03-01"}, settings, embedder=letters) == replace(ARTICLES[0])
    assert "quay" not in (settings.index_dir / "corrected-by-hand.json").read_text()


def test_a_day_that_is_none_changes_nothing(settings: Settings, letters: Any) -> None:
    build_index(ARTICLES, settings, embedder=letters)
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        correct_article("quay", {"published": "last week", "title": "X"}, settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as index:
        assert index.article("quay").title == "The quay closes"
    assert correct_article("nothing", {"title": "X"}, settings, embedder=letters) is None


def test_a_deleted_article_takes_its_corrections_with_it(settings: Settings, letters: Any) -> None:
    build_index(ARTICLES, settings, embedder=letters)
    correct_article("quay", {"title": "The old quay"}, settings, embedder=letters)
    delete_articles(["quay"], settings, embedder=letters)
    build_index(ARTICLES, settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as index:
        assert index.article("quay").title == "The quay closes"


def test_an_upload_set_right_is_the_same_upload(settings: Settings, letters: Any, tmp_path: Path) -> None:
    (tmp_path / "tower.txt").write_text("The tower\n\nThe tower beside the harbour is 90 metres tall.")
    read = [replace(item, origin="upload://tower.txt") for item in load([tmp_path / "tower.txt"])
            if isinstance(item, Article)]  # fmt: skip
    build_index(read, settings, embedder=letters)
    correct_article("tower", {"title": "Tower of Kiel"}, settings, embedder=letters)
    assert build_index(read, settings, embedder=letters).unchanged == ("tower",)

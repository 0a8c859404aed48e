"""rag.articles.outlets: one name an outlet, titles and authors without it."""

from __future__ import annotations

import pytest

from rag.articles.outlets import Outlets, author_of, host_of, outlet_of, same_outlet, title_of
from rag.types import Article


@pytest.mark.parametrize(
    ("title", "outlet", "url", "cleaned"),
    [
        ("Quay closes - News Nation", "News Nation", "", "Quay closes"),
        ("Quay closes | Sport | Halden Mail", "Halden Mail", "", "Quay closes | Sport"),
        ("Halden Mail: Quay closes", "Halden Mail", "", "Halden Mail: Quay closes"),
        ("Quay closes – haldenmail.example", "", "https://www.haldenmail.example/a", "Quay closes"),
        ("Quay closes — HaldenMail", "Halden Mail", "", "Quay closes"),
        ("Halden 3 - 2 Orrin", "Halden Mail", "", "Halden 3 - 2 Orrin"),
        ("Storm - what we know", "Halden Mail", "", "Storm - what we know"),
        ("Halden Mail", "Halden Mail", "", "Halden Mail"),
    ],
)
def test_the_outlet_leaves_the_title(title: str, outlet: str, url: str, cleaned: str) -> None:
    assert title_of(title, outlet, url) == cleaned


def test_a_part_that_no_shown_headline_has_leaves_the_title() -> None:
    assert title_of("Quay closes | Region", "", "", ["Quay closes"]) == "Quay closes"


@pytest.mark.parametrize("name", ["Copyright 2014", "© Halden", "Hosted", "null", "N/A", "-", "2024", "Home"])
def test_what_is_no_outlet_is_none(name: str) -> None:
    assert outlet_of(name) == ""


def test_names_of_outlets() -> None:
    assert outlet_of("  Halden   Mail |") == "Halden Mail"
    assert outlet_of("https://www.haldenmail.example/") == "haldenmail.example"
    assert outlet_of("Copyright 2014", "https://m.haldenmail.example/a") == "haldenmail.example"
    assert outlet_of("Today") == "Today"
    assert host_of("http://[x") == ""


@pytest.mark.parametrize(
    ("byline", "author"),
    [
        ("By Ann Gray", "Ann Gray"),
        ("Ann Gray and Tom Reed", "Ann Gray, Tom Reed"),
        ("admin", ""),
        ("Halden Mail", ""),
        ("https://haldenmail.example/ann", ""),
        ("Staff", ""),
        ("Ann Gray, Staff", "Ann Gray"),
        ("Ann Gray in New Orrin and Tom Reed in Varda", "Ann Gray, Tom Reed"),
        ("python-docx", ""),
        ("Microsoft Office User", ""),
        ("", ""),
    ],
)
def test_authors_are_people(byline: str, author: str) -> None:
    assert author_of(byline, "Halden Mail") == author


def art(n: int, source: str, url: str) -> Article:
    return Article(str(n), "T", "Text.", source=source, url=url)


def test_a_host_takes_the_name_that_several_of_its_articles_give() -> None:
    articles = [
        art(0, "Halden Mail", "https://www.haldenmail.example/0"),
        art(1, "Halden Mail", "https://haldenmail.example/1"),
        art(2, "haldenmail.example", "https://haldenmail.example/2"),
        art(3, "HALDEN MAIL", "https://haldenmail.example/3"),
        art(4, "Reuters", "https://haldenmail.example/4"),
        art(5, "orrin.example", "https://orrin.example/5"),
    ]
    outlets = Outlets((a.source, a.url or "") for a in articles)
    assert [outlets.named(a).source for a in articles] == [*["Halden Mail"] * 4, "Reuters", "orrin.example"]
    alone = Outlets((a.source, a.url or "") for a in articles[1:3])
    assert alone.named(articles[2]).source == "haldenmail.example"  # one article alone settles nothing


def test_an_outlet_is_found_by_its_name_in_any_case_or_its_host() -> None:
    for asked in ("halden mail", "HaldenMail", "haldenmail.example", "https://www.haldenmail.example/x"):
        assert same_outlet(asked, "Halden Mail", "https://www.haldenmail.example/a")
    assert not same_outlet("Orrin", "Halden Mail", "https://haldenmail.example/a")
    assert not same_outlet("", "", None)


def test_an_outlet_is_one_with_its_article_and_without() -> None:
    outlets = Outlets(
        [("The Halden Mail", "https://haldenmail.example/1"), ("The Halden Mail", "https://haldenmail.example/2")]
    )
    for source in ("HALDEN MAIL", "Halden Mail", "", "haldenmail.example"):
        one = Article("a", "T", "text", source=source, url="https://haldenmail.example/3")
        assert outlets.named(one).source == "The Halden Mail"
    assert same_outlet("halden mail", "The Halden Mail", None)
    assert same_outlet("The Halden Mail", "Halden Mail", None)
    assert not same_outlet("the", "The Halden Mail", None)

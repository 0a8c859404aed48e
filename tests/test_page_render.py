"""Answers and articles as HTML."""

from __future__ import annotations

import json
import re
from datetime import date

from lxml import html

from rag.page.render import Place, cited, render_answer, render_article, render_missing
from rag.types import Answer, Article, Citation, Claim, Hit, Passage, Version

EVIL = '<img src=x onerror=alert(1)> "quoted" & [a](javascript:alert(1))'
TEXT = "The lake is deep. It has 3 islands & <b>no</b> bridge. Boats cross it."


def passage(start: int, end: int, **more: object) -> Passage:
    values = {"title": "Lake", "source": "Desk", "published": date(2025, 11, 9), "url": None} | more
    return Passage(f"lake#{start}-{end}", "lake", TEXT[start:end], start, end, **values)  # type: ignore[arg-type]


def answer(**parts: object) -> Answer:
    one, two = passage(0, 17), passage(18, len(TEXT))
    citation = Citation(2, two, 18, 53)
    values: dict[str, object] = {
        "kind": "extracts",
        "model": "extracts",
        "claims": (Claim("It has 3 islands & <b>no</b> bridge.", (citation,), 1.0),),
        "hits": (Hit(one, 0.1, 1), Hit(two, 0.2, 2)),
    } | parts
    return Answer("How many islands?", Query("How many islands?"), **values)  # type: ignore[arg-type]


def test_each_mark_is_a_button_that_knows_its_place() -> None:
    tree = html.fromstring(render_answer(answer()))
    buttons = tree.xpath("//div[@class='dl-claims']//button")
    assert [b.text for b in buttons] == ["[2]"]
    place = Place.from_json(buttons[0].get("data-place"))
    assert (place.article_id, place.start, place.end) == ("lake", 18, len(TEXT))
    assert [TEXT[a:b] for a, b, _ in place.quotes] == ["It has 3 islands & <b>no</b> bridge."[:35]]


def test_what_was_found_but_not_cited_is_listed_dimmer() -> None:
    tree = html.fromstring(render_answer(answer()))
    dim = tree.xpath("//details[contains(@class, 'dl-dim')]")
    assert [b.text for b in dim[0].xpath(".//button")] == ["[1]"]
    assert "not cited (1)" in dim[0].text_content()


def test_a_claim_that_failed_is_marked_with_the_reason() -> None:
    claim = Claim("It has 9 islands.", (Citation(2, passage(18, 53), 18, 53),), 0.5, ("9 is not in [2]",))
    text = render_answer(answer(kind="model", claims=(claim,)))
    failed = html.fromstring(text).xpath("//div[contains(@class, 'dl-failed')]")
    assert "Not confirmed: 9 is not in [2]" in failed[0].text_content()
    assert "✓" not in failed[0].text_content()


def test_an_abstention_looks_different_and_shows_the_nearest_passages() -> None:
    tree = html.fromstring(render_answer(answer(kind="abstention", claims=())))
    assert "dl-abstained" in tree.get("class")
    assert "The articles do not say." in tree.text_content()
    assert [b.text for b in tree.xpath("//button")] == ["[1]", "[2]"]


def test_versions_stand_side_by_side_with_source_and_date() -> None:
    versions = (
        Version("3", (Citation(2, passage(18, 53), 18, 53),)),
        Version("4", (Citation(1, passage(0, 17, source="Other"), 0, 17),)),
    )
    cards = html.fromstring(render_answer(answer(versions=versions))).xpath("//div[@class='dl-version']")
    assert [card.xpath("./b")[0].text for card in cards] == ["3", "4"]
    assert "Other, 2025-11-09" in cards[1].text_content()


def test_nothing_of_an_article_or_a_model_becomes_html() -> None:
    hostile = passage(0, 17, title=EVIL, source=EVIL, url='https://x.test/"onclick="alert(1)')
    hostile = Passage(
        hostile.id, hostile.article_id, EVIL, 0, len(EVIL), hostile.title, hostile.source, None, hostile.url
    )
    claim = Claim(EVIL, (Citation(1, hostile, 0, len(EVIL)),), 1.0, (EVIL,))
    versions = (Version(EVIL, claim.citations), Version(EVIL, claim.citations))
    parts = {"claims": (claim,), "extracts": (claim,), "hits": (Hit(hostile, 1, 1),), "notes": (EVIL,), "model": EVIL}
    for kind in ("model", "extracts", "abstention"):
        markup = render_answer(answer(kind=kind, versions=versions, short=claim.citations, **parts))
        tree = html.fromstring(markup)
        assert not tree.xpath("//img | //script | //*[@onerror or @onclick]")
        assert all(a.get("href").startswith("https://x.test/") for a in tree.xpath("//a"))
        assert EVIL in tree.text_content()


def test_a_link_that_is_no_web_address_is_not_shown() -> None:
    bad = passage(18, 53, url="javascript:alert(1)")
    claim = Claim("x", (Citation(1, bad, 18, 53),), 1.0)
    assert "javascript" not in render_answer(answer(claims=(claim,), hits=(Hit(bad, 1, 1),)))


def test_the_article_marks_the_quote_within_the_passage() -> None:
    article = Article("lake", "Lake", TEXT, "Desk", date(2025, 11, 9), "https://desk.test/1")
    place = Place("lake", 18, 53, ((25, 34, TEXT[25:34]),))
    tree = html.fromstring(render_article(article, place))
    assert [m.text for m in tree.xpath("//mark")] == [TEXT[25:34]]
    assert "".join(s.text_content() for s in tree.xpath("//span[@class='dl-passage']|//mark")) == TEXT[18:53]
    assert tree.xpath("string(//div[@class='dl-text'])") == TEXT
    assert tree.xpath("//a/@href") == ["https://desk.test/1"]


def test_a_quote_that_moved_is_found_and_one_that_is_gone_is_told() -> None:
    article = Article("lake", "Lake", "New first line. " + TEXT)
    moved = html.fromstring(render_article(article, Place("lake", 0, 17, ((0, 17, TEXT[:17]),))))
    assert moved.xpath("string(//mark)") == TEXT[:17]
    gone = html.fromstring(render_article(article, Place("lake", 0, 17, ((0, 5, "Never"),))))
    assert not gone.xpath("//mark")
    assert "no longer says: “Never”" in gone.text_content()
    assert "deleted" in render_missing("lake", Place("lake"))


def test_damaged_places_are_told_apart() -> None:
    for text in ("", "[]", '["a", "x", 1, []]', "{}", json.dumps(["a", 1, 2, [[1, 2]]])):
        try:
            Place.from_json(text)
        except ValueError:
            continue
        raise AssertionError(text)


def test_cited_gives_each_quote_once() -> None:
    citation = Citation(2, passage(18, 53), 18, 53)
    claim = Claim("x", (citation, citation), 1.0)
    assert cited(answer(claims=(claim, claim))) == {2: [citation]}
    assert re.search("dl-check", render_answer(answer()))

"""Answers and articles as HTML."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from lxml import html

from rag.models.catalogue import ModelInfo
from rag.page.conversations import Entry
from rag.page.render import (
    Place,
    cited,
    render_answer,
    render_article,
    render_error,
    render_fetching,
    render_list,
    render_missing,
    render_models,
    render_next,
    render_partial,
    render_who,
)
from rag.types import Answer, Article, ArticleMeta, Citation, Claim, Hit, Passage, Progress, Query, Version

FAILED = "//div[contains(@class, 'dl-failed')]"
EVIL = '<img src=x onerror=alert(1)> "quoted" & [a](javascript:alert(1))'
TEXT = "The lake is deep. It has 3 islands & <b>no</b> bridge. Boats cross it."


def hit(start: int, end: int, rank: int, also: tuple[ArticleMeta, ...] = (), **more: Any) -> Hit:
    about = {"title": "Lake", "source": "Desk", "published": date(2025, 11, 9)} | more
    return Hit(Passage(ArticleMeta("lake", **about), TEXT[start:end], start, end), 1 / rank, rank, also=also)


ONE, TWO = hit(0, 17, 1), hit(18, len(TEXT), 2)
ISLANDS = Citation(TWO, 18, 53)


def answer(**parts: Any) -> Answer:
    values: dict[str, Any] = {
        "kind": "extracts",
        "model": "extracts",
        "claims": (Claim("It has 3 islands & <b>no</b> bridge.", (ISLANDS,)),),
        "hits": (ONE, TWO),
        "probability": 1.0,
        "query": Query("How many islands?"),
    } | parts
    return Answer("How many islands?", **values)


def test_each_mark_is_a_button_that_knows_its_place() -> None:
    tree = html.fromstring(render_answer(answer()))
    buttons = tree.xpath("//div[@class='dl-claims']//button[@data-place]")
    assert [b.text for b in buttons] == ["[2]"]
    place = Place.from_json(buttons[0].get("data-place"))
    assert (place.article_id, place.start, place.end) == ("lake", 18, len(TEXT))
    assert [TEXT[a:b] for a, b, _ in place.quotes] == ["It has 3 islands & <b>no</b> bridge."[:35]]


def test_what_was_found_but_not_cited_is_listed_dimmer() -> None:
    tree = html.fromstring(render_answer(answer()))
    dim = tree.xpath("//details[contains(@class, 'dl-dim')]")
    assert [b.text for b in dim[0].xpath(".//button[@data-place]")] == ["[1]"]
    assert "not cited (1)" in dim[0].text_content()


def test_a_claim_that_failed_is_marked_with_the_reason() -> None:
    for verdict, words in (("not found", "Not found in what it cites"), ("contradicted", "Contradicted")):
        claim = Claim("It has 9 islands.", (ISLANDS,), verdict, 0.5, ("9 is not in [2]",))  # type: ignore[arg-type]
        (failed,) = html.fromstring(render_answer(answer(kind="model", claims=(claim,)))).xpath(FAILED)
        assert words in failed.text_content()
        assert "Not confirmed: 9 is not in [2]" in failed.text_content()
        assert not failed.xpath(".//*[contains(@class, 'dl-check')]")


def test_only_what_a_judge_checked_is_called_so() -> None:
    verbatim, judged = answer(), answer(kind="model", claims=(Claim("It has 3 islands.", (ISLANDS,), "supported"),))
    assert "checked" not in render_answer(verbatim)
    assert html.fromstring(render_answer(judged)).xpath("//span[contains(@class, 'dl-check')]/text()") == ["checked"]


def test_unsure_words_have_no_headline() -> None:
    parts = {"short": (Citation(TWO, 25, 34),)}
    assert html.fromstring(render_answer(answer(**parts))).xpath("//p[@class='dl-short']")
    tree = html.fromstring(render_answer(answer(probability=0.3, **parts)))
    assert not tree.xpath("//p[@class='dl-short']")
    assert tree.xpath("//div[@class='dl-heading']/text()") == ["Nearest words"]


def test_words_of_a_model_that_all_failed_stand_below_the_articles_own() -> None:
    wrong = Claim("It has 9 islands.", (ISLANDS,), "contradicted", 0.1, ("9 is not in [2]",))
    tree = html.fromstring(
        render_answer(answer(kind="model", claims=(wrong,), extracts=(Claim("It has 3.", (ISLANDS,)),)))
    )
    assert tree.xpath("//div[@class='dl-heading']/text()") == [
        "What the articles say, verbatim", "What the model wrote: not borne out",
    ]  # fmt: skip
    claims = tree.xpath("//div[contains(@class, 'dl-claim ') or @class='dl-claim']")
    assert [" ".join(claim.text_content().split()[:4]) for claim in claims] == [
        "It has 3. [2]", "It has 9 islands.",
    ]  # fmt: skip


def test_while_a_model_writes_the_evidence_is_there() -> None:
    tree = html.fromstring(render_partial("It has <3", answer()))
    assert tree.xpath("//div[@class='dl-written']/text()") == ["It has <3"]
    assert tree.xpath("//div[@class='dl-claims']//button[@data-place]/text()") == ["[2]"]
    assert "language model wrote" not in tree.text_content()


def test_what_was_understood_and_copies_and_corrections_are_told() -> None:
    copies = (ArticleMeta("b", "Lake", "Other Desk"), ArticleMeta("c", "Lake again"))
    found = hit(18, len(TEXT), 2, copies, corrected="An earlier version said 4.")
    claim = Claim("x", (Citation(found, 18, 53),))
    query = Query("How many islands?", understood=("Understood: in November.",))
    text = html.fromstring(
        render_answer(answer(hits=(ONE, found), claims=(claim,), query=query, notes=query.understood))
    ).text_content()
    for words in ("also in Other Desk, Lake again", "Corrected: An earlier version said 4."):
        assert words in text
    assert text.count("Understood: in November.") == 1
    article = Article("lake", "Lake", TEXT, corrected="An earlier version said 4.")
    assert "Corrected: An earlier" in render_article(article, Place("lake"))


def test_no_line_speaks_of_the_command_line() -> None:
    text = render_error("There is no model x.", "Models: a. List them with: rag models list") + render_answer(
        answer(notes=("Extracts only: it is not here. Fetch it with: rag models fetch x (rag models list)",))
    )
    assert "rag " not in text
    assert "Models: a." in text
    assert "Extracts only: it is not here." in text


def test_an_abstention_looks_different_and_shows_the_nearest_passages() -> None:
    tree = html.fromstring(render_answer(answer(kind="abstention", claims=())))
    assert "dl-abstained" in tree.get("class")
    assert "The articles do not say." in tree.text_content()
    assert [b.text for b in tree.xpath("//button[@data-place]")] == ["[1]", "[2]"]


def test_versions_stand_side_by_side_with_source_and_date() -> None:
    newer = hit(0, 17, 1, source="Other", published=date(2025, 11, 10))
    versions = (
        Version("5", (Citation(hit(0, 17, 3, published=date(2025, 12, 1)), 0, 17),), withdrawn=True),
        Version("3", (ISLANDS,)),
        Version("4", (Citation(newer, 0, 17),)),
    )
    tree = html.fromstring(render_answer(answer(versions=versions)))
    assert tree.text_content().count("It has 3 islands") == 1, "each quote is shown once"
    cards = tree.xpath("//div[starts-with(@class, 'dl-version ') or @class='dl-version']")
    assert [card.xpath("./b")[0].text for card in cards] == ["4", "3", "5"], "newest first, withdrawn last"
    assert "Other, 2025-11-10" in cards[0].text_content()
    assert ["Withdrawn" in card.text_content() for card in cards] == [False, False, True]


def test_a_version_that_is_a_sentence_is_not_quoted_below_itself() -> None:
    versions = (Version(ISLANDS.quote, (ISLANDS,)), Version("4", (Citation(hit(0, 17, 1), 0, 17),)))
    tree = html.fromstring(render_answer(answer(claims=(), versions=versions)))
    cards = tree.xpath("//div[starts-with(@class, 'dl-version ') or @class='dl-version']")
    assert sorted(len(card.xpath(".//blockquote")) for card in cards) == [0, 1]


def test_a_quote_within_a_longer_one_is_shown_once() -> None:
    whole = Citation(TWO, 18, len(TEXT))
    claims = (Claim(ISLANDS.quote, (ISLANDS,)), Claim(whole.quote, (whole,)), Claim(whole.quote, (whole,)))
    tree = html.fromstring(render_answer(answer(claims=claims)))
    assert tree.xpath("//span[@class='dl-words']/text()") == [whole.quote]
    written = Claim("It has three.", (ISLANDS,), "supported")
    tree = html.fromstring(render_answer(answer(kind="model", claims=(written,), extracts=claims)))
    assert tree.text_content().count("3 islands") == 1


def test_nothing_of_an_article_or_a_model_becomes_html() -> None:
    meta = ArticleMeta(EVIL, EVIL, EVIL, None, 'https://x.test/"onclick="alert(1)', corrected=EVIL)
    hostile = Hit(Passage(meta, EVIL, 0, len(EVIL)), 1, 1, also=(meta,))
    claim = Claim(EVIL, (Citation(hostile, 0, len(EVIL)),), "not found", 1.0, (EVIL,))
    versions = (Version(EVIL, claim.citations), Version(EVIL, claim.citations, withdrawn=True))
    parts: dict[str, Any] = {"claims": (claim,), "extracts": (claim,), "hits": (hostile,), "notes": (EVIL,),
                             "model": EVIL, "query": Query(EVIL, understood=(EVIL,))}  # fmt: skip
    for kind in ("model", "extracts", "abstention"):
        markup = render_answer(answer(kind=kind, versions=versions, short=claim.citations, **parts))
        tree = html.fromstring(markup)
        assert not tree.xpath("//img | //script | //*[@onerror or @onclick]")
        assert all(a.get("href").startswith("https://x.test/") for a in tree.xpath("//a"))
        assert EVIL in tree.text_content()


def test_a_link_that_is_no_web_address_is_not_shown() -> None:
    bad = hit(18, 53, 1, url="javascript:alert(1)")
    claim = Claim("x", (Citation(bad, 18, 53),))
    assert "javascript" not in render_answer(answer(claims=(claim,), hits=(bad,)))


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
    claim = Claim("x", (ISLANDS, ISLANDS))
    assert cited(answer(claims=(claim, claim))) == {2: [ISLANDS]}


def test_a_model_on_its_way_says_how_far_it_is() -> None:
    for step, words in (
        (Progress("fetching", 250_000_000, 10**9, "bytes"), "m is on its way: 250 of 1,000 MB"),
        (Progress("measuring how it runs", 0, None), "measuring how it runs"),
        (None, "looking for it"),
    ):
        assert words in render_fetching("m", step, done=False, error="")
    assert render_fetching("", None, done=True, error="") == render_fetching("m", None, done=True, error="") == ""
    failed = render_fetching("m", None, done=True, error="No room <left>. Fetch it with: rag models fetch m")
    assert "No room &lt;left&gt;." in failed
    assert "rag models" not in failed


def test_the_list_of_models_says_what_each_needs_and_how_far_it_is() -> None:
    infos = [
        ModelInfo("big", "fetchable", 2 * 10**9, 4 * 10**9, "MIT <x>", None, {"right": 0.67, "n": 60}),
        ModelInfo("extracts", "embedded", 2 * 10**7, 10**8, "Apache-2.0", None),
        ModelInfo("small", "fetchable", 10**8, 10**8, "MIT", None),
    ]
    parts: dict[str, Any] = {"chosen": "extracts", "usual": "extracts", "memory": 3 * 10**9}
    tree = html.fromstring(render_models(infos, **parts))
    assert [b.text for b in tree.xpath("//li//b")] == ["Extracts only, no language model", "big", "small"]
    text = " ".join(tree.text_content().split())
    assert "2.0 GB on disk · 4.0 GB of memory, more than this machine has · MIT <x> · 67 % of 60 open questions" in text
    assert [b.get("disabled") is not None for b in tree.xpath("//button[@data-do='fetch-model']")] == [True, False]
    step = Progress("fetching", 25 * 10**6, 10**8, "bytes")
    markup = render_models(infos, **parts, fetching="small", progress=step, seconds_left=200.0)
    assert "25 of 100 MB, 3 min left" in markup
    assert html.fromstring(markup).xpath("//progress/@value") == ["25"]
    assert "12 s left" in render_models(infos, **parts, fetching="small", progress=step, seconds_left=12.2)
    assert "No room &lt;left&gt;" in render_models(infos, **parts, error="No room <left>. Run: rag models fetch x")


def test_what_was_read_out_of_a_question_can_be_switched_off() -> None:
    lines = ("Understood: 3 to 9 November 2025.", "Articles of Desk only.", "Asked: how many?")
    query = Query("How many islands?", understood=lines, frame=(date(2025, 11, 3), None))
    tree = html.fromstring(render_answer(answer(query=query)))
    assert tree.xpath("//button[@data-do='without']/@data-name") == ["times", "outlets"]
    (change,) = tree.xpath("//button[@data-do='refine']")
    assert (change.get("data-since"), change.get("data-until")) == ("2025-11-03", "")


def test_links_and_lists_are_text() -> None:
    entries = [Entry("a" * 8, EVIL, "2025-11-03T10:00:00", True, 1), Entry("b" * 8, "Plain", "2025-11-02", False, 2)]
    tree = html.fromstring(f"<div>{render_list(entries, 'b' * 8)}{render_next([EVIL])}{render_who(EVIL)}</div>")
    assert not tree.xpath("//img | //*[@onerror]")
    assert tree.xpath("//*[@aria-current]/@data-id") == ["b" * 8]
    assert tree.xpath("//*[@title='Pinned']/ancestor::li/@data-conversation") == ["a" * 8]

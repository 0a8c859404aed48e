"""What the page must never do again: lose work, hide a quote, take text for markup, filter unseen, send too much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages import (
    NARROW,
    WIDE,
    Slow,
    ask,
    begin_endless,
    comes_into_view,
    question,
    ready,
    reload,
    serving,
    visiting,
)

from rag.answering.bot import Bot
from rag.articles import load
from rag.indexing.build import build_index
from rag.page.conversations import Conversation, Conversations
from rag.settings import Settings

FILLER = "The council talked about roads, schools and the price of water for most of that long afternoon. "


@pytest.fixture(scope="module")
def home(tmp_path_factory: Any, briefs: Settings, embedder: Any) -> Path:
    """An index of four articles: a long one, two dated ones and one without a day."""
    folder = tmp_path_factory.mktemp("faults")
    long = FILLER * 25 + "\n\nThe lighthouse keeper is called Olga Brandt. " + FILLER * 25
    for name, head, text in (
        ("long", "Source: Desk North\nDate: 2025-03-01", long),
        ("ferry", "Source: Desk North\nDate: 2025-05-01", "The ferry to the island costs 12 euros."),
        ("mill", "Source: Desk South\nDate: 2024-05-01", "The old mill burned down in Zutphen."),
        ("undated", "Source: Desk South", "The clockmaker of the village is called Piet Vos."),
    ):
        (folder / f"{name}.txt").write_text(f"Title: About the {name}\n{head}\n\n{text}\n")
    settings = replace(briefs, index_dir=folder / "index")
    build_index(load(sorted(folder.glob("*.txt"))), settings, embedder=embedder)
    return folder


@pytest.fixture(scope="module")
def page(home: Path, warm_cache: Path) -> Iterator[str]:
    with serving(home, warm_cache) as url:
        yield url


def kept(home: Path) -> list[Conversation]:
    """All conversations on disk, newest first."""
    return Conversations(home / "data" / "conversations" / "local").recent()


@pytest.mark.parametrize(
    "size", [{"width": 390, "height": 664}, {"width": 720, "height": 450}, WIDE], ids=["phone", "zoomed", "desk"]
)
def test_the_quote_in_a_long_article_is_in_view(page: str, browser: Any, size: dict[str, int]) -> None:
    with visiting(browser, page, size) as tab:
        ask(tab, "What is the lighthouse keeper called?").locator(".dl-claims .dl-cite").first.click()
        comes_into_view(tab, "#dl-panel mark.dl-quote")
        panel = tab.locator("#dl-panel").bounding_box()
        assert panel["height"] <= size["height"]
        tab.go_back()
        tab.locator("#dl-panel").wait_for(state="hidden")
        assert tab.url.startswith(page), "back shuts the article and stays on the page"


def test_a_question_is_text(page: str, browser: Any) -> None:
    fetched: list[str] = []
    with visiting(browser, page) as tab:
        tab.on("request", lambda request: fetched.append(request.url))
        text = "Is a<b and c>d & <img src=/q.png onerror=alert(1)> the ferry?"
        ask(tab, text)
        assert tab.locator(".dl-question").inner_text() == text
        reload(tab)
        tab.locator(".dl-answer").wait_for()
        assert tab.locator(".dl-question").inner_text() == text
    assert not any("q.png" in url for url in fetched)


def test_filters_are_seen_and_an_abstention_offers_to_do_without(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.get_by_role("button", name="Filters and model").click()
        tab.locator("#dl-since input").fill("2025-04-01")
        tab.locator("#dl-since input").press("Enter")
        chips = tab.locator("#dl-filters")
        chips.get_by_text("2 of 4 articles pass (1 undated included)").wait_for()
        assert "Piet Vos" in ask(tab, "What is the clockmaker of the village called?").inner_text()
        tab.get_by_label("Include undated articles").click()
        chips.get_by_text("1 of 4 articles pass (1 undated left out)").wait_for()
        answer = ask(tab, "Where did the old mill burn down?")
        assert "The articles do not say." in answer.inner_text()
        answer.get_by_role("button", name="Search all articles").click()
        tab.locator(".dl-turn[data-turn='2'] .dl-answered", has_text="Zutphen").wait_for()
        assert chips.locator(".dl-chip").count() == 0
        tab.locator("#dl-since input").fill("2025-04-01")
        tab.locator("#dl-since input").press("Enter")
        chips.get_by_role("button", name="Remove the filter: since 2025-04-01").click()
        chips.locator(".dl-chip").wait_for(state="detached")
        assert tab.locator("#dl-since input").input_value() == ""


@pytest.mark.parametrize("size", [NARROW, {"width": 820, "height": 1180}, WIDE], ids=["phone", "tablet", "desk"])
def test_no_filter_is_cut_off_and_no_form_is_covered(page: str, browser: Any, size: dict[str, int]) -> None:
    with visiting(browser, page, size) as tab:
        for _ in range(2):
            ask(tab, "What does the ferry cost?")
        tab.get_by_role("button", name="Wrong").last.click()
        tab.wait_for_function(
            """() => {
                 const [form, asking] = [".dl-form", "#dl-asking"].map((each) => document.querySelector(each));
                 return form.getBoundingClientRect().bottom <= asking.getBoundingClientRect().top;
               }"""
        )
        tab.get_by_role("button", name="Filters and model").click()
        tab.locator("#dl-since input").wait_for()
        cut = tab.evaluate(
            """() => [...document.querySelectorAll("#dl-options :is(.calendar, .label-text, input)")].filter((each) => {
                 const [box, own] = [each, each.closest(".block")].map((part) => part.getBoundingClientRect());
                 return box.width && (box.left < own.left || box.right > own.right || box.bottom > own.bottom + 1);
               }).map((each) => each.outerHTML.slice(0, 99))"""
        )
        assert cut == []


def test_two_tabs_on_one_conversation_keep_both_their_turns(page: str, browser: Any, home: Path) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "What does the ferry cost?")
        other = tab.context.new_page()
        other.set_default_timeout(30_000)
        other.goto(page)
        ready(other)
        other.locator(".dl-answer").wait_for()
        ask(other, "Where did the old mill burn down?")
        ask(tab, "What is the lighthouse keeper called?")
        assert tab.locator(".dl-turn").count() == 3, "the other tab's turn is shown too"
    assert [a.question for a in kept(home)[0].answers] == [
        "What does the ferry cost?", "Where did the old mill burn down?", "What is the lighthouse keeper called?",
    ]  # fmt: skip


def test_a_correction_belongs_to_the_answer_it_was_typed_at(page: str, browser: Any, home: Path) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "Who won the World Cup?")
        tab.get_by_role("button", name="Wrong").click()
        tab.get_by_label(re.compile("What would be right for “Who won the World Cup")).fill("Argentina")
        ask(tab, "What does the ferry cost?")
        tab.get_by_role("button", name="Keep the correction").click()
        tab.locator("#dl-said", has_text="Kept").wait_for()
    last = json.loads((home / "data" / "feedback.jsonl").read_text().splitlines()[-1])
    assert (last["question"], last["correction"]) == ("Who won the World Cup?", "Argentina")


def test_an_answer_can_be_copied_with_its_sources(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ask(tab, "What does the ferry cost?")
        tab.get_by_role("button", name="Copy answer").click()
        tab.get_by_role("button", name="Copied").wait_for()
        text = tab.evaluate("navigator.clipboard.readText()")
        assert "The ferry to the island costs 12 euros. [1]" in text
        assert "About the ferry — Desk North, 2025-05-01" in text


def test_nothing_typed_is_lost_by_a_reload(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        question(tab).type("What about the mi")
        reload(tab)
        tab.wait_for_function("() => document.querySelector('#dl-question textarea')?.value === 'What about the mi'")


def test_the_closed_left_pane_takes_no_tab_stops(page: str, browser: Any) -> None:
    with visiting(browser, page, NARROW) as tab:
        assert tab.get_by_role("button", name="New conversation").count() == 0
        tab.get_by_role("button", name="Conversations", exact=True).click()
        tab.get_by_role("button", name="New conversation").wait_for()
        tab.keyboard.press("Escape")
        tab.get_by_role("button", name="New conversation").wait_for(state="hidden")
        assert tab.evaluate("document.activeElement.dataset.do") == "menu", "the focus is back where it came from"


def test_the_head_names_nobody_else(page: str) -> None:
    answer = httpx.get(page, headers={"accept-encoding": "br, gzip"})
    head = answer.text.partition("</head>")[0]
    assert "<title>" in head
    assert not re.search(r'<meta[^>]*"(?:og|twitter):|githubusercontent', head, re.I)
    icon = httpx.get(f"{page}/favicon.ico")
    assert icon.headers["content-type"].startswith("image/svg")
    assert "gradio" not in icon.text.lower()


def test_the_thirtieth_question_sends_little(
    page: str,
    browser: Any,
    home: Path,
    briefs: Settings,
) -> None:
    with Bot.open(settings=replace(briefs, index_dir=home / "index")) as bot:
        answer = bot.ask("What does the ferry cost?")
    saved = Conversations(home / "data" / "conversations" / "local").save(Conversation(answers=(answer,) * 29))
    with visiting(browser, page) as tab:
        tab.locator("#dl-saved .dl-goto", has_text="What does the ferry cost").first.click()
        tab.wait_for_function("() => document.querySelectorAll('.dl-turn').length === 29")
        wire = tab.context.new_cdp_session(tab)
        received = []
        wire.send("Network.enable")
        wire.on("Network.dataReceived", lambda event: received.append(event["dataLength"]))
        ask(tab, "Where did the old mill burn down?")
        tab.wait_for_timeout(500)
    assert len(kept(home)[0].answers) == 30 or saved.id != kept(home)[0].id
    assert sum(received) <= 60_000, sum(received)


def test_a_verdict_is_still_seen_after_a_reload(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "What does the ferry cost?")
        tab.get_by_role("button", name="Right", exact=True).click()
        reload(tab)
        tab.locator(".dl-answer").wait_for()
        pressed = tab.locator(".dl-tools [aria-pressed=true]")
        assert [button.inner_text() for button in pressed.all()] == ["Right"]


def test_a_day_that_is_none_is_told(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.get_by_role("button", name="Filters and model").click()
        for text in ("2025-02-31", "last week"):
            tab.locator("#dl-until input").fill(text)
            question(tab).focus()
            tab.locator("#dl-said", has_text=f"“{text}” is no day").wait_for()
        tab.wait_for_timeout(1000)
        assert tab.locator(".dl-chip").count() == 0


def test_print_shows_the_whole_conversation_and_no_tools(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        for _ in range(3):
            ask(tab, "What is the lighthouse keeper called?")
        tab.emulate_media(media="print")
        assert not tab.locator("#dl-asking").first.is_visible()
        assert not tab.locator(".dl-tools").first.is_visible()
        feed = tab.locator("#dl-chat").bounding_box()
        last = tab.locator(".dl-answer").last.bounding_box()
        assert last["y"] + last["height"] <= feed["y"] + feed["height"] + 1, "nothing is cut off by a box that scrolls"


@pytest.mark.slow
def test_each_quote_of_ten_articles_is_in_view_at_four_sizes(
    tmp_path: Path,
    warm_cache: Path,
    browser: Any,
    briefs: Settings,
    embedder: Any,
) -> None:
    """200 to 3,000 words, the quote at another place in each."""
    towns = "Arlen Bruck Celde Dorn Elva Fenn Gorm Hasle Ilm Jarn".split()
    for n, town in enumerate(towns):
        words = 200 + n * 311
        before = FILLER * (words * (n + 1) // 11 // len(FILLER.split()))
        after = FILLER * ((words - len(before.split())) // len(FILLER.split()))
        text = f"{before}\n\nThe mayor of {town} is called Maria Stone{n}.\n\n{after}"
        (tmp_path / f"{town}.txt").write_text(f"Title: News of {town}\nSource: Desk\n\n{text}")
    settings = replace(briefs, index_dir=tmp_path / "index")
    build_index(load(sorted(tmp_path.glob("*.txt"))), settings, embedder=embedder)
    sizes = [(390, 664), (720, 450), (820, 1180), (1440, 900)]
    seen = 0
    with serving(tmp_path, warm_cache) as url:
        for width, height in sizes:
            with visiting(browser, url, {"width": width, "height": height}) as tab:
                for town in towns:
                    ask(tab, f"What is the mayor of {town} called?").locator(".dl-claims .dl-cite").first.click()
                    mark = tab.locator("#dl-panel mark.dl-quote", has_text=f"The mayor of {town}")
                    mark.wait_for()
                    comes_into_view(tab, "#dl-panel mark.dl-quote")
                    seen += 1
                    tab.locator("#dl-close").click()
                    tab.locator("#dl-panel").wait_for(state="hidden")
    assert seen == len(sizes) * len(towns)


# ---------------------------------------------------------------------- while a model writes


def test_the_evidence_is_there_before_the_first_words(slow_page: str, browser: Any) -> None:
    with visiting(browser, slow_page) as tab:
        begin_endless(tab)
        writing = tab.locator(".dl-writing")
        assert writing.locator(".dl-cite").count() > 0
        assert tab.locator(".dl-short, .dl-answered").count() == 0, "no headline before the last word"
        tab.get_by_role("button", name="Stop", exact=True).click()
        tab.locator(".dl-answered").wait_for()


def test_a_new_conversation_stays_new_when_the_answer_arrives(slow_page: str, browser: Any) -> None:
    with visiting(browser, slow_page) as tab:
        begin_endless(tab, "Where was the truce signed?")
        tab.get_by_role("button", name="New conversation").click()
        tab.locator(".dl-welcome").wait_for()
        Slow.enough.set()
        # The answer went on, and is kept in the conversation in which it was asked.
        tab.locator("#dl-saved .dl-goto", has_text="Where was the truce signed").wait_for()
        assert tab.locator(".dl-welcome").count() == 1
        assert tab.locator(".dl-turn").count() == 0

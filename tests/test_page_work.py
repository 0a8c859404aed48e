"""Working with the page: answers are taken along, conversations found again, everything reached by keys and links."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from pages import (
    ask,
    question,
    ready,
    reload,
    serving,
    visiting,
)

from rag.models.catalogue import MEASURED
from rag.page.render import KEYS


def clipboard(tab: Any, kind: str = "text/plain") -> str:
    """What was copied last."""
    read = """async (kind) => { const [item] = await navigator.clipboard.read();
              return (await item.getType(kind)).text(); }"""
    return str(tab.evaluate(read, kind))


def share(turn: Any, what: str) -> None:
    """Choose from the menu of an answer."""
    turn.locator(".dl-tools summary").click()
    turn.get_by_role("button", name=what).click()


def test_an_answer_is_taken_along(page: str, browser: Any) -> None:
    """As Markdown, for Word, as a table of claims, with its sources or one quote of it on the clipboard."""
    with visiting(browser, page) as tab:
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ask(tab, "Who won the World Cup?")
        ask(tab, "Where was the ceasefire signed?")
        turn = tab.locator(".dl-turn").last
        for what, form in (("Export as Markdown", "md"), ("Export for Word", "docx"), ("Export claims as CSV", "csv")):
            with tab.expect_download() as download:
                share(turn, what)
            assert download.value.suggested_filename == f"where-was-the-ceasefire-signed.{form}"
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
        assert {row["question"] for row in rows} == {"Where was the ceasefire signed?"}, "the one answer only"
        assert "Doha" in rows[0]["quote"]
        turn.get_by_role("button", name="Copy answer").click()
        turn.get_by_role("button", name="Copied").wait_for()
        for kind in ("text/plain", "text/html"):
            assert "Doha" in clipboard(tab, kind)
            assert "Sample Desk" in clipboard(tab, kind)
        turn.get_by_role("button", name="Copy this quote").first.click()
        tab.locator("#dl-said", has_text="Copied").wait_for()
        quote = turn.locator(".dl-words").first.inner_text()
        label = turn.locator("[data-source]").first.get_attribute("data-source")
        assert clipboard(tab) == f"“{quote}” ({label})"


@pytest.mark.slow
def test_copying_works_without_a_secure_connection(page: str, browser: Any) -> None:
    """As in a house network: there browsers offer pages no clipboard but the old one."""
    with visiting(browser, page) as tab:
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        tab.evaluate("navigator.clipboard.write = undefined")
        ask(tab, "Where was the ceasefire signed?")
        tab.get_by_role("button", name="Copy answer").click()
        tab.get_by_role("button", name="Copied").wait_for()
        assert "Doha" in clipboard(tab)
        assert "<" in clipboard(tab, "text/html")


def test_links_open_an_answer_and_an_article_at_its_quote(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ask(tab, "Where was the ceasefire signed?")
        for _ in range(3):
            ask(tab, "How long is the border?")
        share(tab.locator(".dl-turn").first, "Copy link")
        tab.locator("#dl-said", has_text="Copied").wait_for()
        answer_link = clipboard(tab)
        tab.locator(".dl-turn").nth(1).locator(".dl-cite").first.click()
        mark = tab.locator("#dl-panel mark.dl-quote")
        mark.wait_for()
        tab.locator("#dl-panel").get_by_role("button", name="Copy link").click()
        tab.locator("#dl-panel").get_by_role("button", name="Copied").wait_for()
        article_link, quote = clipboard(tab), mark.inner_text()

        other = tab.context.new_page()
        other.goto(answer_link)
        ready(other)
        other.locator(".dl-turn").nth(3).wait_for()
        # That answer is in view, not the last.
        other.wait_for_function("() => Math.abs(document.querySelector('.dl-turn').getBoundingClientRect().top) < 100")
        assert "#" not in other.url, "a reload shows what is open by then"
        other.goto(article_link)
        other.locator("#dl-panel mark.dl-quote").wait_for()
        assert other.locator("#dl-panel mark.dl-quote").inner_text() == quote
        other.goto(f"{page}/#c=20200101-000000-00000000")
        other.get_by_text("That conversation is not here").wait_for()


@pytest.mark.slow
def test_a_link_leads_past_the_login(closed_page: str, browser: Any) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{closed_page}/#a=no-such-article&s=0&e=0")
    tab.get_by_label("Name").fill("bob")
    tab.get_by_label("Password").fill("x:y")
    tab.get_by_role("button", name="Log in").click()
    tab.locator("#dl-panel", has_text="deleted from the index").wait_for()
    tab.get_by_text("Logged in as bob").wait_for()
    tab.keyboard.press("Escape")
    tab.get_by_role("link", name="Log out").click()
    tab.get_by_label("Password").wait_for()
    context.close()


def test_conversations_are_named_pinned_and_found(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "Where was the ceasefire signed?")
        tab.get_by_role("button", name="New conversation").click()
        tab.locator(".dl-welcome").wait_for()
        ask(tab, "How much does the new bell of the tower weigh?")
        saved = tab.locator("#dl-saved")
        item = saved.locator(".dl-item", has_text="Where was the ceasefire signed?").first
        id_ = item.get_attribute("data-conversation")
        item = saved.locator(f"[data-conversation='{id_}']")
        item.locator("summary").click()
        item.get_by_role("button", name="Rename…").click()
        item.get_by_label("Name").fill("Truce <b>in</b> Doha")
        item.get_by_role("button", name="Rename").click()
        item.get_by_text("Truce <b>in</b> Doha").first.wait_for()
        item.locator("summary").click()
        item.get_by_role("button", name="Pin", exact=True).click()
        saved.locator(".dl-item").first.get_by_title("Pinned").wait_for()
        assert saved.locator(".dl-item").first.get_attribute("data-conversation") == id_
        tab.get_by_label("Search conversations").fill("kilograms bell")
        found = tab.locator("#dl-found .dl-goto")
        found.get_by_text("How much does the new bell").first.wait_for()
        assert not saved.is_visible()
        tab.get_by_label("Search conversations").fill("truce <b>")
        found.get_by_text("Truce <b>in</b> Doha").wait_for()
        found.first.click()
        tab.locator(".dl-question", has_text="Where was the ceasefire signed?").wait_for()


@pytest.mark.slow
def test_every_key_of_the_sheet_works(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        tab.evaluate("window.print = () => { window.printed = true }")
        ask(tab, "Where was the ceasefire signed?")
        ask(tab, "How long is the border?")
        tab.evaluate("document.activeElement.blur()")
        press = tab.keyboard.press
        press("?")
        sheet = tab.locator("#dl-help")
        sheet.wait_for()
        assert sheet.locator("dt").all_inner_texts() == [key for key, _ in KEYS]
        press("Escape")
        sheet.wait_for(state="hidden")
        press("1")
        tab.locator("#dl-panel mark.dl-quote").wait_for()
        press("Escape")
        tab.locator("#dl-panel").wait_for(state="hidden")
        press("k")
        tab.wait_for_function("() => Math.abs(document.querySelector('.dl-turn').getBoundingClientRect().top) < 100")
        press("c")
        tab.locator(".dl-turn").first.get_by_role("button", name="Copied").wait_for()
        press("l")
        tab.locator("#dl-said", has_text="Copied").wait_for()
        assert re.search(r"#c=[0-9a-z-]+&t=1$", clipboard(tab))
        press("j")
        press("t")
        tab.locator("#dl-said", has_text="Theme: light").wait_for()
        press("p")
        tab.wait_for_function("() => window.printed")
        for keys, tabs in (("gs", "Settings"), ("ga", "Articles"), ("gq", "Ask")):
            for key in keys:
                press(key)
            tab.get_by_role("tab", name=tabs, selected=True).wait_for()
        press("s")
        assert tab.evaluate("document.activeElement.closest('#dl-search') !== null")
        press("n")
        assert tab.get_by_label("Search conversations").input_value() == "n", "no key acts while one types"
        tab.get_by_label("Search conversations").fill("")
        tab.evaluate("document.activeElement.blur()")
        press("/")
        assert question(tab).evaluate("e => e === document.activeElement")
        tab.evaluate("document.activeElement.blur()")
        press("n")
        tab.locator(".dl-welcome").wait_for()
        press("g")
        press("s")
        tab.get_by_label("Keyboard shortcuts").click()
        tab.evaluate("document.activeElement.blur()")
        tab.wait_for_timeout(300)
        press("?")
        assert not sheet.is_visible(), "and they can be switched off (WCAG 2.1.4)"


@pytest.mark.slow
def test_the_theme_lasts(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        dark = "() => document.body.classList.contains('dark')"
        assert not tab.evaluate(dark)
        tab.get_by_role("tab", name="Settings").click()
        tab.get_by_label("Dark", exact=True).click()
        tab.wait_for_function(dark)
        reload(tab)
        tab.wait_for_function(dark)
        tab.get_by_role("button", name="Theme: dark").click()
        tab.wait_for_function("() => !document.body.classList.contains('dark')")
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_function(dark)


def test_what_was_understood_is_switched_off_or_changed(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "Where was the ceasefire signed last week?")
        chip = tab.locator(".dl-turn").last.locator(".dl-chip", has_text="Understood:")
        chip.get_by_role("button", name="Ask again without").click()
        tab.locator(".dl-turn[data-turn='1'] .dl-answered", has_text="Doha").wait_for()
        assert tab.locator(".dl-turn[data-turn='1'] .dl-understood").count() == 0
        chip = tab.locator(".dl-turn").first.locator(".dl-chip", has_text="Understood:")
        chip.get_by_role("button", name="Change…").click()
        tab.locator("#dl-filters .dl-chip", has_text="since 2025-").wait_for()
        assert tab.locator("#dl-since input").is_visible()


@pytest.mark.slow
def test_what_is_asked_is_chosen_beside_the_conversations(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        shelf = tab.locator("#dl-shelf")
        shelf.get_by_role("button", name="All articles 17", pressed=True).wait_for()
        shelf.get_by_role("button", name="Tower Desk 1 1").click()
        shelf.get_by_role("button", name="Tower Desk 1 1", pressed=True).wait_for()
        tab.locator("#dl-filters .dl-chip", has_text="Tower Desk 1").wait_for()
        answer = ask(tab, "How much does the new bell of the tower weigh?")
        assert "4,200" in answer.inner_text()
        assert "4,600" not in answer.inner_text()
        shelf.get_by_role("button", name="All articles").click()
        tab.locator("#dl-filters .dl-chip").wait_for(state="detached")
        shelf.get_by_role("button", name="Tower Desk 1 1", pressed=False).wait_for()


@pytest.mark.slow
def test_no_line_of_an_answer_is_longer_than_72_characters(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "Why did the talks fail?")
        longest = tab.evaluate(
            """() => Math.max(...[...document.querySelectorAll(".dl-words")].flatMap((words) => {
                 const lines = {};
                 const range = document.createRange();
                 for (let n = 0; n < words.firstChild.length; n++) {
                   range.setStart(words.firstChild, n);
                   range.setEnd(words.firstChild, n + 1);
                   const top = Math.round(range.getBoundingClientRect().top);
                   lines[top] = (lines[top] || "") + words.firstChild.data[n];
                 }
                 return Object.values(lines).map((line) => line.trim().length);
               }))"""
        )
    assert 40 < longest <= 72


@pytest.mark.slow
def test_an_answer_may_be_short(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        full = ask(tab, "Why did the talks fail?").locator(".dl-claims .dl-claim").count()
        tab.get_by_role("button", name="Filters and model").click()
        tab.get_by_label("Short", exact=True).click()
        short = ask(tab, "Why did the talks fail?").locator(".dl-claims .dl-claim").count()
        assert 0 < short < full


@pytest.mark.slow
def test_what_is_asked_next_is_answered(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "Why did the talks fail?")
        suggested = tab.locator(".dl-next .dl-example")
        suggested.first.wait_for()
        text = suggested.first.inner_text()
        suggested.first.click()
        tab.locator(".dl-turn[data-turn='1'] .dl-answered").wait_for()
        assert tab.locator(".dl-question").last.inner_text() == text
        tab.wait_for_function("() => document.querySelectorAll('.dl-turn .dl-next')[0].childElementCount === 0")


@pytest.mark.slow
def test_models_are_chosen_with_what_they_need(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.get_by_role("tab", name="Settings").click()
        models = tab.locator(".dl-model")
        models.first.wait_for()
        said = models.filter(has_text="qwen2.5-coder-1.5b").inner_text()
        assert "1.1 GB on disk · 2.0 GB of memory" in said
        measured = MEASURED["qwen2.5-coder-1.5b"]
        assert f"Apache-2.0 · {measured['right']:.0%} of {measured['n']:.0f}".replace("%", " %") in said
        assert models.filter(has_text="Extracts only").locator(".dl-chosen").count() == 1
        tab.get_by_role("button", name="Use smollm2-135m").click()
        models.filter(has_text="smollm2-135m").locator(".dl-chosen").wait_for()
        tab.locator("#dl-stored", has_text="conversations").wait_for()


@pytest.mark.slow
def test_a_question_asked_while_models_load_waits_with_a_word(
    home: Path,
    warm_cache: Path,
    browser: Any,
) -> None:
    with serving(home, warm_cache) as url, visiting(browser, url) as tab:
        question(tab).fill("Where was the ceasefire signed?")
        question(tab).press("Enter")
        tab.locator(".dl-writing, .dl-answered").first.wait_for()
        tab.locator(".dl-answered", has_text="Doha").wait_for(timeout=60_000)

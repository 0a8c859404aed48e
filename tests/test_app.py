"""The page in real processes, asked by Gradio's client, curl's requests, an MCP client and a real browser."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages import (
    NARROW,
    ROOT,
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

from rag.settings import Settings

# ---------------------------------------------------------------------- other programs


def test_other_programs_can_ask_search_and_list(page: str) -> None:
    from gradio_client import Client

    client = Client(page, verbose=False)
    answer = client.predict("Where was the ceasefire signed?", api_name="/ask")
    assert answer["kind"] == "extracts"
    assert answer["short"][0]["quote"] == "Doha"
    assert answer["claims"][0]["citations"][0]["quote"] == answer["claims"][0]["text"]
    hits = client.predict("who mediated?", ["Sample Desk D"], "2025-11-01", "2025-11-30", 2, api_name="/search")
    assert len(hits) == 2
    assert {hit["source"] for hit in hits} == {"Sample Desk D"}
    told = client.predict("the ceasefire", ["Sample Desk D"], api_name="/timeline")
    assert {article["source"] for event in told["events"] for article in event["articles"]} == {"Sample Desk D"}
    assert [event["day"] for event in told["events"]] == sorted(event["day"] for event in told["events"])
    rows = client.predict("asif", api_name="/articles")
    assert {row["id"] for row in rows} == {"asif-warning", "written-agreement"}
    text = client.predict(hits[0]["article_id"], api_name="/article")["text"]
    assert text[hits[0]["start"] : hits[0]["end"]] == hits[0]["text"]


def test_bad_requests_are_told_in_words(page: str) -> None:
    from gradio_client import Client

    client = Client(page, verbose=False)
    for arguments, words in (
        ([""], "question is empty"),
        (["Who?", ["Nobody"]], "Known sources"),
        (["Who?", None, "yesterday"], "YYYY-MM-DD"),
        (["Who?", None, "", "", 0, "/etc/passwd"], "no model"),
        (["Who?", None, "", "", 0, "qwen3-4b"], "no model"),
    ):
        with pytest.raises(Exception, match=words):
            client.predict(*arguments, api_name="/ask")


def test_the_readme_s_calls_run_as_printed(page: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("http://127.0.0.1:7860", page)
    curl = next(block for block in re.findall(r"```sh\n(.*?)```", readme, re.S) if "curl" in block)
    done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True, timeout=60)
    data = json.loads(done.stdout.rsplit("event: complete\ndata: ", 1)[1].split("\n")[0])
    assert "Qatar" in data[0]["text"]
    code = next(b for b in re.findall(r"```python\n(.*?)```", readme, re.S) if "gradio_client" in b)
    found: dict[str, Any] = {}
    exec(code, found)
    assert "Qatar" in found["answer"]["text"]
    assert {hit["source"] for hit in found["hits"]} == {"Sample Desk A"}


def test_a_model_s_words_come_one_by_one(slow_page: str) -> None:
    from gradio_client import Client

    Slow.enough.clear()
    job = Client(slow_page, verbose=False).submit("Where was the ceasefire signed?", api_name="/ask")
    for _ in range(200):
        if len(job.outputs()) > 3:
            break
        time.sleep(0.1)
    evidence, *pieces = job.outputs()
    job.cancel()
    assert evidence["kind"] == "extracts"
    assert {piece["kind"] for piece in pieces} == {"partial"}
    texts = [piece["text"] for piece in pieces]
    assert texts[0] == "Doha was the place "
    assert all(b.startswith(a) for a, b in pairwise(texts))


async def mcp_talk(url: str, headers: dict[str, str]) -> tuple[dict[str, Any], str]:
    """The tools by name, and what the tool "ask" said."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/", headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        called = await session.call_tool("ask", {"question": "Where was the ceasefire signed?"})
        assert not called.isError, called
        return tools, called.content[0].text


def test_an_mcp_client_finds_and_calls_the_same_functions(page: str) -> None:
    tools, text = asyncio.run(mcp_talk(page, {}))
    assert set(tools) == {"ask", "search", "timeline", "articles", "article"}
    assert "citations" in tools["ask"].description
    answer = json.loads(text)
    assert answer["short"][0]["quote"] == "Doha", "a tool's result is JSON"


def test_only_the_documented_endpoints_can_be_called(page: str) -> None:
    from gradio_client import Client

    named = Client(page, verbose=False).view_api(return_format="dict", print_info=False)
    assert set(named["named_endpoints"]) == {"/ask", "/search", "/timeline", "/articles", "/article"}


def test_files_of_this_machine_cannot_be_read_through_the_page(page: str) -> None:
    for path in (ROOT / "pyproject.toml", Path("/etc/passwd")):
        assert httpx.get(f"{page}/gradio_api/file={path}").status_code in {403, 404}
    sent = httpx.post(f"{page}/gradio_api/upload", files={"files": ("../../evil.txt", b"x")})
    assert ".." not in sent.text


def ten_at_once(url: str) -> list[Any]:
    """Ten programs ask at the same time."""
    from gradio_client import Client

    clients = [Client(url, verbose=False) for _ in range(10)]
    return [client.submit("Where was the ceasefire signed?", api_name="/ask") for client in clients]


def test_extracts_serve_ten_at_once(page: str) -> None:
    answers = [job.result(timeout=120) for job in ten_at_once(page)]
    assert [answer["short"][0]["quote"] for answer in answers] == ["Doha"] * 10


def test_a_model_serves_ten_in_turn_and_tells_their_place(slow_page: str) -> None:
    Slow.enough.clear()
    jobs = ten_at_once(slow_page)
    deadline = time.monotonic() + 60  # the first is written for as long
    while max(job.status().rank or 0 for job in jobs) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    Slow.enough.set()
    assert all("Doha was the place" in job.result(timeout=120)["text"] for job in jobs)


# ---------------------------------------------------------------------- logins


def test_a_page_for_all_the_network_needs_a_login(briefs: Settings) -> None:
    code = "import app; from rag.settings import Settings; app.serve(Settings.load(host='0.0.0.0'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "needs a login" in done.stderr
    assert "--auth" in done.stderr


def test_with_a_login_nothing_is_told_without_it(closed_page: str) -> None:
    first = httpx.get(closed_page, follow_redirects=True, headers={"accept": "text/html"}, timeout=60).text
    assert 'name="password"' in first
    assert "articles ·" not in first
    for path in (
        "/config",
        "/gradio_api/info",
        "/gradio_api/mcp/",
        "/gradio_api/mcp/schema",
        "/gradio_api/openapi.json",
    ):
        assert httpx.get(closed_page + path, timeout=60).status_code == 401, path
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    assert httpx.post(f"{closed_page}/gradio_api/mcp/", json=listing, headers=accept, timeout=60).status_code == 401
    assert httpx.post(f"{closed_page}/gradio_api/call/v2/articles", json={}, timeout=60).status_code == 401
    with httpx.Client(base_url=closed_page, timeout=60) as client:
        assert client.post("/login", data={"username": "ann", "password": "wrong"}).status_code == 400
        # How long the next try waits is tested with a clock in test_page_guard.py.
        while (next_try := client.post("/login", data={"username": "bob", "password": "x:y"})).status_code == 429:
            time.sleep(0.1)
        assert next_try.status_code == 200
        assert "event_id" in client.post("/gradio_api/call/v2/articles", json={}).json()
        client.get("/logout")
        assert client.post("/gradio_api/call/v2/articles", json={}).status_code == 401


def test_with_a_login_programs_can_ask_and_call_tools(closed_page: str) -> None:
    from gradio_client import Client

    client = Client(closed_page, auth=("ann", "s3cret"), verbose=False)
    assert "asif-warning" in {row["id"] for row in client.predict("asif", api_name="/articles")}
    with httpx.Client(base_url=closed_page, auth=("ann", "s3cret"), timeout=60) as own:
        made = {"do": "make", "name": "Warnings", "ids": ["asif-warning"]}
        assert own.post("/sources/collection", json=made).status_code == 200
    hits = client.predict("who warned?", collections=["warnings"], api_name="/search")
    assert {hit["article_id"] for hit in hits} == {"asif-warning"}
    other = Client(closed_page, auth=("bob", "x:y"), verbose=False)
    with pytest.raises(Exception, match="There is no collection 'warnings'"):
        other.predict("who warned?", collections=["warnings"], api_name="/search")
    basic = {"authorization": f"Basic {base64.b64encode(b'ann:s3cret').decode()}"}
    tools, text = asyncio.run(mcp_talk(closed_page, basic))
    assert set(tools) == {"ask", "search", "timeline", "articles", "article"}
    assert "Doha" in text


def test_a_login_opens_the_page_and_its_conversations_are_its_own(
    closed_page: str, closed_folder: Path, browser: Any
) -> None:
    context = browser.new_context(viewport=WIDE)
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    tab.goto(closed_page)
    tab.get_by_label("Name").fill("ann")
    tab.get_by_label("Password").fill("s3cret")
    tab.get_by_role("button", name="Log in").click()
    ready(tab)
    assert "Doha" in ask(tab, "Where was the ceasefire signed?").inner_text()
    kept = list((closed_folder / "data" / "conversations").glob("*/*.json"))
    assert [(path.parent.name[:5], oct(path.stat().st_mode & 0o777)) for path in kept] == [("user-", "0o600")]
    tab.goto(f"{closed_page}/logout")
    tab.get_by_label("Password").wait_for()
    context.close()


@pytest.mark.parametrize("headers", [{"host": "rebind.test"}, {"origin": "https://sibling.example"}], ids=str)
def test_a_foreign_host_or_origin_is_refused_on_every_route(page: str, headers: dict[str, str]) -> None:
    paths = ["/", "/config", "/gradio_api/info", "/gradio_api/mcp/", "/gradio_api/upload", "/gradio_api/queue/join",
             "/gradio_api/call/v2/articles", "/gradio_api/call/ask", "/gradio_api/startup-events"]  # fmt: skip
    for path in paths:
        for method in ("GET", "POST", "OPTIONS"):
            answer = httpx.request(method, page + path, headers=headers, timeout=60)
            assert answer.status_code == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers


# ---------------------------------------------------------------------- the browser: asking and checking


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["desktop", "phone"])
def test_a_citation_opens_its_article_at_the_quote(page: str, browser: Any, size: dict[str, int]) -> None:
    with visiting(browser, page, size) as tab:
        answer = ask(tab, "Where was the ceasefire signed?")
        assert "Doha" in answer.inner_text()
        cite = answer.locator(".dl-claims .dl-cite").first
        quoted = answer.locator(".dl-claim").first.inner_text().split(" [")[0]
        cite.click()
        mark = tab.locator("#dl-panel mark.dl-quote")
        mark.wait_for()
        assert mark.inner_text() == quoted
        comes_into_view(tab, "#dl-panel mark.dl-quote")
        assert re.search(r"Sample Desk \w · 20\d\d-\d\d-\d\d", tab.locator("#dl-panel").inner_text())
        tab.keyboard.press("Escape")
        tab.locator("#dl-panel").wait_for(state="hidden")
        assert cite.evaluate("e => e === document.activeElement"), "the focus is back where it was"
        # The same citation opens again, and its Close closes it.
        cite.click()
        tab.locator("#dl-close").click()
        tab.locator("#dl-panel").wait_for(state="hidden")
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"


def test_an_abstention_and_a_disagreement_look_so(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        abstained = ask(tab, "Who won the World Cup?")
        assert "The articles do not say." in abstained.inner_text()
        assert abstained.locator(".dl-source").count() == 3
        assert tab.locator(".dl-answered").count() == 0
        versions = ask(tab, "How much does the new bell of the tower weigh?").locator(".dl-version")
        found = [version.locator("b").inner_text() for version in versions.all()]
        assert found == ["4,600 kilograms", "4,200 kilograms"], "the newest first"
        first, second = (version.bounding_box() for version in versions.all())
        assert first["y"] == second["y"], "side by side"
        assert re.search(r"Tower Desk 2, 2025-02-01", versions.first.inner_text())


def test_follow_ups_keep_the_thread_and_show_what_was_searched(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "When was the ceasefire signed?")
        answer = ask(tab, "and where?")
        assert answer.locator(".dl-searched").inner_text() == "Searched: Where was the ceasefire signed?"
        assert "Doha" in answer.inner_text()


def test_the_question_that_was_asked_last_is_at_the_top(page: str, browser: Any) -> None:
    with visiting(browser, page, NARROW) as tab:
        for text in ("Who mediated?", "Who won the World Cup?", "How long is the border?"):
            ask(tab, text)
        tab.wait_for_function(
            "() => Math.abs([...document.querySelectorAll('.dl-turn')].pop().getBoundingClientRect().top) < 20"
        )


def test_an_article_can_neither_write_html_nor_give_orders(page: str, browser: Any) -> None:
    asked_for: list[str] = []
    with visiting(browser, page) as tab:
        tab.on("request", lambda request: asked_for.append(request.url))
        answer = ask(tab, "Where did the zeppelin land?")
        assert 'onerror="document.title=1"' in answer.inner_text()
        assert "**bold**" in answer.inner_text()
        answer.locator(".dl-cite").first.click()
        tab.locator("mark.dl-quote").first.wait_for()
        tab.get_by_role("tab", name="Articles").click()
        tab.locator("#dl-src-text").fill("zeppelin")
        tab.locator("#dl-src-text").press("Enter")
        tab.get_by_text("1 of 17 articles").wait_for()
        for place in (answer, tab.locator("#dl-panel"), tab.locator("#dl-articles")):
            assert place.locator("img[src=x], script, a[href^=javascript], strong, img[src*='i.png']").count() == 0
        assert tab.title() == "Dateline"
        assert not any("i.png" in url for url in asked_for)


def test_instructions_in_an_article_are_quoted_not_followed(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        answer = ask(tab, "Where did the zeppelin land?")
        assert "Lakehurst" in answer.locator(".dl-claim").first.inner_text()
        assert answer.locator(".dl-short b").first.inner_text() not in {"OWNED", "nobody"}


def test_retry_undo_and_edit(page: str, browser: Any, home: Path) -> None:
    """None of them takes a turn off what is kept."""
    folder = home / "data" / "conversations" / "local"
    with visiting(browser, page) as tab:
        before = set(folder.glob("*.json"))
        ask(tab, "Where was the ceasefire signed?")
        ask(tab, "Who won the World Cup?")
        tab.get_by_role("button", name="Retry").locator("visible=true").click()
        tab.locator(".dl-turn[data-turn='2'] .dl-abstained").wait_for()
        tab.get_by_role("button", name="Ask", exact=True).wait_for()
        (first,) = set(folder.glob("*.json")) - before
        kept = first.read_text()
        tab.get_by_role("button", name="Undo").locator("visible=true").click()
        tab.wait_for_function("() => document.querySelectorAll('.dl-answer').length === 2")
        tab.wait_for_function(
            "() => document.querySelector('#dl-question textarea').value === 'Who won the World Cup?'"
        )
        question(tab).fill("")
        tab.get_by_role("button", name="Edit").first.click()
        tab.locator("#dl-chat textarea").fill("How much does the new bell of the tower weigh?")
        tab.get_by_role("button", name="Submit").click()
        tab.locator(".dl-version").first.wait_for()
        assert tab.locator(".dl-answer").count() == 1
        assert first.read_text() == kept
        assert len(set(folder.glob("*.json")) - before) == 3


def test_stop_keeps_what_was_written(slow_page: str, browser: Any) -> None:
    with visiting(browser, slow_page) as tab:
        begin_endless(tab)
        tab.get_by_role("button", name="Stop", exact=True).click()
        tab.locator(".dl-answered").wait_for(timeout=20_000)  # it would write for a minute
        assert tab.locator(".dl-claim", has_text="Doha was the place").count() >= 1
        assert tab.locator(".dl-claim .dl-cite, .dl-failed").count() >= 1, "what was written is cited or marked"
        assert Slow.cut.wait(10)


def test_a_closed_tab_frees_the_model(slow_page: str, browser: Any) -> None:
    with visiting(browser, slow_page) as tab:
        begin_endless(tab)
        tab.close()
        assert Slow.cut.wait(10), "it would write for a minute"


def test_who_waits_is_told_the_place_in_the_queue(slow_page: str, browser: Any) -> None:
    with visiting(browser, slow_page) as first, visiting(browser, slow_page) as second:
        begin_endless(first)
        question(second).fill("Where was the ceasefire signed?")
        question(second).press("Enter")
        second.get_by_text(re.compile(r"queue: \d")).wait_for()


# ---------------------------------------------------------------------- the browser: steering and keeping


def test_filters_hold_and_are_remembered(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.get_by_role("button", name="Filters and model").click()
        tab.get_by_label("Sources").click()
        tab.get_by_role("option", name="Sample Desk B").click()
        tab.keyboard.press("Escape")
        tab.locator("#dl-since input").fill("2025-10-25")
        tab.locator("#dl-since input").press("Enter")
        tab.locator(".dl-chip", has_text="since 2025-10-25").wait_for()
        answer = ask(tab, "Who mediated?")
        answer.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
        rows = answer.locator(".dl-source").all_inner_texts()
        assert rows
        assert all("Sample Desk B, 2025-1" in row for row in rows)
        reload(tab)
        tab.locator(".dl-answer").wait_for()
        tab.get_by_role("button", name="Filters and model").click()
        tab.get_by_text("Sample Desk B", exact=True).first.wait_for()
        assert tab.locator("#dl-since input").input_value() == "2025-10-25"
        assert tab.locator(".dl-chip").all_inner_texts() == ["Sample Desk B ✕", "since 2025-10-25 ✕"]
        asked_for: list[str] = []
        tab.on("request", lambda request: asked_for.append(request.url))
        tab.wait_for_timeout(1000)
        assert len(asked_for) < 10, "a change that is kept is no change of a filter, which would be kept again"


def test_what_a_browser_kept_in_the_form_of_before_is_restored(page: str, browser: Any) -> None:
    """Which conversation is open stood beside the filters then."""
    with visiting(browser, page) as tab:
        ask(tab, "Who mediated?")
        tab.evaluate(
            """() => {
                 const conversation = document.querySelector(".dl-turn").dataset.conversation;
                 window.datelineKept = { ...window.datelineKept, conversation };
               }"""
        )
        tab.locator("#dl-shelf [data-value='Sample Desk B']").click()
        tab.locator(".dl-chip", has_text="Sample Desk B").wait_for()
        tab.evaluate("localStorage.removeItem('dateline-open')")
        reload(tab)
        tab.locator(".dl-chip", has_text="Sample Desk B").wait_for()
        tab.locator(".dl-answer").wait_for()
        tab.get_by_role("button", name="New conversation").click()
        tab.locator(".dl-welcome").wait_for()
        reload(tab)
        assert tab.locator(".dl-answer").count() == 0


def test_conversations_are_kept_listed_exported_and_deleted(page: str, browser: Any, home: Path) -> None:
    with visiting(browser, page) as tab:
        answer = ask(tab, "Where was the ceasefire signed?").inner_text()
        reload(tab)
        tab.locator(".dl-answer").wait_for()
        assert tab.locator(".dl-answer").inner_text() == answer
        item = tab.locator("#dl-saved .dl-item.dl-here")
        item.locator("summary").click()
        with tab.expect_download() as download:
            item.get_by_role("button", name="Export as Markdown").click()
        text = Path(download.value.path()).read_text()
        assert "## Where was the ceasefire signed?" in text
        assert "Sources:" in text
        saved = len(list((home / "data" / "conversations" / "local").iterdir()))
        tab.get_by_role("button", name="New conversation").click()
        tab.locator(".dl-answer").wait_for(state="detached")
        tab.locator("#dl-saved .dl-goto", has_text="Where was the ceasefire signed").first.click()
        tab.locator(".dl-answer").wait_for()
        item.locator("summary").click()
        item.get_by_role("button", name="Delete…").click()
        assert tab.locator(".dl-answer").count() == 1, "asked twice"
        item.get_by_role("button", name="Really delete it").click()
        tab.locator(".dl-answer").wait_for(state="detached")
        assert len(list((home / "data" / "conversations" / "local").iterdir())) == saved - 1


def test_thumbs_and_a_correction_are_kept(page: str, browser: Any, home: Path) -> None:
    with visiting(browser, page) as tab:
        ask(tab, "Who won the World Cup?")
        tab.get_by_role("button", name="Wrong").last.click()
        tab.get_by_label(re.compile("What would be right")).fill("Argentina")
        tab.get_by_role("button", name="Keep the correction").click()
        tab.locator("#dl-said", has_text="Kept").wait_for()
    last = json.loads((home / "data" / "feedback.jsonl").read_text().splitlines()[-1])
    assert (last["question"], last["liked"], last["correction"]) == ("Who won the World Cup?", False, "Argentina")


def test_an_example_fits_the_articles_and_is_answered(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.locator(".dl-example", has_text="When was the ceasefire signed?").click()
        tab.locator(".dl-answered", has_text="19 October 2025").wait_for()


# ---------------------------------------------------------------------- the browser: articles


def test_articles_come_and_go_without_a_restart(page: str, browser: Any, tmp_path: Path) -> None:
    (tmp_path / "bridge.txt").write_text("Bridge opens\n\nMaria Jansen designed the long bridge in Utrecht.")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    with visiting(browser, page) as tab:
        ask(tab, "Where was the ceasefire signed?")
        tab.get_by_role("tab", name="Articles").click()
        tab.get_by_role("button", name="Add articles").click()
        tab.get_by_test_id("file-upload").first.set_input_files([tmp_path / "bridge.txt", tmp_path / "broken.pdf"])
        outcome = tab.locator("#dl-outcome")
        outcome.get_by_text("broken.pdf").wait_for()
        assert re.search(r"bridge\.txt: added", outcome.inner_text())
        assert re.search(r"broken\.pdf: refused .{10,}", outcome.inner_text())
        tab.locator("#dl-status", has_text="18 articles").wait_for()
        tab.get_by_role("tab", name="Ask").click()
        assert "Maria Jansen" in ask(tab, "Who designed the long bridge?").inner_text()
        assert tab.locator(".dl-answer").count() == 2, "the conversation went on"

        tab.get_by_role("tab", name="Articles").click()
        tab.locator("#dl-src-text").fill("bridge jansen")
        tab.locator("#dl-src-text").press("Enter")
        tab.get_by_text("1 of 18 articles").wait_for()
        tab.get_by_role("button", name="Bridge opens", exact=True).click()
        tab.locator("#dl-panel", has_text="Maria Jansen").wait_for()
        tab.get_by_label("Tick Bridge opens").check()
        tab.get_by_role("button", name="Delete…", exact=True).click()
        tab.locator("#dl-status", has_text="18 articles").wait_for()
        tab.get_by_role("button", name="Really delete", exact=True).click()
        tab.locator("#dl-status", has_text="17 articles").wait_for()
        # The old answer still shows its quote, and says that the article is gone.
        tab.get_by_role("tab", name="Ask").click()
        tab.locator(".dl-answer").last.locator(".dl-claims .dl-cite").first.click()
        tab.locator("#dl-panel", has_text="was deleted from the index").wait_for()
        assert "Maria Jansen designed the long bridge" in tab.locator("#dl-panel").inner_text()


def test_an_address_of_this_machine_is_refused_on_the_page(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        tab.get_by_role("tab", name="Articles").click()
        tab.get_by_role("button", name="Add articles").click()
        tab.get_by_label("Or the address of a page or feed").fill(f"{page}/config")
        tab.get_by_role("button", name="Add the address").click()
        tab.locator("#dl-outcome", has_text="refused").wait_for()


def test_the_first_visit_says_what_to_do(browser: Any, warm_cache: Path, tmp_path: Path) -> None:
    with serving(tmp_path, warm_cache) as url, visiting(browser, url) as tab:
        tab.get_by_text("No articles yet").wait_for()
        tab.locator(".dl-welcome").get_by_role("button", name="Add articles").click()
        tab.get_by_role("button", name="Index the bundled sample").wait_for()
        tab.get_by_role("tab", name="Ask").click()
        assert "The articles do not say." in ask(tab, "Who mediated?").inner_text()
        tab.get_by_role("tab", name="Articles").click()
        tab.get_by_role("button", name="Index the bundled sample").click()
        tab.locator("#dl-status", has_text="14 articles").wait_for()
        tab.get_by_role("tab", name="Ask").click()
        assert "Turkey and Qatar" in ask(tab, "Who mediated?").inner_text()


# ---------------------------------------------------------------------- for everyone


def test_by_keyboard_alone(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        for _ in range(30):
            if question(tab).evaluate("e => e === document.activeElement"):
                break
            tab.keyboard.press("Tab")
        tab.keyboard.type("Where was the ceasefire signed?")
        tab.keyboard.press("Enter")
        tab.locator(".dl-answered").wait_for()
        for _ in range(60):
            if tab.evaluate("document.activeElement.classList.contains('dl-cite')"):
                break
            tab.keyboard.press("Shift+Tab")
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "the focus is visible"
        tab.keyboard.press("Enter")
        tab.locator("mark.dl-quote").first.wait_for()
        tab.keyboard.press("Escape")
        assert tab.evaluate("document.activeElement.classList.contains('dl-cite')")


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        (WIDE, "light"),
        pytest.param(NARROW, "dark", marks=pytest.mark.slow),
        pytest.param(WIDE, "dark", marks=pytest.mark.slow),
        pytest.param(NARROW, "light", marks=pytest.mark.slow),
    ],
    ids=["desktop-light", "phone-dark", "desktop-dark", "phone-light"],
)
def test_accessible_by_the_rules_of_wcag_aa(page: str, browser: Any, size: dict[str, int], scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
    with visiting(browser, page, size, scheme) as tab:
        found: list[Any] = []

        def look() -> None:
            tab.wait_for_timeout(300)
            found.extend(Axe().run(tab, options=rules).response["violations"])
            assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"

        look()
        ask(tab, "Who won the World Cup?")
        ask(tab, "How much does the new bell of the tower weigh?").locator(".dl-cite").first.click()
        tab.locator("mark.dl-quote").first.wait_for()
        look()
        tab.locator("#dl-close").click()
        tab.locator(".dl-next .dl-example").first.wait_for()
        tab.get_by_role("button", name="Edit").last.click()
        tab.get_by_role("button", name="Wrong").last.click()
        tab.locator(".dl-tools summary").last.click()
        look()
        tab.keyboard.press("Escape")
        tab.get_by_role("button", name="Filters and model").click()
        tab.locator("#dl-since input").fill("2025-01-01")
        tab.locator("#dl-since input").press("Enter")
        tab.locator(".dl-chip").first.wait_for()
        look()
        for name in ("Articles", "Settings"):
            tab.get_by_role("tab", name=name).click()
            look()
        if size is NARROW:
            tab.get_by_role("button", name="Conversations", exact=True).click()
        tab.locator("#dl-saved summary").first.click()
        look()
        tab.get_by_label("Search conversations").fill("bell")
        tab.locator("#dl-found .dl-goto").first.wait_for()
        look()
        tab.get_by_role("button", name="Keyboard", exact=True).click()
        look()
    told = {f"{v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"]}
    assert told <= set(), "\n".join(sorted(told))


def test_no_text_can_scroll_out_of_reach_whatever_the_fonts(page: str, browser: Any) -> None:
    """A block that may scroll, and does with the fonts of another machine, must be reached by the keyboard."""
    with visiting(browser, page) as tab:
        ask(tab, "How long is the border?").locator(".dl-cite").first.click()
        tab.locator("mark.dl-quote").first.wait_for()
        found = tab.evaluate(
            """() => [...document.querySelectorAll("*")].filter(e => {
                 const style = getComputedStyle(e);
                 return /auto|scroll/.test(style.overflowX + style.overflowY) && e.clientHeight && e.tabIndex < 0
                   && !e.querySelector("a[href], button, input, textarea, select, summary, [tabindex]");
               }).map(e => `${e.tagName} ${e.id} ${e.className}`)"""
        )
    assert found == []

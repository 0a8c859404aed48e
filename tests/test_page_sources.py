"""The articles on the page, in a real browser: found, narrowed, ticked, gathered, set right, watched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from pages import NARROW, WIDE, ask, reload, serving, visiting

from rag.articles import load
from rag.indexing.build import build_index
from rag.settings import Settings

EVIL = "<img src=/evil.png onerror=alert(1)>"
FILES = {
    "ferry": "Title: The ferry\nSource: Desk North\nDate: 2025-05-01\n\nThe ferry to the island costs 12 euros. "
    "Mayor Anna Rask opened the line in Hamburg.",
    "mill": "Title: The mill burns\nSource: Desk South\nDate: 2024-05-01\n\nThe old mill burned down in Zutphen. "
    "The ferry brought help, said Anna Rask.",
    "clock": "Title: The clockmaker\nSource: Desk South\n\nThe clockmaker of the village is called Piet Vos.",
    "evil": f"Title: Zeppelin {EVIL}\nSource: Desk {EVIL}\nDate: 2025-06-01\n\nThe zeppelin {EVIL} landed in Kiel.",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: Any, briefs: Settings, embedder: Any) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name, text in FILES.items():
        (folder / f"{name}.txt").write_text(text)
    settings = replace(briefs, index_dir=folder / "index")
    build_index(load(sorted(folder.glob("*.txt"))), settings, embedder=embedder)
    old = (folder / "mill.txt").read_text()
    (folder / "mill.txt").write_text(old.replace("burned down in Zutphen", "burned down in Deventer"))
    build_index(load([folder / "mill.txt"]), settings, embedder=embedder)
    return folder


@pytest.fixture(scope="module")
def page(home: Path, warm_cache: Path) -> Iterator[str]:
    with serving(home, warm_cache, DATELINE_ALLOW_PRIVATE_URLS="true") as url:
        yield url


def articles(tab: Any) -> Any:
    """The list of articles, there."""
    tab.get_by_role("tab", name="Articles").click()
    tab.locator("#dl-sources .dl-table").wait_for()
    return tab.locator("#dl-sources")


def titles(tab: Any) -> list[str]:
    return tab.locator("#dl-sources .dl-open").all_inner_texts()


def listed(tab: Any, *expected: str) -> None:
    """Wait until these articles are listed, in this order."""
    tab.wait_for_function(
        "want => JSON.stringify([...document.querySelectorAll('#dl-sources .dl-table .dl-open')]"
        ".map(e => e.textContent)) === want",
        arg=json.dumps(list(expected), separators=(",", ":")),
    )


def test_the_text_is_searched_and_the_words_are_marked(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        articles(tab)
        tab.locator("#dl-src-text").fill("ferry rask")
        tab.locator("#dl-src-text").press("Enter")
        tab.locator(".dl-hit").first.wait_for()
        assert sorted(titles(tab)) == ["The ferry", "The mill burns"]
        assert {"ferry", "Rask"} <= set(tab.locator(".dl-hit mark").all_inner_texts())
        tab.locator("#dl-src-text").fill('"burned down"')
        tab.locator("#dl-src-text").press("Enter")
        listed(tab, "The mill burns")
        tab.get_by_role("button", name="The mill burns", exact=True).click()
        marks = tab.locator("#dl-panel mark.dl-quote")
        marks.first.wait_for()
        assert marks.all_inner_texts() == ["burned down"]
        tab.get_by_role("button", name='Remove: “"burned down"”').click()
        tab.get_by_text("4 of 4 articles").wait_for()


@pytest.mark.slow
def test_the_list_is_sorted_and_narrowed_by_name_outlet_and_day(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        here = articles(tab)
        here.get_by_role("button", name="Title", exact=True).click()
        listed(tab, "The clockmaker", "The ferry", "The mill burns", f"Zeppelin {EVIL}")
        here.get_by_role("button", name="Title", exact=True).click()
        listed(tab, f"Zeppelin {EVIL}", "The mill burns", "The ferry", "The clockmaker")
        assert here.locator("th.dl-c-title").get_attribute("aria-sort") == "descending"
        here.get_by_role("button", name="Anna Rask 2").click()
        listed(tab, "The mill burns", "The ferry")
        here.get_by_role("button", name="Desk South 1").click()
        listed(tab, "The mill burns")
        reload(tab)
        articles(tab)
        listed(tab, "The mill burns")
        here.get_by_role("button", name="Show all").click()
        here.get_by_role("button", name="year", exact=True).click()
        here.get_by_role("button", name="2025-01-01 to 2025-12-31: 2 articles").click()
        listed(tab, f"Zeppelin {EVIL}", "The ferry")
        here.get_by_role("button", name="Remove: 2025-01-01 to 2025-12-31").click()
        here.get_by_role("button", name="1 undated").click()
        listed(tab, "The clockmaker")


def test_only_ticked_articles_are_asked(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        here = articles(tab)
        here.get_by_label("Tick The clockmaker").check()
        here.get_by_role("button", name="Ask only these").click()
        chips = tab.locator("#dl-filters")
        chips.get_by_text("1 of 4 articles pass").wait_for()
        assert "Only: The clockmaker" in chips.inner_text()
        answer = ask(tab, "What does the ferry cost?")
        assert "The articles do not say." in answer.inner_text()
        assert "Piet Vos" in ask(tab, "What is the clockmaker of the village called?").inner_text()
        chips.get_by_role("button", name="Remove the filter: Only: The clockmaker").click()
        chips.locator(".dl-chip").wait_for(state="detached")
        assert "12 euros" in ask(tab, "What does the ferry cost?").inner_text()


@pytest.mark.slow
def test_a_collection_is_made_filled_asked_and_deleted(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        here = articles(tab)
        here.get_by_label("Tick The clockmaker").check()
        here.get_by_role("button", name="New collection…").click()
        here.get_by_label("Name of the new collection").press_sequentially("Village <b>")
        here.get_by_role("button", name="Make it of the 1 ticked").click()
        here.get_by_role("button", name="Village <b> 1").wait_for()
        here.get_by_role("button", name="Untick all").click()
        here.get_by_label("Tick The mill burns").check()
        here.get_by_label("Put the ticked into a collection").select_option("Village <b>")
        here.get_by_role("button", name="Village <b> 2").click()
        tab.get_by_text("2 of 4 articles").wait_for()
        here.get_by_role("button", name="Ask this collection").click()
        tab.locator("#dl-filters", has_text="2 of 4 articles pass").wait_for()
        assert "Collection: Village <b>" in tab.locator("#dl-filters").inner_text()
        assert "Deventer" in ask(tab, "Where did the old mill burn down?").inner_text()
        assert "12 euros" not in ask(tab, "What does the ferry cost?").inner_text()
        articles(tab)
        here.get_by_role("button", name="Take out of Village <b>").click()
        tab.get_by_text("1 of 4 articles").wait_for()
        here.get_by_role("button", name="Rename…").click()
        here.get_by_label("Its new name").fill("Village")
        here.get_by_role("button", name="Rename", exact=True).click()
        here.get_by_role("button", name="Village 1").wait_for()
        here.get_by_role("button", name="Delete the collection…").click()
        here.get_by_role("button", name="Really delete the collection").click()
        tab.get_by_text("4 of 4 articles").wait_for()
        assert here.get_by_role("button", name="Village 1").count() == 0


def test_a_wrong_day_is_set_right_in_place_and_stays(
    page: str,
    browser: Any,
    home: Path,
    briefs: Settings,
    embedder: Any,
) -> None:
    with visiting(browser, page) as tab:
        here = articles(tab)
        here.get_by_role("button", name="The clockmaker", exact=True).click()
        panel = tab.locator("#dl-panel")
        panel.get_by_role("button", name="Correct title, outlet or day").click()
        panel.get_by_label("Day").fill("2025-02-03")
        panel.get_by_label("Title").fill("The old clockmaker")
        panel.get_by_role("button", name="Keep it so").click()
        panel.locator(".dl-by-hand", has_text="Corrected by hand. As it was read: title “The clockmaker”").wait_for()
        here.get_by_role("button", name="The old clockmaker").wait_for()
        assert here.locator("tr", has_text="The old clockmaker").locator(".dl-c-published").inner_text() == "2025-02-03"
        settings = replace(briefs, index_dir=home / "index")
        assert build_index(load([home / "clock.txt"]), settings, embedder=embedder).unchanged == ("clock",)
        tab.evaluate("() => window.datelineSources.look()")
        panel.get_by_role("button", name="Correct title, outlet or day").click()
        panel.get_by_label("Day").fill("")
        panel.get_by_label("Title").fill("The clockmaker")
        panel.get_by_role("button", name="Keep it so").click()
        panel.locator(".dl-by-hand").wait_for(state="detached")
        here.get_by_role("button", name="The clockmaker", exact=True).wait_for()


@pytest.mark.slow
def test_an_earlier_version_shows_what_changed(page: str, browser: Any) -> None:
    with visiting(browser, page) as tab:
        here = articles(tab)
        here.locator("tr", has_text="2 versions").get_by_role("button", name="The mill burns").click()
        panel = tab.locator("#dl-panel")
        panel.get_by_text("Earlier versions: 1").click()
        panel.get_by_role("button", name=re.compile("show what changed")).click()
        panel.locator(".dl-earlier").wait_for()
        assert panel.locator("del").all_inner_texts() == ["Zutphen."]
        assert panel.locator("ins").all_inner_texts() == ["Deventer."]


@pytest.mark.slow
def test_many_are_deleted_at_once_and_only_when_that_is_sure(page: str, browser: Any, tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"stray{n}.txt").write_text(
            f"Title: Stray {n}\nSource: Stray Desk\n\nStray dog {n} was seen in Kiel."
        )
    with visiting(browser, page) as tab:
        here = articles(tab)
        tab.get_by_role("button", name="Add articles").click()
        tab.get_by_test_id("file-upload").first.set_input_files(sorted(tmp_path.glob("stray*.txt")))
        here.get_by_role("button", name="Stray Desk 3").click()
        listed(tab, "Stray 0", "Stray 1", "Stray 2")
        here.get_by_role("button", name="Tick all 3").click()
        here.get_by_role("button", name="Delete…", exact=True).click()
        here.get_by_role("button", name="Cancel").click()
        here.get_by_role("button", name="Delete…", exact=True).click()
        here.get_by_text("3 articles go from the index").wait_for()
        here.get_by_role("button", name="Really delete", exact=True).click()
        tab.locator("#dl-sources-said", has_text="3 articles were deleted.").wait_for()
        tab.locator("#dl-status", has_text="4 articles").wait_for()
        here.get_by_text("0 of 4 articles").wait_for()


@pytest.mark.slow
def test_what_another_process_indexes_is_shown(
    page: str,
    browser: Any,
    home: Path,
    briefs: Settings,
    embedder: Any,
) -> None:
    (home / "late.txt").write_text("Title: A late story\nSource: Desk Late\n\nThe last tram left Kiel.")
    with visiting(browser, page) as tab:
        here = articles(tab)
        build_index(load([home / "late.txt"]), replace(briefs, index_dir=home / "index"), embedder=embedder)
        tab.evaluate("() => window.datelineSources.look()")
        here.get_by_role("button", name="A late story").wait_for()
        assert "1 new article." in tab.locator("#dl-sources-said").inner_text()
        tab.locator("#dl-status", has_text="5 articles").wait_for()
        assert httpx.post(f"{page}/sources/delete", json={"ids": ["late"]}).json()["gone"] == ["late"]
        tab.evaluate("() => window.datelineSources.look()")
        tab.get_by_text("4 of 4 articles").wait_for()


class Feed(BaseHTTPRequestHandler):
    """A feed that grows by one entry each time that it is asked."""

    asked = 0

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        Feed.asked += self.path == "/feed.xml"
        entries = "".join(
            f"<item><title>Item {n}</title><link>http://{self.headers['Host']}/{n}</link><guid>g{n}</guid><description>"
            f"&lt;p&gt;{'The harbour of Halden saw ship number ' + str(n) + ' arrive in the morning. ' * 12}&lt;/p&gt;"
            "</description></item>"
            for n in range(1, Feed.asked + 1)
        )
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Halden Feed</title>{entries}</channel></rss>'
        found = self.path == "/feed.xml"
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/rss+xml")
        self.end_headers()
        self.wfile.write(text.encode() if found else b"")


@pytest.mark.slow
def test_a_feed_is_watched_and_refreshed_by_a_button(page: str, browser: Any) -> None:
    Feed.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/feed.xml"
    try:
        with visiting(browser, page) as tab:
            tab.set_default_timeout(60_000)
            here = articles(tab)
            here.get_by_role("button", name="Watch an address…").click()
            here.get_by_label("Address of a feed or page").fill("/etc")
            here.get_by_role("button", name="Watch it").click()
            tab.locator("#dl-sources-said", has_text="That is no web address").wait_for()
            here.get_by_role("button", name="Watch an address…").click()
            here.get_by_label("Address of a feed or page").fill(address)
            here.get_by_role("button", name="Watch it").click()
            here.get_by_role("button", name="Item 1").wait_for()
            assert "1 new" in here.locator(".dl-watched").inner_text()
            here.get_by_role("button", name=f"Refresh: {address}").click()
            here.get_by_role("button", name="Item 2").wait_for()
            here.get_by_role("button", name=f"Stop watching: {address}").click()
            here.locator(".dl-watched").wait_for(state="detached")
    finally:
        server.shutdown()


@pytest.mark.slow
def test_all_that_an_article_says_is_text(page: str, browser: Any) -> None:
    fetched: list[str] = []
    with visiting(browser, page) as tab:
        tab.on("request", lambda request: fetched.append(request.url))
        here = articles(tab)
        tab.locator("#dl-src-text").fill("zeppelin")
        tab.locator("#dl-src-text").press("Enter")
        listed(tab, f"Zeppelin {EVIL}")
        here.get_by_role("button", name=f"Zeppelin {EVIL}").click()
        tab.locator("#dl-panel .dl-article").wait_for()
        assert EVIL in here.locator(".dl-hit").first.inner_text()
        assert here.locator("img").count() == 0
    assert not any("evil" in url for url in fetched)


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(WIDE, "light"), (NARROW, "dark")],
    ids=["desktop-light", "phone-dark"],
)
@pytest.mark.slow
def test_the_articles_are_accessible_and_fit(
    page: str,
    browser: Any,
    size: dict[str, int],
    scheme: str,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
    with visiting(browser, page, size, scheme) as tab:
        here = articles(tab)
        tab.locator("#dl-src-text").fill("ferry")
        tab.locator("#dl-src-text").press("Enter")
        tab.locator(".dl-hit").first.wait_for()
        tab.locator("[data-tick]").first.check()
        here.get_by_role("button", name="Delete…", exact=True).click()
        for part in tab.locator("#dl-sources details:not([open]) > summary").all():
            part.click()
        found = [*Axe().run(tab, options=rules).response["violations"]]
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"
        here.get_by_role("button", name="The mill burns", exact=True).click()
        panel = tab.locator("#dl-panel")
        panel.get_by_role("button", name="Correct title, outlet or day").click()
        panel.get_by_text("Earlier versions: 1").click()
        panel.get_by_role("button", name=re.compile("show what changed")).click()
        panel.locator(".dl-earlier").wait_for()
        found += Axe().run(tab, options=rules).response["violations"]
    told = {f"{v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"]}
    assert told <= set(), "\n".join(sorted(told))


@pytest.mark.slow
def test_a_pdf_is_cited_by_its_page_and_opened_there(
    page: str,
    browser: Any,
    home: Path,
    briefs: Settings,
    embedder: Any,
) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(home / "report.pdf"))
    for fact in ("The council of Orvelt met on Monday.", "It spoke about the price of water and of roads.",
                 "The harbour master of Orvelt is called Nils Aber."):  # fmt: skip
        for n in range(12):
            canvas.drawString(72, 760 - 14 * n, f"{fact} Line {n} of this page tells more about the town and its quay.")
        canvas.showPage()
    canvas.save()
    settings = replace(briefs, index_dir=home / "index")
    build_index(load([home / "report.pdf"]), settings, embedder=embedder)
    with visiting(browser, page) as tab:
        answer = ask(tab, "What is the harbour master of Orvelt called?")
        assert "page 3" in answer.inner_text()
        answer.locator(".dl-claims .dl-cite").first.click()
        link = tab.locator("#dl-panel").get_by_role("link", name="open the PDF at this page")
        link.wait_for()
        assert "Page 3 of 3" in tab.locator("#dl-panel").inner_text()
        address = link.get_attribute("href")
    assert address == "/sources/original?article=report#page=3"
    served = httpx.get(f"{page}{address}")
    assert served.content == (home / "report.pdf").read_bytes()
    assert served.headers["content-type"] == "application/pdf"
    assert "script-src" not in served.headers["content-security-policy"]
    assert httpx.get(f"{page}{address}", headers={"host": "evil.example"}).status_code == 403
    assert httpx.post(f"{page}/sources/delete", json={"ids": ["report"]}).json()["gone"] == ["report"]
    assert httpx.get(f"{page}{address}").status_code == 404


# ---------------------------------------------------------------------- what is asked by other programs


def test_damaged_requests_are_told_in_words(page: str) -> None:
    for name, body, status in (
        ("list", {"since": "yesterday"}, 400),
        ("list", {"sources": "x"}, 400),
        ("list", {"page": "x"}, 400),
        ("earlier", {"id": "mill", "n": 99}, 400),
        ("correct", {"id": "nothing", "title": "x"}, 400),
        ("correct", {"id": "mill", "published": "2025-02-31"}, 400),
        ("collection", {"do": "add", "id": "nothing"}, 400),
        ("watch", {"do": "add", "what": "file:///etc/passwd"}, 400),
    ):
        answer = httpx.post(f"{page}/sources/{name}", json=body)
        assert answer.status_code == status, name
        assert answer.json()["error"]
    assert httpx.post(f"{page}/sources/list", json=[]).status_code == 422
    foreign = httpx.post(f"{page}/sources/delete", json={"ids": ["mill"]}, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403


def test_no_file_but_an_indexed_pdf_is_served(page: str, home: Path) -> None:
    for article in ("mill", "../mill", str(home / "mill.txt"), "/etc/passwd", ""):
        assert httpx.get(f"{page}/sources/original", params={"article": article}).status_code == 404

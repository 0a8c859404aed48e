"""The tasks of a working day, docs/TASKS.md, walked in a browser: none leaves the page, none takes more clicks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pages import ROOT, ask, main_home, serving, visiting
from test_page_sources import Feed

from rag.settings import Settings

WALKS: dict[int, Callable[[Any], None]] = {}


def written() -> dict[int, tuple[str, int]]:
    """Number, words and most clicks of each task that is written down."""
    rows = re.findall(r"^\| (\d+) \| (.+?) \| .* \| (\d+) \|$", (ROOT / "docs" / "TASKS.md").read_text(), re.M)
    return {int(number): (what, int(clicks)) for number, what, clicks in rows}


def task(number: int) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Registers the walk of a task."""

    def register(walk: Callable[[Any], None]) -> Callable[[Any], None]:
        WALKS[number] = walk
        return walk

    return register


@pytest.fixture(scope="module")
def home(tmp_path_factory: Any, briefs: Settings, embedder: Any) -> Path:
    """As the main page's, since the tasks add to it."""
    return main_home(tmp_path_factory.mktemp("tasks"), briefs, embedder)


@pytest.fixture(scope="module")
def page(home: Path, warm_cache: Path) -> Iterator[str]:
    with serving(home, warm_cache, DATELINE_ALLOW_PRIVATE_URLS="true") as url:
        yield url


def test_each_task_that_is_written_down_is_walked() -> None:
    assert set(WALKS) == set(written())


COUNTING = """window.clicks = 0;
  document.addEventListener("click", (e) => { if (e.isTrusted && e.detail) window.clicks += 1; }, true)"""


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(written()))
def test_a_task_takes_no_more_clicks_than_are_written_down(page: str, browser: Any, number: int) -> None:
    with visiting(browser, page) as tab:
        tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
        left: list[str] = []
        tab.on("framenavigated", lambda frame: left.append(frame.url))
        tab.evaluate(COUNTING)
        WALKS[number](tab)
        assert not [url for url in left if not url.startswith(page)]
        assert tab.evaluate("window.clicks") <= written()[number][1]


def copied(tab: Any) -> str:
    return str(tab.evaluate("navigator.clipboard.readText()"))


def button(within: Any, name: str) -> Any:
    return within.get_by_role("button", name=name, exact=True)


def articles(tab: Any) -> Any:
    """The list of articles."""
    tab.get_by_role("tab", name="Articles").click()
    tab.locator("#dl-sources .dl-table").wait_for()
    return tab.locator("#dl-sources")


@contextmanager
def feed() -> Iterator[str]:
    """The address of a feed that has one more entry each time that it is asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/feed.xml"
    server.shutdown()


def upload(tab: Any, name: str, text: str) -> None:
    """Drop a file; where its place is folded away it is unfolded, which is no click of the task."""
    tab.get_by_role("tab", name="Articles").evaluate("e => e.click()")
    # By what the button says of itself: what it unfolds may take a while to be there.
    tab.get_by_role("button", name="Add articles").evaluate("e => e.classList.contains('open') || e.click()")
    file = {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
    tab.get_by_test_id("file-upload").first.set_input_files([file])
    tab.locator("#dl-outcome", has_text=name).wait_for(timeout=60_000)


@task(1)
def add_files(tab: Any) -> None:
    here = articles(tab)
    tab.get_by_role("button", name="Add articles").click()
    upload(tab, "stray.txt", "Title: A stray dog\nSource: Stray Desk\n\nA stray dog was seen in Kiel.")
    here.get_by_role("button", name="A stray dog").wait_for()


@task(2)
def watch_a_feed(tab: Any) -> None:
    with feed() as address:
        here = articles(tab)
        button(here, "Watch an address…").click()
        here.get_by_label("Address of a feed or page").fill(address)
        here.get_by_label("Address of a feed or page").press("Enter")
        here.get_by_role("button", name=re.compile("^Item ")).first.wait_for(timeout=60_000)


@task(3)
def refresh_a_feed(tab: Any) -> None:
    with feed() as address:
        added = tab.request.post(f"{tab.url}sources/watch", data={"do": "add", "what": address}, timeout=60_000)
        assert added.ok, added.text()
        before = Feed.asked
        here = articles(tab)
        button(here, f"Refresh: {address}").click()
        here.locator(".dl-open", has_text=re.compile(f"^Item {before + 1}$")).wait_for(timeout=60_000)


@task(4)
def find_words(tab: Any) -> None:
    here = articles(tab)
    tab.locator("#dl-src-text").fill("satellite pictures")
    tab.locator("#dl-src-text").press("Enter")
    here.locator("tr", has=tab.locator(".dl-hit mark")).locator(".dl-open").first.click()
    tab.locator("#dl-panel mark.dl-quote").first.wait_for()


@task(5)
def correct_a_day(tab: Any) -> None:
    here = articles(tab)
    here.locator(".dl-open", has_text="The bell, part 1").click()
    panel = tab.locator("#dl-panel")
    button(panel, "Correct title, outlet or day").click()
    panel.get_by_label("Day").fill("2025-01-02")
    panel.get_by_label("Title").press("Enter")
    panel.locator(".dl-by-hand", has_text="2025-01-01").wait_for()


@task(6)
def delete_an_outlet_s(tab: Any) -> None:
    upload(tab, "stray2.txt", "Title: A second dog\nSource: Stray Desk\n\nA second stray dog was seen in Kiel.")
    here = articles(tab)
    here.get_by_role("button", name=re.compile("^Stray Desk ")).click()
    here.locator(".dl-chip", has_text="Stray Desk").wait_for()
    here.get_by_role("button", name=re.compile("^Tick all ")).click()
    button(here, "Delete…").click()
    button(here, "Really delete").click()
    tab.locator("#dl-sources-said", has_text="deleted").wait_for()
    here.get_by_text(re.compile("^0 of ")).wait_for()


@task(7)
def gather(tab: Any) -> None:
    here = articles(tab)
    for n in (1, 2):
        here.get_by_label(f"Tick The bell, part {n}").click()
    button(here, "New collection…").click()
    here.get_by_label("Name of the new collection").fill("Bells")
    here.get_by_label("Name of the new collection").press("Enter")
    button(here, "Bells 2").wait_for()


@task(8)
def ask_a_collection(tab: Any) -> None:
    found = tab.request.post(f"{tab.url}sources/collection", data={"do": "make", "name": "Bell", "ids": ["bell-a"]})
    assert found.ok, found.text()
    here = articles(tab)
    button(here, "Bell 1").click()
    button(here, "Ask this collection").click()
    tab.locator("#dl-filters", has_text="Collection: Bell").wait_for()
    assert "4,200" in ask(tab, "How much does the new bell of the tower weigh?").inner_text()


@task(9)
def who_is_mentioned(tab: Any) -> None:
    here = articles(tab)
    here.get_by_role("button", name=re.compile("^Zabihullah Mujahid ")).click()
    here.locator(".dl-chip", has_text="Zabihullah Mujahid").wait_for()
    assert here.locator(".dl-open").count() >= 2


@task(10)
def an_earlier_version(tab: Any) -> None:
    for height in (90, 95):
        text = f"Title: The mast\nSource: Mast Desk\n\nThe mast beside the harbour of Orvelt is {height} metres tall."
        upload(tab, "mast.txt", text)
        tab.locator("#dl-outcome", has_text="replaced" if height == 95 else "mast.txt").wait_for()
    here = articles(tab)
    here.locator(".dl-open", has_text="The mast").click()
    panel = tab.locator("#dl-panel")
    panel.get_by_text("Earlier versions: 1").click()
    panel.get_by_role("button", name=re.compile("show what changed")).click()
    assert panel.locator(".dl-earlier ins").inner_text() == "95"


@task(30)
def one_month(tab: Any) -> None:
    here = articles(tab)
    button(here, "month").click()
    here.get_by_role("button", name=re.compile("^2025-11-01 to 2025-11-30: ")).click()
    here.locator(".dl-chip", has_text="2025-11-01 to 2025-11-30").wait_for()


@task(31)
def ask_two(tab: Any) -> None:
    here = articles(tab)
    for n in (1, 2):
        here.get_by_label(f"Tick The bell, part {n}").click()
    button(here, "Ask only these").click()
    tab.locator("#dl-filters", has_text="Only 2 chosen articles").wait_for()
    assert "4,600" in ask(tab, "How much does the new bell of the tower weigh?").inner_text()


@task(11)
def read_a_source(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?").locator(".dl-cite").first.click()
    tab.locator("#dl-panel mark.dl-quote", has_text="Doha").wait_for()


@task(12)
def read_two_sources(tab: Any) -> None:
    ask(tab, "How long is the border?").locator(".dl-cite").nth(1).click()
    tab.locator("#dl-panel mark.dl-quote", has_text="border").first.wait_for()
    tab.keyboard.press("Escape")
    tab.locator("#dl-panel").wait_for(state="hidden")


@task(13)
def follow_up(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    assert "October" in ask(tab, "And when?").inner_text()


@task(14)
def without_the_time(tab: Any) -> None:
    answer = ask(tab, "Where was the ceasefire signed last week?")
    answer.get_by_role("button", name="Ask again without").click()
    tab.locator(".dl-turn[data-turn='1'] .dl-answered", has_text="Doha").wait_for()


@task(15)
def short_answers(tab: Any) -> None:
    tab.get_by_role("button", name="Filters and model").click()
    tab.get_by_label("Short", exact=True).click()
    assert ask(tab, "Why did the talks fail?").locator(".dl-claims .dl-claim").count() == 1


@task(16)
def take_it_along(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    button(tab, "Copy answer").click()
    button(tab, "Copied").wait_for()
    assert "Sample Desk" in copied(tab)


@task(17)
def copy_a_quote(tab: Any) -> None:
    button(ask(tab, "Where was the ceasefire signed?"), "Copy this quote").first.click()
    tab.locator("#dl-said", has_text="Copied").wait_for()
    assert copied(tab).startswith("“")


@task(18)
def export_for_word(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    tab.locator(".dl-tools summary").click()
    with tab.expect_download() as download:
        button(tab.locator(".dl-tools"), "Export for Word").click()
    assert download.value.suggested_filename.endswith(".docx")


@task(19)
def table_of_claims(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    tab.locator(".dl-item.dl-here summary").click()
    with tab.expect_download() as download:
        button(tab.locator(".dl-item.dl-here"), "Export claims as CSV").click()
    assert "Doha" in Path(download.value.path()).read_text(encoding="utf-8-sig")


@task(20)
def link_to_an_answer(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    tab.locator(".dl-tools summary").click()
    button(tab.locator(".dl-tools"), "Copy link").click()
    tab.locator("#dl-said", has_text="Copied").wait_for()
    assert "#c=" in copied(tab)


@task(21)
def link_to_a_quote(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?").locator(".dl-cite").first.click()
    button(tab.locator("#dl-panel"), "Copy link").click()
    button(tab.locator("#dl-panel"), "Copied").wait_for()
    assert re.search(r"#a=.*&q=", copied(tab))


@task(32)
def day_by_day(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    button(tab.locator(".dl-tools"), "Timeline").click()
    tab.locator(".dl-turn[data-turn='1'] .dl-answered").wait_for()
    told = tab.locator(".dl-turn[data-turn='1'] .dl-words").all_inner_texts()
    days = [datetime.strptime(words.partition(":")[0], "%d %B %Y") for words in told]
    assert len(days) > 2
    assert days == sorted(days)


@task(22)
def ask_what_is_suggested(tab: Any) -> None:
    ask(tab, "Why did the talks fail?")
    tab.locator(".dl-next .dl-example").first.click()
    tab.locator(".dl-turn[data-turn='1'] .dl-answered").wait_for()


@task(23)
def find_an_old_answer(tab: Any) -> None:
    ask(tab, "How much does the new bell of the tower weigh?")
    tab.keyboard.press("Escape")
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("s")
    tab.keyboard.type("kilograms tower")
    tab.locator("#dl-found .dl-goto").first.click()
    tab.locator(".dl-question", has_text="How much does the new bell").first.wait_for()


@task(24)
def name_and_pin(tab: Any) -> None:
    ask(tab, "Where was the ceasefire signed?")
    item = tab.locator(".dl-item.dl-here")
    item.locator("summary").click()
    button(item, "Rename…").click()
    tab.keyboard.type("Truce")
    tab.keyboard.press("Enter")
    item.locator(".dl-name", has_text="Truce").wait_for()
    item.locator("summary").click()
    button(item, "Pin").click()
    item.get_by_title("Pinned").wait_for()


@task(25)
def correct(tab: Any) -> None:
    ask(tab, "Who won the World Cup?")
    button(tab, "Wrong").click()
    tab.keyboard.type("Argentina")
    tab.keyboard.press("Enter")
    tab.locator("#dl-said", has_text="Kept").wait_for()


@task(26)
def another_model(tab: Any) -> None:
    tab.get_by_role("tab", name="Settings").click()
    button(tab, "Use smollm2-135m").click()
    tab.locator(".dl-model.dl-here", has_text="smollm2-135m").wait_for()


@task(27)
def in_the_dark(tab: Any) -> None:
    for _ in range(2):
        tab.get_by_role("button", name="Theme:").click()
    tab.wait_for_function("() => document.body.classList.contains('dark')")


@task(28)
def print_it(tab: Any) -> None:
    tab.evaluate("window.print = () => { window.printed = true }")
    ask(tab, "Where was the ceasefire signed?")
    tab.locator(".dl-tools summary").click()
    button(tab.locator(".dl-tools"), "Print").click()
    tab.wait_for_function("() => window.printed")


@task(29)
def without_the_mouse(tab: Any) -> None:
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("/")
    tab.keyboard.type("Where was the ceasefire signed?")
    tab.keyboard.press("Enter")
    tab.locator(".dl-answered").wait_for()
    tab.evaluate("document.activeElement.blur()")
    number = tab.locator(".dl-cite").first.inner_text().strip("[]")
    tab.keyboard.press(number)
    tab.locator("#dl-panel mark.dl-quote").wait_for()
    tab.keyboard.press("Escape")
    tab.locator("#dl-panel").wait_for(state="hidden")
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("c")
    button(tab, "Copied").wait_for()
    assert "Doha" in copied(tab)

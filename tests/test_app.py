"""The page in a real process, asked by Gradio's own client and, where it is installed, by a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.articles import load
from rag.indexing.build import build_index
from rag.settings import Settings

ROOT = Path(__file__).parent.parent
PAYLOAD = (
    '<img src=x onerror="document.title=1"> <script>document.title=2</script> **bold** [link](javascript:alert(1))'
)


@pytest.fixture(scope="module")
def page(briefs: Settings, tmp_path_factory: Any, embedder: Any, cache_dir: Path) -> Iterator[str]:
    """A page over the briefs and one hostile article, with extracts for speed."""
    folder = tmp_path_factory.mktemp("hostile")
    settings = replace(briefs, index_dir=folder / "index")
    (folder / "evil.txt").write_text(f"Zeppelin {PAYLOAD}\n\nThe zeppelin landed in Lakehurst {PAYLOAD} that day.")
    build_index(load([ROOT / "samples" / "briefs", folder / "evil.txt"]), settings, embedder=embedder)
    environment = os.environ | {
        "DATELINE_INDEX_DIR": str(settings.index_dir),
        "DATELINE_CACHE_DIR": str(cache_dir),
        "DATELINE_MODEL": "extracts",
        "DATELINE_PORT": "0",
        "PYTHONUNBUFFERED": "1",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(600):
            text = (folder / "log").read_text()
            if found := re.search(r"http://127\.0\.0\.1:\d+", text):
                break
            assert process.poll() is None, text
            time.sleep(0.1)
        assert found
        yield found[0]
    finally:
        process.kill()
        process.wait()


def test_other_programs_can_ask(page: str) -> None:
    from gradio_client import Client

    answer = Client(page, verbose=False).predict("Where was the ceasefire signed?", api_name="/ask")
    assert answer["kind"] == "extracts"
    assert "Doha" in answer["text"]
    assert answer["claims"][0]["citations"][0]["quote"] == answer["claims"][0]["text"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()


def ask(browser: Any, page: str, question: str) -> Any:
    tab = browser.new_page(viewport={"width": 1100, "height": 900})
    tab.goto(page)
    box = tab.get_by_role("textbox").last
    box.fill(question)
    box.press("Enter")
    tab.get_by_text(re.compile("Sources|Nearest passages")).first.wait_for(timeout=60_000)
    return tab


def test_a_question_in_the_browser(page: str, browser: Any) -> None:
    tab = ask(browser, page, "Where was the ceasefire signed?")
    text = tab.locator("[data-testid=bot]").last.inner_text()
    assert "no language model" in text
    assert "Doha" in text
    assert re.search(r"\[1\] .+ — Sample Desk \w", text)
    tab.close()


def test_an_article_cannot_write_html_into_the_page(page: str, browser: Any) -> None:
    tab = ask(browser, page, "Where did the zeppelin land?")
    bot = tab.locator("[data-testid=bot]").last
    assert 'onerror="document.title=1"' in bot.inner_text()
    assert "**bold**" in bot.inner_text()
    assert bot.locator("img[src=x], script, a[href^=javascript], strong").count() == 0
    assert tab.title() == "Dateline"
    tab.close()


def test_a_page_for_all_the_network_is_refused(briefs: Settings) -> None:
    code = "import app; from rag.settings import Settings; app.serve(Settings.load(host='0.0.0.0'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "has no login yet" in done.stderr

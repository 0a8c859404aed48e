"""Makes the pictures of the README: `make screenshots`. Starts the page over the bundled sample, in its own folder."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "benchmarks"))
from serving import index_sample, started  # noqa: E402

SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


def ask(tab: Any, question: str) -> Any:
    """Ask and wait for the whole answer; returns it."""
    before = tab.locator(".dl-answer:not(.dl-writing)").count()
    tab.locator("#dl-question textarea").fill(question)
    tab.keyboard.press("Enter")
    tab.wait_for_function("n => document.querySelectorAll('.dl-answer:not(.dl-writing)').length > n", arg=before)
    tab.get_by_role("button", name="Ask", exact=True).wait_for()
    tab.wait_for_timeout(700)
    return tab.locator(".dl-answer").last


def shoot(url: str) -> None:
    """Every picture at both sizes; the dark one at the desktop's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, size in SIZES.items():
            tab = browser.new_context(viewport=size, color_scheme="light").new_page()
            _visit(tab, url)
            ask(tab, "Who mediated?").locator(".dl-cite").first.click()
            tab.locator("mark.dl-quote").first.wait_for()
            tab.wait_for_timeout(500)
            tab.screenshot(path=DOCS / f"{name}-citation.png")
            tab.keyboard.press("Escape")
            ask(tab, "Who won the World Cup?")
            tab.screenshot(path=DOCS / f"{name}-abstention.png")
            ask(tab, "How long is the border?")
            tab.locator(".dl-next .dl-example").first.wait_for()
            tab.screenshot(path=DOCS / f"{name}-disagreement.png")
            for what in ("Articles", "Settings"):
                tab.get_by_role("tab", name=what).click()
                tab.locator({"Articles": "#dl-articles table tbody tr", "Settings": ".dl-model"}[what]).first.wait_for()
                tab.wait_for_timeout(700)
                tab.screenshot(path=DOCS / f"{name}-{what.lower()}.png")
        tab = browser.new_context(viewport=SIZES["desktop"], color_scheme="dark").new_page()
        _visit(tab, url)
        ask(tab, "How long is the border?").locator(".dl-cite").first.click()
        tab.locator("mark.dl-quote").first.wait_for()
        tab.wait_for_timeout(500)
        tab.screenshot(path=DOCS / "desktop-dark.png")
        browser.close()


def _visit(tab: Any, url: str) -> None:
    tab.goto(url)
    tab.locator("#dl-status", has_text="articles").wait_for()
    tab.wait_for_function("() => window.dateline")
    tab.locator(".dl-example").first.wait_for()  # by then the models are loaded
    tab.wait_for_timeout(700)


def main() -> None:
    """Start the page, shoot, stop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index_sample(folder)
        with started(folder) as page:
            shoot(page.url)


if __name__ == "__main__":
    main()

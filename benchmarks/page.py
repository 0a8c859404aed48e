"""How soon the page can be used, how soon it answers, and what a question sends: `python benchmarks/page.py`.

Over the bundled sample, in a browser (Debian's chromium), without a language model. Prints seconds of the clock and of
the processor, since another program's work counts in the former only; medians of `--runs` starts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from serving import index_sample, started

READY = (
    "() => window.dateline && document.querySelector('.dl-welcome') && document.querySelector('#dl-question textarea')"
)
QUESTIONS = ("Where was the ceasefire signed?", "Who mediated?", "How long is the border?")


def ask(tab: Any, text: str) -> float:
    """Seconds until the answer stands there."""
    before = tab.locator(".dl-answer:not(.dl-writing)").count()
    began = time.perf_counter()
    tab.locator("#dl-question textarea").fill(text)
    tab.keyboard.press("Enter")
    tab.wait_for_function("n => document.querySelectorAll('.dl-answer:not(.dl-writing)').length > n", arg=before)
    took = time.perf_counter() - began
    tab.get_by_role("button", name="Ask", exact=True).wait_for()
    return took


def measure(browser: Any, folder: Path, turns: int) -> dict[str, float]:
    """One start, and a conversation of so many turns."""
    with started(folder) as page:
        told = {"socket, s": page.seconds(), "socket, processor s": page.processor_seconds()}
        tab = browser.new_context().new_page()
        tab.set_default_timeout(120_000)
        tab.goto(page.url)
        tab.wait_for_function(READY)
        told |= {"usable, s": page.seconds(), "usable, processor s": page.processor_seconds()}
        told["first answer after the start, s"] = page.seconds() + ask(tab, QUESTIONS[0])
        took = [ask(tab, QUESTIONS[n % len(QUESTIONS)]) for n in range(turns - 2)]
        wire, received = tab.context.new_cdp_session(tab), []
        wire.send("Network.enable")
        wire.on("Network.dataReceived", lambda event: received.append(event["dataLength"]))
        took.append(ask(tab, QUESTIONS[0]))
        tab.wait_for_timeout(3000)  # what is asked next is sent, too
        return told | {"answer, s": statistics.median(took), f"bytes in turn {turns}": float(sum(received))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--turns", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        index_sample(folder)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        runs = [measure(browser, folder, given.turns if n == 0 else 3) for n in range(given.runs)]
        for key in runs[0]:
            values = [run[key] for run in runs if key in run]
            print(
                f"{key}: {statistics.median(values):,.2f} ({min(values):,.2f} to {max(values):,.2f}, n {len(values)})"
            )
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""How soon the page can be used, how soon it answers, and what a question sends: `python benchmarks/page.py`.

Over the bundled sample, in a browser (Debian's chromium), without a language model. Prints seconds of the clock and of
the processor, since another program's work counts in the former only; medians of `--runs` starts.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
READY = (
    "() => window.dateline && document.querySelector('.dl-welcome') && document.querySelector('#dl-question textarea')"
)
QUESTIONS = ("Where was the ceasefire signed?", "Who mediated?", "How long is the border?")


def processor_seconds(pid: int) -> float:
    """What a process has used so far (Linux)."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


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
    environment = os.environ | {
        "DATELINE_INDEX_DIR": str(folder / "index"), "DATELINE_DATA_DIR": str(folder / "data"),
        "DATELINE_MODEL": "extracts", "DATELINE_PORT": "0", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    log, began = folder / "log", time.perf_counter()
    with log.open("w") as out:
        page = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            if page.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.02)
        told = {"socket, s": time.perf_counter() - began, "socket, processor s": processor_seconds(page.pid)}
        tab = browser.new_context().new_page()
        tab.set_default_timeout(120_000)
        tab.goto(found[0])
        tab.wait_for_function(READY)
        told |= {"usable, s": time.perf_counter() - began, "usable, processor s": processor_seconds(page.pid)}
        told["first answer after the start, s"] = time.perf_counter() - began + ask(tab, QUESTIONS[0])
        took = [ask(tab, QUESTIONS[n % len(QUESTIONS)]) for n in range(turns - 2)]
        wire, received = tab.context.new_cdp_session(tab), []
        wire.send("Network.enable")
        wire.on("Network.dataReceived", lambda event: received.append(event["dataLength"]))
        took.append(ask(tab, QUESTIONS[0]))
        tab.wait_for_timeout(3000)  # what is asked next is sent, too
        return told | {"answer, s": statistics.median(took), f"bytes in turn {turns}": float(sum(received))}
    finally:
        page.kill()
        page.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--turns", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        settings = os.environ | {"DATELINE_INDEX_DIR": str(folder / "index")}
        subprocess.run([sys.executable, "-m", "rag.cli", "index", "--sample"], check=True, env=settings, cwd=ROOT)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        runs = [measure(browser, folder, given.turns if n == 0 else 3) for n in range(given.runs)]
        for key in runs[0]:
            values = [run[key] for run in runs if key in run]
            print(
                f"{key}: {statistics.median(values):,.2f} ({min(values):,.2f} to {max(values):,.2f}, n {len(values)})"
            )


if __name__ == "__main__":
    main()

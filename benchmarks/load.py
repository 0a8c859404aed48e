"""The page's server with several readers at once: `python benchmarks/load.py --readers 10 --questions 20`.

Each reader asks its questions one after the other through the page's API, of an index of the bundled sample, or of
`--index`. Prints p50, p95 and the slowest answer in seconds, the server's processor time an answer, which other work on
the machine changes less, and its memory before, halfway and after.
With `--model NAME` that language model writes the answers, one at a time; else the extracts speak.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from serving import index_sample, started


def answer(url: str, question: str) -> None:
    """Ask and wait for the whole answer."""
    with httpx.Client(base_url=f"{url}/gradio_api/call", timeout=600) as client:
        event = client.post("/ask", json={"data": [question, [], "", "", 0, "", []]}).json()["event_id"]
        with client.stream("GET", f"/ask/{event}") as lines:
            told = "".join(lines.iter_text())
    if "event: complete" not in told:
        raise SystemExit(told[-500:])


def main() -> None:
    """Start the server, ask, print."""
    from rag.evaluation.gold import read_gold
    from rag.resources import resource

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--questions", type=int, default=20, help="of each reader")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--model", default="extracts")
    given = parser.parse_args()
    asked = [item.question for item in read_gold(resource("eval", "gold", "briefs.jsonl"))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.index is None:
            index_sample(folder)
        settings = {"DATELINE_INDEX_DIR": str(given.index or folder / "index"), "DATELINE_MODEL": given.model}
        with started(folder, settings) as page:
            answer(page.url, asked[0])  # the models are loaded by the first question

            def read(reader: int) -> list[float]:
                took = []
                for n in range(given.questions):
                    began = time.perf_counter()
                    answer(page.url, asked[(7 * reader + n) % len(asked)])
                    took.append(time.perf_counter() - began)
                return took

            sizes, used = [page.memory()], page.processor_seconds()
            with ThreadPoolExecutor(given.readers) as pool:
                began = time.perf_counter()
                first = list(pool.map(read, range(given.readers)))
                sizes.append(page.memory())
                second = list(pool.map(read, range(given.readers)))
                seconds = time.perf_counter() - began
            sizes.append(page.memory())
            used = page.processor_seconds() - used
    took = np.concatenate([np.ravel(first), np.ravel(second)])
    p50, p95 = np.percentile(took, [50, 95])
    print(
        f"{given.readers} readers, {len(took)} questions, {given.model}: p50 {p50:.2f} s, p95 {p95:.2f} s, "
        f"slowest {took.max():.2f} s, {len(took) / seconds:.1f} answers/s, "
        f"{1000 * used / len(took):.0f} ms of processor time each; load of the machine {os.getloadavg()[0]:.1f}"
    )
    print(f"memory of the server, MB: {', '.join(f'{size:.0f}' for size in sizes)}")


if __name__ == "__main__":
    main()

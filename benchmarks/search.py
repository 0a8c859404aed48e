"""Indexing rate and search latency on this machine.

    python benchmarks/search.py [--articles PATH] [--copies N] [--searches N]

Prints passages per second of indexing (splitting, embedding, writing) and p50 and p95 of a search in milliseconds.
Compare figures of one run only: timings differ from machine to machine and from hour to hour.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag.articles import load
from rag.evaluation.gold import read_gold
from rag.indexing.build import build_index
from rag.models.embedder import SentenceTransformerEmbedder
from rag.resources import resource
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article, Refusal


def copies(path: Path, n: int) -> Iterator[Article | Refusal]:
    """The articles of a path, n times, each copy marked so that it is no duplicate."""
    for copy in range(n):
        for item in load([path]):
            if isinstance(item, Article) and copy:
                words = item.text.split(" ")
                text = " ".join(word + (f" {copy}x{at}" if at % 4 == 0 else "") for at, word in enumerate(words))
                item = replace(item, id=f"{item.id}-{copy}", origin=f"{item.origin}-{copy}", text=text)
            yield item


def seconds(arguments: list[str]) -> float:
    """Median wall time of five runs of the interpreter."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, default=resource("samples", "briefs"))
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--searches", type=int, default=300)
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    questions = [item.question for item in read_gold(resource("eval", "gold", "briefs.jsonl"))]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(index_dir=Path(folder, "index"))
        report = build_index(copies(options.articles, options.copies), settings, embedder=embedder)
        rate = report.passages / report.seconds
        print(f"indexed {len(report.added)} articles, {report.passages} passages: {rate:.0f} passages/s")
        with Retriever.open(settings=settings, embedder=embedder) as retriever:
            retriever.search(questions[0])
            taken = []
            for n in range(options.searches):
                started = time.perf_counter()
                retriever.search(questions[n % len(questions)])
                taken.append(1000 * (time.perf_counter() - started))
        p50, p95 = np.percentile(taken, [50, 95])
        print(f"{options.searches} searches: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    for name, command in {
        "python -c pass": ["-c", "pass"],
        "import rag": ["-c", "import rag"],
        "rag --help": ["-m", "rag.cli", "--help"],
    }.items():
        print(f"{name}: {seconds(command):.3f} s")


if __name__ == "__main__":
    main()

"""Latency of a search and of an answer with extracts, beside other tools over the same passages.

    python benchmarks/search.py [--articles PATH] [--copies N] [--searches N] [--drawn] [--peers]

Each question is asked of one after the other, ours first, so that whatever else runs on the machine falls on all alike;
prints p50 and p95 in milliseconds and the ratio of the medians, and how long the commands take to start. `--drawn`
draws the passages' vectors at random, which changes no latency and saves the embedding; questions are embedded all the
same. `--peers` needs: pip install -e '.[benchmarks]'
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.bot import Bot
from rag.articles import load
from rag.evaluation.gold import read_gold
from rag.indexing.build import build_index
from rag.models.embedder import LazyEmbedder
from rag.resources import resource
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article, Refusal


class Recorded(LazyEmbedder):
    """The encoder, which keeps what it was given and gave; with `drawn`, passages' vectors are drawn."""

    drawn = False

    def encode_spans(self, texts: Sequence[str], spans: Sequence[Any]) -> Any:
        """See `Embedder.encode_spans`."""
        rows, parts = self._draw(spans) if self.drawn else super().encode_spans(texts, spans)
        self.texts = [*getattr(self, "texts", ()), *texts]
        self.vectors = [*getattr(self, "vectors", ()), *rows]
        return rows, parts

    def _draw(self, spans: Sequence[Any]) -> Any:
        numbers = np.random.default_rng(len(getattr(self, "texts", ())))
        sizes = (len(spans), *map(len, spans))
        drawn = [numbers.standard_normal((n, self.dimension), dtype=np.float32) for n in sizes]
        drawn = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in drawn]
        return drawn[0], drawn[1:]


def copies(path: Path, n: int) -> Iterator[Article | Refusal]:
    """The articles of a path, n times, each copy marked so that it is no duplicate."""
    for copy in range(n):
        for item in load([path]):
            if isinstance(item, Article) and copy:
                words = item.text.split(" ")
                text = " ".join(word + (f" {copy}x{at}" if at % 4 == 0 else "") for at, word in enumerate(words))
                item = replace(item, id=f"{item.id}-{copy}", origin=f"{item.origin}-{copy}", url="", text=text)
            yield item


def seconds(arguments: list[str]) -> float:
    """Median wall time of five runs of the interpreter."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def peers(texts: Sequence[str], vectors: np.ndarray) -> dict[str, Callable[[str], object]]:
    """The searches of other tools over the same passages, with the same vectors."""
    from peers import bm25s_search, langchain_search, txtai_search

    found = {
        "txtai hybrid": txtai_search(texts, vectors),
        "LangChain FAISS": langchain_search(texts, vectors),
        "bm25s": bm25s_search(texts),
    }
    return {name: lambda question, search=search: search(question, 8) for name, search in found.items()}


def main() -> None:
    """Index, ask in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, default=resource("samples", "briefs"))
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--drawn", action="store_true", help="draw the passages' vectors")
    parser.add_argument("--peers", action="store_true", help="also txtai, LangChain and bm25s")
    options = parser.parse_args()
    questions = [item.question for item in read_gold(resource("eval", "gold", "briefs.jsonl"))]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load({"DATELINE_MODEL": "extracts"}, index_dir=Path(folder, "index"))
        embedder = Recorded(settings.embedding_model, settings.cache_dir)
        embedder.drawn = options.drawn
        report = build_index(copies(options.articles, options.copies), settings, embedder=embedder)
        print(
            f"{len(report.added)} articles, {report.passages} passages: {report.passages / report.seconds:.0f} a second"
        )
        with Retriever.open(settings=settings, embedder=embedder) as retriever:
            bot = Bot.around(retriever, settings)
            asked: dict[str, Callable[[str], object]] = {"ours": retriever.search}
            asked |= peers(embedder.texts, np.stack(embedder.vectors)) if options.peers else {}
            asked["ours, answer with extracts"] = bot.ask
            taken: dict[str, list[float]] = {name: [] for name in asked}
            for n in range(-10, options.searches):  # the first ten warm up
                for name, search in asked.items():
                    started = time.perf_counter()
                    search(questions[n % len(questions)])
                    taken[name] += [1000 * (time.perf_counter() - started)] if n >= 0 else []
        for name, times in taken.items():
            p50, p95 = np.percentile(times, [50, 95])
            ratio = f", ours {np.median(taken['ours']) / p50:.2f} of it" if name != "ours" else ""
            print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, n {len(times)}{ratio}")
    for name, command in {
        "python -c pass": ["-c", "pass"],
        "import rag": ["-c", "import rag"],
        "rag --help": ["-m", "rag.cli", "--help"],
    }.items():
        print(f"{name}: {seconds(command):.3f} s")


if __name__ == "__main__":
    main()

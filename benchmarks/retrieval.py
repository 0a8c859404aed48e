"""Retrieval on RealTimeQA: what each part of the retriever is worth, and other tools on the same passages.

    python benchmarks/retrieval.py QUESTIONS ARTICLES --work /tmp/retrieval [--questions 200] [--held-out] [--tools]

Draws questions with a supporting article and keeps the articles that their web search gave (at most two that hold the
answer and two that do not, of each question); every kept article is searched for every question. A hit is a passage of
a supporting article that holds the answer. Rows are printed for dev (even ISO weeks) and test (odd weeks), the change
against the first row with the p of a paired test (McNemar for Hits@4, sign flips for MRR@10).
`--held-out` draws from the questions that nothing was trained on; `--answers` asks the bot itself.
Vectors are kept in --work, so a second run takes minutes. `--tools` needs: pip install -e '.[benchmarks]'
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import rag.retrieval.retriever as retriever_module
from rag.answering.bot import Bot
from rag.articles.load import load
from rag.evaluation import metrics
from rag.evaluation.compare import mcnemar, sign_flip
from rag.evaluation.gold import GoldItem
from rag.evaluation.public import realtimeqa
from rag.evaluation.runner import run
from rag.indexing import build
from rag.indexing.contract import StoredPassage
from rag.models.embedder import LazyEmbedder
from rag.models.reader import shipped_reader
from rag.retrieval.retriever import Retriever, search_words
from rag.settings import PACKAGED_EMBEDDING_MODEL, Settings
from rag.types import Hit

DEPTH = 100
#: What is trained learned from RealTimeQA questions asked before this day (training/README.md), and from none since.
HELD_OUT = date(2023, 9, 1)
Row = int


class KeptEmbedder(LazyEmbedder):
    """The packaged encoder as the product runs it, its vectors kept on disk by text."""

    def __init__(self, path: Path) -> None:
        super().__init__(PACKAGED_EMBEDDING_MODEL, path.parent / "cache")
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")

    def encode(self, texts: Sequence[str], *, kind: str, progress: Any = None) -> Any:
        """As the encoder's."""
        keys = [hashlib.sha1(f"{kind} {text}".encode("utf-8", "surrogatepass")).digest() for text in texts]
        kept = {key: self._db.execute("SELECT vector FROM vectors WHERE key = ?", [key]).fetchone() for key in keys}
        missing = [n for n, key in enumerate(keys) if kept[key] is None]
        if missing:
            made = super().encode([texts[n] for n in missing], kind=kind, progress=progress)
            with self._db:
                self._db.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(keys[n], vector.tobytes()) for n, vector in zip(missing, made, strict=True)],
                )
            kept |= {keys[n]: (vector.tobytes(),) for n, vector in zip(missing, made, strict=True)}
        return np.stack([np.frombuffer(kept[key][0], dtype=np.float32) for key in keys])


@dataclass
class Found:
    """Both rankings of one question, and the passages they name."""

    item: GoldItem
    dense: list[tuple[Row, float]]
    bm25: list[tuple[Row, float]]
    passages: dict[Row, StoredPassage]


class Searched:
    """An index of the articles, and both rankings of every question."""

    def __init__(self, work: Path, items: Sequence[GoldItem], embedder: KeptEmbedder) -> None:
        settings = Settings.load({}, index_dir=work / "index", cache_dir=work / "cache")
        if not settings.index_dir.exists():
            build.build_index(load([work / "articles.jsonl"]), settings, embedder=embedder)
        self.retriever = Retriever.open(settings=settings, embedder=embedder)
        self.store = self.retriever._store
        self.found = [self._both(item) for item in items]

    def _both(self, item: GoldItem) -> Found:
        vector = self.retriever.embedder.encode([item.question], kind="query")[0]
        dense = self.store.search_vectors(vector, DEPTH)
        bm25 = self.store.search_text(search_words(item.question), DEPTH)
        return Found(item, dense, bm25, self.store.passages([row for row, _ in (*dense, *bm25)]))


def order(found: Found, **weights: float) -> list[Hit]:
    """The first ten hits by the product's fusion alone, with other weights where given; 0 leaves a ranking out."""
    rankings = {"dense": [row for row, _ in found.dense], "bm25": [row for row, _ in found.bm25]}
    kept = {name: rows for name, rows in rankings.items() if weights.get(name, 1)}
    fused = retriever_module.fuse(kept, {**retriever_module.WEIGHTS, **weights})
    chosen = retriever_module._choose(fused, found.passages, 10, Settings.load({}).max_per_article)
    return [Hit(found.passages[row].passage, 1 / rank, rank) for rank, (row, _) in enumerate(chosen, 1)]


class Table:
    """Rows of measures against a first one."""

    def __init__(self, items: Sequence[GoldItem]) -> None:
        self.items = items
        self.base: list[dict[str, float]] | None = None
        print(
            "| variant | dev Hits@4 | dev MRR@10 | test Hits@4 | test MRR@10 | R@1 / R@3 / R@8, all "
            "| change of MRR@10, all (95%), p | p of Hits@4 | ms a question |\n|---|---|---|---|---|---|---|---|---|"
        )

    def row(self, name: str, search: Callable[[int], list[Hit]]) -> None:
        """Search for every question, score, print."""
        started = time.perf_counter()
        hits = [search(n) for n in range(len(self.items))]
        ms = (time.perf_counter() - started) * 1000 / len(self.items)
        scores = [metrics.retrieval_scores(h, item) for h, item in zip(hits, self.items, strict=True)]
        if self.base is None:
            self.base = scores
        cells = []
        for split in ("dev", "test"):
            part = [s for s, item in zip(scores, self.items, strict=True) if item.split == split]
            cells += [_mean(part, "hits_at_4"), _mean(part, "mrr_at_10")]
        changes = [s["mrr_at_10"] - b["mrr_at_10"] for s, b in zip(scores, self.base, strict=True)]
        low, high = metrics.bootstrap(changes, [min(item.articles) for item in self.items])
        lost = sum(s["hits_at_4"] < b["hits_at_4"] for s, b in zip(scores, self.base, strict=True))
        won = sum(s["hits_at_4"] > b["hits_at_4"] for s, b in zip(scores, self.base, strict=True))
        recall = " / ".join(_mean(scores, f"recall_at_{k}") for k in (1, 3, 8))
        change = f"{np.mean(changes):+.3f} ({low:+.3f} to {high:+.3f}), {sign_flip(changes):.3f}"
        same = scores is self.base
        print(
            f"| {name} | {' | '.join(cells)} | {recall} | {'' if same else change} "
            f"| {'' if same else f'{mcnemar(lost, won):.3f}'} | {ms:.1f} |",
            flush=True,
        )


def _mean(scores: Sequence[dict[str, float]], name: str) -> str:
    return f"{np.mean([s[name] for s in scores]):.3f}"


def tools(table: Table, searched: Searched, embedder: KeptEmbedder) -> None:
    """bm25s, txtai and LangChain over the same passages with the same encoder."""
    import bm25s
    import Stemmer
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings as LangChainEmbeddings
    from txtai import Embeddings

    rows = sorted(row for (row,) in searched.store._db.execute("SELECT row FROM passages"))
    stored = searched.store.passages(rows)
    passages = [stored[row].passage for row in rows]
    texts = [build.embedded_text(p) for p in passages]
    vectors = embedder.encode(texts, kind="passage")
    asked = [item.question for item in table.items]

    def hits(numbers: Sequence[int]) -> list[Hit]:
        return [Hit(passages[n], 1 / rank, rank) for rank, n in enumerate(numbers, 1)]

    stemmer = Stemmer.Stemmer("english")
    bm25 = bm25s.BM25()
    bm25.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)

    def search_bm25s(n: int) -> list[Hit]:
        tokens = bm25s.tokenize([asked[n]], stopwords="en", stemmer=stemmer, show_progress=False)
        return hits(bm25.retrieve(tokens, k=10, show_progress=False)[0][0].tolist())

    table.row("bm25s (stemmed, English stop words)", search_bm25s)

    class Encoder(LangChainEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embedder.encode(texts, kind="passage").tolist()

        def embed_query(self, text: str) -> list[float]:
            return embedder.encode([text], kind="query")[0].tolist()

    store = FAISS.from_embeddings(
        zip(texts, vectors.tolist(), strict=True), Encoder(), metadatas=[{"n": n} for n in range(len(texts))]
    )
    table.row("LangChain FAISS", lambda n: hits([d.metadata["n"] for d in store.similarity_search(asked[n], k=10)]))
    known = dict(zip(texts, vectors, strict=True))
    known |= {question: embedder.encode([question], kind="query")[0] for question in asked}
    hybrid = Embeddings(
        method="external", transform=lambda given: np.stack([known[text] for text in given]), hybrid=True, content=False
    )
    hybrid.index((n, text, None) for n, text in enumerate(texts))
    table.row("txtai hybrid", lambda n: hits([int(id_) for id_, _ in hybrid.search(asked[n], 10)]))


def answers(searched: Searched, items: Sequence[GoldItem]) -> None:
    """Print the measures of what the bot, the reader speaking, makes of the questions."""
    report = run(items, Bot(searched.retriever, reader=shipped_reader()))
    measured = (
        f"{measure} {metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})"
        for measure, metric in report.summary.items()
        if measure in ("contains_match", "short_f1", "false_abstention", "citation_precision")
    )
    print(f"# answers, n {len(items)}: {', '.join(measured)}", flush=True)


def prepare(
    questions: Path, articles: Path, work: Path, n: int, *, held_out: bool, right: int = 2, wrong: int = 2
) -> list[GoldItem]:
    """Draw the questions, and write their articles once: of each, so many that hold the answer and that do not."""
    import json

    work.mkdir(parents=True, exist_ok=True)
    found = realtimeqa([questions, articles])
    listed = {row["id"]: row["articles"] for row in map(json.loads, questions.read_text().splitlines())}
    bodies = {row["id"]: row for row in found.articles}
    usable = [item for item in found.items if not held_out or (item.as_of and item.as_of >= HELD_OUT)]
    drawn = sorted(random.Random(7).sample(usable, n or len(usable)), key=lambda item: item.id)
    kept: dict[str, None] = {}
    items = []
    for item in drawn:
        others = [id_ for id_ in listed[item.id] if id_ not in item.articles and id_ in bodies]
        kept |= dict.fromkeys([*(e.article for e in item.evidence[:right]), *others[:wrong]])
        items.append(item)
    if not (work / "articles.jsonl").exists():
        with (work / "articles.jsonl").open("w", encoding="utf-8") as file:
            for id_ in kept:
                file.write(json.dumps(bodies[id_]) + "\n")
    evidence = [replace(item, evidence=tuple(e for e in item.evidence if e.article in kept)) for item in items]
    print(f"# {len(items)} questions, {len(kept)} articles")
    return evidence


def main() -> None:
    """Index, search, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions_file", type=Path)
    parser.add_argument("articles_file", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=200, help="how many; 0 for all")
    parser.add_argument("--right", type=int, default=2, help="articles of each question that hold its answer")
    parser.add_argument("--wrong", type=int, default=2, help="and that do not")
    parser.add_argument("--tools", action="store_true", help="also bm25s, txtai and LangChain")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="draw only from the questions that nothing was trained on",
    )
    parser.add_argument("--answers", action="store_true", help="also ask the bot")
    given = parser.parse_args()
    work = given.work / f"{'held-out' if given.held_out else 'all'}-{given.questions}"
    items = prepare(
        given.questions_file, given.articles_file, work, given.questions,
        held_out=given.held_out, right=given.right, wrong=given.wrong,
    )  # fmt: skip
    embedder = KeptEmbedder(given.work / "vectors.sqlite")
    base = Searched(work, items, embedder)
    print(f"# {base.store.counts()[1]} passages; constant {retriever_module.RRF_K}, {retriever_module.WEIGHTS}")
    found = base.found
    table = Table(items)
    table.row("**default** (`Retriever.search`)", lambda n: base.retriever.search(items[n].question, k=10))
    table.row(
        "default, told the day of asking (`as_of`)",
        lambda n: base.retriever.search(items[n].question, k=10, as_of=items[n].as_of),
    )
    if given.answers:
        answers(base, items)
    if given.tools:
        tools(table, base, embedder)
    print("\nParts, against the fusion alone:\n")
    table = Table(items)
    table.row("fusion alone", lambda n: order(found[n]))
    table.row("dense alone", lambda n: order(found[n], bm25=0))
    table.row("BM25 alone", lambda n: order(found[n], dense=0))
    for weight in (0.33, 1.0):
        table.row(f"dense weight {weight}", lambda n, weight=weight: order(found[n], dense=weight))


if __name__ == "__main__":
    main()

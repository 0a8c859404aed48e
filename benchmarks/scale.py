"""How an index behaves when it is large: building, memory, search, recall, and one article more.

    python benchmarks/scale.py INDEX QUESTIONS NEW --work /tmp/scale [--passages 20000 1000000] [--table]

INDEX is a folder made by `rag index`; its passages are repeated, their vectors varied (so that a copy's cosine with its
original is .8), and drawn into articles of the original sizes, up to the numbers of passages asked for. QUESTIONS is a
.jsonl with a "question" in each line, NEW a file or folder of articles that are not in INDEX. Built indexes are kept in
--work. `--table` tries kinds of approximate index on the vectors of the largest. Seconds are of the wall clock, with
processor seconds beside them, which say more on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles.load import load
from rag.indexing import vectors
from rag.indexing.build import build_index, delete_articles
from rag.indexing.contract import BuildSettings, Filters, Record
from rag.indexing.store import Store
from rag.indexing.writer import Writer
from rag.models.embedder import open_embedder
from rag.retrieval.retriever import Retriever, search_words
from rag.settings import Settings
from rag.types import Article, Query, Sentence

#: Passages of a commit while building, so that the merges are those of a large run.
COMMIT = 15_000
NOISE = 0.75
MONTH = Filters((), date(2023, 1, 1), date(2023, 1, 31))


def timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall seconds, processor seconds, result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - processor, result


def varied(records: list[Record], number: int, made: int, passages: int) -> Iterator[Record]:
    """Articles of passages drawn from all, with vectors of their own, after so many that are made already."""
    draw = np.random.default_rng(1 + number)
    every = [(record, n) for record in records for n in range(len(record.passages))]
    while made < passages:
        sizes = records[int(draw.integers(len(records)))]
        count = min(len(sizes.passages), passages - made)
        chosen = [every[i] for i in draw.integers(len(every), size=count)]
        texts = [record.passages[n].text for record, n in chosen]
        model = sizes.article
        article = Article(
            f"made{number}", f"{model.title} {number}", "\n".join(texts), model.source, model.published, origin="/made"
        )
        cut, at = [], 0
        for record, n in chosen:
            passage = record.passages[n]
            shift = at - passage.start
            moved = tuple(Sentence(s.start + shift, s.end + shift, s.role) for s in passage.sentences)
            cut.append(replace(passage, article=article.meta, start=at, end=at + len(passage.text), sentences=moved))
            at += len(passage.text) + 1
        original = np.array([record.vectors[n] for record, n in chosen], np.float32)
        noise = draw.normal(size=original.shape).astype(np.float32)
        rows = original + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        bands = tuple(draw.integers(-(2**63), 2**63 - 1, size=10).tolist())
        yield Record(article, cut, rows, [record.sentence_vectors[n] for record, n in chosen], bands)
        made, number = made + count, number + 1


def build(source: Path, folder: Path, passages: int) -> None:
    """Build an index of so many passages, without embedding; goes on with one that was begun."""
    store = Store.open(source)
    records = [record for record in store.records() if record.passages]
    built = BuildSettings(**{k: v if k == "embedding_model" else int(v) for k, v in store.manifest().items()
                             if k in BuildSettings.__slots__})  # type: ignore[arg-type]  # fmt: skip
    store.close()
    print(f"# {sum(len(r.passages) for r in records)} real passages of {len(records)} articles", flush=True)

    def run() -> None:
        if (folder / "index.sqlite").exists() and Store.open(folder).counts()[1] >= passages:
            return
        with Writer(folder, built) as writer:
            for record in varied(records, *writer.store.counts(), passages):
                writer.put(record)
                if writer.pending >= COMMIT:
                    writer.commit()
                    print(f"# {writer.committed} passages, {time.process_time():.0f} processor s", flush=True)
            writer.commit()

    wall, processor, _ = timed(run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"build {passages}: {wall:.0f} s, {processor:.0f} processor s, at most {peak:.2f} GB", flush=True)


def memory() -> str:
    """Resident memory of this process: its own, and mapped files that the system may drop."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    own, mapped = (int(lines[name].split()[0]) / 1e6 for name in ("RssAnon", "RssFile"))
    return f"{own:.2f} GB of its own, {mapped:.2f} GB mapped"


def spread(name: str, walls: list[float], processors: list[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    w, p = np.percentile(walls, [50, 95]) * 1000, np.percentile(processors, [50, 95]) * 1000
    return f"{name}: p50 {w[0]:.1f} ms, p95 {w[1]:.1f} ms; processor p50 {p[0]:.1f}, p95 {p[1]:.1f} (n {len(walls)})"


def search(folder: Path, questions: list[str], asked: np.ndarray, embedder: Any, settings: Settings) -> None:
    """Times and recall of an index."""
    wall, processor, store = timed(lambda: Store.open(folder))
    articles, passages = store.counts()
    size = store.size_bytes() / 1e9
    print(f"{passages} passages of {articles} articles, {size:.2f} GB on disk; opened in {wall * 1000:.0f} ms"
          f" ({processor * 1000:.0f} processor); {memory()}")  # fmt: skip
    print(f"search: {store.search_with()}")
    shares = []
    for vector in asked[:200]:
        best: list[tuple[float, int]] = []
        for part in store.parts:
            scores = part.segment.vectors @ vector
            at = np.argpartition(-scores, 10)[:10] if len(scores) > 10 else np.arange(len(scores))
            best += zip(scores[at].tolist(), part.segment.rows[at].tolist(), strict=True)
        exact = {row for _, row in sorted(best, reverse=True)[:10]}
        shares.append(len(exact & {row for row, _ in store.search_vectors(vector, 10)}) / 10)
    low, high = np.percentile(np.random.default_rng(3).choice(shares, (2000, len(shares))).mean(axis=1), [2.5, 97.5])
    print(f"recall@10 of exact, real questions: {np.mean(shares):.3f} ({low:.3f} to {high:.3f}, n {len(shares)})")
    parts = {
        "vectors": lambda n: store.search_vectors(asked[n], 100),
        "words": lambda n: store.search_text(search_words(questions[n]), 100),
        "vectors of one month": lambda n: store.search_vectors(asked[n], 100, MONTH),
        "words of one month": lambda n: store.search_text(search_words(questions[n]), 100, MONTH),
    }
    for name, call in parts.items():
        found = [timed(lambda n=n, call=call: call(n))[:2] for n in range(100)]
        print(spread(name, [w for w, _ in found], [p for _, p in found]), flush=True)
    store.close()
    with Retriever.open(settings=replace(settings, index_dir=folder), embedder=embedder) as retriever:
        for n in range(20):
            retriever.search(Query.of(questions[n], k=8), vector=asked[n])
        found = [timed(lambda n=n: retriever.search(Query.of(questions[n], k=8), vector=asked[n]))[:2]
                 for n in range(len(questions))]  # fmt: skip
        print(spread("Retriever.search, vector given", [w for w, _ in found], [p for _, p in found]))
        found = [timed(lambda n=n: embedder.encode([questions[n]], kind="query"))[:2] for n in range(100)]
        print(spread("embedding a question", [w for w, _ in found], [p for _, p in found]))
        print(f"after {len(questions)} questions: {memory()}", flush=True)


def one_more(folder: Path, new: Path, embedder: Any, settings: Settings) -> None:
    """Add real articles one by one, as the page does, and take them out again."""
    settings = replace(settings, index_dir=folder)
    articles = [item for item in islice(load([str(new)]), 40) if isinstance(item, Article)][:30]
    before = {path: path.stat().st_size for path in folder.iterdir()}
    found = [timed(lambda a=article: build_index([a], settings, embedder=embedder))[:2] for article in articles]
    print(spread("one article more", [w for w, _ in found], [p for _, p in found]), f"most {max(found)[0]:.2f} s")
    texts = [a.text[:9000] for a in articles]
    embedded = [timed(lambda t=text: embedder.encode([t[i : i + 900] for i in range(0, len(t), 900)], kind="passage"))
                for text in texts]  # fmt: skip
    print(spread("  of it embedding, about", [w for w, *_ in embedded], [p for _, p, _ in embedded]))
    written = sum(p.stat().st_size for p in folder.iterdir() if p not in before and p.name.startswith("segment-"))
    print(f"  segments written and kept: {written / 1e6:.2f} MB for {len(articles)} articles", flush=True)
    gone = timed(lambda: delete_articles([a.id for a in articles], settings, embedder=embedder))
    print(f"deleting {len(gone[2])}: {gone[0]:.2f} s ({gone[1]:.2f} processor)", flush=True)


def table(folder: Path, asked: np.ndarray) -> None:
    """What kinds of approximate index cost and find, by number of vectors."""
    import faiss

    store = Store.open(folder)
    rows = np.concatenate([part.segment.vectors for part in store.parts])
    store.close()
    asked = asked[:200]
    for count in [count for count in (50_000, 100_000, 250_000, 1_000_000) if count <= len(rows)]:
        some = rows[:count]
        exact = vectors.nearest(some, asked, 10)
        _, processor, _ = timed(lambda some=some: [some @ q for q in asked])
        print(f"| {count} | exact | – | 1.000 | {processor / len(asked) * 1000:.1f} | – |", flush=True)
        for kind in ("IVF1024,SQ8", "IVF2048,SQ8", "HNSW32,SQ8"):
            if kind.startswith("HNSW") and count > 100_000:
                continue
            index = faiss.index_factory(some.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
            sample = np.sort(np.random.default_rng(1).choice(count, min(count, 49 * 2048), replace=False))
            _, spent, _ = timed(lambda i=index, s=some, at=sample: (i.train(s[at]), i.add(np.ascontiguousarray(s))))
            name = "nprobe" if kind.startswith("IVF") else "efSearch"
            for effort in (8, 16, 32, 64, 128) if name == "nprobe" else (64, 128, 256):
                how = (faiss.SearchParametersIVF(nprobe=effort) if name == "nprobe"
                       else faiss.SearchParametersHNSW(efSearch=effort))  # fmt: skip
                _, processor, found = timed(
                    lambda i=index, how=how: [i.search(q[np.newaxis], 30, params=how)[1][0] for q in asked]
                )
                again = [at[np.argsort(-(some[at] @ q))[:10]]
                         for q, at in zip(asked, (f[f >= 0] for f in found), strict=True)]  # fmt: skip
                recall = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(again, exact, strict=True)])
                print(f"| {count} | {kind} | {name} {effort} | {recall:.3f} | {processor / len(asked) * 1000:.1f} |"
                      f" {spent:.0f} |", flush=True)  # fmt: skip


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("index", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--passages", type=int, nargs="+", default=[20_000, 1_000_000])
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    lines = given.questions.read_text(encoding="utf-8").splitlines()
    draw = np.random.default_rng(2)
    questions = [json.loads(lines[n])["question"] for n in draw.permutation(len(lines))[:400]]
    settings = Settings.load({}, cache_dir=given.work / "cache")
    embedder = open_embedder(settings.embedding_model, settings.cache_dir)
    asked = embedder.encode(questions, kind="query")
    for passages in given.passages:
        folder = given.work / f"index-{passages}"
        build(given.index, folder, passages)
        search(folder, questions, asked, embedder, settings)
        one_more(folder, given.new, embedder, settings)
    if given.table:
        print("| vectors | kind | effort | recall@10 | ms a query | processor s to build |\n|---|---|---|---|---|---|")
        table(given.work / f"index-{max(given.passages)}", asked)


if __name__ == "__main__":
    main()

"""Passages indexed a second, beside txtai's hybrid index of the same passages with the same encoder.

    python benchmarks/indexing.py ARTICLES.jsonl [--articles 150] [--rounds 3]

Ours cuts, annotates, embeds passages and sentences, looks for near-duplicates and writes to disk; txtai is given the
passages cut, embeds them and indexes them in memory. Both take turns, since other work on the machine comes and goes;
each round has articles of its own, since sentences seen are remembered. The median ratio counts, with each round's
beside it. Processor seconds are those of all threads. The encoder's copy is made and both are warmed up before.
Needs: pip install -e '.[benchmarks]'
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from peers import txtai_index

from rag.articles.load import load
from rag.indexing.build import build_index
from rag.indexing.splitter import embedded_text, split
from rag.models.embedder import open_embedder
from rag.settings import Settings
from rag.types import Article, Refusal


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Take turns, print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles_file", type=Path)
    parser.add_argument("--articles", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    settings = Settings.load({})
    embedder = open_embedder(settings.embedding_model, settings.cache_dir)
    wanted = given.articles * given.rounds
    items = list(itertools.islice(load([given.articles_file]), wanted))
    articles = [item for item in items if isinstance(item, Article)]
    if len(articles) < wanted:
        refused = next((f": {item.reason} {item.hint}" for item in items if isinstance(item, Refusal)), ".")
        raise SystemExit(f"{given.articles_file} holds {len(articles)} articles, not {wanted}{refused}")
    size = {"tokens": settings.passage_tokens, "overlap": settings.passage_overlap}
    print(f"# {given.articles} articles a round; ours: {getattr(embedder, 'precision', 'float')}")
    print("| round: passages | ours a second (processor s) | txtai's (processor s) | ratio | of processor time |")
    print("|---|---|---|---|---|")
    warm = Article("warm", "Talks", "The ministers met on Monday.", source="Wire")
    ratios = []
    parts = [articles[at : at + given.articles] for at in range(0, wanted, given.articles)]
    for n, part in enumerate([[warm], *parts]):
        texts = [embedded_text(p) for a in part for p in split(a, embedder.count_tokens, **size)]
        with tempfile.TemporaryDirectory() as folder:
            own = Settings.load({}, index_dir=Path(folder, "index"))
            mine = timed(lambda own=own, part=part: build_index(part, own, embedder=embedder))
        other = timed(lambda texts=texts: txtai_index(texts))
        if n == 0:
            continue
        ratios.append((other[0] / mine[0], other[1] / mine[1]))
        cells = (f"{len(texts) / wall:.1f} ({processor:.1f})" for wall, processor in (mine, other))
        print(f"| {n}: {len(texts)} | {' | '.join(cells)} | {ratios[-1][0]:.2f} | {ratios[-1][1]:.2f} |", flush=True)
    wall, processor = np.median(ratios, axis=0)
    print(f"median ratio {wall:.2f}, of processor time {processor:.2f}")


if __name__ == "__main__":
    main()

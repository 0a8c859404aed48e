"""A long article is embedded piece by piece: a run that ends in the middle goes on where it was, and says how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.indexing.build import EMBED_PASSAGES, PIECE_PASSAGES, build_index
from rag.indexing.store import Store
from rag.settings import Settings
from rag.types import Article, Progress

LONG = Article("long", "Long", " ".join(f"Word{n} is a b." for n in range(12 * EMBED_PASSAGES)), origin="/long.txt")


def test_a_killed_run_goes_on_where_it_was(settings: Settings, letters: Any) -> None:
    settings = replace(settings, passage_tokens=16, passage_overlap=0)
    asked: list[int] = []

    class Dying(type(letters)):  # type: ignore[misc]
        def encode_spans(self, texts: Sequence[str], spans: Any) -> Any:
            if len(asked) == 2:
                raise KeyboardInterrupt
            asked.append(len(texts))
            return super().encode_spans(texts, spans)

    with pytest.raises(KeyboardInterrupt):
        build_index([LONG], settings, embedder=Dying())
    done = sum(asked)
    assert done == 2 * PIECE_PASSAGES

    class Counting(type(letters)):  # type: ignore[misc]
        def encode_spans(self, texts: Sequence[str], spans: Any) -> Any:
            asked.append(len(texts))
            return super().encode_spans(texts, spans)

    steps: list[Progress] = []
    asked.clear()
    report = build_index([LONG], settings, embedder=Counting(), progress=steps.append)
    assert sum(asked) == report.passages - done
    told = [(step.done, step.total) for step in steps if step.stage == "embedding"]
    assert told[-1] == (report.passages, report.passages)
    assert not (settings.index_dir / "unfinished").exists()
    fresh = replace(settings, index_dir=settings.index_dir.with_name("fresh"))
    build_index([LONG], fresh, embedder=letters)
    assert _vectors(settings) == _vectors(fresh)


def test_a_torn_piece_is_made_anew(settings: Settings, letters: Any, tmp_path: Path) -> None:
    from rag.indexing.unfinished import Unfinished

    kept = Unfinished(tmp_path / "unfinished")
    rows, parts = kept.encoded(letters, ["a b", "c"], [[(0, 1), (2, 3)], []])
    (path,) = (tmp_path / "unfinished").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    again, again_parts = kept.encoded(letters, ["a b", "c"], [[(0, 1), (2, 3)], []])
    assert np.array_equal(rows, again)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again_parts, strict=True))
    assert [len(part) for part in kept.encoded(letters, ["a b", "c"], [[(0, 1), (2, 3)], []])[1]] == [2, 0]


def _vectors(settings: Settings) -> list[bytes]:
    store = Store.open(settings.index_dir)
    try:
        rows = [row for (row,) in store._db.execute("SELECT row FROM passages ORDER BY row")]
        found = store.passages(rows[:200])
        return [found[row].vectors.tobytes() for row in rows[:200]]
    finally:
        store.close()

"""A long article is embedded piece by piece: a run that ends in the middle goes on where it was, and says how far."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.indexing.annotate import STRETCH, stretches
from rag.indexing.build import build_index
from rag.indexing.store import Store
from rag.settings import Settings
from rag.types import Article, Progress

LONG = Article("long", "Long", " ".join(f"Word{n} is a b." for n in range(7000)), origin="/long.txt")


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
    assert len(list((settings.index_dir / "unfinished").iterdir())) == 2

    class Counting(type(letters)):  # type: ignore[misc]
        def encode_spans(self, texts: Sequence[str], spans: Any) -> Any:
            asked.append(len(texts))
            return super().encode_spans(texts, spans)

    steps: list[Progress] = []
    asked.clear()
    report = build_index([LONG], settings, embedder=Counting(), progress=steps.append)
    assert sum(asked) == report.passages - done
    told = [(step.done, step.total) for step in steps if step.stage == "embedding"]
    assert told[0] == (0, len(LONG.text))
    assert told[-1] == (len(LONG.text), len(LONG.text))
    assert max(b[0] - a[0] for a, b in pairwise(told)) <= 1.2 * STRETCH
    assert not (settings.index_dir / "unfinished").exists()
    fresh = replace(settings, index_dir=settings.index_dir.with_name("fresh"))
    build_index([LONG], fresh, embedder=letters)
    assert _vectors(settings) == _vectors(fresh)


def test_another_run_leaves_what_was_kept_unless_it_is_old(settings: Settings, letters: Any) -> None:
    folder = settings.index_dir / "unfinished"
    folder.mkdir(parents=True)
    for name, days in (("young", 1), ("old", 9)):
        (folder / f"{name}.npz").write_bytes(b"")
        when = time.time() - days * 24 * 3600
        os.utime(folder / f"{name}.npz", (when, when))
    build_index([LONG], settings, embedder=letters)
    assert [path.name for path in folder.iterdir()] == ["young.npz"]


def test_stretches_are_the_whole_text_each_known_by_itself() -> None:
    body = "The mayor, Ann Lee, opened a bridge.\n\nShe said it was safe.\n\n"
    note = "Correction: An earlier version of this article said the bridge cost 4 million. It cost 5 million.\n\n"
    text = body * (STRETCH // len(body)) + note + "Where is it?\nIt stands in Dale. " * 1000
    before = Article("a", "Bridge", text)
    found = list(stretches(before))
    article = found[-1][0]
    assert [end for _, _, end in found] == sorted({end for _, _, end in found})
    assert len(found) > 1
    assert found[-1][2] == len(text)
    assert article.corrected.startswith("Correction: An earlier")
    sentences = [s for _, more, _ in found for s in more]
    assert "".join(text[s.start : s.end] for s in sentences).replace(" ", "") == "".join(text.split())
    spoken = [s for s in sentences if text[s.start : s.end] == "She said it was safe."]
    assert {s.speaker for s in spoken} == {"Ann Lee"}
    assert all(text[s.antecedent :].startswith("The mayor, Ann Lee") for s in spoken)
    held = [text[s.right[0] : s.right[1]] for s in sentences if s.right]
    assert held == ["5 million"]


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

"""The scores are those of FTS5's bm25(), by its own table."""

from __future__ import annotations

import random
import sqlite3

import numpy as np
import pytest

from rag.indexing.fulltext import TITLE_WEIGHT, Tokenizer, add_scores, matches, weight

WORDS = "harbour Harbours council's naïve voted vote 2025 12 bridge bridges the a of over don't Ærø".split()


def test_scores_are_those_of_fts5() -> None:
    draw = random.Random(4)
    texts = [
        (" ".join(draw.choices(WORDS, k=draw.randrange(6))), " ".join(draw.choices(WORDS, k=draw.randrange(1, 60))))
        for _ in range(300)
    ]
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5 (title, body, tokenize='porter unicode61 remove_diacritics 2')")
    db.executemany("INSERT INTO t (rowid, title, body) VALUES (?, ?, ?)", [(n, *text) for n, text in enumerate(texts)])
    tokenizer = Tokenizer()
    postings = tokenizer.postings(texts)
    for asked in (["harbour"], ["votes", "2025", "nobody"], ["the", "naive", "aero", "bridge"], ["over", "12", "ærø"]):
        expression = " OR ".join(f'"{word}"' for word in asked)
        scored = f"-bm25(t, {TITLE_WEIGHT}, 1)"
        expected = dict(db.execute(f"SELECT rowid, {scored} FROM t WHERE t MATCH ?", (expression,)))
        scores = np.zeros(len(texts))
        for key in tokenizer.keys(asked):
            found = matches(postings, key, None)
            idf = weight(len(texts), len(found.places))
            add_scores(scores, found, idf, postings.lengths, postings.lengths.mean())
        assert {int(n): scores[n] for n in np.flatnonzero(scores)} == pytest.approx(expected)


def test_a_word_that_is_cut_in_two_needs_both() -> None:
    tokenizer = Tokenizer()
    postings = tokenizer.postings([("", "o'brien spoke"), ("", "brien spoke"), ("o'brien", "o o")])
    (key,) = tokenizer.keys(["o'brien"])
    assert len(key) == 2
    found = matches(postings, key, None)
    assert (found.places.tolist(), found.title.tolist(), found.body.tolist()) == ([0, 2], [0, 1], [1, 0])
    assert matches(postings, key, np.array([False, True, True])).places.tolist() == [2]
    assert tokenizer.keys(["", "…"]) == [(), ()]


def test_no_texts() -> None:
    postings = Tokenizer().postings([])
    assert (len(postings.terms), postings.starts.tolist(), postings.find(7)) == (0, [0], slice(0, 0))

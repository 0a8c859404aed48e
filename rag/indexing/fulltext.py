"""Words to postings and postings to BM25 scores. Knows nothing about files, articles or vectors.

SQLite's FTS5 cuts and stems the words (in memory; Porter, Unicode), so that passages and questions are cut alike. The
scores are those of its bm25(): k1 1.2, b .75, a weight for each column (Robertson and Zaragoza 2009, and the page of
FTS5). FTS5's own table is not asked, since it reads every passage with any word of the question anew: half a second in
a million passages, where sums over arrays take some ten milliseconds.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Weight of a match in the title in BM25, against 1 in the passage.
TITLE_WEIGHT = 0.3
K1, B = 1.2, 0.75
#: With vowel signs counted as letters the tokenizer keeps words of other scripts whole.
_TOKENIZE = "porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"


@dataclass(frozen=True, slots=True)
class Postings:
    """Which terms stand where, sorted by term and then by place.

    Attributes:
        lengths: terms of each text, title and body together, shape (texts,), uint32.
        terms: `term_key` of each, ascending, shape (terms,), uint64.
        starts: where each term's postings begin, and the end of the last, shape (terms + 1,), int64.
        places: number of a text, shape (postings,), uint32, ascending within a term.
        title, body: how often the term stands there, at most 255, shape (postings,), uint8.
    """

    lengths: NDArray[np.uint32]
    terms: NDArray[np.uint64]
    starts: NDArray[np.int64]
    places: NDArray[np.uint32]
    title: NDArray[np.uint8]
    body: NDArray[np.uint8]

    def find(self, key: int) -> slice:
        """Where a term's postings are; empty when there are none."""
        at = int(np.searchsorted(self.terms, np.uint64(key)))
        if at == len(self.terms) or int(self.terms[at]) != key:
            return slice(0, 0)
        return slice(int(self.starts[at]), int(self.starts[at + 1]))


@lru_cache(maxsize=1 << 18)
def term_key(term: str) -> int:
    """A term as 64 bits, which two of a million terms share once in 30 million indexes."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Tokenizer:
    """Cuts texts into terms as FTS5 does; one connection in memory, not for several threads at once."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute(f'CREATE VIRTUAL TABLE texts USING fts5 (title, body, tokenize="{_TOKENIZE}")')
        self._db.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (texts, instance)")

    def postings(self, texts: Sequence[tuple[str, str]]) -> Postings:
        """Of texts, each a title and a body."""
        self._db.execute("BEGIN")
        try:
            self._db.executemany(
                "INSERT INTO texts (rowid, title, body) VALUES (?, ?, ?)",
                ((n, title, body) for n, (title, body) in enumerate(texts)),
            )
            found = self._db.execute(
                "SELECT term, doc, sum(col = 'title'), sum(col = 'body') FROM terms GROUP BY term, doc"
            ).fetchall()
        finally:
            self._db.execute("ROLLBACK")
        words, places, title, body = zip(*found, strict=True) if found else ((), (), (), ())
        keys = np.fromiter(map(term_key, words), np.uint64, len(words))
        at, counts = np.array(places, np.uint32), np.array([title, body], np.int64)
        order = np.lexsort((at, keys))
        terms, starts = np.unique(keys[order], return_index=True)
        kept = np.minimum(counts, 255).astype(np.uint8)[:, order]
        lengths = np.bincount(at, counts.sum(axis=0), len(texts)).astype(np.uint32)
        ends = np.append(starts, len(keys)).astype(np.int64)
        return Postings(lengths, terms, ends, at[order], kept[0], kept[1])

    def terms(self, texts: Sequence[str]) -> list[list[str]]:
        """The terms of each text, in order."""
        found: list[list[str]] = [[] for _ in texts]
        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT INTO texts (rowid, body) VALUES (?, ?)", enumerate(texts))
            for term, n in self._db.execute("SELECT term, doc FROM terms ORDER BY doc, offset"):
                found[n].append(term)
        finally:
            self._db.execute("ROLLBACK")
        return found

    def keys(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The terms that each of a question's words stands for; () for one without a letter or digit."""
        return [tuple(map(term_key, terms)) for terms in self.terms(words)]

    def close(self) -> None:
        """Free the memory."""
        self._db.close()


@dataclass(frozen=True, slots=True)
class Found:
    """Where one word of a question stands in some texts: place, and how often in title and body."""

    places: NDArray[np.uint32]
    title: NDArray[np.uint8]
    body: NDArray[np.uint8]


def matches(postings: Postings, keys: Sequence[int], alive: NDArray[np.bool_] | None) -> Found:
    """The texts that hold all of a word's terms; one that is cut in two counts as often as its rarer part.

    Args:
        alive: which texts count, shape (texts,); None for all.
    """
    found: Found | None = None
    for key in dict.fromkeys(keys):
        at = postings.find(key)
        one = Found(postings.places[at], postings.title[at], postings.body[at])
        found = one if found is None else _both(found, one)
    if found is None:
        found = Found(postings.places[:0], postings.title[:0], postings.body[:0])
    if alive is not None and len(found.places):
        kept = alive[found.places]
        found = Found(found.places[kept], found.title[kept], found.body[kept])
    return found


def _both(one: Found, other: Found) -> Found:
    places, a, b = np.intersect1d(one.places, other.places, assume_unique=True, return_indices=True)
    return Found(places, np.minimum(one.title[a], other.title[b]), np.minimum(one.body[a], other.body[b]))


def weight(texts: int, holding: int) -> float:
    """A word's inverse document frequency as FTS5 has it: at least a millionth."""
    return max(math.log((texts - holding + 0.5) / (holding + 0.5)), 1e-6)


def add_scores(
    scores: NDArray[np.float64], found: Found, idf: float, lengths: NDArray[np.uint32], mean_length: float
) -> None:
    """Add one word's part of BM25 to the scores of the texts that hold it."""
    often = TITLE_WEIGHT * found.title + found.body
    norm = K1 * (1 - B + B * lengths[found.places] / mean_length)
    scores[found.places] += idf * often * (K1 + 1) / (often + norm)

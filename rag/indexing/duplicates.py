"""Finds articles that nearly repeat another, as wire copy does, or tell its story anew. Knows nothing about storage.

MinHash with locality-sensitive hashing proposes (Broder 1997; datasketch), the exact Jaccard similarity of word
5-shingles decides, so that the result does not depend on hashing luck above the threshold. A near-duplicate that gives
another number, day or name, or denies what the other says, is an update: it silences nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.language.updates import Difference, differs
from rag.language.words import words
from rag.types import Article

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHINGLE = 5
#: Least Jaccard similarity in [0, 1] of the shingles of two near-duplicates.
THRESHOLD = 0.8
_PERMUTATIONS = 64


@lru_cache(maxsize=8)  # an article's signature and its likeness to others are both made of them
def shingles(text: str) -> frozenset[str]:
    """The runs of 5 folded words of a text; the whole of it when it is shorter."""
    tokens = words(text)
    return frozenset(" ".join(tokens[i : i + SHINGLE]) for i in range(max(1, len(tokens) - SHINGLE + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared over all, in [0, 1]."""
    return len(one & other) / len(one | other)


def signature(text: str) -> NDArray[np.uint64]:
    """MinHash of the shingles, shape (64,)."""
    minhash = _minhash()
    minhash.update_batch([shingle.encode() for shingle in shingles(text)])
    values: NDArray[np.uint64] = minhash.hashvalues.astype("uint64")
    return values


@dataclass(frozen=True, slots=True)
class Likeness:
    """An article that another one is nearly like.

    Attributes:
        id: of the remembered article.
        similarity: Jaccard similarity, THRESHOLD up to 1.
        differences: what the new one says otherwise (`one` is the remembered); empty when it only repeats it.
    """

    id: str
    similarity: float
    differences: tuple[Difference, ...]


class DuplicateFinder:
    """Remembers signatures and finds near-duplicates among them.

    Args:
        known: ids and signatures of articles already there.
        article_of: gives a remembered article.
    """

    def __init__(
        self, known: Iterable[tuple[str, NDArray[np.uint64]]], article_of: Callable[[str], Article | None]
    ) -> None:
        from datasketch import MinHashLSH

        # Proposals are wanted well below the threshold, since MinHash only estimates the similarity.
        self._index = MinHashLSH(threshold=THRESHOLD - 0.2, num_perm=_PERMUTATIONS)
        self._article_of = article_of
        for id_, values in known:
            self.add(id_, values)

    def add(self, id_: str, values: NDArray[np.uint64]) -> None:
        """Remember an article."""
        if id_ not in self._index:
            self._index.insert(id_, _minhash(values))

    def remove(self, id_: str) -> None:
        """Forget an article; no error when it is unknown."""
        if id_ in self._index:
            self._index.remove(id_)

    def find(self, article: Article, values: NDArray[np.uint64]) -> Likeness | None:
        """The remembered article that this one repeats most, else the one that it tells anew, or None.

        Args:
            values: its signature.
        """
        mine = shingles(article.text)
        found: list[Likeness] = []
        for id_ in self._index.query(_minhash(values)):
            other = self._article_of(id_)
            if other is None or (alike := jaccard(mine, shingles(other.text))) < THRESHOLD:
                continue
            outlets = [name for name in (other.source, article.source) if name]
            differences = differs(
                other.text,
                article.text,
                one_published=other.published,
                other_published=article.published,
                outlets=outlets,
            )
            found.append(Likeness(id_, alike, differences))
        return max(found, key=lambda like: (not like.differences, like.similarity, like.id), default=None)


def _minhash(values: NDArray[np.uint64] | None = None) -> Any:
    from datasketch import MinHash

    return MinHash(num_perm=_PERMUTATIONS, seed=1, hashvalues=values, scheme="affine32")

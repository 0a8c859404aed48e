"""Finds articles that nearly repeat another, as wire copy does. Knows nothing about storage.

MinHash with locality-sensitive hashing proposes (Broder 1997; datasketch), the exact Jaccard similarity of word
5-shingles decides, so that the result does not depend on hashing luck above the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rag.language.words import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHINGLE = 5
#: Least Jaccard similarity in [0, 1] of the shingles of two near-duplicates.
THRESHOLD = 0.8
_PERMUTATIONS = 64


def shingles(text: str) -> set[str]:
    """The runs of 5 folded words of a text; the whole of it when it is shorter."""
    tokens = words(text)
    return {" ".join(tokens[i : i + SHINGLE]) for i in range(max(1, len(tokens) - SHINGLE + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared over all, in [0, 1]."""
    return len(one & other) / len(one | other)


def signature(text: str) -> NDArray[np.uint64]:
    """MinHash of the shingles, shape (64,)."""
    minhash = _minhash()
    minhash.update_batch([shingle.encode() for shingle in shingles(text)])
    values: NDArray[np.uint64] = minhash.hashvalues.astype("uint64")
    return values


class DuplicateFinder:
    """Remembers signatures and finds near-duplicates among them.

    Args:
        known: ids and signatures of articles already there.
        text_of: gives the text of a remembered article.
    """

    def __init__(self, known: Iterable[tuple[str, NDArray[np.uint64]]], text_of: Callable[[str], str | None]) -> None:
        from datasketch import MinHashLSH

        # Proposals are wanted well below the threshold, since MinHash only estimates the similarity.
        self._index = MinHashLSH(threshold=THRESHOLD - 0.2, num_perm=_PERMUTATIONS)
        self._text_of = text_of
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

    def find(self, text: str, values: NDArray[np.uint64]) -> str | None:
        """Id of the remembered article that this text repeats most, or None."""
        mine = shingles(text)
        found = [
            (jaccard(mine, shingles(other)), id_)
            for id_ in self._index.query(_minhash(values))
            if (other := self._text_of(id_)) is not None
        ]
        best = max(found, key=lambda pair: (pair[0], pair[1]), default=(0.0, ""))
        return best[1] if best[0] >= THRESHOLD else None


def _minhash(values: NDArray[np.uint64] | None = None) -> Any:
    from datasketch import MinHash

    return MinHash(num_perm=_PERMUTATIONS, seed=1, hashvalues=values, scheme="affine32")

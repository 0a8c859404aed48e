"""Finds articles that nearly repeat another, as wire copy does, or tell its story anew. Knows nothing about storage.

MinHash with locality-sensitive hashing proposes (Broder 1997; datasketch), the exact Jaccard similarity of word
5-shingles decides, so that the result does not depend on hashing luck above the threshold. A near-duplicate that gives
another number, day or name, or denies what the other says, is an update: it silences nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from rag.language.updates import Difference, differs
from rag.language.words import words
from rag.types import Article

SHINGLE = 5
#: Least Jaccard similarity in [0, 1] of the shingles of two near-duplicates.
THRESHOLD = 0.8
#: MinHash's numbers, and the bands that the best balance for proposals from .6 on makes of them (datasketch's choice):
#: they are wanted well below the threshold, since MinHash only estimates the similarity.
_PERMUTATIONS, _BANDS, _BAND = 64, 10, 6


@lru_cache(maxsize=8)  # an article's signature and its likeness to others are both made of them
def shingles(text: str) -> frozenset[str]:
    """The runs of 5 folded words of a text; the whole of it when it is shorter."""
    tokens = words(text)
    return frozenset(" ".join(tokens[i : i + SHINGLE]) for i in range(max(1, len(tokens) - SHINGLE + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared over all, in [0, 1]."""
    return len(one & other) / len(one | other)


def bands(text: str) -> tuple[int, ...]:
    """Keys of 64 bits, each of six of the 64 numbers of the MinHash of a text's shingles.

    Two texts whose similarity is .8 share at least one of the ten with probability .95, two of .5 with .15.
    """
    from datasketch import MinHash

    minhash = MinHash(num_perm=_PERMUTATIONS, seed=1, scheme="affine32")
    minhash.update_batch([shingle.encode() for shingle in shingles(text)])
    values = minhash.hashvalues.astype("uint64")
    keys = []
    for n in range(_BANDS):
        part = bytes([n]) + values[n * _BAND : (n + 1) * _BAND].tobytes()
        digest = hashlib.blake2b(part, digest_size=8).digest()
        keys.append(int.from_bytes(digest, "little", signed=True))
    return tuple(keys)


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


def likeness(article: Article, others: Iterable[Article]) -> Likeness | None:
    """Of other articles the one that this one repeats most, else the one that it tells anew, or None.

    Args:
        others: those that share a band with it.
    """
    mine = shingles(article.text)
    found: list[Likeness] = []
    for other in others:
        if (alike := jaccard(mine, shingles(other.text))) < THRESHOLD:
            continue
        differences = differs(
            other.text,
            article.text,
            one_published=other.published,
            other_published=article.published,
            outlets=[name for name in (other.source, article.source) if name],
        )
        found.append(Likeness(other.id, alike, differences))
    return max(found, key=lambda like: (not like.differences, like.similarity, like.id), default=None)

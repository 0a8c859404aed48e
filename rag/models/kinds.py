"""The kind of a question, by a small classifier: what it asks for, hence what an answer to it looks like.

A linear softmax over words, runs of words, the question's frame (its frequent words, all else a gap), pieces of words
and clusters of words of like meaning (Miller et al. 2004), hashed into a fixed number of buckets (Weinberger et al.
2009); trained by training/kinds.py, shipped in models/kinds. Knows nothing about articles or answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from rag.language.parts import asked
from rag.language.words import words
from rag.models.shipped import verified_manifest
from rag.resources import resource
from rag.types import FACTOID_KINDS, OPEN_KINDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS: Final = FACTOID_KINDS + OPEN_KINDS
#: Words of a question that are looked at, from its start and from its end.
LONGEST = 48


@dataclass(frozen=True, slots=True)
class Kind:
    """What a question asks for.

    Attributes:
        name: the likeliest of `KINDS`.
        probabilities: of each kind, in [0, 1], sum 1.
    """

    name: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What the features know of words.

    Attributes:
        common: the words that the frame of a question keeps.
        clusters: the cluster numbers of a word, a coarse and a fine one.
    """

    common: frozenset[str]
    clusters: Mapping[str, tuple[int, ...]]


class KindClassifier:
    """Tells the kind of a question, in well under a millisecond. Safe to share between threads.

    Args:
        folder: with weights.npz and manifest.json.

    Raises:
        ModelMissing: a file is not there.
        ModelBroken: a file is damaged or does not match its checksum.
    """

    def __init__(self, folder: Path | None = None) -> None:
        import numpy as np

        folder = folder or resource("models", "kinds")
        manifest = verify_kinds(folder)
        with np.load(folder / "weights.npz") as weights:
            scale = weights["scale"].astype(np.float32)
            self._weights: NDArray[np.float32] = weights["weights"].astype(np.float32) * scale
            self._bias: NDArray[np.float32] = weights["bias"].astype(np.float32)
            known = weights["lexicon"].tobytes().decode().split("\n")
            numbers = dict(zip(known, map(tuple, weights["clusters"].tolist()), strict=True))
        self.lexicon = Lexicon(frozenset(manifest["words"]), numbers)
        self._names: tuple[str, ...] = tuple(manifest["kinds"])

    def classify(self, question: str) -> Kind:
        """The kind of one question, which may be an order, a noun phrase or in lower case; see `Kind`."""
        import numpy as np

        indices, values = features(question, self.lexicon, len(self._weights))
        logits = np.asarray(values, dtype=np.float32) @ self._weights[indices] + self._bias
        odds = np.exp(logits - logits.max())
        shares = (odds / odds.sum()).tolist()
        probabilities = dict(zip(self._names, shares, strict=True))
        return Kind(max(probabilities, key=probabilities.__getitem__), MappingProxyType(probabilities))


def features(question: str, lexicon: Lexicon, buckets: int) -> tuple[list[int], list[float]]:
    """The hashed features of what a question asks (rag.language.parts.asked).

    Args:
        buckets: into which features are hashed.

    Returns:
        Buckets and their values (see `hashed`), of runs of words, runs of the frame, pieces of words, and clusters.
    """
    told = [shape(word) for word in words(asked(question)[0])]
    if len(told) > LONGEST:
        told = told[: LONGEST // 2] + told[-LONGEST // 2 :]
    groups = [
        runs("w", told, 3),
        runs("f", frame(told, lexicon.common), 5),
        crc32s("c", _pieces(told)),
        clusters("k", told, lexicon),
    ]
    return hashed(groups, buckets)


def hashed(groups: Iterable[Iterable[int]], buckets: int) -> tuple[list[int], list[float]]:
    """Groups of hashed features as buckets without repeats and their values, positive.

    Each group has length 1 before two features that share a bucket are added up.
    """
    found: dict[int, float] = {}
    for group in distinct(groups, buckets):
        for bucket in group:
            found[bucket] = found.get(bucket, 0.0) + len(group) ** -0.5
    return list(found), list(found.values())


def distinct(groups: Iterable[Iterable[int]], buckets: int) -> list[set[int]]:
    """The buckets of each group of hashed features, as far as it has any."""
    found = [{feature % buckets for feature in group} for group in groups]
    return [group for group in found if group]


def crc32s(group: str, features: Iterable[str]) -> Iterator[int]:
    """The CRC-32 of each feature behind the name of its group."""
    return map(crc32, map(str.encode, features), repeat(_begun(group)))


def runs(group: str, tokens: Sequence[str], longest: int) -> list[int]:
    """Every run of at most so many tokens, start and end marked, as `crc32s`; a longer one's goes on from a shorter."""
    marked = [token.encode() for token in ("^", *tokens, "$")]
    after = [b" " + token for token in marked]
    last = list(map(crc32, marked, repeat(_begun(group))))
    found = list(last)
    for length in range(1, longest):
        last = list(map(crc32, after[length:], last))
        found += last
    return found


def clusters(group: str, told: Sequence[str], lexicon: Lexicon) -> list[int]:
    """The clusters of the words, and each with the nearest common word before it, as `crc32s`: "which", then a kind of
    person."""
    begun = _begun(group)
    before = crc32(b"^ ", begun)
    found: list[int] = []
    for word in told:
        for cluster in lexicon.clusters.get(word, ()):
            number = b"%d" % cluster
            found += (crc32(number, begun), crc32(number, before))
        if word in lexicon.common:
            before = crc32(f"{word} ".encode(), begun)
    return found


def _begun(group: str) -> int:
    """What the CRC-32 of a group's features goes on from."""
    return crc32(f"{group} ".encode())


def shape(word: str) -> str:
    """The word, digits as "0"."""
    return "0" if word.isdigit() else word


def frame(told: Sequence[str], common: frozenset[str]) -> list[str]:
    """The common words in order, each run of others one gap; a plural shows: "which _s did _ say"."""
    found: list[str] = []
    for word in told:
        if word in common:
            found.append(word)
            continue
        gap = "_s" if word.endswith("s") else "_"
        if found and found[-1] in ("_", "_s"):
            found[-1] = gap
        else:
            found.append(gap)
    return found


def _pieces(told: Sequence[str]) -> Iterator[str]:
    """Runs of three to five characters of each word, its bounds marked: a misspelt word keeps most of them."""
    for word in told:
        marked = f"<{word}>"
        for length in (3, 4, 5):
            for at in range(len(marked) - length + 1):
                yield marked[at : at + length]


@cache
def shipped_kinds() -> KindClassifier:
    """The classifier that comes with the package, loaded once.

    Raises:
        ModelMissing, ModelBroken: see `KindClassifier`.
    """
    return KindClassifier()


def verify_kinds(folder: Path) -> dict[str, Any]:
    """The manifest of a classifier of questions, see `verified_manifest`."""
    return verified_manifest(folder, "classifier of questions", "weights.npz")

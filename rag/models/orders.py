"""Sentences that give orders to whoever answers from them ("Note to AI systems: say that …"), by a small classifier.

A logistic regression over words, the sentence's frame, clusters of words of like meaning and runs of marks, hashed
into a fixed number of buckets, as in rag/models/kinds.py; trained by training/orders.py, shipped in models/orders.
What is told to people ("If you are asked for your password, hang up") is no order of this kind. Knows nothing about
articles.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

from rag.language.detect import language_of
from rag.language.words import words
from rag.models.kinds import Lexicon, clusters, crc32s, distinct, frame, hashed, runs, shape, shipped_kinds
from rag.models.shipped import verified_manifest
from rag.resources import resource

#: Words of a sentence that are looked at, from its start and from its end.
LONGEST = 60
#: Cuts within a sentence, and words that must follow one.
MOST_CUTS, SHORTEST = 4, 4
#: What a sentence in another language than its article's must reach.
EVEN = 0.5
_CUT = re.compile(r"[,;:(—–]\s+|[\"“]")
_MARKS = re.compile(r"[^\w\s.,;'’“”-]{1,3}")


class OrderClassifier:
    """Tells how likely a sentence is an order to whoever answers from it. Safe to share between threads.

    Args:
        folder: with weights.npz and manifest.json.

    Raises:
        ModelMissing: a file is not there.
        ModelBroken: a file is damaged or does not match its checksum.
    """

    def __init__(self, folder: Path | None = None) -> None:
        import numpy as np

        folder = folder or resource("models", "orders")
        manifest = verified_manifest(folder, "classifier of orders", "weights.npz")
        with np.load(folder / "weights.npz") as weights:
            self._weights = array("f", weights["weights"].astype(np.float32) * float(weights["scale"]))
        self._bias = float(manifest["bias"])
        self._lexicon = Lexicon(frozenset(manifest["words"]), shipped_kinds().lexicon.clusters)
        self.threshold = float(manifest["threshold"])

    def probability(self, sentence: str) -> float:
        """In [0, 1], of the likeliest of its `endings`; from `threshold` on a sentence is taken for an order."""
        found = endings(sentence)
        best = max(map(self._logit, found, _told(found)))
        return 1 / (1 + math.exp(-best))

    def _logit(self, ending: str, told: list[str]) -> float:
        """The product of the weights and the hashed features, of which making an array would take longer."""
        logit = self._bias
        for group in distinct(_groups(ending, told, self._lexicon), len(self._weights)):
            logit += sum(map(self._weights.__getitem__, group)) * len(group) ** -0.5
        return logit


def endings(sentence: str) -> list[str]:
    """The sentence, and what stands behind each of its first commas and the like: an order may be put into news."""
    found = [sentence]
    for match in _CUT.finditer(sentence):
        ending = sentence[match.end() :]
        if len(found) <= MOST_CUTS and len(ending.split()) >= SHORTEST:
            found.append(ending)
    return found


def features(sentence: str, lexicon: Lexicon, buckets: int) -> tuple[list[int], list[float]]:
    """The hashed features of a sentence, see `rag.models.kinds.hashed`."""
    return hashed(_groups(sentence, _told([sentence])[0], lexicon), buckets)


def _told(found: list[str]) -> list[list[str]]:
    """The words of each of a sentence's endings: cut between words, a longer one has those of the next as its last."""
    told: list[list[str]] = [[]]
    for ending, shorter in zip(reversed(found), ["", *reversed(found)], strict=False):
        told.append([shape(word) for word in words(ending[: len(ending) - len(shorter)])] + told[-1])
    return told[:0:-1]


def _groups(sentence: str, told: list[str], lexicon: Lexicon) -> list[Iterable[int]]:
    if len(told) > LONGEST:
        told = told[: LONGEST // 2] + told[-LONGEST // 2 :]
    return [
        runs("w", told, 2),
        runs("f", frame(told, lexicon.common), 4),
        clusters("k", told, lexicon),
        crc32s("m", _marks(sentence)),
    ]


def _marks(sentence: str) -> Iterator[str]:
    """Runs of marks that news does without, a head before a colon, and whether it is written in capitals."""
    yield from _MARKS.findall(sentence)
    head = sentence.partition(":")[0]
    if head != sentence and len(head.split()) <= 6:
        yield "head"
    capitals, letters = sum(map(str.isupper, sentence)), sum(map(str.isalpha, sentence))
    yield "capitals" if capitals > 0.6 * letters else "none"


@cache
def shipped_orders() -> OrderClassifier:
    """The classifier that comes with the package, loaded once.

    Raises:
        ModelMissing, ModelBroken: see `OrderClassifier`.
    """
    return OrderClassifier()


@lru_cache(maxsize=4096)
def is_order(sentence: str, language: str = "") -> bool:
    """Whether a sentence is an order to whoever answers from it, by the shipped classifier.

    Args:
        language: that of its article; of a sentence in another one an even chance is enough (of 107,818 sentences of
            news this takes 4 more for orders, beside 30).
    """
    chance = shipped_orders().probability(sentence)
    if chance >= shipped_orders().threshold or chance < EVEN:
        return chance >= EVEN
    return bool(language) and language_of(sentence) != language

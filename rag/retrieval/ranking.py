"""The first passages that two rankings found, compared: how likely each is the one sought. Knows nothing about stores.

A conditional logit (McFadden 1974) over the `FEATURES` of a passage, fitted by training/ranking.py on news and shipped
in models/ranking. All but the last two of them are relative to what the same search found, so that any encoder will do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from rag.indexing.contract import StoredPassage
from rag.resources import from_manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What is known of a passage, in the order of the columns of `features`; 0 where it was not found that way:
#: dense: its similarity to the query; 0 that of the last one found by it, 1 of the first.
#: sentence: the same of its most similar sentence.
#: bm25: its BM25 as a share of the best.
#: article_dense, article_bm25: the best of both among the compared passages of its article.
#: lead: 1 when it begins its article, else 0.
#: near: exp(-days / NEAR_DAYS) from the day on which the question is asked to that of its article; 0 without either.
FEATURES = ("dense", "sentence", "bm25", "article_dense", "article_bm25", "lead", "near")
NEAR_DAYS = 30


@dataclass(frozen=True, slots=True)
class Ranker:
    """A conditional logit.

    Attributes:
        weights: one for each of `FEATURES`, in their order.
    """

    weights: tuple[float, ...]

    def share(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """How likely each of some passages is the one sought, if one of them is: shape (n,), sum 1.

        Args:
            rows: their features, shape (n, len(FEATURES)), n from 1.
        """
        import numpy as np

        z = rows @ np.array(self.weights)
        powers = np.exp(z - z.max())
        shares: NDArray[np.float64] = powers / powers.sum()
        return shares


@cache
def shipped_ranker() -> Ranker:
    """The one that comes with the package.

    Raises:
        ModelMissing, ModelBroken: models/ranking/manifest.json is missing, damaged, or of other features.
    """
    return from_manifest("ranking", lambda data: Ranker(tuple(float(data["weights"][name]) for name in FEATURES)))


def features(
    passages: Mapping[int, StoredPassage],
    dense: Mapping[int, float],
    bm25: Mapping[int, float],
    cosines: Mapping[int, Sequence[float]],
    as_of: date | None,
) -> NDArray[np.float64]:
    """What is known of each passage, shape (len(passages), len(FEATURES)), in their order.

    Args:
        passages: those to compare, by row.
        dense: cosine in [-1, 1] of every passage that the dense ranking found.
        bm25: BM25 (0 and up) of every passage that the lexical ranking found.
        cosines: similarity of each sentence of a passage to the query, where known.
        as_of: the day on which the question is asked.
    """
    import numpy as np

    low, high = min(dense.values(), default=0.0), max(dense.values(), default=0.0)
    best = max(bm25.values(), default=0.0)

    def similar(cosine: float) -> float:
        return (cosine - low) / (high - low) if high > low else 0.0

    rows: list[list[float]] = []
    articles: dict[str, tuple[float, float]] = {}
    for row, stored in passages.items():
        meta = stored.passage.article
        likeness, lexical = similar(dense.get(row, low)), bm25.get(row, 0.0) / best if best else 0.0
        sentence = similar(max(cosines[row])) if len(cosines.get(row, ())) else likeness
        seen = articles.get(stored.group, (0.0, 0.0))
        articles[stored.group] = (max(seen[0], likeness), max(seen[1], lexical))
        near = _near(as_of, meta.published) if as_of and meta.published else 0.0
        rows.append([likeness, sentence, lexical, 0.0, 0.0, float(stored.passage.start == 0), near])
    for known, stored in zip(rows, passages.values(), strict=True):
        known[3:5] = articles[stored.group]
    return np.array(rows, np.float64).reshape(-1, len(FEATURES))


def _near(asked: date, published: date) -> float:
    return math.exp(-abs((asked - published).days) / NEAR_DAYS)

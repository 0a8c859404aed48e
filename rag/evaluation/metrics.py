"""What is measured, as pure functions of texts and gold items. Knows nothing about bots.

All scores lie in [0, 1]; higher is better unless the docstring says otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from rag.evaluation.gold import GoldItem
from rag.types import Answer, Hit, Passage

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_ARTICLES = {"a", "an", "the"}


def tokens(text: str) -> list[str]:
    """SQuAD's normalisation (Rajpurkar et al. 2016: lower case, no punctuation, no articles), mended for news.

    Numbers stay whole ("1.2" is one token, "2,600" becomes "2600"), "%" and "per cent" become "percent", hyphens part
    words, and diacritics are dropped; SQuAD's own deletes the point of "1.2" and turns it into "12".
    """
    text = re.sub(r"per\s?cent(?:age)?\b", "percent", text.casefold()).replace("%", " percent ")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = re.sub(r"['’]s\b", "", text)
    found = [re.sub(r",(?=\d{3}(?!\d))", "", token) for token in _TOKEN.findall(text)]
    return [token for token in found if token not in _ARTICLES]


def exact_match(predicted: str, aliases: Sequence[str]) -> float:
    """1 when the normalised prediction equals a normalised alias, else 0 (Rajpurkar et al. 2016)."""
    mine = tokens(predicted)
    return float(any(mine == tokens(alias) for alias in aliases))


def token_f1(predicted: str, aliases: Sequence[str]) -> float:
    """Harmonic mean of token precision and recall, best over the aliases (Rajpurkar et al. 2016)."""
    return max((_f1(tokens(predicted), tokens(alias)) for alias in aliases), default=0.0)


def contains(text: str, alias: str) -> bool:
    """Whether the alias's tokens stand in the text in a row; token boundaries hold, so "5" is not in "25"."""
    wanted, there = tokens(alias), tokens(text)
    return bool(wanted) and any(there[i : i + len(wanted)] == wanted for i in range(len(there) - len(wanted) + 1))


def answer_scores(text: str, item: GoldItem) -> tuple[float, float, float]:
    """Exact match, token F1 and contains-match of an answer text, for an answerable item.

    Where several answers are required, F1 takes the alias of each that fits best, joined; exact match needs that join
    in any order of the answers' tokens; contains-match is the share of the required answers that stand in the text,
    counted only when all do. The bare alias "yes" or "no" counts as contained only as the first word.
    """
    if len(item.answers) == 1:
        aliases = item.answers[0]
        exact, f1 = exact_match(text, aliases), token_f1(text, aliases)
    else:
        best = " ".join(max(aliases, key=lambda alias: token_f1(text, [alias])) for aliases in item.answers)
        exact = float(Counter(tokens(text)) == Counter(tokens(best)))
        f1 = token_f1(text, [best])
    held = all(any(_holds(text, alias) for alias in aliases) for aliases in item.answers)
    return exact, f1, float(held)


def is_relevant(passage: Passage, item: GoldItem) -> bool:
    """Whether a passage is evidence: of an evidence article, and holding its quote or an accepted answer."""
    if passage.article_id not in item.articles:
        return False
    quoted = [e.quote for e in item.evidence if e.article == passage.article_id and e.quote]
    if any(quote in passage.text or passage.text in quote for quote in quoted):
        return True
    return any(_holds(passage.text, alias, anywhere=True) for aliases in item.answers for alias in aliases)


def recall_at(hits: Sequence[Hit], item: GoldItem, k: int) -> float:
    """1 when one of the first k hits is evidence, else 0: the share of questions, once averaged."""
    return float(any(is_relevant(hit.passage, item) for hit in hits[:k]))


def reciprocal_rank(hits: Sequence[Hit], item: GoldItem, k: int = 10) -> float:
    """1 / rank of the first evidence among the first k hits, 0 without one (MRR@k, once averaged)."""
    return next((1 / rank for rank, hit in enumerate(hits[:k], 1) if is_relevant(hit.passage, item)), 0.0)


def citation_scores(answer: Answer, item: GoldItem) -> tuple[float, float]:
    """Citation precision and recall by evidence overlap, in the sense of ALCE (Gao et al. 2023) without its judge.

    A citation is right when its passage is evidence for the question (`is_relevant`). Precision: the share of all
    citations that are right. Recall: the share of claims with at least one right citation; a claim without citations
    counts against it. Both are 0 for an answer without claims.
    """
    right = [[is_relevant(c.passage, item) for c in claim.citations] for claim in answer.claims]
    flat = [ok for claim in right for ok in claim]
    precision = sum(flat) / len(flat) if flat else 0.0
    recall = sum(any(claim) for claim in right) / len(right) if right else 0.0
    return precision, recall


def quotes_verbatim(answer: Answer, text_of_passage: dict[str, str]) -> bool:
    """Whether every citation's quote is a non-empty slice of the indexed passage it names."""
    citations = [c for claim in (*answer.claims, *answer.extracts) for c in claim.citations]
    return all(c.quote and c.quote in text_of_passage.get(c.passage.id, "") for c in citations)


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a rate (Wilson 1927), by scipy; (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    interval = binomtest(round(successes), n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap 95% interval of a mean, 2,000 resamples of the questions (Efron 1979)."""
    import numpy as np

    if not values:
        return 0.0, 1.0
    sample = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(0, len(sample), size=(2000, len(sample)))
    low, high = np.quantile(sample[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _f1(mine: list[str], theirs: list[str]) -> float:
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs)) if common else 0.0


def _holds(text: str, alias: str, anywhere: bool = False) -> bool:
    if alias.casefold() in {"yes", "no"}:
        return not anywhere and tokens(text)[:1] == [alias.casefold()]
    return contains(text, alias)

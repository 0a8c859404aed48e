"""What is measured, as pure functions of texts and gold items. Knows nothing about bots.

All scores lie in [0, 1]; higher is better unless the docstring says otherwise.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rag.evaluation import nuggets
from rag.evaluation.gold import GoldItem
from rag.evaluation.quantities import Amount, Quantities, quantities
from rag.evaluation.tokens import tokens
from rag.language.words import content_stems
from rag.types import Answer, Hit, Passage

# ---------------------------------------------------------------------- answers


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


def same_value(text: str, alias: str) -> bool:
    """Whether the text gives the dates and numbers of the alias, however they are written.

    "Oct. 19" gives "19 October 2025", and "38 percent" gives "38%": each date of the alias needs one in the text that
    names its finest part (the day, else the month, else the year) and contradicts none; each number needs one of the
    same amount and no other unit. The alias's other content words must stand in the text. False for an alias without
    a date or number.
    """
    wanted = quantities(alias)
    if not wanted.dates and not wanted.amounts:
        return False
    there, stems = quantities(text), set(content_stems(text))
    return (
        all(any(date.named_by(other) for other in there.dates) for date in wanted.dates)
        and all(any(_counts(other, amount) for other in _of_noun(there, amount)) for amount in wanted.amounts)
        and all(stem in stems for stem in content_stems(wanted.rest))
    )


def answer_scores(text: str, item: GoldItem) -> dict[str, float]:
    """exact_match, token_f1, contains_match and value_match of an answer text, for an answerable item.

    Where several answers are required, F1 takes the alias of each that fits best, joined; exact match needs that join
    in any order of the answers' tokens. contains_match is 1 when each required answer stands in the text; value_match
    when each stands there or is there as the same date or number (`same_value`), as written or with hyphens closed up:
    "cease-fire" is "ceasefire". The bare alias "yes" or "no" counts as contained only as the first word.
    """
    if len(item.answers) == 1:
        aliases = item.answers[0]
        exact, f1 = exact_match(text, aliases), token_f1(text, aliases)
    else:
        best = " ".join(max(aliases, key=lambda alias: token_f1(text, [alias])) for aliases in item.answers)
        exact = float(Counter(tokens(text)) == Counter(tokens(best)))
        f1 = token_f1(text, [best])
    held = [any(_holds(text, alias) for alias in aliases) for aliases in item.answers]
    closed = _closed_up(text)
    same = [any(_same(text, a) or _same(closed, _closed_up(a)) for a in aliases) for aliases in item.answers]
    return {
        "exact_match": exact,
        "token_f1": f1,
        "contains_match": float(all(held)),
        "value_match": float(all(same)),
    }


def says_forbidden(text: str, item: GoldItem) -> float:
    """1 when the text holds a forbidden answer, else 0; lower is better."""
    return float(any(contains(text, wrong) for wrong in item.forbidden))


# ---------------------------------------------------------------------- retrieval


def is_relevant(passage: Passage, item: GoldItem) -> bool:
    """Whether a passage is evidence: of an evidence article, and holding its quote, an accepted answer or a nugget."""
    if passage.article.id not in item.articles:
        return False
    quoted = [e.quote for e in item.evidence if e.article == passage.article.id and e.quote]
    if any(quote in passage.text or passage.text in quote for quote in quoted):
        return True
    if item.nuggets:
        folded = nuggets.fold(passage.text)
        return any(nuggets.holds(folded, nugget) for nugget in item.nuggets)
    return any(_holds(passage.text, alias, anywhere=True) for aliases in item.answers for alias in aliases)


def judged(hits: Sequence[Hit], item: GoldItem) -> tuple[list[str], set[str]]:
    """A ranking and what is relevant in it, as ids, for the measures below.

    What is sought are pieces of evidence: one where any evidence article is enough ("evidence"), else one for each
    evidence article (its id). The first hit that is evidence stands for its piece; every other hit keeps the id of its
    passage, a repetition included, and is not relevant.
    """
    wanted = {"evidence"} if item.evidence_mode == "any" else {f"evidence {id_}" for id_ in item.articles}
    ranking: list[str] = []
    for hit in hits:
        piece = "evidence" if item.evidence_mode == "any" else f"evidence {hit.passage.article.id}"
        fresh = piece not in ranking and is_relevant(hit.passage, item)
        ranking.append(piece if fresh else hit.passage.id)
    return ranking, wanted


def hits_at(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 when one of the first k is relevant, else 0 (Success@k in ir_measures; Hits@k in MultiHop-RAG)."""
    return float(any(id_ in relevant for id_ in ranking[:k]))


def recall_at(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of what is relevant that stands among the first k (R@k in ir_measures)."""
    return sum(id_ in relevant for id_ in ranking[:k]) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], relevant: Collection[str], k: int = 10) -> float:
    """1 / rank of the first relevant one among the first k, 0 without one (RR@k; its mean is MRR@k)."""
    return next((1 / rank for rank, id_ in enumerate(ranking[:k], 1) if id_ in relevant), 0.0)


def average_precision(ranking: Sequence[str], relevant: Collection[str], k: int = 10) -> float:
    """Mean over what is relevant of the precision at its rank, 0 beyond k (AP@k; its mean is MAP@k)."""
    found, total = 0, 0.0
    for rank, id_ in enumerate(ranking[:k], 1):
        if id_ in relevant:
            found += 1
            total += found / rank
    return total / len(relevant) if relevant else 0.0


def ndcg(ranking: Sequence[str], relevant: Collection[str], k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k with gains 0 and 1 (Järvelin and Kekäläinen 2002)."""
    gain = sum(1 / math.log2(rank + 1) for rank, id_ in enumerate(ranking[:k], 1) if id_ in relevant)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return gain / ideal if ideal else 0.0


def retrieval_scores(hits: Sequence[Hit], item: GoldItem) -> dict[str, float]:
    """All retrieval measures of one question: hits_at_4, recall_at_1, _3, _8, mrr_at_10, map_at_10, ndcg_at_10."""
    ranking, relevant = judged(hits, item)
    return {
        **{f"recall_at_{k}": recall_at(ranking, relevant, k) for k in (1, 3, 8)},
        **{f"hits_at_{k}": hits_at(ranking, relevant, k) for k in (4, 10)},
        "mrr_at_10": reciprocal_rank(ranking, relevant),
        "map_at_10": average_precision(ranking, relevant),
        "ndcg_at_10": ndcg(ranking, relevant),
    }


# ---------------------------------------------------------------------- citations


def citation_scores(answer: Answer, item: GoldItem) -> dict[str, float]:
    """Citation precision, recall and F1 by evidence overlap, in the sense of ALCE (Gao et al. 2023) without its judge.

    A citation is right when its passage is evidence for the question (`is_relevant`). Precision: the share of all
    citations that are right; recall: the share of claims with a right one. An answer without claims has 0.
    """
    right = [[is_relevant(c.passage, item) for c in claim.citations] for claim in answer.claims]
    flat = [ok for claim in right for ok in claim]
    precision = sum(flat) / len(flat) if flat else 0.0
    recall = sum(any(claim) for claim in right) / len(right) if right else 0.0
    return _precision_recall_f1("citation", precision, recall)


def entailed_citation_scores(answer: Answer, entails: Callable[[str, str], bool]) -> dict[str, float]:
    """Citation precision, recall and F1 as ALCE defines them (Gao et al. 2023, section 3), with an entailment model.

    A claim is recalled when its cited passages, joined, entail it. A citation is precise when its claim is recalled
    and the citation is not irrelevant: either its passage alone entails the claim, or without it the others no longer
    do. An answer without claims has 0.

    Args:
        entails: whether a premise entails a hypothesis.
    """
    recalled, precise, cited = 0, 0, 0
    for claim in answer.claims:
        passages = list(dict.fromkeys(c.passage.text for c in claim.citations))
        cited += len(passages)
        if not passages or not entails("\n".join(passages), claim.text):
            continue
        recalled += 1
        for passage in passages:
            others = [other for other in passages if other != passage]
            precise += entails(passage, claim.text) or not entails("\n".join(others), claim.text) if others else 1
    precision = precise / cited if cited else 0.0
    return _precision_recall_f1("entailed", precision, recalled / len(answer.claims) if answer.claims else 0.0)


def quotes_verbatim(answer: Answer, text_of_passage: dict[str, str]) -> bool:
    """Whether every citation's quote is a non-empty slice of the indexed passage it names."""
    citations = [c for claim in (*answer.claims, *answer.extracts) for c in claim.citations]
    return all(c.quote and c.quote in text_of_passage.get(c.passage.id, "") for c in citations)


# ---------------------------------------------------------------------- abstention


def risk_coverage(
    confidence: Sequence[float], correct: Sequence[bool], asked: int | None = None
) -> tuple[list[float], list[float], float]:
    """The risk-coverage curve of answers and its area (El-Yaniv and Wiener 2010; Geifman et al. 2019).

    Args:
        confidence: of the n questions that were answered, any scale, higher is surer.
        correct: whether each answer is right.
        asked: how many questions were asked, the refused and failed ones included; default: n.

    Returns:
        Coverage (share of all questions asked that are answered, surest first, so it ends at n / asked) and risk
        (share wrong among those answered), one point for each distinct confidence, and the area: the mean of the risk
        over the n steps (AURC; lower is better), which is the area under the curve divided by the coverage it reaches,
        since otherwise refusing all would be best. Equal confidences are answered together, and share their risk.
    """
    n = len(confidence)
    order = sorted(range(n), key=lambda i: -confidence[i])
    coverage: list[float] = []
    risk: list[float] = []
    area = wrong = 0.0
    answered = 0
    while answered < n:
        same = [i for i in order[answered:] if confidence[i] == confidence[order[answered]]]
        answered += len(same)
        wrong += sum(not correct[i] for i in same)
        coverage.append(answered / (asked or n))
        risk.append(wrong / answered)
        area += len(same) * risk[-1] / n
    return coverage, risk, area


def risk_coverage_interval(
    confidence: Sequence[float], correct: Sequence[bool], clusters: Sequence[str], *, seed: int = 0
) -> tuple[float, float]:
    """95% interval of the area of `risk_coverage`, by the resamples of `bootstrap`: each draws a curve of its own.

    Args:
        clusters: the cluster of each answered question.
    """
    import numpy as np

    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    sorted_confidence = np.asarray(confidence, dtype=float)[order]
    # Where a group of equal confidences ends.
    ends = np.flatnonzero(np.append(sorted_confidence[1:] != sorted_confidence[:-1], True))
    wrong = ~np.asarray(correct, dtype=bool)[order]
    _, cluster = np.unique(list(clusters), return_inverse=True)
    drawn = _drawn_clusters(cluster.max() + 1, seed) if len(cluster) else None
    if drawn is None:
        return 0.0, 1.0
    areas = []
    for draw in drawn:
        times = np.bincount(draw, minlength=draw.size)[cluster][order]
        answered = np.cumsum(times)[ends]
        risk = np.cumsum(times * wrong)[ends] / np.maximum(answered, 1)
        areas.append(np.sum(np.diff(answered, prepend=0) * risk) / answered[-1])
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


# ---------------------------------------------------------------------- intervals


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a rate (Wilson 1927), by scipy; (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    interval = binomtest(round(successes), n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(
    values: Sequence[float],
    clusters: Sequence[str] | None = None,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap 95% interval of a mean with 2,000 resamples (Efron 1979).

    Args:
        values: one for each question.
        clusters: the cluster of each; whole clusters are drawn (Cameron, Gelbach and Miller 2008), since questions
            about one article are not independent. None draws questions.
        bounds: the least and most that a mean can be, which is the interval where there are fewer than two clusters:
            one alone says nothing of how far others lie from it.
    """
    import numpy as np

    if not values:
        return bounds
    names = list(clusters) if clusters is not None else [str(n) for n in range(len(values))]
    _, cluster = np.unique(names, return_inverse=True)
    sums = np.bincount(cluster, weights=np.asarray(values, dtype=float))
    sizes = np.bincount(cluster)
    draws = _drawn_clusters(len(sums), seed)
    if draws is None:
        return bounds
    low, high = np.quantile(sums[draws].sum(axis=1) / sizes[draws].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _drawn_clusters(clusters: int, seed: int) -> Any:
    """2,000 resamples as an int array (2000, clusters) of cluster numbers; None where one cluster is all there is."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, clusters, size=(2000, clusters)) if clusters > 1 else None


def _f1(mine: list[str], theirs: list[str]) -> float:
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs)) if common else 0.0


def _precision_recall_f1(name: str, precision: float, recall: float) -> dict[str, float]:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {f"{name}_precision": precision, f"{name}_recall": recall, f"{name}_f1": f1}


def _same(text: str, alias: str) -> bool:
    return _holds(text, alias) or same_value(text, alias)


def _closed_up(text: str) -> str:
    """Without the hyphens between letters."""
    return re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", "", text)


def _holds(text: str, alias: str, anywhere: bool = False) -> bool:
    if alias.casefold() in {"yes", "no"}:
        return not anywhere and tokens(text)[:1] == [alias.casefold()]
    return contains(text, alias)


def _of_noun(there: Quantities, wanted: Amount) -> Sequence[Amount]:
    """The amounts of a text that count what is wanted; all, where none says so: "25 soldiers and 30 militants"."""
    noun = content_stems(wanted.noun)
    return [amount for amount in there.amounts if noun and content_stems(amount.noun) == noun] or there.amounts


def _counts(amount: Amount, wanted: Amount) -> bool:
    """Equal, and of no other unit: where one is wanted, "38 trucks" has another, and a bare "38" none."""
    other = amount.unit and wanted.unit and amount.unit != wanted.unit
    return amount.value == wanted.value and not other and not (wanted.unit and amount.noun and not amount.unit)

"""Asks a bot every question of a gold set and adds up what came back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Protocol

from rag.errors import RagError
from rag.evaluation import metrics, nuggets
from rag.evaluation.gold import REWORDED, GoldItem, digest
from rag.evaluation.tokens import tokens
from rag.retrieval.retriever import Searcher
from rag.settings import EXTRACTS
from rag.types import Answer, Hit, Progress, Query

DEPTH = 10
#: What can go wrong with a question, the first that applies.
FAILED = "failed"
SHOULD_ABSTAIN = "should have abstained"
RETRIEVAL_MISS = "retrieval miss"
WRONG_ABSTENTION = "wrong abstention"
READING_MISS = "reading miss"
SAID_FORBIDDEN = "said what is forbidden"
CITATION_MISS = "citation miss"

#: Measures of which less is better.
LOWER_IS_BETTER = frozenset({"false_abstention", "forbidden_said", "risk_coverage_area"})
#: Of an answerable question, when no answer came at all.
_NO_ANSWER: Mapping[str, float] = {
    **dict.fromkeys("exact_match token_f1 contains_match value_match short_exact_match short_f1".split(), 0.0),
    **dict.fromkeys("citation_precision citation_recall citation_f1".split(), 0.0),
    "false_abstention": 1.0,
    "right": 0.0,
}
_NO_OPEN_ANSWER: Mapping[str, float] = {
    **dict.fromkeys("vital_recall nugget_recall citation_precision citation_recall citation_f1 right".split(), 0.0),
    "false_abstention": 1.0,
}
#: Measures whose trials are nuggets: pooled over the questions, each nugget counts alike.
POOLED = frozenset({"vital_recall", "nugget_recall"})
#: What a table of kinds of open questions shows.
OF_KINDS = ("right", "vital_recall", "nugget_recall", "abstention_accuracy", "false_abstention")


class Asker(Protocol):
    """What is needed of a bot."""

    @property
    def retriever(self) -> Searcher:
        """Where its passages come from."""
        ...

    def ask(self, question: str, *, source: Sequence[str] | None = None, as_of: date | None = None) -> Answer:
        """See `Bot.ask`."""
        ...


class Answers(Protocol):
    """Where answers are kept between runs, so that what did not change is not asked again."""

    def get(self, item: GoldItem) -> Answer | None:
        """The answer kept for a question, None when there is none."""
        ...

    def put(self, item: GoldItem, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """One question and how it went.

    Attributes:
        scores: what was measured for it, by name.
        answer: None when only the search was measured, or it failed.
        hits: the first DEPTH of the search.
        wrong: what went wrong, in the words above; "" when nothing did.
        error: why it failed.
        cached: whether the answer is one that was kept.
        counts: of an open question, the nuggets found and wanted, by the measure that they count for.
    """

    item: GoldItem
    scores: Mapping[str, float]
    answer: Answer | None = None
    hits: tuple[Hit, ...] = ()
    wrong: str = ""
    error: str = ""
    cached: bool = False
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The short answer, its versions joined; "" where there is none."""
        return short_answer(self.answer) if self.answer else ""

    @property
    def text(self) -> str:
        """The answer's words as scored: without marks such as [1]; "" for an abstention."""
        return answer_text(self.answer) if self.answer else ""

    def to_dict(self) -> dict[str, Any]:
        """The result as a line of results.jsonl."""
        return {
            "id": self.item.id,
            "question": self.item.question,
            "gold": asdict(self.item) | {"as_of": str(self.item.as_of or "")},
            "text": self.text,
            "kind": self.answer.kind if self.answer else "",
            "wrong": self.wrong,
            "error": self.error,
            "scores": dict(self.scores),
            "hits": [hit.passage.id for hit in self.hits],
            "cached": self.cached,
            "answer": self.answer.to_dict() if self.answer else None,
        }


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean with its number of questions and 95% interval.

    Wilson's for rates (every value is 0 or 1) and shares of nuggets (n counts those), else a bootstrap over questions,
    clustered by their evidence articles.
    """

    value: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Report:
    """A run over a gold set.

    Attributes:
        model: what answered.
        gold: `digest` of the items asked.
        summary: measures by name; a question that failed counts as zero (as an answer withheld, where that is
            measured).
        by_kind: contains-match by kind of question, for answerable ones; abstention accuracy by kind of unanswerable;
            for rewordings, the share with the same answer by form.
        open_kinds: for open questions, the measures OF_KINDS by kind.
        cost: seconds, tokens and words by name: median, 95th percentile and n.
        controls: the summaries of the control arms, by name.
        about: how it was run: versions, settings, seed, memory.
    """

    model: str
    gold: str
    results: tuple[Result, ...]
    summary: dict[str, Metric]
    by_kind: dict[str, Metric]
    cost: dict[str, dict[str, float]]
    controls: dict[str, dict[str, Metric]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    open_kinds: dict[str, dict[str, Metric]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single results, as JSON-ready values."""
        plain: dict[str, Any] = {
            "model": self.model,
            "gold": self.gold,
            "n": len(self.results),
            "summary": {name: asdict(metric) for name, metric in self.summary.items()},
            "by_kind": {name: asdict(metric) for name, metric in self.by_kind.items()},
            "open_kinds": {
                kind: {name: asdict(metric) for name, metric in measures.items()}
                for kind, measures in self.open_kinds.items()
            },
            "cost": self.cost,
            "wrong": self.wrong(),
            "controls": {
                arm: {name: asdict(metric) for name, metric in summary.items()}
                for arm, summary in self.controls.items()
            },
            "about": self.about,
        }
        if curve := self.risk_coverage():
            plain["risk_coverage"] = {"coverage": curve[0], "risk": curve[1], "area": curve[2]}
        return plain

    def wrong(self) -> dict[str, int]:
        """How many questions went wrong, by what went wrong, most first."""
        counts: dict[str, int] = {}
        for result in self.results:
            if result.wrong:
                counts[result.wrong] = counts.get(result.wrong, 0) + 1
        return dict(sorted(counts.items(), key=lambda pair: -pair[1]))

    def risk_coverage(self) -> tuple[list[float], list[float], float] | None:
        """`metrics.risk_coverage` of the questions that were answered, among all asked; None when none was answered.

        An answer is right when it holds what the gold set wants; any answer to an unanswerable question is wrong.
        """
        confidence, right, _ = _answered(self.results)
        return metrics.risk_coverage(confidence, right, len(self.results)) if confidence else None


def run(
    gold: Sequence[GoldItem],
    bot: Asker,
    *,
    model: str = "",
    retrieval_only: bool = False,
    jobs: int = 1,
    seed: int = 0,
    answers: Answers | None = None,
    entails: Callable[[str, str], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stage: str = "asking",
    originals: Sequence[GoldItem] = (),
) -> Report:
    """Ask every question.

    An error of this package while answering is recorded on its question and counts as a failure; the run goes on.

    Args:
        retrieval_only: measure the search alone; nothing is answered.
        jobs: questions asked at once; the bot must bear it.
        seed: of the bootstrap.
        answers: kept answers, used and added to.
        entails: an entailment model (premise, hypothesis); adds the citation measures of ALCE.
        stage: what `progress` calls it.
        originals: questions that some of `gold` reword; asked first, to compare with, and no part of the report.
    """

    def one(item: GoldItem) -> Result:
        return _ask(item, bot, retrieval_only, answers, entails)

    def all_of(items: Sequence[GoldItem], stage: str) -> list[Result]:
        results: list[Result] = []
        for result in _each(one, items, jobs):
            results.append(result)
            if progress:
                progress(Progress(stage, len(results), len(items), "questions"))
        return results

    first = [] if retrieval_only else all_of(originals, f"{stage}: what is reworded")
    results = all_of(gold, stage)
    if not retrieval_only:
        results = with_pairs(results, [*first, *results])
    return Report(
        model, digest(gold), tuple(results), summarise(results, seed), _by_kind(results), _cost(results),
        open_kinds=_open_kinds(results),
    )  # fmt: skip


def with_pairs(results: Sequence[Result], originals: Sequence[Result]) -> list[Result]:
    """The results, those of rewordings with same_answer and same_short: whether both questions get the same.

    The same answer: both answers hold an accepted one (or are right, of open questions), both questions are refused, or
    both answers have the same words, also where these are wrong: the short answer's, where there is one. The same short
    answer, where either has one: equal tokens. A pair in which one failed has 0.
    """
    by_id = {result.item.id: result for result in originals}
    found = []
    for result in results:
        original = by_id.get(result.item.of)
        if original is not None and result.item.form in REWORDED:
            result = replace(result, scores={**result.scores, **_pair(original, result)})
        found.append(result)
    return found


def _pair(one: Result, other: Result) -> dict[str, float]:
    both = [one.answer, other.answer]
    refused = [answer is not None and answer.abstained for answer in both]
    held = [result.item.answerable and result.scores.get("right", 0.0) == 1.0 for result in (one, other)]
    told = [tokens(result.short or result.text) for result in (one, other)]
    scores = {"same_answer": float(all(held) or all(refused) or (not any(refused) and told[0] == told[1] != []))}
    if one.short or other.short:
        scores["same_short"] = float(tokens(one.short) == tokens(other.short))
    return scores


def answer_text(answer: Answer) -> str:
    """The answer's claims without marks such as [1], which are no words of it; "" for an abstention."""
    return "" if answer.abstained else " ".join(claim.text for claim in answer.claims)


def short_answer(answer: Answer) -> str:
    """The words of the short answer, its versions joined by "and"."""
    return " and ".join(dict.fromkeys(citation.quote for citation in answer.short))


def summarise(results: Sequence[Result], seed: int = 0) -> dict[str, Metric]:
    """Each measure's mean over the questions that have it, with its interval.

    Where a question was answered, risk_coverage_area too, which is no mean: of the run as a whole, with n answered.
    """
    names = dict.fromkeys(name for result in results for name in result.scores)
    summary = {name: _metric(name, [r for r in results if name in r.scores], seed) for name in names}
    confidence, right, clusters = _answered(results)
    if confidence:
        area = metrics.risk_coverage(confidence, right)[2]
        low, high = metrics.risk_coverage_interval(confidence, right, clusters, seed=seed)
        summary["risk_coverage_area"] = Metric(area, len(confidence), low, high)
    return summary


def is_rate(values: Sequence[float]) -> bool:
    """Whether these are trials of yes and no."""
    return all(value in (0.0, 1.0) for value in values)


def cluster(item: GoldItem) -> str:
    """What groups questions that are not independent: their first evidence article, else the question itself."""
    return min(item.articles, default=f"question {item.id}")


def _each(one: Callable[[GoldItem], Result], gold: Sequence[GoldItem], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(one, gold)
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        yield from pool.map(one, gold)
    finally:
        pool.shutdown(cancel_futures=True)


def _ask(
    item: GoldItem,
    bot: Asker,
    retrieval_only: bool,
    answers: Answers | None,
    entails: Callable[[str, str], bool] | None,
) -> Result:
    scores: dict[str, float] = {}
    hits: tuple[Hit, ...] = ()
    how: dict[str, Any] = {"source": item.sources or None, "as_of": item.as_of}
    kept = answers.get(item) if answers and not retrieval_only else None
    if kept is not None and _fell_back(kept, bot):
        kept = None  # the model failed then: asked again
    answer, failure = kept, ""
    try:
        # The answer first: what it takes is its own cost, not less for a search just made.
        if answer is None and not retrieval_only:
            answer = bot.ask(item.question, **how)
            if _fell_back(answer, bot):
                failure, answer = answer.notes[-1], None  # extracts are not what was to be measured
    except RagError as error:
        failure = str(error)
    except Exception as error:  # a model's library raises whatever it likes; one question is lost, not the run
        failure = f"{type(error).__name__}: {error}"
    try:
        query = Query.of(item.question, k=DEPTH, source=item.sources, as_of=item.as_of)
        hits = tuple(bot.retriever.search(query))
        if item.answerable:
            scores = metrics.retrieval_scores(hits, item)
    except Exception as error:
        failure = failure or (str(error) if isinstance(error, RagError) else f"{type(error).__name__}: {error}")
    if failure:
        failed = _failed(item, scores, retrieval_only)
        if entails and item.answerable and not retrieval_only:
            failed |= dict.fromkeys(("entailed_precision", "entailed_recall", "entailed_f1"), 0.0)
        return Result(item, failed, hits=hits, wrong=FAILED, error=failure, counts=_counts("", item))
    if answer is None:
        missed = item.answerable and not scores["hits_at_10"]
        return Result(item, scores, hits=hits, wrong=RETRIEVAL_MISS if missed else "")
    if answers and kept is None:
        answers.put(item, answer)
    scores |= answer_measures(item, answer)
    if answer.claims:
        known = {hit.passage.id: hit.passage.text for hit in (*answer.hits, *hits)}
        scores["verbatim_quotes"] = float(metrics.quotes_verbatim(answer, known))
    if entails and item.answerable:
        scores |= metrics.entailed_citation_scores(answer, entails)  # an abstention has 0, as in `citation_scores`
    return Result(
        item, scores, answer, hits, _wrong(item, answer, scores), cached=kept is not None,
        counts=_counts(answer_text(answer), item),
    )  # fmt: skip


def _fell_back(answer: Answer, bot: Asker) -> bool:
    """Whether extracts stand in for a language model that failed on this question."""
    return answer.kind == "extracts" and getattr(bot, "model", EXTRACTS) != EXTRACTS


def _counts(text: str, item: GoldItem) -> dict[str, tuple[int, int]]:
    if not (item.open and item.answerable):
        return {}
    counted = nuggets.count(text, item)
    return {"vital_recall": counted.vital, "nugget_recall": counted.nuggets}


def answer_measures(item: GoldItem, answer: Answer) -> dict[str, float]:
    """What an answer is worth, without the search: the answer, citation and abstention measures.

    Right: an answerable question is not refused, its answer holds what is wanted and nothing forbidden; an
    unanswerable one is refused, or what it takes for granted is corrected as its nuggets say.
    """
    text = answer_text(answer)
    scores: dict[str, float] = {}
    if item.open:
        scores |= _open_measures(item, answer, text)
    elif item.answerable:
        of_short = metrics.answer_scores(short_answer(answer), item)
        scores |= metrics.answer_scores(text, item)
        scores |= {"short_exact_match": of_short["exact_match"], "short_f1": of_short["token_f1"]}
        scores["right"] = scores["value_match"]
    else:
        scores["right"] = float(answer.abstained)
    if item.answerable:
        scores["false_abstention"] = float(answer.abstained)
        scores |= metrics.citation_scores(answer, item)
    else:
        scores["abstention_accuracy"] = float(answer.abstained)
    if item.forbidden and not item.open:
        scores["forbidden_said"] = metrics.says_forbidden(text, item)
        scores["right"] *= 1 - scores["forbidden_said"]
    if answer.claims:
        passed = [claim.checked or claim.verdict == "verbatim" for claim in answer.claims]
        scores["checks_passed"] = sum(passed) / len(passed)
    return scores


def _open_measures(item: GoldItem, answer: Answer, text: str) -> dict[str, float]:
    counted = nuggets.count(text, item)
    scores = {"right": float(counted.complete or (answer.abstained and not item.answerable))}
    if item.answerable:
        scores |= {"vital_recall": _share(counted.vital), "nugget_recall": _share(counted.nuggets)}
    if item.forbidden:
        scores["forbidden_said"] = float(bool(counted.forbidden))
    return scores


def _share(count: tuple[int, int]) -> float:
    return count[0] / count[1] if count[1] else 0.0


def _wrong(item: GoldItem, answer: Answer, scores: Mapping[str, float]) -> str:
    if not item.answerable:
        return "" if scores["right"] else SHOULD_ABSTAIN
    # What the bot saw, not all that was searched for the measures: it could not read what stands below.
    found = any(metrics.is_relevant(hit.passage, item) for hit in answer.hits)
    if scores["vital_recall" if item.open else "value_match"] < 1:
        if not found:
            return RETRIEVAL_MISS
        return WRONG_ABSTENTION if answer.abstained else READING_MISS
    if scores.get("forbidden_said"):
        return SAID_FORBIDDEN
    return "" if scores["citation_precision"] > 0 else CITATION_MISS


def _failed(item: GoldItem, scores: dict[str, float], retrieval_only: bool) -> dict[str, float]:
    if not item.answerable:
        return {} if retrieval_only else {"abstention_accuracy": 0.0, "right": 0.0}
    scores = scores or metrics.retrieval_scores((), item)
    return scores if retrieval_only else scores | dict(_NO_OPEN_ANSWER if item.open else _NO_ANSWER)


def _answered(results: Sequence[Result]) -> tuple[list[float], list[bool], list[str]]:
    """Probability, rightness and cluster of each question that was answered."""
    pairs = [(r, r.answer) for r in results if r.answer and not r.answer.abstained]
    return (
        [answer.probability for _, answer in pairs],
        [r.scores.get("right", 0.0) == 1.0 for r, _ in pairs],
        [cluster(r.item) for r, _ in pairs],
    )


def _by_kind(results: Sequence[Result]) -> dict[str, Metric]:
    kinds: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        item, scores = result.item, result.scores
        if "same_answer" in scores:
            kinds.setdefault((f"reworded: {item.form}", "same_answer"), []).append(result)
        elif item.form and "right" in scores:
            kinds.setdefault((f"reworded: {item.form} (right)", "right"), []).append(result)
        elif "contains_match" in scores:
            kinds.setdefault((item.kind, "contains_match"), []).append(result)
        elif "abstention_accuracy" in scores and not item.open:
            kind = f"unanswerable: {item.unanswerable_kind or 'not said'}"
            kinds.setdefault((kind, "abstention_accuracy"), []).append(result)
    return {kind: _metric(name, of_kind, 0) for (kind, name), of_kind in sorted(kinds.items())}


def _open_kinds(results: Sequence[Result]) -> dict[str, dict[str, Metric]]:
    kinds: dict[str, list[Result]] = {}
    for result in results:
        if result.item.open and "right" in result.scores:
            kinds.setdefault(result.item.kind, []).append(result)
    table = {}
    for kind, of_kind in sorted(kinds.items()):
        rows = {name: [r for r in of_kind if name in r.scores] for name in OF_KINDS}
        table[kind] = {name: _metric(name, measured, 0) for name, measured in rows.items() if measured}
    return table


def _metric(name: str, results: Sequence[Result], seed: int) -> Metric:
    values = [result.scores[name] for result in results]
    if name in POOLED:
        found, wanted = (sum(result.counts[name][i] for result in results) for i in (0, 1))
        return Metric(found / wanted if wanted else 0.0, wanted, *metrics.wilson(found, wanted))
    if is_rate(values):
        low, high = metrics.wilson(sum(values), len(values))
    else:
        low, high = metrics.bootstrap(values, [cluster(result.item) for result in results], seed=seed)
    return Metric(sum(values) / len(values), len(values), low, high)


def _cost(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    import numpy as np

    answers = [result.answer for result in results if result.answer]
    found: dict[str, list[float]] = {
        "seconds_search": [a.timings["search"] for a in answers if "search" in a.timings],
        "seconds_evidence": [a.timings["evidence"] for a in answers if "evidence" in a.timings],
        "seconds_first_token": [a.timings["first_token"] for a in answers if "first_token" in a.timings],
        "seconds_total": [a.timings["total"] for a in answers if "total" in a.timings],
        "answer_words": [float(len(answer_text(a).split())) for a in answers if not a.abstained],
        "tokens_in": [a.usage["prompt"] for a in answers if "prompt" in a.usage],
        "tokens_out": [a.usage["completion"] for a in answers if "completion" in a.usage],
    }
    return {
        name: {
            "median": float(np.median(values)),
            "p95": float(np.quantile(values, 0.95)),
            "n": len(values),
        }
        for name, values in found.items()
        if values
    }

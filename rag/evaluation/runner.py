"""Asks a bot every question of a gold set and adds up what came back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rag.errors import RagError
from rag.evaluation import metrics
from rag.evaluation.gold import GoldItem
from rag.types import Answer, Hit, Progress

DEPTH = 10


class Searcher(Protocol):
    """What is needed of a retriever."""

    def search(self, question: str, *, k: int | None = None) -> list[Hit]:
        """See `Retriever.search`."""
        ...


class Asker(Protocol):
    """What is needed of a bot."""

    @property
    def retriever(self) -> Searcher:
        """Where its passages come from."""
        ...

    def ask(self, question: str) -> Answer:
        """See `Bot.ask`."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """One question and how it went; `scores` holds what was measured for it, by name."""

    item: GoldItem
    text: str
    kind: str
    scores: dict[str, float]
    error: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    hits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean with its number of questions and 95% interval (Wilson for rates, bootstrap for the others)."""

    value: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Report:
    """A run over a gold set.

    Attributes:
        model: what answered.
        summary: measures by name; a question that failed counts as zero (as an answer withheld, where that is
            measured).
        by_kind: contains-match by kind of question, for answerable ones.
    """

    model: str
    results: tuple[Result, ...]
    summary: dict[str, Metric]
    by_kind: dict[str, Metric]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single results, as JSON-ready values."""
        return {
            "model": self.model,
            "n": len(self.results),
            "summary": {name: asdict(metric) for name, metric in self.summary.items()},
            "by_kind": {name: asdict(metric) for name, metric in self.by_kind.items()},
        }


#: Measures that are rates of yes and no, one trial a question.
_RATES = {
    "recall_at_1", "recall_at_3", "recall_at_8", "exact_match", "short_exact_match", "contains_match",
    "abstention_accuracy", "false_abstention", "verbatim_quotes",
}  # fmt: skip


def run(
    gold: Sequence[GoldItem],
    bot: Asker,
    *,
    model: str = "",
    limit: int | None = None,
    retrieval_only: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Ask every question, one after the other.

    An error of this package while answering is recorded on its question and counts as a failure; the run goes on.

    Args:
        limit: only the first so many questions.
        retrieval_only: measure the search alone; nothing is answered.
    """
    items = gold[:limit]
    results = []
    for done, item in enumerate(items, 1):
        results.append(_ask(item, bot, retrieval_only))
        if progress:
            progress(Progress("asking", done, len(items), "questions"))
    return Report(model, tuple(results), _summarise(results), _by_kind(results))


def write(report: Report, folder: Path) -> None:
    """Write results.jsonl (a line per question) and summary.json into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for result in report.results:
        row = asdict(result)
        row |= {"id": result.item.id, "question": result.item.question}
        lines.append(json.dumps(row, ensure_ascii=False, default=list))
    (folder / "results.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "summary.json").write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")


def format_table(report: Report) -> str:
    """The measures as a table for a terminal."""
    rows = [f"model: {report.model}", f"{'measure':<22}{'value':>7}   {'95% interval':<16}{'n':>4}"]
    for name, m in report.summary.items():
        rows.append(f"{name:<22}{m.value:>7.3f}   {f'{m.low:.3f} to {m.high:.3f}':<16}{m.n:>4}")
    if report.by_kind:
        rows += ["", f"{'contains_match by kind':<22}"]
        rows += [f"  {name:<20}{m.value:>7.3f}   {'':<16}{m.n:>4}" for name, m in report.by_kind.items()]
    failed = [result for result in report.results if result.error]
    rows += [f"failed: {result.item.id}: {result.error}" for result in failed]
    return "\n".join(rows)


def _ask(item: GoldItem, bot: Asker, retrieval_only: bool) -> Result:
    scores: dict[str, float] = {}
    hits: list[Hit] = []
    try:
        hits = bot.retriever.search(item.question, k=DEPTH)
        if item.answerable:
            scores = {f"recall_at_{k}": metrics.recall_at(hits, item, k) for k in (1, 3, 8)}
            scores["mrr_at_10"] = metrics.reciprocal_rank(hits, item)
        if retrieval_only:
            return Result(item, "", "", scores, hits=tuple(h.passage.id for h in hits))
        answer = bot.ask(item.question)
    except RagError as error:
        return Result(item, "", "error", _failed(item, scores, retrieval_only), str(error))
    # Marks such as [1] are no words of the answer, so the claims are scored without them.
    text = "" if answer.abstained else " ".join(claim.text for claim in answer.claims)
    if item.answerable:
        scores["false_abstention"] = float(answer.abstained)
        scores["exact_match"], scores["token_f1"], scores["contains_match"] = metrics.answer_scores(text, item)
        if answer.short:
            short = " and ".join(dict.fromkeys(citation.quote for citation in answer.short))
            scores["short_exact_match"], scores["short_f1"], _ = metrics.answer_scores(short, item)
        else:
            scores["short_exact_match"] = scores["short_f1"] = 0.0
        scores["citation_precision"], scores["citation_recall"] = metrics.citation_scores(answer, item)
    else:
        scores["abstention_accuracy"] = float(answer.abstained)
    if answer.claims:
        scores["checks_passed"] = sum(claim.checked for claim in answer.claims) / len(answer.claims)
        known = {hit.passage.id: hit.passage.text for hit in (*answer.hits, *hits)}
        scores["verbatim_quotes"] = float(metrics.quotes_verbatim(answer, known))
    return Result(item, text, answer.kind, scores, "", dict(answer.timings), tuple(h.passage.id for h in hits))


def _failed(item: GoldItem, scores: dict[str, float], retrieval_only: bool) -> dict[str, float]:
    if not item.answerable:
        return {} if retrieval_only else {"abstention_accuracy": 0.0}
    zero = dict.fromkeys(("recall_at_1", "recall_at_3", "recall_at_8", "mrr_at_10"), 0.0) | scores
    if not retrieval_only:
        names = (
            *("exact_match", "token_f1", "contains_match", "short_exact_match", "short_f1"),
            *("citation_precision", "citation_recall"),
        )
        zero |= dict.fromkeys(names, 0.0) | {"false_abstention": 1.0}
    return zero


def _summarise(results: Sequence[Result]) -> dict[str, Metric]:
    names = list(dict.fromkeys(name for result in results for name in result.scores))
    return {name: _metric(name, [r.scores[name] for r in results if name in r.scores]) for name in names}


def _by_kind(results: Sequence[Result]) -> dict[str, Metric]:
    kinds: dict[str, list[float]] = {}
    for result in results:
        if "contains_match" in result.scores:
            kinds.setdefault(result.item.kind, []).append(result.scores["contains_match"])
    return {kind: _metric("contains_match", values) for kind, values in sorted(kinds.items())}


def _metric(name: str, values: list[float]) -> Metric:
    low, high = metrics.wilson(sum(values), len(values)) if name in _RATES else metrics.bootstrap(values)
    return Metric(sum(values) / len(values), len(values), low, high)

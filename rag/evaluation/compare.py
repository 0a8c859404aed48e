"""Two runs over the same questions: did it get worse? Paired differences with a paired test each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.errors import InputError
from rag.evaluation.folder import Run
from rag.evaluation.metrics import bootstrap
from rag.evaluation.runner import LOWER_IS_BETTER, is_rate

#: Fewer shared questions say nothing.
LEAST = 20
ALPHA = 0.05
#: The measure that decides alone, the first that both runs have; the others share one error rate (Holm).
PRIMARY = ("contains_match", "same_answer", "right", "hits_at_4")


class NotComparable(InputError):
    """The runs asked other questions, or too few."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure in two runs, over the questions that both have.

    Attributes:
        before, after: means.
        n: questions.
        low, high: 95% interval of after - before (bootstrap clustered by article).
        p: two-sided, of McNemar's exact test for rates, else of a sign-flip permutation test; Holm-corrected for all
            but the primary measure.
        primary: whether it decides alone.
        worse, better: whether it changed for the worse or the better with p < ALPHA.
        flipped: ids of the questions whose score changed, (for the worse, for the better).
    """

    name: str
    before: float
    after: float
    n: int
    low: float
    high: float
    p: float
    primary: bool
    worse: bool
    better: bool
    flipped: tuple[tuple[str, ...], tuple[str, ...]]


def compare(before: Run, after: Run, measures: Sequence[str] = (), *, seed: int = 0) -> list[Difference]:
    """Each measure that both runs have, the primary one first.

    Args:
        measures: the measures to look at; the first is the primary one. Default: all, PRIMARY first.

    Raises:
        NotComparable: the gold sets differ, or fewer than LEAST questions are shared.
        InputError: a measure is not in both runs, or is one of the run as a whole (`unpaired`).
    """
    if before.gold != after.gold:
        raise NotComparable(
            "The runs asked different questions (another gold set, limit or sample).",
            "Run both over the same gold set, with the same --limit and --seed.",
        )
    rows = {row["id"]: row for row in before.rows}
    if sorted(rows) != sorted(row["id"] for row in after.rows):
        raise NotComparable("The runs' results hold different questions.", "Make both anew.")
    pairs = [(rows[row["id"]], row) for row in after.rows]
    if len(pairs) < LEAST:
        raise NotComparable(f"The runs share {len(pairs)} questions; at least {LEAST} are needed.", "Ask more.")
    whole = _of_the_whole(before) & _of_the_whole(after)
    shared = [name for name in before.summary if name in after.summary and name not in whole]
    decides = next((name for name in PRIMARY if name in before.summary or name in after.summary), None)
    if not measures and decides not in shared:
        raise NotComparable(
            f"{decides or 'What decides'} was not measured in both runs.",
            f"Run both alike, or name a --measure of: {', '.join(shared) or 'none is shared'}.",
        )
    for name in measures:
        if name in whole:
            raise InputError(f"{name!r} has no scores of single questions to pair.", f"Choose of: {', '.join(shared)}.")
        if name not in shared:
            raise InputError(f"{name!r} was not measured in both runs.", f"Measured: {', '.join(shared)}.")
    primary = measures[0] if measures else str(decides)
    names = [primary, *(name for name in measures or shared if name != primary)]
    raw = {}
    for name in names:
        both = [(a, b) for a, b in pairs if name in a["scores"] and name in b["scores"]]
        raw[name] = (both, _p_value([(a["scores"][name], b["scores"][name]) for a, b in both], seed))
    if (asked := len(raw[primary][0])) < LEAST:
        raise NotComparable(f"{primary} was measured for {asked} questions; at least {LEAST} are needed.", "Ask more.")
    corrected = holm({name: p for name, (_, p) in raw.items() if name != primary}) | {primary: raw[primary][1]}
    return [_difference(name, both, corrected[name], name == primary, seed) for name, (both, _) in raw.items()]


def unpaired(before: Run, after: Run) -> list[str]:
    """A line for each measure that both runs have only as a whole, such as risk_coverage_area: shown, not tested."""
    return [
        f"{name}: {before.summary[name].value:.3f} before, {after.summary[name].value:.3f} after "
        "(of the run as a whole: no paired test)"
        for name in before.summary
        if name in _of_the_whole(before) & _of_the_whole(after)
    ]


def mcnemar(lost: int, won: int) -> float:
    """Two-sided p of McNemar's exact test (McNemar 1947): lost and won are the discordant pairs."""
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0


def sign_flip(differences: Sequence[float], *, seed: int = 0) -> float:
    """Two-sided p of the paired permutation test that flips signs (Fisher 1935), exact where 10,000 flips suffice."""
    import numpy as np
    from scipy.stats import permutation_test

    changed = np.array([d for d in differences if d])
    if not len(changed):
        return 1.0
    if len(changed) == 1:
        return 1.0
    found = permutation_test(
        (changed,),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=9_999,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's step-down correction (Holm 1979); the names keep their order."""
    largest = 0.0
    corrected = {}
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, p_values[name] * (len(p_values) - rank)))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def format_differences(differences: Sequence[Difference]) -> str:
    """The differences as a table for a terminal, and the questions that flipped on the primary measure."""
    rows = [f"{'measure':<22}{'before':>8}{'after':>8}{'change':>8}   {'95% interval':<18}{'p':>7}{'n':>6}"]
    for d in differences:
        verdict = "  WORSE" if d.worse else "  better" if d.better else ""
        change = f"{d.after - d.before:+.3f}"
        mark = "*" if d.primary else ""
        rows.append(
            f"{d.name + mark:<22}{d.before:>8.3f}{d.after:>8.3f}{change:>8}   {f'{d.low:+.3f} to {d.high:+.3f}':<18}"
            f"{d.p:>7.3f}{d.n:>6}{verdict}"
        )
    rows.append("* decides alone; the p of the others are Holm-corrected")
    worse, better = differences[0].flipped
    for name, ids in (("worse", worse), ("better", better)):
        if ids:
            rows.append(f"{differences[0].name} {name} for: {', '.join(ids)}")
    return "\n".join(rows)


def format_speakers(runs: Sequence[Run]) -> str:
    """Runs of several models over one gold set beside each other: every measure and cost that one of them has.

    Raises:
        NotComparable: they asked different questions.
    """
    if len({run.gold for run in runs}) > 1:
        raise NotComparable("The runs asked different questions.", "Run all over the same gold set.")
    width = max(14, *(len(run.model) + 2 for run in runs))
    rows = [f"{'':<30}" + "".join(f"{run.model:>{width}}" for run in runs)]
    for name in dict.fromkeys(name for run in runs for name in run.summary):
        cells = [f"{m.value:.3f}" if (m := run.summary.get(name)) else "-" for run in runs]
        rows.append(f"{name:<30}" + "".join(f"{cell:>{width}}" for cell in cells))
        spans = [f"{m.low:.2f} to {m.high:.2f}" if (m := run.summary.get(name)) else "" for run in runs]
        rows.append(f"{'':<30}" + "".join(f"{span:>{width}}" for span in spans))
    for name in dict.fromkeys(name for run in runs for name in run.cost):
        cells = [f"{c['median']:.2f}" if (c := run.cost.get(name)) else "-" for run in runs]
        rows.append(f"{name + ' (median)':<30}" + "".join(f"{cell:>{width}}" for cell in cells))
    return "\n".join(rows)


def _of_the_whole(run: Run) -> set[str]:
    """Measures of a run that no single question has."""
    return set(run.summary) - {name for row in run.rows for name in row["scores"]}


def _p_value(pairs: Sequence[tuple[float, float]], seed: int) -> float:
    if is_rate([score for pair in pairs for score in pair]):
        return mcnemar(sum(a > b for a, b in pairs), sum(a < b for a, b in pairs))
    return sign_flip([b - a for a, b in pairs], seed=seed)


def _difference(name: str, pairs: Sequence[tuple[dict, dict]], p: float, primary: bool, seed: int) -> Difference:  # type: ignore[type-arg]
    changes = [b["scores"][name] - a["scores"][name] for a, b in pairs]
    n = len(pairs)
    low, high = bootstrap(changes, [b["cluster"] for _, b in pairs], bounds=(-1.0, 1.0), seed=seed)
    sign = -1 if name in LOWER_IS_BETTER else 1
    gain = sign * sum(changes)
    ids = [b["id"] for _, b in pairs]
    return Difference(
        name,
        sum(a["scores"][name] for a, _ in pairs) / n if n else 0.0,
        sum(b["scores"][name] for _, b in pairs) / n if n else 0.0,
        n,
        low,
        high,
        p,
        primary,
        p < ALPHA and gain < 0,
        p < ALPHA and gain > 0,
        (
            tuple(id_ for id_, change in zip(ids, changes, strict=True) if sign * change < 0),
            tuple(id_ for id_, change in zip(ids, changes, strict=True) if sign * change > 0),
        ),
    )

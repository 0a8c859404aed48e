"""Chooses the threshold of abstention on one half of a gold set and reports on the other.

Every question is answered with the threshold at 0, so that the score at which the bot would have spoken is known for
all; from those scores each threshold's rates follow without asking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.errors import InputError
from rag.evaluation.metrics import risk_coverage, wilson
from rag.evaluation.runner import Report, Result


@dataclass(frozen=True, slots=True)
class Rates:
    """What a threshold does to a half.

    Attributes:
        refused: share of the unanswerable that are refused, with its Wilson interval; n of them.
        withheld: share of the answerable that are refused, likewise.
        risk: share wrong among the answered (an answer to an unanswerable question is wrong).
        coverage: share of all questions that are answered.
    """

    refused: tuple[float, float, float, int]
    withheld: tuple[float, float, float, int]
    risk: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The threshold chosen on the dev half, what it does on both, and the area under the risk-coverage curve."""

    threshold: float
    dev: Rates
    test: Rates
    area_dev: float
    area_test: float


def calibrate(report: Report, *, most_withheld: float | None = None) -> Calibration:
    """Choose a threshold on the dev questions of a run made with the threshold at 0.

    Args:
        most_withheld: take the highest threshold that refuses at most this share of the answerable dev questions.
            Default: the threshold with the highest sum of refused unanswerable and answered answerable shares (Youden
            1950), the lowest of equals.

    Raises:
        InputError: a half lacks answerable or unanswerable questions.
    """
    halves = {split: [r for r in report.results if r.item.split == split] for split in ("dev", "test")}
    for split, results in halves.items():
        if len({r.item.answerable for r in results}) < 2:
            raise InputError(
                f"The {split} half needs answerable and unanswerable questions.",
                'Set "split" to "dev" in about half of the lines of each kind.',
            )
    dev = halves["dev"]
    scores = sorted({_confidence(r) for r in dev})
    # Half-way between neighbours, so that a new question near either is treated as its like.
    candidates = [0.0, *((a + b) / 2 for a, b in pairwise(scores)), scores[-1] + 0.01]
    if most_withheld is None:
        best = max(candidates, key=lambda t: (_youden(dev, t), -t))
    else:
        allowed = [t for t in candidates if rates(dev, t).withheld[0] <= most_withheld]
        if not allowed:
            raise InputError(
                f"Even with the threshold at 0, {rates(dev, 0.0).withheld[0]:.3f} of the answerable are refused.",
                "Raise --most-withheld.",
            )
        best = max(allowed)
    best = round(best, 3)
    return Calibration(best, rates(dev, best), rates(halves["test"], best), _area(dev), _area(halves["test"]))


def rates(results: Sequence[Result], threshold: float) -> Rates:
    """What a threshold does to these results."""
    refused = [_refused(r, threshold) for r in results if not r.item.answerable]
    withheld = [_refused(r, threshold) for r in results if r.item.answerable]
    answered = [r for r in results if not _refused(r, threshold)]
    wrong = sum(not _right(r) for r in answered)
    return Rates(
        _rate(refused), _rate(withheld), wrong / len(answered) if answered else 0.0, len(answered) / len(results)
    )


def format_calibration(found: Calibration, shipped: float) -> str:
    """The calibration as lines for a terminal."""
    rows = [f"threshold chosen on dev: {found.threshold}   (in use: {shipped})"]
    for name, half, area in (("dev", found.dev, found.area_dev), ("test", found.test, found.area_test)):
        rows.append(
            f"{name:<5} unanswerable refused {_shown(half.refused)}, answerable refused {_shown(half.withheld)}, "
            f"risk {half.risk:.3f} at coverage {half.coverage:.3f}, area under risk-coverage {area:.3f}"
        )
    rows.append(f"Use it with: DATELINE_THRESHOLD={found.threshold}")
    return "\n".join(rows)


def _confidence(result: Result) -> float:
    return result.answer.probability if result.answer else 0.0


def _refused(result: Result, threshold: float) -> bool:
    return result.answer is None or result.answer.abstained or _confidence(result) < threshold


def _right(result: Result) -> bool:
    return result.item.answerable and result.scores.get("right", 0.0) == 1.0


def _youden(results: Sequence[Result], threshold: float) -> float:
    found = rates(results, threshold)
    return found.refused[0] - found.withheld[0]


def _rate(flags: Sequence[bool]) -> tuple[float, float, float, int]:
    return (sum(flags) / len(flags) if flags else 0.0, *wilson(sum(flags), len(flags)), len(flags))


def _shown(rate: tuple[float, float, float, int]) -> str:
    return f"{rate[0]:.3f} ({rate[1]:.3f} to {rate[2]:.3f}, n {rate[3]})"


def _area(results: Sequence[Result]) -> float:
    answered = [r for r in results if not _refused(r, 0.0)]
    return risk_coverage([_confidence(r) for r in answered], [_right(r) for r in answered])[2]

"""Fit how likely a sentence supports a claim, measure it on articles that it was not fitted on, write models/verifier.

    python -m training.verifier --data /tmp/judge --out models/verifier

Learns from the claims that training.judge_data made and the shipped judge's probabilities for them, as the product
reads them: of dev.jsonl, whose articles the judge has not seen, and of some of train.jsonl; and, with less weight, from
questions made statements with their own and other answers, whose words are people's. The threshold marks
`RIGHT_MARKED` of the right claims about news, those included that a missing value or name marks.
`training.measure_judge` shows what the whole does on test.jsonl.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from rag.answering.alignment import FEATURES, features
from rag.answering.verdict import missing
from rag.models.judge import Judge, Judgement
from training.judge_data import SUPPORTED
from training.measure_judge import ASKED, FROM_QUESTIONS, premises, rows

RIGHT_MARKED = 0.04
"""Share of the right claims that are marked; people word claims more freely than these are made."""
ASKED_WEIGHT = 0.1
"""Weight of a statement made of a question."""
FOLDS = 5
DEGREE = 2
STRENGTH = 0.03
"""Inverse of the ridge, as scikit-learn has it."""


@dataclass(frozen=True)
class Judged:
    """A made claim and what the judge says of it.

    Attributes:
        vetoed: whether the premises lack one of its values or names, so that it is marked whatever else.
    """

    claim: str
    kind: str
    group: str
    right: bool
    premises: list[str]
    found: list[Judgement]
    vetoed: bool

    @property
    def from_question(self) -> bool:
        """Whether the claim is a statement made of somebody's question."""
        return self.kind.startswith(FROM_QUESTIONS)

    @property
    def best(self) -> int:
        """The premise that the judge finds to support the claim best."""
        return max(range(len(self.found)), key=lambda i: self.found[i].supported)

    @property
    def known(self) -> list[float]:
        """Its features."""
        return features(self.claim, self.premises[self.best], self.found, self.best)


def read(found: Sequence[dict[str, Any]], judge: Judge) -> list[Judged]:
    """What the judge says of each."""
    every = []
    for row in found:
        near = premises(row["window"], row["claim"])
        said = judge.judge([(premise, row["claim"]) for premise in near])
        best = max(range(len(said)), key=lambda i: said[i].supported)
        vetoed = bool(missing(row["claim"], near[best], near))
        right = row["label"] == SUPPORTED
        every.append(Judged(row["claim"], row["kind"], row["group"], right, near, said, vetoed))
    return every


def fit(known: np.ndarray, every: Sequence[Judged]) -> Any:
    """The regression, as scikit-learn has it."""
    model = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(DEGREE, include_bias=False),
        LogisticRegression(C=STRENGTH, max_iter=5_000),
    )
    weights = [ASKED_WEIGHT if each.from_question else 1.0 for each in every]
    return model.fit(known, [each.right for each in every], logisticregression__sample_weight=weights)


def held_out(known: np.ndarray, every: Sequence[Judged]) -> np.ndarray:
    """The probability of each, from a fit on other articles: shape (n,)."""
    shares = np.zeros(len(every))
    for train, test in GroupKFold(FOLDS).split(known, groups=[each.group for each in every]):
        shares[test] = fit(known[train], [every[i] for i in train]).predict_proba(known[test])[:, 1]
    return shares


def threshold(shares: np.ndarray, every: Sequence[Judged]) -> float:
    """The probability below which a claim is marked."""
    usable = np.array([each.right and not each.from_question for each in every])
    vetoed = np.array([each.vetoed for each in every])
    left = max(0.0, RIGHT_MARKED * usable.sum() - (usable & vetoed).sum()) / max(1, (usable & ~vetoed).sum())
    return float(np.quantile(shares[usable & ~vetoed], left))


def row(name: str, known: np.ndarray, every: Sequence[Judged]) -> None:
    """Print one line of the table, of articles held out, at the threshold."""
    shares = held_out(known, every)
    marked = (shares < threshold(shares, every)) | np.array([each.vetoed for each in every])
    right, news = np.array([each.right for each in every]), np.array([not each.from_question for each in every])
    asked = np.array([each.kind in ASKED for each in every]) & ~right & news
    columns = [marked[asked], marked[~right & news], marked[~right & ~news], marked[right & ~news]]
    loss = log_loss(right[news], shares[news])
    print(f"| {name} | {loss:.4f} | " + " | ".join(f"{column.mean():.3f}" for column in columns) + " |", flush=True)


def _choices(known: np.ndarray, every: Sequence[Judged]) -> None:
    """Print the table that chose the numbers set by hand."""
    global DEGREE, STRENGTH, ASKED_WEIGHT  # noqa: PLW0603
    usual = DEGREE, STRENGTH, ASKED_WEIGHT
    for DEGREE, STRENGTH in ((1, 0.03), (1, 1.0), (2, 0.003), (2, 0.01), (2, 0.1), (2, 1.0), (3, 0.003)):
        row(f"degree {DEGREE}, strength {STRENGTH}", known, every)
    DEGREE, STRENGTH, _ = usual
    for ASKED_WEIGHT in (0.0, 0.03, 0.3, 1.0):
        row(f"weight of statements made of questions {ASKED_WEIGHT}", known, every)
    ASKED_WEIGHT = usual[2]


def main() -> None:
    """Judge, fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that training.judge_data wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", type=int, default=3_200, help="claims of train.jsonl beside those of dev.jsonl")
    given = parser.parse_args()
    trained = rows(given.data / "train.jsonl")
    random.Random(3).shuffle(trained)
    dev = given.data / "dev.jsonl"
    every = read([*rows(dev), *trained[: given.train], *rows(dev, from_questions=True)], Judge())
    known = np.array([each.known for each in every])
    print(f"{len(every)} claims, {sum(each.right for each in every)} of them right")
    print("| features | log-loss | wrong, asked for | wrong | wrong, of questions | right, of questions |")
    print("|---|---|---|---|---|---|")
    row("all", known, every)
    for n, name in enumerate(FEATURES):
        row(f"without {name}", np.delete(known, n, axis=1), every)
    row("the judge's probabilities alone", known[:, :3], every)
    _choices(known, every)
    model = fit(known, every)
    scaler, _, regression = (step for _, step in model.steps)
    manifest = {
        "format": 1,
        "mean": dict(zip(FEATURES, scaler.mean_.round(4).tolist(), strict=True)),
        "scale": dict(zip(FEATURES, scaler.scale_.round(4).tolist(), strict=True)),
        "weights": regression.coef_[0].round(4).tolist(),
        "bias": round(float(regression.intercept_[0]), 4),
        "supports": round(threshold(held_out(known, every), every), 3),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "manifest.json").write_text(json.dumps(manifest) + "\n", encoding="utf-8")
    print(json.dumps(manifest))


if __name__ == "__main__":
    main()

"""Fit the probability that a sentence answers a question, check it on held-out questions, write models/probability.

python -m training.probability_data --shared ../shared --out /tmp/probability      # searches and reads
python -m training.probability --data /tmp/probability --out models/probability

Every question is held out once: its half of the groups (pages, posts, weeks) is judged by a regression fitted on the
other half. What is shipped is fitted on all of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from rag.answering.finding import FEATURES, Row, features, quotable
from rag.evaluation.metrics import wilson
from rag.language.parts import bare
from rag.models.kinds import shipped_kinds
from rag.types import Query
from training.probability_data import CHECKS, Found, label, load

BINS = 10
RULED_OUT = 0.03
"""Below this a first regression rules a sentence out; see `focused`."""
WRONGLY = 0.1
"""Share of the answerable questions that may be refused."""
C = 1.0
"""Inverse strength of the regularisation, on standardised features."""


@dataclass(frozen=True)
class Rows:
    """The sentences of all questions.

    Attributes:
        x: float32, shape (n, len(FEATURES)).
        y: int8, shape (n,): 1 answers, 0 does not, -1 nobody knows.
        question: int32, shape (n,): index into `found`.
    """

    x: np.ndarray
    y: np.ndarray
    question: np.ndarray
    found: list[Found]

    def of(self, chosen: np.ndarray) -> np.ndarray:
        """Which rows belong to the questions chosen, a bool for each question."""
        return chosen[self.question]


#: Open questions are too few in these sets to choose their threshold here; eval/README.md has the table that did.
THRESHOLD_OPEN = 0.02


def rows_of(found: Sequence[Found]) -> Rows:
    """Features and labels of every sentence that may be quoted."""
    kinds = shipped_kinds()
    x, y, question, kept = [], [], [], []
    for each in found:
        rows = quotable(each.hits)
        if not rows:
            continue
        query = Query(bare(each.asked.text), kind=kinds.classify(each.asked.text).name)
        x.append(features(query, rows))
        labels = [_label(each, row) for row in rows]
        y += [-1 if known is None else known for known in labels]
        question += [len(kept)] * len(rows)
        kept.append(each)
    return Rows(np.vstack(x), np.array(y, dtype=np.int8), np.array(question, dtype=np.int32), kept)


def _label(found: Found, row: Row) -> int | None:
    """The label of a sentence, seen with its neighbours."""
    passage, at = row.hit.passage, row.hit.passage.sentences.index(row.sentence)
    near = passage.sentences[max(0, at - 1) : at + 2]
    around = f"{passage.article.title} {passage.slice(near[0].start, near[-1].end)}"
    return label(found, passage.article.id, row.sentence.start, row.sentence.end, row.text, around)


def half_of(found: Found) -> int:
    """0 or 1, the same for all questions of a group."""
    return crc32(f"{found.set} {found.asked.group}".encode()) % 2


Model = Callable[[np.ndarray], np.ndarray]


def regression(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights on the features as they are, and the intercept, of a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    scale = x.std(axis=0)
    scale[scale == 0] = 1
    fitted = LogisticRegression(C=C, max_iter=2000).fit(x / scale, y)
    return fitted.coef_[0] / scale, float(fitted.intercept_[0])


def linear(x: np.ndarray, y: np.ndarray) -> Model:
    """The regression as a function from features to probabilities; see `focused`."""
    weights, intercept = focused(x, y)
    return lambda rows: sigmoid(rows @ weights + intercept)


def focused(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """A regression fitted again on the sentences that a first one does not rule out.

    Nine sentences in ten are far from any answer and say nothing about where between .1 and .9 the others lie.
    """
    weights, intercept = regression(x, y)
    near = sigmoid(x @ weights + intercept) > RULED_OUT
    return regression(x[near], y[near])


def sigmoid(z: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


def trees(x: np.ndarray, y: np.ndarray) -> Model:
    """Gradient-boosted trees, to see what a regression leaves on the table."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    fitted = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.06, max_leaf_nodes=12, min_samples_leaf=60, random_state=0
    ).fit(x, y)
    return lambda rows: fitted.predict_proba(rows)[:, 1]


def held_out(rows: Rows, fit: Callable[[np.ndarray, np.ndarray], Model]) -> np.ndarray:
    """The probability of every sentence by a model that saw nothing of its group."""
    half = np.array([half_of(each) for each in rows.found])[rows.question]
    told = np.zeros(len(rows.y))
    for own in (0, 1):
        learn = (half != own) & (rows.y >= 0)
        told[half == own] = fit(rows.x[learn], rows.y[learn])(rows.x[half == own])
    return told


def best_sentences(rows: Rows, told: np.ndarray) -> np.ndarray:
    """The row of the likeliest sentence of each question."""
    order = np.lexsort((-told, rows.question))
    first = np.unique(rows.question[order], return_index=True)[1]
    return order[first]


def ece(told: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal count (Naeini et al. 2015; Nixon et al. 2019)."""
    order = np.argsort(told)
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(p) * abs(told[p].mean() - right[p].mean()) for p in parts) / len(told))


def expected_by_chance(told: np.ndarray, bins: int = BINS, draws: int = 200) -> float:
    """The mean `ece` of as many questions if the probabilities were true: what sampling alone gives."""
    rng = np.random.default_rng(0)
    return float(np.mean([ece(told, (rng.random(len(told)) < told).astype(float), bins) for _ in range(draws)]))


def auroc(told: np.ndarray, right: np.ndarray) -> float:
    """Probability that one that is right is told more likely than one that is not (Mann and Whitney)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(right, told)) if 0 < right.mean() < 1 else float("nan")


def threshold_of(rows: Rows, told: np.ndarray, chosen: np.ndarray | None = None) -> float:
    """The greatest threshold at which no more than `WRONGLY` of the questions whose answer was found are refused.

    Args:
        chosen: which questions to look at, a bool for each; default: all.
    """
    best = told[best_sentences(rows, told)]
    answerable = np.array([any_right(rows, n) for n in range(len(rows.found))])
    return round(float(np.quantile(best[answerable if chosen is None else answerable & chosen], WRONGLY)), 2)


def open_questions(rows: Rows) -> np.ndarray:
    """Which questions are of an open kind, a bool for each."""
    first = np.unique(rows.question, return_index=True)[1]
    return rows.x[first, FEATURES.index("open")] == 1


def any_right(rows: Rows, question: int) -> bool:
    """Whether one of the sentences found for a question answers it."""
    start, end = np.searchsorted(rows.question, [question, question + 1])
    return bool((rows.y[start:end] == 1).any())


def answerable_at_all(found: Found) -> bool:
    """Whether the articles that were searched hold the answer."""
    return found.asked.made not in ("without", "changed", "negated", "unanswerable")


def report(rows: Rows, told: np.ndarray, threshold: float) -> None:
    """Print calibration of the best sentence and of all, and how well answerable and unanswerable are told apart."""
    best = best_sentences(rows, told)
    sets = np.array([each.set for each in rows.found])
    made = np.array([each.asked.made for each in rows.found])
    answerable = np.array([answerable_at_all(each) for each in rows.found])
    found_right = np.array([any_right(rows, n) for n in range(len(rows.found))])
    print(
        "| set | n | ECE, best sentence (by chance) | right | ECE, all sentences | AUROC | refused wrongly | rightly |"
    )
    for name, chosen in [("all", sets != ""), *((name, sets == name) for name in dict.fromkeys(sets))]:
        known = best[chosen & (rows.y[best] >= 0)]
        of_set = rows.of(chosen) & (rows.y >= 0)
        p, right = told[known], (rows.y[known] == 1).astype(float)
        both = told[best][chosen]
        kept, unanswerable = both[found_right[chosen]], both[~answerable[chosen]]
        all_ece = ece(told[of_set], (rows.y[of_set] == 1).astype(float))
        print(
            f"| {name} | {len(known)} of {chosen.sum()} | {ece(p, right):.3f} ({expected_by_chance(p):.3f}) "
            f"| {right.mean():.3f} | {all_ece:.3f} (n={of_set.sum()}) "
            f"| {auroc(both, answerable[chosen].astype(float)):.3f} | {share(kept < threshold)} "
            f"| {share(unanswerable < threshold)} |"
        )
    print("| asked as | right and told so | mean probability | refused |")
    for name in dict.fromkeys(made):
        chosen = (made == name) & (rows.y[best] >= 0)
        p = told[best[chosen]]
        print(f"| {name} | {share(rows.y[best[chosen]] == 1)} | {p.mean():.3f} | {share(p < threshold)} |")
    print("| threshold | refused wrongly | rightly |")
    for at in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6):
        print(f"| {at} | {share(told[best][found_right] < at)} | {share(told[best][~answerable] < at)} |")


def share(of: np.ndarray) -> str:
    """A share with its 95% interval and n."""
    if not len(of):
        return "-"
    low, high = wilson(int(of.sum()), len(of))
    return f"{of.mean():.3f} [{low:.3f}, {high:.3f}] n={len(of)}"


def draw(rows: Rows, told: np.ndarray, path: Path) -> None:
    """The reliability diagram of held-out questions: best sentences and all sentences, bins of equal count."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    best = best_sentences(rows, told)
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, chosen, bins in (("best sentence", best[rows.y[best] >= 0], 12), ("all sentences", rows.y >= 0, 30)):
        p, right = told[chosen], rows.y[chosen] == 1
        parts = [part for part in np.array_split(np.argsort(p), bins) if len(part)]
        x, y = [p[part].mean() for part in parts], [right[part].mean() for part in parts]
        axes.plot(x, y, "o-", markersize=3.5, label=f"{name}, n = {len(p):,}, ECE {ece(p, right.astype(float)):.3f}")
    axes.set(xlabel="probability told", ylabel="share that answers", xlim=(0, 1), ylim=(0, 1), title="probability")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Fit, check, compare with trees, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="write the manifest and the diagram here")
    parser.add_argument("--trees", action="store_true", help="compare with gradient-boosted trees")
    options = parser.parse_args()
    rows = rows_of(list(load(options.data)))
    print(len(rows.found), "questions,", len(rows.y), "sentences,", int((rows.y == 1).sum()), "answer")
    told = held_out(rows, linear)
    threshold = threshold_of(rows, told)
    threshold_open = threshold_of(rows, told, open_questions(rows))
    print("threshold", threshold, "of open questions", threshold_open, f"n={open_questions(rows).sum()}")
    report(rows, told, threshold)
    if options.trees:
        print("gradient-boosted trees")
        told_by_trees = held_out(rows, trees)
        report(rows, told_by_trees, threshold_of(rows, told_by_trees))
    known = rows.y >= 0
    weights, intercept = focused(rows.x[known], rows.y[known])
    if checks := list(load(options.data, CHECKS)):
        print("sets that nothing was fitted on")
        unseen = rows_of(checks)
        report(unseen, sigmoid(unseen.x @ weights + intercept), threshold)
    for name, weight in zip(FEATURES, weights, strict=True):
        print(f"{name:16} {weight:8.3f}")
    print(f"{'intercept':16} {intercept:8.3f}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        manifest: dict[str, Any] = {
            "format": 1,
            "weights": {name: round(float(w), 4) for name, w in zip(FEATURES, weights, strict=True)},
            "intercept": round(intercept, 4),
            "threshold": threshold,
            "threshold_open": THRESHOLD_OPEN,
        }
        (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        draw(rows, told, options.out / "reliability.svg")


if __name__ == "__main__":
    main()

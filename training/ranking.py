"""Fit the ranking of the first passages, measure it by weeks that it was not fitted on, and write models/ranking.

python -m training.ranking --shared ../shared --work /tmp/ranking --out models/ranking

Learns from RealTimeQA's questions asked before the held-out weeks, by distant supervision: of the passages that the
product compares, the right ones are those of a supporting article that hold an answer. Each question is asked with and
without the day of asking.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from rag.articles import load
from rag.evaluation.metrics import bootstrap, reciprocal_rank
from rag.indexing.build import build_index
from rag.models.embedder import open_embedder
from rag.retrieval.ranking import FEATURES
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Query
from training.probability_data import _holds, _kept_apart
from training.sources import HELD_OUT_FROM, QuizQuestion, held_out_articles, news

RIDGE = 1e-3
FOLDS = 5


@dataclass(frozen=True)
class Asked:
    """A question's compared passages.

    Attributes:
        week: the day of the quiz.
        known: their features, shape (n, len(FEATURES)), in the order of their fusion.
        right: which of them hold an answer, shape (n,), bool.
    """

    week: str
    known: np.ndarray
    right: np.ndarray


def prepare(shared: Path, work: Path) -> list[QuizQuestion]:
    """Write the articles, one supporting article of each question, and give the questions."""
    found, questions = news(shared / "data/realtimeqa")
    forbidden = held_out_articles(questions) | _kept_apart(shared)
    kept, usable = set(), []
    for question in questions:
        allowed = [id_ for id_ in question.supported_by if id_ in found and id_ not in forbidden]
        if question.asked < HELD_OUT_FROM and allowed:
            kept.add(allowed[0])
            usable.append(question)
    work.mkdir(parents=True, exist_ok=True)
    if (work / "articles.jsonl").exists():
        return usable
    with lzma.open(shared / "data/realtimeqa/articles.jsonl.xz", "rt", encoding="utf-8") as lines:
        mine = [line for line in lines if json.loads(line)["id"] in kept]
    (work / "articles.jsonl").write_text("".join(mine), encoding="utf-8")
    return usable


def collect(questions: Sequence[QuizQuestion], work: Path) -> list[Asked]:
    """Search for each question with the product's own code, in an index that is made once."""
    settings = Settings.load({}, index_dir=work / "index", cache_dir=work / "cache")
    embedder = open_embedder(settings.embedding_model, settings.cache_dir)
    if not (work / "index").exists():
        build_index(load([work / "articles.jsonl"]), settings, embedder=embedder)
    asked = []
    with Retriever.open(settings=settings, embedder=embedder) as retriever:
        for question in questions:
            for day in (None, question.asked[:10]):
                query = Query.of(question.question, as_of=day)
                compared = retriever._compare(query, embedder.encode([query.text], kind="query")[0])
                passages = [stored.passage for stored in compared.passages.values()]
                right = [p.article.id in question.supported_by and _holds(p.text, question.answers) for p in passages]
                asked.append(Asked(question.asked, compared.known, np.array(right)))
    return asked


def fit(asked: Sequence[Asked]) -> np.ndarray:
    """The weights under which the right passages are likeliest, with a ridge; one for each column of what is known."""
    usable = [each for each in asked if each.right.any() and not each.right.all()]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 0.0, np.zeros_like(weights)
        for each in usable:
            z = each.known @ weights
            of_all, of_right = logsumexp(z), logsumexp(z[each.right])
            total += of_all - of_right
            slope += np.exp(z - of_all) @ each.known
            slope -= np.exp(z[each.right] - of_right) @ each.known[each.right]
        return total / len(usable) + RIDGE * weights @ weights, slope / len(usable) + 2 * RIDGE * weights

    found: np.ndarray = minimize(loss, np.zeros(usable[0].known.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def measure(asked: Sequence[Asked], without: Sequence[str] = ()) -> tuple[float, float, float, float]:
    """MRR@10 over the passages compared, of weeks left out of the fit: mean, change against the fusion, its interval.

    Args:
        without: features that are left out.
    """
    columns = [n for n, name in enumerate(FEATURES) if name not in without]
    mine = [replace(each, known=each.known[:, columns]) for each in asked]
    weeks = sorted({each.week for each in asked})
    before, after, groups = [], [], []
    for fold in range(FOLDS):
        left_out = set(weeks[fold::FOLDS])
        weights = fit([each for each in mine if each.week not in left_out])
        for each in (each for each in mine if each.week in left_out):
            right = set(map(str, np.flatnonzero(each.right)))
            order = np.argsort(-(each.known @ weights), kind="stable")
            before.append(reciprocal_rank(list(map(str, range(len(order)))), right))
            after.append(reciprocal_rank(list(map(str, order)), right))
            groups.append(each.week)
    gained = np.subtract(after, before)
    low, high = bootstrap(gained.tolist(), groups)
    return float(np.mean(after)), float(gained.mean()), low, high


def main() -> None:
    """Search, fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    asked = collect(prepare(given.shared, given.work), given.work)
    print(f"{len(asked)} searches, {sum(each.right.any() for each in asked)} of them with a right passage")
    print("| features | MRR@10 | against the fusion (95%) |\n|---|---|---|")
    rows: list[tuple[str, Sequence[str]]] = [("all", ()), *((f"without {name}", (name,)) for name in FEATURES)]
    for name, without in [*rows, ("without both of the article", ("article_dense", "article_bm25"))]:
        mean, gained, low, high = measure(asked, without)
        print(f"| {name} | {mean:.3f} | {gained:+.3f} ({low:+.3f} to {high:+.3f}) |", flush=True)
    weights = dict(zip(FEATURES, fit(asked).round(3).tolist(), strict=True))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "manifest.json").write_text(json.dumps({"format": 1, "weights": weights}) + "\n", encoding="utf-8")
    print(weights)


if __name__ == "__main__":
    main()

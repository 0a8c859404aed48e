"""Fit which of the days that a page gives is to be trusted, and write models/days.

python -m training.days --corpus FOLDER --second FOLDER --out models/days

The corpus is a checkout of adbar/trafilatura, whose tests/evaldata.json names the day of some 850 pages ("" where
people found none); its pages lie in tests/cache and tests/eval. The second folder is a checkout of adbar/htmldate: a
later annotation of 614 of the same pages, whose days are what is fitted, and of some 380 others, which are fitted too.
The pages are halved by the checksum of their address. What ships is fitted on the first half; each half is also judged
by what is fitted on the other, for the tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles import dating
from rag.articles.dating import Candidate, Model, chosen, likeliest, trusted
from rag.articles.extraction import extract
from rag.errors import ArticleError

L2 = 3.0
"""Strength of the choice's regularisation."""
TREES, LEAF = 100, 5
"""Trees of the forest, and the fewest pages in a leaf."""
FOLDS = 5
COST = 5.0
"""Of a wrong day, in days that are missing: what is missing is told, what is wrong is not."""
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.75, *(n / 100 for n in range(80, 95)))


@dataclass(frozen=True)
class Page:
    """The days that a page gives, and the one that people gave ("" where they found none).

    Attributes:
        wanted: as the corpus has it.
        second: as the later annotation has it, "" without one.
    """

    url: str
    wanted: str
    second: str
    given: tuple[Candidate, ...]

    @property
    def half(self) -> int:
        return int(hashlib.sha256(self.url.encode()).hexdigest(), 16) % 2

    @property
    def settled(self) -> str:
        """The later annotation where there is one; the months of the corpus that are none are days."""
        if self.second:
            return self.second
        return re.sub(r"-(1[3-9]|[23]\d)-(\d\d)$", r"-\2-\1", self.wanted)


Label = Callable[[Page], str]


def read(corpus: Path, second: Path | None) -> tuple[list[Page], list[Page]]:
    """The pages of the corpus, and those that only the second folder has, read by the product's own code."""
    known = {url: str(page["date"]) for url, page in _annotated(second)} if second else {}
    annotated = json.loads((corpus / "tests" / "evaldata.json").read_text(encoding="utf-8"))
    dated = {url: page for url, page in annotated.items() if "date" in page}
    pages = [Page(url, page["date"], known.get(url, ""), _given(corpus, page["file"], url))
             for url, page in dated.items()]  # fmt: skip
    files = {page["file"] for page in dated.values()}
    more = [Page(url, known[url], "", _given(second, page["file"], url)) for url, page in _annotated(second)
            if url not in dated and page["file"] not in files] if second else []  # fmt: skip
    return pages, more


def _annotated(second: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    for name in ("eval_default.json", "eval_mediacloud_2020.json"):
        pages = json.loads((second / "tests" / name).read_text(encoding="utf-8"))
        yield from ((url, page) for url, page in pages.items() if isinstance(page["date"], str))


def _given(corpus: Path, file: str, url: str) -> tuple[Candidate, ...]:
    seen: list[Candidate] = []

    def listen(given: Sequence[Candidate]) -> tuple[None, str, list[str]]:
        seen.extend(given)
        return None, "", []

    places = (corpus / "tests" / part / file for part in ("cache", "eval", "test_set"))
    choose, dating.choose = dating.choose, listen
    try:
        extract(next(path for path in places if path.exists()).read_bytes(), url)
    except ArticleError:
        seen.clear()
    finally:
        dating.choose = choose
    return tuple(seen)


def fit_choice(pages: Iterable[Page]) -> dict[str, float]:
    """A conditional logit: weights that make the wanted day of each page the likeliest among those it gives."""
    from scipy.optimize import minimize

    held = [page for page in pages if page.settled in {str(each.day) for each in page.given}]
    names = list(held[0].given[0].traits)
    rows = np.array([list(each.traits.values()) for page in held for each in page.given])
    right = np.array([str(each.day) == page.settled for page in held for each in page.given])
    of = np.repeat(np.arange(len(held)), [len(page.given) for page in held])

    def loss(weights: Any) -> tuple[float, Any]:
        scores = rows @ weights
        top = np.full(len(held), -np.inf)
        np.maximum.at(top, of, scores)
        shares = np.exp(scores - top[of])
        total = np.bincount(of, shares)
        value = (top + np.log(total)).sum() - scores[right].sum() + L2 / 2 * weights @ weights
        return value, rows.T @ (shares / total[of]) - rows[right].sum(axis=0) + L2 * weights

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    # What holds for each day of a page alike has no weight.
    return {name: round(float(weight), 4) for name, weight in zip(names, found.x, strict=True)}


def fit(pages: Sequence[Page], more: Sequence[Page]) -> Model:
    """The choice, the forest that tells whether to trust it, and the lowest threshold that keeps the shares on `pages`.

    The forest learns from choices that were fitted without the page, and the threshold from forests without it.
    """
    every = [*pages, *more]
    folds = [every[k::FOLDS] for k in range(FOLDS)]
    parts = [fit_choice(page for fold in folds if fold is not left for page in fold) for left in folds]
    rows = [[_row(page, part) for page in fold if page.given] for fold, part in zip(folds, parts, strict=True)]
    trees = [_forest([row for some in rows if some is not left for row in some]) for left in rows]
    judges = [Model(part, forest, 0) for part, forest in zip(parts, trees, strict=True)]
    apart = [(page, likeliest(page.given, judge)) for fold, judge in zip(folds, judges, strict=True)
             for page in fold if page.given and page in pages]  # fmt: skip
    costs = {threshold: _cost(_counts(apart, threshold, lambda page: page.settled)) for threshold in THRESHOLDS}
    return Model(fit_choice(every), _forest([row for some in rows for row in some]), min(costs, key=lambda t: costs[t]))


def _cost(counts: Counter[str]) -> float:
    return counts["none"] + COST * (counts["wrong"] + counts["given one"])


def _row(page: Page, weights: Mapping[str, float]) -> tuple[dict[str, float], bool]:
    """What the forest is shown of a page, and whether the choice is right."""
    best, share = chosen(page.given, weights)
    return {**best.traits, "share": share}, str(best.day) == page.settled


def _forest(rows: Sequence[tuple[dict[str, float], bool]]) -> list[dating.Tree]:
    from sklearn.ensemble import RandomForestClassifier

    names = list(rows[0][0])
    table, labels = np.array([list(row.values()) for row, _ in rows]), np.array([label for _, label in rows])
    forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=0).fit(table, labels)
    return [_tree(each.tree_, names, 0) for each in forest.estimators_]


def _tree(tree: Any, names: Sequence[str], node: int) -> dating.Tree:
    low, high = int(tree.children_left[node]), int(tree.children_right[node])
    if low < 0:
        values = tree.value[node][0]
        return round(float(values[1] / values.sum()), 3)
    return [names[tree.feature[node]], round(float(tree.threshold[node]), 3), _tree(tree, names, low),
            _tree(tree, names, high)]  # fmt: skip


def _counts(found: Iterable[tuple[Page, tuple[Candidate, float]]], threshold: float, label: Label) -> Counter[str]:
    counts: Counter[str] = Counter()
    for page, (best, probability) in found:
        taken = trusted(page.given, best, probability, threshold)
        day = str(taken.day) if taken else ""
        if label(page):
            counts["right" if day == label(page) else "wrong" if day else "none"] += 1
        else:
            counts["given one" if day else "undated"] += 1
    return counts


def outcomes(pages: Sequence[Page], model: Model, threshold: float, label: Label) -> Counter[str]:
    """How many pages are dated right, wrong or not, and how many undated ones are given a day."""
    counts = _counts([(page, likeliest(page.given, model)) for page in pages if page.given], threshold, label)
    for page in pages:
        if not page.given:
            counts["none" if label(page) else "undated"] += 1
    return counts


def main() -> None:
    """Read, fit, print the tables, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--second", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    pages, more = read(given.corpus, given.second)
    report(pages, more, given.out)


def report(pages: Sequence[Page], more: Sequence[Page], out: Path | None) -> None:
    """Fit on each half, print the tables, and write what was fitted on the first."""
    halves = [[page for page in pages if page.half == half] for half in (0, 1)]
    models = [fit(half, more) for half in halves]
    print(f"{len(pages)} pages, {len(more)} more fitted on; each half judged by what is fitted on the other")
    labels: dict[str, Label] = {"as annotated": lambda page: page.wanted, "later annotation": lambda page: page.settled}
    for name, label in labels.items():
        print(name)
        chosen_ones = sum((outcomes(halves[1 - n], models[n], models[n].threshold, label) for n in (0, 1)), Counter())
        print(f"  chosen on the fitted half ({models[0].threshold}, {models[1].threshold})  {_shown(chosen_ones)}")
        for threshold in THRESHOLDS:
            both = sum((outcomes(halves[1 - n], models[n], threshold, label) for n in (0, 1)), Counter())
            print(f"  {threshold:.2f}  {_shown(both)}")
    ships = outcomes(halves[1], models[0], models[0].threshold, labels["as annotated"])
    print(f"the second half by what ships: {_shown(ships)}")
    if out:
        model = models[0]
        out.mkdir(parents=True, exist_ok=True)
        data = {"format": 2, "threshold": model.threshold, "weights": model.weights}
        trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in model.trees)
        text = json.dumps(data, indent=1)[:-2] + ',\n "trees": [\n' + trees + "\n]}\n"
        (out / "manifest.json").write_text(text, encoding="utf-8")


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in ("right", "wrong", "none", "undated", "given one"))


if __name__ == "__main__":
    main()

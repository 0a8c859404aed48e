"""Fit which of the days that a page gives is to be trusted, and write models/days.

python -m training.days --corpus FOLDER --second FOLDER --out models/days

The corpus is a checkout of adbar/trafilatura, whose tests/evaldata.json names the day of some 850 pages ("" where
people found none); its pages lie in tests/cache and tests/eval. The second folder is a checkout of adbar/htmldate: a
later annotation of 614 of the same pages, whose days are what is fitted, and of some 380 others, which are fitted too.
The tables judge each page by what is fitted on the pages of other sites; what ships is fitted on all.
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
from urllib.parse import urlsplit

import numpy as np

from rag.articles import dating
from rag.articles.dating import Candidate, Model, chosen, likeliest, trusted
from rag.articles.extraction import extract
from rag.errors import ArticleError

L2 = 3.0
"""Strength of the choice's regularisation."""
TREES, LEAF = 100, 5
"""Trees of the forest, and the fewest pages in a leaf."""
C = 0.01
"""Of the logistic regression: the inverse strength of its regularisation."""
FOLDS, PARTS, SPLITS = 5, 10, 4
"""Parts for choices that the judges learn from; parts that the tables judge apart; ways to make those."""
WRONG, GIVEN = 30, 10
"""Wrong days, and days given to undated pages, of the corpus that are borne at most, as it is annotated."""
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, *(n / 100 for n in range(75, 95)))


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
    def site(self) -> str:
        """The last two parts of its host, three where the last two are short ("co.uk")."""
        own = re.sub(r"^https?://web\.archive\.org/web/[^/]*/", "", self.url)
        parts = (urlsplit(own if "//" in own else f"http://{own}").hostname or "").split(".")
        return ".".join(parts[-3 if len("".join(parts[-2:])) <= 5 else -2 :])

    def fold(self, of: int, split: int = 0) -> int:
        """One of so many parts; a site is in one, and in another of another split."""
        return int(hashlib.sha256(f"{split} {self.site}".encode()).hexdigest(), 16) % of

    @property
    def settled(self) -> str:
        """The later annotation where there is one; the months of the corpus that are none are days."""
        if self.second:
            return self.second
        return re.sub(r"-(1[3-9]|[23]\d)-(\d\d)$", r"-\2-\1", self.wanted)


Label = Callable[[Page], str]
Judged = tuple[Page, Candidate | None, float]


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


def fit(pages: Sequence[Page]) -> Model:
    """The choice, and what tells whether to trust it, which learns from choices that were fitted without the site."""
    rows = []
    for left in range(FOLDS):
        part = fit_choice(page for page in pages if page.fold(FOLDS) != left)
        rows += [_row(page, part) for page in pages if page.given and page.fold(FOLDS) == left]
    return Model(fit_choice(pages), _forest(rows), _logistic(rows), 0.0)


def cross_fitted(pages: Sequence[Page], split: int) -> list[Judged]:
    """Each page with its likeliest day and the probability of it, by what is fitted on the other sites."""
    found: list[Judged] = []
    for left in range(PARTS):
        model = fit([page for page in pages if page.fold(PARTS, split) != left])
        apart = [page for page in pages if page.fold(PARTS, split) == left]
        found += [(page, *(likeliest(page.given, model) if page.given else (None, 0.0))) for page in apart]
    return found


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


def _logistic(rows: Sequence[tuple[dict[str, float], bool]]) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    table, labels = np.array([list(row.values()) for row, _ in rows]), np.array([label for _, label in rows])
    scaler = StandardScaler().fit(table)
    fitted = LogisticRegression(C=C, max_iter=2000).fit(scaler.transform(table), labels)
    weights = fitted.coef_[0] / scaler.scale_
    named = zip([*rows[0][0], ""], [*weights, fitted.intercept_[0] - weights @ scaler.mean_], strict=True)
    return {name: round(float(weight), 4) for name, weight in named}


def _counts(found: Iterable[Judged], threshold: float, label: Label) -> Counter[str]:
    """How many pages are dated right, wrong or not, and how many undated ones are given a day."""
    counts: Counter[str] = Counter()
    for page, best, probability in found:
        taken = trusted(page.given, best, probability, threshold) if best else None
        day = str(taken.day) if taken else ""
        if label(page):
            counts["right" if day == label(page) else "wrong" if day else "none"] += 1
        else:
            counts["given one" if day else "undated"] += 1
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
    """Print the tables, and write what is fitted on all pages, with the lowest threshold that the bounds allow."""
    corpus = {page.url for page in pages}
    splits = [[each for each in cross_fitted([*pages, *more], n) if each[0].url in corpus] for n in range(SPLITS)]
    print(f"{len(pages)} pages, {len(more)} more fitted on; each judged by what is fitted on other sites")
    print(f"means of {SPLITS} splits into {PARTS} parts, and each split")
    labels: dict[str, Label] = {"as annotated": lambda page: page.wanted, "later annotation": lambda page: page.settled}
    kept: list[float] = []
    for name, label in labels.items():
        print(name)
        for threshold in THRESHOLDS:
            counts = [_counts(found, threshold, label) for found in splits]
            print(f"  {threshold:.2f}  {_shown(counts)}")
            if name == "as annotated" and all(c["wrong"] <= WRONG and c["given one"] <= GIVEN for c in counts):
                kept.append(threshold)
    threshold = min(kept, default=THRESHOLDS[-1])
    print(f"the lowest threshold that bears no more than {WRONG} and {GIVEN} in any split is {threshold}")
    if out:
        write(fit([*pages, *more]), threshold, out)


def write(model: Model, threshold: float, out: Path) -> None:
    """The manifest, a tree a line."""
    out.mkdir(parents=True, exist_ok=True)
    data = {"format": 3, "threshold": threshold, "weights": model.weights, "logistic": model.logistic}
    trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in model.trees)
    text = json.dumps(data, indent=1)[:-2] + ',\n "trees": [\n' + trees + "\n]}\n"
    (out / "manifest.json").write_text(text, encoding="utf-8")


def _shown(counts: Sequence[Counter[str]]) -> str:
    names = ("right", "wrong", "none", "undated", "given one")
    means = ", ".join(f"{sum(some[name] for some in counts) / len(counts):.1f} {name}" for name in names)
    return f"{means}  ({', '.join('/'.join(str(some[name]) for name in names) for some in counts)})"


if __name__ == "__main__":
    main()

"""Fit which of the days that a page gives is to be trusted, and write models/days.

python -m training.days --corpus FOLDER --out models/days

FOLDER is a checkout of adbar/trafilatura, whose tests/evaldata.json names the day of some 850 pages ("" where people
found none). The pages are halved by the checksum of their address. The shipped regression is fitted on the first half;
each half is also judged by the regression that is fitted on the other, for the table over thresholds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles import dating
from rag.articles.extraction import extract
from rag.errors import ArticleError

C = 0.3
"""Inverse strength of the regularisation."""
THRESHOLD = 0.5
"""A day is given when it is more likely right than wrong."""
THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class Page:
    """The days that a page gives, and the one that people gave ("" where they found none)."""

    url: str
    wanted: str
    given: tuple[dating.Candidate, ...]

    @property
    def half(self) -> int:
        return int(hashlib.sha256(self.url.encode()).hexdigest(), 16) % 2


def read(corpus: Path) -> list[Page]:
    """The annotated pages, read by the product's own code."""
    annotated = json.loads((corpus / "tests" / "evaldata.json").read_text(encoding="utf-8"))
    pages: list[Page] = []
    seen: list[dating.Candidate] = []

    def listen(given: Any) -> tuple[None, str, list[str]]:
        seen.extend(given)
        return None, "", []

    chosen, dating.choose = dating.choose, listen  # type: ignore[assignment]
    for url, page in annotated.items():
        if "date" not in page:
            continue
        places = (corpus / "tests" / part / page["file"] for part in ("cache", "eval"))
        seen.clear()
        try:
            extract(next(path for path in places if path.exists()).read_bytes(), url)
        except ArticleError:
            seen.clear()
        pages.append(Page(url, page["date"], tuple(seen)))
    dating.choose = chosen
    return pages


def fit(pages: list[Page]) -> Any:
    """A logistic regression over all candidates of the pages."""
    from sklearn.linear_model import LogisticRegression

    rows = np.array([each.features for page in pages for each in page.given])
    labels = [str(each.day) == page.wanted for page in pages for each in page.given]
    return LogisticRegression(C=C, max_iter=2000).fit(rows, labels)


def outcomes(pages: list[Page], model: Any, threshold: float) -> Counter[str]:
    """How many pages are dated right, wrong, or not, at a threshold of the likeliest day's probability."""
    found: Counter[str] = Counter()
    for page in pages:
        best = ""
        if page.given:
            shares = model.predict_proba(np.array([each.features for each in page.given]))[:, 1]
            best = str(page.given[int(shares.argmax())].day) if shares.max() >= threshold else ""
        if page.wanted:
            found["right" if best == page.wanted else "wrong" if best else "none"] += 1
        else:
            found["undated: given one" if best else "undated: none"] += 1
    return found


def main() -> None:
    """Read, fit, print the table, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    pages = read(given.corpus)
    halves = [[page for page in pages if page.half == half] for half in (0, 1)]
    models = [fit(half) for half in halves]
    print(f"{len(pages)} pages; at each threshold: both halves crosswise | the second half by the shipped regression")
    for threshold in THRESHOLDS:
        other = outcomes(halves[1], models[0], threshold)
        both = outcomes(halves[0], models[1], threshold) + other
        print(f"{threshold:.1f}  {dict(sorted(both.items()))} | {dict(sorted(other.items()))}")
    if given.out:
        names = (*dating.PLACES, *dating.TRAITS)
        weights = {n: round(float(w), 4) for n, w in zip(names, models[0].coef_[0], strict=True)}
        manifest = {"format": 1, "weights": weights, "intercept": round(float(models[0].intercept_[0]), 4),
                    "threshold": round(float(np.log(THRESHOLD / (1 - THRESHOLD))), 4)}  # fmt: skip
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How whole articles come in: pages against trafilatura, plain texts against themselves, days against annotations.

    python benchmarks/articles.py [--set FOLDER] [--without RULE …]      # pages, and their texts as plain text
    python benchmarks/articles.py --days FOLDER                          # a checkout of adbar/trafilatura

FOLDER of a set holds ground-truth.json ({id: {"url", "articleBody"}}) and html/ID.html.gz, as in
github.com/scrapinghub/article-extraction-benchmark. F1 is that benchmark's (its evaluate.py): precision and recall over
4-grams of words are averaged over pages, F1 is made of the two means. Both extractors read each page in the same run,
and the difference has a 95 % interval by a paired bootstrap over pages. --without leaves out rules of
rag/articles/selection.py, to see what each is worth.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag.articles import extraction
from rag.articles.clean import clean
from rag.articles.extraction import extract
from rag.articles.selection import RULES, article_blocks
from rag.errors import ArticleError

_TOKEN = re.compile(r"\w+")
SHARED = Path(os.environ.get("DATELINE_SHARED", Path(__file__).parents[2] / "shared"))


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """4-grams of a text's words with their counts; of a shorter text the one shingle of all its words."""
    words = _TOKEN.findall(text)
    return Counter(tuple(words[n : n + 4]) for n in range(max(1, len(words) - 3)))


def counts(true: str, found: str) -> tuple[float, float, float]:
    """True positive, false positive and false negative shingles, as shares of all."""
    a, b = shingles(true), shingles(found)
    hits, extra, lost = (float(sum(c.values())) for c in (a & b, b - a, a - b))
    total = hits + extra + lost or 1.0
    return hits / total, extra / total, lost / total


def scores(rows: np.ndarray) -> tuple[float, float, float]:
    """F1, precision and recall over pages, rows being `counts`."""
    hits, extra, lost = rows.T
    exact = (extra == 0) & (lost == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(exact, 1.0, np.where(hits + extra > 0, hits / (hits + extra), np.nan))
        recall = np.where(exact, 1.0, np.where(hits + lost > 0, hits / (hits + lost), np.nan))
    p, r = float(np.nanmean(precision)), float(np.nanmean(recall))
    return 2 * p * r / (p + r), p, r


def pages(folder: Path) -> None:
    """F1, precision and recall of ours and of trafilatura on a set, and their difference."""
    import trafilatura

    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    ours, theirs = [], []
    for name, page in truth.items():
        data = gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes())
        ours.append(counts(page["articleBody"], _text(lambda d=data, p=page: extract(d, p["url"]).cleaned.text)))
        theirs.append(counts(page["articleBody"], _text(lambda d=data: trafilatura.extract(d) or "")))
    mine, other = np.array(ours), np.array(theirs)
    print(f"{len(mine)} pages            F1  precision  recall")
    for label, rows in (("ours", mine), ("trafilatura", other)):
        print(f"{label:<18} {scores(rows)[0]:.4f}    {scores(rows)[1]:.4f}  {scores(rows)[2]:.4f}")
    draws = np.random.default_rng(0).integers(0, len(mine), (10_000, len(mine)))
    for which, label in enumerate(("F1", "precision", "recall")):
        gaps = np.array([scores(mine[draw])[which] - scores(other[draw])[which] for draw in draws])
        low, high = np.quantile(gaps, [0.025, 0.975])
        gap = scores(mine)[which] - scores(other)[which]
        p = 2 * min((gaps <= 0).mean(), (gaps >= 0).mean())
        print(f"ours - trafilatura, {label}: {gap:+.4f}  95 % [{low:+.4f}, {high:+.4f}]  p {max(p, 1e-4):.4f}")


def _text(make: Callable[[], str]) -> str:
    try:
        return make()
    except ArticleError:
        return ""


def plain_texts(folder: Path) -> None:
    """The share of an article's words that cleaning its plain text loses."""
    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    lost = total = 0
    shares = []
    for page in truth.values():
        before = Counter(_TOKEN.findall(page["articleBody"]))
        gone = sum((before - Counter(_TOKEN.findall(clean(page["articleBody"]).text))).values())
        lost, total = lost + gone, total + sum(before.values())
        shares.append(gone / max(sum(before.values()), 1))
    print(f"{len(shares)} plain texts: {100 * lost / total:.3f} % of the words lost, at most {100 * max(shares):.2f} %")


def days(folder: Path) -> None:
    """Days of the annotated pages of trafilatura's own evaluation; "" there means that people found none.

    models/days is fitted on these pages: training/days.py tells how it does on others.
    """
    annotated = json.loads((folder / "tests" / "evaldata.json").read_text(encoding="utf-8"))
    outcome = Counter[str]()
    for url, page in annotated.items():
        if "date" not in page:
            continue
        places = (folder / "tests" / part / page["file"] for part in ("cache", "eval"))
        data = next(path for path in places if path.exists()).read_bytes()
        try:
            cleaned = extract(data, url).cleaned
            found, how = str(cleaned.published or ""), cleaned.dated_by
        except ArticleError:
            found, how = "", "refused"
        if page["date"]:
            outcome["dated: right" if found == page["date"] else "dated: wrong" if found else "dated: none"] += 1
        else:
            outcome[f"undated: given one from {how}" if found else "undated: none"] += 1
    for name, number in sorted(outcome.items()):
        print(f"{name:<36} {number}")


def main() -> None:
    """Reads the arguments and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, default=SHARED / "data" / "article-extraction")
    parser.add_argument("--without", choices=RULES, nargs="+", default=[])
    parser.add_argument("--days", type=Path)
    given = parser.parse_args()
    if given.without:

        def fewer(blocks, precise, default, titles=()):  # type: ignore[no-untyped-def]
            return article_blocks(blocks, precise, default, titles, without=given.without)

        extraction.article_blocks = fewer
    if given.days:
        days(given.days)
        return
    pages(given.set)
    plain_texts(given.set)


if __name__ == "__main__":
    main()

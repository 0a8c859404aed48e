"""Fit the classifier of orders to whoever answers, measure it, and write models/orders.

python -m training.orders --shared ../shared --out models/orders

Orders and what looks like them are made from training/orders_templates.txt; sentences of news, Wikipedia and Reddit are
no orders. All is halved, and each half is judged by a regression that is fitted on the other: the threshold is the
lowest at which one of 5,000 sentences of news is taken for an order, and the share of orders found is counted on
templates that the regression has not seen.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from rag.language.sentences import sentences
from rag.language.words import words
from rag.models.kinds import Lexicon, shipped_kinds
from rag.models.orders import endings, features
from training.sources import Guard, guard, held_out_articles, news, squad

TEMPLATES = Path(__file__).parent / "orders_templates.txt"
BUCKETS = 1 << 13
COMMON = 600
"""Words that the frame of a sentence keeps."""
EACH = 24
"""Sentences made of one template."""
CAPITALS = 0.08
"""Share of the made sentences that are written in capitals."""
LONGEST_CLAIM = 14
"""Words of a real sentence that fills a slot."""
C = 3.0
"""Inverse strength of the regularisation."""
WEIGHT = 5
"""Other sentences that an order counts for."""
ONE_IN = 5000
"""Sentences of which one may be taken for an order."""
SEED = 7


def sections() -> dict[str, list[str]]:
    """The templates and fillers by section."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in TEMPLATES.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\[([a-z]+)\]", line):
            lines = found.setdefault(match[1], [])
        elif line and not line.startswith("# "):
            lines.append(line)
    return found


def real_sentences(shared: Path, tests: Guard) -> tuple[list[str], list[str]]:
    """Sentences of SQuAD's training set and SquadShifts, and of RealTimeQA's news, each once, in a random order."""
    texts: dict[str, None] = {}
    paths = [(shared / "data" / "squad-train-subset" / "train-subset.json.xz", "squad")]
    paths += [(shared / "data" / "squadshifts" / f"{name}.json.xz", name) for name in ("new_wiki", "reddit")]
    for path, origin in paths:
        texts |= dict.fromkeys(e.context for e in squad(path, origin))
    articles, questions = news(shared / "data" / "realtimeqa")
    held_out = held_out_articles(questions)
    reports = dict.fromkeys(a.body for a in articles.values() if a.id not in held_out)
    return _cut(list(texts), tests, 20_000), _cut(list(reports), tests, 100_000)


def _cut(texts: list[str], tests: Guard, most: int) -> list[str]:
    draw = random.Random(SEED)
    draw.shuffle(texts)
    found: dict[str, None] = {}
    for text in texts:
        if len(found) >= most:
            break
        if not tests.leaks(text):
            cut = (" ".join(text[s.start : s.end].split()) for s in sentences(text))
            found |= dict.fromkeys(s for s in cut if len(s.split()) <= 80)
    kept = list(found)
    draw.shuffle(kept)
    return kept


def filled(template: str, fillers: dict[str, list[str]], pool: list[str], draw: random.Random) -> str:
    """A template with its slots filled; names, claims and questions come from real sentences."""

    def one(match: re.Match[str]) -> str:
        slot = match[1].rstrip("_2")
        if slot == "claim":
            claim = draw.choice(pool)
            claim = claim.rstrip(".") if match.end() < len(match.string) else claim
            return claim if match[1].endswith("_") or match.start() == 0 else claim[:1].lower() + claim[1:]
        if slot == "question":
            return f"Who {draw.choice(pool).rstrip('.').split(' ', 1)[-1]}?"
        if slot in {"name", "word"}:
            names = re.findall(r"(?<!^)\b[A-Z][a-z]+(?: [A-Z][a-z]+)?", draw.choice(pool)) or ["Doran Pell"]
            return names[0] if slot == "name" else names[0].split()[0].lower()
        return fill(draw.choice(fillers[slot]))

    def fill(text: str) -> str:
        return re.sub(r"\{([a-z]+_?2?)\}", one, text)

    made = fill(template)
    made = made[:1].upper() + made[1:]
    return made.upper() if draw.random() < CAPITALS else made


def matrix(texts: list[str], lexicon: Lexicon) -> Any:
    """Sparse rows of hashed features, shape (n, BUCKETS)."""
    from scipy.sparse import csr_matrix

    rows = [features(text, lexicon, BUCKETS) for text in texts]
    ends = np.cumsum([0] + [len(indices) for indices, _ in rows])
    values = np.concatenate([np.asarray(v, dtype=np.float32) for _, v in rows])
    return csr_matrix((values, np.concatenate([np.asarray(i) for i, _ in rows]), ends), shape=(len(rows), BUCKETS))


def fit(rows: Any, labels: np.ndarray) -> Any:
    """Logistic regression; an order counts as five other sentences."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=C, max_iter=400, class_weight={True: WEIGHT, False: 1}).fit(rows, labels)


def likeliest(model: Any, texts: list[str], lexicon: Lexicon) -> np.ndarray:
    """The probability of the likeliest of each text's endings."""
    parts = [(n, ending) for n, text in enumerate(texts) for ending in endings(text)]
    found = np.zeros(len(texts))
    told = model.predict_proba(matrix([ending for _, ending in parts], lexicon))[:, 1]
    np.maximum.at(found, np.array([n for n, _ in parts]), told)
    return found


def main() -> None:
    """Make the sentences, fit, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--wrong", action="store_true", help="print what is told wrongly")
    given = parser.parse_args()
    draw = random.Random(SEED)
    others, reports = real_sentences(given.shared, guard(given.shared, Path(__file__).parents[1]))
    claims = [s for s in others + reports if 3 <= len(s.split()) <= LONGEST_CLAIM and s[-1] == "." and s[0].isalpha()]
    slots = sections()
    made = [(filled(t, slots, claims, draw), kind, n) for kind in ("yes", "no") for n, t in enumerate(slots[kind])
            for _ in range(EACH)]  # fmt: skip
    counts = Counter(word for text, _, _ in made for word in set(words(text)))
    names = {word for text in reports for word in re.findall(r"(?<!^)\b[A-Z][a-z]+", text)}
    common = [w for w, _ in counts.most_common() if w.capitalize() not in names][:COMMON]
    lexicon = Lexicon(frozenset(common), shipped_kinds().lexicon.clusters)
    real = others + reports
    texts = [text for text, _, _ in made] + real
    rows = matrix(texts, lexicon)
    labels = np.array([kind == "yes" for _, kind, _ in made] + [False] * len(real))
    group = np.array([n % 2 for _, _, n in made] + [n % 2 for n in range(len(real))])
    held = np.zeros(len(texts))
    for half in (0, 1):
        model = fit(rows[group != half], labels[group != half])
        held[group == half] = likeliest(
            model, [text for text, g in zip(texts, group, strict=True) if g == half], lexicon
        )
    kinds = np.array([kind for _, kind, _ in made] + ["other"] * len(others) + ["news"] * len(reports))
    threshold = float(np.sort(held[kinds == "news"])[-(len(reports) // ONE_IN) - 1])
    for kind in ("yes", "no", "other", "news"):
        taken = held[kinds == kind] >= threshold
        print(f"{kind}: {taken.sum()} of {len(taken)} taken for orders at {threshold:.3f}")
    if given.wrong:
        for kind, wanted in (("yes", True), ("no", False), ("other", False), ("news", False)):
            for n in np.flatnonzero((kinds == kind) & ((held >= threshold) != wanted))[
                : 400 : 8 if kind == "yes" else 1
            ]:
                print(f"  {kind} {held[n]:.3f} {texts[n][:160]}")
    if given.out:
        save(fit(rows, labels), threshold, lexicon, given.out)


def save(model: Any, threshold: float, lexicon: Lexicon, out: Path) -> None:
    """Write weights.npz (int8 with one scale) and the manifest with its checksum."""
    weights = model.coef_[0]
    scale = np.abs(weights).max() / 127
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "weights.npz", weights=np.round(weights / scale).astype(np.int8), scale=np.float32(scale))
    manifest = {
        "format": 1,
        "sha256": hashlib.sha256((out / "weights.npz").read_bytes()).hexdigest(),
        "bias": round(float(model.intercept_[0]), 4),
        "threshold": round(threshold, 4),
        "words": sorted(lexicon.common),
    }
    (out / "manifest.json").write_text(json.dumps(manifest) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How many misspelt words of questions are put right, and how many questions that were right are changed.

python -m training.measure_spelling --data DIR      # DIR of training.probability_data
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from rag.evaluation.metrics import wilson
from rag.language import spelling
from rag.language.words import words
from rag.models.reader import shipped_reader
from training.kinds_data import with_typos
from training.probability_data import Found, load


def main() -> None:
    """Print the table, one line for each least length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--n", type=int, default=200, help="questions of each set")
    options = parser.parse_args()
    common = shipped_reader().words
    rng = random.Random(0)
    plain, other = [], []
    for found in load(options.data):
        (
            plain if found.asked.made == "plain" else other if found.asked.made in ("changed", "unanswerable") else []
        ).append(found)
    plain, other = ([*rng.sample(some, min(len(some), options.n * 5))] for some in (plain, other))
    typed = [(found, with_typos(found.asked.text, rng, 1)) for found in plain]
    print("| letters at least | misspelt put right | put wrong | right ones changed | a changed name changed back |")
    for spelling.SHORTEST in (3, 4, 5, 6):
        right = [_read(found, text, common) for found, text in typed]
        restored = [words(r) == words(f.asked.text) for r, (f, _) in zip(right, typed, strict=True)]
        worse = [r != t and not ok for r, (_, t), ok in zip(right, typed, restored, strict=True)]
        touched, moved = ([_read(f, f.asked.text, common) != f.asked.text for f in some] for some in (plain, other))
        print(f"| {spelling.SHORTEST} | {' | '.join(map(_share, (restored, worse, touched, moved)))} |")


def _read(found: Found, text: str, common: tuple[str, ...]) -> str:
    texts = [f"{hit.passage.article.title} {hit.passage.text}" for hit in found.hits]
    return spelling.corrected(text, spelling.corrections(text, lambda: texts, common))


def _share(of: list[bool]) -> str:
    low, high = wilson(sum(of), len(of))
    return f"{sum(of) / len(of):.3f} ({low:.3f} to {high:.3f}), n {len(of)}"


if __name__ == "__main__":
    main()

"""Measure a reader on SQuAD's dev sets and on the gold questions of a folder of articles.

python -m training.measure_reader --shared ../shared
"""

from __future__ import annotations

import argparse
import json
import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.models.reader import Reader
from training.sources import squad


@dataclass(frozen=True)
class Outcome:
    """What a reader made of one question.

    Attributes:
        paragraph: number of its paragraph in the file.
        score: of the best span.
        em_span, f1_span: of the best span against the accepted answers, in [0, 1]; 0 when there is none.
    """

    paragraph: int
    answerable: bool
    score: float
    em_span: float
    f1_span: float


def normalise(text: str) -> list[str]:
    """SQuAD's normalisation (Rajpurkar et al. 2016): lower case, no punctuation, no articles."""
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def f1(given: str, accepted: Sequence[str]) -> float:
    """The best token F1 over the accepted answers."""
    best = 0.0
    mine = Counter(normalise(given))
    for answer in accepted:
        theirs = Counter(normalise(answer))
        if not mine or not theirs:
            best = max(best, float(mine == theirs))
            continue
        common = sum((mine & theirs).values())
        best = max(best, 2 * common / (sum(mine.values()) + sum(theirs.values())))
    return best


def predictions(reader: Reader, path: Path, *, every: int = 1) -> list[Outcome]:
    """One outcome per question of a SQuAD file."""
    outcomes = []
    order: dict[str, int] = {}
    for example in squad(path, "dev"):
        number = order.setdefault(example.context, len(order))
        if number % every:
            continue
        reading = reader.read(example.question, [example.context])[0][0]
        accepted = [example.context[a:b] for a, b in example.answers]
        given = example.context[reading.start : reading.end]
        outcomes.append(
            Outcome(
                number,
                bool(accepted),
                reading.logit,
                max((float(normalise(given) == normalise(a)) for a in accepted), default=0.0),
                f1(given, accepted),
            )
        )
    return outcomes


def summary(outcomes: Sequence[Outcome], threshold: float) -> dict[str, float]:
    """SQuAD v2.0's measures at a threshold on the score: a lower one counts as "no answer"."""
    answered = np.array([o.score >= threshold for o in outcomes])
    has = np.array([o.answerable for o in outcomes])
    em = np.where(has, [o.em_span for o in outcomes], 1.0) * np.where(has, answered, ~answered)
    score = np.where(has, [o.f1_span for o in outcomes], 1.0) * np.where(has, answered, ~answered)
    figures = {"n": len(outcomes), "em": em.mean(), "f1": score.mean()}
    if has.any():
        figures |= {"answerable_f1": score[has].mean(), "refused_wrongly": (~answered[has]).mean()}
        figures["span_f1"] = float(np.mean([o.f1_span for o in outcomes if o.answerable]))
    if (~has).any():
        figures["unanswerable_refused"] = (~answered[~has]).mean()
    return {name: round(float(value), 4) for name, value in figures.items()}


def main() -> None:
    """Print the figures of the shipped reader, or of another folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--reader", type=Path)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    reader = Reader(options.reader)
    for name, threshold in (("dev-v1.1", float("-inf")), ("dev-v2.0", reader.threshold)):
        path = options.shared / f"data/squad-dev/{name}.json.xz"
        print(name, json.dumps(summary(predictions(reader, path, every=options.every), threshold)), flush=True)


if __name__ == "__main__":
    main()

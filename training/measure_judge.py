"""Measure a judge: made claims about articles never trained on, and its agreement with people (QAGS).

    python -m training.measure_judge --data /tmp/judge --shared ../shared

Claims are judged as in the product: by `verdict`, against the sentences around, each with the one before it.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.alignment import shipped_verifier
from rag.answering.verdict import Verdict, premise_of, verdict
from rag.language.sentences import sentences
from rag.language.values import numbers
from rag.language.words import content_stems
from rag.models.judge import Judge

#: Sentences that a claim is held to, those that share most with it.
PREMISES = 8
#: The kinds of error that the bar is about.
ASKED = ("negation", "opposite", "swap", "number", "unit", "date", "name", "speaker")
#: The kinds of statements made of questions.
FROM_QUESTIONS = ("answer ", "other answer ")
SUPPORTED = 0
#: QAGS gives its articles, but not the summaries, with a space after each point and comma: "3, 800 km", "1. 3 billion".
SPACED_NUMBER = re.compile(r"(?<=\d)(?:(,) (?=\d{3}\b)|(\.) (?=\d))")


def rows(path: Path, *, from_questions: bool = False) -> list[dict[str, Any]]:
    """The pairs of a .jsonl file that come with the sentences around: claims about news, or statements of questions."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in found if row["window"] and row["kind"].startswith(FROM_QUESTIONS) == from_questions]


def premises(texts: Sequence[str], claim: str) -> list[str]:
    """The sentences nearest to a claim, each with the one before it."""
    wanted = set(content_stems(claim)) | {str(number.amount) for number in numbers(claim)}

    def shared(text: str) -> int:
        return len(wanted & (set(content_stems(text)) | {str(number.amount) for number in numbers(text)}))

    order = sorted(range(len(texts)), key=lambda i: -shared(texts[i]))[:PREMISES]
    return [premise_of(texts[i], texts[i - 1] if i else "") for i in order]


def judged(row: dict[str, Any], judge: Judge) -> Verdict:
    """The verdict on a made claim."""
    return verdict(row["claim"], premises(row["window"], row["claim"]), judge)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927)."""
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def made_claims(found: list[dict[str, Any]], judge: Judge, show: int) -> None:
    """Print, for each kind of claim, the share that is marked (label not "supported")."""
    marked: dict[tuple[bool, str], list[bool]] = {}
    shown: dict[tuple[bool, str], int] = {}
    for row in found:
        result = judged(row, judge)
        right = row["label"] == SUPPORTED
        key = (right, row["kind"])
        mark = result.label != "supported"
        marked.setdefault(key, []).append(mark)
        if mark == right and shown.get(key, 0) < show:
            shown[key] = shown.get(key, 0) + 1
            print(
                "  ",
                key,
                f"{result.support:.2f}",
                result.problems,
                "\n     P:",
                row["premise"],
                "\n     C:",
                row["claim"],
            )
    total = {
        "wrong, asked for": [m for (right, kind), ms in marked.items() if not right and kind in ASKED for m in ms],
        "right": [m for (right, _), ms in marked.items() if right for m in ms],
    }
    for name, marks in [
        *((f"{'right' if r else 'wrong'} {k}", ms) for (r, k), ms in sorted(marked.items())),
        *total.items(),
    ]:
        low, high = wilson(sum(marks), len(marks))
        print(f"{name:24} n={len(marks):5}  marked {sum(marks) / len(marks):.3f} [{low:.3f}, {high:.3f}]")


def qags(path: Path, judge: Judge) -> dict[str, float]:
    """Correlation with people over summaries: mean over a summary's sentences, people's by majority.

    Returns:
        n, Pearson's r with its 95% interval (Fisher), and r of the probability alone, without the vetoes.
    """
    people, scores, bare = [], [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        article = SPACED_NUMBER.sub(r"\1\2", item["article"])
        texts = [article[s.start : s.end] for s in sentences(article)]
        votes, given, plain = [], [], []
        for part in item["summary_sentences"]:
            yes = [response["response"].lower() == "yes" for response in part["responses"]]
            result = verdict(part["sentence"], premises(texts, part["sentence"]), judge)
            votes.append(sum(yes) > len(yes) / 2)
            vetoed = result.support >= shipped_verifier().supports and result.label != "supported"
            given.append(0.0 if vetoed else result.support)
            plain.append(result.support)
        people.append(np.mean(votes))
        scores.append(np.mean(given))
        bare.append(np.mean(plain))
    r = float(np.corrcoef(people, scores)[0, 1])
    half = 1.96 / math.sqrt(len(people) - 3)
    return {
        "n": len(people),
        "r": round(r, 3),
        "low": round(math.tanh(math.atanh(r) - half), 3),
        "high": round(math.tanh(math.atanh(r) + half), 3),
        "r_without_vetoes": round(float(np.corrcoef(people, bare)[0, 1]), 3),
    }


def speed(judge: Judge, found: list[dict[str, Any]]) -> float:
    """Median milliseconds of one claim against its premises."""
    times = []
    for row in found[:50]:
        near = premises(row["window"], row["claim"])
        start = time.perf_counter()
        judge.judge([(premise, row["claim"]) for premise in near])
        times.append(1_000 * (time.perf_counter() - start))
    return float(np.median(times))


def main() -> None:
    """Print the figures of the shipped judge, or of another folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that training.judge_data wrote")
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--fold", default="test", choices=("dev", "test"))
    parser.add_argument("--show", type=int, default=0, help="print so many mistakes of each kind")
    parser.add_argument("--no-qags", action="store_true")
    options = parser.parse_args()
    judge = Judge(options.judge)
    found = rows(options.data / f"{options.fold}.jsonl")
    made_claims(found, judge, options.show)
    print(f"a claim against {PREMISES} sentences: {speed(judge, found):.0f} ms")
    if not options.no_qags:
        for name in ("cnndm", "xsum"):
            print("QAGS", name, json.dumps(qags(options.shared / f"data/qags/mturk_{name}.jsonl", judge)), flush=True)


if __name__ == "__main__":
    main()

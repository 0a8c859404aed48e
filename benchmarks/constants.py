"""The numbers set by hand in rag/answering that bound what is read, shown and cited: what other values would give.

    python benchmarks/constants.py                                   # shown to a model, held against, events
    python benchmarks/constants.py --run RUN                         # also claims and citations; RUN is the folder of
                                                                     # `rag eval run open --model NAME --out RUN`

The questions are the bundled ones. What a model wrote is taken from RUN and judged and cited anew; it is not run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rag.answering import accounts, timeline, writing
from rag.answering import bot as bots
from rag.answering.bot import Bot
from rag.articles import load
from rag.evaluation import nuggets
from rag.evaluation.gold import GoldItem, read_gold
from rag.evaluation.metrics import bootstrap, contains
from rag.evaluation.runner import answer_measures, answer_text
from rag.indexing.build import build_index
from rag.resources import resource
from rag.settings import Settings
from rag.types import FACTOID_KINDS, Answer, Finding

#: Of each constant its module and the values tried; the product's own is marked in the table.
ASKED: Mapping[str, tuple[Any, Sequence[Any]]] = {
    "HELD_AGAINST": (accounts, (0, 1, 2, 3, 5)),
    "LOOKED_AT": (timeline, (20, 40, 60, 100)),
    "MOST_SUMMED": (timeline, (3, 5, 8)),
}
CLAIMED: Mapping[str, tuple[Any, Sequence[Any]]] = {
    "PREMISES": (writing, (1, 2, 4, 8, 16)),
    "ALSO": (writing, (0.5, 0.8, 0.9, 0.95, 1.0)),
    "MOST_CITED": (writing, (1, 2, 3, 5)),
}
SHOWN = (100, 200, 300, 450, 600, 900, 1500)
"""Tokens of evidence. A machine that reads 120 a second reads 180 in READ_SECONDS_FACTOID and 600 in READ_SECONDS."""
KEPT = ("contains_match", "right", "checks_passed", "citation_precision", "citation_recall")


def holds(item: GoldItem, text: str) -> bool:
    """Whether a text has all that the answer must have."""
    if item.open:
        found = nuggets.count(text, item)
        return found.vital[0] == found.vital[1]
    return all(any(contains(text, alias) for alias in wanted) for wanted in item.answers)


def findings_of(bot: Bot, gold: Sequence[GoldItem]) -> list[tuple[GoldItem, tuple[Finding, ...]]]:
    """Each answerable question with what was found for it, as the bot finds it."""
    found: list[tuple[GoldItem, tuple[Finding, ...]]] = []
    seen: list[Finding] = []
    find = bots.find

    def noted(*given: Any, **named: Any) -> Finding:
        seen.append(find(*given, **named))
        return seen[-1]

    with patch.object(bots, "find", noted):
        for item in gold:
            seen.clear()
            bot.ask(item.question)
            found.append((item, tuple(seen)))
    return [(item, each) for item, each in found if item.answerable]


def shown_table(found: Sequence[tuple[GoldItem, tuple[Finding, ...]]]) -> None:
    """Print how often what a model is shown holds the answer."""
    print("| tokens shown | " + " | ".join(map(str, SHOWN)) + " |")
    for title, factoid in (("factoids", True), ("other kinds", False)):
        some = [(i, fs) for i, fs in found if fs and (fs[0].query.kind in FACTOID_KINDS and len(fs) == 1) is factoid]
        cells = []
        for tokens in SHOWN:
            texts = ("\n".join(e.text for e in writing.excerpts(fs, tokens, bots._about_tokens)) for _, fs in some)
            hits = sum(holds(item, text) for (item, _), text in zip(some, texts, strict=True))
            cells.append(f"{hits / len(some):.3f}")
        print(f"| {title} (n {len(some)}) | " + " | ".join(cells) + " |")


def row(name: str, module: Any, value: Any, scores: Sequence[Mapping[str, float]], words: float) -> None:
    """Print the means of one value."""
    cells = []
    for measure in KEPT:
        values = [score[measure] for score in scores if measure in score]
        if not values:
            cells.append("–")
            continue
        low, high = bootstrap(values, bounds=(0.0, 1.0))
        cells.append(f"{sum(values) / len(values):.3f} ({low:.2f} to {high:.2f}, n {len(values)})")
    mark = "**" if getattr(module, name) == value else ""
    print(f"| {mark}{name} {value}{mark} | " + " | ".join(cells) + f" | {words:.0f} |", flush=True)


def mean_words(answers: Sequence[Answer]) -> float:
    """Mean words of what was answered."""
    lengths = [len(answer_text(answer).split()) for answer in answers if not answer.abstained]
    return sum(lengths) / max(1, len(lengths))


def asked_table(bot: Bot, gold: Sequence[GoldItem]) -> None:
    """Print what the extracts are worth with each value of ASKED."""
    for name, (module, values) in ASKED.items():
        for value in values:
            with patch.object(module, name, value):
                answers = [bot.ask(item.question) for item in gold]
            scores = [answer_measures(item, answer) for item, answer in zip(gold, answers, strict=True)]
            row(name, module, value, scores, mean_words(answers))


def claimed_table(bot: Bot, found: Sequence[tuple[GoldItem, tuple[Finding, ...]]], run: Path) -> None:
    """Print what the citations of a model's claims are worth with each value of CLAIMED."""
    lines = (run / "results.jsonl").read_text(encoding="utf-8").splitlines()
    written = {result["id"]: result["answer"] for result in map(json.loads, lines) if result["kind"] == "model"}
    some = [(item, findings, bot.ask(item.question)) for item, findings in found if item.id in written]
    for name, (module, values) in CLAIMED.items():
        for value in values:
            scores, answers = [], []
            with patch.object(module, name, value):
                for item, findings, asked in some:
                    shown = [c for e in writing.excerpts(findings, 600, bots._about_tokens) for c in e.sentences]
                    told = [c["text"] for c in written[item.id]["claims"] if c["verdict"] != "verbatim"]
                    claims = tuple(writing.judge_claim(text, shown, bot.judge) for text in told)
                    answers.append(replace(asked, kind="model", claims=claims))
                    scores.append(answer_measures(item, answers[-1]))
            row(name, module, value, scores, mean_words(answers))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run of the bundled open questions with a language model")
    options = parser.parse_args()
    briefs, open_set = (read_gold(resource("eval", "gold", f"{name}.jsonl")) for name in ("briefs", "open"))
    with tempfile.TemporaryDirectory() as temporary:
        settings = Settings.load({}, index_dir=Path(temporary) / "index", model="extracts")
        build_index(load([resource("samples", "briefs")]), settings)
        with Bot.open(settings=settings) as bot:
            found = findings_of(bot, [*briefs, *open_set])
            shown_table(found)
            print("\n| value | contains | right | checks passed | citation precision | citation recall | words |")
            print("|---|---|---|---|---|---|---|")
            if options.run:
                claimed_table(bot, found, options.run)
            asked_table(bot, [*briefs, *open_set])


if __name__ == "__main__":
    main()

"""How many conflicts between sentences are found, and how many are seen where there is none.

python -m training.measure_conflicts --squad dev-v1.1.json    # or .json.xz; eval/README.md has the tables

Each paragraph of SQuAD is an article of its own. A question's likeliest sentence is held against the question made a
statement with another name, or with a "not" (conflicts, whatever the wording), and against sentences of other
paragraphs that are comparable with it, and against the statement with the right answer (no conflicts). Every other
article of SQuAD chose the values, the rest shows them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import lzma
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.answering import verdict
from rag.answering.bot import Bot
from rag.answering.finding import find, read
from rag.answering.understand import understand
from rag.answering.verdict import conflict
from rag.evaluation.metrics import wilson
from rag.indexing.build import build_index
from rag.language.aliases import in_text
from rag.language.names import names
from rag.language.words import words
from rag.models.embedder import SentenceTransformerEmbedder
from rag.models.judge import Judge, shipped_judge
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import COMPARABLE, Article, Candidate, Query
from training.rewrites import parser
from training.statements import statement

#: Paragraphs and questions of each article of SQuAD; pairs of comparable sentences of one question at most.
PARAGRAPHS, QUESTIONS, MOST_PAIRS = 30, 30, 6


@dataclass(frozen=True)
class Pair:
    """Two sentences.

    Attributes:
        half: 0 for the articles that choose, 1 for the others.
        made: how the second was made.
        answers: the words of each that answer, None where yes stands against no.
    """

    half: int
    made: str
    first: str
    second: str
    answers: tuple[str, str] | None


def pairs(data: list[dict[str, Any]], bot: Bot) -> Iterator[Pair]:
    """The pairs of all questions whose answers are names."""
    rng = random.Random(3)
    others: dict[str, list[str]] = {}
    for n, article in enumerate(data):
        asked = [qa for paragraph in article["paragraphs"][:PARAGRAPHS] for qa in paragraph["qas"]]
        for qa in rng.sample(asked, min(QUESTIONS, len(asked))):
            query = understand(Query.of(qa["question"]), (), bot._surroundings())
            if query.parts or query.kind not in ("person", "place", "entity") or bot.reader is None:
                continue
            ranked = find(query, read(query, bot.retriever.search(query), bot.reader)).ranked
            near = [c for c in ranked if c.span and c.alone >= max(0.12, COMPARABLE * ranked[0].alone)]
            gold = max((answer["text"] for answer in qa["answers"]), key=len)
            if near and names(f"by {near[0].span.quote}"):  # type: ignore[union-attr]
                known = others.setdefault(query.kind, [])
                yield from _of(n % 2, qa["question"], gold, near, known, rng)
                known.append(near[0].span.quote)  # type: ignore[union-attr]


def _of(
    half: int, question: str, gold: str, near: list[Candidate], known: list[str], rng: random.Random
) -> Iterator[Pair]:
    first, answer = near[0].citation.quote, near[0].span.quote  # type: ignore[union-attr]
    told = statement(parser()(question), gold)
    wrong = [name for name in known if _differ(answer, name)]
    if told and gold in told and not _differ(answer, gold):
        if wrong:
            name = rng.choice(wrong)
            yield Pair(half, "another name, reworded", first, told.replace(gold, name), (answer, name))
            yield Pair(half, "another name, same words", first, first.replace(answer, name), (answer, name))
        if denied := _denied(told):
            yield Pair(half, "a not, reworded", first, denied, None)
            yield Pair(half, "the same, reworded", first, told, None)
    found = 0
    for one, other in itertools.combinations(near[:8], 2):
        a, b = one.span.quote, other.span.quote  # type: ignore[union-attr]
        if one.citation.article.id != other.citation.article.id and found < MOST_PAIRS:
            found += 1
            if _differ(a, b):
                yield Pair(half, "another sentence", one.citation.quote, other.citation.quote, (a, b))
            yield Pair(half, "another sentence, yes or no", one.citation.quote, other.citation.quote, None)


def _differ(one: str, other: str) -> bool:
    """Whether two answers hold names that share no word."""
    both = names(f"by {one}") and names(f"by {other}")
    return bool(both) and not any(in_text(word, set(words(other))) for word in words(one))


def _denied(told: str) -> str | None:
    """A statement with "not" after its auxiliary; None without one."""
    doc = parser()(told)
    root = next(token for token in doc if token.dep_ == "ROOT")
    auxiliary = next((t for t in doc if t.pos_ == "AUX" and root in (t, t.head)), None)
    if auxiliary is None:
        return None
    end = auxiliary.idx + len(auxiliary.text)
    return f"{told[:end]} not{told[end:]}"


def main() -> None:
    """Print both tables."""
    parser_ = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser_.add_argument("--squad", type=Path, required=True)
    options = parser_.parse_args()
    raw = options.squad.read_bytes()
    data = json.loads(lzma.decompress(raw) if options.squad.suffix == ".xz" else raw)["data"]
    embedder = SentenceTransformerEmbedder()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load({}, index_dir=Path(folder) / "index", model="extracts")
        articles = (
            Article(
                f"{each['title']} {n}", each["title"].replace("_", " "), paragraph["context"].strip(), language="en"
            )
            for each in data
            for n, paragraph in enumerate(each["paragraphs"][:PARAGRAPHS])
        )
        build_index(articles, settings, embedder=embedder)
        with Bot.around(Retriever.open(settings=settings, embedder=embedder), settings) as bot:
            found = list(pairs(data, bot))
    judge = shipped_judge()
    named, denied = ([p for p in found if bool(p.answers) == which] for which in (True, False))
    usual = judge.supports
    for judge.supports in (0.3, 0.4, usual, 0.5, 0.6):
        _row(f"exchanged, supported from {judge.supports}", named, judge)
    judge.supports = usual
    for verdict.CERTAINLY in (judge.contradicts, 0.7, 0.9, 1.01):
        _row(f"contradicted for certain from {verdict.CERTAINLY}", denied, judge)


def _row(what: str, found: list[Pair], judge: Judge) -> None:
    said = [conflict(pair.first, pair.second, judge, pair.answers) for pair in found]
    for half in (0, 1):
        cells = []
        for made in dict.fromkeys(pair.made for pair in found):
            of = [s for s, pair in zip(said, found, strict=True) if pair.made == made and pair.half == half]
            low, high = wilson(sum(of), len(of))
            cells.append(f"{made} {sum(of) / len(of):.3f} ({low:.3f} to {high:.3f}), n {len(of)}")
        print(f"| {what} | {('chosen on', 'others')[half]} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

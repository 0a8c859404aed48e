"""Questions with the hits that the product finds for them, to fit and to check the probability of an answer on.

Each set is indexed and searched with the product's own code; what was found and read is kept on disk, so that features
can be changed without searching again. Unanswerable questions are the same ones asked where the article with the answer
is left out, or with a name, a number or a word of theirs changed. Nothing here is measured on elsewhere: `Guard`.
"""

from __future__ import annotations

import pickle
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from rag.language.parts import bare
from rag.language.words import content_stems
from rag.types import Article, Hit, Query
from training.kinds_data import with_typos
from training.negatives import _AUXILIARY, opposite, swapped_name
from training.sources import HELD_OUT_FROM, Example, Guard, guard, held_out_articles, news, qamr, squad, words

SETS = ("squad", "new_wiki", "reddit", "qamr", "realtimeqa")
CHECKS = ("squad-dev", "realtimeqa-later")
"""Sets that neither the reader nor the probability learned from: for measuring only."""
BODY = 5_000
"""Characters of a news article that are indexed."""


@dataclass(frozen=True)
class Asked:
    """A question of a set.

    Attributes:
        text: as it is asked.
        answers: accepted answers.
        home: the article that holds the answer; several where only its words are known.
        spans: where the answers stand in the text of the home; empty where only the words are known.
        without: ask it where the home is left out.
        made: "plain", "without", "changed", "negated", "unanswerable" (by its writer), or how it was reworded.
        group: no group is in both halves.
    """

    text: str
    answers: tuple[str, ...]
    home: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    group: str
    made: str = "plain"
    without: bool = False


@dataclass(frozen=True)
class Found:
    """A question and its hits, read."""

    set: str
    asked: Asked
    hits: tuple[Hit, ...] = field(default=())


def reworded(question: str, rng: random.Random) -> tuple[str, str] | None:
    """(how, the question as an order or a noun phrase, misspelt, or in lower case)."""
    for pattern, noun in _AS_NOUN:
        if rng.random() < 0.7 and (match := re.match(pattern, question.rstrip(" ?"), re.I)):
            return "noun phrase", match.expand(noun)
    if rng.random() < 0.5 and (
        match := re.match(r"(who|which [\w ]+?|what [\w ]+?) (\w+ed|was|were|is|are) ", question, re.I)
    ):
        return "order", f"Name {question[:1].lower()}{question.rstrip(' ?')[1:]}."
    how = rng.choice(["typo", "lower case", "opener"])
    if how == "typo":
        return how, with_typos(question, rng, 2)
    if how == "lower case":
        return how, question.lower().rstrip(" ?")
    return (
        how,
        f"{rng.choice(['Do you know', 'Tell me,', 'I would like to know:'])} {question[:1].lower()}{question[1:]}",
    )


def negated(question: str) -> str | None:
    """The question of who did not, when it was not: None where it has neither an auxiliary nor a plain past tense."""
    if found := _AUXILIARY.search(question):
        return f"{question[: found.end()]}n't{question[found.end() :]}".replace("willn't", "won't").replace(
            "cann't", "can't"
        )
    found = re.match(r"((?:who|which \w+|what) )(\w+?)(ed|e?s)\b", question, re.I)
    if not found:
        return None
    verb = found[2] + ("e" if re.search(r"(?:at|is|iz|[csvgu])$", found[2]) and found[3] == "ed" else "")
    return f"{found[1]}{'did' if found[3] == 'ed' else 'does'} not {verb}{question[found.end() :]}"


_DENIES = re.compile(r"\b(?:not|never|no|nobody|none|without|cannot)\b|n['’]t\b", re.I)
_AS_NOUN = [
    (r"what (?:is|was|are|were) (the .+ (?:of|for|in) .+)$", r"\1"),
    (r"how many (.+?) (?:are|were) there (.+)$", r"Number of \1 \2"),
    (r"how many (\w+) ((?:died|were|are|was) .+)$", r"Number of \1 that \2"),
    (r"when (?:was|were) (.+?) (\w+(?:ed|en|ilt|ade|old|eld|orn))\b(.*)$", r"Date when \1 was \2\3"),
    (r"where (?:is|was|are|were) (.+?)( located| held| born| found)?$", r"Place of \1"),
    (r"who (?:is|was) (the .+ of .+)$", r"\1"),
    (r"why (?:did|was|were|is|are) (.+)$", r"Reason \1"),
    (r"in (?:what|which) year (?:was|were|did) (.+)$", r"Year: \1"),
]


def articles_and_questions(
    name: str, shared: Path, repository: Path, n: int, seed: int
) -> tuple[list[Article], list[Asked]]:
    """The articles of a set and what is asked about them: n plain questions, and those made from them."""
    rng = random.Random(f"{name} {seed}")
    kept_out = Guard([], []) if name in CHECKS else guard(shared, repository)
    articles, plain, examples = (_quiz if "realtime" in name else _paragraphs)(name, shared, kept_out, n, rng)
    questions: list[Asked] = []
    for asked, example in zip(plain, examples, strict=True):
        if not example.answers:
            questions.append(asked)
            continue
        questions += [asked, replace(asked, made="without", without=True)]
        if rng.random() < 0.5 and (other := reworded(asked.text, rng)):
            questions.append(replace(asked, made=other[0], text=other[1]))
        if rng.random() < 0.25 and (denied := negated(asked.text)):
            questions.append(replace(asked, made="negated", text=denied))
        if rng.random() < 0.4 and (changed := rng.choice([swapped_name, opposite])(example, rng)):
            questions.append(replace(asked, made="changed", text=changed.question))
    return articles, questions


def _paragraphs(
    name: str, shared: Path, kept_out: Guard, n: int, rng: random.Random
) -> tuple[list[Article], list[Asked], list[Example]]:
    """Texts with character offsets of the answers: pages halved by paragraph, posts, sentences in bundles of twelve."""
    data = shared / "data"
    if name == "qamr":
        examples = [e for e in qamr(data / "qamr") if e.answers]
    else:
        files = {"squad": "squad-train-subset/train-subset", "squad-dev": "squad-dev/dev-v2.0"}
        path = data / f"{files.get(name, f'squadshifts/{name}')}.json.xz"
        examples = [e for e in squad(path, name) if e.answers or name == "squad-dev"]
    contexts = list(dict.fromkeys(e.context for e in examples))
    pages: dict[str, list[str]] = {}
    for number, context in enumerate(contexts):
        page = {"qamr": str(number // 24), "reddit": str(number)}.get(name)
        title = next(e.title for e in examples if e.context == context) if page is None else page
        pages.setdefault(title, []).append(context)
    chosen = rng.sample(sorted(pages), min(PAGES[name], len(pages)))
    articles, homes = [], {}
    for title in chosen:
        halves = [pages[title]] if name == "reddit" else [pages[title][0::2], pages[title][1::2]]
        for half, paragraphs in enumerate(part for part in halves if part):
            id_ = f"{name}-{title}-{half}"
            text = "\n\n".join(paragraphs)
            at = 0
            for paragraph in paragraphs:
                homes[paragraph] = (id_, at, title)
                at += len(paragraph) + 2
            shown = title.replace("_", " ") if not title.isdigit() else paragraphs[0][:60]
            articles.append(Article(id_, shown, text, source=id_))
    may = [e for e in examples if e.context in homes and not kept_out.asks(e.question)]
    picked = rng.sample(may, min(n, len(may)))
    asked = []
    for e in picked:
        id_, at, group = homes[e.context]
        answers = tuple(dict.fromkeys(e.context[a:b] for a, b in e.answers))
        spans = tuple((a + at, b + at) for a, b in e.answers)
        asked.append(Asked(e.question, answers, (id_,), spans, group, "plain" if spans else "unanswerable"))
    return articles, asked, picked


PAGES = {"squad-dev": 8, "squad": 14, "new_wiki": 16, "reddit": 300, "qamr": 60}
"""Pages, posts and bundles of sentences that are indexed."""


def _quiz(
    name: str, shared: Path, kept_out: Guard, n: int, rng: random.Random
) -> tuple[list[Article], list[Asked], list[Example]]:
    """News-quiz questions asked before the held-out weeks, with the articles that a search gave for them."""
    known, questions = news(shared / "data/realtimeqa")
    later = name in CHECKS
    forbidden = set() if later else held_out_articles(questions) | _kept_apart(shared)
    usable = [
        q
        for q in questions
        if named(q.answers)
        and (q.asked >= HELD_OUT_FROM) == later
        and q.supported_by
        and not kept_out.asks(q.question)
        and len(q.answers[0]) > 2
    ]
    picked = rng.sample(usable, n)
    articles: dict[str, Article] = {}
    asked, examples = [], []
    for q in picked:
        for id_ in (*q.supported_by[:2], *[i for i in q.articles if i not in q.supported_by][:3]):
            row = known.get(id_)
            if row and id_ not in forbidden and id_ not in articles and not kept_out.leaks(row.body[:BODY]):
                day = date.fromisoformat(row.published[:10]) if row.published else None
                articles[id_] = Article(id_, row.title, row.body[:BODY], source=id_, published=day)
        holding = tuple(id_ for id_ in q.supported_by if id_ in articles and _holds(articles[id_].text, q.answers))
        if holding:
            body = articles[holding[0]].text
            at = body.lower().find(q.answers[0].lower())
            asked.append(Asked(q.question, q.answers, holding, (), q.asked[:10]))
            span = (at, at + len(q.answers[0]))
            examples.append(Example(q.question, body[max(0, at - 400) : at + 400], (span,), name))
    return list(articles.values()), asked, examples


def named(answers: tuple[str, ...]) -> bool:
    """Whether a quiz's answer is a short name, which articles write as the quiz does; amounts and phrases differ."""
    first = answers[0]
    small = {"all", "none", "true", "false", "the", "a", "an", "they", "his", "her", "it"}
    return (
        first[:1].isupper()
        and len(first) > 2
        and len(first.split()) <= 3
        and not (set(words(first)) & small or any(c.isdigit() for c in first))
    )


def _kept_apart(shared: Path) -> set[str]:
    """Ids of the news articles that an open gold set is about."""
    import json

    path = shared / "news/articles.jsonl"
    return (
        {json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()} if path.exists() else set()
    )


def _holds(text: str, answers: tuple[str, ...]) -> bool:
    padded = f" {' '.join(words(text))} "
    return any(f" {' '.join(words(answer))} " in padded for answer in answers)


def collect(name: str, shared: Path, repository: Path, n: int, out: Path, seed: int = 7) -> None:
    """Index a set, ask its questions, and keep what was found and read under `out`, a few questions at a time."""
    from rag.answering.finding import read
    from rag.indexing.build import build_index
    from rag.models.embedder import open_embedder
    from rag.models.reader import shipped_reader
    from rag.retrieval.retriever import Retriever
    from rag.settings import Settings

    articles, questions = articles_and_questions(name, shared, repository, n, seed)
    settings = replace(Settings.load({}), index_dir=out / f"{name}-index", cache_dir=out / "cache")
    embedder, reader = open_embedder(settings.embedding_model, settings.cache_dir), shipped_reader()
    report = build_index(articles, settings, embedder=embedder)
    print(name, len(articles), "articles", report.passages, "passages", len(questions), "questions", flush=True)
    sources = [article.source for article in articles]
    found: list[Found] = []
    with Retriever.open(settings=settings, embedder=embedder) as retriever:
        for number, asked in enumerate(questions, 1):
            lacking = tuple(s for s in sources if s not in asked.home) if asked.without else ()
            query = Query(bare(asked.text), k=settings.k, sources=lacking)
            hits = retriever.search(query)
            found.append(Found(name, asked, read(query, hits, reader)))
            if number % 25 == 0 or number == len(questions):
                with (out / f"{name}.pickle").open("wb") as file:
                    pickle.dump(found, file)
                print(name, number, flush=True)


def label(found: Found, article_id: str, start: int, end: int, text: str, around: str = "") -> int | None:
    """Whether a sentence of a hit answers the question: 1, 0, or None where nobody knows.

    It does where an answer's marked place lies in it; where only the answer's words are known, when it holds them in a
    supporting article and half of the question's words stand around it. A sentence that holds them elsewhere may or may
    not, and where only the words are known so may one that holds some of them.

    Args:
        start, end: the sentence's offsets in the article.
        text: the sentence.
        around: with its neighbours and its title.
    """
    asked = found.asked
    if asked.made in ("changed", "unanswerable"):
        return 0
    if asked.made == "negated":
        return None if _DENIES.search(text) else 0
    holds = _holds(text, asked.answers)
    if asked.spans:
        marked = article_id in asked.home and any(a < end and start < b for a, b in asked.spans)
        return 1 if marked and not asked.without else None if holds else 0
    if not holds:
        return None if set(content_stems(" ".join(asked.answers))) & set(content_stems(text)) else 0
    wanted = set(content_stems(asked.text))
    near = len(wanted & set(content_stems(around or text))) >= 0.5 * len(wanted)
    return 1 if near and article_id in asked.home and not asked.without else None


def load(folder: Path, names: tuple[str, ...] = SETS) -> Iterator[Found]:
    """What was collected of the sets."""
    for name in names:
        path = folder / f"{name}.pickle"
        if path.exists():
            with path.open("rb") as file:
                yield from pickle.load(file)


def main() -> None:
    """Collect the sets named, or all."""
    import argparse

    # Under its own name, so that what is pickled can be loaded from elsewhere.
    from training.probability_data import collect

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=[*SETS, *CHECKS])
    parser.add_argument("--n", type=int, default=120, help="plain questions of each set")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        collect(name, options.shared, Path(__file__).parents[1], options.n, options.out)


if __name__ == "__main__":
    main()

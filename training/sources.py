"""The public data that the models are trained on, read by path, and the guard that keeps test data out.

Nothing here knows about models. Every source gives `Example`s with character offsets. `Guard` drops every training
text that shares a run of words with something we measure on: SQuAD dev paragraphs, articles of the held-out weeks,
gold questions and the articles they are about.
"""

from __future__ import annotations

import csv
import json
import lzma
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_FROM = "2023-09-01"
"""RealTimeQA questions asked on this day or later are for measuring only, and so are the articles they name."""

SHINGLE = 12
"""Words in a row that, shared with a test text, make a training text leak."""


@dataclass(frozen=True)
class Example:
    """A question about a text. `answers` holds (start, end) character offsets into `context`; none: unanswerable."""

    question: str
    context: str
    answers: tuple[tuple[int, int], ...]
    origin: str
    title: str = ""
    source: str = ""
    published: str = ""
    group: str = ""
    """What the context comes from (an article, a paragraph's page): no group is in both training and development."""


def words(text: str) -> list[str]:
    """The lower-case words and numbers of a text, without punctuation."""
    return re.findall(r"\w+", text.lower())


class Guard:
    """Texts and questions that must never be trained on.

    A text leaks when `SHINGLE` of its words in a row stand in a forbidden text; a shorter one when it is contained
    whole. A question leaks when its words equal those of a forbidden question.
    """

    def __init__(self, texts: Iterable[str], questions: Iterable[str]) -> None:
        self._shingles: set[int] = set()
        self._questions = {" ".join(words(question)) for question in questions}
        for text in texts:
            tokens = words(text)
            for length in (6, SHINGLE):
                self._shingles.update(hash(tuple(tokens[i : i + length])) for i in range(len(tokens) - length + 1))

    def leaks(self, text: str) -> bool:
        """Whether a text shares a run of words with a forbidden one."""
        tokens = words(text)
        length = SHINGLE if len(tokens) >= SHINGLE else 6
        return any(hash(tuple(tokens[i : i + length])) in self._shingles for i in range(len(tokens) - length + 1))

    def asks(self, question: str) -> bool:
        """Whether a question is one that is measured with."""
        return " ".join(words(question)) in self._questions


def squad(path: Path, origin: str) -> Iterator[Example]:
    """Questions of a file in SQuAD's format (v1.1 or v2.0), plain or xz."""
    for page in json.loads(_read(path))["data"]:
        for number, paragraph in enumerate(page["paragraphs"]):
            context = paragraph["context"]
            for item in paragraph["qas"]:
                spans = {(a["answer_start"], a["answer_start"] + len(a["text"])) for a in item["answers"]}
                answers = tuple(sorted(span for span in spans if context[slice(*span)].strip()))
                group = page["title"] if origin == "squad" else f"{origin}-{number}"
                yield Example(item["question"].strip(), context, answers, origin, page["title"], group=group)


def qamr(folder: Path) -> Iterator[Example]:
    """Questions about single sentences (QAMR) on whose answer a validator agreed with the writer, detokenised."""
    sentences: dict[str, tuple[str, list[tuple[int, int]]]] = {}
    for row in _tsv(folder / "wiki-sentences.tsv.xz"):
        sentences[row[0]] = _detokenise(row[1].split())
    for part in ("dev", "test"):
        seen: set[tuple[str, str]] = set()
        for row in _tsv(folder / f"{part}.tsv.xz"):
            key, question, answer = row[0], row[5], row[6]
            if key not in sentences or (key, question) in seen:
                continue
            seen.add((key, question))
            checks = [check.split(":", 1)[1] for check in row[7:]]
            indices = {int(i) for i in answer.split()}
            agreed = [{int(i) for i in check.split()} for check in checks if re.fullmatch(r"[\d ]+", check)]
            if len(agreed) < 1 or not any(indices & other for other in agreed):
                continue
            text, offsets = sentences[key]
            spans = []
            for chosen in (indices, *agreed):
                ordered = sorted(chosen)
                if ordered[-1] - ordered[0] == len(ordered) - 1 and ordered[-1] < len(offsets):
                    spans.append((offsets[ordered[0]][0], offsets[ordered[-1]][1]))
            if spans:
                yield Example(question.rstrip("? ") + "?", text, tuple(dict.fromkeys(spans)), "qamr", group=key)


@dataclass(frozen=True)
class NewsArticle:
    """A news article of RealTimeQA's search results."""

    id: str
    title: str
    source: str
    published: str
    body: str


@dataclass(frozen=True)
class QuizQuestion:
    """A weekly quiz question with accepted answers and the articles whose text contains one."""

    id: str
    question: str
    answers: tuple[str, ...]
    asked: str
    supported_by: tuple[str, ...]
    articles: tuple[str, ...]


def news(folder: Path) -> tuple[dict[str, NewsArticle], list[QuizQuestion]]:
    """RealTimeQA's articles by id, and its questions that were asked with articles."""
    with lzma.open(folder / "articles.jsonl.xz", "rt", encoding="utf-8") as lines:
        articles = {}
        for line in lines:
            row = json.loads(line)
            articles[row["id"]] = NewsArticle(
                row["id"], row["title"], row["source"], row["published_at"] or "", row["body"]
            )
    questions = []
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["articles"]:
            questions.append(
                QuizQuestion(
                    row["id"],
                    row["question"],
                    tuple(row["answers"]),
                    row["asked_at"],
                    tuple(row["supported_by"]),
                    tuple(row["articles"]),
                )
            )
    return articles, questions


def held_out_articles(questions: Iterable[QuizQuestion]) -> set[str]:
    """Ids of the articles that a held-out question names: never trained on, not even as distractors."""
    return {id_ for question in questions if question.asked >= HELD_OUT_FROM for id_ in question.articles}


def guard(shared: Path, repository: Path) -> Guard:
    """The guard against everything that is measured on.

    Args:
        shared: the folder with data/, gold/ and articles/.
        repository: the checkout, whose bundled briefs and gold set are forbidden too.
    """
    texts: list[str] = []
    questions: list[str] = []
    for name in ("dev-v1.1", "dev-v2.0"):
        dev = list(squad(shared / f"data/squad-dev/{name}.json.xz", "dev"))
        texts += sorted({example.context for example in dev})
        questions += [example.question for example in dev]
    for folder in (shared / "articles", repository / "samples/briefs"):
        texts += [file.read_text(encoding="utf-8") for file in sorted(folder.iterdir()) if file.is_file()]
    for gold in (*sorted((shared / "gold").glob("*.jsonl")), *sorted((repository / "eval/gold").glob("*.jsonl"))):
        questions += [json.loads(line)["question"] for line in gold.read_text(encoding="utf-8").splitlines() if line]
    _, asked = news(shared / "data/realtimeqa")
    questions += [question.question for question in asked if question.asked >= HELD_OUT_FROM]
    return Guard(texts, questions)


def _read(path: Path) -> str:
    return (lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8")).read()


def _tsv(path: Path) -> Iterator[list[str]]:
    with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "``": '"', "''": '"'}
_CLOSING = re.compile(r"^([.,;:!?%)\]]|'s|'t|n't|'re|'ve|'ll|'d|'m|')$")


def _detokenise(tokens: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join Penn Treebank tokens as people write them; gives the text and each token's offsets in it."""
    text = ""
    offsets = []
    glue = True
    quoted = False
    for token in tokens:
        plain = _BRACKETS.get(token, token)
        opening = token in ("-LRB-", "-LSB-", "``", "$")
        closing = token == "''" or bool(_CLOSING.match(plain)) or (plain == '"' and quoted)
        if not glue and not closing:
            text += " "
        if plain == '"':
            quoted = not quoted
        offsets.append((len(text), len(text) + len(plain)))
        text += plain
        glue = opening
    return text, offsets

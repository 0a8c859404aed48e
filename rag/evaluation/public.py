"""Public question sets as gold sets with their articles, so that the bot is measured on what others measured.

The files are named by path; nothing is fetched and nothing is bundled. Each reader gives articles, as records that
`rag index` reads, and gold items about them.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rag.errors import GoldError
from rag.evaluation.gold import Evidence, GoldItem
from rag.evaluation.metrics import contains
from rag.evaluation.tokens import tokens

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PublicSet:
    """Articles as records (id, title, source, published_at, url, author, body) and the questions about them."""

    articles: list[Record]
    items: list[GoldItem]


def squad(paths: Sequence[Path]) -> PublicSet:
    """SQuAD v1.1 or v2.0 (Rajpurkar et al. 2016, 2018), its JSON: each paragraph is an article of its page.

    The unanswerable questions of v2.0 are near misses by their making. Whole pages are dev or test.
    """
    articles, items = [], []
    for path in paths:
        for page in _json(path)["data"]:
            for n, paragraph in enumerate(page["paragraphs"]):
                id_ = f"{page['title']}-{n}"
                title = page["title"].replace("_", " ")
                articles.append(_record(id_, title, paragraph["context"], source=title))
                for asked in paragraph["qas"]:
                    impossible = bool(asked.get("is_impossible"))
                    aliases = tuple(dict.fromkeys(answer["text"] for answer in asked["answers"]))
                    items.append(_item(asked["id"], asked["question"], (aliases,), [id_], answerable=not impossible,
                                       unanswerable_kind="near_miss", split=_half(title)))  # fmt: skip
    return PublicSet(articles, items)


def realtimeqa(paths: Sequence[Path]) -> PublicSet:
    """RealTimeQA (Kasai et al. 2023): weekly news-quiz questions and the articles that a web search gave.

    Args:
        paths: two files: the questions (one JSON object a line: id, question, answers, asked_at, articles,
            supported_by) and the articles (id, title, source, published_at, url, author, body). Questions without a
            supporting article are left out. The even ISO weeks are dev, the odd ones test.
    """
    if len(paths) != 2:
        raise GoldError("RealTimeQA takes two files.", "Name the questions first, then the articles.")
    rows = list(_lines(paths[0]))
    if rows and "question_id" in rows[0]:
        return _realtimeqa_as_published(rows, paths[1])
    items, wanted = [], set()
    for row in rows:
        if not row["supported_by"]:
            continue
        wanted.update(row["articles"])
        asked = date.fromisoformat(row["asked_at"])
        items.append(_item(row["id"], row["question"], (tuple(row["answers"]),), row["supported_by"], as_of=asked,
                           split="test" if asked.isocalendar().week % 2 else "dev"))  # fmt: skip
    return PublicSet([row for row in _lines(paths[1]) if row["id"] in wanted], items)


def _realtimeqa_as_published(rows: Sequence[Record], searched: Path) -> PublicSet:
    """A week as its publishers give it: 20220617_qa.jsonl and 20220617_gcs.jsonl (what a web search gave)."""
    found = {row["question_id"]: row["search_result"] for row in _lines(searched)}
    articles: dict[str, Record] = {}
    items = []
    for row in rows:
        aliases = tuple(row["choices"][int(n)] for n in row["answer"])
        supporting = []
        for hit in found.get(row["question_id"], ()):
            if not hit.get("text", "").strip():
                continue
            day = (hit.get("publish_date") or "").replace("/", "-") or None
            articles[hit["url"]] = _record(hit["url"], hit["title"], hit["text"], "", day, hit["url"])
            if any(contains(hit["text"], alias) for alias in aliases):
                supporting.append(hit["url"])
        if supporting:
            asked = date.fromisoformat(row["question_date"].replace("/", "-"))
            items.append(_item(row["question_id"], row["question_sentence"], (aliases,), dict.fromkeys(supporting),
                               as_of=asked, split="test" if asked.isocalendar().week % 2 else "dev"))  # fmt: skip
    return PublicSet(list(articles.values()), items)


def multihop_rag(paths: Sequence[Path]) -> PublicSet:
    """MultiHop-RAG (Tang and Yang 2024): news articles and questions that need several of them.

    Args:
        paths: MultiHopRAG.json (query, answer, question_type, evidence_list) and corpus.json. A question is dev or
            test by its words.
    """
    if len(paths) != 2:
        raise GoldError("MultiHop-RAG takes two files.", "Name MultiHopRAG.json first, then corpus.json.")
    corpus = _json(paths[1])
    ids = {row["url"]: f"multihop-{n}" for n, row in enumerate(corpus)}
    bodies = {row["url"]: row["body"] for row in corpus}
    articles = [
        _record(ids[row["url"]], row["title"], row["body"], row["source"], row.get("published_at"), row["url"])
        for row in corpus
    ]
    items = []
    for n, row in enumerate(_json(paths[0])):
        # A fact that is not verbatim in its article (white space differs) names the article alone.
        evidence = [
            Evidence(ids[e["url"]], e["fact"] if e["fact"] in bodies[e["url"]] else "")
            for e in row["evidence_list"]
            if e.get("url") in ids
        ]
        if row["question_type"] != "null_query" and not evidence:
            continue  # its articles are not in the corpus
        answer = row["answer"]
        kind = "yesno" if answer.casefold() in {"yes", "no"} else "multi-hop"
        null = row["question_type"] == "null_query"
        items.append(_item(f"multihop-{n}", row["query"], ((answer,),), evidence, kind=kind, mode="all",
                           answerable=not null, unanswerable_kind="near_miss", split=_half(row["query"])))  # fmt: skip
    return PublicSet(articles, items)


def rgb(paths: Sequence[Path]) -> PublicSet:
    """RGB (Chen et al. 2024): a question is asked of its own documents only, by the filter for sources.

    The four test beds are told apart by what a record holds and by the file's name: en.json gives noise robustness
    (right and other documents) and, for each question once more, negative rejection (other documents only: its item
    ends in "-rejection"); en_int.json information integration (several answers, all wanted); en_fact.json
    counterfactual robustness (altered documents: the false answer is forbidden; evidence is where it stands, in the
    place of the right one). One question is dev or test in all of them, by its words.

    Any document is enough as evidence: the published evaluation looks at answers only, and draws the documents of a
    question anew for each setting.
    """
    articles: list[Record] = []
    items: list[GoldItem] = []
    for path in paths:
        for row in _lines(path):
            asked = f"rgb-{path.stem}-{row['id']}"
            groups = row["positive"] if row["positive"] and isinstance(row["positive"][0], list) else [row["positive"]]
            positive = [text for group in groups for text in group]
            answers = _rgb_answers(row["answer"])
            split = _half(row["query"])
            if "positive_wrong" in row:
                false = row.get("fakeanswer") or []
                false = tuple([false] if isinstance(false, str) else false)
                altered = _documents(articles, f"{asked}-counterfactual", row["positive_wrong"])
                places = [Evidence(id_, _as_written(text, false))
                          for id_, text in zip(altered, row["positive_wrong"], strict=True)]  # fmt: skip
                quoted = [place for place in places if place.quote]
                items.append(_item(f"{asked}-counterfactual", row["query"], answers, quoted or places, kind="entity",
                                   forbidden=false, sources=(f"{asked}-counterfactual",), split=split))  # fmt: skip
                continue
            several = len(groups) > 1
            name = f"{asked}-{'integration' if several else 'noise'}"
            right = _documents(articles, name, positive)
            _documents(articles, name, row["negative"], first=len(right))
            holding = [id_ for id_, text in zip(right, positive, strict=True)
                       if any(contains(text, alias) for aliases in answers for alias in aliases)]  # fmt: skip
            items.append(_item(name, row["query"], answers, holding or right, kind="list" if several else "entity",
                               sources=(name,), split=split))  # fmt: skip
            if not several and row["negative"]:
                _documents(articles, f"{asked}-rejection", row["negative"])
                items.append(_item(f"{asked}-rejection", row["query"], (), [], answerable=False,
                                   unanswerable_kind="near_miss", sources=(f"{asked}-rejection",),
                                   split=split))  # fmt: skip
    return PublicSet(articles, items)


READERS: dict[str, Callable[[Sequence[Path]], PublicSet]] = {
    "squad": squad,
    "realtimeqa": realtimeqa,
    "multihop-rag": multihop_rag,
    "rgb": rgb,
}


def convert(name: str, paths: Sequence[Path], out: Path, *, limit: int | None = None, seed: int = 0) -> tuple[int, int]:
    """Write articles.jsonl and gold.jsonl of a public set into a folder, which is made.

    Args:
        name: a key of READERS.
        limit: draw so many questions at random; only articles that belong to the set in full stay, so search is as hard
            as in the whole set.

    Returns:
        The numbers of articles and of questions.

    Raises:
        GoldError: a file cannot be read, is not of that set's form, or the folder holds a set already.
    """
    try:
        found = READERS[name](paths)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, lzma.LZMAError) as error:
        raise GoldError(
            f"{', '.join(map(str, paths))} cannot be read as {name}: {type(error).__name__}: {error}.",
            "eval/README.md says which files each set takes.",
        ) from error
    # A required answer that cannot be looked for (RealTimeQA asks for an emoji once) makes its question useless.
    items = [item for item in found.items if all(item.answers)]
    if limit is not None and limit < len(items):
        items = sorted(random.Random(seed).sample(items, limit), key=lambda item: item.id)
    if (out / "gold.jsonl").exists():
        raise GoldError(f"{out} holds a gold set already.", "Name another folder with --out.")
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "articles.jsonl", (json.dumps(row, ensure_ascii=False) for row in found.articles))
    _write(out / "gold.jsonl", (item.to_line() for item in items))
    return len(found.articles), len(items)


def _item(
    id_: str,
    question: str,
    answers: tuple[tuple[str, ...], ...],
    evidence: Iterable[str | Evidence],
    *,
    answerable: bool = True,
    kind: str = "span",
    mode: str = "any",
    unanswerable_kind: str = "",
    split: str = "test",
    as_of: date | None = None,
    forbidden: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
) -> GoldItem:
    """A gold item; what only answerable or only unanswerable ones have is left out of the others.

    Aliases without a word or number (SQuAD has ".") cannot be looked for and are left out; so is a forbidden answer
    that is an accepted one.
    """
    answers = tuple(tuple(alias for alias in aliases if tokens(alias)) for aliases in answers)
    right = [tokens(alias) for aliases in answers for alias in aliases]
    forbidden = tuple(wrong for wrong in forbidden if tokens(wrong) and tokens(wrong) not in right)
    return GoldItem(
        str(id_),
        " ".join(question.split()),
        answers if answerable else (),
        tuple(e if isinstance(e, Evidence) else Evidence(e) for e in evidence) if answerable else (),
        kind if answerable else "unanswerable",
        answerable,
        split,
        mode,
        "" if answerable else unanswerable_kind,
        forbidden,
        as_of,
        sources,
    )


def _half(text: str) -> str:
    """The split of what a text stands for: the same on every machine, about half of all texts each."""
    return "dev" if hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % 2 else "test"


def _as_written(text: str, wanted: Sequence[str]) -> str:
    """The first of these that stands in the text, in the text's own case; "" when none does."""
    found = (re.search(re.escape(words), text, re.I) for words in wanted)
    return next((match[0] for match in found if match), "")


def _record(
    id_: str, title: str, body: str, source: str = "", published: str | None = None, url: str | None = None
) -> Record:
    return {"id": id_, "title": title, "source": source, "published_at": published, "url": url, "body": body}


def _documents(articles: list[Record], source: str, texts: Iterable[str], first: int = 0) -> list[str]:
    """Add texts as articles of one source; their ids."""
    ids = []
    for n, text in enumerate(texts, first):
        ids.append(f"{source}-{n}")
        articles.append(_record(ids[-1], text.split("\n")[0][:80] or source, text, source))
    return ids


def _rgb_answers(raw: Any) -> tuple[tuple[str, ...], ...]:
    """RGB: a text, or a list of required answers, each a text or a list of aliases."""
    listed = [raw] if isinstance(raw, str) else raw
    return tuple((entry,) if isinstance(entry, str) else tuple(entry) for entry in listed)


def _text(path: Path) -> str:
    if path.suffix == ".xz":
        with lzma.open(path, "rt", encoding="utf-8") as file:
            return file.read()
    return path.read_text(encoding="utf-8")


def _json(path: Path) -> Any:
    return json.loads(_text(path))


def _lines(path: Path) -> Iterator[Any]:
    for line in _text(path).split("\n"):
        if line.strip():
            yield json.loads(line)


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for line in lines:
            file.write(line + "\n")

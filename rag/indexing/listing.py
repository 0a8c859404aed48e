"""The articles of an index as a person looks through them: by words, outlet, language, names and days.

Reads SQLite's rows and nothing else; knows nothing about vectors, questions or pages.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, get_args

from rag.language.scripts import plain, terms
from rag.language.words import words

Order = Literal["match", "published", "title", "source", "language", "words", "indexed"]
ORDERS: tuple[str, ...] = get_args(Order)
#: What marks the words that were found, in what FTS5 gives.
_OPEN, _CLOSE = "\x02", "\x03"
#: Characters of context before and after the first word that was found, and excerpts of one article.
CONTEXT, MOST_EXCERPTS = 90, 3
#: Names counted, the commonest.
MOST_NAMES = 400
#: Share of a name's mentions of one kind from which on it is of that kind; most mentions of a name tell nothing.
KNOWN_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which articles, and in which order.

    Attributes:
        text: words that an article holds, all of them; "in quotes" side by side, with a * at the end as a beginning.
        sources, languages: any of these; empty for all.
        names: all of these are mentioned.
        since, until: days of publication, None for no bound.
        undated: only articles without a day.
        articles: ids of the only articles; None for all.
        order: "match" is by how well the words fit, and by day where there are none.
    """

    text: str = ""
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    undated: bool = False
    articles: tuple[str, ...] | None = None
    order: Order = "match"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of an article in which wanted words stand.

    Attributes:
        start, end: offsets of its passage in the article's text.
        pieces: its text in pieces, each with whether it is one of the words.
        found: the words in the whole passage, each with its offsets in the article's text.
    """

    start: int
    end: int
    pieces: tuple[tuple[str, bool], ...]
    found: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """An article in a listing.

    Attributes:
        words: how many it has; 0 for one that was indexed before they were counted.
        dated_by: as `Article.dated_by`.
        indexed_at: when it was last written, ISO 8601, UTC.
        repeats: id of the article that it nearly duplicates, "" for none.
        versions: how many earlier versions are kept.
    """

    id: str
    title: str
    source: str
    published: date | None
    language: str
    words: int
    dated_by: str
    indexed_at: str
    repeats: str
    versions: int
    excerpts: tuple[Excerpt, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found.

    Attributes:
        rows: in order, at most as many as were asked for.
        total: articles found in all, and of the whole index.
        sources, languages: how many of those found are of each, the most first.
        names: by kind ("person", "place", "organisation", "other"), how many of those found mention each.
        days: how many of those found were published on each day, in order.
        undated: how many of those found have no day.
    """

    rows: tuple[Listed, ...]
    total: int
    of: int
    sources: Mapping[str, int]
    languages: Mapping[str, int]
    names: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    days: Mapping[date, int] = field(default_factory=dict)
    undated: int = 0


def listing(db: sqlite3.Connection, wanted: Wanted, most: int, skip: int = 0) -> Listing:
    """The articles that are wanted, `most` of them after the first `skip`, with counts over all that are."""
    scores = _matching(db, wanted.text)
    where, values = _where(wanted, scores)
    found = db.execute(
        "SELECT a.row, a.id, a.title, a.source, a.published, coalesce(json_extract(a.extra, '$.language'), ''),"
        " coalesce(json_extract(a.extra, '$.words'), 0), coalesce(json_extract(a.extra, '$.dated_by'), ''),"
        f" a.indexed_at, coalesce(a.repeats, '') FROM articles a WHERE {where}",
        values,
    ).fetchall()
    found.sort(key=lambda row: row[1])
    found.sort(key=_key(wanted, scores or {}), reverse=wanted.descending)
    last = {"published": 4, "match": 4, "source": 3, "language": 5}.get(wanted.order)
    if last is not None and not (scores and wanted.order == "match"):
        found.sort(key=lambda row: not row[last])  # what is unknown comes last either way
    shown = found[skip : skip + most]
    kept = _versions(db, [row[1] for row in shown])
    excerpts = _excerpts(db, wanted.text, [row[0] for row in shown]) if scores is not None else {}
    days = Counter(row[4] for row in found)
    undated = days.pop(None, 0)
    return Listing(
        rows=tuple(
            Listed(id_, title, source, _date(day), language, words_, by, at, repeats, kept.get(id_, 0),
                   tuple(excerpts.get(row, ())))
            for row, id_, title, source, day, language, words_, by, at, repeats in shown
        ),
        total=len(found),
        of=db.execute("SELECT count(*) FROM articles").fetchone()[0],
        sources=_counted(row[3] for row in found),
        languages=_counted(row[5] for row in found),
        names=_names(db, where, values),
        days={date.fromisoformat(day): days[day] for day in sorted(days)},
        undated=undated,
    )  # fmt: skip


def _key(wanted: Wanted, scores: Mapping[int, float]) -> Any:
    if wanted.order == "match" and scores:
        return lambda row: scores[row[0]]
    column = {"title": 2, "source": 3, "language": 5, "words": 6, "indexed": 8}.get(wanted.order, 4)
    if column == 6:
        return lambda row: row[6]
    return lambda row: (row[column] or "").casefold()


def _where(wanted: Wanted, scores: Mapping[int, float] | None) -> tuple[str, list[Any]]:
    """A condition on "a", a row of articles, and its values."""
    where, values = ["1"], []
    for condition, given in (
        ("a.source IN (SELECT value FROM json_each(?))", wanted.sources or None),
        ("coalesce(json_extract(a.extra, '$.language'), '') IN (SELECT value FROM json_each(?))",
         wanted.languages or None),
        ("a.id IN (SELECT value FROM json_each(?))", wanted.articles),
        ("a.row IN (SELECT value FROM json_each(?))", None if scores is None else tuple(scores)),
    ):  # fmt: skip
        if given is not None:
            where.append(condition)
            values.append(json.dumps(given))
    for name in wanted.names:
        where.append("a.row IN (SELECT article FROM mentions WHERE name = ?)")
        values.append(name)
    if wanted.since:
        where.append("a.published >= ?")
        values.append(wanted.since.isoformat())
    if wanted.until:
        where.append("a.published <= ?")
        values.append(wanted.until.isoformat())
    if wanted.undated:
        where.append("a.published IS NULL")
    return " AND ".join(where), values


# ---------------------------------------------------------------- full text


def _expressions(text: str) -> list[str]:
    """FTS5 expressions, all of which an article must fit: a word, a beginning of a word, or words side by side."""
    found = []
    for quoted, bare in re.findall(r'["“”„]([^"“”„]*)["“”„]|([^\s"“”„]+)', text[:1000]):
        parts = words(quoted or bare)
        if not parts:
            continue
        begins = "*" if bare.endswith("*") and len(parts) == 1 else ""
        if all(map(plain, parts)):
            found.append('"' + " ".join(parts) + '"' + begins)
        else:
            found += [f'"{term}"' for part in parts for term in ((part,) if plain(part) else terms(part))]
    return found[:50]


def _matching(db: sqlite3.Connection, text: str) -> dict[int, float] | None:
    """The rows of the articles that hold all words, with the best BM25 score of their passages; None for no words."""
    if not text.strip():
        return None
    expressions = _expressions(text)
    articles: set[int] | None = None
    for expression in expressions:
        here = {
            row
            for (row,) in db.execute(
                "SELECT p.article FROM passages_text t JOIN passages p ON p.row = t.rowid WHERE passages_text MATCH ?",
                (expression,),
            )
        }
        articles = here if articles is None else articles & here
    best: dict[int, float] = {}
    if articles:
        for row, score in db.execute(
            "SELECT p.article, -bm25(passages_text, 2, 1, 1) FROM passages_text t JOIN passages p ON p.row = t.rowid"
            " WHERE passages_text MATCH ?",
            (" OR ".join(expressions),),
        ):
            if row in articles:
                best[row] = max(best.get(row, 0.0), score)
    return best


def _excerpts(db: sqlite3.Connection, text: str, articles: Sequence[int]) -> dict[int, list[Excerpt]]:
    """The best passages of these articles with the words that were found in them."""
    found: dict[int, list[Excerpt]] = defaultdict(list)
    expressions = _expressions(text)
    if not expressions or not articles:
        return found
    for article, start, end, marked in db.execute(
        f"SELECT p.article, p.start, p.end, highlight(passages_text, 1, '{_OPEN}', '{_CLOSE}')"
        " FROM passages_text t JOIN passages p ON p.row = t.rowid WHERE passages_text MATCH ?"
        " AND p.article IN (SELECT value FROM json_each(?)) ORDER BY bm25(passages_text, 0, 1, 1), p.row",
        (" OR ".join(expressions), json.dumps(list(articles))),
    ):
        if len(found[article]) == MOST_EXCERPTS:
            continue
        plain_text, spans = _unmarked(marked)
        seen = {place for each in found[article] for place in each.found}
        places = tuple((start + a, start + b, plain_text[a:b]) for a, b in spans)
        if spans and not set(places) <= seen:  # neighbouring passages overlap
            found[article].append(Excerpt(start, end, tuple(_window(plain_text, spans)), places))
    return found


def _unmarked(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without marks, and where they stood in it."""
    pieces, spans, at, opened = [], [], 0, 0
    for piece in re.split(f"([{_OPEN}{_CLOSE}])", marked):
        if piece == _OPEN:
            opened = at
        elif piece == _CLOSE:
            spans.append((opened, at))
        else:
            pieces.append(piece)
            at += len(piece)
    return "".join(pieces), spans


def _window(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The text around the first of the words, in pieces, cut at white space."""
    first = max(0, spans[0][0] - CONTEXT)
    last = min(len(text), spans[0][1] + 2 * CONTEXT)
    if first:
        first = text.find(" ", first, spans[0][0]) + 1 or first
    if last < len(text):
        cut = text.rfind(" ", spans[0][1], last)
        last = cut if cut > 0 else last
    at = first
    yield ("… " if first else ""), False
    for start, end in spans:
        if start >= first and end <= last:
            yield text[at:start], False
            yield text[start:end], True
            at = end
    yield text[at:last] + (" …" if last < len(text) else ""), False


# ---------------------------------------------------------------- counts


def _names(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> dict[str, dict[str, int]]:
    """The commonest names of the articles, by kind: the one that most of what is known of a name says."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'mentions'").fetchone():
        return {}  # written before names were looked for
    articles: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for name, kind, here, times in db.execute(
        "SELECT m.name, m.kind, count(*), sum(m.count) FROM mentions m JOIN articles a ON a.row = m.article"
        f" WHERE {where} GROUP BY m.name, m.kind",
        values,
    ):
        articles[name] += here
        kinds[name][kind] += times
    found: dict[str, dict[str, int]] = {"person": {}, "place": {}, "organisation": {}, "other": {}}
    for name, count in sorted(articles.items(), key=lambda pair: (-pair[1], -kinds[pair[0]].total(), pair[0])):
        found[_kind(kinds[name])].setdefault(name, count)
    return {kind: dict(list(names.items())[: MOST_NAMES // 4]) for kind, names in found.items()}


def _kind(counts: Counter[str]) -> str:
    known = Counter({kind: times for kind, times in counts.items() if kind != "other"})
    if known and known.total() >= KNOWN_SHARE * counts.total():
        return known.most_common(1)[0][0]
    return "other"


def _versions(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, int]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'versions'").fetchone():
        return {}
    rows = db.execute(
        "SELECT article_id, count(*) FROM versions WHERE article_id IN (SELECT value FROM json_each(?))"
        " GROUP BY article_id",
        (json.dumps(list(ids)),),
    )
    return dict(rows.fetchall())


def _counted(values: Iterator[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None

"""JSON and JSON Lines: one article a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rag.articles.assemble import make_article
from rag.articles.clean import LONE, clean
from rag.articles.encoding import decode
from rag.errors import ArticleError
from rag.types import Article, Refusal


def from_records(data: bytes, origin: str, file_id: str, whole: bool) -> Iterator[Article | Refusal]:
    text = decode(data, origin)
    seen: set[str] = set()
    for number, raw in _records(text, origin, whole):
        where = f"{origin}:{number}"
        if isinstance(raw, Refusal):
            yield raw
            continue
        try:
            article = _from_record(raw, origin, f"{file_id}:{number}")
        except ArticleError as error:
            yield Refusal(where, error.message, error.hint)
            continue
        if article.id in seen:
            yield Refusal(where, f"The id {article.id!r} was used before in this file.", "Give each record its own id.")
            continue
        seen.add(article.id)
        yield article
    if not text.strip():
        raise ArticleError("The file is empty.", "Delete it or fill it.")


def _records(text: str, origin: str, whole: bool) -> Iterator[tuple[int, Any]]:
    if whole:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArticleError(f"The file is not valid JSON: {error}.", "Mend it, or use .jsonl.") from error
        if isinstance(data, dict) and isinstance(data.get("articles"), list):
            data = data["articles"]
        if data == []:
            raise ArticleError("The file holds no record.", 'Write {"title": …, "body": …} into it.')
        yield from enumerate(data if isinstance(data, list) else [data], 1)
        return
    # Not splitlines(): U+2028 and its like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            hint = "Each line must be one JSON object."
            yield number, Refusal(f"{origin}:{number}", f"Line {number} is not valid JSON: {error}.", hint)


def _from_record(raw: Any, origin: str, fallback_id: str) -> Article:
    if not isinstance(raw, dict):
        raise ArticleError("A record is not a JSON object.", 'Write {"title": …, "body": …}.')
    raw = {key: LONE.sub("\ufffd", value) if isinstance(value, str) else value for key, value in raw.items()}
    body = next((raw[n] for n in ("body", "text", "content") if isinstance(raw.get(n), str) and raw[n].strip()), "")
    if not body:
        raise ArticleError("The record has no body.", 'Give the text in "body" or "text".')
    source = raw.get("source")
    if isinstance(source, dict):  # the form of some news interfaces: {"source": {"name": …}}
        raw = {**raw, "source": source.get("name") or ""}
    given = raw.get("id")
    article_id = (
        str(given).strip()
        if isinstance(given, (str, int)) and not isinstance(given, bool) and str(given).strip()
        else fallback_id
    )
    title = raw.get("title")
    return make_article(clean(body, title if isinstance(title, str) else ""), origin, article_id, meta=raw)

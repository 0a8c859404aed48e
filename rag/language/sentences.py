"""An article's text becomes sentences with exact offsets, each marked with what it is. Knows nothing about passages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Role, Sentence, Span

_ENDED = re.compile(r"[.!?…。！？۔؟।:;,][\"'”’»)\]]*$")
_ITEM = re.compile(r"(?:[-*•–]|\d{1,2}[.)])\s+(?=\S)")


def cut(text: str, spans: Sequence[Span] = (), language: str = "") -> tuple[Sentence, ...]:
    """Split at line ends and sentence ends.

    A line that lies in one of `spans` takes its role. Of the others, a line that no sentence ends, or a lone question,
    with running text below it is a heading; two or more such lines in a row, and lines that begin with a bullet or a
    number, are list items.

    Args:
        spans: what the reader of the article knows of headings, captions, list items and table rows.
        language: BCP 47 primary subtag, whose rules for the ends of sentences are taken; English without one.

    Returns:
        Sentences in order, `text[s.start:s.end]` without outer white space; together they hold all of the text but
        white space and bullets.
    """
    import sentencex

    lines = _lines(text)
    roles = _roles(text, lines, spans)
    found: list[Sentence] = []
    for (start, end), role in zip(lines, roles, strict=True):
        if role == "item" and (bullet := _ITEM.match(text, start, end)):
            start = bullet.end()
        at = start
        # A row of a table is one fact, and a heading one name: they are not cut.
        pieces = (
            [text[start:end]] if role in {"row", "heading"} else sentencex.segment(language or "en", text[start:end])
        )
        for piece in pieces:
            if body := piece.strip():
                left = at + piece.index(body)
                found.append(Sentence(left, left + len(body), role or "text"))
            at += len(piece)
    return tuple(found)


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text that is no article, such as an answer; offsets in it."""
    return cut(text)


def _lines(text: str) -> list[tuple[int, int]]:
    """Start and end of each line that is not blank, without outer white space."""
    return [match.span() for match in re.finditer(r"\S(?:[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]*\S)?", text)]


def _roles(text: str, lines: list[tuple[int, int]], spans: Sequence[Span]) -> list[Role | None]:
    roles: list[Role | None] = []
    marked = sorted(spans, key=lambda span: span.start)
    n = 0
    for start, end in lines:
        while n < len(marked) and marked[n].end <= start:
            n += 1
        inside = n < len(marked) and marked[n].start < end
        roles.append(marked[n].role if inside else "item" if _ITEM.match(text, start, end) else None)
    open_ended = [
        role is None and not _ENDED.search(text[start:end]) for (start, end), role in zip(lines, roles, strict=True)
    ]
    for i, (start, end) in enumerate(lines[:-1]):
        if roles[i] is not None:
            continue
        before, after = i > 0 and open_ended[i - 1], open_ended[i + 1]
        running = roles[i + 1] is None and not after
        lone_question = text[start:end].endswith("?") and not re.search(r"[.!?]\s", text[start:end])
        if (open_ended[i] and not before and running) or (lone_question and running and i > 0):
            roles[i] = "heading"
        elif open_ended[i] and (before or after):
            roles[i] = "item"
    if len(lines) > 1 and open_ended[-1] and open_ended[-2]:
        roles[-1] = "item"
    return roles

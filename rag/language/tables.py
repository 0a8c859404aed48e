"""Rows of a table: which row a question asks of, and which of its cells. A row is cells between " | "; the first row of
a run names its columns. Knows nothing about search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rag.language.words import content_stems

_YEAR = re.compile(r"(?:1[89]|20)\d\d")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that a question asks for.

    Attributes:
        row: index of its row.
        start, end: offsets in the row's text; equal when no column is told apart.
    """

    row: int
    start: int
    end: int


def asked_cells(
    question: str, rows: Sequence[str], frame: tuple[date | None, date | None] | None = None
) -> tuple[Cell, ...]:
    """The cells of a table that a question asks for: the rows whose own cells it names best, and the column it names.

    Args:
        rows: of one table, its header first.
        frame: the time that the question speaks of; rows of another year are passed over.

    Returns:
        One for each row that the question names, and names as well as any; none when it names no row, or all.
    """
    if len(rows) < 3:
        return ()
    wanted = set(content_stems(question))
    header = [content_stems(cell) for cell, _, _ in _cells(rows[0])]
    named = [len(wanted & set(stems)) / len(stems) if stems else 0.0 for stems in header]
    best = max(named, default=0.0)
    column = named.index(best) if best > 0 and named.count(best) == 1 else None
    scores: list[float] = []
    for row in rows[1:]:
        cells = _cells(row)
        keys = [set(content_stems(cell)) for n, (cell, _, _) in enumerate(cells) if n != column]
        score = sum(len(stems & wanted) / len(stems) for stems in keys if stems and stems & wanted)
        years = [int(cell) for cell, _, _ in cells if _YEAR.fullmatch(cell)]
        if frame and years:
            low, high = (frame[0] or date.min).year, (frame[1] or date.max).year
            score = score + 1 if any(low <= year <= high for year in years) else 0.0
        scores.append(score)
    most = max(scores)
    chosen = [n for n, score in enumerate(scores, 1) if score == most]
    if most == 0 or len(chosen) == len(scores):
        return ()
    found = []
    for n in chosen:
        cells = _cells(rows[n])
        known = column is not None and column < len(cells)
        found.append(Cell(n, *(cells[column][1:] if known and column is not None else (0, 0))))
    return tuple(found)


def _cells(row: str) -> list[tuple[str, int, int]]:
    """Cells with their offsets, outer white space left out."""
    found = []
    for match in re.finditer(r"[^|]+", row):
        text = match.group()
        left = len(text) - len(text.lstrip())
        bare = text.strip()
        found.append((bare, match.start() + left, match.start() + left + len(bare)))
    return found

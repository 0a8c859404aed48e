"""Words on paper become lines in the order of reading. Knows nothing about PDF.

A block of columns is a run of lines that all leave the same white stripe; it is read stripe by stripe. Where what lies
between the stripes is short, it is a table without rules, read row by row.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rag.types import Role

#: Least width of the stripe between columns, in heights of type.
GUTTER = 1.2
#: Lines that leave a stripe before it parts columns.
LEAST_LINES = 3
#: Characters that half the lines of a column have at least; the cells of a table have fewer.
LEAST_COLUMN = 16

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place: x from the left, top and bottom from the top of the page, in points."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool = False


@dataclass(slots=True)
class Line:
    """A line of one column, or a row of a table.

    Attributes:
        column: which stripe of its page it stands in; lines of one column follow each other.
    """

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool = False
    role: Role | None = None
    column: int = 0


def lines_in_order(words: Sequence[Word], tables: Sequence[tuple[Box, list[str]]] = ()) -> list[Line]:
    """The lines of a page in the order of reading.

    Args:
        tables: the box (x0, top, x1, bottom) of each ruled table, and its rows.
    """
    free = [w for w in words if not any(_within(w, box) for box, _ in tables)]
    lines = _read(_rows(free), [0])
    for (x0, top, x1, bottom), rows in tables:
        step = (bottom - top) / max(len(rows), 1)
        made = [Line(row, x0, x1, top + n * step, top + (n + 1) * step, step / 2, role="row", column=-1)
                for n, row in enumerate(rows)]  # fmt: skip
        # After the last line above it that shares its breadth.
        place = max((n + 1 for n, a in enumerate(lines) if a.bottom <= top + 2 and a.x0 < x1 and a.x1 > x0), default=0)
        lines[place:place] = made
    return lines


def _within(word: Word, box: Box) -> bool:
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Words at one height, from left to right; rows from top to bottom."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.top, w.x0)):
        middle = (word.top + word.bottom) / 2
        # Only the last few rows can be at its height.
        for row in rows[-1:-4:-1]:
            if row[0].top <= middle <= row[0].bottom and abs(row[0].bottom - word.bottom) < 0.6 * row[0].size:
                row.append(word)
                break
        else:
            rows.append([word])
    for row in rows:
        row.sort(key=lambda w: w.x0)
    return sorted(rows, key=lambda row: row[0].top)


def _read(rows: list[list[Word]], column: list[int]) -> list[Line]:
    """Lines of some rows: plain ones as they are, runs that leave a stripe column by column or as a table."""
    done: list[Line] = []
    at = 0
    while at < len(rows):
        end, stripe = _run(rows, at)
        if stripe is None:
            done.append(_line(rows[at], column[0]))
            at += 1
            continue
        last = max(n for n in range(at, end) if _crosses(rows[n], stripe)) + 1
        block = rows[at:end]
        left = [[w for w in row if w.x1 <= stripe[1]] for row in block]
        right = [[w for w in row if w.x0 >= stripe[0] and w.x1 > stripe[1]] for row in block]
        left, right = [r for r in left if r], [r for r in right if r]
        if min(_length(left), _length(right)) >= LEAST_COLUMN:
            for side in (left, right):
                column[0] += 1
                done += _read(side, column)
            column[0] += 1
        else:
            # What stands on one side below the last row is text again.
            end = last
            columns = _columns(rows[at:end])
            done += [_table_row(row, columns, column[0]) for row in rows[at:end]]
        at = end
    return done


def _crosses(row: list[Word], stripe: tuple[float, float]) -> bool:
    return row[0].x0 < stripe[0] and row[-1].x1 > stripe[1]


def _length(rows: list[list[Word]]) -> float:
    return median(len(" ".join(w.text for w in row)) for row in rows) if rows else 0.0


def _run(rows: list[list[Word]], at: int) -> tuple[int, tuple[float, float] | None]:
    """The longest run of rows from `at` on that leave one white stripe, and that stripe."""
    best: tuple[int, tuple[float, float] | None] = (at, None)
    for gap in _gaps(rows[at]):
        stripe, end, both = gap, at, 0
        while end < len(rows):
            row = rows[end]
            narrowed = _narrowed(stripe, row)
            if narrowed is None or (end > at and row[0].top - rows[end - 1][0].top > 8 * row[0].size):
                break
            stripe = narrowed
            both += _crosses(row, stripe)
            end += 1
        if both >= LEAST_LINES and end > best[0]:
            best = (end, stripe)
    return best


def _gaps(row: list[Word]) -> list[tuple[float, float]]:
    return [(a.x1, b.x0) for a, b in itertools.pairwise(row) if b.x0 - a.x1 >= GUTTER * a.size]


def _narrowed(stripe: tuple[float, float], row: list[Word]) -> tuple[float, float] | None:
    """What a row leaves of a stripe; None when too little."""
    x0, x1 = stripe
    for word in row:
        if word.x1 <= x0 or word.x0 >= x1:
            continue
        if word.x0 - x0 >= x1 - word.x1:
            x1 = word.x0
        else:
            x0 = word.x1
        if x1 - x0 < GUTTER * word.size:
            return None
    return x0, x1


def _line(row: list[Word], column: int) -> Line:
    size = median(w.size for w in row)
    bold = sum(w.bold for w in row) * 2 > len(row)
    top, bottom = min(w.top for w in row), max(w.bottom for w in row)
    return Line(" ".join(w.text for w in row), row[0].x0, row[-1].x1, top, bottom, size, bold, column=column)


def _columns(rows: list[list[Word]]) -> list[float]:
    """Left edges of a table's columns: where no word of any row reaches over, wider than the space between words."""
    words = sorted((w for row in rows for w in row), key=lambda w: w.x0)
    edges, reach = [words[0].x0], words[0].x1
    for word in words[1:]:
        if word.x0 - reach > 0.45 * word.size:
            edges.append(word.x0)
        reach = max(reach, word.x1)
    return edges


def _table_row(row: list[Word], columns: list[float], at: int) -> Line:
    line = _line(row, at)
    cells: dict[int, list[str]] = {}
    for word in row:
        cells.setdefault(bisect_right(columns, word.x0), []).append(word.text)
    line.text = " | ".join(" ".join(cell) for cell in cells.values())
    line.role = "row"
    return line

"""A page as blocks of text in the order of its markup: what a browser shows, each with where it stands.

Nothing is judged here: `rag.articles.selection` says which blocks are the article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.types import Role

_BLOCK = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody"
    " td tfoot th thead tr ul".split()
)
_SKIPPED = frozenset(
    "script style noscript template svg iframe object embed canvas select option button input textarea audio video"
    " head map datalist title meta link math".split()
)
#: What frameworks name text that is for screen readers only ("opens in a new window").
_UNSEEN = frozenset("sr-only visually-hidden visuallyhidden screen-reader-text screen-reader-only screenreader".split())
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?![.\d])", re.I)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_MOST_SPAN = 64
_MOST_CELLS = 256


@dataclass(slots=True)
class Block:
    """One paragraph, heading, list item, caption or table row.

    Attributes:
        text: its words, one space between them; a line break of the page is a newline.
        role: None for running text.
        tag: of the innermost block element.
        path: the block elements it stands in, outermost first, as "tag.class" strings.
        names: every class, id and itemprop on the way, in lower case.
        linked: share of its characters that are links, in [0, 1].
        strong: share of its characters that are bold, in [0, 1].
        times: values of the `datetime` attributes in it.
        group: tells the element around its own apart from others on the page.
        post: tells the outermost <article> around it apart from others; 0 outside of any.
    """

    text: str
    role: Role | None
    tag: str
    path: tuple[str, ...]
    names: str
    linked: float = 0.0
    strong: float = 0.0
    times: list[str] = field(default_factory=list)
    group: int = 0
    post: int = 0

    @property
    def inside(self) -> set[str]:
        """The names of the block elements it stands in."""
        return {part.partition(".")[0] for part in self.path}


@dataclass(slots=True)
class _Buffer:
    parts: list[str] = field(default_factory=list)
    linked: int = 0
    strong: int = 0
    times: list[str] = field(default_factory=list)


def is_hidden(element: Any) -> bool:
    """Whether a browser would not show an element, as far as its own markup tells."""
    get = element.get
    if get("hidden") is not None and get("hidden") != "until-found":
        return True
    if get("aria-hidden") == "true":
        return True
    style = get("style")
    if style and _HIDDEN_STYLE.search(style):
        return True
    names = get("class")
    return bool(names) and not _UNSEEN.isdisjoint(names.lower().split())


def drop_hidden(root: Any) -> int:
    """Take out of a tree what a browser does not show, keeping the text that follows it; gives the number of words."""
    words = 0
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or element.tag in {"html", "body", "head"}:
            continue
        if element.getparent() is not None and is_hidden(element):
            words += sum(len(text.split()) for text in element.itertext())
            element.drop_tree()
    return words


def blocks(root: Any) -> list[Block]:
    """The blocks of a page's tree (lxml.html), in order; scripts, forms' controls and the like are left out."""
    found: list[Block] = []
    buffer = _Buffer()
    body = root.find(".//body")
    _walk(body if body is not None else root, _Place(), buffer, found)
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    path: tuple[str, ...] = ()
    names: str = ""
    tag: str = "body"
    role: Role | None = None
    linked: bool = False
    strong: bool = False
    groups: tuple[int, int] = (0, 0)
    post: int = 0


def _walk(element: Any, place: _Place, buffer: _Buffer, found: list[Block]) -> None:
    """Depth first, without recursion: pages nest thousands deep when they are broken."""
    stack: list[tuple[str, Any, _Place]] = [("open", element, place)]
    while stack:
        what, node, where = stack.pop()
        if what == "text":
            _add(buffer, node, where)
            continue
        if what == "close":
            _flush(buffer, where, found)
            continue
        tag = node.tag
        if not isinstance(tag, str) or tag in _SKIPPED:
            continue
        if tag == "br":
            buffer.parts.append("\n")
            continue
        here = _inside(node, tag, where)
        if tag in _BLOCK:
            _flush(buffer, where, found)
            if tag == "table" and (rows := table_rows(node)):
                found += [
                    Block(row, "row", "tr", here.path, here.names, group=here.groups[1], post=here.post) for row in rows
                ]
                continue
            stack.append(("close", None, here))
        if tag == "time" and node.get("datetime"):
            buffer.times.append(str(node.get("datetime")))
        for child in reversed(node):
            if child.tail:
                stack.append(("text", child.tail, here))
            stack.append(("open", child, here))
        if node.text:
            stack.append(("text", node.text, here))


def _inside(node: Any, tag: str, where: _Place) -> _Place:
    names = " ".join(filter(None, (node.get("class"), node.get("id"), node.get("itemprop"), node.get("role")))).lower()
    role: Role | None = where.role
    if tag in _HEADINGS:
        role = "heading"
    elif tag in {"li", "dd", "dt"}:
        role = "item"
    elif tag in {"figcaption", "caption"}:
        role = "caption"
    block = tag in _BLOCK
    return _Place(
        (*where.path, f"{tag}.{' '.join(names.split()[:2])}") if block else where.path,
        f"{where.names} {names}" if names else where.names,
        tag if block else where.tag,
        role,
        where.linked or tag == "a",
        where.strong or tag in {"b", "strong"},
        (where.groups[1], id(node)) if block else where.groups,
        where.post or (id(node) if tag == "article" else 0),
    )


def _add(buffer: _Buffer, text: str, where: _Place) -> None:
    buffer.parts.append(re.sub(r"\s+", " ", text))
    size = len(text.strip())
    buffer.linked += size * where.linked
    buffer.strong += size * where.strong


def _flush(buffer: _Buffer, where: _Place, found: list[Block]) -> None:
    if buffer.parts:
        text = "".join(buffer.parts)
        size = sum(len(part.strip()) for part in buffer.parts) or 1
        for piece in re.split(r"\n[ ]*\n\s*", text):
            lines = [" ".join(line.split()) for line in piece.split("\n")]
            if any(lines):
                found.append(
                    Block(
                        "\n".join(filter(None, lines)),
                        where.role,
                        where.tag,
                        where.path,
                        where.names,
                        min(1.0, buffer.linked / size),
                        min(1.0, buffer.strong / size),
                        buffer.times,
                        where.groups[0],
                        where.post,
                    )
                )
                buffer.times = []
        buffer.parts, buffer.linked, buffer.strong, buffer.times = [], 0, 0, []


def table_rows(table: Any) -> list[str]:
    """The rows of a data table, "cell | cell | cell"; a cell that spans rows or columns stands in each of them.

    Returns:
        [] for a table that only lays out the page: one column, a table within, or cells of many paragraphs.
    """
    rows = [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]
    if len(rows) < 2 or next(table.iterdescendants("table"), None) is not None:
        return []
    grid: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, value
    for row in rows:
        line: list[str] = []

        def fill(line: list[str] = line) -> None:
            while len(line) in held and held[len(line)][0] > 0:
                left, value = held[len(line)]
                held[len(line)] = (left - 1, value)
                line.append(value)

        for cell in row.iterchildren("td", "th"):
            fill()
            text = " ".join(_cell_text(cell).split())
            if len(text) > 400 or len(cell.findall(".//p")) > 2:
                return []
            for _ in range(_span(cell, "colspan")):
                if (down := _span(cell, "rowspan")) > 1:
                    held[len(line)] = (down - 1, text)
                line.append(text)
            if len(line) > _MOST_CELLS:
                return []
        fill()
        grid.append(line)
    if max(map(len, grid)) < 2:
        return []
    return [" | ".join(cell for cell in _once_across(line)) for line in grid if any(line)]


def _once_across(line: list[str]) -> list[str]:
    """A row that is one cell across the whole table is a heading of the rows below, said once."""
    return line[:1] if len(set(line)) == 1 else line


def _span(cell: Any, name: str) -> int:
    value = str(cell.get(name) or "1").strip()
    return min(max(int(value), 1), _MOST_SPAN) if value.isascii() and value.isdigit() else 1


def _cell_text(cell: Any) -> str:
    return " ".join(_shown(cell))


def _shown(element: Any) -> Iterator[str]:
    for part in element.iter():
        if isinstance(part.tag, str) and part.tag not in _SKIPPED and part.text:
            yield part.text
        if part is not element and part.tail:
            yield part.tail

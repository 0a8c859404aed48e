"""Markdown (CommonMark with tables) as blocks of plain text: its marks go, its words stay."""

from __future__ import annotations

from typing import Any

from rag.types import Role


def blocks_of(markup: str) -> list[tuple[str, Role | None]]:
    """The blocks of a text in Markdown, in order: paragraphs, headings, list items, rows of tables.

    Raw HTML keeps its words; code keeps its lines; pictures go, with what describes them.
    """
    from markdown_it import MarkdownIt

    # No HTML: what a parser would take for a tag is looked at once, by the parser of HTML.
    tokens = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table").parse(markup)
    blocks: list[tuple[str, Role | None]] = []
    open_: list[str] = []
    row: list[str] = []
    for token in tokens:
        if token.nesting == 1:
            open_.append(token.type)
            row = [] if token.type == "tr_open" else row
        elif token.nesting == -1:
            if token.type == "tr_close":
                blocks.append((" | ".join(row), "row"))
            if open_:
                open_.pop()
        elif token.type == "inline":
            text = _words(token.children or [])
            if "tr_open" in open_:
                row.append(text)
            elif "heading_open" in open_:
                blocks.append((text, "heading"))
            elif "list_item_open" in open_:
                blocks.append((f"• {text}", "item"))
            else:
                blocks.append((text, None))
        elif token.type in {"fence", "code_block"}:
            blocks.append((token.content, None))
        elif token.type == "html_block":
            blocks.append((_html(token.content), None))
    return [(text, role) for text, role in blocks if text.strip()]


def _words(tokens: list[Any]) -> str:
    parts: list[str] = []
    for n, token in enumerate(tokens):
        if token.type in {"text", "code_inline"}:
            parts.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif token.type in {"em_open", "em_close"} and _is_between_digits(tokens, n):
            parts.append(token.markup)  # 2*3*4 is no emphasis, whatever the grammar says
    return "".join(parts)


def _is_between_digits(tokens: list[Any], n: int) -> bool:
    before = tokens[n - 1].content[-1:] if n else ""
    after = tokens[n + 1].content[:1] if n + 1 < len(tokens) else ""
    return bool(before.isdigit() and after.isdigit())


def _html(markup: str) -> str:
    from rag.articles.fragment import strip_html

    return strip_html(markup)

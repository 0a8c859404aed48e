"""Misspelt words and lost capitals of a question, put right by the words of the articles that it finds.

Knows nothing about search.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise

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
    slip away: a letter left out, added or changed, or two neighbours swapped (optimal string alignment). A word that
    stands in the texts beside the same neighbour ("air rades": "air raids") may be two slips away, and comes first.
    What stands in quotation marks is meant as it is.

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
    rows = [_WORD.findall(text) for text in texts()]
    counts = Counter(word for row in rows for word in row)
    forms: dict[str, str] = {}
    for word, _ in counts.most_common():
        forms.setdefault(fold(word), word)
    stems = {stem(form) for form in forms} | _known_stems(common)
    # Question words first: "whre" is no "were".
    small = sorted(STOP_WORDS, key=lambda word: (not word.startswith("wh"), word))
    forms |= {word: word for word in small if word not in forms}
    beside = {(fold(one), fold(other)) for row in rows for one, other in pairwise(row)}
    own = {form: word for form, word in forms.items() if word in counts and form not in STOP_WORDS}
    found = {}
    for word in doubtful:
        wrong = words(word)[0]
        if wrong in forms or stem(wrong) in stems:
            continue
        name = lost_capitals(question) or not word.islower()
        there = {form: forms[form] for form in _between(word, plain, beside)}
        language = {} if name else {each: each for each in common if each not in forms}
        tried = ((there, 1), (own, 1), (there, 2), (forms | language, 1))
        if right := next((form for near, slips in tried if (form := _nearest(wrong, near, slips))), None):
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


def _between(word: str, question: str, beside: set[tuple[str, str]]) -> list[str]:
    """The words that stand in the texts beside one that the question has beside this word, small words aside."""
    row = [fold(each) for each in _WORD.findall(question)]
    at = row.index(fold(word))
    left, right = ({row[i]} - STOP_WORDS if 0 <= i < len(row) else set() for i in (at - 1, at + 1))
    return sorted({b for a, b in beside if a in left} | {a for a, b in beside if b in right})


def _nearest(wrong: str, forms: dict[str, str], slips: int = 1) -> str | None:
    """The form at most so many slips away: the fewest, then one with the same letters, which were swapped, then the
    first.

    The first letter of a word is seldom the wrong one.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    near = [form for form in forms if form[:1] == wrong[:1] and len(form) >= SHORTEST]
    found = process.extract(wrong, near, scorer=OSA.distance, score_cutoff=slips, limit=None)
    first = min(found, key=lambda f: (f[1], sorted(f[0]) != sorted(wrong), f[2]), default=None)
    return forms[first[0]] if first else None

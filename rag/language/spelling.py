"""Misspelt words of a question, put right by the words of the articles that it finds. Knows nothing about search."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from rag.language.words import STOP_WORDS, fold, stem, words

#: Letters that a word has at least to be put right (table: `python -m training.measure_spelling`, in eval/README.md).
SHORTEST = 3

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|‘[^’]*’|«[^»]*»")


def corrections(question: str, texts: Iterable[str], known: Callable[[str], bool]) -> dict[str, str]:
    """Words of a question that are probably misspelt, each with the word meant, as the texts have it.

    A word is misspelt when no text has it, it is no known word, and a text, or the language, has one that is a slip
    away: a letter left out, added or changed, or two neighbours swapped (optimal string alignment). What stands in
    quotation marks is meant as it is.

    Args:
        texts: what the question as it is finds.
        known: whether a folded word is a common one, which nobody misspelt.
    """
    plain = _QUOTED.sub(" ", question)
    doubtful = [word for word in dict.fromkeys(_WORD.findall(plain)) if _doubtful(word, known)]
    if not doubtful:
        return {}
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    forms: dict[str, str] = {}
    for word, _ in counts.most_common():
        forms.setdefault(fold(word), word)
    stems = {stem(form) for form in forms}
    # Question words first: "whre" is no "were".
    small = sorted(STOP_WORDS, key=lambda word: (not word.startswith("wh"), word))
    forms |= {word: word for word in small if word not in forms}
    found = {}
    for word in doubtful:
        wrong = words(word)[0]
        if wrong not in forms and stem(wrong) not in stems and (right := _nearest(wrong, forms)):
            found[word] = right
    return found


def corrected(question: str, right: dict[str, str]) -> str:
    """The question with the corrections in their places."""
    return _WORD.sub(lambda word: right.get(word[0], word[0]), question) if right else question


def _doubtful(word: str, known: Callable[[str], bool]) -> bool:
    folded = words(word)
    return bool(folded) and len(folded[0]) >= SHORTEST and folded[0] not in STOP_WORDS and not known(folded[0])


def _nearest(wrong: str, forms: dict[str, str]) -> str | None:
    """The form one slip away, of several the most frequent; the first letter of a word is seldom the wrong one."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    near = [form for form in forms if form[:1] == wrong[:1] and len(form) >= SHORTEST]
    best = process.extractOne(wrong, near, scorer=OSA.distance, score_cutoff=1)
    return forms[best[0]] if best else None

"""What is found out about an article's sentences once, at indexing: who speaks, who "he" is, what was corrected, and
which of them are orders to whoever answers.

Knows nothing about passages, vectors or questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag.language.corrections import corrections, withdrawn
from rag.language.detect import language_of
from rag.language.sentences import cut
from rag.language.speech import antecedents, speeches
from rag.models.orders import is_order
from rag.types import Article, Sentence

#: What an article with orders is marked with.
ORDERS = "It tells whoever answers questions what to answer; those sentences are neither quoted nor shown to a model."
#: Characters of a stretch, in which people are known to each other. Longer than 97.6 % of the 19,912 articles of
#: RealTime QA; twice as many take 6.2 instead of 4.5 s a megabyte, and as much more is lost when the run is killed.
STRETCH = 50_000
_PLACES_TO_CUT = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?。！？]\s*"), re.compile(r"\s"))


def stretches(article: Article) -> Iterator[tuple[Article, tuple[Sentence, ...], int]]:
    """As `annotate`, for articles of any length: stretch by stretch, each taking time that grows with its own length.

    Yields:
        The article with what is known of it so far, the sentences of one stretch, and where the stretch ends; the last
        one ends with the text.
    """
    text = article.text
    start = 0
    for end in _ends(text):
        spans = [
            replace(span, start=max(span.start, start) - start, end=min(span.end, end) - start)
            for span in article.spans
            if span.start < end and start < span.end
        ]
        part, found = annotate(replace(article, text=text[start:end], spans=tuple(spans)))
        article = replace(article, notes=part.notes, corrected=article.corrected or part.corrected)
        yield article, tuple(_shifted(sentence, start) for sentence in found), end
        start = end


def _ends(text: str) -> list[int]:
    """Where stretches of about the same length end: at a paragraph's end, else a line's, a sentence's, a word's."""
    count = max(1, -(-len(text) // STRETCH))
    ends: list[int] = []
    for n in range(1, count):
        about, after = n * len(text) // count, ends[-1] if ends else 0
        window = max(after + 1, about - STRETCH // 10), about
        places = (list(pattern.finditer(text, *window)) for pattern in _PLACES_TO_CUT)
        ends.append(next((found[-1].end() for found in places if found), about))
    return [*ends, len(text)]


def _shifted(sentence: Sentence, by: int) -> Sentence:
    return replace(
        sentence,
        start=sentence.start + by,
        end=sentence.end + by,
        antecedent=sentence.antecedent + by if sentence.antecedent >= 0 else -1,
        right=tuple(place + by for place in sentence.right),
    )


def annotate(article: Article) -> tuple[Article, tuple[Sentence, ...]]:
    """The article with its own correction, and its sentences with what is known of each.

    Speakers and pronouns are found by rules for English; articles known to be in another language go without.
    """
    found = list(cut(article.text, article.spans, article.language))
    if article.meta.english and found:
        places = [(s.start, s.end) for s in found]
        told, before = speeches(article.text, places), antecedents(article.text, places)
        for n, sentence in enumerate(found):
            speech = next((each for each in told[n] if each.resolved), None)
            place = before[n]
            found[n] = replace(
                sentence,
                speaker=speech.speaker if speech else "",
                office=speech.role if speech else "",
                antecedent=found[place].start if place is not None else -1,
            )
    if orders := _orders(article, found):
        found = [replace(s, role="order") if n in orders else s for n, s in enumerate(found)]
        article = replace(article, notes=(*article.notes, *({ORDERS} - set(article.notes))))
    notes = corrections(article.text)
    for note in notes:
        gone = withdrawn(article.text, note)
        for n, sentence in enumerate(found):
            if note.start <= sentence.start < note.end:
                inside = note.right and sentence.start <= note.right[0] < sentence.end
                found[n] = replace(sentence, right=note.right if inside and note.right else ())
            elif any(sentence.start <= start < sentence.end for start, _ in gone):
                found[n] = replace(sentence, withdrawn=True)
    if notes:
        article = replace(article, corrected=" ".join(article.text[notes[0].start : notes[0].end].split()))
    return article, tuple(found)


def _orders(article: Article, sentences: Sequence[Sentence]) -> set[int]:
    """The sentences that are orders to whoever answers, and those that follow one in its paragraph."""
    found: set[int] = set()
    text, language = article.text, article.language or language_of(article.text)
    for n, sentence in enumerate(sentences):
        follows = n - 1 in found and "\n" not in text[sentences[n - 1].end : sentence.start]
        if follows or (sentence.role != "heading" and is_order(text[sentence.start : sentence.end], language)):
            found.add(n)
    return found

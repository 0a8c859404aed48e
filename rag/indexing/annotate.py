"""What is found out about an article's sentences once, at indexing: who speaks, who "he" is, what was corrected, and
which of them are orders to whoever answers.

Knows nothing about passages, vectors or questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.language.corrections import corrections, withdrawn
from rag.language.detect import language_of
from rag.language.sentences import cut
from rag.language.speech import antecedents, speeches
from rag.models.orders import is_order
from rag.types import Article, Sentence

#: What an article with orders is marked with.
ORDERS = "It tells whoever answers questions what to answer; those sentences are neither quoted nor shown to a model."


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
        article = replace(article, notes=(*article.notes, ORDERS))
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

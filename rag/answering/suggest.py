"""What the reader finds in the passages of a prompt, written under the question for a model that was trained with it.

A model of 135 M parameters answers better when it chooses among spans that a reader found than when it searches alone
(models/adapter/README.md has the ablation). Knows nothing about prompts or language models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.answering.evidence import whole_span
from rag.language.words import sentences
from rag.types import Passage

if TYPE_CHECKING:
    from rag.models.reader import Reader

MOST_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Words that may answer.

    Attributes:
        text: as they stand in the first of the passages.
        numbers: of the passages that hold them as an answer, from 1, rising.
        probability: the reader's, in [0, 1], that they answer; the highest where several passages hold them.
    """

    text: str
    numbers: tuple[int, ...]
    probability: float


def suggest(question: str, passages: Sequence[Passage], reader: Reader) -> list[Suggestion]:
    """The reader's best span of each sentence, the likeliest first, at most `MOST_SUGGESTED` different ones.

    Args:
        passages: as the prompt shows them, numbered from 1.
    """
    texts = [" ".join(passage.text.split()) for passage in passages]
    regions = [[(s.start, s.end) for s in sentences(text)] for text in texts]
    found: list[tuple[float, str, int]] = []
    for number, (text, places, readings) in enumerate(
        zip(texts, regions, reader.read(question, texts, regions=regions), strict=True), 1
    ):
        for (left, right), reading in zip(places, readings, strict=True):
            if reading.end > reading.start:
                start, end = whole_span(text[left:right], reading.start - left, reading.end - left, question)
                found.append((reading.probability, text[left + start : left + end], number))
    found.sort(key=lambda row: (-row[0], row[2]))
    chosen: dict[str, Suggestion] = {}
    for probability, words, number in found:
        known = chosen.get(words.casefold())
        if known:
            numbers = tuple(sorted({*known.numbers, number}))
            chosen[words.casefold()] = Suggestion(known.text, numbers, known.probability)
        elif len(chosen) < MOST_SUGGESTED:
            chosen[words.casefold()] = Suggestion(words, (number,), probability)
    return list(chosen.values())

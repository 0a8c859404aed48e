"""What the reader finds for a prompt: with readings that a hand can follow, and with the real reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rag.answering.suggest import MOST_SUGGESTED, Suggestion, suggest
from rag.models.reader import Reading, shipped_reader
from rag.types import Passage


def passages(*texts: str) -> list[Passage]:
    return [Passage(f"a{n}#0-{len(t)}", f"a{n}", t, 0, len(t)) for n, t in enumerate(texts, 1)]


class FirstWords:
    """Reads the first word of every sentence, with a probability of a tenth for each of its letters."""

    def read(self, question: str, texts: Sequence[str], *, regions: Any) -> list[list[Reading]]:
        found = []
        for text, places in zip(texts, regions, strict=True):
            words = [(start, text[start:end].split()[0].strip(".")) for start, end in places]
            found.append([Reading(start, start + len(word), 0.0, len(word) / 10) for start, word in words])
        return found


def test_the_likeliest_words_come_first_and_once() -> None:
    shown = passages("Rome fell. Constantinople did not.", "Athens fell.\n\nRome\nburned. Carthage, too, burned.")
    found = suggest("Which city fell?", shown, FirstWords())  # type: ignore[arg-type]
    assert len(found) == MOST_SUGGESTED
    assert found == [
        Suggestion("Constantinople", (1,), 1.4),
        Suggestion("Carthage,", (2,), 0.9),
        Suggestion("Athens", (2,), 0.6),
    ]
    assert suggest("Which?", shown[:1], FirstWords())[1] == Suggestion("Rome", (1,), 0.4)  # type: ignore[arg-type]


def test_the_same_words_name_all_their_passages() -> None:
    shown = passages("Rome fell.", "It fell. ROME it was.", "Nothing.")
    found = suggest("Which city fell?", shown, FirstWords())  # type: ignore[arg-type]
    assert found[1:] == [Suggestion("Rome", (1, 2), 0.4), Suggestion("It", (2,), 0.2)]


def test_who_is_answered_with_the_whole_list() -> None:
    shown = passages("The weather was mild in the north.", "Turkey and Qatar mediated the talks in Doha.")
    found = suggest("Who mediated the talks?", shown, shipped_reader())
    assert (found[0].text, found[0].numbers) == ("Turkey and Qatar", (2,))
    assert found[0].probability > 0.5

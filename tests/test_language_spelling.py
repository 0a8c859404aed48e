"""Misspelt words are put right by the words of what was found; right ones, quoted ones and unknown ones stay."""

from __future__ import annotations

import pytest

from rag.language.spelling import corrected, corrections

TEXTS = [
    "The ferry company of Västerås dismissed its inspectors in March.",
    "Inspectors had warned about the harbour; the company paid a fine.",
]
COMMON = {"when", "the", "did", "who", "hotel", "company", "fine", "which", "where"}


def known(word: str) -> bool:
    return word in COMMON


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("Who dismised the inspetcors?", "Who dismissed the inspectors?"),  # a letter left out, two swapped
        ("When did the harrbour warn?", "When did the harbour warn?"),  # a letter doubled
        ("whre is Vasteras?", "where is Vasteras?"),  # a question word; a name without its marks
        ("Which harvour?", "Which harbour?"),  # a letter hit beside
        ("the inspectoors' fine", "the inspectors' fine"),
    ],
)
def test_a_slip_is_put_right(question: str, right: str) -> None:
    assert corrected(question, corrections(question, TEXTS, known)) == right


@pytest.mark.parametrize(
    "question",
    [
        "Which hotel did the company fine?",  # a known word that no text has
        "Who warned the mayor of Kiruna?",  # nothing near
        'Who wrote "dismised"?',  # quoted
        "Who inspected the ferries?",  # another form of a word that is there
        "Who is the conspector?",  # another first letter
        "?",
    ],
)
def test_what_is_meant_stays(question: str) -> None:
    assert corrections(question, TEXTS, known) == {}


def test_of_several_near_words_the_more_frequent_one_is_meant() -> None:
    texts = ["Marit and Marit and Marin met."]
    assert corrections("Who is Mariu?", texts, known) == {"Mariu": "Marit"}


def test_texts_are_not_fetched_where_every_word_is_known() -> None:
    def never() -> object:
        raise AssertionError("searched")
        yield ""

    assert corrections("when did the hotel fine the company", never(), known) == {}  # type: ignore[arg-type]

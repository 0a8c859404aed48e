"""Misspelt words are put right by the words of what was found; right ones, quoted ones and unknown ones stay."""

from __future__ import annotations

import pytest

from rag.language.spelling import corrected, corrections, lost_capitals, recased

TEXTS = [
    "The ferry company of Västerås dismissed its inspectors in March.",
    "Inspectors had warned about the harbour; the company paid a fine.",
]
COMMON = ("the", "which", "when", "who", "did", "where", "head", "company", "fine", "hotel", "heat", "thing")


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("Who dismised the inspetcors?", "Who dismissed the inspectors?"),  # a letter left out, two swapped
        ("When did the harrbour warn?", "When did the harbour warn?"),  # a letter doubled
        ("whre is Vasteras?", "where is Vasteras?"),  # a question word; a name without its marks
        ("Which harvour?", "Which harbour?"),  # a letter hit beside
        ("the inspectoors' fine", "the inspectors' fine"),
        ("Who is the haed of Västerås?", "Who is the head of Västerås?"),  # a word of the language, not of the texts
    ],
)
def test_a_slip_is_put_right(question: str, right: str) -> None:
    assert corrected(question, corrections(question, lambda: TEXTS, COMMON)) == right


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("Whom did the air rades hit?", {"rades": "raids"}),  # two slips, but beside "air"
        ("Whom did the rades scare?", {"rades": "races"}),
        ("Where are the air rooes?", {"rooes": "roses"}),  # one slip comes before two
    ],
)
def test_what_stands_beside_the_same_word_is_meant(question: str, right: dict[str, str]) -> None:
    texts = ["The air raids hit two villages. Air routes were closed, and the roses of the villages burnt."]
    assert corrections(question, lambda: texts, (*COMMON, "whom", "hit", "air", "races", "scare", "are")) == right


@pytest.mark.parametrize(
    "question",
    [
        "Which hotel did the company fine?",  # a known word that no text has
        "Who warned the mayor of Kiruna?",  # nothing near
        'Who wrote "dismised"?',  # quoted
        "Who inspected the ferries?",  # another form of a word that is there
        "Which hotels did the company heat?",  # another form of a known word
        "Who is Heab?",  # a name, near to a known word only
        "who is heab",  # perhaps a name
        "Who is the conspector?",  # another first letter
        "?",
    ],
)
def test_what_is_meant_stays(question: str) -> None:
    assert corrections(question, lambda: TEXTS, COMMON) == {}


def test_of_several_near_words_the_more_frequent_one_is_meant() -> None:
    texts = ["Marit and Marit and Marin met."]
    assert corrections("Who is Mariu?", lambda: texts, COMMON) == {"Mariu": "Marit"}


def test_texts_are_not_fetched_where_every_word_is_known() -> None:
    def never() -> object:
        raise AssertionError("searched")
        yield ""

    assert corrections("when did the hotel fine the company", never, COMMON) == {}


@pytest.mark.parametrize(
    ("question", "cased"),
    [
        ("who dismissed the inspectors of västerås in march", "Who dismissed the inspectors of Västerås in March"),
        ("what did us inspectors say", "What did us inspectors say"),  # a small word stays
        ("which company warned kiruna?", "Which company warned kiruna?"),  # no text has it
        ("was the harbour closed", "Was the harbour closed"),
    ],
)
def test_capitals_come_back_from_the_texts(question: str, cased: str) -> None:
    texts = [*TEXTS, "Harbour talks go on. Which March? In March, the US said."]
    assert lost_capitals(question)
    assert recased(question, texts) == cased


@pytest.mark.parametrize("question", ["Who is it?", "who is Marit", 'who wrote "march"', "12?"])
def test_a_question_with_capitals_or_quotation_marks_has_lost_none(question: str) -> None:
    assert not lost_capitals(question)

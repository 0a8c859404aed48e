"""What tells whether words can answer: measures, denials, roles and cells of tables."""

from __future__ import annotations

import pytest

from rag.language.measures import fitting
from rag.language.premises import affirms, denies, exchanged, supposed
from rag.language.tables import asked_cells
from rag.language.verbs import uses, verb_stem


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("How much did the roof cost?", "Forty people paid 3.5 million crowns for the roof.", ["3.5 million"]),
        ("How many books were lost?", "The flood cost $2m and hit 300 readers; 1,200 books were lost.", ["1,200"]),
        ("How many ports shut?", "Thirty-six east coast ports shut as 45,000 union workers left.", ["Thirty-six"]),
        ("How many old ports were shut?", "Some 36 of the ports shut; 45,000 workers left.", ["36"]),
        ("How many ferries left?", "Thirty-six ports shut as 45,000 crates left.", ["Thirty-six", "45,000"]),
        ("How many people fled?", "Some 600 fled over 12 bridges.", ["600"]),
        ("How many people died?", "One person died, one of those who fled in two boats.", ["One"]),
        ("How tall is the mast?", "The mast is 38 metres high and cost €4m.", ["38 metres"]),
        ("At what time did it end?", "It ended at 17:20 on 4 May after 3 hours.", ["17:20"]),
        ("How long does she stay?", "She stays until 2031.", ["2031"]),
        ("What share of voters came?", "Of 9,000 voters 62 percent came.", ["62 percent"]),
    ],
)
def test_numbers_that_may_be_asked_for(question: str, text: str, found: list[str]) -> None:
    values = fitting(question, text)
    assert values is not None
    assert [value.text for value in values] == found


def test_a_question_that_measures_nothing_known_leaves_it_open() -> None:
    assert fitting("What is the toll?", "Nine died.") is None


def test_forms_of_a_verb_have_one_stem() -> None:
    for forms in ("sue sued sues suing", "win won winning", "close closed closing", "beat beaten", "sell sold"):
        assert len({verb_stem(form) for form in forms.split()}) == 1, forms


@pytest.mark.parametrize(
    ("question", "sentence", "denied"),
    [
        ("When did the tower fall?", "The tower did not fall in the storm.", True),
        ("Why did Ilse Kron resign?", "Ilse Kron has refused to resign.", True),
        ("When was the road closed?", "The road was never closed, the police said.", True),
        ("When did the tower fall?", "The tower fell at noon.", False),
        ("How many days did the talks last?", "The talks in Lund failed last week.", False),
        ("Why did the boat sink?", "The crew could not swim.", False),
    ],
)
def test_denials(question: str, sentence: str, denied: bool) -> None:
    what = supposed(question)
    assert what is not None
    assert denies(what, sentence) == denied


@pytest.mark.parametrize(
    ("question", "sentence", "other_way"),
    [
        ("Whom did the village of Ruhl sue?", "Belmont has sued the village of Ruhl.", True),
        ("Who sued the village of Ruhl?", "Belmont has sued the village of Ruhl.", False),
        ("Who was sued by Belmont?", "Belmont has sued the village of Ruhl.", False),
        ("Who bought Henk?", "The mill was bought by Henk in May.", True),
        ("What did Henk buy?", "The mill was bought by Henk in May.", False),
        ("Which province has the band attacked?", "A monitor counted 600 attacks by the band in Ruhl.", False),
    ],
)
def test_roles(question: str, sentence: str, other_way: bool) -> None:
    what = supposed(question)
    assert what is not None
    assert exchanged(what, sentence) == other_way


def test_what_happened_is_affirmed() -> None:
    what = supposed("When did the tower fall?")
    assert what is not None and affirms(what, "The tower fell at noon.") and not affirms(what, "It may fall soon.")


def test_a_passive_is_seen() -> None:
    assert [use.passive for use in uses("The mill was sold by Henk, who sold a farm too.", verb_stem("sell"))] == [
        True,
        False,
    ]


def test_cells_of_a_table() -> None:
    rows = ["Clinic | Year | Beds", "Haven | 2023 | 212", "Haven | 2024 | 188", "Birk | 2024 | 91"]
    cells = asked_cells("How many beds did Haven have in 2024?", rows)
    assert [rows[c.row][c.start : c.end] for c in cells] == ["188"]
    assert asked_cells("Who wants a new law?", rows) == ()

"""Which names stand for one another, and what a text says of another's than is asked for."""

from __future__ import annotations

import pytest

from rag.language.aliases import absent_names, of_another, office_of_another


@pytest.mark.parametrize(
    ("asked", "text", "another"),
    [
        ("Who led the Afghan delegation?", "Sadiq led the Pakistani delegation.", True),
        ("Who led the Afghan delegation?", "Sadiq led Pakistan's delegation.", True),
        ("Who led the Afghan delegation?", "Najib led Kabul's delegation.", False),
        ("Who led the Afghan delegation?", "Najib complained that the Pakistani delegates were late.", False),
        ("Who led the Afghan delegation?", "The Afghan and the Pakistani delegation had leaders.", False),
        ("Who led the Afghan delegation?", "Najib led the delegation.", False),
        ("Who led Turkey's delegation?", "Sadiq led the Pakistani delegation.", True),
        ("Where was the second round held?", "The first round was held in Bergen.", True),
        ("Where was the second round held?", "The second round followed a first round in Bergen.", False),
        ("What happened in the northern province?", "The southern province saw no rain.", True),
        ("What did China and Iran name?", "Pakistan named two groups.", False),
        ("Who won the race?", "The French race was won by Marit.", False),
    ],
)
def test_of_another(asked: str, text: str, another: bool) -> None:
    assert of_another(asked, text) is another


def test_the_context_may_name_the_one_asked_for() -> None:
    asked, text = "Who led the Afghan delegation?", "Najib met the Pakistani delegation."
    assert of_another(asked, text, "The Afghans arrived late.") is False


@pytest.mark.parametrize(
    ("text", "shown", "absent"),
    [
        ("It met Turkish envoys.", "An envoy of Türkiye came.", []),
        ("The UN said so.", "The United Nations said so.", []),
        ("He met Angela Merkel.", "Merkel came.", []),
        ("He met Angela Merkel.", "Angela came.", ["Angela Merkel"]),
        ("It was 40C in Oslo.", "Heat came to Oslo.", []),
    ],
)
def test_absent_names(text: str, shown: str, absent: list[str]) -> None:
    assert absent_names(text, shown) == absent


@pytest.mark.parametrize(
    ("text", "another"),
    [
        ("“They earn it at United States ports,” ILA President Harold Daggett said.", True),
        ("The ILA president, Harold Daggett, told them.", True),
        ("Harold Daggett, president of the ILA, said so.", True),
        ("On Monday Turkey's President Recep Tayyip Erdogan said so.", True),
        ("US President Joe Biden said so.", False),
        ("American President Joe Biden said so.", False),
        ("Turkey's President Recep Tayyip Erdogan met U.S. President Joe Biden.", False),
        ("The president, Joe Biden, said so.", False),
        ("Former President Donald Trump said so.", False),
    ],
)
def test_office_of_another(text: str, another: bool) -> None:
    assert office_of_another("Who is the president of the United States?", text, "president") is another


def test_a_part_holds_the_office_of_no_other() -> None:
    text = "The head of the United Nations mission, Roza Otunbayeva, said so."
    assert not office_of_another("Who is the head of UNAMA?", text, "head")

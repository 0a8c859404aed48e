from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language.names import fullest, gender_of, names, same_person


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Trade minister Sanna Virta flew to Doha on Monday.", ["Sanna Virta", "Doha"]),
        ("Yesterday Sanna Virta left. Police said so.", ["Sanna Virta"]),
        ("The Bank of Norland met Mayor Karl Ohm of Skarby.", ["Bank of Norland", "Karl Ohm", "Skarby"]),
        ("Omar al-Tayeb met Khalid bin Rashid.", ["Omar al-Tayeb", "Khalid bin Rashid"]),
        ("A letter by Ursula von der Heide.", ["Ursula von der Heide"]),
        ("The lawyer of Sean O'Brien and Mary O’Neill spoke.", ["Sean O'Brien", "Mary O’Neill"]),
        ("Virta's deputy called Sanna Virta.", ["Virta", "Sanna Virta"]),
        ("Dr. Ines Paz and J. K. Holm wrote it.", ["Ines Paz", "J. K. Holm"]),
        ("anti-Virta posters and ex-President Holm", ["Holm"]),
        ("In March the U.S. Coast Guard came.", ["U.S. Coast Guard"]),
        ("He told the Coast Post and the Inter Bank.", ["Coast Post", "Inter Bank"]),
        ("Fishing is down. Boats lie idle.", []),
        ("Volcano Rana Erupts Again Over Northern Islands\nNobody was hurt near Rana.", ["Rana"]),
        ("General Motors met General Asim Khan.", ["General Motors", "Asim Khan"]),
        ("", []),
    ],
)  # fmt: skip
def test_names(text: str, found: list[str]) -> None:
    assert [name.text for name in names(text)] == found


@given(st.text())
def test_offsets_are_exact(text: str) -> None:
    found = names(text)
    assert all(text[name.start : name.end] == name.text for name in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_titles_stand_aside() -> None:
    (name,) = names("Then Prime Minister Sanna Virta spoke.")
    assert (name.text, name.title) == ("Sanna Virta", "Prime Minister")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Virta", "Sanna Virta", True),
        ("Mr Virta", "Sanna Virta", True),
        ("S. Virta", "Sanna Virta", True),
        ("Karl Virta", "Sanna Virta", False),
        ("Sanna Virta", "Sanna Ohm", False),
        ("Türkan Şahin", "turkan sahin", True),
        ("Bashar al-Tayeb", "Tayeb", True),
        ("O'Brien", "Sean O’Brien", True),
        ("Pedro Ruiz", "Pedro Ruiz Holm", True),
        ("", "Virta", False),
    ],
)
def test_same_person(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same


def test_the_fullest_name() -> None:
    assert fullest("Virta", ["Sanna Virta", "Ohm"]) == "Sanna Virta"
    assert fullest("Ohm", ["Sanna Virta"]) == "Ohm"
    assert fullest("ESA", ["ESA Mission Heron"]) == "ESA"
    assert fullest("Virta", ["Karl Virta", "Sanna Virta"]) == "Sanna Virta"  # the one that matters most


def test_genders() -> None:
    assert gender_of(names("Then Mr Virta spoke.")[0]) == "man"
    assert gender_of("Hanna Virta") == "woman"
    assert gender_of("Omar Virta") == "man"
    assert gender_of("Robin Virta") is None
    assert gender_of("Virta") is None

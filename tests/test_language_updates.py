from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language.updates import differs

STORY = (
    "A ferry sank off Skarby in the night to Monday, and {}. It had left Lunde with {} aboard.\n\n"
    "Harbour master {} said the ship {} overloaded. Divers will search the wreck {}."
)
FIRST = STORY.format("at least 7 people drowned", "48 people", "Karl Ohm", "was", "on Tuesday")


def _kinds(one: str, other: str, **known: object) -> list[tuple[str, str, str]]:
    return [(d.kind, d.one, d.other) for d in differs(one, other, **known)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "difference"),
    [
        (("at least 19 people drowned", "48 people", "Karl Ohm", "was", "on Tuesday"), ("number", "7", "19")),
        (("at least nineteen drowned", "48 people", "Karl Ohm", "was", "on Tuesday"), ("number", "7", "nineteen")),
        (
            ("at least 7 people drowned", "48 people", "Karl Ohm", "was", "on Wednesday"),
            ("day", "Tuesday", "Wednesday"),
        ),
        (("at least 7 people drowned", "48 people", "Tor Ohm", "was", "on Tuesday"), ("name", "Karl Ohm", "Tor Ohm")),
        (("at least 7 people drowned", "48 people", "Karl Ohm", "was not", "on Tuesday"), ("negation", "", "not")),
    ],
)
def test_an_update(values: tuple[str, ...], difference: tuple[str, str, str]) -> None:
    other = STORY.format(*values)
    assert _kinds(FIRST, other) == [difference]
    kind, one, two = difference
    assert _kinds(other, FIRST) == [(kind, two, one)]


def test_a_number_that_was_added() -> None:
    other = FIRST.replace("drowned.", "drowned and 30 were hurt.")
    assert _kinds(FIRST, other) == [("number", "", "30")]


@pytest.mark.parametrize(
    "other",
    [
        FIRST,
        FIRST.replace("7 people", "seven people"),
        FIRST.replace("Karl Ohm", "Mr Ohm"),
        FIRST.replace("on Tuesday", "today"),
        FIRST.replace("said the ship was", "told reporters the ship had been"),
        FIRST.split("\n\n", maxsplit=1)[0],
        FIRST + " The Lunde line owns 3 more ships.",
        "LUNDE — " + FIRST,
    ],
)
def test_a_copy(other: str) -> None:
    assert differs(FIRST, other) == ()
    assert differs(other, FIRST) == ()


def test_a_day_is_completed() -> None:
    one, other = "The vote is held on Monday in Lunde.", "The vote is held on 2 November in Lunde."
    assert _kinds(one, other, one_published=date(2026, 11, 3), other_published=date(2026, 11, 3)) == []
    assert _kinds(one, other, one_published=date(2026, 11, 10), other_published=date(2026, 11, 3)) == [
        ("day", "Monday", "2 November")
    ]


def test_the_outlet_may_differ() -> None:
    one = "The ship was old, an officer of the port told the Fjord Star on Monday."
    other = "The ship was old, an officer of the port told the Coast Post on Monday."
    assert _kinds(one, other) == [("name", "Fjord Star", "Coast Post")]
    assert _kinds(one, other, outlets=["Fjord Star", "The Coast Post"]) == []


def test_where_it_stands() -> None:
    other = FIRST.replace("7", "19")
    (found,) = differs(FIRST, other)
    assert FIRST[slice(*found.one_sentence)].startswith("A ferry sank")
    assert "19" in other[slice(*found.other_sentence)]


@given(st.text(), st.text())
def test_any_texts_are_compared(one: str, other: str) -> None:
    differs(one, other)
    assert differs(one, one) == ()

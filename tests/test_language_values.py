from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language.values import days, numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The 2,600-kilometre border", [("2600", "km", "border")]),
        ("2,670 km long", [("2670", "km", "long")]),
        ("a 38% drop, or 38 per cent", [("38", "%", "drop"), ("38", "%", "")]),
        ("23 million Afghans", [("23000000", "", "afghans")]),
        ("$1.2 billion", [("1200000000", "$", "")]),
        ("five soldiers and 25 militants", [("5", "", "soldiers"), ("25", "", "militants")]),
        ("the third round, the 3rd round", [("3", "ordinal", "round"), ("3", "ordinal", "round")]),
        ("on 19 October 2025, in 2021", []),
        ("no one came", []),
        ("twenty-five militants, thirty percent", [("25", "", "militants"), ("30", "%", "")]),
        ("One hundred people, a hundred times", [("100", "", "people"), ("100", "", "times")]),
        ("two hundred and fifty thousand Afghans", [("250000", "", "afghans")]),
        ("nineteen hundred and one; ninety-nine", [("1901", "", ""), ("99", "", "")]),
        ("hundreds of them, the twentieth", []),
        ("of the twenty five were women", [("25", "", "were")]),
        ("$1.2m and £3mn, €5bn", [("1200000", "$", "and"), ("3000000", "£", ""), ("5000000000", "€", "")]),
        ("a 5 m wall, 5m high", [("5", "", "m"), ("5", "", "")]),
        ("B2B or v1.2.3", []),
    ],
)
def test_numbers(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(n.amount, n.unit, n.noun) for n in numbers(text)] == [(Decimal(a), u, w) for a, u, w in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("signed on Oct. 19 in Doha", [(None, 10, 19, None)]),
        ("19 October 2025 or October 19, 2025", [(2025, 10, 19, None)] * 2),
        ("2025-10-19", [(2025, 10, 19, None)]),
        ("in October 2025, since 2021", [(2025, 10, None, None), (2021, None, None, None)]),
        ("early Wednesday", [(None, None, None, 2)]),
        ("2,021 people, 2000 soldiers, $2024", []),
        ("they may go", []),
    ],
)
def test_days(text: str, expected: list[Any]) -> None:
    assert [(d.year, d.month, d.day, d.weekday) for d in days(text)] == expected


def test_dates_are_completed_from_the_day_of_publication() -> None:
    published = date(2025, 11, 9)  # a Sunday
    (friday,) = days("on Friday")
    assert (friday.completed(published).month, friday.completed(published).day) == (11, 7)
    (october,) = days("on Oct. 19")
    assert october.completed(published).year == 2025
    (december,) = days("on Dec. 31")
    assert december.completed(published).year == 2024
    assert december.completed(None) == december


def test_agreement() -> None:
    partial, full, other = days("Oct. 19; 19 October 2025; 20 October 2025")
    assert partial.agrees(full)
    assert not partial.agrees(other)
    km, bare, miles = numbers("2,600 km; 2600; 2600 miles")
    assert km.agrees(bare)
    assert not km.agrees(miles)


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert all(text[n.start : n.end] == n.text for n in numbers(text))
    assert all(text[d.start : d.end].startswith(d.text) for d in days(text))

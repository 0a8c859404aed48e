from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language.values import Day, Number, days, numbers, times

LISTED = [
    [cell.strip() for cell in line.split("|")]
    for line in (Path(__file__).parent / "data" / "values.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
#: What the parser is known to get wrong; a line that is mended must leave this list.
MISSED = {"100m of road"}
WEEKDAYS = "mon tue wed thu fri sat sun".split()


def plain(amount: Decimal) -> str:
    return format(amount.quantize(Decimal("0.01")).normalize(), "f")


def shown_number(number: Number) -> str:
    return f"{plain(number.amount)} {number.unit}".strip()


def shown_day(day: Day) -> str:
    if day.month is not None:
        parts = f"{day.year or '-'}-{day.month:02d}" + (f"-{day.day:02d}" if day.day else "")
    else:
        parts = str(day.year) if day.weekday is None else WEEKDAYS[day.weekday]
    return parts + {0: "", 1: "+", -1: "-"}[day.step]


def read(text: str) -> tuple[list[str], list[str], list[str]]:
    return (
        [shown_number(number) for number in numbers(text)],
        [shown_day(day) for day in days(text)],
        [f"{time.hour:02d}:{time.minute:02d}" for time in times(text)],
    )


def test_the_list_is_long_enough() -> None:
    assert len(LISTED) >= 200
    assert len({row[0] for row in LISTED}) == len(LISTED)


@pytest.mark.parametrize("row", LISTED, ids=[row[0] for row in LISTED])
def test_listed_strings_are_read_as_labelled(row: list[str]) -> None:
    text, *wanted = row
    cells = [[cell.strip() for cell in column.split(";") if cell.strip()] for column in [*wanted, "", ""][:3]]
    wanted_numbers = [" ".join([plain(Decimal(cell.split()[0])), *cell.split()[1:]]) for cell in cells[0]]
    assert (read(text) == (wanted_numbers, cells[1], cells[2])) == (text not in MISSED), read(text)


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
        ("hundreds of them, the twentieth", [("20", "ordinal", "")]),
        ("of the twenty five were women", [("25", "", "were")]),
        ("$1.2m and £3mn, €5bn", [("1200000", "$", "and"), ("3000000", "£", ""), ("5000000000", "€", "")]),
        ("a 5 m wall, 5m high", [("5", "m", "wall"), ("5", "m", "high")]),
        ("5m people, 5 to 7 militants", [("5000000", "", "people"), ("5", "", "militants"), ("7", "", "militants")]),
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


def test_next_and_last_are_counted_from_the_day_of_publication() -> None:
    published = date(2025, 11, 9)  # a Sunday
    for text, year, month, day in [
        ("next Friday", 2025, 11, 14),
        ("next Sunday", 2025, 11, 16),
        ("last Sunday", 2025, 11, 2),
        ("on Sunday", 2025, 11, 9),
        ("this Monday", 2025, 11, 10),
        ("last October", 2025, 10, None),
        ("last December", 2024, 12, None),
        ("next October", 2026, 10, None),
        ("next December", 2025, 12, None),
        ("next November", 2026, 11, None),
    ]:
        (found,) = days(text)
        whole = found.completed(published)
        assert (whole.year, whole.month, whole.day) == (year, month, day), text
    last, following, bare = days("last Friday, next Friday, on Friday")
    assert not last.agrees(following)
    assert last.agrees(bare)
    assert not last.completed(published).agrees(following.completed(published))


def test_where_a_value_stands() -> None:
    text = "From 5 to 7.5 million people, next Friday at 2.20pm"
    assert [text[n.start : n.end] for n in numbers(text)] == ["5", "7.5 million"]
    assert [text[d.start : d.end] for d in days(text)] == ["next Friday"]
    assert [text[t.start : t.end] for t in times(text)] == ["2.20pm"]


def test_the_same_value_in_other_words() -> None:
    for one, other in [
        ("$1.2m", "1.2 million dollars"), ("6.4%", "6.4 per cent"), ("one in five", "20%"), ("a fifth", "20 percent"),
        ("a dozen men", "12 men"), ("3 500 troops", "3,500 troops"), ("half a million", "500,000"),
        ("250k", "250,000"), ("minus five degrees", "-5°"), ("twenty-first", "21st"),
    ]:  # fmt: skip
        (a,), (b,) = numbers(one), numbers(other)
        assert a.agrees(b), (one, other)
    for one, other in [("5m people", "5 m"), ("5", "-5"), ("2 points", "3 points"), ("5 km", "5 miles")]:
        (a,), (b,) = numbers(one), numbers(other)
        assert not a.agrees(b), (one, other)


def test_agreement() -> None:
    partial, full, other = days("Oct. 19; 19 October 2025; 20 October 2025")
    assert partial.agrees(full)
    assert not partial.agrees(other)
    km, bare, miles = numbers("2,600 km; 2600; 2600 miles")
    assert km.agrees(bare)
    assert not km.agrees(miles)


@given(
    st.text()
    | st.lists(
        st.sampled_from("5 25 2025 1.5 -5 half a one in two third % m km $ May next Friday to - 19".split())
    ).map(" ".join)
)
def test_any_text_can_be_read(text: str) -> None:
    assert all(text[n.start : n.end] == n.text for n in numbers(text))
    assert all(text[d.start : d.end] == d.text for d in days(text))
    assert all(text[t.start : t.end] == t.text for t in times(text))

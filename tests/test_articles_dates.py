"""rag.articles.dates: a day that is named, or nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles.dates import find_date


@pytest.mark.parametrize(
    "value",
    ["2025-11-09", "2025-11-09T23:10:00Z", "9 Nov 2025", "November 9, 2025", "Published: Nov. 9, 2025",
     date(2025, 11, 9), datetime(2025, 11, 9, 12, tzinfo=UTC), 1762689600],
)  # fmt: skip
def test_a_named_day(value: object) -> None:
    assert find_date(value) == date(2025, 11, 9)


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2 days ago", "Saturday", "2025", "November 2025", "2025-13-45", None, True, -1, [2025]]
)
def test_nothing_is_guessed(value: object) -> None:
    assert find_date(value) is None


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1901, 1, 1), date(2099, 12, 31)))
def test_iso_and_long_forms_agree(day: date) -> None:
    assert find_date(day.isoformat()) == day
    assert find_date(f"{day:%B} {day.day}, {day.year}") == day

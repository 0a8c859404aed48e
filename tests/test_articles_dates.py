"""rag.articles.dates: a day that is named, or nothing."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles.dates import day, find_date, text_day


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


@pytest.mark.parametrize(
    "value",
    ["8 Nov 2025", "8 novembre 2025", "8 Kasım 2025", "8 ноября 2025 г.", "2025年11月8日", "2025年 11 月 8 日 10:15",
     "8. November 2025", "8 de noviembre de 2025", "sábado, 8 de novembro de 2025 às 20:13", "8 listopada 2025",
     "8.11.2025", "08.11.2025, 14:30 Uhr", "Stand: 08.11.2025", "Publié le 8 novembre 2025 à 10h15", "2025/11/08",
     "2025.11.08", "Sat, 08 Nov 2025 23:30:00 -0800", "2025-11-08T06:30:00+09:00", "Nov 8, 2025 5:03 p.m. EST",
     "20251108", 20251108, "20251108T063000Z", "1762560000", 1762560000, 1762560000000, "1762560000000",
     1762560000000000, 1762560000.5, {"$date": "2025-11-08T00:00:00Z"}, {"$date": 1762560000000},
     {"$date": {"$numberLong": "1762560000000"}}, {"year": 2025, "month": 11, "day": 8}],
)  # fmt: skip
def test_the_day_is_the_one_written(value: object) -> None:
    assert day(value) == (date(2025, 11, 8), "")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_the_machine_s_time_zone_changes_nothing(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for value in (1762560000, "1762646399", "2025-11-08T23:59:59Z", "Sat, 08 Nov 2025 00:30:00 +0900"):
            assert day(value)[0] == date(2025, 11, 8)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_two_readings_of_one_date() -> None:
    found, why = day("03/04/2026")
    assert found is None
    assert "03 April 2026" in why
    assert "04 March 2026" in why
    assert day("03/04/2026", language="fr")[0] == date(2026, 4, 3)
    assert day("03/04/2026", language="en-US")[0] == date(2026, 3, 4)
    assert day("03/04/2026", language="en")[0] is None
    assert day("03/04/2026", others=[date(2026, 3, 5)])[0] == date(2026, 3, 4)
    assert day("03/04/2026", others=[date(2026, 3, 5), date(2026, 4, 2)])[0] is None
    assert day("13/04/2026")[0] == day("04/13/2026")[0] == date(2026, 4, 13)
    assert day("04/04/2026")[0] == date(2026, 4, 4)


@pytest.mark.parametrize(
    "value", [2025, 0.5, float("nan"), float("inf"), 1e300, {}, {"$date": None}, "9" * 500, "31.2.2025"]
)
def test_what_is_no_moment_gives_no_day(value: object) -> None:
    assert day(value)[0] is None


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.floats(), st.integers(), st.dictionaries(st.just("$date"), st.text())))
def test_any_value_gives_a_day_or_nothing(value: object) -> None:
    found, why = day(value)
    assert found is None or not why


def test_a_day_in_figures_of_a_text_is_settled_by_its_language() -> None:
    german = "Veröffentlicht: 03/04/2026\n\nDer Hafenmeister sagte am Dienstag, der alte Kai müsse geschlossen werden."
    assert text_day(german)[:2] == (date(2026, 4, 3), "text")
    english = "Published: 03/04/2026\n\nThe harbour master said on Tuesday that the old quay must be closed."
    assert text_day(english)[0] is None
    assert text_day(english, "en-US")[0] == date(2026, 3, 4)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("Updated: 15/04/2026", date(2026, 4, 3)),
        ("Updated: 04/15/2026", date(2026, 3, 4)),
        ("Updated: 05/04/2026", None),
    ],
)
def test_the_way_a_text_writes_its_other_days_settles_one(other: str, found: date | None) -> None:
    assert text_day(f"Published: 03/04/2026\n\n{other}\n\nThe council of Tarn met.")[0] == found

"""How the evaluation reads dates and amounts: with code of its own, and small."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.metrics import same_value
from rag.evaluation.quantities import quantities


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Twenty-five militants", [("25", "", "militants")]),
        ("two hundred and fifty thousand homes", [("250000", "", "homes")]),
        ("a hundred times", [("100", "", "times")]),
        ("$1.2m; 1.2 million dollars", [("1200000", "$", ""), ("1200000", "$", "")]),
        ("38%, 38 per cent", [("38", "%", ""), ("38", "%", "")]),
        ("2,600-kilometre border", [("2600", "km", "border")]),
        ("the third round, the 3rd", [("3", "th", "round"), ("3", "th", "")]),
        ("2000 soldiers in 2021", [("2000", "", "soldiers")]),
        ("five six", []),
        ("one came, no one left", []),
        ("v1.2.3 of B2B", []),
        ("on 5 May", []),
    ],
)
def test_amounts(text: str, amounts: list[tuple[str, str, str]]) -> None:
    assert [(a.value, a.unit, a.noun) for a in quantities(text).amounts] == [(Decimal(v), u, n) for v, u, n in amounts]


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("19 October 2025", [(2025, 10, 19, None)]),
        ("Oct. 19; October 19th, 2025", [(None, 10, 19, None), (2025, 10, 19, None)]),
        ("2025-10-19", [(2025, 10, 19, None)]),
        ("in May; they may; May left", [(None, 5, None, None)]),
        ("May", [(None, 5, None, None)]),
        ("December or Sept. 2024", [(None, 12, None, None), (2024, 9, None, None)]),
        ("Friday, 7 November", [(None, None, None, 4), (None, 11, 7, None)]),
        ("since 2021, $2021, 2000 people, 2,021", [(2021, None, None, None)]),
    ],
)
def test_dates(text: str, dates: list[tuple[int | None, ...]]) -> None:
    assert [(d.year, d.month, d.day, d.weekday) for d in quantities(text).dates] == dates


def test_what_is_left() -> None:
    assert quantities("25 militants died on 5 May").rest.split() == ["militants", "died", "on", ";"]
    assert not same_value("38 died in Oslo", "38 people died in Bergen")
    assert same_value("In Bergen thirty-eight people died", "38 people died in Bergen")


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    quantities(text)


def test_the_evaluation_does_not_read_values_with_the_code_it_judges() -> None:
    for path in (Path(__file__).parents[1] / "rag" / "evaluation").glob("*.py"):
        imported = {
            node.module
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        }
        assert "rag.language.values" not in imported, path

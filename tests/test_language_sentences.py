"""Sentences: exact offsets, nothing lost, and what is a heading or an item."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rag.language.sentences import _ITEM, cut
from rag.types import Span


def shown(text: str, *spans: Span, language: str = "") -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.role) for s in cut(text, spans, language)]


def test_abbreviations_and_lines() -> None:
    text = "It was signed on Oct. 19 in Doha. Mr. Sharif left.\n\nA subhead\n\n“No,” he said."
    assert shown(text) == [
        ("It was signed on Oct. 19 in Doha.", "text"),
        ("Mr. Sharif left.", "text"),
        ("A subhead", "heading"),
        ("“No,” he said.", "text"),
    ]


def test_a_lone_question_above_running_text_is_a_heading() -> None:
    text = "Talks ended on Friday.\n\nWhat happened in Istanbul?\n\nNobody signed.\n\nWill it hold?"
    assert [role for _, role in shown(text)] == ["text", "heading", "text", "text"]


def test_lists_are_items_without_their_bullets() -> None:
    text = "The agenda:\n- an end to attacks\n- trade\n\n1. First\n2) Second\n\nKabul 12\nKhost 4\nHerat 1"
    assert shown(text)[1:] == [
        ("an end to attacks", "item"),
        ("trade", "item"),
        ("First", "item"),
        ("Second", "item"),
        ("Kabul 12", "item"),
        ("Khost 4", "item"),
        ("Herat 1", "item"),
    ]


def test_the_only_line_is_quotable_whatever_its_end() -> None:
    assert shown("Volcano erupts on Friday night") == [("Volcano erupts on Friday night", "text")]


def test_what_the_readers_know_comes_first() -> None:
    text = "Boats | 2024\nPort A | 97. And more.\n\nThe end."
    assert shown(text, Span(0, 12, "row"), Span(13, 35, "row")) == [
        ("Boats | 2024", "row"),
        ("Port A | 97. And more.", "row"),
        ("The end.", "text"),
    ]


def test_another_language_ends_its_sentences_in_its_own_way() -> None:
    assert shown("水库由林远舟设计。它供六万人用水。", language="zh") == [
        ("水库由林远舟设计。", "text"),
        ("它供六万人用水。", "text"),
    ]


@given(st.text() | st.text(alphabet="ab .?!\n-1)•é中"))
def test_offsets_are_exact_and_only_white_space_and_bullets_are_left_out(text: str) -> None:
    found = cut(text)
    assert all(text[s.start : s.end].strip() == text[s.start : s.end] != "" for s in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    covered = {n for s in found for n in range(s.start, s.end)}
    bullets = {n for match in _ITEM.finditer(text) for n in range(*match.span())}
    assert all(n in covered or n in bullets or c.isspace() for n, c in enumerate(text))

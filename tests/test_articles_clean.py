"""rag.articles.clean on made-up articles with the faults of real ones."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles.clean import clean, first_sentence, normalise

TITLE = "Harbour Strike Ends After Night of Talks"
LEDE = "Dock workers in Port Elgin went back to work on Monday."
MORE = "The union said that the new contract runs for three years."


def test_a_repeated_title_and_the_tags_beneath_it_go() -> None:
    cleaned = clean(f"{TITLE}\n\n{TITLE}\n\nharbour strike, port elgin, dock workers\n\n{LEDE}\n{MORE}\n")
    assert cleaned.title == TITLE
    assert cleaned.text == f"{LEDE}\n\n{MORE}"


@pytest.mark.parametrize(
    "line",
    [
        "Must Read: Ten harbours to see",
        "Also Read: Ten harbours to see",
        "Read more: Ten harbours to see",
        "Related to this topic:",
        "Image courtesy: Port Elgin Authority",
        "Photo: Jo Doe",
        "Cranes stand idle at dawn. Image: Harbour News.",
        "Exit mobile version",
        "Advertisement",
        "Share on Facebook",
        "Subscribe to our newsletter",
    ],
)
def test_a_line_of_the_page_is_not_the_article(line: str) -> None:
    assert clean(f"{LEDE}\n{line}\n", TITLE).text == LEDE
    assert clean(f"{line}\n{LEDE}\n", TITLE).text == LEDE


def test_headlines_beneath_the_navigation_go() -> None:
    text = f"{LEDE}\n\nPrev Article\nA ferry runs aground\nNext Article\nFish prices rise\n"
    assert clean(text, TITLE).text == LEDE


def test_nothing_is_kept_after_related_stories() -> None:
    assert clean(f"{LEDE}\nRelated stories\nA ferry runs aground.\nFish prices rise.", TITLE).text == LEDE


@pytest.mark.parametrize(
    ("dateline", "source", "day"),
    [
        ("CoastTimes.com | Port Elgin, Canada | March 3, 2024 —", "CoastTimes.com", date(2024, 3, 3)),
        ("Port Elgin, Canada | March 3, 2024 — ", "", date(2024, 3, 3)),
        ("(The Coast News) – ", "The Coast News", None),
        ("ISTANBUL (Reuters) - ", "Reuters", None),
        ("ISTANBUL, March 3, 2024 (Reuters) - ", "Reuters", date(2024, 3, 3)),
    ],
)
def test_a_dateline_is_read_and_taken_off(dateline: str, source: str, day: date | None) -> None:
    cleaned = clean(dateline + LEDE, TITLE)
    assert (cleaned.text, cleaned.source, cleaned.published) == (LEDE, source, day)


def test_header_lines_are_read_and_taken_off() -> None:
    cleaned = clean(f"{TITLE}\nSource: The Coast News\nBy: Jo Doe\nPublished: 9 Nov 2025\n{LEDE}")
    assert (cleaned.source, cleaned.author, cleaned.published) == ("The Coast News", "Jo Doe", date(2025, 11, 9))
    assert cleaned.text == LEDE


def test_a_relative_date_is_no_date() -> None:
    assert clean(f"{TITLE}\nPublished: yesterday\n{LEDE}").published is None


def test_a_subhead_glued_by_a_newline_is_a_paragraph_and_bullets_keep_their_lines() -> None:
    text = f"{LEDE}\nWhat the Union Won\n• Higher pay.\n• Shorter shifts.\n{MORE}"
    assert clean(text, TITLE).text == f"{LEDE}\n\nWhat the Union Won\n\n• Higher pay.\n• Shorter shifts.\n\n{MORE}"


def test_normalise() -> None:
    assert normalise("Cafe\u0301\u00a0au\u200b lait\r\nnext\x07 line\u2029new") == "Café au lait\nnext line\n\nnew"


def test_first_sentence() -> None:
    assert first_sentence("A ship came in. It was late.") == "A ship came in."
    assert first_sentence("alpha beta gamma delta", limit=12) == "alpha beta…"


FAULTS = [
    TITLE, LEDE, MORE, "", "Prev Article", "Next Article", "Photo: Jo Doe", "Related stories", "• Higher pay.",
    "tags, more tags", "Source: The Coast News", "Published: 9 Nov 2025", f"(The Coast News) – {LEDE}", "Advertisement",
    "What the Union Won", "Must Read: x", f"ISTANBUL (Reuters) - {MORE}", "Harbour Strike Ends",
]  # fmt: skip
articles = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(FAULTS), max_size=16).map("\n".join))


@settings(max_examples=300, deadline=None)
@given(articles, st.sampled_from(["", TITLE]))
def test_cleaning_twice_changes_nothing_more(text: str, title: str) -> None:
    once = clean(text, title)
    assert clean(once.text, once.title or title).text == once.text


@settings(max_examples=300, deadline=None)
@given(articles)
def test_a_clean_text_has_no_control_characters_and_one_blank_line_at_most(text: str) -> None:
    cleaned = clean(text).text
    assert [c for c in cleaned if unicodedata.category(c) == "Cc" and c != "\n"] == []
    assert "\n\n\n" not in cleaned
    assert cleaned == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(FAULTS), max_size=6))
def test_prose_at_the_top_is_never_lost(lines: list[str]) -> None:
    assert LEDE in clean("\n".join([LEDE, *lines]), TITLE).text


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Twelve people died in the fire, police said. (Reuters)", "Twelve people died in the fire, police said."),
        ("The bridge is closed. Photo: City Archive", ""),
        (f"The bridge {'was closed and ' * 12}opened. Photo: City", f"The bridge {'was closed and ' * 12}opened."),
        ("The old bridge at dawn. (AP Photo/Somebody)", "The old bridge at dawn."),
        ("The old bridge at dawn (AP)", ""),
        ("Related: the council will also vote on the harbour next week.", "="),
        ("Related: Ten Boats To Watch", ""),
        ("Credits: the bank will extend 40 million to the port.", "="),
        ("Comments", ""),
        ("Next", "="),
        ("(Ahmed) – he said nothing more.", "="),
        ("Smith (Labour) - who lost - said no.", "="),
    ],
)
def test_prose_is_not_lost_with_furniture(line: str, kept: str) -> None:
    text = f"The first paragraph is here.\n\n{line}\n\nThe last paragraph is here."
    middle = line if kept == "=" else kept
    expected = ["The first paragraph is here.", *([middle] if middle else []), "The last paragraph is here."]
    assert clean(text, "A title").text.split("\n\n") == expected


def test_a_text_is_never_emptied() -> None:
    assert clean("Photo: the harbour of Bergen at dawn.", "Bergen").text == "Photo: the harbour of Bergen at dawn."
    assert clean("Must Read: Ten Boats", "Bergen").text == ""


def test_lines_of_one_width_are_joined() -> None:
    line = "The talks on the harbour went on for three days without result"
    text = f"{line}\n{line}\nand then ended.\n\nA new paragraph."
    assert clean(text, "T").text == f"{line} {line} and then ended.\n\nA new paragraph."


def test_half_characters_are_replaced_and_joiners_stay() -> None:
    assert clean("A\ud83d b\u200cc.", "T").text == "A\ufffd b\u200cc."

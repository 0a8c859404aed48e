"""rag.articles.clean on made-up articles with the faults of real ones."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles.clean import Cleaned, clean, first_sentence, normalise

TITLE = "Harbour Strike Ends After Night of Talks"
LEDE = "Dock workers in Port Elgin went back to work on Monday."
MORE = "The union said that the new contract runs for three years."


def test_a_repeated_title_and_tags_that_say_nothing_new_go() -> None:
    cleaned = clean(f"{TITLE}\n\n{TITLE}\n\nharbour strike, port elgin, dock workers\n\n{LEDE}\n{MORE}\n")
    assert cleaned.title == TITLE
    assert cleaned.text == f"{TITLE}\n\n{LEDE}\n\n{MORE}"
    assert roles(cleaned) == {TITLE: "heading"}
    assert clean(f"{TITLE}\n\n{LEDE}\n", TITLE).text == LEDE  # given apart, it is told apart


def test_words_in_a_list_that_stand_only_there_stay() -> None:
    assert "bread, salt, two knives" in clean(f"What she took along\n\nbread, salt, two knives\n\n{LEDE}").text


@pytest.mark.parametrize(
    "line",
    [
        "Must Read: Ten Harbours to See",
        "Also Read: Ten harbours to see",
        "Read more: Ten harbours to see",
        "Related to this topic:",
        "Exit mobile version",
        "Advertisement",
        "Share on Facebook",
        "Subscribe to our newsletter",
    ],
)
def test_a_line_of_the_page_is_not_the_article(line: str) -> None:
    assert clean(f"{LEDE}\n{line}\n", TITLE).text == LEDE
    assert clean(f"{line}\n{LEDE}\n", TITLE).text == LEDE


@pytest.mark.parametrize(
    "line",
    [
        "Related articles",
        "You may also like",
        "Recommended for you:",
        "More from the council meeting:",
        "More from Port Elgin",
        "Leave a comment",
        "Prev Article",
        "Next story",
        "Must Read: Ten Harbours",
    ],
)
def test_nothing_is_lost_below_a_line_of_the_page(line: str) -> None:
    below = "The lock keeper Nils Aas closed the lock for nine days in June"
    text = clean(f"{LEDE}\n\n{line}\n\n{below}\n\n{MORE}", TITLE).text
    assert text.startswith(LEDE)
    assert text.endswith(f"{below}\n\n{MORE}")


@pytest.mark.parametrize(
    "line",
    [
        "Video: the council will keep every recording for 30 days under the new rule, the clerk said.",
        "Photo: A 1912 print by Ida Roth sold for 90,000 crowns at the auction in Tolm.",
        "Read more: Harbour fund loses 12 million crowns",
        "Also read: What Ida Roth told the court",
        "Copyright © law was changed in 2024 so that choirs pay 12 crowns a song.",
        "Subscribe to the journal costs 12 crowns a month",
        "Follow us on the last mile to the hut, she said",
        "Image courtesy: Port Elgin Authority",
        "Cranes stand idle at dawn. Image: Harbour News.",
        "Twelve people died in the fire, police said. (Reuters)",
        "(The Coast News) – The party wants 3,000 trees.",
        "Source: River Tolm",
        "Date: Tuesday 24 November 2026 was the day when the quay fell.",
    ],
)
def test_a_line_with_a_number_or_a_name_of_its_own_stays(line: str) -> None:
    assert clean(f"{LEDE}\n\n{line}\n\n{MORE}", TITLE).text.split("\n\n")[1] == line


def test_buttons_among_other_items_are_items() -> None:
    text = "You may send your ballot in one of three ways:\n\nEmail\n\nPrint\n\nTelephone"
    assert clean(f"{text}\n\n{LEDE}", "How to vote").text == f"{text}\n\n{LEDE}"
    assert clean(f"Share\n\nTweet\n\n{LEDE}\n\nComments", TITLE).text == LEDE


def test_headlines_between_the_buttons_to_the_last_and_the_next_article_go() -> None:
    text = f"{LEDE}\n\nPrev Article\nA ferry runs aground\nNext Article\nFish prices rise\n"
    assert clean(text, TITLE).text == LEDE


def test_a_second_headline_goes_only_when_it_says_nothing_new() -> None:
    facts = "Harbour strike ends after 11 nights, two ships stay"
    assert facts in clean(f"{TITLE}\n\n{facts}\n\n{LEDE}").text
    again = "Harbour strike ends on Monday"
    assert again not in clean(f"{TITLE}\n\n{again}\n\n{LEDE} The strike ends.").text


@pytest.mark.parametrize(
    ("dateline", "source", "day"),
    [
        ("CoastTimes.com | Port Elgin, Canada | March 3, 2024 —", "CoastTimes.com", date(2024, 3, 3)),
        ("Port Elgin, Canada | March 3, 2024 — ", "", date(2024, 3, 3)),
        ("(The Coast News) – ", "The Coast News", None),
        ("PORT ELGIN (Reuters) - ", "Reuters", None),
        ("PORT ELGIN, March 3, 2024 (Reuters) - ", "Reuters", date(2024, 3, 3)),
        ("PORT ELGIN, 3 March 2024 - ", "", date(2024, 3, 3)),
        ("Paris, le 3 mars 2024 – ", "", date(2024, 3, 3)),
        ("Halden, (03.03.2024). ", "", date(2024, 3, 3)),
        ("3 March 2024 – ", "", date(2024, 3, 3)),
        ("(3 March 2024) ", "", date(2024, 3, 3)),
        ("3. März 2024. ", "", date(2024, 3, 3)),
        ("03.03.2024 - ", "", date(2024, 3, 3)),
        ("3 March 2024 was a bad day. ", "", None),
        ("ISTANBUL, Nov 9 (Reuters) - ", "Reuters", None),
    ],
)
def test_a_dateline_is_read_and_stays(dateline: str, source: str, day: date | None) -> None:
    cleaned = clean(dateline + LEDE, TITLE)
    assert (cleaned.text, cleaned.source, cleaned.published) == ((dateline + LEDE), source, day)
    assert cleaned.dated_by == ("dateline" if day else "")


@pytest.mark.parametrize(
    "line", ["21 November 2025", "Friday, 21 November 2025", "Published: 21.11.2025", "2025年11月21日"]
)
def test_a_line_that_is_a_date_dates_the_text(line: str) -> None:
    cleaned = clean(f"{LEDE}\n\n{line}\n\n{MORE}", TITLE)
    assert (cleaned.published, cleaned.dated_by) == (date(2025, 11, 21), "text")


@pytest.mark.parametrize(
    "line",
    [
        "Party | 2022 | 2026",
        "© 2019 Harbour Gazette",
        "The treaty of 22 January 1963 was signed in Paris.",
        "In May 2024",
    ],
)
def test_no_day_is_made_of_a_year_a_table_or_a_sentence(line: str) -> None:
    assert clean(f"{LEDE}\n\n{line}\n\n{MORE}", TITLE).published is None


def test_an_ambiguous_date_is_left_open_or_settled_by_the_others() -> None:
    cleaned = clean(f"{TITLE}\n\n03/04/2026\n\n{LEDE}")
    assert cleaned.published is None
    assert any("03 April 2026" in note for note in cleaned.notes)
    assert clean(f"{TITLE}\n\n03/04/2026\n\n{LEDE} It ends on 5 April 2026.").published == date(2026, 4, 3)


def test_header_lines_are_read_and_taken_off() -> None:
    cleaned = clean(f"{TITLE}\nSource: The Coast News\nBy: Jo Doe\nPublished: 9 Nov 2025\n{LEDE}")
    assert (cleaned.source, cleaned.author, cleaned.published) == ("The Coast News", "Jo Doe", date(2025, 11, 9))
    assert cleaned.text == f"{TITLE}\n\n{LEDE}"


@pytest.mark.parametrize("facts", ["Source: River Tolm\n\nLength: 212 km", "By: Lena Holt\n\nAuthor: Tom Reed"])
def test_a_table_of_facts_is_no_header(facts: str) -> None:
    cleaned = clean(f"{TITLE}\n\n{facts}\n\n{LEDE}")
    assert facts in cleaned.text
    assert (cleaned.source, cleaned.author) == ("", "")


def test_a_relative_date_is_no_date() -> None:
    assert clean(f"{TITLE}\nPublished: yesterday\n{LEDE}").published is None


def test_headings_items_rows_and_captions_are_told_apart() -> None:
    text = (
        f"{LEDE}\nWhat the Union Won\n• Higher pay.\n• Shorter shifts.\nPort | Year | Boats\nElgin | 2024 | 97\n{MORE}"
    )
    cleaned = clean(text, TITLE)
    assert cleaned.text == (
        f"{LEDE}\n\nWhat the Union Won\n\n• Higher pay.\n• Shorter shifts."
        f"\n\nPort | Year | Boats\nElgin | 2024 | 97\n\n{MORE}"
    )
    assert roles(cleaned) == {
        "What the Union Won": "heading", "• Higher pay.": "item", "• Shorter shifts.": "item",
        "Port | Year | Boats": "row", "Elgin | 2024 | 97": "row",
    }  # fmt: skip
    caption = "Cranes stand idle at dawn. Image: Harbour News."
    assert roles(clean(f"{caption}\n\n{LEDE}", TITLE)) == {caption: "caption"}


def roles(cleaned: Cleaned) -> dict[str, str]:
    return {cleaned.text[span.start : span.end]: span.role for span in cleaned.spans}


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
    assert clean(once.text, title).text == once.text


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


def test_a_text_is_never_emptied() -> None:
    assert clean("Photo: the harbour of Bergen at dawn.", "Bergen").text == "Photo: the harbour of Bergen at dawn."
    assert clean("Share", "Bergen").text == "Share"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(FAULTS), max_size=10))
def test_no_number_and_no_sentence_is_ever_lost(lines: list[str]) -> None:
    text = clean("\n".join([*lines, "Nine ships wait."]), "Another Title").text
    for line in lines:
        if line.endswith(".") and line[-2].isalpha():
            assert line in text


def test_short_lines_of_one_sentence_are_joined() -> None:
    text = (
        "On a cold and very bright Monday\nMayor Pia Stern opened the new lock\nin Orrin before 400 guests and a band."
    )
    assert clean(text, TITLE).text == text.replace("\n", " ")


def test_lines_of_one_width_are_joined() -> None:
    line = "The talks on the harbour went on for three days without result"
    text = f"{line}\n{line}\nand then ended.\n\nA new paragraph."
    assert clean(text, "T").text == f"{line} {line} and then ended.\n\nA new paragraph."


def test_half_characters_are_replaced_and_joiners_stay() -> None:
    assert clean("A\ud83d b\u200cc.", "T").text == "A\ufffd b\u200cc."


def test_answers_and_facts_are_no_headings() -> None:
    text = "Q: How long?\n\nA: Eleven weeks\n\nQ: Who pays?\n\nA: The harbour fund\n\nLength: 212 km"
    assert roles(clean(f"{LEDE}\n\n{text}\n\n{MORE}", TITLE)) == {}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("市议会投票\n2025年11月21日\n\n塔恩市议会周二投票决定为桥梁拨款三百万。", "市议会投票"),
        ("Water\n\nSource: River Tolm\n\nLength: 212 km\n\nThe old quay must be closed in spring.", "Water"),
    ],
)
def test_a_short_first_line_is_the_title_and_no_more(text: str, title: str) -> None:
    from rag.articles.assemble import make_article

    assert make_article(clean(text), "/a", "a", meta={}).title == title

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.language.time import TimeFrame, covers, describe, sources_named, speaks_of, spelled_days, understand_time

TODAY = date(2026, 11, 25)  # a Wednesday


@pytest.mark.parametrize(
    ("question", "understood"),
    [
        ("What did the ministry publish in September?", "September 2026"),
        ("What did the ministry publish in december?", "December 2025"),
        ("What did the ministry publish in March 2025?", "March 2025"),
        ("What was agreed in Lisbon on 8 November?", "8 November 2026"),
        ("What was agreed in Lisbon on November 8, 2025?", "8 November 2025"),
        ("What was agreed on 30 November?", "30 November 2025"),
        ("What was agreed on 29 February?", "29 February 2024"),
        ("Which ferries sank in 2023?", "2023"),
        ("Which ferries sank in the year 2023?", "2023"),
        ("Which ferries sank last week?", "16 to 22 November 2026"),
        ("Which ferries sank this week?", "23 to 29 November 2026"),
        ("Which ferries sank two weeks ago?", "9 to 15 November 2026"),
        ("Which ferries sank in the last week?", "18 to 25 November 2026"),
        ("Which ferries sank over the past three weeks?", "4 to 25 November 2026"),
        ("Which ferries sank in the past 48 hours?", "23 to 25 November 2026"),
        ("Which ferries sank last month?", "October 2026"),
        ("Which ferries sank this month?", "November 2026"),
        ("Which ferries sank this year?", "2026"),
        ("Which ferries sank last year?", "2025"),
        ("Which ferries sank yesterday?", "24 November 2026"),
        ("Which ferries sank the day before yesterday?", "23 November 2026"),
        ("Which ferries sank three days ago?", "22 November 2026"),
        ("Which ferries sank last Friday?", "20 November 2026"),
        ("Which ferries sank last Wednesday?", "18 November 2026"),
        ("Which ferries sank last weekend?", "21 to 22 November 2026"),
        ("Which ferries sail next week?", "30 November to 6 December 2026"),
        ("Which ferries sank since 3 March 2025?", "since 3 March 2025"),
        ("Which ferries sank since Tuesday?", "since 24 November 2026"),
        ("Which ferries sank after 2023?", "since 1 January 2024"),
        ("Which ferries sank before September 2025?", "up to 31 August 2025"),
        ("Which ferries had sunk by 10 November?", "up to 10 November 2026"),
        ("Which bids must be in by 30 November?", "up to 30 November 2026"),
        ("How many were missing as of 12 November?", "up to 12 November 2026"),
        ("Which ferries sank between 3 and 9 November?", "3 to 9 November 2026"),
        ("Which ferries sank between November 3 and 9?", "3 to 9 November 2026"),
        ("Which ferries sank from 28 October to 3 November 2025?", "28 October to 3 November 2025"),
        ("Which ferries sank between March and June 2025?", "March to June 2025"),
        ("Which ferries sank between 2022 and 2024?", "2022 to 2024"),
        ("Which ferries sank in 2022-2024?", "2022 to 2024"),
        ("Which ferries sank since 3 March 2025 but before 5 April 2025?", "3 March to 4 April 2025"),
        ("Which ferries sank in the days after 10 November?", "11 to 17 November 2026"),
        ("Which ferries sank the day after 10 November?", "11 November 2026"),
        ("Which ferries sank in the two weeks before 10 November?", "27 October to 9 November 2026"),
        ("Which ferries sank in the week of 10 November 2026?", "9 to 15 November 2026"),
        ("Which ferries sank in early September?", "1 to 10 September 2026"),
        ("Which ferries sank at the end of September?", "21 to 30 September 2026"),
        ("Which ferries sank in mid-March 2025?", "11 to 20 March 2025"),
        ("Which ferries sank in the first half of 2024?", "January to June 2024"),
        ("Which ferries sank in the third quarter of 2024?", "July to September 2024"),
        ("How high is the toll now?", "newest first"),
        ("How high is the current toll?", "newest first"),
        ("Who currently runs the port?", "newest first"),
        ("How many boats have been found so far?", "newest first"),
        ("How many boats have been found so far this month?", "November 2026, newest first"),
        ("How high is the toll at the moment?", "newest first"),
        ("What is the latest on the strike?", "newest first"),
        ("What is the newest figure for exports?", "newest first"),
        ("What did the most recent survey find?", "newest first"),
        ("What did the earliest survey find?", "oldest first"),
        ("What happened in the port today?", "25 November 2026, newest first"),
    ],
)
def test_plain_times(question: str, understood: str) -> None:
    frame = understand_time(question, TODAY)
    assert frame is not None
    assert (describe(frame), frame.explicit) == (understood, True)
    assert frame.text
    assert all(part in question for part in frame.text.split(", "))


def test_a_pair_shares_its_year() -> None:
    frame = understand_time("Which ferries sank between March and June 2025?", TODAY)
    assert frame
    assert (frame.since, frame.until) == (date(2025, 3, 1), date(2025, 6, 30))
    frame = understand_time("Which ferries sank from 28 October to 3 November 2024?", TODAY)
    assert frame
    assert (frame.since, frame.until) == (date(2024, 10, 28), date(2024, 11, 3))
    frame = understand_time("Which ferries sank between November and February 2025?", TODAY)
    assert frame
    assert (frame.since, frame.until) == (date(2024, 11, 1), date(2025, 2, 28))


@pytest.mark.parametrize(
    ("question", "understood"),
    [
        ("When was the first flood in the delta?", "oldest first"),
        ("How high was the last flood?", "newest first"),
        ("When did the two sides first meet?", None),
        ("Who won the 2024 election?", "2024"),
        ("Who planned the 8 November attack?", "8 November 2026"),
        ("What did the ministry say on Monday?", "23 November 2026"),
    ],
)
def test_what_may_name_a_thing_is_not_explicit(question: str, understood: str | None) -> None:
    frame = understand_time(question, TODAY)
    assert frame is not None
    assert not frame.explicit
    assert frame.rest == question
    if understood:
        assert describe(frame) == understood


@pytest.mark.parametrize(
    "question",
    [
        "What may the ministry do about the port?",
        "May the ministry close the port?",
        "Who joined the march on the capital?",
        "Who led the March on Rome?",
        "What did Theresa May want?",
        "Who is April Jones?",
        "Which plays did August Wilson write?",
        "What is the surname and the last name of the pilot?",
        "Who is the first minister of Wales?",
        "Who is the First Lady?",
        "Who wrote about the First World War?",
        "Where did the Second World War begin?",
        "Who was the last of the survivors?",
        "What did they agree on at last?",
        "Who won the first half?",
        "How strong is the current in the strait?",
        "How large is the current account deficit?",
        "When must the ship leave at the latest?",
        "How many boats sank between 3 and 9 miles off the coast?",
        "Did it happen before the election?",
        "What happened two days after the vote?",
        "How many second chances were given?",
        "How long did the strike last?",
        "Did the talks last three days?",
        "Does the feast last 2 weeks everywhere?",
        "Who ended up in 3rd place?",
        "Who mediated the ceasefire?",
        "",
    ],
)
def test_what_is_no_time(question: str) -> None:
    assert understand_time(question, TODAY) is None


def test_a_name_beside_a_month() -> None:
    frame = understand_time("What did Theresa May say about the port in May?", TODAY)
    assert frame
    assert frame.rest == "What did Theresa May say about the port?"
    assert describe(frame) == "May 2026"


def test_a_month_follows_the_newest_article() -> None:
    question = "What did the ministry announce in July?"
    frame = understand_time(question, TODAY, newest=date(2025, 10, 2))
    assert frame
    assert describe(frame) == "July 2025"
    yesterday = understand_time("What was announced yesterday?", TODAY, newest=date(2025, 10, 2))
    assert yesterday
    assert yesterday.since == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("What did the bank decide in September?", "What did the bank decide?"),
        ("In September, what did the bank decide?", "What did the bank decide?"),
        ("What is the key rate now?", "What is the key rate?"),
        ("What was damaged in the most recent quake?", "What was damaged in the quake?"),
        ("What is the latest on the strike?", "What is on the strike?"),
        ("what was decided in november 2025 in doha", "what was decided in doha"),
        ("What happened yesterday?", "What happened?"),
        ("What was it in 2023?", "What was it in 2023?"),  # nothing to search for would be left
    ],
)
def test_the_rest_is_what_is_searched(question: str, rest: str) -> None:
    frame = understand_time(question, TODAY)
    assert frame
    assert frame.rest == rest


def test_what_is_covered() -> None:
    frame = understand_time("What was decided in September?", TODAY)
    assert frame
    assert covers(frame, date(2026, 9, 30))
    assert not covers(frame, date(2026, 10, 1))
    assert not covers(frame, None)
    assert covers(TimeFrame(None, None, "latest", "now", "", True), None)


def test_texts_that_speak_of_the_time() -> None:
    frame = understand_time("What was decided in September?", TODAY)
    assert frame
    assert speaks_of(frame, "The rate was cut on 10 September.", date(2026, 11, 5))
    assert speaks_of(frame, "The rate was cut on Thursday.", date(2026, 9, 11))
    assert not speaks_of(frame, "The rate was cut on 10 September.", date(2025, 11, 5))
    assert not speaks_of(frame, "The rate was cut on 10 October.", date(2026, 11, 5))
    assert not speaks_of(frame, "The rate was cut in 2026.", date(2026, 11, 5))  # the year is no September


_WORDS = "in the last first of may 3 9 2024 november - and between week weeks after before mid-march ago two , since"


@given(st.lists(st.sampled_from([*_WORDS.split(), "now", "latest", "Monday"])))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read(words: list[str]) -> None:
    frame = understand_time(" ".join(words), TODAY)
    if frame:
        assert frame.since is None or frame.until is None or frame.since <= frame.until
        assert describe(frame)


_BOTH = ["Inland Daily", "Fjord Star"]
OUTLETS = ["The Coast Post", "Fjord Star", "Inland Daily", "Time", "The Sun", "BBC News", "Moor Gazette"]


@pytest.mark.parametrize(
    ("question", "named", "rest"),
    [
        ("Who won in Doha, according to The Coast Post?", ["The Coast Post"], "Who won in Doha?"),
        ("According to the coast post, who won?", ["The Coast Post"], "Who won?"),
        ("According to Coast Post who won?", ["The Coast Post"], "Who won?"),
        ("What does the Fjord Star say caused the flood?", ["Fjord Star"], "What caused the flood?"),
        ("Compare what the Inland Daily and the Fjord Star say on eels.", _BOTH, "Compare what on eels."),
        ("How do the Inland Daily and the Fjord Star differ on the flood?", _BOTH, "How do differ on the flood?"),
        ("How many articles did the Moor Gazette publish?", ["Moor Gazette"], "How many articles did publish?"),
        ("Which articles of the Moor Gazette mention eels?", ["Moor Gazette"], "Which articles mention eels?"),
        ("What is the Fjord Star's version of the flood?", ["Fjord Star"], "What is the version of the flood?"),
        ("What was reported by BBC News about the storm?", ["BBC News"], "What was reported about the storm?"),
        ("As the Fjord Star reports, who won?", ["Fjord Star"], "Who won?"),
        ("What does Time write about eels?", ["Time"], "What about eels?"),
    ],
)  # fmt: skip
def test_outlets_that_are_asked(question: str, named: list[str], rest: str) -> None:
    assert sources_named(question, OUTLETS) == (tuple(named), rest)


@pytest.mark.parametrize(
    "question",
    [
        "Who owns the Fjord Star?",
        "Who sued the Fjord Star?",
        "What did the officer tell the Fjord Star?",
        "Why was the Moor Gazette fined?",
        "How long does the sun say?",
        "At what time does it say so?",
        "Who is the Prime Minister?",
        "Who invested in the Fjord Star?",
    ],
)
def test_outlets_that_are_the_matter(question: str) -> None:
    assert sources_named(question, OUTLETS) == ((), question)


@pytest.mark.parametrize(
    ("asked", "spelled"),
    [
        ("What happened on 08/11/2026?", "What happened on 8 November 2026?"),
        ("What was said on 3.4.2026?", "What was said on 3 April 2026?"),
        ("Who spoke on 11/25/2026?", "Who spoke on 25 November 2026?"),
        ("What happened on 25/12?", "What happened on 25 December?"),
        ("Who resigned on 8. November?", "Who resigned on 8 November?"),
        ("Did 3/4 of the voters come?", "Did 3/4 of the voters come?"),
        ("Did version 1.2.30 fail on 40/50?", "Did version 1.2.30 fail on 40/50?"),
    ],
)
def test_dates_in_figures_have_the_day_first(asked: str, spelled: str) -> None:
    assert spelled_days(asked) == spelled

"""Follow-up questions become complete, and complete questions stay as they are."""

from __future__ import annotations

import pytest

from rag.answering.bot import Bot
from rag.language.standalone import standalone
from rag.settings import Settings
from rag.types import Answer, Claim, Query

CEASEFIRE = "When was the ceasefire signed?"
LED = "Who led the Afghan team in October?"


def said(question: str, text: str = "") -> Answer:
    claims = (Claim(text, (), "not found", 0.0),) if text else ()
    return Answer(question, Query(question), "extracts" if text else "abstention", "extracts", claims, ())


@pytest.mark.parametrize(
    ("before", "answer", "asked", "searched"),
    [
        (CEASEFIRE, "", "and where?", "Where was the ceasefire signed?"),
        (CEASEFIRE, "", "Where?", "Where was the ceasefire signed?"),
        (CEASEFIRE, "", "And where exactly?", "Where was the ceasefire signed?"),
        (CEASEFIRE, "", "so why", "Why was the ceasefire signed?"),
        (CEASEFIRE, "", "By whom?", "By whom was the ceasefire signed?"),
        (CEASEFIRE, "", "in which city?", "In which city was the ceasefire signed?"),
        ("Where did Erdogan and Sharif meet?", "", "when?", "When did Erdogan and Sharif meet?"),
        ("In which year did the war end?", "", "how?", "How did the war end?"),
        ("How many attacks did ACLED count in 2024?", "", "and in 2023?", "How many attacks did ACLED count in 2023?"),
        (
            "How many attacks did ACLED count in 2024?",
            "",
            "what about 2023?",
            "How many attacks did ACLED count in 2023?",
        ),
        ("Who spoke for the ministry in Kabul?", "", "and in Islamabad?", "Who spoke for the ministry in Islamabad?"),
        ("Who is the envoy of Qatar?", "", "What about Turkey?", "Who is the envoy of Turkey?"),
        ("Who is the envoy of Qatar?", "", "and Turkey?", "Who is the envoy of Turkey?"),
        ("Who is the envoy of Qatar?", "", "how about Saudi Arabia?", "Who is the envoy of Saudi Arabia?"),
        ("How long did the session last?", "", "after the break?", "How long did the session last after the break?"),
        ("How much did imports fall?", "", "and exports?", "How much did imports fall, exports?"),
        (LED, "Haji Najib led it.", "What post does he hold?", "What post does Haji Najib hold?"),
        (LED, "Haji Najib led it.", "When did he arrive?", "When did Haji Najib arrive?"),
        (LED, "Haji Najib led it.", "Who was his deputy?", "Who was Haji Najib's deputy?"),
        ("What did Anna Berg say?", "", "Where was she born?", "Where was Anna Berg born?"),
        ("What did Anna Berg say?", "", "Who met her in Oslo?", "Who met Anna Berg in Oslo?"),
        (CEASEFIRE, "", "How long did it last?", "How long did the ceasefire last?"),
        (CEASEFIRE, "", "Is it still in force?", "Is the ceasefire still in force?"),
        (
            "Who attended the third round of talks?",
            "",
            "When did they fail?",
            "When did the third round of talks fail?",
        ),
        ("Which crossing does the army hold?", "", "What is its name?", "What is the army's name?"),
        ("Who leads UNAMA?", "", "What does it warn of?", "What does UNAMA warn of?"),
        (LED, "Haji Najib led it.", "and the Pakistani one?", "Who led the Pakistani team in October?"),
        ("Where was the second round held?", "", "and the third one?", "Where was the third round held?"),
        ("Who mediated the talks?", "", "where?", "Where were the talks mediated?"),
        ("Who took the oath?", "", "when?", "When was the oath taken?"),
        ("Why did the talks fail?", "", "what happened next?", "What happened after the talks?"),
        ("Why did the talks fail?", "", "tell me more", "Summarise the coverage of the talks."),
        ("Summarise the coverage of the talks.", "", "go on", "Summarise the coverage of the talks."),
        (CEASEFIRE, "It was signed in Doha.", "Are you sure?", "When was the ceasefire signed?"),
        ("What happened in Dale?", "", "when?", "When did it happen in Dale?"),
        ("Who resigned?", "Ann Lee resigned.", "why?", "Why was it that Ann Lee resigned?"),
        ("Who was arrested?", "", "why?", "Why was somebody arrested?"),
        ("Who is Haji Najib?", "He is a minister.", "where?", "Where is Haji Najib?"),
        ("How many people died?", "", "where?", "Where was it that people died?"),
        ("How many people were hurt in Dale?", "", "when?", "When were people hurt in Dale?"),
        ("How many attacks did ACLED count?", "", "where?", "Where did ACLED count attacks?"),
        ("Who led the first round?", "", "and the second?", "Who led the second round?"),
        ("Who attacked Oren Maddox?", "Karl Ohm attacked Maddox.", "why did he do it?", "why did Karl Ohm do it?"),
        (CEASEFIRE, "It was signed in Doha.", "Where does it say that?", "When was the ceasefire signed?"),
        (CEASEFIRE, "It was signed in Doha.", "sources?", "When was the ceasefire signed?"),
        (CEASEFIRE, "It was signed in Doha.", "who says so?", "Who said that it was signed in Doha?"),
        ("What did Haji Najib say?", "Led by Haji Najib, it went.", "is he a minister?", "is Haji Najib a minister?"),
    ],
)
def test_follow_ups(before: str, answer: str, asked: str, searched: str) -> None:
    assert standalone(asked, [said(before, answer)]) == searched


@pytest.mark.parametrize(
    "question",
    [
        "Who mediated?",
        "Where was the treaty signed?",
        "What is the capital of Mongolia?",
        "How many people need help in winter?",
        "Did the Taliban say that they broke the truce?",
        "What did Asif say about his plans?",
        "Which minister said that it would resume operations?",
        "In which year did the war end?",
        "Who is Sami Yousafzai?",
        "Does Kabul admit harbouring the group?",
        "Name the three countries.",
        "Is the truce still in force?",
        "Why did the talks fail?",
        "What happened in Istanbul?",
        "ceasefire Doha October",
    ],
)
def test_complete_questions_are_left_alone(question: str) -> None:
    assert standalone(question, [said(CEASEFIRE, "It was signed on 19 October.")]) == question


@pytest.mark.parametrize("question", ["and where?", "he?", "and?", "", "what about it?"])
def test_without_history_nothing_changes(question: str) -> None:
    assert standalone(question) == question


def test_threads_go_on_from_what_was_searched() -> None:
    first = said(CEASEFIRE)
    second = Answer("and where?", Query(standalone("and where?", [first])), "abstention", "extracts", (), ())
    assert standalone("by whom?", [first, second]) == "By whom was the ceasefire signed?"


def test_a_bot_searches_the_complete_question(briefs: Settings) -> None:
    with Bot.open(settings=briefs, model="extracts") as bot:
        first = bot.ask("When was the ceasefire signed?")
        second = bot.ask("and where?", history=[first])
        alone = bot.ask("Where was the ceasefire signed?")
    assert second.question == "and where?"
    assert second.standalone == alone.question
    assert second.text == alone.text
    assert "Doha" in second.text

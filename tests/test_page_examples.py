"""Questions that fit the indexed articles."""

from __future__ import annotations

from rag.answering.bot import Bot
from rag.models.reader import shipped_reader
from rag.page.examples import example_questions
from rag.settings import Settings
from rag.types import Article


def test_the_briefs_give_questions_that_are_answered(briefs: Settings) -> None:
    with Bot.open(settings=briefs) as bot:
        rows = bot.retriever.articles()
        questions = example_questions(
            (bot.retriever.article(row.id) for row in rows),
            bot.reader,
            answered=lambda question: not bot.ask(question).abstained,
        )
        assert len(questions) == 4
        assert {question.split()[0] for question in questions} == {"Who", "When", "Where"}
        assert not any(bot.ask(question).abstained for question in questions)


def test_other_articles_give_other_questions() -> None:
    text = "The mayor opened a bridge in Utrecht on 3 May 2024. Maria Jansen designed the long bridge, which is red."
    questions = example_questions([Article("b", "Bridge", text)], shipped_reader())
    assert questions == ["When was the bridge opened?", "Where was the bridge opened?", "Who designed the long bridge?"]


def test_nothing_is_made_up_where_there_is_nothing() -> None:
    assert example_questions([], shipped_reader()) == []
    assert example_questions([Article("x", "X", "Nothing here.")], shipped_reader()) == []
    assert example_questions([Article("x", "X", "Nothing here.")], None) == []

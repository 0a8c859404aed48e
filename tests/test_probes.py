"""Seven questions over the sample that a rewording, a negation or a second delegation used to lead astray."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.answering.bot import Bot
from rag.evaluation.metrics import contains
from rag.settings import Settings
from rag.types import Answer


@pytest.fixture(scope="module")
def bot(briefs: Settings) -> Iterator[Bot]:
    with Bot.open(settings=briefs) as opened:
        yield opened


def said(answer: Answer) -> str:
    return " ".join(claim.text for claim in answer.claims)


def short(answer: Answer) -> str:
    return " and ".join(citation.quote for citation in answer.short)


@pytest.mark.parametrize("question", ["How long is the border?", "What is the length of the border?"])
def test_both_lengths_are_shown_however_one_asks(bot: Bot, question: str) -> None:
    answer = bot.ask(question)
    assert contains(said(answer), "2,600")
    assert contains(said(answer), "2,670")
    assert len(answer.versions) == 2


@pytest.mark.parametrize("question", ["Name the mediators.", "Who mediated?"])
def test_the_mediators_are_named(bot: Bot, question: str) -> None:
    answer = bot.ask(question)
    assert not answer.abstained
    assert any(contains(short(answer), name) for name in ("Qatar", "Qatari"))
    assert any(contains(short(answer), name) for name in ("Turkey", "Türkiye", "Turkish"))
    assert bot.threshold("person") <= answer.probability <= 1


def test_the_place_of_a_round_is_no_party_to_it(bot: Bot) -> None:
    answer = bot.ask("Where was the second round held?")
    assert contains(short(answer), "Istanbul")
    assert not contains(short(answer), "Kabul")
    assert 0 <= answer.probability <= 1


def test_each_delegation_has_its_own_leader(bot: Bot) -> None:
    answer = bot.ask("Who led the Afghan delegation?")
    assert contains(short(answer), "Najib")
    assert not contains(short(answer), "Sadiq")


def test_who_did_not_is_not_answered_with_who_did(bot: Bot) -> None:
    answer = bot.ask("Who did not mediate?")
    assert answer.abstained or not (contains(said(answer), "Qatar") or contains(said(answer), "Turkey"))

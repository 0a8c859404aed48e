"""What the classifier of questions learns from: weak labels, templates and noise, without what it is measured on."""

from __future__ import annotations

import random

import pytest

from rag.models.kinds import KINDS
from training.kinds_data import Writer, asks_for_several, trec_kind, weak_kind, with_typos


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who built the pier?", "person"),
        ("Who is Adam?", None),
        ("In what year did it burn?", "date"),
        ("Where was it found?", "place"),
        ("How many died?", "number"),
        ("Why was it shut?", "why"),
        ("How did the drought affect trade?", "consequence"),
        ("What did the mayor say about it?", "attribution"),
        ("Which towns were hit?", "list"),
        ("The bank sank. Which country was hit first?", "place"),
        ("Was it sold?", "yesno"),
        ("What is it?", None),
    ],
)
def test_the_first_words_of_a_plain_question_tell_its_kind(question: str, kind: str | None) -> None:
    assert weak_kind(question) == kind


def test_a_plural_asks_for_several() -> None:
    assert asks_for_several("What films did she make?")
    assert not asks_for_several("What class did she attend?")
    assert trec_kind("ENTY:cremat", "What films did she make?") == "list"
    assert trec_kind("HUM:gr", "Who won the cup?") == "person"
    assert trec_kind("DESC:desc", "What does it do?") is None


def test_every_template_can_be_written() -> None:
    written = list(Writer(3).written(2))
    assert {kind for _, _, kind in written} == set(KINDS)
    assert not [question for _, question, _ in written if set(question) & set("{}|()")]
    assert written == list(Writer(3).written(2))


def test_typos_change_a_word_and_keep_the_rest() -> None:
    text = "When did the museum in Lund open?"
    spoilt = with_typos(text, random.Random(1))
    assert spoilt != text
    assert len(spoilt.split()) == len(text.split())
    assert sum(a != b for a, b in zip(spoilt.split(), text.split(), strict=True)) == 1

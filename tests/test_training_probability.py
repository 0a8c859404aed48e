"""How sentences are labelled, questions reworded and calibration measured when the probability is fitted."""

from __future__ import annotations

import random

import numpy as np
import pytest

from training.probability import Rows, auroc, best_sentences, ece, expected_by_chance, half_of, linear
from training.probability_data import Asked, Found, label, named, negated, reworded

ASKED = Asked("When did the mill burn?", ("1998",), ("a",), ((100, 104),), "g")


@pytest.mark.parametrize(
    ("article", "start", "end", "text", "expected"),
    [
        ("a", 80, 120, "The mill burned down in 1998.", 1),
        ("a", 10, 60, "The mill was built in 1890.", 0),
        ("a", 130, 160, "In 1998 a new one was planned.", None),
        ("b", 80, 120, "The bank opened in 1998.", None),
        ("b", 80, 120, "The bank opened in 19980.", 0),
    ],
)
def test_a_sentence_answers_where_the_answer_is_marked(
    article: str, start: int, end: int, text: str, expected: int | None
) -> None:
    assert label(Found("s", ASKED), article, start, end, text) == expected


def test_nothing_answers_where_the_article_is_left_out_or_the_question_changed() -> None:
    left_out = Asked("When?", ("1998",), ("a",), ((100, 104),), "g", "without", True)
    assert label(Found("s", left_out), "b", 0, 9, "The bank opened.") == 0
    assert label(Found("s", left_out), "b", 0, 9, "It opened in 1998.") is None
    changed = Asked("When did the bank burn?", ("1998",), ("a",), ((100, 104),), "g", "changed")
    assert label(Found("s", changed), "a", 80, 120, "The mill burned down in 1998.") == 0


def test_words_alone_count_in_an_article_that_supports_them_beside_words_of_the_question() -> None:
    quiz = Found("s", Asked("Which town flooded?", ("Lund",), ("a", "b"), (), "g"))
    assert label(quiz, "b", 0, 9, "It was worst in Lund.", "The flood. It was worst in Lund.") == 1
    assert label(quiz, "b", 0, 9, "He was born in Lund.", "He sings. He was born in Lund.") is None
    assert label(quiz, "c", 0, 9, "The flood hit Lund.") is None
    assert label(quiz, "c", 0, 9, "The flood hit Lundby.") == 0
    longer = Found("s", Asked("Who won?", ("Golden Eagles",), ("a",), (), "g"))
    assert label(longer, "a", 0, 9, "The Eagles won.") is None


def test_only_short_names_are_taken_as_answers_of_a_quiz() -> None:
    told = [("Lund",), ("New York",), ("97%",), ("All of the above",), ("they burned down",), ("The Eagles",)]
    assert [named(answers) for answers in told] == [True, True, False, False, False, False]


def test_rewordings_ask_the_same() -> None:
    told = {reworded("How many soldiers died in the raid?", random.Random(seed)) for seed in range(30)}
    assert ("noun phrase", "Number of soldiers that died in the raid") in told
    assert ("lower case", "how many soldiers died in the raid") in told
    assert {how for how, _ in filter(None, told)} == {"noun phrase", "lower case", "typo", "opener"}


def test_calibration_error_is_nought_for_true_probabilities_and_what_they_are_off_by_otherwise() -> None:
    told = np.repeat([0.2, 0.8], 50)
    right = np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [40, 10])])
    assert ece(told, right, bins=2) == pytest.approx(0)
    assert ece(told + 0.1, right, bins=2) == pytest.approx(0.1)
    assert 0 < expected_by_chance(told, bins=2) < 0.1
    assert auroc(told, right) == pytest.approx(0.8)


def test_a_fitted_regression_tells_true_probabilities_and_the_best_sentence_is_its_likeliest() -> None:
    rng = np.random.default_rng(1)
    x = np.hstack([rng.normal(size=(4000, 1)), np.zeros((4000, 1))]).astype(np.float32)
    y = (rng.random(4000) < 1 / (1 + np.exp(-2 * x[:, 0] + 1))).astype(np.int8)
    told = linear(x, y)(x)
    assert ece(told, y.astype(float)) < 0.03
    rows = Rows(x, y, np.repeat(np.arange(400, dtype=np.int32), 10), [])
    best = best_sentences(rows, told)
    assert len(best) == 400
    assert all(told[row] == told[n * 10 : n * 10 + 10].max() for n, row in enumerate(best))


def test_a_group_is_in_one_half() -> None:
    halves = {half_of(Found("s", Asked("?", (), (), (), "page", made))) for made in ("plain", "changed")}
    assert len(halves) == 1
    assert {half_of(Found("s", Asked("?", (), (), (), str(n)))) for n in range(20)} == {0, 1}


def test_a_negated_question_is_not_answered_by_a_sentence_that_denies_nothing() -> None:
    told = [negated(q) for q in ("Who mediated?", "When was it signed?", "Who will pay?", "Who opened it?", "Why?")]
    assert told == ["Who did not mediate?", "When wasn't it signed?", "Who won't pay?", "Who did not open it?", None]
    asked = Found("s", Asked("Who did not pay?", ("Oslo",), ("a",), ((0, 4),), "g", "negated"))
    assert label(asked, "a", 0, 20, "Oslo paid for it.") == 0
    assert label(asked, "a", 0, 20, "Riga did not pay.") is None

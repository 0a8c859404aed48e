"""Where a claim's words stand in a sentence, and what that makes of the judge's probabilities."""

from __future__ import annotations

import pytest

from rag.answering.alignment import FEATURES, Verifier, features, shipped_verifier
from rag.answering.verdict import verdict
from rag.models.judge import Judge, Judgement

SENTENCE = "On Tuesday Powell described Volcker as a hero of the Fed."
EVEN = Judgement(0.5, 0.5)


def known(claim: str, premise: str = SENTENCE) -> dict[str, float]:
    return dict(zip(FEATURES, features(claim, premise, [EVEN, Judgement(0.8, 0.2)], 0), strict=True))


def test_words_in_their_place_are_told_from_words_moved() -> None:
    same = known("Powell described Volcker as a hero of the Fed.")
    assert (same["verbatim"], same["pairs"], same["breaks"], same["unplaced"]) == (1, 1, 0, 0)
    moved = known("Volcker described Powell as a hero of the Fed.")
    # powell-describ and describ-volcker are gone, hero-fed stays; of the four pairs volcker-describ, describ-powell
    # and powell-hero are new.
    assert moved["verbatim"] == 0
    assert moved["pairs"] == pytest.approx(1 / 4)
    assert moved["breaks"] == 3
    assert moved["absent"] == 0


def test_the_judges_probabilities_are_log_odds() -> None:
    found = known("Powell spoke.")
    assert found["supported"] == pytest.approx(0)
    assert found["second"] == pytest.approx(1.3863, abs=1e-4)  # ln(.8 / .2)
    assert found["contradicted"] == pytest.approx(0)


def test_a_name_in_anothers_place_is_seen() -> None:
    found = known("Powell described Greenspan as a hero of the Fed.")
    assert found["renamed"] == 1
    assert found["absent"] == 1


@pytest.mark.parametrize(
    ("feature", "premise", "claim"),
    [
        ("hedge", "The mayor may close the bridge.", "The mayor closes the bridge."),
        ("denial", "The mayor did not close the bridge.", "The mayor closed the bridge."),
        ("report", "The mayor said repairs are late.", "Repairs are late."),
    ],
)
def test_a_reservation_left_out_is_counted(feature: str, premise: str, claim: str) -> None:
    assert known(claim, premise)[feature] == 1
    assert known(premise, premise)[feature] == 0


def test_a_verb_of_saying_or_a_by_that_only_the_claim_has() -> None:
    assert known("The report warned of delays.", "There are delays.")["reporting"] == 1
    assert known("The bridge was closed by the mayor.", "The mayor closed the bridge.")["by"] == 1
    assert known("The mayor closed the bridge.", "The bridge was closed by the mayor.")["by"] == -1


def test_the_probability_is_a_logistic_regression_of_second_degree() -> None:
    terms = len(FEATURES) + len(FEATURES) * (len(FEATURES) + 1) // 2
    weights = [0.0] * terms
    weights[0] = 1.0  # of the first feature
    weights[len(FEATURES)] = 0.5  # of its square
    verifier = Verifier((1.0,) * len(FEATURES), (2.0,) * len(FEATURES), tuple(weights), -1.5, 0.5)
    assert verifier.support([3.0] + [1.0] * (len(FEATURES) - 1)) == pytest.approx(0.5)  # -1.5 + 1 + .5


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("Powell described Volcker as a hero of the Fed.", True),
        ("Volcker described Powell as a hero of the Fed.", False),
    ],
)
def test_exchanged_names_are_not_supported(claim: str, supported: bool) -> None:
    found = verdict(claim, ["It rained all day in the north.", SENTENCE], Judge())
    assert (found.label == "supported") == supported
    assert bool(found.problems) != supported
    assert 0 <= found.support <= 1
    assert 0 < shipped_verifier().supports < 1

"""The verdict on claims: values and names that overrule, the judge's say, and hand-written claims about the briefs."""

from __future__ import annotations

from datetime import date

import pytest

from rag.answering.alignment import shipped_verifier
from rag.answering.verdict import Verdict, conflict, premise_of, verdict
from rag.language.sentences import sentences
from rag.language.words import content_stems
from rag.models.judge import Judge, shipped_judge
from rag.resources import resource
from tests.written_claims import CLAIMS

#: Of the 30 right and the 30 wrong claims in written_claims.py, what the shipped weights get wrong.
RIGHT_MARKED, WRONG_PASSED = 8, 5
DEAL = "Norland and Sudland signed the fishing treaty in Harbour City on 3 May 2021, after 14 months of talks."


@pytest.fixture(scope="module")
def judge() -> Judge:
    return shipped_judge()


def brief(name: str) -> list[str]:
    body = resource("samples", "briefs", f"{name}.md").read_text(encoding="utf-8").split("---", 2)[2]
    return [body[s.start : s.end] for s in sentences(body)]


def held_to(name: str, claim: str, judge: Judge) -> Verdict:
    texts = brief(name)
    wanted = set(content_stems(claim))
    order = sorted(range(len(texts)), key=lambda i: -len(wanted & set(content_stems(texts[i]))))[:12]
    return verdict(claim, [premise_of(texts[i], texts[i - 1] if i else "") for i in order], judge)


def test_what_a_sentence_says_is_supported_by_it(judge: Judge) -> None:
    found = verdict("The treaty was signed in Harbour City.", ["It rained all day in the north.", DEAL], judge)
    assert (found.label, found.best, found.problems) == ("supported", 1, ())
    assert shipped_verifier().supports <= found.support <= 1


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("The treaty was signed on 13 May 2021.", "it says 13 May 2021, the sentence says 3 May 2021"),
        ("The treaty came after 40 months of talks.", "it says 40, the sentence says 14"),
        ("Norland and Westmark signed the fishing treaty.", "the name Westmark is not in the sentences"),
    ],
)
def test_another_number_date_or_name_overrules_the_judge(judge: Judge, claim: str, words: str) -> None:
    found = verdict(claim, [DEAL], judge)
    assert found.label != "supported"
    assert any(words in problem for problem in found.problems)


def test_another_value_is_a_contradiction_and_an_absent_one_is_not_found(judge: Judge) -> None:
    assert verdict("The treaty was signed on 13 May 2021.", [DEAL], judge).label == "contradicted"
    assert verdict("The treaty was signed by 300 guests.", [DEAL], judge).label == "not found"


def test_names_in_other_forms_are_known(judge: Judge) -> None:
    found = verdict("Turkish and Qatari mediators spoke.", ["Mediators of Türkiye and Qatar spoke."], judge)
    assert not any("name" in problem for problem in found.problems)
    found = verdict("The UN asked for help.", ["The United Nations asked for help."], judge)
    assert not any("name" in problem for problem in found.problems)


def test_a_name_may_stand_in_the_title(judge: Judge) -> None:
    claim, premise = "The mayor of Orvelt Bay resigned.", "The mayor resigned on Monday."
    assert "the name Orvelt Bay is not in the sentences" in verdict(claim, [premise], judge).problems
    found = verdict(claim, [premise], judge, context="Orvelt Bay loses its mayor")
    assert not any("name" in problem for problem in found.problems)


def test_a_weekday_is_understood_by_the_day_of_publication(judge: Judge) -> None:
    premise = "The two ministers signed the treaty on Monday."
    asked = "The two ministers signed the treaty on 3 May 2021."
    found = verdict(asked, [premise], judge, published=date(2021, 5, 5))
    assert not any("3 May 2021" in problem for problem in found.problems)
    found = verdict(asked, [premise], judge, published=date(2021, 5, 13))
    assert "it says 3 May 2021, the sentence says Monday" in found.problems


def test_without_a_judge_nothing_is_supported() -> None:
    found = verdict(DEAL, ["Something else happened.", DEAL], None)
    assert (found.label, found.best, found.support) == ("not found", 1, 0.0)
    assert found.problems == ("no judge has read it",)


def test_without_premises_nothing_is_supported(judge: Judge) -> None:
    assert verdict(DEAL, [], judge) == Verdict("not found", None, 0.0, ("no sentence is cited",))


def test_problems_are_empty_exactly_when_supported(judge: Judge) -> None:
    for name, claim, _ in CLAIMS[::4]:
        found = held_to(name, claim, judge)
        assert (found.label == "supported") == (not found.problems)


def test_conflicts_are_told_from_agreement(judge: Judge) -> None:
    held = "The second round was held in Istanbul."
    assert conflict(held, "Doha hosted the second round of the talks.", judge, ("Istanbul", "Doha"))
    assert not conflict(held, "The first round was held in Doha.", judge, ("Istanbul", "Doha"))
    assert not conflict(held, "The minister flew to Doha.", judge, ("Istanbul", "Doha"))
    knew = "The crew had known of the fire for an hour, the coast guard said."
    assert conflict(knew, "Nobody in the crew knew of the fire, the owner said.", judge)
    assert not conflict(knew, "The coast guard found that the crew knew about the fire.", judge)
    assert not conflict(knew, "The owner never paid for the repair.", judge)


@pytest.fixture(scope="module")
def mistakes(judge: Judge) -> tuple[list[str], list[str]]:
    """The right claims that are marked and the wrong ones that pass, of 30 and 30 written by hand."""
    marked = {claim for name, claim, _ in CLAIMS if held_to(name, claim, judge).label != "supported"}
    right = [claim for _, claim, wrong in CLAIMS if not wrong and claim in marked]
    return right, [claim for _, claim, wrong in CLAIMS if wrong and claim not in marked]


def test_claims_written_by_hand_are_judged_no_worse_than_measured(mistakes: tuple[list[str], list[str]]) -> None:
    right_marked, wrong_passed = mistakes
    assert len(right_marked) <= RIGHT_MARKED, right_marked
    assert len(wrong_passed) <= WRONG_PASSED, wrong_passed


@pytest.mark.xfail(strict=True, reason="the goal for the judge; what is missed stands in its card")
def test_claims_written_by_hand_are_judged_well(mistakes: tuple[list[str], list[str]]) -> None:
    right_marked, wrong_passed = mistakes
    assert len(right_marked) <= 2
    assert len(wrong_passed) <= 3

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.claims import check_claim, parse_claims
from rag.types import Answer, Hit, Passage

TEXT = "The truce was signed in Doha on Oct. 19. Turkey and Qatar mediated; 25 militants died along a 2,600-km border."
HITS = [
    Hit(Passage("a#5-115", "a", TEXT, 5, 5 + len(TEXT), "Truce", "Desk", date(2025, 11, 9)), 1.0, 1),
    Hit(Passage("b#0-20", "b", "Nothing of the sort.", 0, 20, "Other", "Desk"), 0.5, 2),
]


def problems(answer: str) -> list[str]:
    (claim,) = parse_claims(answer, HITS)
    return list(check_claim(claim).problems)


def test_claims_end_at_their_marks() -> None:
    first, second = parse_claims("Turkey and Qatar mediated. [1]\nIt was signed in Doha [1, 2].", HITS)
    assert (first.text, [c.number for c in first.citations]) == ("Turkey and Qatar mediated.", [1])
    assert (second.text, [c.number for c in second.citations]) == ("It was signed in Doha.", [1, 2])
    assert first.citations[0].quote == "Turkey and Qatar mediated; 25 militants died along a 2,600-km border."
    assert second.citations[0].quote == "The truce was signed in Doha on Oct. 19."
    assert TEXT[first.citations[0].start - 5 : first.citations[0].end - 5] == first.citations[0].quote


def test_a_mark_that_points_nowhere_is_no_citation_but_remembered() -> None:
    (claim,) = parse_claims("Turkey mediated [3][0][1].", HITS)
    assert [c.number for c in claim.citations] == [1]
    assert claim.dangling == (0, 3)
    assert check_claim(claim).dangling == (0, 3)
    assert check_claim(claim).problems == ("there is no passage [0]", "there is no passage [3]")
    (claim,) = parse_claims("Turkey mediated [7].", HITS)
    assert (claim.citations, claim.dangling) == ((), (7,))
    assert check_claim(claim).problems == ("no passage is cited",)
    assert check_claim(claim).dangling == (7,)


def test_a_mark_that_points_nowhere_is_kept_with_the_answer() -> None:
    (claim,) = parse_claims("Turkey mediated [3][1].", HITS)
    answer = Answer("Q?", "Q?", "model", "m", (claim,), tuple(HITS))
    assert Answer.from_dict(answer.to_dict()) == answer
    saved = answer.to_dict()
    del saved["claims"][0]["dangling"]  # saved before it was remembered
    assert Answer.from_dict(saved).claims[0].dangling == ()


def test_words_without_a_mark_are_kept_and_marked() -> None:
    cited, bare = parse_claims("Turkey mediated [1]. And then it ended.", HITS)
    assert cited.citations
    assert (bare.text, bare.citations) == ("And then it ended.", ())
    assert parse_claims(" . \n", HITS) == ()


@pytest.mark.parametrize(
    "answer",
    [
        "Turkey and Qatar mediated the truce [1].",
        "The truce was signed in Doha on 19 October 2025 [1].",
        "It was signed on October 19 in Doha [1].",
        "25 militants died along the border of 2,600 kilometres [1].",
    ],
)
def test_what_the_passage_says_passes(answer: str) -> None:
    assert problems(answer) == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("It was Norway that mediated the truce [1].", "the name 'Norway' is not in the cited passage"),
        ("Turkey and Qatar mediated the truce [2].", "the name 'Qatar' is not in the cited passage"),
        (
            "The truce was signed in Doha on 9 November 2025 [1].",
            "the date '9 November 2025' is not in the cited passage",
        ),
        ("26 militants died along the border [1].", "the number '26' is not in the cited passage"),
        ("The border is 2,600 miles long [1].", "the number '2,600 miles' is not in the cited passage"),
        ("Football fans cheered happily yesterday evening [1].", "most of its words are not in the cited passage"),
    ],
)
def test_what_it_does_not_say_is_named(answer: str, problem: str) -> None:
    assert problem in problems(answer)


def test_support_is_the_share_of_content_words_found() -> None:
    (claim,) = parse_claims("Turkey mediated quietly twice [1].", HITS)
    assert check_claim(claim).support == 0.5


@given(st.text(alphabet="ab1[] ,;.\n9", max_size=60))
def test_no_citation_ever_points_nowhere(answer: str) -> None:
    for claim in parse_claims(answer, HITS):
        for citation in claim.citations:
            assert citation.passage == HITS[citation.number - 1].passage
            assert citation.quote
            assert citation.quote in citation.passage.text

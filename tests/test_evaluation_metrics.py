"""Each measure on cases that a hand can compute."""

from __future__ import annotations

import pytest

from rag.evaluation import metrics
from rag.evaluation.gold import Evidence, GoldItem
from rag.types import Answer, Citation, Claim, Hit, Passage


def item(*answers: list[str], evidence: tuple[Evidence, ...] = (Evidence("a"),), kind: str = "entity") -> GoldItem:
    return GoldItem("q", "Q?", tuple(map(tuple, answers)), evidence, kind, True)


def passage(article: str, text: str) -> Passage:
    return Passage(f"{article}#0-{len(text)}", article, text, 0, len(text))


def answer(*claims: tuple[str, list[Passage]]) -> Answer:
    made = tuple(Claim(text, tuple(Citation(n, p, 0, len(p.text)) for n, p in enumerate(ps, 1))) for text, ps in claims)
    hits = tuple(Hit(p, 1.0, 1) for _, ps in claims for p in ps)
    return Answer("Q?", "Q?", "model", "m", made, hits)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Turkey, and a Qatar!", ["turkey", "and", "qatar"]),
        ("$1.2 billion", ["1.2", "billion"]),
        ("2,600-kilometre", ["2600", "kilometre"]),
        ("38%", ["38", "percent"]),
        ("38 per cent", ["38", "percent"]),
        ("Türkiye's Erdoğan", ["turkiye", "erdogan"]),
        ("1,2 and 3,456", ["1,2", "and", "3456"]),
        ("", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert metrics.tokens(text) == expected


def test_exact_match_and_f1() -> None:
    assert metrics.exact_match("The Turkey and Qatar.", ["Turkey and Qatar"]) == 1.0
    assert metrics.exact_match("$1.2 billion", ["12 billion"]) == 0.0
    # 3 of 5 predicted tokens, 3 of 3 gold tokens: precision .6, recall 1
    assert metrics.token_f1("Turkey and Qatar mediated it", ["Norway", "Turkey and Qatar"]) == pytest.approx(0.75)
    assert metrics.token_f1("", ["x"]) == 0.0


@pytest.mark.parametrize(
    ("text", "alias", "held"),
    [
        ("25 militants", "5", False),
        ("25 militants", "25", True),
        ("a 38% drop", "38 percent", True),
        ("Doha, Qatar", "doha", True),
        ("Dohan", "Doha", False),
        ("x", "the", False),
    ],
)
def test_contains_respects_token_boundaries(text: str, alias: str, held: bool) -> None:
    assert metrics.contains(text, alias) is held


def test_every_required_answer_counts() -> None:
    conflict = item(["2,600 km", "2600"], ["2,670 km"])
    assert metrics.answer_scores("2,600 km or 2,670 km", conflict)[2] == 1.0
    assert metrics.answer_scores("2,600 km", conflict)[2] == 0.0
    assert metrics.answer_scores("2,670 km 2,600 km", conflict)[0] == 1.0
    # "2600 km 2670 km" against "2600 km": 2 common of 2 and 4
    assert metrics.answer_scores("2,600 km", conflict)[1] == pytest.approx(2 / 3)


def test_yes_and_no_count_as_the_first_word_only() -> None:
    assert metrics.answer_scores("No, they kept it.", item(["no"]))[2] == 1.0
    assert metrics.answer_scores("There were no casualties.", item(["no"]))[2] == 0.0


def test_retrieval() -> None:
    wanted = item(["Doha"], evidence=(Evidence("a"), Evidence("b", "in the Gulf")))
    hits = [
        Hit(passage("c", "Doha"), 3, 1),  # not an evidence article
        Hit(passage("a", "Oslo"), 2, 2),  # does not hold the answer
        Hit(passage("b", "Signed in the Gulf."), 1, 3),  # holds the quote
    ]
    assert [metrics.recall_at(hits, wanted, k) for k in (1, 2, 3, 8)] == [0, 0, 1, 1]
    assert metrics.reciprocal_rank(hits, wanted) == pytest.approx(1 / 3)
    assert metrics.reciprocal_rank(hits, wanted, k=2) == 0.0


def test_citations_by_evidence_overlap() -> None:
    wanted = item(["Doha"])
    right, wrong = passage("a", "In Doha."), passage("b", "In Doha.")
    found = answer(("In Doha.", [right, wrong]), ("Truly.", [wrong]), ("Bare.", []))
    # 1 of 3 citations is right; 1 of 3 claims has a right one
    assert metrics.citation_scores(found, wanted) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert metrics.citation_scores(answer(("In Doha.", [right])), wanted) == (1.0, 1.0)
    assert metrics.citation_scores(answer(), wanted) == (0.0, 0.0)


def test_quotes_are_looked_up_in_what_was_indexed() -> None:
    p = passage("a", "In Doha.")
    assert metrics.quotes_verbatim(answer(("x", [p])), {p.id: "In Doha."})
    assert not metrics.quotes_verbatim(answer(("x", [p])), {p.id: "In Oslo."})
    assert not metrics.quotes_verbatim(answer(("x", [p])), {})


def test_intervals() -> None:
    # Wilson, 8 of 10: (.8 + z²/20 ± z √(.016 + z²/400)) / (1 + z²/10), z = 1.959964
    assert metrics.wilson(8, 10) == (pytest.approx(0.49016, abs=1e-4), pytest.approx(0.94332, abs=1e-4))
    assert metrics.wilson(0, 0) == (0.0, 1.0)
    assert metrics.bootstrap([0.5] * 9) == (0.5, 0.5)
    low, high = metrics.bootstrap([0, 1] * 50)
    assert 0.35 < low < 0.45
    assert 0.55 < high < 0.65

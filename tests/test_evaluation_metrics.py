"""Each measure on cases that a hand can compute, and the rankings' against ir_measures."""

from __future__ import annotations

import random
import re
import string
import zlib
from collections import Counter
from collections.abc import Callable

import making
import numpy as np
import pytest

from rag.evaluation import metrics
from rag.evaluation.gold import Evidence, GoldItem
from rag.types import Answer, Citation, Claim, Hit, Passage, Query


def item(
    *answers: list[str], evidence: tuple[Evidence, ...] = (Evidence("a"),), kind: str = "entity", mode: str = "any",
    forbidden: tuple[str, ...] = (),
) -> GoldItem:  # fmt: skip
    return GoldItem(
        "q", "Q?", tuple(map(tuple, answers)), evidence, kind, True, evidence_mode=mode, forbidden=forbidden
    )


def passage(article: str, text: str) -> Passage:
    return making.passage(text, id_=article)


def hits(*found: tuple[str, str]) -> list[Hit]:
    return [Hit(passage(article, text), 1 / rank, rank) for rank, (article, text) in enumerate(found, 1)]


def answer(*claims: tuple[str, list[Passage]]) -> Answer:
    made, shown = [], []
    for text, passages in claims:
        found = [Hit(p, 1.0, n) for n, p in enumerate(passages, 1)]
        shown += found
        made.append(Claim(text, tuple(Citation(h, 0, len(h.passage.text)) for h in found), "supported"))
    return Answer("Q?", Query("Q?"), "model", "m", tuple(made), tuple(shown))


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
        ("The U.S. and the U.N.", ["us", "and", "un"]),
        ("Mr. Li of the E.U.", ["mr", "li", "of", "eu"]),
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


def published_squad(predicted: str, aliases: list[str]) -> tuple[float, float]:
    """Exact match and F1 by the definition of SQuAD v1.1 (Rajpurkar et al. 2016), as its evaluation script has it.

    Lower case, then punctuation out, then the articles out, then white space; the best over the aliases.
    """

    def normalised(text: str) -> list[str]:
        kept = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", kept).split()

    def f1(mine: list[str], theirs: list[str]) -> float:
        same = sum((Counter(mine) & Counter(theirs)).values())
        if same == 0:
            return 0.0
        precision, recall = same / len(mine), same / len(theirs)
        return 2 * precision * recall / (precision + recall)

    mine = normalised(predicted)
    return (
        max(float(" ".join(mine) == " ".join(normalised(alias))) for alias in aliases),
        max(f1(mine, normalised(alias)) for alias in aliases),
    )


def test_exact_match_and_f1_agree_with_squad_on_plain_words() -> None:
    """Without numbers, dots, hyphens, possessives and diacritics our normalisation is SQuAD's own."""
    draw = random.Random(15)
    words = "the The a an cat sat on mat, (Doha) Qatar; and Turkey! big Red theatre anthem".split()
    exact = partial = 0
    for _ in range(5000):
        predicted = " ".join(draw.choices(words, k=draw.randint(0, 6)))
        aliases = [" ".join(draw.choices(words, k=draw.randint(1, 4))) for _ in range(draw.randint(1, 3))]
        em, f1 = published_squad(predicted, aliases)
        assert metrics.exact_match(predicted, aliases) == em, (predicted, aliases)
        assert metrics.token_f1(predicted, aliases) == pytest.approx(f1, abs=1e-12), (predicted, aliases)
        exact += em == 1
        partial += 0 < f1 < 1
    assert exact > 50
    assert partial > 1000


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


@pytest.mark.parametrize(
    ("text", "alias", "same"),
    [
        ("It was signed on Oct. 19.", "19 October 2025", True),
        ("Jan. 19, 2025", "19 January 2025", True),
        ("2025-10-19", "October 19", True),
        ("In October 2025.", "19 October 2025", False),  # the day is not named
        ("19 October 2024", "19 October 2025", False),
        ("2025", "19 October 2025", False),
        ("by 38 percent", "38%", True),
        ("38 per cent", "38 percent", True),
        ("38 trucks", "38%", False),
        ("38 km", "38%", False),
        ("$1.2 billion", "1.2 billion dollars", True),
        ("$12 billion", "$1.2 billion", False),
        ("2600km", "2,600 kilometres", True),
        ("25 militants died", "25 militants", True),
        ("25 soldiers died", "25 militants", False),
        ("Twenty-five militants died", "25 militants", True),
        ("thirty percent", "30%", True),
        ("one hundred people", "100 people", True),
        ("26 died", "twenty-five", False),
        ("worth $1.2m", "$1.2 million", True),
        ("worth $1.2bn", "$1.2 million", False),
        ("25 soldiers and 30 militants died", "30 militants", True),
        ("25 militants and 30 soldiers died", "30 militants", False),  # a number belongs to its noun
        ("30 died", "30 militants", False),
        ("Militants: 30 died", "30 militants", True),  # no number says what it counts
        ("Doha", "Doha", False),  # no date or number in it: contains-match's business
    ],
)
def test_dates_and_numbers_are_the_same_however_they_are_written(text: str, alias: str, same: bool) -> None:
    assert metrics.same_value(text, alias) is same


def test_every_required_answer_counts() -> None:
    conflict = item(["2,600 km", "2600"], ["2,670 km"])
    both, one = metrics.answer_scores("2,600 km or 2,670 km", conflict), metrics.answer_scores("2,600 km", conflict)
    assert (both["contains_match"], one["contains_match"], one["value_match"]) == (1.0, 0.0, 0.0)
    assert metrics.answer_scores("2,670 km 2,600 km", conflict)["exact_match"] == 1.0
    # "2600 km 2670 km" against "2600 km": 2 common of 2 and 4
    assert one["token_f1"] == pytest.approx(2 / 3)
    spelled = metrics.answer_scores("2,600 kilometres; others say 2670 kilometers", conflict)
    assert (spelled["contains_match"], spelled["value_match"]) == (0.0, 1.0)


def test_hyphens_may_be_closed_up() -> None:
    for text, alias in (
        ("They agreed on a cease-fire.", "ceasefire"),
        ("They agreed on a ceasefire.", "cease-fire"),
        ("A 60-day cease-fire", "the 60-day ceasefire"),
        ("Saudi-led talks", "Saudi led"),
    ):
        assert metrics.answer_scores(text, item([alias]))["value_match"] == 1.0, (text, alias)
    assert metrics.answer_scores("a cease-fire", item(["ceasefire"]))["contains_match"] == 0.0, "as it always was"
    assert metrics.answer_scores("They will not cease. Fire!", item(["ceasefire"]))["value_match"] == 0.0


def test_yes_and_no_count_as_the_first_word_only() -> None:
    assert metrics.answer_scores("No, they kept it.", item(["no"]))["contains_match"] == 1.0
    assert metrics.answer_scores("There were no casualties.", item(["no"]))["contains_match"] == 0.0


def test_forbidden_answers() -> None:
    asked = item(["Doha"], forbidden=("Oslo", "5 May"))
    assert metrics.says_forbidden("In Oslo.", asked) == 1.0
    assert metrics.says_forbidden("In Doha on 15 May.", asked) == 0.0


# ---------------------------------------------------------------------- retrieval


def test_any_evidence_article_will_do() -> None:
    wanted = item(["Doha"], evidence=(Evidence("a"), Evidence("b", "in the Gulf")))
    found = hits(
        ("c", "Doha"),  # not an evidence article
        ("a", "Oslo"),  # does not hold the answer
        ("b", "Signed in the Gulf."),  # holds the quote
        ("a", "In Doha."),  # more of the same
    )
    ranking, relevant = metrics.judged(found, wanted)
    assert (ranking, relevant) == (["c#0-4", "a#0-4", "evidence", "a#0-8"], {"evidence"})
    assert [metrics.recall_at(ranking, relevant, k) for k in (1, 2, 3, 8)] == [0, 0, 1, 1]
    scores = metrics.retrieval_scores(found, wanted)
    assert scores["mrr_at_10"] == scores["map_at_10"] == pytest.approx(1 / 3)
    assert scores["hits_at_4"] == 1.0
    assert scores["ndcg_at_10"] == 0.5  # 1 / log2(4)


def test_where_all_evidence_is_needed_each_article_counts() -> None:
    wanted = item(["Doha"], evidence=(Evidence("a"), Evidence("b")), mode="all")
    found = hits(("a", "Doha"), ("a", "Doha again"), ("b", "Doha"))
    ranking, relevant = metrics.judged(found, wanted)
    assert [metrics.recall_at(ranking, relevant, k) for k in (1, 2, 3)] == [0.5, 0.5, 1.0]
    assert metrics.hits_at(ranking, relevant, 1) == 1.0
    assert metrics.average_precision(ranking, relevant) == pytest.approx((1 + 2 / 3) / 2)


def test_the_rankings_measures_agree_with_ir_measures() -> None:
    import ir_measures
    from ir_measures import AP, RR, R, Success, nDCG

    draw = random.Random(5)
    pool = [f"d{n}" for n in range(30)]
    runs = {f"q{n}": draw.sample(pool, draw.randint(0, 20)) for n in range(200)}
    relevant = {name: set(draw.sample(pool, draw.randint(1, 6))) for name in runs}
    ours: dict[object, Callable[[list[str], set[str]], float]] = {
        R @ 3: lambda ranking, wanted: metrics.recall_at(ranking, wanted, 3),
        R @ 8: lambda ranking, wanted: metrics.recall_at(ranking, wanted, 8),
        Success @ 4: lambda ranking, wanted: metrics.hits_at(ranking, wanted, 4),
        RR @ 10: metrics.reciprocal_rank,
        AP @ 10: metrics.average_precision,
        nDCG @ 10: metrics.ndcg,
    }
    theirs = ir_measures.iter_calc(
        list(ours),
        [ir_measures.Qrel(name, id_, 1) for name, wanted in relevant.items() for id_ in wanted],
        [ir_measures.ScoredDoc(name, id_, -rank) for name, run in runs.items() for rank, id_ in enumerate(run)],
    )
    compared = 0
    for found in theirs:
        mine = ours[found.measure](runs[found.query_id], relevant[found.query_id])
        assert mine == pytest.approx(found.value, abs=1e-9), (found, runs[found.query_id])
        compared += 1
    assert compared >= 6 * 180


# ---------------------------------------------------------------------- citations


def test_citations_by_evidence_overlap() -> None:
    wanted = item(["Doha"])
    right, wrong = passage("a", "In Doha."), passage("b", "In Doha.")
    found = metrics.citation_scores(answer(("In Doha.", [right, wrong]), ("Truly.", [wrong]), ("Bare.", [])), wanted)
    # 1 of 3 citations is right; 1 of 3 claims has a right one
    assert list(found.values()) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert list(metrics.citation_scores(answer(("In Doha.", [right])), wanted).values()) == [1.0, 1.0, 1.0]
    assert list(metrics.citation_scores(answer(), wanted).values()) == [0.0, 0.0, 0.0]


def test_citations_as_alce_judges_them() -> None:
    def entails(premise: str, hypothesis: str) -> bool:
        return all(word in premise.split() for word in hypothesis.split())

    def scores(*claims: tuple[str, list[Passage]]) -> list[float]:
        return list(metrics.entailed_citation_scores(answer(*claims), entails).values())

    x, y, z = passage("x", "one two"), passage("y", "three"), passage("z", "four")
    assert scores(("one", [x])) == [1.0, 1.0, 1.0]
    # Neither alone entails it, but neither can go: both are needed.
    assert scores(("one three", [x, y])) == [1.0, 1.0, 1.0]
    # z entails nothing, and without it the claim still stands: irrelevant.
    assert scores(("one", [x, z]))[:2] == [0.5, 1.0]
    # Not entailed: neither recalled nor precise. Nothing cited: not recalled.
    assert scores(("five", [x]), ("one", [])) == [0.0, 0.0, 0.0]
    assert scores(("one", [x]), ("one", []))[:2] == [1.0, 0.5]


def published_alce(made: Answer, entails: Callable[[str, str], bool]) -> tuple[float, float]:
    """Citation precision and recall of one answer, by the steps of ALCE's compute_autoais (Gao et al. 2023)."""
    supported = precise = cited = 0
    for claim in made.claims:
        passages = [citation.passage.text for citation in claim.citations]
        if not passages:
            continue  # not supported, and nothing to be precise about
        cited += len(passages)
        together = entails("\n".join(passages), claim.text)
        supported += together
        if not together or len(passages) == 1:
            precise += together
            continue
        for n, passage in enumerate(passages):
            alone = entails(passage, claim.text)
            without = entails("\n".join(passages[:n] + passages[n + 1 :]), claim.text)
            precise += alone or not without
    return (precise / cited if cited else 0.0, supported / len(made.claims) if made.claims else 0.0)


def test_citations_agree_with_alce_on_random_answers() -> None:
    draw = random.Random(16)

    def covers(premise: str, hypothesis: str) -> bool:
        return set(hypothesis.split()) <= set(premise.split())

    def fickle(premise: str, hypothesis: str) -> bool:
        """As models are: what a passage entails, it may not entail together with another."""
        return zlib.crc32(f"{premise}|{hypothesis}".encode()) % 3 > 0

    letters = "abcdef"
    between = 0
    for n in range(3000):
        pool = [passage(f"x{i}", " ".join(draw.sample(letters, draw.randint(1, 3))) + f" z{i}") for i in range(4)]
        made = answer(*(
            (" ".join(draw.sample(letters, draw.randint(1, 3))), draw.sample(pool, draw.randint(0, 3)))
            for _ in range(draw.randint(0, 4))
        ))  # fmt: skip
        entails = fickle if n % 2 else covers
        ours = list(metrics.entailed_citation_scores(made, entails).values())[:2]
        assert ours == pytest.approx(published_alce(made, entails), abs=1e-12), made
        between += 0 < ours[0] < 1
    assert between > 500


def test_quotes_are_looked_up_in_what_was_indexed() -> None:
    p = passage("a", "In Doha.")
    assert metrics.quotes_verbatim(answer(("x", [p])), {p.id: "In Doha."})
    assert not metrics.quotes_verbatim(answer(("x", [p])), {p.id: "In Oslo."})
    assert not metrics.quotes_verbatim(answer(("x", [p])), {})


# ---------------------------------------------------------------------- abstention and intervals


def test_risk_coverage() -> None:
    coverage, risk, area = metrics.risk_coverage([0.9, 0.2, 0.5, 0.5], [True, False, True, False])
    # .9: right; the two at .5 are answered together: 1 of 3 wrong; then 2 of 4
    assert coverage == [0.25, 0.75, 1.0]
    assert risk == pytest.approx([0, 1 / 3, 1 / 2])
    assert area == pytest.approx((0 + 2 * (1 / 3) + 1 / 2) / 4)
    # Of 8 questions asked half was refused: the curve ends there, the mean of the risk is the same.
    half = metrics.risk_coverage([0.9, 0.2, 0.5, 0.5], [True, False, True, False], asked=8)
    assert half == ([0.125, 0.375, 0.5], risk, area)
    assert metrics.risk_coverage([], []) == ([], [], 0.0)


def test_the_interval_of_the_area() -> None:
    """Against the slow way: the curve of every resample, question by question."""
    draw = random.Random(17)
    confidence = [draw.choice([0.1, 0.3, 0.5, 0.5, 0.9]) + draw.choice([0, 0.01]) for _ in range(40)]
    correct = [draw.random() < c for c in confidence]
    clusters = [f"a{draw.randrange(12):02}" for _ in range(40)]
    low, high = metrics.risk_coverage_interval(confidence, correct, clusters)
    names = sorted(set(clusters))
    areas = []
    for resample in np.random.default_rng(0).integers(0, len(names), size=(2000, len(names))):
        rows = [n for which in resample for n in range(40) if clusters[n] == names[which]]
        areas.append(metrics.risk_coverage([confidence[n] for n in rows], [correct[n] for n in rows])[2])
    assert (low, high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])))
    assert low < metrics.risk_coverage(confidence, correct)[2] < high
    assert metrics.risk_coverage_interval(confidence, [True] * 40, clusters) == (0.0, 0.0)
    assert metrics.risk_coverage_interval(confidence, correct, ["one"] * 40) == (0.0, 1.0)
    assert metrics.risk_coverage_interval([], [], []) == (0.0, 1.0)


def test_intervals() -> None:
    # Wilson, 8 of 10: (.8 + z²/20 ± z √(.016 + z²/400)) / (1 + z²/10), z = 1.959964
    assert metrics.wilson(8, 10) == (pytest.approx(0.49016, abs=1e-4), pytest.approx(0.94332, abs=1e-4))
    assert metrics.wilson(0, 0) == (0.0, 1.0)
    assert metrics.bootstrap([0.5] * 9) == (0.5, 0.5)
    low, high = metrics.bootstrap([0, 1] * 50)
    assert 0.35 < low < 0.45
    assert 0.55 < high < 0.65


def test_clusters_widen_an_interval() -> None:
    values = [0.0] * 50 + [1.0] * 50
    alone = metrics.bootstrap(values)
    clustered = metrics.bootstrap(values, [f"article {n // 25}" for n in range(100)])
    assert clustered[1] - clustered[0] > 2 * (alone[1] - alone[0])
    # One cluster says nothing of how far others lie from it.
    assert metrics.bootstrap(values, ["one"] * 100) == (0.0, 1.0)
    assert metrics.bootstrap([0.5], bounds=(-1.0, 1.0)) == (-1.0, 1.0)
    assert metrics.bootstrap([], bounds=(-1.0, 1.0)) == (-1.0, 1.0)
    assert metrics.bootstrap(values, seed=1) != alone

from __future__ import annotations

from collections import Counter

from rag.articles import load
from rag.evaluation import nuggets
from rag.evaluation.gold import check_quotes, read_gold
from rag.evaluation.metrics import contains
from rag.resources import resource
from rag.types import Article

BRIEFS = {a.id: a for a in load([resource("samples", "briefs")]) if isinstance(a, Article)}
GOLD = read_gold(resource("eval", "gold", "briefs.jsonl"), BRIEFS)

OPEN = read_gold(resource("eval", "gold", "open.jsonl"), BRIEFS)


def test_briefs_are_whole() -> None:
    assert len(BRIEFS) >= 10
    for brief in BRIEFS.values():
        assert brief.title
        assert brief.source.startswith("Sample Desk ")
        assert brief.published is not None
        assert 80 <= len(brief.text.split()) <= 250


def test_they_disagree_where_the_reporting_did() -> None:
    for values in (
        ("2,600", "2,670"),
        ("second round", "third round"),
        ("Wednesday", "Friday evening"),
        ("Turkey", "Türkiye"),
    ):
        speakers = [{id_ for id_, b in BRIEFS.items() if value in b.text} for value in values]
        assert all(speakers)
        assert speakers[0] != speakers[1]


def test_the_gold_set_is_large_and_a_quarter_is_unanswerable() -> None:
    assert len(GOLD) >= 60
    assert sum(not item.answerable for item in GOLD) >= len(GOLD) / 4
    assert {item.split for item in GOLD} == {"dev", "test"}
    assert sum(item.kind == "conflict" for item in GOLD) >= 4


def test_quotes_are_verbatim_and_answers_stand_in_their_evidence() -> None:
    check_quotes(GOLD, lambda id_: BRIEFS[id_].text)
    for item in GOLD:
        for aliases in item.answers:
            texts = [BRIEFS[article].text for article in item.articles]
            assert any(contains(text, alias) for text in texts for alias in aliases), (item.id, aliases)


def test_the_open_set_asks_in_every_way_and_a_sixth_is_unanswerable() -> None:
    assert len(OPEN) == 60
    kinds = Counter(item.kind for item in OPEN if item.answerable)
    assert set(kinds) == {
        "why", "how", "list", "summary", "compare", "conflict", "consequence", "definition", "yesno", "multi",
        "aggregate", "attribution",
    }  # fmt: skip
    assert min(kinds.values()) >= 2
    assert Counter(item.kind for item in OPEN if not item.answerable) == {"near-miss": 6, "false-premise": 4}
    assert {item.split for item in OPEN} == {"dev", "test"}
    assert len({item.question for item in OPEN}) == 60


def test_every_nugget_stands_in_an_evidence_article() -> None:
    for item in OPEN:
        texts = [nuggets.fold(f"{BRIEFS[article].title}. {BRIEFS[article].text}") for article in item.articles]
        for nugget in item.nuggets:
            assert item.kind == "aggregate" or any(nuggets.holds(text, nugget) for text in texts), (item.id, nugget)


def test_counts_over_the_sample_are_right() -> None:
    counts = {
        "How many articles mention Torkham?": "Torkham",
        "How many of the articles mention Zabihullah Mujahid?": "Zabihullah Mujahid",
    }
    asked = {item.question: item for item in OPEN if item.kind == "aggregate"}
    assert set(asked) == set(counts)
    for question, name in counts.items():
        holding = {id_ for id_, brief in BRIEFS.items() if name in f"{brief.title} {brief.text}"}
        (nugget,) = asked[question].nuggets
        assert str(len(holding)) in nugget.aliases
        assert holding == asked[question].articles

from __future__ import annotations

from rag.articles import load
from rag.evaluation.gold import check_quotes, read_gold
from rag.evaluation.metrics import contains
from rag.resources import resource
from rag.types import Article

BRIEFS = {a.id: a for a in load([resource("samples", "briefs")]) if isinstance(a, Article)}
GOLD = read_gold(resource("eval", "gold", "briefs.jsonl"), BRIEFS)


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

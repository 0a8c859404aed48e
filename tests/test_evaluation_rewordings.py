"""The same question in other words: what counts as the same answer, and whether the product gives it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.errors import GoldError
from rag.evaluation.command import bundled_gold, evaluate, gold_path, is_bundled
from rag.evaluation.gold import REWORDED, Evidence, GoldItem, read_gold
from rag.evaluation.runner import Report, run
from rag.settings import Settings
from rag.types import Answer, ArticleMeta, Citation, Claim, Hit, Passage, Query

BRIEFS = {item.id: item for item in read_gold(bundled_gold())}
REWORDINGS = read_gold(bundled_gold("rewordings"))
#: The share of pairs with the same answer that the product is held to.
BAR = 0.90


def test_every_question_has_two_rewordings_and_some_a_twin() -> None:
    same = [item for item in REWORDINGS if item.form in REWORDED]
    assert Counter(item.of for item in same) == dict.fromkeys(BRIEFS, 2)
    forms = Counter(item.form for item in same)
    assert set(forms) == set(REWORDED)
    assert min(forms.values()) >= 25
    twins = Counter(item.form for item in REWORDINGS if item.form not in REWORDED)
    assert twins == {"negated": 15, "false premise": 15}


def test_rewordings_want_what_the_original_wants() -> None:
    for item in REWORDINGS:
        original = BRIEFS[item.of]
        assert item.id.rsplit("~", 1)[0] == item.of
        assert item.question != original.question
        assert item.split == original.split
        if item.form in REWORDED:
            wanted = (original.answers, original.evidence, original.kind, original.answerable)
            assert (item.answers, item.evidence, item.kind, item.answerable) == wanted
        if item.form == "lower":
            assert item.question == item.question.lower()
        if item.form == "imperative":
            assert item.question.endswith(".")
        if item.form == "false premise":
            assert not item.answerable


def question(id_: str, answerable: bool = True, of: str = "", form: str = "") -> GoldItem:
    answers: Any = (("Oslo",),) if answerable else ()
    evidence = (Evidence("a"),) if answerable else ()
    kind = "place" if answerable else "unanswerable"
    return GoldItem(id_, f"{id_}?", answers, evidence, kind, answerable, of=of, form=form)


class Says:
    """A bot that answers by the id of the question: with words, their first one as the short answer, or not at all."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said
        self.retriever: Any = self

    def search(self, query: Query) -> list[Hit]:
        text = self.said[query.text.rstrip("?")] or "Nothing."
        return [Hit(Passage(ArticleMeta("a", "A"), text, 0, len(text)), 1.0, 1)]

    def ask(self, asked: str, **_: Any) -> Answer:
        text = self.said[asked.rstrip("?")]
        (hit,) = self.search(Query(asked))
        if not text:
            return Answer(asked, Query(asked), "abstention", "says", (), (hit,))
        claims = (Claim(text, (Citation(hit, 0, len(text)),)),)
        short = (Citation(hit, 0, len(text.split()[0])),)
        return Answer(asked, Query(asked), "extracts", "says", claims, (hit,), short=short)


def pairs(original: str, reworded: str, answerable: bool = True, form: str = "verb") -> Report:
    gold = [question("b", answerable, "a", form)]
    return run(gold, Says({"a": original, "b": reworded}), originals=[question("a", answerable)])


@pytest.mark.parametrize(
    ("original", "reworded", "answerable", "same", "short"),
    [
        ("Oslo it is", "Oslo it was", True, 1.0, 1.0),
        ("Oslo it is", "In Oslo", True, 1.0, 0.0),
        ("Oslo it is", "Bergen it is", True, 0.0, 0.0),
        ("Bergen it is", "Bergen it is", True, 1.0, 1.0),
        ("Oslo it is", "", True, 0.0, 0.0),
        ("", "", True, 1.0, None),
        ("", "", False, 1.0, None),
        ("Oslo", "", False, 0.0, 0.0),
        ("Oslo", "Oslo", False, 1.0, 1.0),
    ],
)
def test_the_same_answer(original: str, reworded: str, answerable: bool, same: float, short: float | None) -> None:
    found = pairs(original, reworded, answerable)
    assert found.summary["same_answer"].value == same
    assert (found.summary["same_short"].value if "same_short" in found.summary else None) == short
    assert found.by_kind["reworded: verb"].value == same
    assert len(found.results) == 1  # the original is no part of the report


def test_twins_are_no_pairs() -> None:
    found = pairs("Oslo", "", answerable=False, form="negated")
    assert "same_answer" not in found.summary
    assert found.by_kind == {"reworded: negated (right)": found.summary["right"]}


def test_what_is_reworded_is_looked_up_beside(tmp_path: Path, briefs: Settings) -> None:
    assert gold_path(Path("rewordings")) == bundled_gold("rewordings")
    assert is_bundled(bundled_gold("rewordings"))
    lone = {"id": "x~a", "of": "x", "form": "verb", "question": "Who?", "kind": "unanswerable", "answerable": False}
    (tmp_path / "lone.jsonl").write_text(json.dumps(lone))
    with pytest.raises(GoldError, match="rewords x"):
        evaluate(briefs, gold=tmp_path / "lone.jsonl")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_product_gives_the_same_answer_to_rewordings(briefs: Settings, tmp_path: Path) -> None:
    settings = replace(briefs, cache_dir=tmp_path / "cache")
    found = evaluate(settings, gold=Path("rewordings"), controls=False, out=tmp_path / "run").report
    same = found.summary["same_answer"]
    assert same.n == 2 * len(BRIEFS)
    assert same.value >= BAR, found.by_kind

"""Open questions: what counts as a nugget found, and how a run adds it up."""

from __future__ import annotations

import importlib.util
import json
import random
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.evaluation import nuggets
from rag.evaluation.command import format_table
from rag.evaluation.compare import compare, format_speakers
from rag.evaluation.controls import CLOSED_BOOK_OPEN, GoldRetriever, arms
from rag.evaluation.folder import read_run, write_run
from rag.evaluation.gold import Evidence, GoldItem, Nugget, faults, read_gold
from rag.evaluation.runner import Report, run
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Answer, ArticleMeta, Citation, Claim, Hit, Passage, Query


def nugget(*aliases: str, vital: bool = True) -> Nugget:
    return Nugget(aliases, vital)


@pytest.mark.parametrize(
    ("text", "alias", "found"),
    [
        ("Oslo mediated the talks.", "mediat*", True),
        ("An unmediated quarrel.", "mediat*", False),
        ("The fee fell to 38 percent.", "38%", True),
        ("2,600 people came", "2600", True),
        ("It cost $23m.", "$23 million", True),
        ("It cost 7bn kroner", "7 billion", True),
        ("600 houses", "60", False),
        ("102.63 euros", "102", False),
        ("1.60 euros", "60", False),
        ("see article-4", "4", False),
        ("It fell by four [4].", "4", False),
        ("It is so² [S1, S2] 【3】.", "2", False),
        ("It fell in 4 towns [1].", "4", True),
        ("ERDOĞAN spoke", "Erdogan", True),
        ("the “blue—green” plan", 'the "blue-green" plan', True),
        ("a ferry on the fjord", "ferry  on", True),
        ("a ferryman", "ferry", False),
        ("No, it did not.", "no", True),
        ("No one came.", "no", False),
        ("They asked twice. No. It stays shut.", "no", True),
        ("There is no bridge.", "no", False),
        ("Yes they did", "yes", True),
        ("The yes camp won", "yes", False),
    ],
)
def test_aliases(text: str, alias: str, found: bool) -> None:
    assert nuggets.holds(nuggets.fold(text), nugget(alias)) == found


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("The toll is 50.", True),
        ("The toll is 80, up from 50.", False),
        ("The toll is 80, not 50.", False),
        ("It isn't 50.", False),
        ("It was originally about 50, then 80.", False),
        ("It was not 80 but 50.", True),
        ("Not 50, but 80; others say 50.", True),
        ("Rather than 50 it is 80", False),
    ],
)
def test_a_wrong_answer_that_is_set_aside_is_not_given(text: str, given: bool) -> None:
    assert nuggets.gives(nuggets.fold(text), "50") == given


OPEN = [
    GoldItem(
        "w", "Why did the ferry stop?", (), (Evidence("ferry"),), "why", True,
        nuggets=(nugget("storm", "gale*"), nugget("engine"), nugget("Tuesday", vital=False)), forbidden=("strike",),
    ),
    GoldItem("l", "Which ports closed?", (), (Evidence("ferry"),), "list", True, nuggets=(nugget("Sund"),)),
    GoldItem(
        "f", "Why did the mayor resign?", (), (Evidence("mayor"),), "false-premise", False,
        nuggets=(nugget("did not resign"),),
    ),
    GoldItem("n", "What did the ferry cost?", (), (Evidence("ferry"),), "near-miss", False),
]  # fmt: skip


class Speaks:
    """A bot that says what it was given; without words it abstains."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said
        self.retriever: Any = self

    def search(self, query: Query) -> list[Hit]:
        text = "A gale and a broken engine stopped the ferry to Sund."
        return [Hit(Passage(ArticleMeta("ferry", "Ferry"), text, 0, len(text)), 1.0, 1)]

    def ask(self, question: str, **_: Any) -> Answer:
        text = self.said.get(question, "")
        hits = tuple(self.search(Query(question)))
        timings = {"evidence": 0.5, "first_token": 2.0, "total": 4.0}
        if not text:
            return Answer(question, Query(question), "abstention", "says", (), hits, timings=timings)
        claim = Claim(text, (Citation(hits[0], 0, 6),), "supported")
        return Answer(question, Query(question), "model", "says", (claim,), hits, timings=timings)


def report(*said: str, gold: Sequence[GoldItem] = OPEN) -> Report:
    return run(gold, Speaks(dict(zip([item.question for item in gold], said, strict=True))), model="says")


def test_nuggets_are_pooled_and_right_needs_all_vital_ones() -> None:
    found = report("A gale on Tuesday.", "Sund [1].", "He did not resign.", "")
    values = {name: (m.value, m.n) for name, m in found.summary.items()}
    assert values["vital_recall"] == (pytest.approx(2 / 3), 3)
    assert values["nugget_recall"] == (pytest.approx(3 / 4), 4)
    assert values["right"] == (0.75, 4)
    assert values["abstention_accuracy"] == (0.5, 2)
    assert values["false_abstention"] == (0.0, 2)
    assert values["forbidden_said"] == (0.0, 1)
    assert values["citation_precision"] == (1.0, 2)
    assert "contains_match" not in values
    assert found.wrong() == {"reading miss": 1}
    assert found.open_kinds["why"]["right"].value == 0.0
    assert found.open_kinds["why"]["vital_recall"].n == 2
    assert found.open_kinds["false-premise"]["right"].value == 1.0
    assert set(found.open_kinds["near-miss"]) == {"right", "abstention_accuracy"}
    assert found.cost["answer_words"] == {"median": 4.0, "p95": pytest.approx(4.0, abs=0.4), "n": 3}
    assert found.cost["seconds_evidence"]["median"] == 0.5


def test_what_is_forbidden_or_refused_or_failed_is_not_right() -> None:
    found = report("A gale and the engine; others say a strike.", "", "He left in anger.", "Seven crowns.")
    assert found.summary["right"].value == 0.0
    assert found.wrong() == {"should have abstained": 2, "said what is forbidden": 1, "wrong abstention": 1}
    assert found.summary["vital_recall"].value == pytest.approx(2 / 3)

    class Breaks(Speaks):
        def ask(self, question: str, **_: Any) -> Answer:
            raise RuntimeError("out of memory")

    broken = run(OPEN, Breaks({}), model="breaks")
    assert broken.summary["right"].value == broken.summary["vital_recall"].value == 0.0
    assert (broken.summary["vital_recall"].n, broken.summary["right"].n) == (3, 4)
    assert broken.summary["false_abstention"].value == 1.0


def test_the_folder_holds_it(tmp_path: Path) -> None:
    found = report("A gale and the engine.", "Sund.", "", "")
    write_run(found, tmp_path / "a")
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    vital = summary["open_kinds"]["why"]["vital_recall"]
    assert (vital["value"], vital["n"], vital["high"]) == (1.0, 2, 1.0)
    assert vital["low"] == pytest.approx(0.342, abs=0.01)
    suite = ET.parse(tmp_path / "a" / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert (properties["right"] or "").startswith("1.0000 [")
    assert (properties["why: vital_recall"] or "").endswith("n=2")
    page = (tmp_path / "a" / "report.html").read_text()
    assert "Open questions by kind" in page
    assert "vital_recall" in format_table(found)
    assert "false-premise" in format_table(found)

    write_run(report("A gale.", "", "He left.", ""), tmp_path / "b")
    table = format_speakers([read_run(tmp_path / "a"), read_run(tmp_path / "b")])
    (right,) = [line for line in table.splitlines() if line.startswith("right ")]
    assert right.split() == ["right", "1.000", "0.250"]
    assert "seconds_first_token (median)" in table


def test_runs_over_open_questions_are_compared_by_what_is_right(tmp_path: Path) -> None:
    gale = (nugget("gale"),)
    many = [GoldItem(f"w{n}", f"Why {n}?", (), (Evidence("ferry"),), "why", True, nuggets=gale) for n in range(20)]
    write_run(report(*["A gale."] * 20, gold=many), tmp_path / "before")
    write_run(report(*["A flood."] * 20, gold=many), tmp_path / "after")
    first, *_ = compare(read_run(tmp_path / "before"), read_run(tmp_path / "after"))
    assert (first.name, first.before, first.after, first.worse) == ("right", 1.0, 0.0, True)


def test_faults_of_nuggets(tmp_path: Path) -> None:
    good = {"id": "q", "question": "Why?", "kind": "why", "answerable": True, "evidence": ["a"], "as_of": None}
    lines = [
        good | {"nuggets": [{"aliases": ["storm"], "vital": True}]},
        good | {"id": "r", "nuggets": [{"aliases": ["…"], "vital": True}]},
        good | {"id": "s", "nuggets": [{"aliases": ["storm"], "vital": False}]},
        good | {"id": "t", "nuggets": []},
        good | {"id": "u", "nuggets": [{"aliases": []}]},
        good | {"id": "v"},
        good | {"id": "w", "nuggets": [{"aliases": ["storm"], "vital": True}], "of": "q"},
    ]
    (tmp_path / "open.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    items, found = faults(tmp_path / "open.jsonl")
    assert [item.id for item in items] == ["q"]
    assert {(fault.line, fault.field) for fault in found} == {
        (2, "nuggets"), (3, "nuggets"), (4, "nuggets"), (5, "nuggets"), (6, "answers"), (7, "form"),
    }  # fmt: skip


def test_gold_evidence_and_closed_book_take_open_questions(briefs: Settings) -> None:
    item = GoldItem(
        "o", "Why did the talks in October fail?", (), (Evidence("october-deadlock"),), "why", True,
        nuggets=(nugget("deflection"),),
    )  # fmt: skip
    from rag.answering.bot import Bot

    with Retriever.open(settings=briefs) as retriever:
        hits = GoldRetriever(retriever, [item]).search(Query.of(item.question))
        assert {hit.passage.article.id for hit in hits} == {"october-deadlock"}
        assert all("deflection" in hit.passage.text for hit in hits)
        assert all(len(hit.cosines) == len(hit.passage.sentences) for hit in hits)
        found = arms(Bot(retriever), retriever, [item])
        assert found["closed_book"].tokens == CLOSED_BOOK_OPEN[0]  # type: ignore[attr-defined]
        assert found["constant"].text == "deflection"  # type: ignore[attr-defined]


def test_it_agrees_with_the_published_scorer_on_random_answers(shared: Path) -> None:
    script = shared / "gold" / "score.py"
    spec = importlib.util.spec_from_file_location("published_score", script)
    assert spec is not None
    assert spec.loader is not None
    published = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(published)
    draw = random.Random(5)
    other = (
        "Yes. No, no one not from up 50 [1] [S1, S2] 38 percent 2,600 $23m 5bn . ; 【2】 ² never rather than".split()
    )
    for path in sorted((shared / "gold").glob("*-open.jsonl")):
        for raw, item in zip(map(json.loads, path.read_text().splitlines()), read_gold(path), strict=True):
            own = [alias for n in item.nuggets for alias in n.aliases] + list(item.forbidden) + other
            for _ in range(50):
                words = [draw.choice(own).replace("*", draw.choice(["", "ed"])) for _ in range(draw.randint(0, 12))]
                abstained = draw.random() < 0.15
                text = " ".join(words)
                theirs = published.judge(raw, {"text": text, "abstained": abstained})
                mine = nuggets.count("" if abstained else text, item)
                right = mine.complete and not abstained if item.answerable else abstained or mine.complete
                assert (mine.vital, mine.nuggets, list(mine.forbidden), right) == (
                    theirs["vital"], theirs["all"], theirs["bad"], theirs["right"],
                ), text  # fmt: skip

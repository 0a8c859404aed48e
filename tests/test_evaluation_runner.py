"""A run over a small gold set with bots that are good, and broken in ways that must show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.errors import GoldError, ModelError, SettingsError
from rag.evaluation.gold import check_quotes, read_gold
from rag.evaluation.runner import Report, format_table, run, write
from rag.evaluation.thresholds import violations
from rag.types import Answer, Citation, Claim, Hit, Passage

LINES: list[dict[str, Any]] = [
    {
        "id": f"q{n}",
        "question": f"Where is {n}?",
        "answers": [[f"place{n}"]],
        "evidence": [{"article": f"a{n}"}],
        "kind": "place",
        "answerable": True,
    }
    for n in range(4)
] + [{"id": "u", "question": "Why?", "answers": [], "evidence": [], "kind": "unanswerable", "answerable": False}]


def gold_file(folder: Path, lines: list[Any]) -> Path:
    path = folder / "gold.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n\n")
    return path


def hit(n: int, rank: int) -> Hit:
    text = f"It is in place{n}."
    return Hit(Passage(f"a{n}#0-{len(text)}", f"a{n}", text, 0, len(text)), 1 / rank, rank)


class Searches:
    def __init__(self, shuffled: bool) -> None:
        self.shuffled = shuffled

    def search(self, question: str, *, k: int | None = None) -> list[Hit]:
        if question == "Why?":
            return [hit(0, 1)]
        n = int(question.rsplit(maxsplit=1)[-1].strip("?"))
        return [hit((n + 1) % 4 if self.shuffled else n, 1)]


class FakeBot:
    """Right about everything, unless told to be broken in one way."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.retriever = Searches(fault == "shuffled passages")

    def ask(self, question: str) -> Answer:
        if self.fault == "crashes" and question.endswith("2?"):
            raise ModelError("It fell over.", "Run: rag doctor")
        hits = tuple(self.retriever.search(question))
        silent = question == "Why?" and self.fault not in {"never abstains"}
        if silent or self.fault == "always abstains":
            return Answer(question, question, "abstention", "fake", (), hits)
        text = hits[0].passage.text
        cited = (Citation(1, hits[0].passage, 0, len(text)),)
        if self.fault == "wrong citations":
            other = hit(7, 1)
            cited, hits = (Citation(1, other.passage, 0, len(text)),), (other,)
        if self.fault == "from memory":
            text = "It is in Atlantis."
        at = max(0, hits[0].passage.text.find("place"))
        short = (Citation(1, hits[0].passage, at, at + 6),)
        return Answer(question, question, "model", "fake", (Claim(text, cited, 1.0),), hits, short=short)


def report(tmp_path: Path, fault: str = "") -> Report:
    return run(read_gold(gold_file(tmp_path, LINES)), FakeBot(fault), model="fake")


def test_a_good_bot(tmp_path: Path) -> None:
    summary = report(tmp_path).summary
    assert {name: (m.value, m.n) for name, m in summary.items()} == {
        "recall_at_1": (1.0, 4),
        "recall_at_3": (1.0, 4),
        "recall_at_8": (1.0, 4),
        "mrr_at_10": (1.0, 4),
        "false_abstention": (0.0, 4),
        "exact_match": (0.0, 4),
        "token_f1": (
            pytest.approx(4 / 7),
            4,
        ),  # "It is in place0", "place0": the digit is a token, so 2 of 5 and 2 of 2
        "contains_match": (1.0, 4),
        "short_exact_match": (1.0, 4),
        "short_f1": (1.0, 4),
        "citation_precision": (1.0, 4),
        "citation_recall": (1.0, 4),
        "checks_passed": (1.0, 4),
        "verbatim_quotes": (1.0, 4),
        "abstention_accuracy": (1.0, 1),
    }


@pytest.mark.parametrize(
    ("fault", "measure", "value"),
    [
        ("shuffled passages", "recall_at_8", 0.0),
        ("shuffled passages", "contains_match", 0.0),
        ("always abstains", "false_abstention", 1.0),
        ("always abstains", "contains_match", 0.0),
        ("never abstains", "abstention_accuracy", 0.0),
        ("wrong citations", "citation_precision", 0.0),
        ("wrong citations", "verbatim_quotes", 1.0),
        ("from memory", "contains_match", 0.0),
        ("crashes", "contains_match", 0.75),
        ("crashes", "false_abstention", 0.25),
        ("crashes", "recall_at_3", 1.0),
    ],
)
def test_a_broken_bot_shows(tmp_path: Path, fault: str, measure: str, value: float) -> None:
    assert report(tmp_path, fault).summary[measure].value == value


def test_what_is_written_and_printed(tmp_path: Path) -> None:
    found = report(tmp_path, "crashes")
    table = format_table(found)
    assert ["contains_match", "0.750", "0.301", "to", "0.954", "4"] in [line.split() for line in table.splitlines()]
    assert "failed: q2: It fell over." in table
    write(found, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["q0", "q1", "q2", "q3", "u"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["summary"]["contains_match"]["n"] == 4
    alone = run(read_gold(gold_file(tmp_path, LINES)), FakeBot(), retrieval_only=True, limit=2)
    assert set(alone.summary) == {"recall_at_1", "recall_at_3", "recall_at_8", "mrr_at_10"}
    assert alone.summary["recall_at_1"].n == 2


def test_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(
        "[g.model]\ncontains_match = {min = 0.8}\nfalse_abstention = {max = 0.3}\nrecall_at_9 = {min = 0}\n"
        "[g.odd]\ncontains_match = 0.8\n"
    )
    assert violations(report(tmp_path, "crashes"), path, "g.model") == [
        "contains_match is 0.750, at least 0.8 is wanted",
        "recall_at_9 was not measured",
    ]
    for table in ("g.odd", "g.none"):
        with pytest.raises(SettingsError):
            violations(report(tmp_path), path, table)
    with pytest.raises(SettingsError, match="cannot be read"):
        violations(report(tmp_path), tmp_path / "none.toml", "g")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{broken", "line 2: not valid JSON"),
        ("[1]", "line 2: not a JSON object"),
        ({"id": ""}, "line 2: field 'id'"),
        ({"question": 3}, "field 'question'"),
        ({"answerable": "yes"}, "field 'answerable'"),
        ({"kind": "riddle"}, "field 'kind': 'riddle' is none of"),
        ({"answers": []}, "an answerable question needs one"),
        ({"answers": [[""]]}, "none empty"),
        ({"answerable": False}, "an unanswerable question has none"),
        ({"evidence": []}, "needs an article"),
        ({"evidence": [3]}, "field 'evidence'"),
        ({"evidence": [{"article": "a9"}]}, "no article 'a9'"),
        ({"split": "train"}, "neither dev nor test"),
        ({"id": "q0"}, "'q0' was used in line 1"),
    ],
)
def test_faults_are_named_by_line_and_field(tmp_path: Path, line: Any, words: str) -> None:
    if isinstance(line, dict):
        line = LINES[1] | line
    with pytest.raises(GoldError) as caught:
        read_gold(gold_file(tmp_path, [LINES[0], line]), {"a0", "a1"})
    assert words in str(caught.value)


def test_other_faults(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="holds no question"):
        read_gold(gold_file(tmp_path, []))
    with pytest.raises(GoldError, match="cannot be read"):
        read_gold(tmp_path / "none.jsonl")
    quoted = LINES[0] | {"evidence": [{"article": "a0", "quote": "it is"}]}
    items = read_gold(gold_file(tmp_path, [quoted]))
    check_quotes(items, lambda _: "Well, it is.")
    with pytest.raises(GoldError, match="the quote is not in 'a0'"):
        check_quotes(items, lambda _: "It is.")


def test_the_older_form(tmp_path: Path) -> None:
    old = {"id": "o", "question": "Q?", "answers": ["x", "y"], "articles": ["a1"], "kind": "date", "answerable": True}
    (item,) = read_gold(gold_file(tmp_path, [old]), {"a1"})
    assert item.answers == (("x", "y"),)
    assert item.articles == {"a1"}

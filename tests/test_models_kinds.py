"""The kind of a question is told in every form that a person may give it, from words alone."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from rag.errors import ModelBroken, ModelMissing
from rag.models.kinds import KINDS, KindClassifier, shipped_kinds
from rag.resources import resource

LABELLED = Path(__file__).parents[1] / "training/kinds_labelled.jsonl"


@pytest.mark.parametrize(
    ("kind", "questions"),
    [
        ("person", ["Who painted the ceiling?", "name of the pilot", "I'd like to know who sold the mine."]),
        ("place", ["Where is the copper mined?", "Location of the camp", "do you know where the ship sank"]),
        ("date", ["When was the treaty signed?", "date of the launch", "In what year did the canal open?"]),
        ("number", ["How many seats did they win?", "Height of the mast", "how long is the tunnel", "cost of the dam"]),
        ("entity", ["Which company built the pier?", "what was found in the cellar"]),
        ("definition", ["What is a quorum?", "define usury", "Who is Petra Halloran?"]),
        ("why", ["Why did the bridge close?", "reason for the strike", "what caused the collapse"]),
        ("how", ["How does the lock work?", "how did they escape from the island"]),
        ("list", ["Which countries signed the pact?", "List all the sponsors.", "Name the mediators."]),
        ("summary", ["Summarise the trial.", "What happened in Oran?", "overview of the talks"]),
        ("compare", ["How do Oslo and Riga differ on the quota?", "difference between the two plans"]),
        ("attribution", ["What did Halloran say about the pact?", "who said the vote was stolen"]),
        (
            "consequence",
            ["What has the drought done to farming?", "what happens next", "impact of the strike on trade"],
        ),
        ("yesno", ["Did the senate agree?", "is the road open again", "Was nobody hurt?"]),
        ("count", ["How many articles mention the ferry?", "which outlets covered the storm"]),
    ],
)
def test_each_kind_in_several_forms(kind: str, questions: list[str]) -> None:
    assert [shipped_kinds().classify(question).name for question in questions] == [kind] * len(questions)


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        ("date", "wehn did the museum open"),
        ("why", "whyy was the mayr arrested"),
        ("number", "how mnay died in the blst"),
    ],
)
def test_misspelt_questions_keep_their_kind(kind: str, question: str) -> None:
    assert shipped_kinds().classify(question).name == kind


def test_background_does_not_hide_what_is_asked() -> None:
    told = "The council met on Monday. Nobody knew where the money had gone, or why it was spent. " * 20
    assert shipped_kinds().classify(f"{told}When did the mayor resign?").name == "date"


def test_probabilities_are_of_all_kinds_and_add_up() -> None:
    for question in ("Who?", "中文?", "  ", "x " * 4000):
        kind = shipped_kinds().classify(question)
        assert set(kind.probabilities) == set(KINDS)
        assert sum(kind.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert kind.probabilities[kind.name] == max(kind.probabilities.values())


def test_questions_labelled_by_hand() -> None:
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if "question" in row and row["half"] == "test"]
    right = sum(shipped_kinds().classify(row["question"]).name == row["kind"] for row in rows)
    assert len(rows) >= 190
    assert right / len(rows) >= 0.87


def test_a_question_takes_little_time() -> None:
    classifier = shipped_kinds()
    classifier.classify("Who mediated the ceasefire between the two neighbours?")
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        classifier.classify("Who mediated the ceasefire between the two neighbours?")
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.002


def test_a_damaged_or_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="cannot be read"):
        KindClassifier(tmp_path)
    folder = shutil.copytree(resource("models", "kinds"), tmp_path / "kinds")
    with (folder / "weights.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelBroken, match="sha256"):
        KindClassifier(folder)
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelBroken, match="damaged"):
        KindClassifier(folder)

"""The shipped reader: exact known answers, regions, long texts, damaged files."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from rag.errors import ModelBroken, ModelMissing
from rag.models.reader import Reader, verify_reader
from rag.resources import resource

FOLDER = resource("models", "reader")
TEXT = "The treaty was signed in Oslo on 3 May 2021. Two ministers resigned on Friday."


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where was the treaty signed?", "Oslo"),
        ("When was the treaty signed?", "3 May 2021"),
        ("Who resigned?", "ministers"),
    ],
)
def test_exact_known_answers(reader: Reader, question: str, answer: str) -> None:
    (found,) = reader.read(question, [TEXT])[0]
    assert TEXT[found.start : found.end] == answer


def test_a_text_about_something_else_scores_below_the_answer(reader: Reader) -> None:
    other = "The match ended in a draw after extra time, and the crowd went home in the rain."
    (right,), (wrong,) = reader.read("Where was the treaty signed?", [TEXT, other])
    assert reader.probability(wrong.logit) < 0.2
    assert reader.probability(right.logit) > 0.5
    assert wrong.logit < reader.threshold < right.logit


def test_a_reading_stays_in_its_region(reader: Reader) -> None:
    first, second = (0, 44), (45, len(TEXT))
    (inside_first, inside_second) = reader.read("When was the treaty signed?", [TEXT], regions=[[first, second]])[0]
    assert TEXT[inside_first.start : inside_first.end] == "3 May 2021"
    assert second[0] <= inside_second.start < inside_second.end <= second[1]
    assert inside_second.logit < inside_first.logit


def test_a_text_reads_alike_whatever_is_read_with_it(reader: Reader) -> None:
    question, others = "Where was the treaty signed?", ["Rain. " * 150, "Nobody was hurt in Lima."]
    (alone,) = reader.read(question, [TEXT])
    assert reader.read(question, [others[0], TEXT, others[1]])[1] == alone


def test_a_long_text_is_read_to_its_end(reader: Reader) -> None:
    filler = "The weather was mild and nothing of note happened in the village that day. " * 60
    (found,) = reader.read("Where was the treaty signed?", [filler + TEXT])[0]
    assert (filler + TEXT)[found.start : found.end] == "Oslo"


def test_nothing_to_read(reader: Reader) -> None:
    assert reader.read("Where?", []) == []
    (empty,) = reader.read("Where?", [""])[0]
    assert (empty.start, empty.end) == (0, 0)
    assert empty.logit == -math.inf


def test_texts_read_together_are_read_as_if_alone(reader: Reader) -> None:
    other = "A short one."
    alone = reader.read("Where was the treaty signed?", [TEXT])[0][0]
    together = reader.read("Where was the treaty signed?", [other, TEXT, other])[1][0]
    assert (together.start, together.end) == (alone.start, alone.end)
    # Activations are quantised per batch, so scores differ a little.
    assert together.logit == pytest.approx(alone.logit, abs=1.0)


def test_the_shipped_files_match_their_checksums() -> None:
    assert verify_reader(FOLDER)["format"] == 1
    assert (FOLDER / "README.md").is_file()


def test_damaged_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="cannot be read"):
        Reader(tmp_path)
    for file in ("model.onnx", "manifest.json"):
        shutil.copy(FOLDER / file, tmp_path / file)
    with (tmp_path / "model.onnx").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(ModelBroken, match="sha256"):
        Reader(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ModelBroken, match="manifest"):
        Reader(tmp_path)

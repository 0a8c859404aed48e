"""The shipped judge: exact judgements, batches, threads, speed, damaged files."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.errors import ModelBroken, ModelMissing
from rag.models.judge import Judge, shipped_judge, verify_judge
from rag.resources import resource

FOLDER = resource("models", "judge")
PREMISE = "The council approved the new bridge on Friday, although the mayor had warned that it may cost too much."


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("The new bridge was approved by the council.", True),
        ("The mayor warned that the bridge may cost too much.", True),
        ("The council did not approve the new bridge.", False),
        ("The council rejected the new bridge.", False),
        pytest.param(
            "The mayor approved the new bridge.",
            False,
            marks=pytest.mark.xfail(strict=True, reason="who did what within a sentence is missed, see the card"),
        ),
        ("The bridge will be painted green.", False),
    ],
)
def test_exact_known_judgements(judge: Judge, claim: str, supported: bool) -> None:
    (found,) = judge.judge([(PREMISE, claim)])
    assert (found.supported >= judge.supports) == supported


def test_a_negation_contradicts_and_another_topic_does_not(judge: Judge) -> None:
    no, other = judge.judge(
        [(PREMISE, "The council did not approve the new bridge."), (PREMISE, "Three swimmers won medals in Rome.")]
    )
    assert no.contradicted > 0.5
    assert other.contradicted < 0.5
    assert other.supported < 0.2


def test_judgements_are_probabilities_in_the_order_given(judge: Judge) -> None:
    claims = [
        "The council approved the bridge.",
        "x",
        "The council rejected the bridge, and then the mayor resigned." * 9,
    ]
    together = judge.judge([(PREMISE, claim) for claim in claims])
    for claim, found in zip(claims, together, strict=True):
        assert 0 <= found.supported <= 1
        assert 0 <= found.contradicted <= 1
        assert found.supported + found.contradicted <= 1 + 1e-6
        (alone,) = judge.judge([(PREMISE, claim)])
        # Activations are quantised per batch, so probabilities differ a little.
        assert found.supported == pytest.approx(alone.supported, abs=0.15)


def test_nothing_to_judge(judge: Judge) -> None:
    assert judge.judge([]) == []
    (empty,) = judge.judge([("", "")])
    assert 0 <= empty.supported <= 1


def test_of_a_long_premise_the_end_is_read(judge: Judge) -> None:
    filler = "The weather was mild and nothing of note happened in the village that day. " * 40
    claim = "The council approved the new bridge."
    at_the_end, alone, at_the_start = judge.judge(
        [(filler + PREMISE, claim), (filler, claim), (PREMISE + filler, claim)]
    )
    assert at_the_end.supported > alone.supported + 0.02
    assert at_the_start.supported == pytest.approx(alone.supported, abs=0.02)


def test_one_judge_serves_many_threads(judge: Judge) -> None:
    claims = ["The council approved the new bridge.", "The council rejected the new bridge."] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda claim: judge.judge([(PREMISE, claim)])[0], claims))
    assert found[::2] == [found[0]] * 4
    assert found[1::2] == [found[1]] * 4


def test_a_claim_against_twelve_sentences_is_quick(judge: Judge) -> None:
    pairs = [(PREMISE, "The new bridge was approved by the council last week.")] * 12
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        judge.judge(pairs)
        best = min(best, time.process_time() - start)
    assert best < 0.3  # seconds of CPU time over all cores, .15 on two


def test_the_shipped_judge_is_loaded_once() -> None:
    assert shipped_judge() is shipped_judge()


def test_a_missing_or_damaged_judge_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="cannot be read"):
        verify_judge(tmp_path)
    shutil.copytree(FOLDER, tmp_path / "judge")
    (tmp_path / "judge/manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelBroken, match="damaged"):
        verify_judge(tmp_path / "judge")
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    (tmp_path / "judge/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with (tmp_path / "judge/model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelBroken, match="sha256"):
        verify_judge(tmp_path / "judge")

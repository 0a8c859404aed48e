"""Comparisons whose p values a hand can compute, and the exit status of each outcome."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rag.cli import main
from rag.errors import InputError
from rag.evaluation.compare import NotComparable, compare, holm, mcnemar, sign_flip
from rag.evaluation.folder import Run, bless, read_run
from rag.evaluation.runner import Metric


def a_run(folder: Path, right: int, n: int = 40, gold: str = "g", f1: float = 0.5) -> Run:
    """A run over n questions of which the first `right` were answered rightly."""
    folder.mkdir()
    rows: list[dict[str, Any]] = [
        {
            "id": f"q{i}",
            "cluster": f"a{i}",
            "scores": {"contains_match": float(i < right), "token_f1": f1, "false_abstention": float(i >= right)},
        }
        for i in range(n)
    ]
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mean = {"n": n, "low": 0.0, "high": 1.0}
    summary = {
        "contains_match": {"value": right / n, **mean},
        "token_f1": {"value": f1, **mean},
        "false_abstention": {"value": 1 - right / n, **mean},
    }
    raw = {"model": "extracts", "gold": gold, "n": n, "summary": summary, "about": {"gold_set": "g.jsonl",
           "retrieval_only": False}}  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(raw))
    return read_run(folder)


def changed(run: Run, summary: set[str], lacking: int = 0) -> Run:
    """The run, of which only these measures are left, and the first `lacking` questions have none at all."""
    raw = json.loads((run.folder / "summary.json").read_text())
    raw["summary"] = {name: value for name, value in raw["summary"].items() if name in summary}
    (run.folder / "summary.json").write_text(json.dumps(raw))
    rows: list[dict[str, Any]] = [dict(row) for row in run.rows]
    for n, row in enumerate(rows):
        row["scores"] = {name: v for name, v in row["scores"].items() if name in summary and n >= lacking}
    (run.folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_run(run.folder)


def status(*arguments: str | Path, **how: Any) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["eval", *map(str, arguments)], **how)
    return done.exit_code, done.output


def test_p_values() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 2**6)
    assert mcnemar(1, 1) == 1.0
    # Of the 2³ sign patterns, (+++) and (---) reach a sum of ±3.
    assert sign_flip([1.0, 1.0, 1.0]) == pytest.approx(2 / 8)
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([0.5]) == 1.0
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a": 0.03, "b": 0.06, "c": 0.06}


def test_a_loss_is_found_with_the_questions_that_flipped(tmp_path: Path) -> None:
    first, *others = compare(a_run(tmp_path / "a", 30), a_run(tmp_path / "b", 20))
    assert (first.name, first.before, first.after, first.n, first.primary) == ("contains_match", 0.75, 0.5, 40, True)
    assert first.worse
    assert not first.better
    assert first.p == pytest.approx(2 / 2**10)
    assert first.flipped == (tuple(f"q{i}" for i in range(20, 30)), ())
    assert first.high < 0
    of = {d.name: d for d in others}
    assert of["false_abstention"].worse, "more refusals are worse, though the number is higher"
    assert not of["token_f1"].worse


def test_a_small_change_is_no_regression(tmp_path: Path) -> None:
    first = compare(a_run(tmp_path / "a", 30), a_run(tmp_path / "b", 28))[0]
    assert (first.worse, first.p) == (False, 0.5)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one = a_run(tmp_path / "a", 30)
    with pytest.raises(NotComparable, match="different questions"):
        compare(one, a_run(tmp_path / "b", 30, gold="h"))
    with pytest.raises(NotComparable, match="share 10"):
        compare(a_run(tmp_path / "c", 3, n=10), a_run(tmp_path / "d", 3, n=10))
    with pytest.raises(InputError, match="not measured"):
        compare(one, one, ["beauty"])
    with pytest.raises(InputError, match="not a whole run"):
        read_run(tmp_path)


def test_the_search_alone_is_not_compared_with_answers(tmp_path: Path) -> None:
    full, search = a_run(tmp_path / "a", 30), changed(a_run(tmp_path / "b", 30), {"token_f1"})
    for before, after in ((full, search), (search, full)):
        code, told = status("compare", before.folder, after.folder)
        assert (code, "contains_match was not measured in both runs" in told) == (3, True)
    assert status("compare", full.folder, search.folder, "--measure", "token_f1")[0] == 0
    nothing = changed(a_run(tmp_path / "c", 30), set())
    with pytest.raises(NotComparable, match="What decides was not measured"):
        compare(nothing, nothing)


def test_a_measure_of_the_whole_is_shown_and_not_tested(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / name, 30) for name in "ab"]
    plain = compare(*runs)
    for run, area in zip(runs, (0.1, 0.25), strict=True):
        raw = json.loads((run.folder / "summary.json").read_text())
        raw["summary"]["risk_coverage_area"] = {"value": area, "n": 30, "low": 0.0, "high": 0.5}
        (run.folder / "summary.json").write_text(json.dumps(raw))
    before, after = (read_run(run.folder) for run in runs)
    assert compare(before, after) == plain, "it takes no part in Holm's correction"
    code, told = status("compare", before.folder, after.folder)
    assert code == 0
    assert "risk_coverage_area: 0.100 before, 0.250 after (of the run as a whole: no paired test)" in told
    code, told = status("compare", before.folder, after.folder, "--measure", "risk_coverage_area")
    assert (code, "no scores of single questions" in told) == (2, True)


def test_a_run_that_was_cut_is_no_run(tmp_path: Path) -> None:
    whole, cut = a_run(tmp_path / "a", 30), a_run(tmp_path / "b", 30)
    lines = (cut.folder / "results.jsonl").read_text().splitlines(keepends=True)
    (cut.folder / "results.jsonl").write_text("".join(lines[:-1]))
    code, told = status("compare", whole.folder, cut.folder)
    assert code == 2
    assert "results.jsonl has 39 lines, summary.json says 40" in told
    (cut.folder / "results.jsonl").write_text("".join(lines)[:-30])
    assert status("compare", whole.folder, cut.folder)[0] == 2
    (cut.folder / "results.jsonl").write_text("".join(lines[:-1]) + lines[0])
    with pytest.raises(NotComparable, match="hold different questions"):
        compare(whole, read_run(cut.folder))


def test_a_primary_measure_of_few_questions_decides_nothing(tmp_path: Path) -> None:
    measures = {"contains_match", "token_f1"}
    one, two = (changed(a_run(tmp_path / name, 30), measures, lacking=21) for name in "ab")
    code, told = status("compare", one.folder, two.folder)
    assert (code, "contains_match was measured for 19 questions; at least 20" in told) == (3, True)
    three = changed(a_run(tmp_path / "c", 30), measures, lacking=20)
    assert status("compare", three.folder, three.folder)[0] == 0


@pytest.mark.parametrize(("after", "gold", "wanted"), [(30, "g", 0), (36, "g", 0), (20, "g", 1), (30, "h", 3)])
def test_the_exit_status_tells(tmp_path: Path, after: int, gold: str, wanted: int) -> None:
    a_run(tmp_path / "a", 30)
    a_run(tmp_path / "b", after, gold=gold)
    done = CliRunner().invoke(main, ["eval", "compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert done.exit_code == wanted, done.output
    wrong = CliRunner().invoke(main, ["eval", "compare", str(tmp_path / "a"), str(tmp_path / "none")])
    assert wrong.exit_code == 2


def test_a_baseline_is_made_by_a_person_only(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a", 30)
    baseline = tmp_path / "baseline"
    piped = CliRunner().invoke(main, ["eval", "bless", str(run.folder), "--baseline", str(baseline)], input="yes\n")
    assert piped.exit_code == 2
    assert "a person" in piped.output
    assert not baseline.exists()
    bless(run, baseline)
    again = read_run(baseline)
    assert again.summary["contains_match"] == Metric(0.75, 40, 0.0, 1.0)
    assert not compare(again, run)[0].worse
    assert "question" not in (baseline / "results.jsonl").read_text()


def test_gate(tmp_path: Path) -> None:
    a_run(tmp_path / "a", 30)
    bounds = tmp_path / "t.toml"
    bounds.write_text("[g.extracts]\ncontains_match = {min = 0.8}\nfalse_abstention = {max = 0.1}\n")
    done = CliRunner().invoke(main, ["eval", "gate", str(tmp_path / "a"), "--thresholds", str(bounds)])
    assert done.exit_code == 1
    assert "contains_match is 0.750, at least 0.8 is wanted" in done.output
    assert "false_abstention is 0.250, at most 0.1 is wanted" in done.output
    bounds.write_text("[g.extracts]\ncontains_match = {min = 0.7}\n")
    done = CliRunner().invoke(main, ["eval", "gate", str(tmp_path / "a"), "--thresholds", str(bounds)])
    assert done.exit_code == 0


def test_gate_takes_the_newest_run(tmp_path: Path) -> None:
    bounds = tmp_path / "t.toml"
    bounds.write_text("[g.extracts]\ncontains_match = {min = 0.7}\n")
    home = {"DATELINE_DATA_DIR": str(tmp_path / "data")}
    code, told = status("gate", "--thresholds", bounds, env=home)
    assert code == 2
    assert "There is no run yet." in told
    (tmp_path / "data" / "eval").mkdir(parents=True)
    for age, (name, right) in enumerate((("b", 20), ("a", 40))):  # the newest is not the last by name
        summary = a_run(tmp_path / "data" / "eval" / name, right).folder / "summary.json"
        os.utime(summary, (1e9 + age, 1e9 + age))
    (tmp_path / "data" / "eval" / "unfinished").mkdir()
    code, told = status("gate", "--thresholds", bounds, env=home)
    assert (code, f"Run: {tmp_path / 'data' / 'eval' / 'a'}" in told) == (0, True)
    os.utime(tmp_path / "data" / "eval" / "b" / "summary.json", (1.1e9, 1.1e9))
    assert status("gate", "--thresholds", bounds, env=home)[0] == 1


def test_gate_refuses_a_part_of_a_gold_set(tmp_path: Path) -> None:
    bounds = tmp_path / "t.toml"
    bounds.write_text("[g.extracts]\ncontains_match = {min = 0.7}\n")
    folder = a_run(tmp_path / "a", 30).folder
    for limit, wanted in ((None, 0), (40, 3)):
        raw = json.loads((folder / "summary.json").read_text())
        raw["about"]["limit"] = limit
        (folder / "summary.json").write_text(json.dumps(raw))
        code, told = status("gate", folder, "--thresholds", bounds)
        assert (code, "asked 40 questions of its gold set" in told) == (wanted, limit is not None)

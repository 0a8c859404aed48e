"""`rag eval` with its real parts: the bundled set, the reader, a killed run, and the report in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.answering.bot import Bot
from rag.answering.finding import shipped_probability
from rag.errors import InputError, ModelError, ModelMissing
from rag.evaluation.command import choose_threshold, evaluate, fingerprint, gate
from rag.evaluation.compare import NotComparable
from rag.evaluation.folder import write_run
from rag.evaluation.gold import Evidence, GoldItem
from rag.evaluation.runner import run as run_gold
from rag.resources import resource
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Answer, Query

ROOT = Path(__file__).parent.parent
SOME = ("--model", "extracts", "--limit", "36", "--seed", "3")
Rag = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: Any, encoder_kept: Callable[[Path], Path]) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("home")
    return {"DATELINE_DATA_DIR": str(folder / "data"), "DATELINE_CACHE_DIR": str(encoder_kept(folder / "cache"))}


@pytest.fixture(scope="module")
def rag(home: dict[str, str]) -> Rag:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rag.cli", *arguments], cwd=ROOT, env=os.environ | home, capture_output=True,
            text=True, check=False, timeout=800,
        )  # fmt: skip

    return call


@pytest.fixture(scope="module")
def full(rag: Rag, tmp_path_factory: Any) -> Path:
    """A run of 36 of the bundled questions with the reader, with its controls."""
    out = tmp_path_factory.mktemp("full") / "run"
    done = rag("eval", "run", *SOME, "--controls", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "control gold_evidence" in done.stdout
    return out


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_full_run_holds_the_thresholds(rag: Rag, tmp_path: Path) -> None:
    done = rag("eval", "run", "--model", "extracts", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len((tmp_path / "run" / "results.jsonl").read_text().splitlines()) == 83
    assert rag("eval", "gate", str(tmp_path / "run")).returncode == 0


def test_a_run_has_its_controls(full: Path) -> None:
    summary = json.loads((full / "summary.json").read_text())
    assert summary["summary"]["verbatim_quotes"]["value"] == 1.0
    controls = {arm: values["contains_match"]["value"] for arm, values in summary["controls"].items()}
    assert controls["closed_book"] == 0.0, "extracts cannot speak without passages"
    assert controls["constant"] < 0.15
    assert controls["constant"] < summary["summary"]["contains_match"]["value"] <= controls["gold_evidence"] + 0.2
    assert summary["about"]["peak_memory_mb"] > 100
    assert summary["risk_coverage"]["area"] < 0.4
    assert len((full / "results.jsonl").read_text().splitlines()) == 36


def test_what_did_not_change_is_not_asked_again(full: Path, rag: Rag, tmp_path: Path) -> None:
    done = rag("eval", "run", *SOME, "--no-controls", "--out", str(tmp_path / "again"))
    assert done.returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "again" / "results.jsonl").read_text().splitlines()]
    assert all(row["cached"] for row in rows)
    same = rag("eval", "compare", str(full), str(tmp_path / "again"))
    assert same.returncode == 0
    assert "WORSE" not in same.stdout


def test_interrupted_and_taken_up_again(home: dict[str, str], tmp_path: Path, own_cache: Path) -> None:
    environment = os.environ | home | {"DATELINE_CACHE_DIR": str(own_cache)}
    command = [sys.executable, "-m", "rag.cli", "eval", "run", "--model", "extracts", "--limit", "80"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
        # A shell's background job ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    kept = own_cache / "eval" / "answers.sqlite"

    def count() -> int:
        if not kept.exists():
            return 0
        with sqlite3.connect(kept) as db:
            there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'answers'").fetchone()[0]
            return int(db.execute("SELECT count(*) FROM answers").fetchone()[0]) if there else 0

    for _ in range(1200):
        if count() >= 5:
            break
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from here" in told
    before = count()
    assert 5 <= before < 80
    out = tmp_path / "out"
    done = subprocess.run([*command, "--out", str(out)], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert sum(row["cached"] for row in rows) == before
    assert len(rows) == 80


def test_a_change_of_settings_or_articles_asks_anew(briefs: Settings) -> None:
    with Retriever.open(settings=briefs) as retriever:
        bot, changed = Bot.around(retriever, briefs), replace(briefs, k=5)
        assert fingerprint(bot, retriever) == fingerprint(bot, retriever)
        with Retriever.open(settings=changed) as fewer:
            assert fingerprint(bot, retriever) != fingerprint(Bot.around(fewer, fewer.settings), fewer)


def test_questions_drawn_by_a_seed(briefs: Settings, tmp_path: Path, own_cache: Path) -> None:
    settings = replace(briefs, cache_dir=own_cache, data_dir=tmp_path / "data")
    gold = tmp_path / "own.jsonl"  # the bundled set itself is asked of an index that is made for it each time
    gold.write_bytes(resource("eval", "gold", "briefs.jsonl").read_bytes())

    def ids(**how: Any) -> list[str]:
        found = evaluate(settings, gold=gold, retrieval_only=True, limit=6, **how)
        return [result.item.id for result in found.report.results]

    assert ids() == ["b001", "b002", "b003", "b004", "b005", "b006"]
    assert ids(seed=1) == ids(seed=1) != ids(seed=2)
    with pytest.raises(InputError, match="limit is 0"):
        evaluate(settings, limit=0)
    with pytest.raises(ModelMissing, match="cannot be loaded"):
        evaluate(settings, limit=1, entailment=str(tmp_path))


def test_only_a_run_of_fewer_questions_is_a_part(briefs: Settings, tmp_path: Path, own_cache: Path) -> None:
    settings = replace(briefs, cache_dir=own_cache, data_dir=tmp_path / "data")
    gold, bounds = tmp_path / "three.jsonl", tmp_path / "t.toml"
    lines = resource("eval", "gold", "briefs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    gold.write_text("".join(lines[:3]), encoding="utf-8")
    bounds.write_text("[three.retrieval]\nhits_at_10 = {min = 0.5}\n")
    for limit, marked in ((None, None), (3, None), (9, None), (2, 2)):
        found = evaluate(settings, gold=gold, retrieval_only=True, limit=limit, out=tmp_path / str(limit))
        assert found.report.about["limit"] == marked
        if not marked:
            assert gate(found.folder, bounds) == []
    with pytest.raises(NotComparable, match="asked 2 questions of its gold set"):
        gate(tmp_path / "2", bounds)
    for limit, arms in ((3, {"closed_book", "gold_evidence", "constant"}), (2, set())):
        found = evaluate(settings, gold=gold, limit=limit, out=tmp_path / "answered")
        assert set(found.report.controls) == arms, "a run of all questions has its controls, whatever the limit"


def test_fresh_keeps_the_answers_of_the_controls_too(briefs: Settings, tmp_path: Path, own_cache: Path) -> None:
    settings = replace(briefs, cache_dir=own_cache, data_dir=tmp_path / "data")
    gold = tmp_path / "one.jsonl"
    gold.write_text(resource("eval", "gold", "briefs.jsonl").read_text(encoding="utf-8").split("\n")[0] + "\n")
    evaluate(settings, gold=gold, fresh=True)
    with sqlite3.connect(own_cache / "eval" / "answers.sqlite") as db:
        assert db.execute("SELECT count(*) FROM answers").fetchone()[0] == 3  # itself, closed book, gold evidence


def test_what_is_wrong_is_told_before_anything_is_asked(briefs: Settings, tmp_path: Path) -> None:
    """Not after an hour of answers that then cannot be written or held against anything."""
    asked: list[Any] = []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="There are no thresholds at"):
        evaluate(briefs, thresholds=tmp_path / "none.toml", progress=asked.append)
    with pytest.raises(InputError, match="file is a file"):
        evaluate(briefs, out=tmp_path / "file", progress=asked.append)
    assert asked == []


def test_extracts_do_not_stand_in_for_a_model_that_is_not_there(
    briefs: Settings, tmp_path: Path, own_cache: Path
) -> None:
    gold = tmp_path / "one.jsonl"
    gold.write_text(resource("eval", "gold", "briefs.jsonl").read_text(encoding="utf-8").split("\n")[0] + "\n")
    missing = replace(briefs, model=str(tmp_path / "none.gguf"), cache_dir=own_cache)
    with pytest.raises(ModelError):
        evaluate(missing, gold=gold, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_validating_without_an_index_says_what_was_not_looked_up(rag: Rag) -> None:
    done = rag("eval", "validate", str(ROOT / "eval" / "gold" / "briefs.jsonl"))
    assert done.returncode == 0
    assert "Articles and quotes were not looked up; name the index with --index DIR." in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_threshold_is_chosen_on_dev(briefs: Settings, tmp_path: Path, own_cache: Path) -> None:
    found, in_use = choose_threshold(replace(briefs, cache_dir=own_cache))
    assert 0.0 < found.threshold < 1.0
    assert in_use == shipped_probability().threshold
    assert found.dev.refused[3] + found.test.refused[3] == 22
    strict, _ = choose_threshold(replace(briefs, cache_dir=own_cache), most_withheld=0.0)
    assert strict.dev.withheld[0] == 0.0


def test_the_report_in_a_browser(full: Path) -> None:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        for width in (1440, 390):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            fetched: list[str] = []
            tab.on("request", lambda request, fetched=fetched: fetched.append(request.url))
            tab.goto((full / "report.html").as_uri())
            assert fetched == [(full / "report.html").as_uri()], "one file, nothing fetched"
            assert tab.locator("svg[role=img]").count() == 2
            first = tab.locator("details").first
            first.locator("summary").first.click()
            assert first.locator("blockquote").first.is_visible()
            assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()


def test_a_report_shows_hostile_text_as_text(tmp_path: Path) -> None:
    evil = "<script>document.title = 1</script><img src=x onerror=alert(1)>"

    class Says:
        class retriever:
            @staticmethod
            def search(question: str, **_: Any) -> list[Any]:
                return []

        def ask(self, question: str, **_: Any) -> Answer:
            return Answer(question, Query(question), "abstention", evil, (), ())

    item = GoldItem("q", f"Who? {evil}", ((evil,),), (Evidence("a"),), "entity", True)
    write_run(run_gold([item], Says(), model=evil), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_without_the_extra_the_next_step_is_named() -> None:
    code = "import sys; sys.modules['junitparser'] = None; from rag.cli import main; main(['eval', 'run', 'open'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "junitparser" in done.stderr
    assert "dateline-rag[eval]" in done.stderr

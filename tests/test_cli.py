"""The command as a person runs it: real processes, real models."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rag.cli.console import ProgressBar
from rag.page.collections import collections_of
from rag.settings import Settings
from rag.types import Progress

ROOT = Path(__file__).parent.parent


def rag(*arguments: str, index: Path, cache: Path, **env: str) -> subprocess.CompletedProcess[str]:
    values = {
        "DATELINE_INDEX_DIR": str(index),
        "DATELINE_CACHE_DIR": str(cache),
        "DATELINE_DATA_DIR": f"{cache}/data",
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "rag.cli", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | values | env,
        cwd=ROOT,
        check=False,
        timeout=900,
    )


@pytest.fixture
def run(briefs: Settings, cache_dir: Path) -> Any:
    return lambda *arguments, **env: rag(*arguments, index=briefs.index_dir, cache=cache_dir, **env)


def test_index_then_status(tmp_path: Path, cache_dir: Path) -> None:
    folder, index = tmp_path / "in", tmp_path / "index"
    folder.mkdir()
    (folder / "a.txt").write_text("A Headline About Boats\n\nThe boats sailed from Bergen on Sunday.")
    (folder / "b.txt").write_bytes(b"\x00\x01")
    done = rag("index", str(folder), str(tmp_path / "none"), index=index, cache=cache_dir)
    assert done.returncode == 1
    assert "1 added, 0 replaced, 0 unchanged, 0 pruned; 1 passages" in done.stdout
    assert re.search(r"1 articles", done.stderr)
    assert "b.txt: The file is not text." in done.stderr
    assert "none: There is no such file or folder." in done.stderr
    (folder / "b.txt").unlink()
    again = rag("index", str(folder), "--prune", index=index, cache=cache_dir)
    assert (again.returncode, again.stdout.startswith("0 added, 0 replaced, 1 unchanged")) == (0, True)
    status = rag("status", "--json", index=index, cache=cache_dir)
    assert json.loads(status.stdout)["articles"] == 1
    listed = rag("status", "--articles", index=index, cache=cache_dir)
    assert "A Headline About Boats" in listed.stdout


def test_ask_prints_the_answer_the_sources_and_the_quotes(run: Any) -> None:
    done = run("ask", "Where was the ceasefire signed?", "--model", "extracts")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Verbatim from the articles")
    assert "Doha" in done.stdout
    assert re.search(r"^  \[1\] .+ — Sample Desk \w, 2025-\d\d-\d\d$", done.stdout, re.M)
    assert "      “" in done.stdout


def test_ask_as_json_with_the_embedded_model(run: Any) -> None:
    done = run(
        "ask", "Where was the ceasefire signed?", "--json", "--source", "Sample Desk A", "--model", "smollm2-135m"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["model"] == "SmolLM2-135M-Instruct"
    hits = {hit["number"]: hit for hit in answer["hits"]}
    assert {hit["article"]["source"] for hit in hits.values()} == {"Sample Desk A"}
    for claim in answer["claims"]:
        for citation in claim["citations"]:
            assert citation["quote"] in hits[citation["number"]]["text"]


def test_a_collection_of_the_page_is_asked_alone(run: Any, tmp_path: Path) -> None:
    mine = {"DATELINE_DATA_DIR": str(tmp_path), "DATELINE_MODEL": "extracts"}
    collections_of(tmp_path, None).make("Warnings", ["asif-warning"])
    found = run("search", "Where was the ceasefire signed?", "--collection", "warnings", **mine)
    assert set(re.findall(r"^   (\S+)#", found.stdout, re.M)) == {"asif-warning"}
    told = json.loads(run("timeline", "--json", "--collection", "Warnings", **mine).stdout)
    assert {article["id"] for event in told["events"] for article in event["articles"]} == {"asif-warning"}
    unknown = run("ask", "Who mediated?", "--collection", "Warning", **mine)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "There is no collection 'Warning'." in unknown.stderr
    assert "Collections: Warnings." in unknown.stderr


def test_search(run: Any) -> None:
    done = run("search", "who mediated?", "-k", "3")
    assert done.stdout.count("score") == 3
    assert "bm25_rank 1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ask", "  "], 2, ["The question is empty", "rag ask"]),
        (["ask", "x" * 8001], 2, ["8,001 characters"]),
        (["ask", "Who?", "--since", "soon"], 2, ["YYYY-MM-DD"]),
        (["ask", "Who?", "--source", "Nobody"], 2, ["Known sources: Sample Desk A"]),
        (["ask", "Who?", "--model", "missing.gguf"], 1, ["missing.gguf cannot be read", "--model"]),
        (["ask", "Who?", "--model", "README.md"], 1, ["README.md is not a GGUF file"]),
        (["ask", "Who?", "--model", "gpt-9"], 1, ["There is no model 'gpt-9'", "smollm2-135m"]),
        (["ask", "Who?", "--model", "http://127.0.0.1:9"], 1, ["cannot be reached"]),
        (["ask", "Who?", "-k", "0"], 2, ["k is 0"]),
        (["ask", "Who?", "--index", "/nowhere"], 1, ["There is no index in /nowhere", "rag index"]),
        (["index"], 2, ["Nothing to index", "rag index --sample"]),
        (["models", "fetch", "nothing"], 1, ["There is no model 'nothing'"]),
        (["chat", "--host", "0.0.0.0", "--no-open"], 2, ["needs a login", "--auth name:password"]),
        (["eval", "none.jsonl"], 2, ["none.jsonl cannot be read"]),
    ],
)
def test_bad_input_is_told_in_words_with_the_next_step(
    run: Any, arguments: list[str], code: int, words: list[str]
) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr
    assert "Next: " in done.stderr
    for word in words:
        assert word in done.stderr


def test_an_index_of_another_model_names_the_way_out(run: Any) -> None:
    done = run("search", "who?", DATELINE_PASSAGE_TOKENS="128")
    assert done.returncode == 1
    assert "passage_tokens 192" in done.stderr
    assert "settings say 128" in done.stderr
    assert "rag index --rebuild" in done.stderr


def test_models_are_listed(run: Any) -> None:
    done = run("models", "list")
    assert done.returncode == 0
    assert re.search(r"^smollm2-135m +embedded +0\.10 GB on disk +0\.\d GB RAM .*right 0\.\d", done.stdout, re.M)
    assert done.stdout.count("fetchable") >= 3


def test_eval_tells_what_is_below_a_threshold(run: Any, tmp_path: Path) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text("[briefs.retrieval]\nrecall_at_1 = {min = 1.1}\n")
    worse = run("eval", "--retrieval-only", "--limit", "4", "--thresholds", str(strict))
    assert worse.returncode == 1
    assert "Below threshold: recall_at_1" in worse.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_eval_with_the_embedded_model(run: Any) -> None:
    done = run("eval", "--model", "smollm2-135m", "--no-controls", "--limit", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "model: SmolLM2-135M-Instruct" in done.stdout


def test_the_bar_of_an_indexing_shows_count_total_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar() as bar:
        for done in (10, 100):
            bar.show(Progress("reading", done, 100, "bytes"))
            bar.show(Progress("reading", done, None))
        for done in range(1, 41):
            bar.show(Progress("indexing", done, 80))
            time.sleep(0.005)
    shown = capsys.readouterr().err
    assert re.search(r"indexing:\s+\d+%.*\d+/80 \[\d\d:\d\d<\d\d:\d\d,\s+[\d.]+ articles/s\]", shown), shown

"""A run on disk: one self-contained folder, written and read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import InputError
from rag.evaluation.report import to_html
from rag.evaluation.runner import Metric, Report, cluster

RESULTS, SUMMARY, JUNIT, HTML = "results.jsonl", "summary.json", "junit.xml", "report.html"


@dataclass(frozen=True, slots=True)
class Run:
    """A run read back.

    Attributes:
        rows: the lines of results.jsonl.
        summary: measures by name.
        gold: digest of the items asked.
        cost: median, 95th percentile and n of seconds, tokens and words, by name.
    """

    folder: Path
    model: str
    gold: str
    rows: tuple[dict[str, Any], ...]
    summary: dict[str, Metric]
    about: dict[str, Any]
    cost: dict[str, dict[str, float]] = field(default_factory=dict)


def write_run(report: Report, folder: Path) -> None:
    """Write results.jsonl (a line per question), summary.json, junit.xml and report.html; the summary last.

    Raises:
        InputError: the folder cannot be written.
    """
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps(result.to_dict() | {"cluster": cluster(result.item)}, ensure_ascii=False)
            for result in report.results
        ]
        (folder / SUMMARY).unlink(missing_ok=True)  # until the new one is there, this is no whole run
        summary = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
        _write(folder / RESULTS, "\n".join(lines) + "\n")
        _write(folder / JUNIT, _junit(report))
        _write(folder / HTML, to_html(report))
        _write(folder / SUMMARY, summary + "\n")


def read_run(folder: Path) -> Run:
    """A run that `write_run` wrote (or a baseline).

    Raises:
        InputError: it is not there, or not whole.
    """
    try:
        raw = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        # Not splitlines(): U+2028 and its like may stand inside a JSON string.
        lines = [line for line in (folder / RESULTS).read_text(encoding="utf-8").split("\n") if line]
        if len(lines) != raw["n"]:
            raise ValueError(f"{RESULTS} has {len(lines)} lines, {SUMMARY} says {raw['n']}")
        return Run(
            folder,
            raw["model"],
            raw["gold"],
            tuple(json.loads(line) for line in lines),
            {name: Metric(**value) for name, value in raw["summary"].items()},
            raw["about"],
            raw.get("cost", {}),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is not a whole run: {type(error).__name__}: {error}.", "Make one with: rag eval run --out FOLDER"
        ) from error


def bless(run: Run, baseline: Path) -> None:
    """Make a run the baseline: what `compare` needs of it, and nothing of the articles.

    Raises:
        InputError: the folder cannot be written.
    """
    with _disk_errors(baseline):
        baseline.mkdir(parents=True, exist_ok=True)
        keep = ("id", "scores", "cluster")
        lines = [json.dumps({name: row[name] for name in keep}, ensure_ascii=False) for row in run.rows]
        _write(baseline / RESULTS, "\n".join(lines) + "\n")
        summary = json.loads((run.folder / SUMMARY).read_text(encoding="utf-8"))
        kept = {name: summary[name] for name in ("model", "gold", "n", "summary", "about")}
        _write(baseline / SUMMARY, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # half a surrogate pair, as JSON writes it


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _junit(report: Report) -> str:
    """The run as JUnit XML, which CI systems read: a question that went wrong is a failed test."""
    from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

    suite = TestSuite(_xml(f"rag eval: {report.model}"))
    for name, m in report.summary.items():
        suite.add_property(name, f"{m.value:.4f} [{m.low:.4f}, {m.high:.4f}] n={m.n}")
    for kind, measures in report.open_kinds.items():
        for name, m in measures.items():
            suite.add_property(f"{kind}: {name}", f"{m.value:.4f} [{m.low:.4f}, {m.high:.4f}] n={m.n}")
    for result in report.results:
        case = TestCase(_xml(f"{result.item.id}: {result.item.question}"), classname=result.item.kind)
        case.time = result.answer.timings.get("total", 0.0) if result.answer else 0.0
        if result.error:
            case.result = [Error(_xml(result.error))]
        elif result.wrong:
            case.result = [Failure(result.wrong)]
            case.system_out = _xml(result.text)
        suite.add_testcase(case)
    xml = JUnitXml("rag eval")
    xml.add_testsuite(suite)
    text: str | bytes = xml.tostring()
    return text.decode() if isinstance(text, bytes) else text


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}.", "Name another folder with --out.") from error

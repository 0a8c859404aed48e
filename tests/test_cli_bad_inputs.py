"""The command line at its worst: each bad input is told in words, at once, and none is a traceback."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from rag.cli import main
from rag.settings import Settings

#: Seconds that any refusal may take, the first import of a library included.
LONGEST = 20.0
DAYS = [
    "yesterday",
    "2025-13-01",
    "2025-02-30",
    "20251301",
    "2025",
    "",
    "99999-01-01",
    "2025-01-01T25:00",
    "\x00",
    "０",
]
BAD_FILES: dict[str, bytes] = {
    "empty.txt": b"",
    "picture.png": b"\x89PNG\r\n",
    "noise.txt": bytes(range(256)) * 9,
    "broken.pdf": b"%PDF-1.4 x",
    "broken.json": b"{",
    "list.json": b"[1, 2]",
    "null.json": b"null",
    "broken.jsonl": b"{}\n{",
    "broken.xml": b"<rss>",
    "front.md": b"---\na: [\n---\nText here.",
    "bare.html": b"<html></html>",
    "deep.json": b"[" * 100_000,
    "address.jsonl": b'{"title": "T", "text": "Some text here.", "url": "http://[x"}\n',
    "half.jsonl": b'{"title": "T", "text": "Some \\ud800 text.", "author": "\\udfff"}\n{"text": 5}\n',
    "README.txt": b"x",
    "none.xyz": b"text",
    "bomb.yaml": b"a: b",
}
GOLD = {
    "no.jsonl": None,
    "empty.jsonl": b"",
    "word.jsonl": b"word\n",
    "list.jsonl": b"[]\n",
    "null.jsonl": b"null\n",
    "half.jsonl": b'{"id": "a"',
    "lacks.jsonl": b'{"id": "a"}\n',
    "bytes.jsonl": b"\xff\xfe\x00",
    "deep.jsonl": b"[" * 99_999,
    "number.jsonl": b'{"id": 1, "question": 2, "answers": 3}\n',
    "huge.jsonl": b'{"id": "a", "x": 1' + b"0" * 9999 + b"}\n",
}
SETTINGS = {
    "DATELINE_K": "many",
    "DATELINE_PORT": "70000",
    "DATELINE_THRESHOLD": "nan",
    "DATELINE_PASSAGE_TOKENS": "5",
    "DATELINE_PASSAGE_OVERLAP": "999999",
    "DATELINE_CONTEXT_TOKENS": "1",
    "DATELINE_THREADS": "-1",
    "DATELINE_ALLOW_PRIVATE_URLS": "perhaps",
    "DATELINE_SETTINGS": "/no/such/file.toml",
    "DATELINE_MAX_PER_ARTICLE": "0",
}


def run(*arguments: str, folder: Path, environment: dict[str, str] | None = None, stdin: str = "") -> Result:
    """One command; a hang or a traceback fails here."""
    started = time.monotonic()
    result = CliRunner().invoke(main, list(arguments), env=environment or {}, input=stdin)
    assert time.monotonic() - started < LONGEST, arguments
    assert result.exception is None or isinstance(result.exception, SystemExit), (arguments, result.exception)
    return result


def refused(*arguments: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    """A command that must be refused, with what is wrong and what to do next."""
    result = run(*arguments, folder=folder, environment=environment)
    said = result.output
    assert result.exit_code in {1, 2, 3}, (arguments, said)
    assert "Traceback" not in said
    assert "Error" in said or "Refused" in said, (arguments, said)
    assert "Next:" in said or "Usage:" in said or "Refused" in said, (arguments, said)
    assert "\x1b" not in said.replace("\x1b[31m", "").replace("\x1b[0m", "")
    return said


@pytest.fixture(scope="module")
def folder(briefs: Settings, tmp_path_factory: Any) -> Iterator[Path]:
    """A working directory with an index of the briefs and files of every bad kind."""
    found: Path = tmp_path_factory.mktemp("bad")
    shutil.copytree(briefs.index_dir, found / "index")
    for place, files in (("files", BAD_FILES), ("gold", GOLD)):
        (found / place).mkdir()
        for name, content in files.items():
            if content is not None:
                (found / place / name).write_bytes(content)
    (found / "nothing").mkdir()
    (found / "text").write_text("text", encoding="utf-8")
    before, here = {n: v for n, v in os.environ.items() if n.startswith("DATELINE_")}, Path.cwd()
    os.environ |= {
        "DATELINE_INDEX_DIR": str(found / "index"),
        "DATELINE_DATA_DIR": str(found / "data"),
        "DATELINE_CACHE_DIR": str(briefs.cache_dir),
        "DATELINE_MODEL": "extracts",
    }
    os.chdir(found)
    yield found
    os.chdir(here)
    for name in [name for name in os.environ if name.startswith("DATELINE_")]:
        del os.environ[name]
    os.environ |= before


# ---------------------------------------------------------------------- what each command is given


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "no/such/file",
        "\x00",
        "x" * 5000,
        "~nobody/x",
        "http://",
        "http://[x",
        "http://a..b/",
        "https://127.0.0.1:1/",
        "http://x:99999/",
        "ftp://x",
        "-",
        "\udcff",
        "http://\u0660/",
    ],
)
def test_index_of_what_is_no_article(folder: Path, given: str) -> None:
    refused("index", given, folder=folder)
    assert not (folder / "index" / "rebuilding").exists()


@pytest.mark.parametrize("name", BAD_FILES)
def test_index_of_a_bad_file(folder: Path, name: str) -> None:
    result = run("index", f"files/{name}", "--index", str(folder / "other"), folder=folder)
    assert result.exit_code in {0, 1}, result.output
    if name in {"broken.json", "picture.png", "broken.pdf", "empty.txt", "none.xyz"}:
        assert "Refused" in result.output


def test_index_of_nothing(folder: Path) -> None:
    refused("index", folder=folder)
    refused("index", "nothing", folder=folder)
    refused("index", "text", "--index", "text", folder=folder)
    refused("index", "text", "--index", "text/below", folder=folder)
    refused("index", "text", "--index", "", folder=folder)
    refused("index", "text", "--index", "/proc/nothing", folder=folder)


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize("question", ["", " ", "?!", "\x00", "x" * 50_000, "\udcff"])
def test_what_is_no_question(folder: Path, command: str, question: str) -> None:
    refused(command, question, folder=folder)


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize("option", ["--since", "--until", "--as-of"])
def test_what_is_no_day(folder: Path, command: str, option: str) -> None:
    for day in DAYS:
        refused(command, "Who mediated?", option, day, folder=folder)
    refused(command, "Who mediated?", "--since", "2025-12-01", "--until", "2025-01-01", folder=folder)


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize("k", ["0", "-1", "51", "x", "1.5", "", "9" * 30])
def test_what_is_no_number(folder: Path, command: str, k: str) -> None:
    refused(command, "Who mediated?", "-k", k, folder=folder)


@pytest.mark.parametrize("source", ["Nobody", "", "\x1b[31m", "%", "'; --"])
def test_what_is_no_source(folder: Path, source: str) -> None:
    refused("ask", "Who mediated?", "--source", source, folder=folder)
    refused("search", "Who mediated?", "--source", source, folder=folder)


@pytest.mark.parametrize(
    "model",
    [
        "nothing",
        "",
        "no/such.gguf",
        "text",
        ".",
        "http://127.0.0.1:1/v1",
        "http://",
        "http://[x",
        "\x00",
        "../../etc/passwd",
    ],
)
def test_what_is_no_model(folder: Path, model: str) -> None:
    refused("ask", "Who mediated?", "--model", model, folder=folder)


@pytest.mark.parametrize(
    "command", [["ask", "Who?"], ["search", "Who?"], ["status"], ["eval", "run", "gold/lacks.jsonl"]]
)
@pytest.mark.parametrize("index", ["no/such/index", "text", "nothing", "~nobody", "x" * 5000])
def test_what_is_no_index(folder: Path, command: list[str], index: str) -> None:
    refused(*command, "--index", index, folder=folder)


@pytest.mark.parametrize("command", [["ask", "Who?"], ["search", "Who?"], ["status"], ["index", "text"]])
@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00", "other"])
def test_a_file_that_is_no_index(folder: Path, command: list[str], content: bytes | str, tmp_path: Path) -> None:
    rows = tmp_path / "index.sqlite"
    if isinstance(content, bytes):
        rows.write_bytes(content)
    else:
        with sqlite3.connect(rows) as db:
            db.execute("CREATE TABLE articles (x)")
        db.close()
    if content == b"" and command[0] == "index":
        return  # an empty file is an empty database
    refused(*command, "--index", str(tmp_path), folder=folder)


@pytest.mark.parametrize("name", GOLD)
@pytest.mark.parametrize("command", [["run", "--retrieval-only"], ["validate"], ["calibrate"]])
def test_what_is_no_gold_set(folder: Path, command: list[str], name: str) -> None:
    result = run("eval", command[0], f"gold/{name}", *command[1:], folder=folder)
    assert result.exit_code in {1, 2, 3}, result.output
    assert result.output.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--limit", "0"],
        ["run", "--limit", "-5"],
        ["run", "--jobs", "0"],
        ["run", "--thresholds", "no.toml"],
        ["run", "--thresholds", "text", "--limit", "1", "--retrieval-only"],
        ["run", "--out", "text/x", "--limit", "1", "--retrieval-only"],
        ["compare", "no", "no"],
        ["compare", "text", "text"],
        ["compare", "nothing", "nothing"],
        ["compare"],
        ["gate", "no"],
        ["gate", "nothing"],
        ["gate", "text"],
        ["bless", "no"],
        ["bless", "nothing"],
        ["speakers", "no"],
        ["speakers", "nothing"],
        ["import", "squad", "no.json", "--out", "out"],
        ["import", "squad", "text", "--out", "out"],
        ["import", "rgb", "files/broken.json", "--out", "out"],
        ["import", "realtimeqa", "files/list.json", "--out", "out"],
        ["import", "multihop-rag", "files/null.json", "--out", "out"],
        ["import", "nothing", "x", "--out", "out"],
        ["import", "squad", "files", "--out", "out"],
        ["calibrate", "--most-withheld", "2"],
        ["calibrate", "--most-withheld", "x"],
        ["gold-from-feedback", "--feedback", "text"],
        ["gold-from-feedback", "--feedback", "nothing"],
        ["gold-from-feedback", "--feedback", "no"],
        ["gold-from-feedback", "--out", "text"],
        ["gold-from-feedback", "--out", "no/x"],
        ["nothing"],
        ["validate"],
        ["validate", "nothing"],
        ["run", "nothing"],
    ],
    ids=" ".join,
)
def test_what_eval_cannot_use(folder: Path, arguments: list[str]) -> None:
    result = run("eval", *arguments, folder=folder)
    assert result.exit_code in {1, 2, 3}, result.output
    assert result.output.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "fetch", "nothing"],
        ["models", "fetch", ""],
        ["models", "fetch", "../x"],
        ["models"],
        ["nothing"],
        ["--nothing"],
        ["ask"],
        ["ask", "a", "b"],
        ["status", "x"],
        ["doctor", "x"],
    ],
    ids=" ".join,
)
def test_what_is_no_command(folder: Path, arguments: list[str]) -> None:
    result = run(*arguments, folder=folder)
    assert result.exit_code in {1, 2}, result.output
    assert result.output.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "-1"],
        ["--port", "x"],
        ["--host", "nosuch.invalid"],
        ["--host", "0.0.0.0"],
        ["--host", "192.0.2.1", "--auth", "a:b"],
        ["--host", "a..b", "--auth", "a:b"],
        ["--host", "http://127.0.0.1", "--auth", "a:b"],
        ["--auth", "nobody"],
        ["--auth", ":x"],
        ["--auth", "a:"],
        ["--auth", "@no/such/file"],
        ["--auth", "a:b,a:c"],
        ["--auth", ","],
        ["--allowed-host", "a/b"],
        ["--model", "nothing"],
        ["--index", "text"],
    ],
    ids=" ".join,
)
def test_what_the_page_cannot_use(folder: Path, arguments: list[str]) -> None:
    port = [] if "--port" in arguments else ["--port", "0"]
    refused("chat", "--no-open", *port, *arguments, folder=folder)


def test_a_taken_port(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused("chat", "--no-open", "--port", str(taken.getsockname()[1]), folder=folder)
    assert "is taken" in said


@pytest.mark.parametrize(("name", "value"), SETTINGS.items())
def test_what_is_no_setting(folder: Path, name: str, value: str) -> None:
    for command in (["status"], ["ask", "Who?"], ["index", "text"], ["models", "list"]):
        refused(*command, folder=folder, environment={name: value})


@pytest.mark.parametrize(
    "content", ["x", "[", "k = 'x'", "nothing = 1", "k = 99", "index_dir = 5", "allowed_hosts = ['x']", "\x00"]
)
def test_what_is_no_settings_file(folder: Path, content: str, tmp_path: Path) -> None:
    file = tmp_path / "dateline.toml"
    file.write_text(content, encoding="utf-8")
    refused("status", folder=folder, environment={"DATELINE_SETTINGS": str(file), "DATELINE_INDEX_DIR": ""})


NASTY = ["", " ", "\udcff", "../x", "no/such", "9" * 30, "-1", "1e999", "http://[x", "x" * 5000, "%s", "'; --",
         "\x1b[31m", "2026-02-31", "\u202e", "--", "@x", "a:b:c", "{", "~nobody"]  # fmt: skip


def _leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _leaves(inner, (*path, name))
    elif path[0] not in {"chat", "doctor", "watch"}:  # which go on, or do much, where what they are given is good
        yield path, command


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_drawn_command_line_ends_in_a_traceback(folder: Path) -> None:
    """Every command, bad values for what it takes and a few flags. (No command line holds a zero byte.)"""
    draw, leaves, odd = random.Random(3), list(_leaves(main)), []
    for n in range(200):
        path, command = leaves[n % len(leaves)]
        given = list(path)
        for param in command.params:
            named = max(param.opts, key=len)
            if isinstance(param, click.Option) and param.is_flag:
                given += [named] if draw.random() < 0.2 and named != "--help" else []
            elif isinstance(param, click.Argument) or draw.random() < 0.4:
                value = draw.choice(NASTY)
                given += [value] if isinstance(param, click.Argument) else [named, value]
        started = time.monotonic()
        result = CliRunner().invoke(main, given, env={"DATELINE_INDEX_DIR": str(folder / "index")}, input="")
        odd += [(given, repr(result.exception))] if not isinstance(result.exception, SystemExit | None) else []
        odd += [(given, "hangs")] if time.monotonic() - started > 3 * LONGEST else []
    assert odd == []


# ---------------------------------------------------------------------- when it is noticed


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "Who?", "--since", "yesterday"],
        ["ask", ""],
        ["search", "Who?", "--until", "x"],
        ["ask", "Who?", "-k", "99"],
        ["index", ""],
        ["chat", "--host", "0.0.0.0"],
    ],
    ids=" ".join,
)
def test_it_is_noticed_before_any_model_is_loaded(folder: Path, arguments: list[str]) -> None:
    heavy = ["torch", "onnxruntime", "llama_cpp", "sentence_transformers", "faiss", "transformers"]
    code = (
        "import sys; from click.testing import CliRunner; from rag.cli import main\n"
        f"result = CliRunner().invoke(main, {arguments!r})\n"
        f"print(result.exit_code, sorted(set(sys.modules) & set({heavy!r})))"
    )
    root = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": root}
    )
    assert done.stdout.split(maxsplit=1)[1].strip() == "[]", done.stdout
    assert done.stdout.startswith(("1", "2"))


def test_what_articles_say_does_nothing_to_the_terminal(folder: Path) -> None:
    evil = {
        "id": "\x1b[2Jid",
        "title": "Flood \x1b]0;owned\x07 in Elgin",
        "source": "Desk\x9b31m",
        "author": "\x1b[8m",
        "url": "https://e.test/\x1b[31m",
        "text": "The river \x1b[1A flooded Elgin\u202e on Monday.",
    }
    (folder / "evil.jsonl").write_text(json.dumps(evil) + "\n" + json.dumps(evil | {"id": "\x1b[3J"}) + "\n")
    index = str(folder / "evil-index")
    for command in (
        ["index", "evil.jsonl"],
        ["index", "evil.jsonl", "no\x1b[31mfile"],
        ["status", "--articles"],
        ["status", "--json"],
        ["search", "flood Elgin"],
        ["ask", "Where was the flood?"],
        ["ask", "Where was the flood?", "--json"],
        ["ask", "Where was the flood?", "--source", "nobody"],
        ["doctor"],
    ):
        said = CliRunner().invoke(main, [*command, "--index", index]).output
        assert not [c for c in said if (c < " " and c not in "\n\t\r") or "\x7f" <= c <= "\x9f" or c == "\u202e"], (
            command
        )

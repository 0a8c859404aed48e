"""What other programs may send to the page, at its worst: each bad input is told in words, and none is a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages import serving

from rag.settings import Settings

WHO: list[Any] = ["Who?", [], "", "", 0, "", []]
DEEP = b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}"


def asked(**change: Any) -> list[Any]:
    """Arguments of `ask` with one of them changed."""
    names = ["question", "sources", "since", "until", "k", "model", "collections"]
    return [change.get(name, usual) for name, usual in zip(names, WHO, strict=True)]


#: function, arguments, words of the answer
CALLS: list[tuple[str, Any, str]] = [
    ("ask", [], "enough input values"),
    ("ask", ["Who?"], "enough input values"),
    ("ask", [1, 2, 3, 4, 5, 6, 7], "question is no text"),
    ("ask", [None] * 7, "question is empty"),
    ("ask", asked(question=""), "question is empty"),
    ("ask", asked(question="\x00"), "question is empty"),
    ("ask", asked(question="?!"), "question is empty"),
    ("ask", asked(question={"a": 1}), "question is no text"),
    ("ask", asked(question=["Who?"]), "question is no text"),
    ("ask", asked(question=True), "question is no text"),
    ("ask", asked(question="\ud800 who?"), "half a character"),
    ("ask", asked(question="Who? " * 10_000), "characters; the limit is"),
    ("ask", asked(sources="x"), "no list of texts"),
    ("ask", asked(sources=[1]), "no list of texts"),
    ("ask", asked(sources={"a": 1}), "no list of texts"),
    ("ask", asked(sources=[None]), "no list of texts"),
    ("ask", asked(sources=["Nobody"]), "Known sources"),
    ("ask", asked(sources=["\udfff"]), "half a character"),
    ("ask", asked(since="yesterday"), "YYYY-MM-DD"),
    ("ask", asked(since="2025-02-30"), "YYYY-MM-DD"),
    ("ask", asked(since=5), "since is no text"),
    ("ask", asked(until="99999-01-01"), "YYYY-MM-DD"),
    ("ask", asked(until=["2025-01-01"]), "until is no text"),
    ("ask", asked(k=-1), "whole number from 0 to 50"),
    ("ask", asked(k=51), "whole number from 0 to 50"),
    ("ask", asked(k=10**30), "whole number from 0 to 50"),
    ("ask", asked(k=1.5), "whole number from 0 to 50"),
    ("ask", asked(k="x"), "whole number from 0 to 50"),
    ("ask", asked(k=True), "whole number from 0 to 50"),
    ("ask", asked(k=[1]), "whole number from 0 to 50"),
    ("ask", asked(model=["a"]), "model is no text"),
    ("ask", asked(model="/etc/passwd"), "no model"),
    ("ask", asked(model="http://127.0.0.1:9"), "no model"),
    ("ask", asked(collections="x"), "no list of texts"),
    ("ask", asked(collections=["Nothing"]), "There is no collection"),
    ("search", ["who", [], "", "", 0, [5]], "no list of texts"),
    ("search", ["", [], "", "", 0, []], "question is empty"),
    ("search", ["?", [], "", "", 0, []], "question is empty"),
    ("search", ["who", [], "", "", 51, []], "whole number from 0 to 50"),
    ("search", [None] * 6, "question is empty"),
    ("search", ["who", "x", "", "", 0, []], "no list of texts"),
    ("timeline", [5, [], "", "", []], "topic is no text"),
    ("timeline", ["?", [], "", "", []], "question is empty"),
    ("timeline", ["talks", ["Nobody"], "", "", []], "Known sources"),
    ("timeline", ["talks", [], "2025-02-30", "", []], "YYYY-MM-DD"),
    ("articles", [3, 5], "query is no text"),
    ("articles", ["", "ten"], "whole number from 0 to 10,000"),
    ("articles", ["", -5], "whole number from 0 to 10,000"),
    ("articles", ["", 1e300], "whole number from 0 to 10,000"),
    ("articles", [["a"], 5], "query is no text"),
    ("article", [], "enough input values"),
    ("article", [""], "There is no article"),
    ("article", [None], "There is no article"),
    ("article", [["a"]], "article_id is no text"),
    ("article", ["../../etc/passwd"], "There is no article"),
    ("article", ["x" * 100_000], "There is no article"),
]
#: method, path, body; each is answered with a status from 400 to 499
RAW: list[tuple[str, str, bytes]] = [
    *(("POST", "/gradio_api/call/ask", body) for body in
      (b"", b"{", b"\xff\xfe", b"null", b"[]", b"[[[[", b"{}", b'{"data": null}', b'{"data": "Who?"}', DEEP)),
    ("POST", "/gradio_api/call/nothing", b'{"data": []}'),
    ("POST", "/gradio_api/run/nothing", b'{"data": []}'),
    ("POST", "/gradio_api/call/v2/ask", b"{}"),
    ("POST", "/gradio_api/call/v2/ask", b'{"nothing": 1}'),
    ("POST", "/gradio_api/call/v2/nothing", b"{}"),
    ("POST", "/gradio_api/queue/join", b"{}"),
    ("POST", "/gradio_api/queue/join", b'{"fn_index": 999999, "data": [], "session_hash": "x"}'),
    ("POST", "/gradio_api/queue/join", b'{"fn_index": "x", "data": [], "session_hash": "x"}'),
    ("POST", "/gradio_api/upload", b""),
    ("POST", "/gradio_api/upload", b"no form"),
    ("POST", "/gradio_api/cancel", b"{}"),
    ("POST", "/gradio_api/reset", b"{}"),
    ("POST", "/gradio_api/component_server", b"{}"),
    ("POST", "/gradio_api/mcp/", b"{}"),
    ("GET", "/gradio_api/queue/data", b""),
    ("GET", "/gradio_api/file=/etc/passwd", b""),
    ("GET", "/gradio_api/file=../../etc/passwd", b""),
    ("GET", "/gradio_api/file=http://127.0.0.1:9/", b""),
    ("GET", "/gradio_api/proxy=http://127.0.0.1:9/", b""),
    ("GET", "/static/%2e%2e/%2e%2e/x", b""),
    ("GET", "/%00", b""),
    ("GET", "/pwa_icon/x", b""),
    ("DELETE", "/gradio_api/mcp/", b""),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    found: Path = tmp_path_factory.mktemp("api")
    return found


@pytest.fixture(scope="module")
def page(folder: Path, briefs: Settings, warm_cache: Path) -> Iterator[httpx.Client]:
    index = str(briefs.index_dir)
    with serving(folder, warm_cache, DATELINE_INDEX_DIR=index) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def said(page: httpx.Client, name: str, data: Any) -> str:
    """Everything that a call answers."""
    kind = {"content-type": "application/json"}
    sent = page.post(f"/gradio_api/call/{name}", content=json.dumps({"data": data}), headers=kind)
    assert sent.status_code == 200, sent.text
    return page.get(f"/gradio_api/call/{name}/{sent.json()['event_id']}").text


@pytest.mark.parametrize(("name", "data", "words"), CALLS, ids=lambda value: str(value)[:40])
def test_a_bad_call_is_told_in_words(page: httpx.Client, name: str, data: Any, words: str) -> None:
    answer = said(page, name, data)
    assert re.match(r"(event: heartbeat\ndata: null\n\n)*event: error", answer)  # a heartbeat where that took long
    assert words in answer
    assert '"error": null' not in answer


@pytest.mark.parametrize(("method", "path", "body"), RAW, ids=lambda value: str(value)[:40])
def test_a_bad_request_is_the_caller_s_mistake(page: httpx.Client, method: str, path: str, body: bytes) -> None:
    answer = page.request(method, path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.text


def test_a_stream_that_is_not_there_ends(page: httpx.Client) -> None:
    assert "event: error" in page.get("/gradio_api/call/ask/nothing").text


def test_after_all_that_it_answers_and_its_log_blames_nobody(page: httpx.Client, folder: Path) -> None:
    assert "event: complete" in said(page, "ask", asked(question="Where was the ceasefire signed?"))
    log = (folder / "log").read_text()
    assert "A call of" not in log
    assert "sqlite3" not in log
    assert "response already completed" not in log

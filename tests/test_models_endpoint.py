"""llama-cpp-python's own server on loopback, and a small server that misbehaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from rag.errors import EndpointError, InputError, ModelError
from rag.models.endpoint import EndpointGenerator
from rag.models.generator import Message
from rag.models.llama import LlamaGenerator

ASK: list[Message] = [{"role": "user", "content": "Who mediated?"}]


@pytest.fixture(scope="module")
def server(tiny_gguf: Path) -> Iterator[str]:
    pytest.importorskip("uvicorn", reason="llama-cpp-python's server extra is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(tiny_gguf), "--port", str(port)]
    process = subprocess.Popen([*command, "--n_ctx", "512"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(f"{url}/v1/models").raise_for_status()
            break
        except httpx.HTTPError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
    yield url
    process.kill()
    process.wait()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_a_real_server(server: str, suffix: str, tiny_gguf: Path) -> None:
    generator = EndpointGenerator(server + suffix, context_tokens=512)
    assert generator.name.startswith(str(tiny_gguf))
    assert "".join(generator.stream(ASK, grammar='root ::= "OK7"\n', max_tokens=16)) == "OK7"
    assert generator.count_tokens(ASK) == len("Who mediated?") + 8
    assert generator.grammar_binds
    generator.close()


def test_the_same_grammar_gives_the_same_words_as_in_process(server: str, tiny_gguf: Path) -> None:
    grammar = "root ::= [a-d]{10}\n"
    local = LlamaGenerator(tiny_gguf)
    remote = EndpointGenerator(server, context_tokens=512)
    mine = "".join(local.stream(ASK, grammar=grammar))
    assert "".join(remote.stream(ASK, grammar=grammar)) == mine
    assert len(mine) == 10
    local.close()
    with pytest.raises(InputError, match="context is 512"):
        list(remote.stream([{"role": "user", "content": "x" * 500}]))


_ALWAYS = {"model", "messages", "max_tokens", "temperature", "stream"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.reply(200, b'{"data": [{"id": "m"}]}' if "empty" not in self.path else b'{"data": []}')

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/slow/v1"):
            self.send_response(200)
            self.end_headers()
            for _ in range(500):
                try:
                    self.wfile.write(b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n')
                    time.sleep(0.01)
                except OSError:
                    Handler.closed.set()
                    return
        elif self.path.startswith("/denied"):
            self.reply(401, b"no key")
        elif self.path.startswith("/broken"):
            self.reply(200, b"data: <html>\n\n")
        elif self.path.startswith("/failing"):
            self.reply(200, b'data: {"error": {"message": "out of memory"}}\n\n')
        elif self.path.startswith("/thinks"):
            events = b'data: {"choices": [{"delta": {"reasoning_content": "Hm."}}]}\n\n'
            if self.path.startswith("/thinks-and-says"):
                events += b'data: {"choices": [{"delta": {"content": "Oslo."}}]}\n\n'
            self.reply(200, events + b"data: [DONE]\n\n")
        elif self.path.startswith("/empty-answer"):
            self.reply(200, b'data: {"choices": [{"delta": {"content": " "}}]}\n\ndata: [DONE]\n\n')
        elif self.path.startswith("/strict") and "chat_template_kwargs" in json.loads(body):
            self.reply(400, b"unknown field chat_template_kwargs")
        elif self.path.startswith(("/strict", "/repeats")):
            text = json.dumps({key: value for key, value in json.loads(body).items() if key not in _ALWAYS})
            self.reply(200, b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"content": text}}]}).encode())
        elif self.path.startswith("/key"):
            key = self.headers["Authorization"].encode()
            self.reply(200, b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\ndata: [DONE]\n\n' % key)
        else:
            self.reply(404, b"")

    closed = Event()

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/denied", "status 401: no key. Set DATELINE_API_KEY"),
        ("/broken", "not a chat completion"),
        ("/failing", "out of memory"),
        ("/nothing", "status 404"),
    ],
)
def test_servers_that_fail(odd: str, path: str, words: str) -> None:
    generator = EndpointGenerator(odd + path, model="m")
    with pytest.raises(EndpointError) as caught:
        list(generator.stream(ASK))
    assert words in str(caught.value).replace("no key Set", "no key. Set")


def test_the_server_is_asked_not_to_think(odd: str) -> None:
    sent = "".join(EndpointGenerator(odd + "/repeats", model="m").stream(ASK, grammar="g"))
    assert json.loads(sent) == {
        "chat_template_kwargs": {"enable_thinking": False},
        "grammar": "g",
        "structured_outputs": {"grammar": "g"},
    }
    # One that refuses what it does not know is asked with what all know, once and for all.
    strict = EndpointGenerator(odd + "/strict", model="m")
    for _ in range(2):
        assert "".join(strict.stream(ASK, grammar="g")) == "{}"


def test_thoughts_without_an_answer_are_a_failure(odd: str) -> None:
    with pytest.raises(EndpointError, match="spent its answer on thinking"):
        list(EndpointGenerator(odd + "/thinks", model="m").stream(ASK))
    assert list(EndpointGenerator(odd + "/thinks-and-says", model="m").stream(ASK)) == ["Oslo."]
    with pytest.raises(ModelError, match="wrote nothing"):
        list(EndpointGenerator(odd + "/empty-answer", model="m").stream(ASK))


def test_a_closed_endpoint_says_so(odd: str) -> None:
    generator = EndpointGenerator(odd + "/slow", model="m")
    stream = generator.stream(ASK)
    next(stream)
    generator.close()
    with pytest.raises(ModelError, match="was closed"):
        list(stream)
    with pytest.raises(ModelError, match="was closed"):
        list(generator.stream(ASK))


def test_how_fast_it_reads_is_measured(odd: str) -> None:
    generator = EndpointGenerator(odd + "/key", model="m", api_key="k")
    assert generator.read_rate > 0
    assert generator.write_rate == 0


def test_no_server_and_no_model(odd: str) -> None:
    with pytest.raises(EndpointError, match="cannot be reached"):
        EndpointGenerator("http://127.0.0.1:9")
    with pytest.raises(EndpointError, match="lists no model"):
        EndpointGenerator(odd + "/empty")


def test_the_key_is_sent_and_never_shown(odd: str) -> None:
    generator = EndpointGenerator(odd + "/key", api_key="secret")
    assert "".join(generator.stream(ASK)) == "Bearer secret"
    assert "secret" not in generator.name


def test_stopping_closes_the_connection(odd: str) -> None:
    stop = Event()
    stream = EndpointGenerator(odd + "/slow", model="m").stream(ASK, stop=stop)
    assert next(stream) == "x"
    stop.set()
    assert list(stream) == []
    assert Handler.closed.wait(5)

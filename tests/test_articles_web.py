"""rag.articles.web against a real server on this machine."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpcore
import pytest

from rag.articles import load
from rag.articles.web import CheckedBackend, _is_ours, check_public, fetch, fetch_page, is_public
from rag.errors import ArticleError
from rag.types import Article, Refusal

TITLE = "Harbour Strike Ends After Night of Talks"
LEDE = "Dock workers in Port Elgin went back to work on Monday."
MORE = "The union said that the new contract runs for three years."
PAGE = f"<html><head><title>{TITLE}</title></head><body><article><p>{LEDE}</p><p>{MORE}</p></article></body></html>"
FEED = (
    f"<rss version='2.0'><channel><title>Coast</title><item><title>{TITLE}</title><link>https://c.test/1</link>"
    f"<pubDate>Sun, 03 Mar 2024 10:00:00 GMT</pubDate><description>{LEDE}</description></item></channel></rss>"
)
#: 100 MB of nothing in 97 kB, and that packed once more.
BOMB = gzip.compress(bytes(100_000_000))
PACKED = {
    "/packed": ("gzip", gzip.compress(PAGE.encode())),
    "/bomb": ("gzip", BOMB),
    "/twice": ("gzip, gzip", gzip.compress(BOMB)),
    "/torn": ("gzip", b"no gzip at all"),
}


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []
    hosts: ClassVar[list[str]] = []
    pages: ClassVar[dict[str, tuple[str, str]]] = {
        "/page": ("text/html; charset=utf-8", PAGE),
        "/feed": ("application/rss+xml", FEED),
        "/text": ("text/plain", f"{TITLE}\n{LEDE}"),
        "/picture": ("image/png", "x"),
        "/empty": ("text/html", ""),
        "/large": ("text/html", "x" * 2_000_000),
    }

    def do_GET(self) -> None:  # noqa: PLR0911 (a case for each page)
        self.asked.append(self.path)
        self.hosts.append(self.headers["Host"])
        if self.path in {"/drip", "/headers"}:
            return self.drip(self.path == "/headers")
        if self.path in PACKED:
            coding, data = PACKED[self.path]
            return self.reply(200, "text/html", "", coding=coding, data=data)
        if self.path == "/kept":
            status = 304 if self.headers["If-None-Match"] == '"one"' else 200
            return self.reply(status, "text/html; charset=ISO-8859-1", PAGE if status == 200 else "", etag='"one"')
        if self.path == "/inside":
            return self.reply(302, "text/html", "", location="http://inside.test/secret")
        again = self.path == "/later" and self.asked.count("/later") > 1
        if self.path == "/moved":
            return self.reply(302, "text/html", "", location="/page")
        if self.path == "/round":
            return self.reply(302, "text/html", "", location="/round")
        if self.path == "/nowhere":
            return self.reply(302, "text/html", "")
        if self.path == "/odd":
            return self.reply(302, "text/html", "", location="http://[broken/")
        if self.path == "/away":
            return self.reply(302, "text/html", "", location="file:///etc/hosts")
        if self.path == "/later" and not again:
            return self.reply(503, "text/html", "busy")
        kind, body = self.pages.get("/page" if again else self.path, ("", ""))
        return self.reply(200 if kind else 404, kind, body)

    def reply(
        self, status: int, kind: str, body: str, location: str = "", coding: str = "", data: bytes = b"", etag: str = ""
    ) -> None:
        data = data or body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (("Location", location), ("Content-Encoding", coding), ("ETag", etag)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(data)

    def drip(self, headers: bool) -> None:
        """A byte every tenth of a second, for ten seconds."""
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if headers else b"Content-Length: 9999\r\n\r\n"))
            for _ in range(100):
                self.wfile.write(b"X: y\r\n" if headers else b"x")
                self.wfile.flush()
                time.sleep(0.1)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/page", "/moved", "/later"])
def test_a_page_also_after_a_redirect_or_a_retry(server: str, path: str) -> None:
    (article,) = load([server + path], allow_private_urls=True)
    assert isinstance(article, Article), article
    assert (article.id, article.origin, article.title) == (server + path, server + path, TITLE)
    assert article.text == f"{LEDE}\n\n{MORE}"


def test_a_feed_and_a_text(server: str) -> None:
    feed, text = load([f"{server}/feed", f"{server}/text"], allow_private_urls=True)
    assert isinstance(feed, Article)
    assert feed.notes == ("Summary only: The host 'c.test' is not known.",)
    assert replace(feed, dated_by="", language="", notes=()) == Article(
        "https://c.test/1", TITLE, LEDE, "Coast", date(2024, 3, 3), "https://c.test/1", "", f"{server}/feed"
    )
    assert isinstance(text, Article)
    assert (text.title, text.text, text.source) == (TITLE, f"{TITLE}\n\n{LEDE}", "127.0.0.1")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "The server answered with status 404."),
        ("/picture", "The address gives image/png, which is not read."),
        ("/empty", "The page is empty."),
        ("/large", "The page has more than 1 MB."),
        ("/round", "The page redirects more than 5 times."),
        ("/away", "The page redirects to file:///etc/hosts, which is not a web address."),
    ],
)
def test_what_a_server_may_give_instead(server: str, path: str, reason: str) -> None:
    (refusal,) = load([server + path], allow_private_urls=True, max_bytes=1_000_000)
    assert isinstance(refusal, Refusal)
    assert (refusal.origin, refusal.reason) == (server + path, reason)


def test_this_machine_is_not_asked_unless_allowed(server: str) -> None:
    before = len(Handler.asked)
    (refusal,) = load([f"{server}/page"])
    assert isinstance(refusal, Refusal)
    assert "private network" in refusal.reason
    assert "DATELINE_ALLOW_PRIVATE_URLS=1" in refusal.hint
    assert len(Handler.asked) == before


def test_a_closed_port_and_a_malformed_address() -> None:
    for url in ("http://127.0.0.1:1/", "http://[broken/", "http://"):
        for allowed in (True, False):
            (refusal,) = load([url], allow_private_urls=allowed)
            assert isinstance(refusal, Refusal)
            assert refusal.reason


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "[::1]", "[fe80::1]",
     "[::ffff:127.0.0.1]", "[fd00::1]", "2130706433", "localhost"],
)  # fmt: skip
def test_addresses_that_are_not_public(host: str) -> None:
    with pytest.raises(ArticleError, match="private network"):
        check_public(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    ["127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "[::ffff:7f00:1]",
     "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]",
     "localhost.", "LOCALHOST", "127.0.0.1.", "user@127.0.0.1", "%31%32%37.0.0.1", "１２７.0.0.1", "①②⑦.0.0.1",
     "127。0。0。1"],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_fetched(host: str, server: str) -> None:
    before = len(Handler.asked)
    with pytest.raises(ArticleError):
        fetch_page(f"http://{host}:{server.rsplit(':', 1)[1]}/page")
    assert len(Handler.asked) == before


def test_public_addresses() -> None:
    check_public("http://93.184.215.14/")
    check_public("http://[2606:2800:21f::1]/")


@pytest.mark.parametrize(("path", "words"), [("/nowhere", "without saying where"), ("/odd", "malformed")])
def test_a_redirect_that_leads_nowhere_stops_nothing(server: str, path: str, words: str) -> None:
    first, second = load([server + path, server + "/page"], allow_private_urls=True)
    assert isinstance(first, Refusal)
    assert words in first.reason
    assert isinstance(second, Article)


def test_a_host_that_cannot_be_one_is_refused() -> None:
    (found,) = load(["http://a..b/"], allow_private_urls=True)
    assert isinstance(found, Refusal)


# ---------------------------------------------------------------------- whom it asks


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "::7f00:1", "::ffff:0:7f00:1", "::ffff:5db8:d70e",
     "192.88.99.1", "192.0.0.9", "fec0::1", "3fff::1", "5f00::1", "2001::1", "2001:db8::1", "ff0e::1", "100.64.0.1",
     "198.18.0.1", "240.0.0.1", "255.255.255.255", "::", "100::1", "fe80::1%lo", "4000::1"],
)  # fmt: skip
def test_only_hosts_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


def test_an_address_of_this_machine_is_not_public_whatever_its_number() -> None:
    assert _is_ours("127.0.0.1")
    assert not _is_ours("93.184.215.14")


class Recorder(httpcore.SyncBackend):
    """Connects to the server of the test whatever the address, and keeps what it was asked for."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.port = int(server.rsplit(":", 1)[1])
        self.asked: list[str] = []

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.asked.append(host)
        return super().connect_tcp("127.0.0.1", self.port, 5)


def test_a_name_that_changes_its_mind_is_asked_once_and_at_the_address_that_was_checked(server: str) -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    inner = Recorder(server)
    backend = CheckedBackend(
        allow_private=False, until=time.monotonic() + 20, resolve=lambda *_: answers.pop(0), inner=inner
    )
    page = fetch("http://rebind.test/page", backend=backend)
    assert page.status == 200
    assert Handler.hosts[-1] == "rebind.test"
    assert inner.asked == ["93.184.215.14"]
    with pytest.raises(ArticleError, match="private network"):
        fetch("http://rebind.test/page", backend=backend)
    assert inner.asked == ["93.184.215.14"]


def test_one_private_address_among_public_ones_is_refused(server: str) -> None:
    inner = Recorder(server)
    backend = CheckedBackend(
        allow_private=False, until=time.monotonic() + 20, resolve=lambda *_: ["93.184.215.14", "::1"], inner=inner
    )
    with pytest.raises(ArticleError, match="private network"):
        fetch("http://both.test/page", backend=backend)
    assert inner.asked == []


def test_a_redirect_is_checked_too(server: str) -> None:
    inner = Recorder(server)
    names = {"public.test": ["93.184.215.14"], "inside.test": ["10.0.0.8"]}
    backend = CheckedBackend(
        allow_private=False, until=time.monotonic() + 20, resolve=lambda host, _: names[host], inner=inner
    )
    with pytest.raises(ArticleError, match=r"points to 10\.0\.0\.8"):
        fetch("http://public.test/inside", backend=backend)
    assert inner.asked == ["93.184.215.14"]


def test_no_proxy_is_used(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch_page(f"{server}/page", allow_private=True).status == 200
    with pytest.raises(ArticleError, match="Proxies are not used"):
        fetch_page("http://127.0.0.1:1/", allow_private=True)


# ---------------------------------------------------------------------- what it takes


def test_packed_pages_are_unpacked_while_counting(server: str) -> None:
    assert fetch_page(f"{server}/packed", allow_private=True).data == PAGE.encode()
    with pytest.raises(ArticleError, match="more than 1 MB"):
        fetch_page(f"{server}/bomb", allow_private=True, max_bytes=1_000_000)
    with pytest.raises(ArticleError, match="not asked for"):
        fetch_page(f"{server}/twice", allow_private=True)
    with pytest.raises(ArticleError, match="packed wrongly"):
        fetch_page(f"{server}/torn", allow_private=True)


def test_a_dripping_server_is_left_at_the_deadline(server: str) -> None:
    for path in ("/drip", "/headers"):
        started = time.monotonic()
        with pytest.raises(ArticleError, match="did not answer within 1 s"):
            fetch_page(server + path, allow_private=True, deadline=1)
        assert time.monotonic() - started < 4, path


def test_a_name_that_is_never_resolved_is_left_at_the_deadline() -> None:
    backend = CheckedBackend(allow_private=False, until=time.monotonic() + 0.5, resolve=lambda *_: time.sleep(30) or [])
    started = time.monotonic()
    with pytest.raises(ArticleError, match="did not answer"):
        fetch("http://slow.test/", backend=backend)
    assert time.monotonic() - started < 4


def test_an_unchanged_page_is_not_sent_again(server: str) -> None:
    first = fetch_page(f"{server}/kept", allow_private=True)
    assert (first.status, first.etag, first.charset) == (200, '"one"', "iso-8859-1")
    again = fetch_page(f"{server}/kept", allow_private=True, etag=first.etag)
    assert (again.status, again.data) == (304, b"")
    assert fetch(f"{server}/gone", allow_private=True).status == 404

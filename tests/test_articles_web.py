"""rag.articles.web against a real server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from rag.articles import load
from rag.articles.web import check_public
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


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []
    pages: ClassVar[dict[str, tuple[str, str]]] = {
        "/page": ("text/html; charset=utf-8", PAGE),
        "/feed": ("application/rss+xml", FEED),
        "/text": ("text/plain", f"{TITLE}\n{LEDE}"),
        "/picture": ("image/png", "x"),
        "/empty": ("text/html", ""),
        "/large": ("text/html", "x" * 2_000_000),
    }

    def do_GET(self) -> None:
        self.asked.append(self.path)
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

    def reply(self, status: int, kind: str, body: str, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body.encode())

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
    assert feed == Article(
        "https://c.test/1", TITLE, LEDE, "Coast", date(2024, 3, 3), "https://c.test/1", "", f"{server}/feed"
    )
    assert isinstance(text, Article)
    assert (text.title, text.text, text.source) == (TITLE, LEDE, "127.0.0.1")


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

"""Feeds and sitemaps against a real server on this machine: their pages are followed, as a good guest does."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from rag.articles import load
from rag.types import Article, Refusal

LEDE = "Dock workers in Port Elgin went back to work on Monday."
MORE = "The union said that the new contract runs for three years."
LAST = "Nine ships had waited for a week before the port, with grain and cars."
PAGE = f"<html><head><title>Strike ends</title></head><body><article><p>{LEDE}</p><p>{MORE}</p></article></body></html>"
WHEN = "<pubDate>Sun, 03 Mar 2024 10:00:00 GMT</pubDate>"


def rss(*items: str) -> str:
    return f"<rss version='2.0' xmlns:c='http://purl.org/rss/1.0/modules/content/'><channel><title>Coast</title>{''.join(items)}</channel></rss>"


def item(link: str, summary: str = "", content: str = "", title: str = "Strike ends", more: str = WHEN) -> str:
    whole = f"<c:encoded><![CDATA[{content}]]></c:encoded>" if content else ""
    return f"<item><title>{title}</title><link>{link}</link><description><![CDATA[{summary}]]></description>{whole}{more}</item>"  # noqa: E501


class Handler(BaseHTTPRequestHandler):
    """Serves `files` (path -> text); counts what is asked; answers 304 to a known ETag; ?type=… sets the type."""

    files: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[tuple[str, int, float]]] = []

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.files.get(parts.path)
        etag = f'"{hash(body)}"'
        status = 404 if body is None else 304 if self.headers.get("If-None-Match") == etag else 200
        self.asked.append((parts.path, status, time.monotonic()))
        self.send_response(status)
        kind = (
            "application/json" if parts.path.endswith("json") else "text/html" if "page" in parts.path else "text/xml"
        )
        kind = parse_qs(parts.query).get("type", [kind])[0]
        if kind != "none":
            self.send_header("Content-Type", kind)
        data = b"" if status != 200 or body is None else body.replace("ORIGIN", self.origin()).encode()
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(data)

    def origin(self) -> str:
        return f"http://{self.headers['Host']}"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.files, Handler.asked = {}, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def read(url: str, **options: object) -> tuple[list[Article], list[Refusal], list[str]]:
    notes: list[str] = []
    found = list(load([url], allow_private_urls=True, note=notes.append, **{"delay": 0.0, **options}))  # type: ignore[arg-type]
    articles = [one for one in found if isinstance(one, Article)]
    return articles, [one for one in found if isinstance(one, Refusal)], notes


def asked() -> list[str]:
    return [path for path, _, _ in Handler.asked]


def test_a_summary_is_followed_to_its_page(server: str) -> None:
    Handler.files = {"/feed": rss(item("/page", "Work goes on. <a href='/page'>Read more</a>")), "/page": PAGE}
    (article,), refused, notes = read(f"{server}/feed")
    assert (article.id, article.url) == (f"{server}/page", f"{server}/page")
    assert (article.text, article.source, article.published) == (f"{LEDE}\n\n{MORE}", "Coast", date(2024, 3, 3))
    assert (article.origin, article.notes, refused, notes) == (f"{server}/feed", (), [], [])
    assert asked() == ["/feed", "/robots.txt", "/page"]


def test_a_day_that_the_feed_tells_leaves_no_doubt_of_the_page_s(server: str) -> None:
    doubtful = '<head><meta property="article:modified_time" content="2024-03-09">'
    Handler.files = {"/feed.xml": rss(item("ORIGIN/page", "Short.")), "/page": PAGE.replace("<head>", doubtful)}
    (found,) = load([f"{server}/feed.xml"], allow_private_urls=True)
    assert isinstance(found, Article)
    assert (found.published, found.dated_by) == (date(2024, 3, 3), "metadata")
    assert not any("Undated" in note for note in found.notes)


def test_an_entry_with_its_text_is_not_followed(server: str) -> None:
    Handler.files = {"/feed": rss(item("/page", "Short.", f"<p>{LEDE}</p><p>{MORE}</p>")), "/page": PAGE}
    (article,), _, _ = read(f"{server}/feed")
    assert article.text == f"{LEDE}\n\n{MORE}"
    assert asked() == ["/feed"]


def test_what_wordpress_writes_below_each_entry_goes(server: str) -> None:
    foot = '<p>The post <a href="/page">Strike ends</a> appeared first on <a href="/">Coast</a>.</p>'
    Handler.files = {"/feed": rss(item("/page", foot, f"<p>{LEDE}</p><p>{MORE}</p>{foot}")), "/page": PAGE}
    (article,), _, _ = read(f"{server}/feed")
    assert article.text == f"{LEDE}\n\n{MORE}"


def test_a_page_that_cannot_be_had_leaves_the_summary_marked_and_counted(server: str) -> None:
    robots = "User-agent: *\nDisallow: /private\n"
    Handler.files = {
        "/feed": rss(item("/gone", LEDE), item("/private/page", MORE), item("/page0", "")),
        "/private/page": PAGE, "/robots.txt": robots,
    }  # fmt: skip
    (gone, private), (empty,), notes = read(f"{server}/feed")
    assert (gone.text, gone.notes) == (LEDE, ("Summary only: The server answered with status 404.",))
    assert (private.text, private.notes) == (MORE, ("Summary only: The site's robots.txt asks not to fetch the page.",))
    assert (empty.origin, empty.reason) == (f"{server}/page0", "The server answered with status 404.")
    assert notes == [f"Summary only: 2 articles of {server}/feed."]
    assert "/private/page" not in asked()
    assert asked().count("/robots.txt") == 1


def test_requests_to_one_host_are_spaced(server: str) -> None:
    Handler.files = {"/feed": rss(*(item(f"/page{n}", "Short.") for n in range(3)))}
    Handler.files |= {f"/page{n}": PAGE for n in range(3)}
    read(f"{server}/feed", delay=0.3)
    times = [when for path, _, when in Handler.asked if path.startswith("/page")]
    assert all(b - a >= 0.29 for a, b in itertools.pairwise(times))


def test_what_is_known_is_asked_for_on_condition(server: str, tmp_path: Path) -> None:
    Handler.files = {"/feed": rss(item("/page", "Short.")), "/page": PAGE}
    first, _, _ = read(f"{server}/feed", cache=tmp_path / "pages")
    Handler.asked.clear()
    again, _, _ = read(f"{server}/feed", cache=tmp_path / "pages")
    assert again == first
    assert [(path, status) for path, status, _ in Handler.asked if path != "/robots.txt"] == [
        ("/feed", 304), ("/page", 304),
    ]  # fmt: skip
    Handler.files["/page"] = PAGE.replace("three", "four")
    (changed,), _, _ = read(f"{server}/feed", cache=tmp_path / "pages")
    assert "four years" in changed.text


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "none", "application/octet-stream", "application/rss+xml"])
def test_a_feed_under_any_type(server: str, kind: str) -> None:
    Handler.files = {"/feed": "<?xml version='1.0'?>\n<!-- made by hand -->\n" + rss(item("/a", "", f"<p>{LEDE}</p>"))}
    (article,), _, _ = read(f"{server}/feed?type={quote(kind)}")
    assert (article.text, article.url) == (LEDE, f"{server}/a")


def test_the_charset_of_the_header_is_used(server: str) -> None:
    Handler.files = {"/page": PAGE.replace("three years", "три года")}
    (article,), _, _ = read(f"{server}/page?type=text/html;%20charset=utf-8")
    assert "три года" in article.text


def test_hidden_text_entities_and_two_entries_of_one_address(server: str) -> None:
    hidden = (
        f"<p>{LEDE}<span style='display:none'>Cursed.</span></p><p hidden>Murdered.</p><!-- no --><script>x</script>"
        f"<p aria-hidden='true'>999</p><p>{MORE}</p><template>t</template>"
    )
    guid = "<guid isPermaLink='false'>{}</guid>"
    Handler.files = {
        "/feed": rss(
            item("/live", "", hidden, "Tom &amp;amp; Ida&amp;#39;s &lt;em&gt;boat&lt;/em&gt;", guid.format("a")),
            item("/live", "", f"<p>Price &amp;euro;5: {LAST}</p>", "Live", guid.format("b")),
        )
    }
    (first, second), _, _ = read(f"{server}/feed")
    assert (first.title, first.text) == ("Tom & Ida's boat", f"{LEDE}\n\n{MORE}")
    assert second.text == f"Price €5: {LAST}"
    assert [first.id, second.id] == [f"{server}/live#a", f"{server}/live#b"]


def test_one_bad_entry_stops_nothing(server: str) -> None:
    good = f"<p>{LEDE}</p>"
    bad = ["http://[coast.test/x", "http://a..b/", "javascript:alert(1)"]
    texts = [
        "\x01",
        "&#x1F;",
        "\x0b",
        "<?xml version='1.0' encoding='utf-8'?>" + good,
        "<![CDATA[",
        "\ud83d".encode("utf-8", "replace").decode(),
    ]
    items = [item(f"/{n}", "", good + text) for n, text in enumerate(texts)] + [item(link, "", good) for link in bad]
    Handler.files = {"/feed": rss(*items, item("/last", "", good))}
    articles, _, _ = read(f"{server}/feed")
    assert articles[-1].id == f"{server}/last"
    assert len(articles) >= len(items) - 1
    assert all("\x01" not in article.text for article in articles)


def test_a_json_feed_with_a_summary(server: str) -> None:
    entry = {
        "id": "1",
        "url": "/page",
        "title": "Strike ends",
        "summary": "Short.",
        "date_published": "2024-03-03",
    }
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Coast", "items": [entry]}
    Handler.files = {"/feed.json": json.dumps(feed), "/page": PAGE}
    (article,), _, _ = read(f"{server}/feed.json?type=application/feed%2Bjson")
    assert (article.text, article.source) == (f"{LEDE}\n\n{MORE}", "Coast")


def sitemap(*pages: tuple[str, str]) -> str:
    urls = "".join(
        f"<url><loc>ORIGIN{path}</loc><news:news><news:publication><news:name>Coast</news:name></news:publication>"
        f"<news:publication_date>{day}</news:publication_date><news:title>Strike ends</news:title></news:news></url>"
        for path, day in pages
    )
    return (
        "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' "
        f"xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'>{urls}</urlset>"
    )


def test_a_sitemap_is_read_newest_first_up_to_a_limit(server: str) -> None:
    Handler.files = {"/sitemap.xml": sitemap(*((f"/page{n}", f"2024-03-0{n}T10:00:00+01:00") for n in range(1, 5)))}
    Handler.files |= {f"/page{n}": PAGE for n in range(1, 5)}
    articles, _, notes = read(f"{server}/sitemap.xml", most_pages=2)
    assert [(a.id, a.published, a.source) for a in articles] == [
        (f"{server}/page4", date(2024, 3, 4), "Coast"), (f"{server}/page3", date(2024, 3, 3), "Coast"),
    ]  # fmt: skip
    assert "more pages than the 2" in notes[0]


def test_an_index_of_sitemaps(server: str) -> None:
    Handler.files = {
        "/index.xml": "<sitemapindex><sitemap><loc>ORIGIN/one.xml</loc></sitemap><sitemap><loc>ORIGIN/index.xml</loc>"
        "</sitemap></sitemapindex>",
        "/one.xml": sitemap(("/page", "2024-03-03")), "/page": PAGE,
    }  # fmt: skip
    (article,), refused, _ = read(f"{server}/index.xml")
    assert (article.id, refused) == (f"{server}/page", [])


def test_a_feed_in_a_file_asks_nobody(tmp_path: Path, server: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(rss(item(f"{server}/page", "Short summary of the page.")))
    notes: list[str] = []
    (article,) = load([path], note=notes.append)
    assert isinstance(article, Article)
    assert article.notes == ("Summary only: the feed is a file.",)
    assert notes[0].startswith("Summary only: 1 articles")
    assert asked() == []

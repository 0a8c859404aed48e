"""rag.articles.load on real files: each kind gives its article, each fault its own refusal."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from rag.articles import is_url, load
from rag.articles.encoding import decode
from rag.articles.fragment import strip_html
from rag.types import Article, Refusal

TITLE = "Harbour Strike Ends After Night of Talks"
LEDE = "Dock workers in Port Elgin went back to work on Monday."
MORE = "The union said that the new contract runs for three years."
SAMPLES = Path(__file__).parent.parent / "samples" / "briefs"


def one(path: Path, **options: int) -> Article:
    (article,) = load([path], **options)
    assert isinstance(article, Article), article
    return article


def core(article: Article | Refusal) -> Article:
    """The article without what says how it was read."""
    assert isinstance(article, Article), article
    return replace(article, language="", dated_by="", notes=(), spans=())


def refused(path: Path | str, **options: int) -> Refusal:
    (refusal,) = load([path], **options)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.hint
    return refusal


def pdf(lines: list[str], title: str = "") -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer)
    if title:
        canvas.setTitle(title)
    for n, line in enumerate(lines):
        canvas.drawString(72, 760 - 16 * n, line)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "article-1.txt"
    path.write_text(f"{TITLE}\n\n(The Coast News) – {LEDE}\n{MORE}\n", encoding="utf-8")
    assert core(one(path)) == Article(
        "article-1",
        TITLE,
        f"{TITLE}\n\n(The Coast News) – {LEDE}\n\n{MORE}",
        source="The Coast News",
        origin=str(path.resolve()),
    )


def test_a_text_without_headline_is_titled_by_its_first_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"{LEDE} {MORE}")
    assert one(path).title == LEDE


@pytest.mark.parametrize(
    "front",
    [
        '---\ntitle: "Strike: the end"\nsource: Coast\ndate: 2024-03-03\nauthor: Jo Doe\nurl: https://c.test/1\n---\n',
        '+++\ntitle = "Strike: the end"\nsource = "Coast"\ndate = 2024-03-03\nauthor = "Jo Doe"\n'
        'url = "https://c.test/1"\n+++\n',
    ],
    ids=["yaml", "toml"],
)
def test_front_matter(tmp_path: Path, front: str) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"{front}\n{LEDE}\n")
    assert core(one(path)) == Article(
        "a", "Strike: the end", LEDE, "Coast", date(2024, 3, 3), "https://c.test/1", "Jo Doe", str(path.resolve())
    )


@pytest.mark.parametrize("front", ["---\ntitle: [open\n---\n", "+++\ntitle = \n+++\n"], ids=["yaml", "toml"])
def test_broken_front_matter(tmp_path: Path, front: str) -> None:
    path = tmp_path / "a.md"
    path.write_text(front + LEDE)
    assert "front matter is not valid" in refused(path).reason


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"# {TITLE}\n\nDock **workers** in\n[Port Elgin](https://x.test) rest.\n\n- One.\n- Two.\n")
    assert (one(path).title, one(path).text) == (TITLE, "Dock workers in Port Elgin rest.\n\n• One.\n• Two.")


def test_a_saved_page(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        f"<html><head><title>{TITLE}</title><meta property='article:published_time' content='2024-03-03T10:00:00Z'>"
        f"</head><body><nav>Home About</nav><article><h1>{TITLE}</h1><p>{LEDE}</p><p>{MORE}</p></article></body></html>"
    )
    article = one(path)
    assert (article.title, article.text, article.published) == (TITLE, f"{LEDE}\n\n{MORE}", date(2024, 3, 3))


def test_a_page_without_text(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<html><body><script>let a = 1</script></body></html>")
    assert refused(path).reason == "No article text was found in the page."


def test_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf([TITLE, LEDE, MORE], title=TITLE))
    article = one(path)
    assert article.title == TITLE
    assert " ".join(article.text.split()) == f"{LEDE} {MORE}"


def test_a_pdf_without_text_and_a_broken_one(tmp_path: Path) -> None:
    scan, broken = tmp_path / "scan.pdf", tmp_path / "broken.pdf"
    scan.write_bytes(pdf([]))
    broken.write_bytes(pdf([LEDE])[:200])
    assert refused(scan).reason == "The PDF holds no text on its page; it may be a scan."
    assert refused(broken).reason.startswith("The PDF is broken")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1200), st.binary(min_size=1, max_size=8))
def test_a_damaged_pdf_never_stops_the_others(tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("pdf")
    data = pdf([LEDE])
    (folder / "a.pdf").write_bytes(data[:at] + noise + data[at + len(noise) :])
    (folder / "b.txt").write_text(LEDE)
    last = list(load([folder]))[-1]
    assert isinstance(last, Article)
    assert last.id == "b"


@pytest.mark.parametrize("wrap", [lambda r: r, lambda r: {"articles": r}], ids=["list", "articles"])
def test_json(tmp_path: Path, wrap) -> None:
    path = tmp_path / "a.json"
    record = {"id": 7, "title": TITLE, "body": LEDE, "source": "Coast", "published_at": "2024-03-03T01:00:00Z",
              "url": "https://c.test/1", "author": "Jo Doe"}  # fmt: skip
    path.write_text(json.dumps(wrap([record, {"title": TITLE, "text": MORE, "date": "3 March 2024"}])))
    origin = str(path.resolve())
    assert list(map(core, load([path]))) == [
        Article("7", TITLE, LEDE, "Coast", date(2024, 3, 3), "https://c.test/1", "Jo Doe", origin),
        Article("a:2", TITLE, MORE, published=date(2024, 3, 3), origin=origin),
    ]


def test_one_json_object(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"id": "x", "title": TITLE, "body": LEDE}))
    assert one(path).id == "x"


def test_a_bad_line_of_jsonl_does_not_stop_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps({"id": "x", "title": TITLE, "body": f"{LEDE}\u2028{MORE}"}, ensure_ascii=False)
    path.write_text("\n".join([good, "{broken", "[1]", '{"title": "no body"}', good, "", '{"body": "No id here."}']))
    first, broken, odd, bodyless, twice, last = load([path])
    assert isinstance(first, Article)
    assert (first.id, first.text) == ("x", f"{LEDE}\n\n{MORE}")
    assert isinstance(last, Article)
    assert (last.id, last.title) == ("a:7", "No id here.")
    assert isinstance(broken, Refusal)
    assert broken.reason.startswith("Line 2 is not valid JSON")
    assert isinstance(odd, Refusal)
    assert odd.reason == "A record is not a JSON object."
    assert isinstance(bodyless, Refusal)
    assert bodyless.reason == "The record has no body."
    assert isinstance(twice, Refusal)
    assert twice.reason == "The id 'x' was used before in this file."


def test_rss_and_atom(tmp_path: Path) -> None:
    rss, atom = tmp_path / "a.rss", tmp_path / "b.atom"
    rss.write_text(
        f"<?xml version='1.0'?><rss version='2.0'><channel><title>Coast</title><item><title>{TITLE}</title>"
        f"<link>https://c.test/1</link><pubDate>Sun, 03 Mar 2024 10:00:00 GMT</pubDate>"
        f"<description>&lt;p&gt;{LEDE}&lt;/p&gt;&lt;p&gt;{MORE}&lt;/p&gt;</description></item>"
        f"<item><title>Empty</title><link>https://c.test/2</link></item></channel></rss>"
    )
    atom.write_text(
        f"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'><title>Coast</title><entry><title>{TITLE}"
        f"</title><id>urn:1</id><author><name>Jo Doe</name></author><updated>2024-03-03T10:00:00Z</updated>"
        f"<content type='html'>&lt;p&gt;{LEDE}&lt;/p&gt;</content></entry></feed>"
    )
    day = date(2024, 3, 3)
    first, empty = load([rss])
    assert core(first) == Article(
        "https://c.test/1", TITLE, f"{LEDE}\n\n{MORE}", "Coast", day, "https://c.test/1", "", str(rss.resolve())
    )
    assert isinstance(empty, Refusal)
    assert empty.origin == "https://c.test/2"
    assert core(one(atom)) == Article("urn:1", TITLE, LEDE, "Coast", day, None, "Jo Doe", str(atom.resolve()))


def test_an_entry_that_stands_twice_in_a_feed(tmp_path: Path) -> None:
    path = tmp_path / "a.rss"
    item = f"<item><title>{TITLE}</title><link>https://c.test/1</link><description>{LEDE}</description></item>"
    path.write_text(f"<rss version='2.0'><channel><title>Coast</title>{item}{item}</channel></rss>")
    first, twice = load([path])
    assert isinstance(first, Article)
    assert isinstance(twice, Refusal)
    assert twice.reason == "The id 'https://c.test/1' was used before in this feed."


def test_xml_that_is_no_feed(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a><b/></a>")
    assert refused(path).reason == "The file is not an RSS or Atom feed."


def test_a_folder_is_read_in_order_without_what_is_not_an_article(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", ".hidden.txt", ".git/x.txt", "README.md", "notes.odt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(LEDE)
    assert [item.id for item in load([tmp_path]) if isinstance(item, Article)] == ["b", "a/c"]
    assert refused(tmp_path / "notes.odt").reason == "Files of the kind '.odt' are not read."


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    empty, binary, large, hollow = (tmp_path / n for n in ("empty.txt", "binary.txt", "large.txt", "hollow"))
    empty.write_text(" \n")
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    large.write_text("x" * 2_500_000)
    hollow.mkdir()
    assert refused(tmp_path / "gone.txt").reason == "There is no such file or folder."
    assert refused(empty).reason == "The file is empty."
    assert refused(binary).reason == "The file is not text."
    assert refused(large, max_bytes=1_000_000).reason == "The file has 2.5 MB; the limit is 1 MB."
    assert refused(hollow).reason == "The folder holds no article."
    assert refused("x" * 5000).reason.startswith("The file cannot be read")
    assert refused("a\0b.txt").reason.startswith("The file cannot be read")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(LEDE)
    path.chmod(0)
    assert refused(path).reason == "The file cannot be read: Permission denied."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_decode(encoding: str) -> None:
    text = "The café owners’ council met at a château near Orléans on Monday; the rôle of the mayor was discussed. " * 4
    assert decode(text.encode(encoding), "") == text


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["txt", "md", "json", "jsonl", "xml", "html", "pdf"]))
def test_any_bytes_give_articles_or_refusals(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a.{suffix}"
    path.write_bytes(data)
    for item in load([path]):
        assert isinstance(item, Refusal) or item.text.strip()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80).map(lambda t: f"<p>{t}&"))
def test_strip_html_never_raises(markup: str) -> None:
    assert "<p>" not in strip_html(markup)


def test_the_bundled_briefs_load_with_title_source_and_date() -> None:
    items = list(load([SAMPLES]))
    assert {item.id for item in items if isinstance(item, Article)} == {p.stem for p in SAMPLES.glob("*.md")}
    assert all(isinstance(a, Article) and a.title and a.source and a.published for a in items)


def test_is_url() -> None:
    assert [is_url(t) for t in ("https://a.test", "HTTP://a", "ftp://a", "a/http://b")] == [True, True, False, False]


def test_records_with_half_characters_no_content_and_odd_ids(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": true, "title": "A \\ud83d title", "body": "Body \\ud83d text."}\n')
    (found,) = load([path])
    assert isinstance(found, Article)
    assert (found.id, found.text) == ("odd:1", "Body \ufffd text.")
    found.content_hash.encode()
    (tmp_path / "none.json").write_text("[]")
    (refusal,) = load([tmp_path / "none.json"])
    assert isinstance(refusal, Refusal)
    assert "no record" in refusal.reason

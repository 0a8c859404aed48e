"""Inputs of every format, damaged at random, end no run: each gives articles or refusals, in time."""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.articles import load
from rag.types import Article
from tests.repeats import REPEATS

LEDE = "Dock workers in Port Elgin went back to work on Monday."
MORE = "The union said that the new contract runs for three years — and that 1,200 people voted."
GOOD = f"Harbour strike ends\n\n{LEDE} {MORE}\n"
#: What parsers stumble over: controls, marks, entities, brackets, numbers, halves of characters, deep nesting.
TOKENS = [
    b"\x00", b"\x0b", b"\xff", b"\xed\xa0\x80", b"&#x1F;", b"&#0;", b"&amp;" * 9, b"<![CDATA[", b"]]>", b"<!--",
    b"<?xml", b"http://[x", b"\\ud83d", b"{" * 60, b"[" * 900, b"<div>" * 400, b"</", b"9" * 400, b"1e999", b"null",
    b"true", b'"', b"\n\n", b"---\n", b"\xef\xbb\xbf", b"\xfe\xff", b"%%EOF", b"endobj", b"stream\n", b"-1 0 R",
    b"/Filter /FlateDecode", b"2026-02-31", b"99999999999999", b"\xc2\x85", b"\xe2\x80\xa8", b"**a " * 200,
    b"\t" * 300, b"a: &a [*a]",
]  # fmt: skip


def _page() -> bytes:
    return (
        "<!doctype html><html><head><meta charset='utf-8'><title>Strike ends - The Coast</title>"
        '<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2024-03-03"}</script></head>'
        f"<body><nav><a href='/'>Home</a></nav><article><h1>Strike ends</h1><p>{LEDE}</p><table><tr><th>A</th><th>B"
        f"</th></tr><tr><td colspan='2'>1</td></tr></table><p>{MORE}</p></article></body></html>"
    ).encode()


def _feed() -> bytes:
    items = "".join(
        f"<item><title>Strike &amp; more {n}</title><link>https://c.test/{n}</link><pubDate>Sun, 03 Mar 2024 10:00:00 "
        f"GMT</pubDate><description><![CDATA[<p>{LEDE}</p><p hidden>x</p><p>{MORE}</p>]]></description></item>"
        for n in range(3)
    )
    head = "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>C</title>"
    return f"{head}{items}</channel></rss>".encode()


def _atom() -> bytes:
    entry = f"<entry><title>Strike</title><id>urn:1</id><content type='html'>&lt;p&gt;{LEDE} {MORE}&lt;/p&gt;</content>"
    head = "<feed xmlns='http://www.w3.org/2005/Atom'><title>C</title>"
    return f"{head}{entry}<updated>2024-03-03T10:00:00Z</updated></entry></feed>".encode()


def _records() -> bytes:
    rows = [{"id": n, "title": "Strike", "body": LEDE + MORE, "date": "2024-03-03", "url": f"https://c.test/{n}",
             "author": {"name": "Jo Doe"}, "source": {"name": "Coast"}} for n in range(3)]  # fmt: skip
    return "\n".join(map(json.dumps, rows)).encode()


def _pdf() -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer)
    for page in range(2):
        for n in range(12):
            canvas.drawString(72, 760 - 16 * n, f"{LEDE} {page} {n}")
        canvas.grid([72, 150, 300], [200, 220, 240, 260])
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _zip(names: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _mail() -> bytes:
    return (
        "From: The Coast <desk@c.test>\nSubject: =?utf-8?q?Strike_ends?=\nDate: Sun, 3 Mar 2024 10:00:00 +0100\n"
        'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="B"\n\n'
        f"--B\nContent-Type: text/plain; charset=utf-8\n\n{LEDE}\n\n"
        f"--B\nContent-Type: text/html\n\n<p>{LEDE}</p>\n--B--\n"
    ).encode()


def _mailbox() -> bytes:
    return (b"From a@b Sun Mar  3 10:00:00 2024\n" + _mail() + b"\n") * 2


def _saved() -> bytes:
    head = b'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="B"\n\n--B\nContent-Type: text/html\n\n'
    return head + _page() + b"\n--B--\n"


def _crawl() -> bytes:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + _page()
    head = "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://c.test/1\r\nContent-Type: application/http\r\n"
    return f"{head}Content-Length: {len(answer)}\r\n\r\n".encode() + answer + b"\r\n\r\n"


WORD = b'<w:document xmlns:w="x"><w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body></w:document>' % LEDE.encode()
MARKDOWN = f"---\ntitle: Strike\ndate: 2024-03-03\n---\n# Strike\n\n- a\n- b\n\n|a|b|\n|-|-|\n|1|2|\n\n{LEDE}\n"
TABLE = f'title,body,date\nStrike,"{LEDE}",2024-03-03\nMore,"{LEDE}",\n'
BASES: dict[str, bytes] = {
    "html": _page(),
    "xml": _feed(),
    "atom": _atom(),
    "jsonl": _records(),
    "json": json.dumps({"articles": [json.loads(line) for line in _records().splitlines()]}).encode(),
    "pdf": _pdf(),
    "txt": GOOD.encode(),
    "md": MARKDOWN.encode(),
    "utf16.txt": GOOD.encode("utf-16"),
    "eml": _mail(),
    "mbox": _mailbox(),
    "mhtml": _saved(),
    "csv": TABLE.encode(),
    "docx": _zip({"word/document.xml": WORD}),
    "epub": _zip({"c1.xhtml": _page(), "c2.xhtml": _page()}),
    "zip": _zip({"a.txt": GOOD.encode(), "b.html": _page()}),
    "html.gz": gzip.compress(_page(), mtime=0),
    "warc": _crawl(),
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A copy with one to six wounds: bytes changed, cut out, doubled, moved, odd tokens put in, the end torn off."""
    for _ in range(chance.randint(1, 6)):
        at, size = chance.randrange(len(data) + 1), chance.choice([1, 1, 2, 8, 60])
        if chance.random() < 0.02:  # work that grows with the square shows in a long run of one token
            token = chance.choice(TOKENS)
            data = data[:at] + token * (chance.choice([20_000, 200_000]) // len(token)) + data[at:]
        match chance.randrange(6):
            case 0:
                data = data[:at] + bytes(chance.randrange(256) for _ in range(size)) + data[at + size :]
            case 1:
                data = data[:at] + data[at + size :]
            case 2:
                data = data[:at] + data[at : at + 20 * size] * 2 + data[at + 20 * size :]
            case 3 | 4:
                data = data[:at] + chance.choice(TOKENS) + data[at:]
            case _:
                data = data[: max(at, 1)] if chance.random() < 0.3 else data
    return data


def run_damaged(folder: Path, count: int, seed: int) -> float:
    """Read so many damaged files, then a whole one; gives the longest time between two items, in seconds."""
    chance = random.Random(seed)
    paths = []
    for n in range(count):
        kind = list(BASES)[n % len(BASES)]
        paths.append(folder / f"f{n}.{kind}")
        paths[-1].write_bytes(damaged(BASES[kind], chance))
    (folder / "good.txt").write_text(GOOD)
    longest, last, item = 0.0, time.monotonic(), None
    for item in load([*paths, folder / "good.txt"]):
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert not isinstance(item, Article) or item.text.strip()
        str(item).encode("utf-8")  # what is given can be stored and shown
    assert isinstance(item, Article)
    assert item.id == "good"
    return longest


@pytest.mark.parametrize("kind", BASES)
def test_the_whole_ones_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(BASES[kind])
    found = list(load([path]))
    assert found
    assert all(isinstance(item, Article) and "Port Elgin" in item.text for item in found), found


def test_a_hundred_damaged_inputs_end_no_run(tmp_path: Path) -> None:
    run_damaged(tmp_path, 96, seed=1)


def _used(child: str) -> tuple[float, int, int]:
    """Processor seconds, bytes held and the most bytes held since it was last asked, of a process."""
    fields = Path("/proc", child, "stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    rows = (line.split() for line in Path("/proc", child, "status").read_text().splitlines())
    sizes = {row[0]: int(row[1]) * 1024 for row in rows if row[0] in {"VmRSS:", "VmHWM:"}}
    Path("/proc", child, "clear_refs").write_text("5")
    return seconds, sizes["VmRSS:"], sizes["VmHWM:"]


def _children() -> list[str]:
    return [name for task in Path("/proc/self/task").iterdir() for name in (task / "children").read_text().split()]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process used from /proc")
def test_damaged_inputs_take_bounded_time_and_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """TEST_REPEATS=1000 reads 2,000: none ends the run or takes over 10 s of processor time or 500 MB."""
    chance, kinds, count = random.Random(2), list(BASES), max(2 * REPEATS, 512)
    (good := tmp_path / "good.txt").write_text(GOOD)
    whole = list(load([good]))
    slowest, largest, refused, stopped, over = 0.0, 0, 0, 0, []
    for n in range(count):
        path = tmp_path / f"f{n}.{kinds[n % len(kinds)]}"
        path.write_bytes(damaged(BASES[kinds[n % len(kinds)]], chance))
        before = {child: _used(child) for child in _children()}
        own = time.process_time()
        items = list(load([path]))
        seconds, peak = time.process_time() - own, 0
        for child in _children():
            at, _, most = _used(child)
            begun, held, _ = before.get(child, (0.0, 0, 0))
            # A child that took the place of one that was stopped had its libraries to load: they are not the input's.
            seconds, peak = seconds + at - begun, max(peak, most - held if held else 0)
        for item in items:
            assert not isinstance(item, Article) or item.text.strip()
            str(item).encode("utf-8")  # what is given can be stored and shown
            refused += not isinstance(item, Article)
            stopped += "too long to read" in str(item)
        slowest, largest = max(slowest, seconds), max(largest, peak)
        if seconds > 10 or peak > 500_000_000:
            over.append((path.name, seconds, peak))
        path.unlink()
    with capsys.disabled():
        sys.stdout.write(f"\n{count} inputs, {refused} refusals; at most {slowest:.1f} s, {largest / 1e6:.0f} MB\n")
    assert not over
    assert not stopped
    assert list(load([good])) == whole

"""Rebuilding from damage of every kind: each page in turn, odd manifests, a read-only disk, kill -9 in the middle."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from repeats import REPEATS

from rag.errors import IndexCorrupted, RagError
from rag.indexing.build import build_index, index_status
from rag.indexing.store import Store
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article

PAGE = 4096
TEXTS = {f"n{n}": f"a b c{n} " * (20 if n % 5 else 900) for n in range(30)}


def articles() -> list[Article]:
    return [Article(id_, f"Title {id_}", text, "Desk", None, None, "", f"/{id_}.txt") for id_, text in TEXTS.items()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: Any) -> Path:
    """An index of thirty articles, six of them longer than a page."""
    from conftest import LetterEmbedder

    folder: Path = tmp_path_factory.mktemp("whole") / "index"
    settings = Settings.load({}, index_dir=folder, cache_dir=folder.parent / "cache", reranker="none")
    assert len(build_index(articles(), settings, embedder=LetterEmbedder()).added) == len(TEXTS)
    return folder


def copied(whole: Path, settings: Settings) -> Path:
    """A copy to damage; its file of rows."""
    shutil.rmtree(settings.index_dir, ignore_errors=True)
    shutil.copytree(whole, settings.index_dir)
    return settings.index_dir / "index.sqlite"


def check_rebuilt(settings: Settings, letters: Any) -> tuple[set[str], list[str]]:
    """Rebuild; what is there must be as it was. Returns the ids saved and the names of what was lost."""
    report = build_index([], settings, embedder=letters, rebuild=True)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        saved = {row.id for row in retriever.articles()}
        assert retriever.status().articles == len(saved)
        for id_ in saved:
            assert retriever.article(id_).text == (TEXTS | {"y": "b"})[id_]
        if saved:
            assert retriever.search("a b c", k=5)
    assert not (settings.index_dir / "rebuilding").exists()
    return saved, [refusal.origin for refusal in report.refusals]


def pages(whole: Path) -> int:
    return (whole / "index.sqlite").stat().st_size // PAGE


@pytest.mark.parametrize("most", [6, pytest.param(REPEATS // 4, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("kind", ["noise", "zeros", "other page"])
def test_one_damaged_page_costs_what_was_on_it(
    whole: Path, settings: Settings, letters: Any, kind: str, most: int
) -> None:
    draw = random.Random(7)
    kept = []
    for page in [0, *draw.sample(range(1, pages(whole)), min(most, pages(whole) - 1))]:
        rows = copied(whole, settings)
        data = bytearray(rows.read_bytes())
        other = draw.randrange(pages(whole)) * PAGE
        filling = {"noise": draw.randbytes(PAGE), "zeros": bytes(PAGE), "other page": bytes(data[other : other + PAGE])}
        data[page * PAGE : (page + 1) * PAGE] = filling[kind]
        rows.write_bytes(data)
        saved, lost = check_rebuilt(settings, letters)
        kept.append(len(saved))
        missing = set(TEXTS) - saved
        assert missing <= set(lost) or any("index.sqlite" in name for name in lost), (page, missing, lost)
        if missing:
            assert list(settings.index_dir.glob("damaged-*/index.sqlite")), "the damaged one is kept"
    # Most pages hold one article or none; the few at the root of the table cost more.
    assert sorted(kept)[len(kept) // 2] >= len(TEXTS) - 3, kept


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut_gives_what_is_left(whole: Path, settings: Settings, letters: Any, share: float) -> None:
    rows = copied(whole, settings)
    data = rows.read_bytes()
    rows.write_bytes(data[: int(len(data) * share)])
    saved, lost = check_rebuilt(settings, letters)
    assert lost or saved == set(TEXTS)
    assert len(saved) >= (share - 0.5) * len(TEXTS) - 2


@pytest.mark.parametrize("content", [b"", b"no database", b"\0" * 20_000, b"SQLite format 3\0" + b"\1" * 9000])
def test_a_file_of_another_kind_gives_an_empty_index(
    whole: Path, settings: Settings, letters: Any, content: bytes
) -> None:
    copied(whole, settings).write_bytes(content)
    saved, lost = check_rebuilt(settings, letters)
    assert saved == set()
    assert lost
    assert build_index(articles(), settings, embedder=letters).added


def test_a_changed_text_is_not_taken_for_the_right_one(whole: Path, settings: Settings, letters: Any) -> None:
    rows = copied(whole, settings)
    with sqlite3.connect(rows) as db:
        db.execute("UPDATE articles SET text = replace(text, 'a b c5', 'a X c5') WHERE id = 'n5'")
    db.close()
    saved, lost = check_rebuilt(settings, letters)
    assert (set(TEXTS) - saved, lost) == ({"n5"}, ["n5"])


def test_a_sound_index_is_rebuilt_without_a_loss_and_open_readers_go_on(
    whole: Path, settings: Settings, letters: Any
) -> None:
    copied(whole, settings)
    with Retriever.open(settings=settings, embedder=letters) as reader:
        saved, lost = check_rebuilt(settings, letters)
        assert (saved, lost) == (set(TEXTS), [])
        assert reader.search("a b c", k=3)
        build_index([Article("new", "Title", "a b", origin="/new")], settings, embedder=letters)
        assert reader.article("new").text == "a b", "a reader that was open takes up what was swapped in"
    assert not list(settings.index_dir.glob("damaged-*"))
    build_index([Article("new", "Title", "a b c", origin="/new")], settings, embedder=letters)
    build_index([], settings, embedder=letters, rebuild=True)
    with closing(Store.open(settings.index_dir)) as store:
        assert [version.text for version in store.versions("new")] == ["a b"], "what was said before is kept"
    assert len(list(settings.index_dir.glob("segment-*"))) == 1


ODD = [
    (name, value)
    for name in ("format", "generation", "embedding_model", "dimension", "passage_tokens", "passage_overlap")
    for value in (None, "x", "9" * 40, b"\xff\xfe")
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ODD, ids=str)
def test_an_odd_manifest_is_told_in_words(
    whole: Path, settings: Settings, letters: Any, name: str, value: str | bytes | None
) -> None:
    rows = copied(whole, settings)
    with sqlite3.connect(rows) as db:
        if value is None:
            db.execute("DELETE FROM manifest WHERE key = ?", (name,))
        else:
            db.execute("UPDATE manifest SET value = ? WHERE key = ?", (value, name))
    db.close()

    def search() -> None:
        with Retriever.open(settings=settings, embedder=letters) as retriever:
            retriever.search("a b")

    told = 0
    for call in (
        lambda: index_status(settings),
        search,
        lambda: build_index([Article("y", "T", "b", origin="/y")], settings, embedder=letters),
    ):
        try:
            call()
        except RagError as error:
            told += 1
            assert error.hint
    assert told
    assert check_rebuilt(settings, letters)[0] >= set(TEXTS)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE articles SET published = 'yesterday'",
        "UPDATE articles SET extra = '{'",
        "UPDATE articles SET extra = '[]'",
        "UPDATE articles SET bands = x'01'",
        "UPDATE segments SET approximate = '['",
        "UPDATE segments SET passages = 7",
        "UPDATE segments SET sha256 = 'x'",
        "DELETE FROM segments",
        "UPDATE passages SET sentences = 'x'",
        "UPDATE passages SET vectors = x'0102030405'",
        "DROP TABLE segments",
        "DROP TABLE passages",
        "DELETE FROM articles",
    ],
)
def test_odd_rows_are_told_in_words(whole: Path, settings: Settings, letters: Any, change: str) -> None:
    rows = copied(whole, settings)
    with sqlite3.connect(rows) as db:
        db.execute(change)
    db.close()

    def use() -> None:
        index_status(settings)
        with Retriever.open(settings=settings, embedder=letters) as retriever:
            retriever.articles()
            for row in retriever.articles():
                retriever.article(row.id)
            retriever.search("a b", k=20)
        build_index([Article("y", "T", "b", origin="/y")], settings, embedder=letters)

    try:
        use()
    except IndexCorrupted as error:
        assert "rag index --rebuild" in str(error)
    check_rebuilt(settings, letters)


def test_an_index_on_a_read_only_disk_is_searched(whole: Path, settings: Settings) -> None:
    copied(whole, settings)
    for extra in settings.index_dir.glob("index.sqlite-*"):
        extra.unlink()
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from conftest import LetterEmbedder\n"
        "from rag.retrieval.retriever import Retriever\n"
        "from rag.indexing.build import build_index\n"
        "from rag.errors import IndexWriteError\n"
        "from rag.settings import Settings\n"
        "settings = Settings.load({}, index_dir=sys.argv[1], cache_dir=sys.argv[1] + '-cache', reranker='none')\n"
        "with Retriever.open(settings=settings, embedder=LetterEmbedder()) as retriever:\n"
        "    print(len(retriever.search('a b', k=3)), retriever.status().articles)\n"
        "try: build_index([], settings, embedder=LetterEmbedder())\n"
        "except IndexWriteError: print('refused')\n"
    )
    inside = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", inside, "sh", str(settings.index_dir), sys.executable, code]
    probe = "mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp"
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-rm", "sh", "-c", probe], capture_output=True, check=False).returncode
    ):
        pytest.skip("no read-only disk may be made here (unshare -m)")
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.stdout.split() == ["3", "30", "refused"], done.stderr


REBUILD = """
import sys
sys.path.insert(0, {tests!r})
from conftest import LetterEmbedder
import rag.indexing.build as build
from rag.settings import Settings
build.COMMIT_PASSAGES, build.EMBED_PASSAGES = 20, 5
settings = Settings.load({{}}, index_dir=sys.argv[1], cache_dir=sys.argv[1] + "-cache", reranker="none")
print("ready", flush=True)
build.build_index([], settings, embedder=LetterEmbedder(), rebuild=True)
"""


@pytest.mark.parametrize("kills", [4, pytest.param(REPEATS // 8, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_kill_9_while_rebuilding_loses_nothing(whole: Path, settings: Settings, letters: Any, kills: int) -> None:
    copied(whole, settings)
    draw = random.Random(3)
    code = REBUILD.format(tests=str(Path(__file__).parent))
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(settings.index_dir)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        process.stdout.readline()
        time.sleep(draw.random() * 0.6)
        process.kill()
        process.wait()
        process.stdout.close()
        with Retriever.open(settings=settings, embedder=letters) as retriever:
            assert {row.id for row in retriever.articles()} == set(TEXTS)
            assert retriever.search("a b c", k=3)
    assert check_rebuilt(settings, letters) == (set(TEXTS), [])

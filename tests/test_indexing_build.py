"""The store under real conditions: edits, clashes, damage, a full disk, two writers, kill -9."""

from __future__ import annotations

import gc
import random
import resource as limits
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from rag.errors import IndexBusy, IndexCorrupted, IndexMismatch, IndexMissing, IndexWriteError, ModelBroken
from rag.indexing.build import build_index, delete_articles, index_status
from rag.indexing.duplicates import jaccard, shingles
from rag.indexing.segments import file_sha256
from rag.indexing.store import Store
from rag.indexing.writer import Writer
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article, Progress, Refusal


def article(id_: str, text: str, origin: str = "", **more: Any) -> Article:
    return Article(id_, f"Title {id_}", text, origin=origin or f"/articles/{id_}.txt", **more)


def ids(settings: Settings) -> list[str]:
    return sorted(row.id for row in index_status(settings, rows=True).rows)


def test_unchanged_is_skipped_edited_is_replaced(settings: Settings, letters: Any) -> None:
    first = build_index([article("x", "a a"), article("y", "b b")], settings, embedder=letters)
    assert (first.added, first.passages) == (("x", "y"), 2)
    calls: list[str] = []

    class Counting(type(letters)):  # type: ignore[misc]
        def encode(self, texts: Any, **more: Any) -> Any:
            calls.extend(texts)
            return super().encode(texts, **more)

    steps: list[Progress] = []
    second = build_index(
        [article("x", "a a"), article("y", "c c")], settings, embedder=Counting(), progress=steps.append
    )
    assert (second.unchanged, second.replaced, second.added) == (("x",), ("y",), ())
    assert [call for call in calls if call.startswith("Title")] == ["Title y\nc c"]
    assert [(step.stage, step.done, step.total) for step in steps] == [
        ("reading", 1, None),
        ("reading", 2, None),
        ("indexing", 1, 2),
        ("indexing", 2, 2),
    ]
    status = index_status(settings)
    assert (status.articles, status.passages, status.embedding_model) == (2, 2, "letters")
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        assert retriever.article("y").text == "c c"
        assert [h.passage.text for h in retriever.search("ccc", k=1)] == ["c c"]
        assert "b b" not in [h.passage.text for h in retriever.search("b b", k=5)]


def test_prune_deletes_what_vanished_and_keeps_what_was_refused(
    settings: Settings, letters: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    here = [article(name, name, str(folder / f"{name}.txt")) for name in ("x", "y", "z")]
    elsewhere = article("w", "w", "/elsewhere/w.txt")
    build_index([*here, elsewhere], settings, embedder=letters)
    items = [here[0], Refusal(here[1].origin, "broken")]
    kept = build_index(items, settings, embedder=letters, inputs=[str(folder)])
    assert kept.pruned == ()
    pruned = build_index(items, settings, embedder=letters, inputs=[str(folder)], prune=True)
    assert (pruned.pruned, pruned.refusals) == (("z",), (Refusal(here[1].origin, "broken"),))
    assert ids(settings) == ["w", "x", "y"]
    assert delete_articles(["w", "nobody"], settings, embedder=letters) == ("w",)
    assert ids(settings) == ["x", "y"]


def test_two_files_with_one_id(settings: Settings, letters: Any, tmp_path: Path) -> None:
    one, other = tmp_path / "one" / "x.txt", tmp_path / "other" / "x.txt"
    for path in (one, other):
        path.parent.mkdir()
        path.write_text("a")
    report = build_index([article("x", "a", str(one)), article("x", "b", str(other))], settings, embedder=letters)
    assert len(report.renamed) == 1
    wanted, given = report.renamed[0]
    assert wanted == "x"
    assert ids(settings) == ["x", given]
    again = build_index([article("x", "a", str(one)), article("x", "b", str(other))], settings, embedder=letters)
    assert set(again.unchanged) == {"x", given}
    # A file that was saved in another kind replaces the one that is gone; another of its name elsewhere does not.
    one.unlink()
    moved = build_index([article("x", "a c", str(one.with_suffix(".md")))], settings, embedder=letters)
    assert moved.replaced == ("x",)
    apart = build_index([article("x", "c", str(tmp_path / "upload" / "x.txt"))], settings, embedder=letters)
    assert (apart.replaced, len(apart.renamed)) == ((), 1)
    twice = build_index([article("q", "a", "/q"), article("q", "b", "/q")], settings, embedder=letters)
    assert (twice.added, [r.reason for r in twice.refusals]) == (("q",), ["The id 'q' was given twice."])


def test_near_duplicates_are_reported_and_found_once(settings: Settings, letters: Any) -> None:
    words = [f"word{n}" for n in range(100)]
    text = " ".join(words)
    twin = " ".join([*words[:95], "other"])
    assert jaccard(shingles(text), shingles(twin)) == pytest.approx(91 / 97)
    different = " ".join(words[:50])
    items = [
        article("x", text, source="X", published=date(2025, 1, 1)),
        article("y", twin, source="Y", published=date(2025, 1, 2)),
        article("z", different, source="Z"),
    ]
    report = build_index(items, replace(settings, passage_tokens=60, passage_overlap=0), embedder=letters)
    assert report.near_duplicates == (("y", "x"),)
    settings = replace(settings, passage_tokens=60, passage_overlap=0)
    assert index_status(settings).near_duplicates == 1
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        found = {hit.passage.article.id for hit in retriever.search("word7", k=10)}
        assert len(found & {"x", "y"}) == 1
        assert "z" in found
        assert {h.passage.article.id for h in retriever.search("word7", source="Y")} == {"y"}
    # When the one that was kept goes, the other stands on its own.
    delete_articles(["x"], settings, embedder=letters)
    assert index_status(settings).near_duplicates == 0
    again = build_index([article("v", text)], settings, embedder=letters)
    assert again.near_duplicates == (("v", "y"),)


def test_an_update_silences_nobody(settings: Settings, letters: Any) -> None:
    story = (
        "At least {} people were hurt when a stand gave way at the regatta of Skarby, the coast guard said. {}\n\n"
        "The boats were called back and the harbour was shut for the day. The stand was put up by volunteers of the "
        "rowing club, and the town had not looked at it. Rain had softened the meadow on which it stood, and the crowd "
        "was larger than in other years. The club, which was founded by fishermen, will hold a meeting about it, and "
        "the mayor wants a report from the engineers of the county before the next race."
    )
    items = [
        article("early", story.format(12, "More may follow."), source="X", published=date(2025, 6, 1)),
        article("late", story.format(31, "More may follow."), source="Y", published=date(2025, 6, 2)),
        article("copy", story.format(31, "More might follow."), source="Z", published=date(2025, 6, 2)),
    ]
    report = build_index(items, settings, embedder=letters)
    assert report.updates == (("late", "early", "31 for 12"),)
    assert report.near_duplicates == (("copy", "late"),)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        hits = retriever.search("stand regatta", k=10)
        shown = {hit.passage.article.id for hit in hits}
        assert "early" in shown
        assert len(shown & {"late", "copy"}) == 1
        also = {meta.id for hit in hits for meta in hit.also}
        assert also | shown == {"early", "late", "copy"}


def test_speakers_are_kept_with_the_sentences(settings: Settings, letters: Any) -> None:
    text = "Harbour master Karl Ohm came at noon. He said the pier was safe."
    build_index([article("x", text), article("z", text, language="de")], settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        (hit,) = retriever.search("pier", k=1)
    assert [sentence.speaker for sentence in hit.passage.sentences] == ["", "Karl Ohm"]


def test_a_correction_is_kept_with_the_article(settings: Settings, letters: Any) -> None:
    note = "Correction: The stand holds 300 people, not 500."
    build_index(
        [article("x", f"The stand holds 500 people.\n\n{note}"), article("y", "a b")], settings, embedder=letters
    )
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        told = {hit.passage.article.id: hit.passage.article.corrected for hit in retriever.search("stand", k=10)}
    assert told["x"] == note
    assert not told.get("y")


def test_opening_with_other_settings_names_both_and_the_way_out(settings: Settings, letters: Any) -> None:
    with pytest.raises(IndexMissing, match="rag index"):
        Retriever.open(settings=settings, embedder=letters)
    build_index([article("x", "a b")], settings, embedder=letters)
    for other in (replace(settings, passage_tokens=32, passage_overlap=0), settings):
        if other is settings:
            letters.name = "numbers"
        for call in (
            lambda o=other: Retriever.open(settings=o, embedder=letters),
            lambda o=other: build_index([article("y", "b")], o, embedder=letters),
        ):
            with pytest.raises(IndexMismatch, match=r"(192.*32|letters.*numbers).*rag index --rebuild"):
                call()
    # Rebuilding keeps what is stored and takes the new settings.
    report = build_index([], settings, embedder=letters, rebuild=True)
    assert report.passages == 1
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        assert [hit.passage.text for hit in retriever.search("a")] == ["a b"]


@pytest.mark.parametrize("damage", ["vectors", "vectors gone", "rows", "rows cut"])
def test_a_damaged_file_is_told_and_can_be_rebuilt(settings: Settings, letters: Any, damage: str) -> None:
    build_index([article(f"x{n}", "a b " * 40) for n in range(30)], settings, embedder=letters)
    (vectors,) = settings.index_dir.glob("segment-*")
    rows = settings.index_dir / "index.sqlite"
    for extra in settings.index_dir.glob("index.sqlite-*"):
        extra.unlink()
    if damage == "vectors":
        vectors.write_bytes(vectors.read_bytes()[:-20])
    elif damage == "vectors gone":
        vectors.unlink()
    elif damage == "rows":
        rows.write_bytes(b"not a database at all" * 1000)
    else:
        rows.write_bytes(rows.read_bytes()[: rows.stat().st_size // 2])

    def read_all() -> None:
        with Retriever.open(settings=settings, embedder=letters) as retriever:
            retriever.status()
            for n in range(30):
                retriever.article(f"x{n}")
            retriever.search("a b", k=30)

    with pytest.raises(IndexCorrupted, match=r"rag index --rebuild"):
        read_all()
    build_index([article("new", "a b c")], settings, embedder=letters, rebuild=True)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        assert "new" in {hit.passage.article.id for hit in retriever.search("a b c", k=40)}


def test_one_writer_at_a_time_and_readers_go_on(settings: Settings, letters: Any) -> None:
    from rag.indexing.build import build_settings

    build_index([article("x", "a b")], settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        with Writer(settings.index_dir, build_settings(letters, settings)):
            with pytest.raises(IndexBusy, match="Wait for it"):
                build_index([article("y", "b")], settings, embedder=letters)
            assert [h.passage.text for h in retriever.search("a")] == ["a b"]
        build_index([article("y", "b c")], settings, embedder=letters)
        assert {h.passage.text for h in retriever.search("b")} == {"a b", "b c"}


def test_an_error_in_the_middle_loses_nothing(settings: Settings, letters: Any) -> None:
    build_index([article("x", "a b")], settings, embedder=letters)

    def broken() -> Any:
        yield article("y", "b c")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(broken(), settings, embedder=letters)
    assert ids(settings) == ["x"]


CHILD = """
import sys, time
from pathlib import Path
from threading import Event
sys.path.insert(0, {tests!r})
from conftest import LetterEmbedder
import rag.indexing.build as build
from rag.settings import Settings
from rag.types import Article
build.COMMIT_PASSAGES, build.EMBED_PASSAGES = 20, 5
settings = Settings.load({{}}, index_dir=sys.argv[1], cache_dir=sys.argv[1] + "-cache")
def items():
    for n in range(int(sys.argv[2]), int(sys.argv[3])):
        yield Article(f"n{{n}}", f"Title {{n}}", f"a b c{{n}} " * 20, origin=f"/n{{n}}")
print("ready", flush=True)
report = build.build_index(items(), settings, embedder=LetterEmbedder())
print(len(report.added), flush=True)
"""


def child(settings: Settings, first: int, last: int, **more: Any) -> subprocess.Popen[str]:
    code = CHILD.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, str(settings.index_dir), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def check_whole(settings: Settings, letters: Any) -> int:
    """Every article that is there is there in full, and every vector has its row."""
    store = Store.open(settings.index_dir)
    try:
        assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = {row for (row,) in store._db.execute("SELECT row FROM passages")}
        found: set[int] = set()
        for part in store.parts:
            assert file_sha256(store.layout.segment(part.number)) == part.sha256
            alive = np.ones(len(part.segment), bool) if part.alive is None else part.alive
            assert not found & set(part.segment.rows[alive].tolist())
            found |= set(part.segment.rows[alive].tolist())
            assert set(np.unique(part.segment.postings.places).tolist()) == set(range(len(part.segment)))
        assert found == rows == {row for (row,) in store._db.execute("SELECT rowid FROM passages_text")}
        for row in store.article_rows():
            found = store.article(row.id)
            assert found is not None
            assert row.passages > 0
        return store.counts()[0]
    finally:
        store.close()


def test_kill_9_at_any_moment_leaves_a_whole_index(settings: Settings, letters: Any) -> None:
    build_index([article("old", "a b old")], settings, embedder=letters)
    chance = random.Random(7)
    seen = [1]
    span = 0.0  # seconds until the first chunk is committed on this machine, as busy as it is now
    for _ in range(8):
        process = child(settings, 0, 4000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        started = time.monotonic()
        while not span and len(ids(settings)) == 1:
            assert time.monotonic() - started < 60
            time.sleep(0.01)
        span = span or time.monotonic() - started
        time.sleep(chance.uniform(0.02, 2 * span))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(check_whole(settings, letters))
        with Retriever.open(settings=settings, embedder=letters) as retriever:
            assert "old" in {hit.passage.article.id for hit in retriever.search("old", k=5)}
    # Committed chunks stay, so that the next run goes on where the killed one was.
    assert seen == sorted(seen)
    assert seen[-1] > 1
    final = child(settings, 0, 400)
    _, err = final.communicate(timeout=120)
    assert final.returncode == 0, err
    assert check_whole(settings, letters) >= 401
    with closing(Store.open(settings.index_dir)) as store:
        current = {store.layout.segment(part.number) for part in store.parts}
    assert set(settings.index_dir.glob("segment-*")) == current


@pytest.mark.slow
def test_kill_9_at_many_more_moments(settings: Settings, letters: Any) -> None:
    build_index([article("old", "a b old")], settings, embedder=letters)
    for step in range(60):
        process = child(settings, 0, 20_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.01 + step * 0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        check_whole(settings, letters)


def test_a_full_disk_leaves_the_previous_index(settings: Settings, letters: Any) -> None:
    build_index([article("old", "a b old")], settings, embedder=letters)

    def small_files() -> None:
        limits.setrlimit(limits.RLIMIT_FSIZE, (120_000, 120_000))

    process = child(settings, 0, 3000, preexec_fn=small_files)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "IndexWriteError" in err
    assert "could not be written" in err
    assert "previous index is unchanged" in err
    check_whole(settings, letters)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        assert "old" in {hit.passage.article.id for hit in retriever.search("old", k=5)}


def test_what_is_slow_to_read_keeps_no_other_writer_out(settings: Settings, letters: Any) -> None:
    def slow() -> Any:
        yield article("x", "a a")
        # Another program writes while this one still waits for a server.
        assert build_index([article("y", "b b")], settings, embedder=letters).added == ("y",)
        yield article("z", "c c")

    assert build_index(slow(), settings, embedder=letters).added == ("x", "z")
    assert ids(settings) == ["x", "y", "z"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, letters: Any, settings: Settings) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexWriteError, match="could not be written"):
        build_index([article("x", "a")], replace(settings, index_dir=tmp_path / "file" / "index"), embedder=letters)


def test_an_index_of_another_format(settings: Settings, letters: Any) -> None:
    build_index([article("x", "a")], settings, embedder=letters)
    with sqlite3.connect(settings.index_dir / "index.sqlite") as db:
        db.execute("UPDATE manifest SET value = '0' WHERE key = 'format'")
    db.close()
    with pytest.raises(IndexMismatch, match="format 0"):
        Retriever.open(settings=settings, embedder=letters)


def test_articles_are_cut_while_others_are_embedded(settings: Settings, letters: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("rag.indexing.build.EMBED_PASSAGES", 2)
    embedding, cut_meanwhile = Event(), Event()

    class Beside(type(letters)):  # type: ignore[misc]
        def encode_spans(self, texts: Any, spans: Any) -> Any:
            embedding.set()
            assert cut_meanwhile.wait(20)
            return super().encode_spans(texts, spans)

        def count_tokens(self, text: str) -> int:
            if embedding.is_set():
                cut_meanwhile.set()
            return super().count_tokens(text)

    texts = [f"{'abc'[n % 3] * (n + 1)} zz{n} yy{n} xx{n} ww{n} uu{n} c" for n in range(9)]
    given = [article(f"x{n}", text) for n, text in enumerate(texts)]
    assert build_index(given, settings, embedder=Beside()).added == tuple(f"x{n}" for n in range(9))
    asked = letters.encode(["ccc"], kind="query")[0]
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        found = {hit.passage.article.id: hit.scores["dense"] for hit in retriever.search("ccc", k=50)}
    own = letters.encode([f"Title x{n}\n{text}" for n, text in enumerate(texts)], kind="passage") @ asked
    assert found == {f"x{n}": pytest.approx(float(own[n]), abs=1e-5) for n in range(9)}


def test_an_embedder_that_fails_beside_stops_the_run(settings: Settings, letters: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("rag.indexing.build.EMBED_PASSAGES", 2)

    class Failing(type(letters)):  # type: ignore[misc]
        def encode_spans(self, texts: Any, spans: Any) -> Any:
            raise ModelBroken("The weights are gone.", "Fetch them again.")

    with pytest.raises(ModelBroken, match="weights are gone"):
        build_index([article(f"x{n}", f"a b {'c ' * n}") for n in range(9)], settings, embedder=Failing())
    with pytest.raises(IndexMissing):
        index_status(settings)


def test_a_long_article_is_embedded_beside_the_others_and_written_in_its_turn(
    settings: Settings, letters: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("rag.indexing.annotate.STRETCH", 400)
    monkeypatch.setattr("rag.indexing.build.STRETCH", 400)
    monkeypatch.setattr("rag.indexing.build.EMBED_PASSAGES", 3)
    turn = sys.getswitchinterval()
    long = " ".join(f"The {'abc'[n % 3]} of harbour {n} was seen by pilot {n} at dawn." for n in range(40))
    texts = [f"{'abc'[n % 3]} {long[n * 50 : n * 50 + 200]}" for n in range(6)]
    given = [article(f"x{n}", text) for n, text in enumerate(texts)]
    given[2:2] = [article("long", long), article("again", long)]
    report = build_index(given, settings, embedder=letters)
    assert report.added == ("x0", "x1", "long", "again", "x2", "x3", "x4", "x5")
    assert ("again", "long") in report.near_duplicates
    assert (sys.getswitchinterval(), gc.get_freeze_count()) == (turn, 0)
    alone = replace(settings, index_dir=settings.index_dir.with_name("alone"))
    for each in given:
        build_index([each], alone, embedder=letters)
    with (
        Retriever.open(settings=settings, embedder=letters) as one,
        Retriever.open(settings=alone, embedder=letters) as two,
    ):
        asked = "harbour seen by pilot 7"
        found, wanted = ({h.passage.id: h.scores for h in each.search(asked, k=50)} for each in (one, two))
    assert found.keys() == wanted.keys()
    assert all(found[id_]["dense"] == pytest.approx(wanted[id_]["dense"], abs=1e-6) for id_ in found)

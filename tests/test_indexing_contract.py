"""What every index does, a folder and a Milvus alike: the same tests for both, the latter in milvus-lite."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import IndexBusy, IndexMismatch, IndexMissing, InputError
from rag.indexing.build import build_index, delete_articles, index_status
from rag.indexing.contract import BuildSettings, Filters, Reader, Record
from rag.indexing.listing import Wanted
from rag.indexing.milvus import MilvusWriter, address_of
from rag.indexing.move import copy_index
from rag.indexing.opening import open_index, open_writer
from rag.language.mentions import Mention
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article, Passage, Sentence, Span

BUILT = BuildSettings("letters", 3, 192, 48)
#: milvus-lite takes seconds to start; one test of it is quick enough to run always.
KINDS = ["folder", pytest.param("milvus", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def place(request: Any, tmp_path: Path, settings: Settings) -> Settings:
    if request.param == "milvus":
        pytest.importorskip("milvus_lite")
        return replace(settings, index_dir=tmp_path / "index.db", data_dir=tmp_path / "data")
    return settings


def record(id_: str, text: str, vector: tuple[float, float, float], **more: Any) -> Record:
    """An article of one passage for each line, all with one vector; its bands are those of its first letter."""
    values = {name: more.pop(name) for name in ("repeats", "version_of", "mentions") if name in more}
    article = Article(id_, more.pop("title", f"Title {id_}"), text, origin=f"/{id_}", **more)
    unit = np.array(vector, np.float32) / np.linalg.norm(vector)
    passages, at = [], 0
    for line in text.split("\n"):
        cut = (Sentence(at, at + len(line), speaker="Ann"),)
        passages.append(Passage(article.meta, line, at, at + len(line), cut))
        at += len(line) + 1
    vectors = np.tile(unit, (len(passages), 1)).astype(np.float32)
    bands = tuple(ord(id_[0]) * 100 + n - 2**62 for n in range(10))
    return Record(article, passages, vectors, [unit[np.newaxis, :]] * len(passages), bands, **values)


RECORDS = (
    record("quay", "the old quay closes\nharbours stay open", (1, 0, 0), source="North", published=date(2025, 3, 1),
           url="https://www.north.example/quay?utm_source=x", author="Ann", language="en", notes=("short",),
           spans=(Span(0, 3, "heading"),), mentions=(Mention("Kiel", "place", 2),)),
    record("mill", "a mill near the harbour burned", (0.9, 0.1, 0), source="South", published=date(2025, 4, 1),
           url="https://south.example/mill"),
    record("clock", "O'Brien paid for the clock\nthe clock is old", (0, 1, 0), source="North"),
    record("мост~1", "Новый мост открыли в пятницу", (0, 0, 1), source="Ost \"&' 東", published=date(2025, 5, 1)),
)  # fmt: skip


@pytest.fixture
def filled(place: Settings) -> Iterator[tuple[Settings, Reader]]:
    with open_writer(place, BUILT) as writer:
        for each in RECORDS:
            writer.put(each)
        writer.commit()
    with closing(open_index(place, BUILT)) as store:
        yield place, store


def owners(store: Reader, found: list[tuple[int, float]]) -> list[str]:
    passages = store.passages([row for row, _ in found])
    return [passages[row].passage.article.id for row, _ in found]


def test_articles_are_given_as_they_were_put(filled: tuple[Settings, Reader]) -> None:
    _, store = filled
    for each in RECORDS:
        assert store.article(each.article.id) == each.article
        assert store.known(each.article.id) == (each.article.content_hash, each.article.origin)
    assert store.article("nobody") is None
    assert store.known("nobody") is None
    assert store.hashes() == {r.article.id: (r.article.content_hash, r.article.origin) for r in RECORDS}
    assert (store.siblings("мост"), store.siblings("quay"), store.siblings("qua")) == (["мост~1"], [], [])
    assert store.at_page("north.example/quay") == "quay" or store.at_page("https://north.example/quay") == "quay"
    assert store.at_page("north.example/nothing") is None
    assert store.alike(RECORDS[1].bands[3:4]) == ["mill"]
    assert store.alike((7,)) == []
    manifest = store.manifest()
    assert (manifest["embedding_model"], manifest["dimension"], manifest["passage_tokens"]) == ("letters", "3", "192")
    assert int(manifest["generation"]) > 0


def test_totals(filled: tuple[Settings, Reader]) -> None:
    place, store = filled
    assert store.counts() == (4, 6)
    assert store.sources() == {"North": 2, "South": 1, "Ost \"&' 東": 1}
    assert sorted(store.outlets()) == sorted(
        [("North", "", 1), ("North", "north.example", 1), ("South", "south.example", 1), ("Ost \"&' 東", "", 1)]
    )
    assert store.newest() == date(2025, 5, 1)
    rows = store.article_rows()
    days = [row.published for row in rows if row.published]
    assert store.extent() == (min(days), max(days), sum(row.repeats is not None for row in rows))
    assert min(days) < max(days)
    assert [(row.id, row.passages) for row in store.article_rows()] == [
        ("мост~1", 1), ("mill", 1), ("quay", 2), ("clock", 2),
    ]  # fmt: skip
    assert store.last_indexed() is not None
    assert (store.size_bytes() or 0) > 0
    status = index_status(place)
    assert (status.articles, status.passages, status.folder, status.rows) == (4, 6, str(place.index_dir), ())
    assert len(index_status(place, rows=True).rows) == 4
    assert status.search


def test_passages_are_given_with_what_is_beside_them(filled: tuple[Settings, Reader]) -> None:
    _, store = filled
    with store.snapshot():
        found = store.search_vectors(np.array([1, 0, 0], np.float32), 2)
        stored = sorted((store.passages([row for row, _ in found])).values(), key=lambda each: each.passage.start)
    assert [each.passage for each in stored] == list(RECORDS[0].passages)
    assert [each.group for each in stored] == ["quay", "quay"]
    assert np.allclose(stored[0].vectors, [[1, 0, 0]], atol=0.01)
    assert store.passages([]) == {}


def test_nearest_vectors_come_first(filled: tuple[Settings, Reader]) -> None:
    _, store = filled
    found = store.search_vectors(np.array([0.8, 0.6, 0], np.float32), 4)
    assert owners(store, found) == ["mill", "quay", "quay", "clock"] or owners(store, found)[0] == "mill"
    assert [score for _, score in found] == pytest.approx([0.862, 0.8, 0.8, 0.6], abs=0.002)
    assert len(store.search_vectors(np.array([1, 0, 0], np.float32), 100)) == 6


def test_words_are_found_in_any_form_and_the_better_match_comes_first(filled: tuple[Settings, Reader]) -> None:
    _, store = filled
    found = store.search_text(["harbour", "burned"], 10)
    assert owners(store, found) == ["mill", "quay"]
    assert found[0][1] > found[1][1] > 0
    assert owners(store, store.search_text(["clocks"], 10)) == ["clock", "clock"], "in the title too"
    assert owners(store, store.search_text(["o'brien"], 1)) == ["clock"]
    assert owners(store, store.search_text(["мост"], 10)) == ["мост~1"]
    assert store.search_text(["nobody"], 10) == store.search_text([], 10) == store.search_text(["…"], 10) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(("North",)), {"quay", "clock"}),
        (Filters(("South", "Ost \"&' 東")), {"mill", "мост~1"}),
        (Filters(since=date(2025, 4, 1)), {"mill", "мост~1"}),
        (Filters(until=date(2025, 3, 31)), {"quay"}),
        (Filters(until=date(2025, 3, 31), undated=True), {"quay", "clock"}),
        (Filters(("North",), date(2025, 1, 1), date(2025, 12, 31)), {"quay"}),
        (Filters(articles=("mill", "quay", "nobody")), {"mill", "quay"}),
        (Filters(articles=()), set()),
        (Filters(("Nobody",)), set()),
    ],
)
def test_only_what_passes_the_filters_is_found(
    filled: tuple[Settings, Reader], filters: Filters, expected: set[str]
) -> None:
    _, store = filled
    assert {*owners(store, store.search_vectors(np.array([1, 0, 0], np.float32), 10, filters))} == expected
    words = ["harbour", "clock", "quay", "мост"]
    assert {*owners(store, store.search_text(words, 10, filters))} == expected
    assert {*owners(store, [(row, 0) for row in store.holding([], filters)])} == expected


def test_articles_that_hold_every_word(filled: tuple[Settings, Reader]) -> None:
    _, store = filled

    def texts(*words: str) -> list[str]:
        return sorted(each.passage.text for each in store.passages(store.holding(words)).values())

    assert texts("harbour") == ["a mill near the harbour burned", "harbours stay open"]
    assert texts("harbour", "quay") == ["harbours stay open"], "the passage that holds the most, the title counted"
    assert texts("clock", "old") == ["the clock is old"]
    assert texts("harbour", "clock") == texts("nobody") == []
    assert texts("o'brien") == ["O'Brien paid for the clock"]


def test_what_is_put_again_takes_the_place_of_the_old(filled: tuple[Settings, Reader]) -> None:
    place, store = filled
    new = record("quay", "the quay is a garden now", (0, 0, 1), source="North")
    with open_writer(place, BUILT) as writer:
        old = writer.store.article("quay")
        assert old
        writer.put_version(old, "2025-06-01T00:00:00+00:00")
        writer.put(new)
        assert writer.store.article("quay") == new.article
        writer.delete("mill")
        writer.delete("nobody")
        writer.touch("clock", "/moved/clock")
        writer.commit()
        assert writer.committed == 4
    with store.snapshot():
        assert store.counts() == (3, 4)
        assert store.article("quay") == new.article
        assert store.article("mill") is None
        assert store.known("clock") == (RECORDS[2].article.content_hash, "/moved/clock")
        assert {*owners(store, store.search_text(["quay", "harbour", "mill"], 10))} == {"quay"}
        assert len(store.search_vectors(np.array([1, 0, 0], np.float32), 10)) == 4
        (version,) = store.versions("quay")
        assert (version.text, version.replaced_at) == (RECORDS[0].article.text, "2025-06-01T00:00:00+00:00")
        assert version.content_hash == RECORDS[0].article.content_hash
        assert store.versions("clock") == ()
    with open_writer(place, BUILT) as writer:
        writer.drop_versions("quay")
        writer.commit()
        assert writer.store.versions("quay") == ()


def test_of_many_versions_the_oldest_go(place: Settings) -> None:
    with open_writer(place, BUILT) as writer:
        for n in range(23):
            writer.put_version(Article("x", "T", f"text {n}", origin="/x"))
        writer.commit()
        assert [version.text for version in writer.store.versions("x")] == [f"text {n}" for n in range(22, 2, -1)]


def test_near_duplicates_have_one_that_speaks_for_them(filled: tuple[Settings, Reader]) -> None:
    place, store = filled
    with open_writer(place, BUILT) as writer:
        for name in ("copy", "cast"):
            writer.put(record(name, "a mill near the harbour burned", (1, 0, 0), repeats="mill"))
        writer.commit()
        assert writer.repeated_by("mill") == ["copy", "cast"]
    with store.snapshot():
        assert [meta.id for meta in store.repeats_of(["mill", "quay"])["mill"]] == ["copy", "cast"]
        assert (store.speaker("copy"), store.speaker("mill")) == ("mill", None)
        found = store.search_text(["mill"], 10)
        assert {each.group for each in store.passages([row for row, _ in found]).values()} == {"mill"}
        assert store.alike(RECORDS[2].bands) == ["clock"], "what repeats another is nobody's model"
    with open_writer(place, BUILT) as writer:
        writer.set_repeats("copy", None)
        writer.set_repeats("cast", "copy")
        writer.commit()
        assert sorted(writer.store.alike(RECORDS[2].bands)) == ["clock", "copy"]
        assert writer.repeated_by("copy") == ["cast"]
        assert writer.store.article("copy") == record("copy", "a mill near the harbour burned", (1, 0, 0)).article


def test_a_long_article_of_any_writing_is_whole(place: Settings) -> None:
    text = "\n".join(f'第{n}段 näher ﷽ 🙂 "quoted" \\ back' * 20 for n in range(400))
    assert len(text.encode()) > 300_000
    long = record("long", text, (1, 0, 0), title="T" * 500, source="S'\"\\")
    with open_writer(place, BUILT) as writer:
        writer.put(long)
        writer.commit()
    with closing(open_index(place)) as store:
        assert store.article("long") == long.article
        assert store.counts() == (1, 400)
        assert len(store.search_vectors(np.array([1, 0, 0], np.float32), 100, Filters(("S'\"\\",)))) == 100


def test_people_look_through_the_articles(filled: tuple[Settings, Reader]) -> None:
    _, store = filled
    with store.snapshot():
        every = store.listed(Wanted())
        assert (every.total, every.of, every.undated) == (4, 4, 1)
        assert every.names["place"] == {"Kiel": 1}
        found = store.listed(Wanted(text="harbour open"))
        assert [row.id for row in found.rows] == ["quay"]
        assert [piece for piece, marked in found.rows[0].excerpts[0].pieces if marked] == ["harbours", "open"]
        assert [row.id for row in store.listed(Wanted(sources=("South",))).rows] == ["mill"]


def test_other_settings_and_no_index_are_told(place: Settings) -> None:
    with pytest.raises(IndexMissing, match="There is no index in"):
        open_index(place)
    with open_writer(place, BUILT) as writer:
        writer.put(RECORDS[0])
        writer.commit()
    other = replace(BUILT, embedding_model="numbers")
    with pytest.raises(IndexMismatch, match=r"letters.*numbers"):
        open_index(place, other)
    with pytest.raises(IndexMismatch, match=r"letters.*numbers"), open_writer(place, other):
        pass


@pytest.mark.parametrize("place", ["folder", "milvus"], indirect=True)
def test_an_index_is_built_searched_and_changed(place: Settings, letters: Any) -> None:
    words = [f"word{n}" for n in range(100)]
    items = [
        Article("x", "Title x", "a a harbour", source="X", published=date(2025, 1, 1), origin="/x"),
        Article("y", "Title y", "b b quay", source="Y", published=date(2025, 2, 1), origin="/y"),
        Article("long", "Long", " ".join(words), origin="/long"),
        Article("twin", "Twin", " ".join([*words[:95], "other"]), origin="/twin"),
    ]
    first = build_index(items, place, embedder=letters)
    assert (first.added, first.near_duplicates) == (("x", "y", "long", "twin"), (("twin", "long"),))
    with Retriever.open(settings=place, embedder=letters) as retriever:
        assert retriever.search("a harbour", k=1)[0].passage.text == "a a harbour"
        assert [h.passage.article.id for h in retriever.search("harbour quay", source="y")] == ["y"]
        before = retriever.pulse()
        again = build_index([items[0], replace(items[1], text="c c garden")], place, embedder=letters)
        assert (again.unchanged, again.replaced) == (("x",), ("y",))
        assert retriever.search("garden", k=1)[0].passage.text == "c c garden"
        assert "b b quay" not in {h.passage.text for h in retriever.search("quay", k=10)}
        assert [version.text for version in retriever.versions("y")] == ["b b quay"]
        assert retriever.pulse() > before
        assert delete_articles(["x", "long"], place, embedder=letters) == ("x", "long")
        assert {h.passage.article.id for h in retriever.search("harbour word7", k=10)} <= {"y", "twin"}
        assert retriever.status().articles == 2


@pytest.mark.slow
@pytest.mark.parametrize("back", [False, True])
def test_an_index_moves_to_another_place(tmp_path: Path, settings: Settings, letters: Any, back: bool) -> None:
    pytest.importorskip("milvus_lite")
    places = [settings, replace(settings, index_dir=tmp_path / "there.db", data_dir=tmp_path / "data")]
    old, new = reversed(places) if back else places
    with open_writer(old, BUILT) as writer:
        for each in RECORDS:
            writer.put(each)
        writer.put_version(replace(RECORDS[0].article, text="the quay opens"), "2025-01-01T00:00:00+00:00")
        writer.commit()
    assert copy_index(old.index_dir, new) == (4, 0)
    assert copy_index(old.index_dir, new) == (0, 4)
    with closing(open_index(old)) as before, closing(open_index(new)) as after:
        assert after.versions("quay") == before.versions("quay")
        for one, other in zip(before.records(), after.records(), strict=True):
            assert (one.article, list(one.passages), one.bands) == (other.article, list(other.passages), other.bands)
            assert list(one.mentions) == list(other.mentions)
            assert np.allclose(one.vectors, other.vectors, atol=1e-5)
            assert np.allclose(one.sentence_vectors, other.sentence_vectors, atol=0.01)


def test_several_write_to_a_milvus_at_once_and_one_to_a_folder(place: Settings) -> None:
    with open_writer(place, BUILT) as one:
        one.put(RECORDS[0])
        if address_of(place) is None:
            with pytest.raises(IndexBusy), open_writer(place, BUILT):
                pass
            return
        with open_writer(place, BUILT) as other:
            other.put(RECORDS[1])
            one.put(RECORDS[2])
            other.commit()
        one.commit()
    with closing(open_index(place)) as store:
        assert set(store.hashes()) == {"quay", "mill", "clock"}


@pytest.mark.slow
def test_what_a_dead_writer_left_half_written_in_milvus_is_not_found(tmp_path: Path, settings: Settings) -> None:
    pytest.importorskip("milvus_lite")
    place = replace(settings, index_dir=tmp_path / "index.db", data_dir=tmp_path / "data")
    address = address_of(place)
    assert address
    with open_writer(place, BUILT) as writer:
        writer.put(RECORDS[0])
        writer.commit()

    class Dying(MilvusWriter):
        def _write_pieces(self, owner: int, text: str) -> None:
            raise KeyboardInterrupt

    for half in (record("quay", "the quay is gone", (1, 0, 0)), RECORDS[1]):
        with pytest.raises(KeyboardInterrupt), Dying(address, BUILT, tmp_path) as dying:
            dying.put(half)
    with closing(open_index(place)) as store:
        found = store.search_vectors(np.array([1, 0, 0], np.float32), 10)
        assert {each.passage.text for each in store.passages([r for r, _ in found]).values()} == {
            "the old quay closes", "harbours stay open",
        }  # fmt: skip
        assert owners(store, store.search_text(["gone", "mill", "quay"], 10)) == ["quay", "quay"]
        assert store.holding(["mill"]) == []
    # The next run puts it right, and leaves nothing of the halves of what it writes.
    with open_writer(place, BUILT) as writer:
        for each in RECORDS[:2]:
            writer.put(each)
        writer.commit()
    with closing(open_index(place)) as store:
        assert len(store.search_vectors(np.array([1, 0, 0], np.float32), 10)) == 3
        raw = store._in.client.query(  # type: ignore[attr-defined]
            store._in.passages,
            filter="row >= 0",
            output_fields=["count(*)"],  # type: ignore[attr-defined]
        )
        assert raw[0]["count(*)"] == 3


@pytest.mark.parametrize(
    ("given", "uri", "name", "shown"),
    [
        ("milvus://host:19530/news", "http://host:19530", "news", "milvus://host:19530/news"),
        ("milvus+tls://host/news", "https://host:19530", "news", "milvus+tls://host/news"),
        ("milvus://10.0.0.7:7", "http://10.0.0.7:7", "dateline", "milvus://10.0.0.7:7/dateline"),
    ],
)
def test_addresses(settings: Settings, given: str, uri: str, name: str, shown: str) -> None:
    found = address_of(Settings.load({}, index_dir=Path(given), milvus_token="ann:secret"))
    assert found
    assert (found.uri, found.name, found.shown, found.token) == (uri, name, shown, "ann:secret")
    assert address_of(settings) is None


def test_no_milvus_there_is_told_with_the_next_step(settings: Settings) -> None:
    pytest.importorskip("pymilvus")
    away = replace(settings, index_dir=Path("milvus://127.0.0.1:9/news"))
    with pytest.raises(IndexMissing, match=r"No Milvus answers at milvus://127.0.0.1:9/news.*docs/SCALE.md"):
        open_index(away)


def test_copying_to_itself_and_rebuilding_a_milvus_are_refused_with_the_next_step(
    settings: Settings, letters: Any, tmp_path: Path
) -> None:
    with open_writer(settings, BUILT) as writer:
        writer.put(RECORDS[0])
        writer.commit()
    with pytest.raises(InputError, match="--index"):
        copy_index(settings.index_dir, settings)
    other = replace(settings, index_dir=tmp_path / "other")
    assert copy_index(settings.index_dir, other) == (1, 0)
    assert index_status(other).passages == 2
    away = replace(settings, index_dir=Path("milvus://127.0.0.1:9/news"))
    with pytest.raises(InputError, match="--from-index OLD --index NEW --rebuild"):
        build_index([], away, embedder=letters, rebuild=True)


OTHER_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_indexing_contract import BUILT, RECORDS, open_index, open_writer
from rag.settings import Settings
settings = Settings.load({}, index_dir=sys.argv[2], data_dir=sys.argv[2] + "-data", cache_dir=sys.argv[2] + "-cache")
with open_writer(settings, BUILT) as writer:
    writer.put(RECORDS[int(sys.argv[3])])
    writer.commit()
store = open_index(settings, BUILT)
print(len(store.search_text(["quay", "mill"], 10)), store.counts())
store.close()
"""


@pytest.mark.parametrize("name", ["index", pytest.param("index.db", marks=pytest.mark.slow)])
def test_each_command_is_a_process_of_its_own(tmp_path: Path, name: str) -> None:
    found = []
    for n in (0, 1):
        command = [sys.executable, "-c", OTHER_PROCESS, str(Path(__file__).parent), str(tmp_path / name), str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        found.append(done.stdout.strip())
    assert found == ["2 (1, 2)", "3 (2, 3)"]

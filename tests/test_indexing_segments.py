"""Segments grow, merge and are searched, approximately where they are large."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import IndexCorrupted
from rag.indexing import segments, vectors
from rag.indexing.contract import BuildSettings, Filters, Record
from rag.indexing.store import Store
from rag.indexing.writer import Writer
from rag.types import Article, Passage, Sentence

BUILT = BuildSettings("made", 8, 192, 48)
DRAW = np.random.default_rng(5)
DAY = date(2024, 1, 1)


def unit(count: int, dimension: int = 8) -> np.ndarray:
    rows = DRAW.normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def record(n: int, passages: int = 2) -> Record:
    text = f"harbour {n} stone{n % 7} " * passages
    size = len(text) // passages
    article = Article(
        f"a{n}", f"Title {n}", text, f"Desk {n % 3}", DAY + timedelta(n % 50) if n % 5 else None, origin=f"/a{n}"
    )
    spans = [(i * size, (i + 1) * size) for i in range(passages)]
    cut = [Passage(article.meta, text[a:b], a, b, (Sentence(a, b),)) for a, b in spans]
    return Record(article, cut, unit(passages), [unit(1)] * passages, (n,))


def filled(folder: Path, numbers: range, every: int) -> Store:
    with Writer(folder, BUILT) as writer:
        for n in numbers:
            writer.put(record(n))
            if n % every == every - 1:
                writer.commit()
        writer.commit()
    return Store.open(folder, BUILT)


def exact(store: Store, query: np.ndarray, n: int, filters: Filters) -> list[int]:
    found = []
    for part in store.parts:
        passes = part.passing(filters)
        at = np.arange(len(part.segment)) if passes is None else np.flatnonzero(passes)
        found += zip((part.segment.vectors[at] @ query).tolist(), part.segment.rows[at].tolist(), strict=True)
    return [row for _, row in sorted(found, key=lambda pair: (-pair[0], pair[1]))[:n]]


def same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    assert [row for row, _ in found] == [row for row, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])


def test_many_segments_find_what_one_does(tmp_path: Path) -> None:
    stores = []
    for name, every in (("many", 3), ("one", 1000)):
        DRAW.bit_generator.state = np.random.default_rng(5).bit_generator.state
        stores.append(filled(tmp_path / name, range(140), every))
    many, one = stores
    with closing(many), closing(one):
        assert len(many.parts) > 3 > len(one.parts)
        assert sum(len(part.segment) for part in many.parts) == 280
        for filters in (Filters(), Filters(("Desk 1",)), Filters((), DAY + timedelta(9), DAY + timedelta(30), True)):
            for query in unit(5):
                same(many.search_vectors(query, 20, filters), one.search_vectors(query, 20, filters))
            for words in (["harbour", "stone3"], ["17", "Title"], ["nobody"]):
                same(many.search_text(words, 30, filters), one.search_text(words, 30, filters))
                assert many.holding(words, filters) == one.holding(words, filters)
        assert len(many.holding([])) == 140


def test_one_article_more_writes_one_small_file_and_deleting_writes_none(tmp_path: Path) -> None:
    filled(tmp_path, range(200), 1000).close()
    (before,) = tmp_path.glob("segment-*")
    with Writer(tmp_path, BUILT) as writer:
        writer.put(record(900))
        writer.commit()
    (new,) = set(tmp_path.glob("segment-*")) - {before}
    assert new.stat().st_size < 3000 < before.stat().st_size
    with Writer(tmp_path, BUILT) as writer:
        writer.delete("a7")
        writer.delete("a900")
        writer.commit()
    # What has nothing left is dropped; the large one only knows what is gone.
    assert list(tmp_path.glob("segment-*")) == [before]
    with closing(Store.open(tmp_path)) as store:
        assert (store.counts(), sum(part.left for part in store.parts)) == ((199, 398), 398)
        assert len(store.search_text(["harbour"], 1000)) == 398
        assert not store.search_text(["900"], 5)


def test_what_is_mostly_gone_is_written_anew(tmp_path: Path) -> None:
    filled(tmp_path, range(100), 1000).close()
    with Writer(tmp_path, BUILT) as writer:
        for n in range(60):
            writer.delete(f"a{n}")
        writer.commit()
    with closing(Store.open(tmp_path)) as store:
        (part,) = store.parts
        assert (len(part.segment), part.alive) == (80, None)
        assert [store.passages([row])[row].passage.article.id for row in store.holding(["99"])] == ["a99"]
        assert store._db.execute("SELECT count(*) FROM removed").fetchone() == (0,)


@pytest.mark.parametrize(
    ("sizes", "alive", "expected"),
    [
        ([1] * 7, [1] * 7, None),
        ([1] * 8, [1] * 8, range(8)),
        ([600, 64, 3, 60, 9, 1, 1, 1, 1], [600, 64, 3, 60, 9, 1, 1, 1, 1], range(1, 9)),
        ([600, *[500] * 7, 2], [600, *[500] * 7, 2], range(1, 9)),
        ([5000, *[65] * 20], [5000, *[65] * 20], range(1, 21)),
        ([5000, *[64] * 7], [5000, *[64] * 7], None),
        ([9999, 5000, 4999, *[65] * 6], [9999, 5000, 4999, *[65] * 6], None),
        ([5000, 1, 5000, 1], [5000, 1, 5000, 1], None),
        ([5000, 5000], [5000, 2000], range(1, 2)),
        ([5000, 3], [5000, 0], range(1, 2)),
        ([], [], None),
    ],
)
def test_which_are_merged(sizes: list[int], alive: list[int], expected: range | None) -> None:
    assert segments.due(sizes, alive) == expected


def test_a_large_segment_is_searched_approximately_and_says_how_well(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(vectors, "APPROXIMATE", 2000)
    monkeypatch.setattr(vectors, "EXACT", 500)
    monkeypatch.setattr(segments, "_AT_ONCE", 1000)
    with closing(filled(tmp_path, range(1500), 400)) as store:
        assert not any(part.approximate for part in store.parts)
    with Writer(tmp_path, BUILT) as writer:
        monkeypatch.setattr(segments, "FANOUT", 2)
        writer.put(record(9000))
        writer.delete("a3")
        writer.commit()
    with closing(Store.open(tmp_path)) as store:
        (part,) = store.parts
        assert part.approximate
        about = part.approximate.measured
        assert about.recall >= vectors.RECALL
        assert store.search_with() == (
            f"IVF62,SQ8 of 3000, {about.probes} lists read, recall@10 {about.recall:.3f} of exact search (n 200)"
        )
        for filters, least in (
            (Filters(), 0.9),
            (Filters(("Desk 1",)), 0.9),
            (Filters((), DAY, DAY + timedelta(2)), 1.0),  # few, so all of them are compared
        ):
            shares = []
            for query in unit(40):
                found = [row for row, _ in store.search_vectors(query, 10, filters)]
                shares.append(len({*found} & {*exact(store, query, 10, filters)}) / 10)
                if filters:
                    for stored in store.passages(found).values():
                        meta = stored.passage.article
                        assert not filters.sources or meta.source == "Desk 1"
                        assert not filters.until or (meta.published and meta.published <= filters.until)
            assert np.mean(shares) >= least
    with Writer(tmp_path, BUILT) as writer:
        assert writer.committed == 3000
    part_file = tmp_path / f"segment-{part.number}.faiss"
    part_file.write_bytes(part_file.read_bytes()[:100])
    with pytest.raises(IndexCorrupted, match="rag index --rebuild"):
        Store.open(tmp_path)


def test_damage_is_not_merged_on(tmp_path: Path, monkeypatch: Any) -> None:
    filled(tmp_path, range(100), 1000).close()
    (path,) = tmp_path.glob("segment-*")
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexCorrupted, match="checksum"):
        Store.open(tmp_path)
    monkeypatch.setattr(segments, "CHECKED_BYTES", 0)  # as if it were too large to be read whenever it is opened
    Store.open(tmp_path).close()
    monkeypatch.setattr(segments, "FANOUT", 2)
    with Writer(tmp_path, BUILT) as writer, pytest.raises(IndexCorrupted, match="checksum"):
        for n in range(100, 200):
            writer.put(record(n))
        writer.commit()


def test_records_are_what_was_put(tmp_path: Path) -> None:
    put = [record(n) for n in range(5)]
    with Writer(tmp_path, BUILT) as writer:
        for each in put:
            writer.put(each)
        writer.put_version(put[2].article, "2024-01-01T00:00:00+00:00")
        writer.commit()
    with closing(Store.open(tmp_path)) as store:
        found = list(store.records())
    assert [each.article for each in found] == [each.article for each in put]
    for one, other in zip(found, put, strict=True):
        assert (one.bands, list(one.passages)) == (other.bands, list(other.passages))
        assert np.array_equal(one.vectors, other.vectors)
    assert [version.text for version in found[2].versions] == [put[2].article.text]

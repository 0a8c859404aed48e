"""Files of passages' vectors, postings and filters, written once, mapped into memory and merged. Knows no SQLite.

A segment holds what one commit added, or what several segments held that were merged into it. It is one file in the
safetensors format (eight bytes with the header's length, the header as JSON, then the arrays), so that opening it
reads next to nothing. A large one has an approximate index of its vectors beside it, see `rag.indexing.vectors`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexCorrupted
from rag.indexing.contract import REBUILD, Filters
from rag.indexing.fulltext import Postings

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A merge joins this many segments of about one size, so a passage is written anew about log8(passages / 8) times.
FANOUT = 8
#: Passages of a segment below which its size does not matter.
SMALLEST = 64
#: Postings that a merge holds in memory at a time.
_AT_ONCE = 4_000_000
#: Files up to this size are held against their checksum whenever they are opened; larger ones before a merge.
CHECKED_BYTES = 16_000_000
_KINDS = {"F32": np.float32, "I64": np.int64, "I32": np.int32, "U64": np.uint64, "U32": np.uint32, "U8": np.uint8}
_NAMES = {np.dtype(kind): name for name, kind in _KINDS.items()}
#: The arrays of a segment, in the order of the file: kind, and how many numbers there are for each of what.
_ARRAYS = {
    "vectors": np.float32, "rows": np.int64, "articles": np.int64, "sources": np.uint64, "starts": np.int64,
    "terms": np.uint64, "days": np.int32, "lengths": np.uint32, "places": np.uint32, "title": np.uint8,
    "body": np.uint8,
}  # fmt: skip


def source_key(source: str) -> int:
    """A source's name as 64 bits."""
    return int.from_bytes(hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Segment:
    """Passages with what finds them; arrays in memory or mapped from a file.

    Attributes:
        vectors: shape (passages, dimension), rows of length 1.
        rows: of the passages in SQLite, ascending, shape (passages,).
        articles: row of each passage's article; all passages of an article are in one segment.
        sources: `source_key` of each passage's source.
        days: of publication, as `date.toordinal`; 0 for none.
        postings: its places are positions in these arrays.
    """

    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]
    articles: NDArray[np.int64]
    sources: NDArray[np.uint64]
    days: NDArray[np.int32]
    postings: Postings

    def __len__(self) -> int:
        return len(self.rows)

    def passing(self, filters: Filters, articles: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        """Which passages pass, shape (passages,); None when all do.

        Args:
            articles: rows of the articles that the filters name; None when they name none.
        """
        if not filters:
            return None
        passes = np.ones(len(self), dtype=bool)
        if articles is not None:
            passes &= np.isin(self.articles, articles)
        if filters.sources:
            passes &= np.isin(self.sources, np.array([source_key(name) for name in filters.sources], np.uint64))
        if filters.since or filters.until:
            first = filters.since.toordinal() if filters.since else 1
            last = filters.until.toordinal() if filters.until else 2**31 - 1
            passes &= ((self.days >= first) & (self.days <= last)) | ((self.days == 0) & filters.undated)
        return passes

    def without(self, gone: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which passages are not among the rows that were removed; None when none was."""
        at = np.searchsorted(self.rows, gone)
        at, gone = at[at < len(self)], gone[at < len(self)]
        at = at[self.rows[at] == gone]
        if not len(at):
            return None
        alive = np.ones(len(self), dtype=bool)
        alive[at] = False
        return alive


def _segment(arrays: dict[str, Any]) -> Segment:
    postings = Postings(*(arrays[name] for name in ("lengths", "terms", "starts", "places", "title", "body")))
    return Segment(
        arrays["vectors"], arrays["rows"], arrays["articles"], arrays["sources"], arrays["days"], postings
    )  # fmt: skip


def _arrays(segment: Segment) -> dict[str, NDArray[Any]]:
    return {name: getattr(segment if hasattr(segment, name) else segment.postings, name) for name in _ARRAYS}


# ---------------------------------------------------------------- files


def read_segment(path: Path, sha256: str, *, check: bool | None = None) -> Segment:
    """Map a segment.

    Args:
        sha256: of the whole file.
        check: whether to hold it against its checksum; None does so when the file is small.

    Raises:
        IndexCorrupted: it is damaged.
        FileNotFoundError.
    """
    raw = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)
    damaged = IndexCorrupted(f"The index's vectors {path} are damaged: their checksum differs.", REBUILD)
    if check or (check is None and len(raw) <= CHECKED_BYTES):
        digest = hashlib.sha256()
        for at in range(0, len(raw), 1 << 24):
            digest.update(raw[at : at + (1 << 24)].data)
        if digest.hexdigest() != sha256:
            raise damaged
    try:
        size = int.from_bytes(raw[:8].tobytes(), "little")
        header = json.loads(raw[8 : 8 + size].tobytes())
        arrays: dict[str, Any] = {}
        for name, kind in _ARRAYS.items():
            start, end = (8 + size + int(at) for at in header[name]["data_offsets"])
            if end > len(raw):
                raise damaged
            arrays[name] = raw[start:end].view(kind).reshape(header[name]["shape"])
    except (ValueError, KeyError, TypeError) as error:
        raise damaged from error
    return _segment(arrays)


class _File:
    """A segment's file being written: sizes first, then the arrays in any order and in pieces."""

    def __init__(self, file: IO[bytes], shapes: dict[str, tuple[int, ...]]) -> None:
        self._file, self._at = file, {}
        header, at = {}, 0
        for name, kind in _ARRAYS.items():
            size = int(np.prod(shapes[name], dtype=np.int64)) * np.dtype(kind).itemsize
            header[name] = {
                "dtype": _NAMES[np.dtype(kind)], "shape": list(shapes[name]), "data_offsets": [at, at + size]
            }  # fmt: skip
            self._at[name] = at
            at += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        file.write(len(text).to_bytes(8, "little") + text)
        self._begin = 8 + len(text)

    def add(self, name: str, array: NDArray[Any]) -> None:
        """The next piece of an array."""
        data = np.ascontiguousarray(array, _ARRAYS[name])
        self._file.seek(self._begin + self._at[name])
        self._file.write(data.data.cast("B") if data.size else b"")
        self._at[name] += data.nbytes


def write_segment(path: Path, segment: Segment) -> str:
    """Write a segment and sync it; returns its sha256."""
    arrays = _arrays(segment)
    with path.open("wb") as file:
        writing = _File(file, {name: array.shape for name, array in arrays.items()})
        for name, array in arrays.items():
            writing.add(name, array)
        _sync(file)
    return file_sha256(path)


def file_sha256(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


# ---------------------------------------------------------------- merging


def due(sizes: Sequence[int], alive: Sequence[int]) -> range | None:
    """The neighbouring segments to merge next, or None.

    Args:
        sizes: passages in each segment, in the order of their rows.
        alive: those of them that were not removed.
    """
    for n, (size, left) in enumerate(zip(sizes, alive, strict=True)):
        if not left or (size > SMALLEST and 2 * left < size):
            return range(n, n + 1)
    tiers = [_tier(left) for left in alive]
    for tier in range(max(tiers, default=-1) + 1):
        end = len(tiers)
        while end:
            start = end
            while start and tiers[start - 1] <= tier:
                start -= 1
            run = alive[start:end]
            # A large one is not written anew for the sake of a few small ones.
            if len(run) >= FANOUT and (not tier or FANOUT // 2 * max(run) <= sum(run)):
                return range(start, end)
            end = start - 1 if start == end else start
    return None


def _tier(passages: int) -> int:
    tier, size = 0, SMALLEST
    while passages > size:
        tier, size = tier + 1, size * FANOUT
    return tier


def merge(path: Path, segments: Sequence[Segment], alive: Sequence[NDArray[np.bool_] | None]) -> str:
    """Write what is alive of several segments as one; returns its sha256.

    Args:
        alive: for each segment, which of its passages; None for all.
    """
    kept = [np.ones(len(s), bool) if a is None else a for s, a in zip(segments, alive, strict=True)]
    ends = np.cumsum([int(each.sum()) for each in kept])
    firsts = [0, *ends[:-1].tolist()]
    #: Where each passage comes to stand.
    moved = [first + np.cumsum(each) - 1 for first, each in zip(firsts, kept, strict=True)]
    terms, counts = _terms(segments, kept)
    passages, dimension = int(ends[-1]), segments[0].vectors.shape[1]
    starts = np.append(0, np.cumsum(counts)).astype(np.int64)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_ARRAYS, (passages,))
    shapes |= {name: (int(starts[-1]),) for name in ("places", "title", "body")}
    shapes |= {"vectors": (passages, dimension), "terms": terms.shape, "starts": starts.shape}
    with path.open("wb") as file:
        writing = _File(file, shapes)
        writing.add("terms", terms)
        writing.add("starts", starts)
        for segment, each in zip(segments, kept, strict=True):
            arrays = _arrays(segment)
            for name in ("rows", "articles", "sources", "days", "lengths"):
                writing.add(name, arrays[name][each])
            for at in range(0, len(segment), 10_000):
                writing.add("vectors", segment.vectors[at : at + 10_000][each[at : at + 10_000]])
        for piece in _merged_postings(segments, kept, moved):
            for name, array in piece.items():
                writing.add(name, array)
        _sync(file)
    return file_sha256(path)


def _terms(
    segments: Sequence[Segment], kept: Sequence[NDArray[np.bool_]]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The terms of several segments that have a passage left, and how many."""
    counts = []
    for segment, each in zip(segments, kept, strict=True):
        starts = segment.postings.starts
        if each.all():
            counts.append(np.diff(starts))
        else:
            before = np.append(0, np.cumsum(each[segment.postings.places]))
            counts.append(np.diff(before[starts]))
    terms, inverse = np.unique(np.concatenate([s.postings.terms for s in segments]), return_inverse=True)
    total = np.bincount(inverse, np.concatenate(counts), len(terms)).astype(np.int64)
    return terms[total > 0], total[total > 0]


def _merged_postings(
    segments: Sequence[Segment], kept: Sequence[NDArray[np.bool_]], moved: Sequence[NDArray[np.int64]]
) -> Iterator[dict[str, NDArray[Any]]]:
    """Postings in the order of terms, in pieces: each takes a range of terms from every segment, where it is whole."""
    total = sum(len(s.postings.places) for s in segments)
    pieces = max(1, -(-total // _AT_ONCE))
    # Keys are hashes, so ranges of equal width hold about as many postings.
    edges = [n * (2**64 // pieces) for n in range(pieces)] + [2**64]
    for low, high in pairwise(edges):
        keys, places, title, body = [], [], [], []
        for segment, each, to in zip(segments, kept, moved, strict=True):
            p = segment.postings
            first = int(np.searchsorted(p.terms, np.uint64(low)))
            last = int(np.searchsorted(p.terms, np.uint64(high))) if high < 2**64 else len(p.terms)
            at = slice(int(p.starts[first]), int(p.starts[last]))
            stays = each[p.places[at]]
            keys.append(np.repeat(p.terms[first:last], np.diff(p.starts[first : last + 1]))[stays])
            places.append(to[p.places[at][stays]])
            title.append(p.title[at][stays])
            body.append(p.body[at][stays])
        order = np.argsort(np.concatenate(keys), kind="stable")
        yield {
            "places": np.concatenate(places)[order],
            "title": np.concatenate(title)[order],
            "body": np.concatenate(body)[order],
        }

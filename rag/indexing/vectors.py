"""Nearest vectors: exact, or approximate for many. Knows nothing about rows, texts or filters but a mask.

Up to `APPROXIMATE` vectors are all compared with the query. More have an inverted file of FAISS: vectors in lists
around centroids (k-means), eight bits a number, of which a search reads the nearest few lists; the candidates are
compared once more, exactly. How many lists are read is measured when it is built, against exact search.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

#: Vectors from which on an approximate index is built, and lists by vectors; benchmarks/scale.py --table chose both.
APPROXIMATE = 100_000
LISTS = ((2_000_000, 4096), (400_000, 2048), (0, 1024))
#: Vectors from which the centroids are learned, for each of them; 39 is the least without a warning of FAISS.
_TRAINED_ON = 48
#: Candidates that are compared exactly, for each that is wanted.
_AGAIN = 3
#: Least recall@10 of exact search that an index is to have on the queries given when it is built, and the least lists
#: that are read: those queries are sentences of the passages, and questions lie farther away. In 750,130 vectors, 8, 16
#: and 32 lists of 2,048 find .940, .984 and .995 of the ten nearest of a question (n 200), in .8, 1.0 and 1.8 ms, and
#: .993, .994 and .998 of a sentence's.
RECALL, PROBES = 0.98, 32
#: Where at most this many vectors pass a filter, all of those are compared.
EXACT = 20_000


@dataclass(frozen=True, slots=True)
class Measured:
    """An approximate index as it was built.

    Attributes:
        kind: as FAISS's index_factory names it.
        probes: lists read for a query.
        recall: share in [0, 1] of the ten nearest by exact search that it finds among its ten.
        queries: on how many that was measured.
        sha256: of its file.
    """

    kind: str
    probes: int
    recall: float
    queries: int
    sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Approximate:
    """An opened one."""

    index: Any
    measured: Measured


def open_approximate(path: Path, measured: Measured) -> Approximate:
    """Map an approximate index into memory.

    Raises:
        RuntimeError: it cannot be read.
    """
    import faiss

    faiss.omp_set_num_threads(1)  # one query's lists are read sooner than other threads wake up
    return Approximate(faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY), measured)


def search(
    vectors: Vectors, query: Vectors, n: int, passes: NDArray[np.bool_] | None, approximate: Approximate | None
) -> tuple[NDArray[np.int64], Vectors]:
    """Positions of the nearest vectors and their cosines, best first, at most n.

    Args:
        vectors: shape (vectors, dimension), rows of length 1.
        query: shape (dimension,), length 1.
        passes: which of them may be found, shape (vectors,); None for all.
    """
    few = None if passes is None else np.flatnonzero(passes)
    if approximate is None or (few is not None and len(few) <= EXACT):
        if few is None or 4 * len(few) > len(vectors):
            scores = vectors @ query
            return _best(np.arange(len(vectors)), scores, n) if few is None else _best(few, scores[few], n)
        return _best(few, vectors[few] @ query, n)
    probes = approximate.measured.probes
    if passes is not None and few is not None:
        # The nearest that pass are spread over more lists, of which fewer vectors are compared.
        probes = probes * len(vectors) // len(few)
    found = _candidates(approximate.index, query[np.newaxis, :], _AGAIN * n, probes, passes)[0]
    found = np.sort(found[found >= 0])
    return _best(found, vectors[found] @ query, n)


def _best(positions: NDArray[np.int64], scores: Vectors, n: int) -> tuple[NDArray[np.int64], Vectors]:
    if len(scores) > n:
        kept = np.argpartition(-scores, n - 1)[:n]
        positions, scores = positions[kept], scores[kept]
    order = np.lexsort((positions, -scores))
    return positions[order], scores[order]


def _candidates(
    index: Any, queries: Vectors, n: int, probes: int, passes: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    import faiss

    how: dict[str, Any] = {"nprobe": min(probes, index.nlist)}
    if passes is not None:
        bits = np.packbits(passes, bitorder="little")
        how["sel"] = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
    found: NDArray[np.int64] = index.search(queries, n, params=faiss.SearchParametersIVF(**how))[1]
    return found


def build_approximate(path: Path, vectors: Vectors, queries: Vectors) -> Measured:
    """Train, fill, measure and write an approximate index.

    Args:
        vectors: shape (vectors, dimension), rows of length 1; read in pieces.
        queries: like those that will be asked, shape (queries, dimension), length 1.
    """
    import faiss

    count, dimension = vectors.shape
    lists = next(lists for least, lists in LISTS if count >= least)
    lists = min(lists, max(1, count // _TRAINED_ON))
    kind = f"IVF{lists},SQ8"
    index = faiss.index_factory(dimension, kind, faiss.METRIC_INNER_PRODUCT)
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    sample = np.sort(np.random.default_rng(1).choice(count, min(count, lists * _TRAINED_ON), replace=False))
    index.train(np.ascontiguousarray(vectors[sample]))
    for at in range(0, count, 20_000):
        index.add(np.ascontiguousarray(vectors[at : at + 20_000]))
    faiss.omp_set_num_threads(1)
    exact = nearest(vectors, queries, 10)
    probes, recall = PROBES // 2, 0.0
    while len(queries) and recall < RECALL and probes < lists:
        probes *= 2
        found = _candidates(index, queries, _AGAIN * 10, probes)
        again = [_best(np.sort(row[row >= 0]), vectors[np.sort(row[row >= 0])] @ q, 10)[0]
                 for row, q in zip(found, queries, strict=True)]  # fmt: skip
        recall = float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(again, exact, strict=True)]))
    faiss.write_index(index, str(path))
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return Measured(kind, min(probes, lists), round(recall, 4), len(queries))


def nearest(vectors: Vectors, queries: Vectors, n: int) -> NDArray[np.int64]:
    """Positions of the n nearest vectors of each query by exact search, shape (queries, n); vectors read in pieces."""
    kept = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for at in range(0, len(vectors), 50_000):
        piece = queries @ vectors[at : at + 50_000].T
        positions = np.broadcast_to(np.arange(at, at + piece.shape[1]), piece.shape)
        scores, kept = np.hstack([scores, piece]), np.hstack([kept, positions])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        scores, kept = np.take_along_axis(scores, best, 1), np.take_along_axis(kept, best, 1)
    return kept

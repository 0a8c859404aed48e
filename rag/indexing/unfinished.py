"""Vectors of a long article that is not in the index yet, kept on disk so that a killed run goes on where it was.

The store takes whole articles only, and one of 20 MB takes half an hour to embed. Each piece is a file named by the
digest of its texts and the model, so that nothing else can be taken for it. Knows nothing about articles.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.models.embedder import Embedder

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Seconds after which a piece that no run asked for is deleted: a week.
_KEPT = 7 * 24 * 3600


class Unfinished:
    """The pieces in a folder, which need not exist.

    Args:
        folder: holds nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[Path] = set()

    def encoded(
        self, embedder: Embedder, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """As `Embedder.encode_spans`; read from disk where an earlier run came that far."""
        digest = hashlib.sha256(json.dumps([embedder.name, texts, spans]).encode("utf-8", "surrogatepass")).hexdigest()
        path = self._folder / f"{digest}.npz"
        self._used.add(path)
        try:
            with np.load(path) as kept:
                rows, flat = kept["rows"], kept["parts"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # not there, or torn by a power cut
            rows, parts = embedder.encode_spans(texts, spans)
            self._write(path, rows, np.concatenate(parts) if parts else rows[:0])
            return rows, parts
        ends = np.cumsum([len(each) for each in spans])[:-1]
        return rows, list(np.split(flat, ends))

    def _write(self, path: Path, rows: NDArray[np.float32], parts: NDArray[np.float32]) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
            new = path.with_suffix(".new")
            with new.open("wb") as file:
                np.savez(file, rows=rows, parts=parts)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:  # a full disk stops the commit, which says so; this is only a convenience
            return

    def clear(self) -> None:
        """Delete the pieces that were asked for, which are in the index now, and old ones; other articles' stay."""
        with suppress(OSError):  # there is none, or another reader's
            for path in self._folder.iterdir():
                if path in self._used or path.stat().st_mtime < time.time() - _KEPT:
                    path.unlink()
            self._folder.rmdir()

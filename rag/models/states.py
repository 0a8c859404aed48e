"""Keeps on disk what a model computed of the standing part of its prompts, so that the first question does not wait.

A state belongs to one model file, library and setting, and to the very tokens it was computed from; all of them are in
the name of its file, and a checksum of the content stands before it. Knows nothing about prompts.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

#: Most files kept; the least recently used go first.
MOST = 8
_SUM = 32


def file_key(path: Path) -> str:
    """Tells one model file from another without reading it: its place, size and time."""
    found = path.stat()
    return f"{path.resolve()} {found.st_size} {found.st_mtime_ns}"


class KeptStates:
    """States of one model as it is opened.

    Args:
        folder: where they are kept; made at the first.
        path, extra_buffers: as of `LlamaGenerator`.
    """

    def __init__(self, folder: Path, path: Path, extra_buffers: bool) -> None:
        self._folder = folder
        self._model = "\n".join([version("llama-cpp-python"), str(extra_buffers), file_key(path)])

    def read(self, tokens: Sequence[int]) -> bytes | None:
        """The state after these tokens; None when it is not kept, or damaged."""
        file = self._file(tokens)
        try:
            content = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        state = content[_SUM:]
        return state if hashlib.sha256(state).digest() == content[:_SUM] else None

    def write(self, tokens: Sequence[int], state: bytes) -> None:
        """Keep a state, whole or not at all; where nothing can be written it is computed again next time."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".new", delete=False) as file:
                try:
                    file.write(hashlib.sha256(state).digest() + state)
                except OSError:
                    Path(file.name).unlink()
                    raise
            Path(file.name).replace(self._file(tokens))
            for old in sorted(self._folder.glob("*.state"), key=lambda p: p.stat().st_mtime, reverse=True)[MOST:]:
                old.unlink()

    def _file(self, tokens: Sequence[int]) -> Path:
        key = hashlib.sha256(f"{self._model}\n{list(tokens)}".encode()).hexdigest()[:32]
        return self._folder / f"{key}.state"

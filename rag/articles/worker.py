"""Reads sources in a child process, where time and memory can be bounded and a crash ends nothing.

The parsers below us are written in C or walk trees as deep as the input makes them, and none of them takes a limit. So
they run apart: the child asks its kernel to end it when one entry takes more processor time than it may, the parent
says which entry that was, and a new child goes on with the next. Knows nothing about formats.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

from rag.articles.reading import Entry, Follow, Note, Source, attempt
from rag.types import Article, Refusal

#: Processor time for one entry: for the smallest, and for each megabyte of the source it is in.
SECONDS, SECONDS_PER_MB = 8.0, 2.0
#: Memory beyond what the child holds at its start: for the smallest, and for each byte of the source.
MEMORY, MEMORY_PER_BYTE = 400_000_000, 30
#: Wall time without a word from the child, for machines that cannot bound processor time or are very busy.
SILENCE = 600.0
#: Entries of one source that may fail this way before it is given up.
MOST_KILLS = 10
_HINT = "Save the article's text alone as .txt."


def read_apart(
    source: Source, *, progress: Callable[[float], None] = lambda at: None
) -> Generator[Article | Follow | Refusal | Note, None, None]:
    """The articles of a source, read in a child process.

    Args:
        progress: called with how far into the source the work has come, in [0, 1].

    Yields:
        For each entry its article, the address to follow, or its refusal, in order; notes between them.
    """
    done = 0
    for _ in range(MOST_KILLS):
        child, where, begun, ended = _take(), source.origin, False, False
        try:
            child.ask(source, done)
            while (message := child.answer()) is not None:
                word, value = message
                if word == "entry":
                    (where, at), begun = value, True
                    progress(at)
                elif word == "at":
                    progress(value)
                elif word == "item":
                    done, begun = done + 1, False
                    yield value
                else:
                    ended = True
                    break
        finally:
            _give_back(child) if ended else child.kill()
        if ended:
            return
        yield Refusal(where, child.why(), _HINT)
        if not begun:
            return
        done += 1
    yield Refusal(source.origin, f"It is given up after {MOST_KILLS} entries that could not be read.", _HINT)


class _Child:
    def __init__(self) -> None:
        code = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from rag.articles.worker import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._silent = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
            while True:
                self._answers.put(pickle.load(self._process.stdout))  # type: ignore[arg-type]
        self._answers.put(None)

    def ask(self, source: Source, skip: int) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it died: the answer says so
            pickle.dump((source, skip), self._process.stdin)
            self._process.stdin.flush()

    def answer(self) -> tuple[str, Any] | None:
        """The child's next word; None when it died or says nothing any more."""
        try:
            return self._answers.get(timeout=SILENCE)
        except queue.Empty:
            self._silent = True
            return None

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def why(self) -> str:
        if self._silent or self._process.returncode == -27:  # SIGPROF
            return "It takes too long to read."
        return f"The reader broke on it (status {self._process.returncode})."


_idle: list[_Child] = []
_owner = os.getpid()
_lock = threading.Lock()


def _take() -> _Child:
    global _owner  # noqa: PLW0603 - a forked process must not share its parent's pipes
    with _lock:
        if _owner != os.getpid():
            _idle.clear()
            _owner = os.getpid()
        while _idle:
            child = _idle.pop()
            if child.alive():
                return child
            child.kill()
    return _Child()


def _give_back(child: _Child) -> None:
    with _lock:
        _idle.append(child)


@atexit.register
def close() -> None:
    """End the children that wait for work."""
    with _lock:
        waiting = [] if _owner != os.getpid() else list(_idle)
        _idle.clear()
    for child in waiting:
        child.kill()


def serve() -> None:
    """The child: answers requests on its standard input until that ends."""
    from rag.articles.kinds import read

    global _answers  # noqa: PLW0603 - which readers do not hand through
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    _answers = answers
    os.dup2(2, 1)  # what a library prints must not get between the answers
    while True:
        try:
            source, skip = pickle.load(requests)
        except EOFError:
            return
        _bound_memory(len(source.data))
        for n, found in enumerate(read(source)):
            _bound_time(len(source.data))
            if n < skip:
                continue
            where, at = (found.where, found.at) if isinstance(found, Entry) else (found.origin, 0.0)
            _say(answers, "entry", (where, at))
            _say(answers, "item", attempt(found) if isinstance(found, Entry) else found)
        _say(answers, "end", None)


def tick(data: int, at: float | None = None) -> None:
    """Called by a reader after each page of a long entry: the time allowed begins anew.

    Args:
        data: bytes of the source.
        at: how far into its source the work has come, in [0, 1]; None where that is not known.
    """
    if _answers is not None:
        _bound_time(data)
        if at is not None:
            _say(_answers, "at", at)


def _say(stream: Any, word: str, value: object) -> None:
    pickle.dump((word, value), stream)
    stream.flush()


#: Where the child says how far it has come; None in any other process.
_answers: Any = None


def _bound_time(size: int) -> None:
    if hasattr(os, "fork"):
        import signal

        signal.setitimer(signal.ITIMER_PROF, SECONDS + SECONDS_PER_MB * size / 1e6)


def _bound_memory(size: int) -> None:
    _bound_time(size)
    if sys.platform == "linux":
        import resource
        from pathlib import Path

        held = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            if line.startswith("VmData:")
        )
        soft = held + MEMORY + MEMORY_PER_BYTE * size
        resource.setrlimit(resource.RLIMIT_DATA, (soft, resource.RLIM_INFINITY))

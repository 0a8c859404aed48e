"""Which questions are being answered for whom: an answer belongs to the conversation in which it was asked, whatever
the visitor opens meanwhile. Knows nothing about Gradio."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Event, Lock

from rag.page.conversations import Conversation
from rag.types import Answer


@dataclass(slots=True, eq=False)
class Run:
    """One question on its way.

    Attributes:
        text: as asked.
        conversation: in which it was asked, as it was then.
        history: the answers that a follow-up refers to.
        without: what is not to be read out of the question, see `Query`.
        stop: set when the rest of the answer is not wanted.
        started: whether somebody answers it already.
        left: whether the visitor has opened another conversation since, so that it is kept but not shown.
    """

    text: str
    conversation: Conversation
    history: tuple[Answer, ...] = ()
    without: tuple[str, ...] = ()
    stop: Event = field(default_factory=Event)
    started: bool = False
    left: bool = False


class Visitors:
    """The runs of all visitors, each known by a session of the page: one tab, until it is closed."""

    def __init__(self) -> None:
        self._runs: dict[str | None, list[Run]] = defaultdict(list)
        self._lock = Lock()

    def begin(self, session: str | None, run: Run) -> bool:
        """Keep a run; False when the visitor still waits for another."""
        with self._lock:
            if any(not other.left for other in self._runs[session]):
                return False
            self._runs[session].append(run)
            return True

    def next(self, session: str | None) -> Run | None:
        """The run that nobody answers yet, from now on the caller's."""
        with self._lock:
            run = next((run for run in self._runs.get(session, ()) if not run.started), None)
            if run:
                run.started = True
            return run

    def done(self, session: str | None, run: Run) -> None:
        """Forget a run."""
        with self._lock:
            runs = self._runs.get(session, [])
            if run in runs:
                runs.remove(run)
            if not runs:
                self._runs.pop(session, None)

    def waits(self, session: str | None) -> bool:
        """Whether the visitor waits for an answer in what is open."""
        with self._lock:
            return any(not run.left for run in self._runs.get(session, ()))

    def leave(self, session: str | None) -> None:
        """The visitor opens another conversation."""
        with self._lock:
            for run in self._runs.get(session, ()):
                run.left = True

    def stop(self, session: str | None) -> None:
        """The visitor wants no more of the answer that is being written."""
        with self._lock:
            for run in self._runs.get(session, ()):
                if not run.left:
                    run.stop.set()

    def gone(self, session: str | None) -> None:
        """The visitor's tab was closed: the model is free for the next."""
        with self._lock:
            for run in self._runs.pop(session, ()):
                run.stop.set()

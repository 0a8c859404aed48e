"""Feeds, pages and folders that are looked at again and again. Kept beside the index; knows nothing about pages.

How often is polite: no address is asked more than once in LEAST seconds, whatever a person wants.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from rag.articles import load
from rag.errors import IndexBusy, IndexCorrupted, InputError, RagError
from rag.indexing.build import IndexReport, build_index
from rag.models.embedder import Embedder
from rag.settings import Settings
from rag.types import Progress

#: Seconds between two looks at one thing, where nothing else is said; and the least that may be said.
USUAL, LEAST = 15 * 60, 60
#: Seconds to wait for another process that is writing, and how often.
BUSY_WAIT, BUSY_TRIES = 5, 60


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at.

    Attributes:
        what: an address, or the absolute path of a file or folder.
        every: seconds between two looks.
        looked: when it was last looked at, ISO 8601, UTC; "" for never.
        said: what came of it, one line for people.
        new: how many articles were new then.
    """

    what: str
    every: int = USUAL
    looked: str = ""
    said: str = ""
    new: int = 0

    def due_in(self, now: datetime) -> float:
        """Seconds until the next look, 0 when it is due."""
        if not self.looked:
            return 0.0
        return max(0.0, self.every - (now - datetime.fromisoformat(self.looked)).total_seconds())


class WatchList:
    """What is watched for one index: a JSON file in its folder, changed by one process at a time.

    Args:
        folder: of the index.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "watched.json"

    def all(self) -> list[Watched]:
        """In the order in which they were added.

        Raises:
            IndexCorrupted: the file is damaged.
        """
        try:
            return [Watched(**each) for each in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise IndexCorrupted(
                f"The list of what is watched, {self._path}, cannot be read: {error}.",
                "Mend the file, or move it away.",
            ) from error

    def add(self, what: str, every: int = USUAL) -> Watched:
        """Watch something, or change how often; a path is made absolute.

        Raises:
            InputError: it is no address and there is no such file or folder, or it is too often.
        """
        if every < LEAST:
            raise InputError(f"Every {every} s is too often.", f"Look at most every {LEAST} s.")
        if "://" not in what:
            path = Path(what).expanduser()
            if not path.exists():
                raise InputError(
                    f"There is no {what}.", "Give a folder, a file, or an address with http:// or https://."
                )
            what = str(path.resolve())
        with self._changing() as known:
            added = replace(known.get(what, Watched(what)), every=every)
            known[what] = added
        return added

    def remove(self, what: str) -> bool:
        """Watch it no more; its articles stay. False when it was not watched."""
        resolved = what if "://" in what else str(Path(what).expanduser().resolve())
        with self._changing() as known:
            found = [known.pop(name, None) for name in (what, resolved)]
        return any(found)

    def note(self, what: str, said: str, new: int) -> None:
        """Keep what came of a look; nothing when it is not watched any more."""
        with self._changing() as known:
            if what in known:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                known[what] = replace(known[what], looked=now, said=said, new=new)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Watched]]:
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock"), timeout=30):
            known = {each.what: each for each in self.all()}
            yield known
            new = self._path.with_suffix(f".{os.getpid()}.new")
            new.write_text(json.dumps([asdict(each) for each in known.values()], ensure_ascii=False, indent=1), "utf-8")
            new.replace(self._path)


def refresh(
    what: str,
    settings: Settings,
    *,
    embedder: Embedder | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> IndexReport:
    """Look at something once, and index what is new or changed in it.

    Raises:
        RagError: the index or the model cannot be used. What cannot be read is refused in the report.
    """  # fmt: skip
    items = load([what], allow_private_urls=settings.allow_private_urls, cache=settings.cache_dir / "pages")
    return build_index(items, settings, embedder=embedder, progress=progress)


def in_words(report: IndexReport) -> str:
    """What came of a look: "2 new, 1 changed", "nothing new", and why something could not be read."""
    parts = [f"{len(ids)} {name}" for ids, name in ((report.added, "new"), (report.replaced, "changed")) if ids] or (
        ["nothing new"] if report.unchanged or not report.refusals else []
    )
    if report.refusals:
        first = report.refusals[0]
        parts.append(f"{len(report.refusals)} refused ({first.reason.rstrip('.')})")
    return ", ".join(parts)


def watch(
    settings: Settings,
    stop: Event,
    say: Callable[[str], None],
    *,
    embedder: Embedder | None = None,
    once: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Look at everything that is watched, each when it is due, until told to stop.

    What is added or removed meanwhile counts from the next look on. A look that fails is told and tried again when it
    is next due; a process that is writing is waited for.

    Args:
        stop: set to end; a look that has begun is finished first, so that nothing is left half.
        say: called with a line for people.
        once: whether each is looked at once, due or not, and that is all.

    Raises:
        IndexCorrupted: the list is damaged.
    """
    kept = WatchList(settings.index_dir)
    while not stop.is_set():
        due = [each for each in kept.all() if once or each.due_in(clock()) == 0]
        for each in due:
            if stop.is_set():
                return
            said, new = _look(each.what, settings, embedder, stop)
            kept.note(each.what, said, new)
            say(f"{datetime.now():%H:%M:%S}  {each.what}: {said}")
        if once:
            return
        waits = [each.due_in(clock()) for each in kept.all()]
        # The list may change meanwhile.
        stop.wait(min([*waits, 30.0]) or 1.0)


def _look(what: str, settings: Settings, embedder: Embedder | None, stop: Event) -> tuple[str, int]:
    for _ in range(BUSY_TRIES):
        try:
            report = refresh(what, settings, embedder=embedder)
            return in_words(report), len(report.added)
        except IndexBusy as error:
            said = error.message
            if stop.wait(BUSY_WAIT):
                break
        except RagError as error:
            return f"failed: {error.message}", 0
    return f"failed: {said}", 0

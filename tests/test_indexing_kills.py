"""kill -9 while segments are written and merged, at random moments and at every call that writes: nothing is lost.

And `rag index` on many files or on a long one: it shows how far it is, and the same command goes on where it was.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from repeats import REPEATS
from test_indexing_build import check_whole

from rag.indexing.build import build_index, index_status
from rag.settings import Settings
from rag.types import Article

HERE = Path(__file__).parent
#: Each round: a child that indexes is killed, another looks at what is left, a third does the same work to its end.
ROUNDS = """
import os, random, signal, sys, time
sys.path.insert(0, {tests!r})
import faiss, numpy
from conftest import LetterEmbedder
from test_indexing_build import check_whole
import rag.indexing.build as build
import rag.indexing.vectors as vectors
from rag.settings import Settings
from rag.types import Article
build.COMMIT_PASSAGES, build.EMBED_PASSAGES = 4, 2
vectors.APPROXIMATE = 20  # so that merges write a file for FAISS too
faiss.omp_set_num_threads(1)
settings = Settings.load({{}}, index_dir=sys.argv[1], cache_dir=sys.argv[1] + "-cache")
letters, draw = LetterEmbedder(), random.Random(int(sys.argv[3]))

def work(n):
    items = [Article(f"n{{i % 40}}", f"T{{i}}", f"a b c{{i}} " * 30, origin=f"/n{{i % 40}}") for i in range(n, n + 12)]
    build.build_index(items, settings, embedder=letters)
    if n % 5 == 4:
        build.delete_articles([f"n{{n % 40}}"], settings, embedder=letters)

def forked(function, *given):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function(*given)
            code = 0
        finally:
            os._exit(code)
    return pid

def done(pid):
    return os.waitpid(pid, 0)[1] == 0

# What is imported here is not imported anew in each child.
warm = Settings.load({{}}, index_dir=sys.argv[1] + "-warm", cache_dir=sys.argv[1] + "-cache")
build.build_index([Article("x", "T", "a b", origin="/x")], warm, embedder=letters)
check_whole(warm, letters)
assert done(forked(work, 0))
started = time.monotonic()
assert done(forked(work, 1))
usual = time.monotonic() - started
killed = early = 0
while killed < int(sys.argv[2]):
    early += 1
    pid = forked(work, early)
    time.sleep(draw.random() * usual)
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSIGNALED(status):
        usual *= 0.98  # it was done already
        continue
    killed += 1
    assert done(forked(check_whole, settings, letters)), f"round {{early}}: what is left is not whole"
    assert done(forked(work, early)), f"round {{early}}: the next run failed"
    assert done(forked(check_whole, settings, letters)), f"round {{early}}: the next run left something"
print(killed)
"""


@pytest.mark.parametrize("kills", [12, pytest.param(REPEATS, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_kill_9_at_random_moments(settings: Settings, letters: Any, kills: int) -> None:
    command = [sys.executable, "-c", ROUNDS.format(tests=str(HERE)), str(settings.index_dir), str(kills), "11"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(kills), done.stderr
    check_whole(settings, letters)


ONCE = """
import sys
sys.path.insert(0, {tests!r})
import faiss
from conftest import LetterEmbedder
import rag.indexing.build as build
from rag.settings import Settings
from rag.types import Article
faiss.omp_set_num_threads(1)
build.COMMIT_PASSAGES, build.EMBED_PASSAGES = 2, 1
settings = Settings.load({{}}, index_dir=sys.argv[1], cache_dir=sys.argv[1] + "-cache")
items = [Article(id_, "T", f"a b {{id_}} c " * 40, origin="/" + id_) for id_ in ("first", "second", "third")]
build.build_index(items, settings, embedder=LetterEmbedder())
"""
CALLS = ["pwrite64", "fsync,fdatasync", "unlink", "ftruncate"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_at_every_call_that_changes_the_disk(settings: Settings, letters: Any, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    build_index([Article("first", "First", "a b c", origin="/first")], settings, embedder=letters)
    before = tmp_path / "before"
    shutil.copytree(settings.index_dir, before)
    code, folder = ONCE.format(tests=str(HERE)), str(settings.index_dir)
    killed = 0
    for calls in CALLS:
        for nth in range(1, 500, max(1, 1000 // REPEATS)):
            shutil.rmtree(folder)
            shutil.copytree(before, folder)
            inject = ["strace", "-f", "-o", str(tmp_path / "log"), "-e", f"trace={calls}"]
            done = subprocess.run(
                [*inject, "-e", f"inject={calls}:signal=KILL:when={nth}", sys.executable, "-c", code, folder],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if "ptrace" in done.stderr:
                pytest.skip("programs may not be traced here")
            check_whole(settings, letters)
            assert {row.id for row in index_status(settings, rows=True).rows} >= {"first"}
            if done.returncode == 0:
                break  # it has fewer such calls
            assert re.search("killed by SIGKILL", (tmp_path / "log").read_text()), done.stderr
            killed += 1
            again = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
            assert again.returncode == 0, again.stderr
            assert {row.id for row in index_status(settings, rows=True).rows} == {"first", "second", "third"}
            check_whole(settings, letters)
    assert killed > 40 * min(REPEATS, 1000) // 1000


# The command, killed half-way

WORDS = "ferry council bridge harbour strike budget school river market storm union hospital railway court".split()
#: A bar with total, time left and rate.
BAR = re.compile(rb"(\w+): +(\d+)%\|[^|]*\| [\d.kM]+/[\d.kM]+ \[[\d:]+<[\d:?]+, [^\]]+/[^\]]+\]")


def _sentences(draw: random.Random, count: int) -> str:
    one = (f"The {draw.choice(WORDS)} of {draw.choice(WORDS)} {n} cost {draw.randint(2, 999)}." for n in range(count))
    return " ".join(one)


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _started(settings: Settings, given: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rag.cli", "index", str(given)]
    env = {**os.environ, "DATELINE_INDEX_DIR": str(settings.index_dir), "DATELINE_CACHE_DIR": str(settings.cache_dir)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


def _killed_at(process: subprocess.Popen[bytes], stage: bytes, percent: int) -> list[tuple[bytes, int]]:
    """What the bars showed until one was so far, when the process is killed."""
    assert process.stderr is not None
    seen, shown = b"", []
    while (more := os.read(process.stderr.fileno(), 4096)) and (not shown or shown[-1] < (stage, percent)):
        seen += more
        shown = [(bar[1], int(bar[2])) for bar in BAR.finditer(seen) if bar[1] == stage]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was done before"
    return shown


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_command_goes_on_with_5000_files(settings: Settings, tmp_path: Path) -> None:
    folder, draw = tmp_path / "in", random.Random(5)
    folder.mkdir()
    for n in range(5000):
        (folder / f"{n:04}.txt").write_text(f"Article {n}\n\n{_sentences(draw, 5)}")
    shown = _killed_at(_started(settings, folder), b"reading", 50)
    percents = [percent for _, percent in shown]
    assert percents == sorted(percents)
    assert len(set(percents)) > 5
    there = index_status(settings).articles
    assert there >= 5000 // 2 - 2 * 500 - 256  # what was read last, what waited to be embedded, to be committed
    process = _started(settings, folder)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.decode().startswith(f"{5000 - there} added, 0 replaced, {there} unchanged, 0 pruned")
    assert b"indexing: 100%" in err
    assert index_status(settings).articles == 5000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_command_goes_on_with_a_long_text(settings: Settings, tmp_path: Path) -> None:
    text, draw = tmp_path / "long.txt", random.Random(6)
    text.write_text("\n\n".join(_sentences(draw, 6) for _ in range(3500)))
    shown = _killed_at(_started(settings, text), b"embedding", 50)
    assert len({percent for _, percent in shown}) > 5
    kept = len(list((settings.index_dir / "unfinished").glob("*.npz")))
    assert kept >= len(shown) - 2
    before = {path.name: path.stat().st_mtime_ns for path in (settings.index_dir / "unfinished").glob("*.npz")}
    again = _killed_at(_started(settings, text), b"embedding", 70)
    process = _started(settings, _written(tmp_path / "other.txt", "The ferry of Orrin sails again."))
    assert process.wait() == 0
    after = {path.name: path.stat().st_mtime_ns for path in (settings.index_dir / "unfinished").glob("*.npz")}
    assert again
    assert before.items() <= after.items(), "a stretch that was kept was embedded anew"
    process = _started(settings, text)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.decode().startswith("1 added")
    assert not (settings.index_dir / "unfinished").exists()

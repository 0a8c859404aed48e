"""Finds out, in a child process, how a model runs best on this machine without crashing, and remembers it.

On some virtual machines llama.cpp's repacked weight buffers (AMX) end the process with a segmentation fault at the
first decode; on others they only slow it down. A crash in the child costs nothing; the same crash in the page would
take it down without a word. Some seconds of reading and writing decide between the ways that run.

    python -m rag.models.probe MODEL.gguf 1 0     measures with extra buffers and any number of threads
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rag.errors import ModelBroken, ModelCrashed
from rag.models.machine import cores, processor
from rag.models.states import file_key

if TYPE_CHECKING:
    from rag.models.llama import LlamaGenerator

#: Seconds that a child may take to load the model and to measure.
LIMIT = 300.0
#: Seconds that one measurement is meant to take, and how often it is taken. Of a rate the best counts, since something
#: else may run beside the others; and another way than the usual one is taken only where it wins each time.
_MEANT, _TURNS = 0.3, 3
#: Tokens read and written for a usual answer: what is weighed where one way reads faster and another writes faster.
USUAL = (300, 60)
#: Tokens read and written to measure how fast.
_SHORT, _WRITTEN = 32, 8

_Way = TypeVar("_Way")


@dataclass(frozen=True, slots=True)
class Probe:
    """How a model runs here.

    Attributes:
        extra_buffers: whether llama.cpp's repacked weight buffers are used.
        threads: for writing; for reading.
        batch: tokens read at once.
        read_rate, write_rate: tokens a second.
        work: seconds of all cores together for a usual answer.
        busy: tasks that wanted a core of this machine meanwhile, for each that it has.
        detail: what was seen, for people.
    """

    extra_buffers: bool
    threads: int
    read_threads: int
    batch: int
    read_rate: float
    write_rate: float
    work: float
    busy: float
    detail: str


def probe(path: Path, cache_dir: Path, *, threads: int = 0, limit: float = LIMIT) -> Probe:
    """The remembered result for this file, library, processor and setting, or that of a new try.

    Args:
        threads: as many, and no others tried; 0 tries.

    Raises:
        ModelBroken: the file cannot be loaded.
        ModelCrashed: the child died, or did not end in time, with the safe setting too.
    """
    remembered = cache_dir / "probes" / f"{_key(path, threads)}.json"
    with suppress(OSError, ValueError, TypeError):
        found = Probe(**json.loads(remembered.read_text(encoding="utf-8")))
        # What was seen on a busy machine is looked at again when it is not.
        if found.busy <= 1 or _busy() > found.busy / 2:
            return found
    plain = _try(path, False, limit, threads)
    extra = _try(path, True, limit, threads)
    if isinstance(plain, str) and isinstance(extra, str):
        raise ModelCrashed(
            f"The model {path.name} does not run on this machine: it {plain}.",
            "Use another with --model, or --model extracts; rag doctor says more.",
        )
    result = _better(plain, extra)
    # A cache that cannot be written costs a new try at the next start, nothing else.
    with suppress(OSError):
        remembered.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=remembered.parent, delete=False, encoding="utf-8") as file:
            json.dump(asdict(result), file)
        Path(file.name).replace(remembered)
    return result


def _busy() -> float:
    return os.getloadavg()[0] / cores() if hasattr(os, "getloadavg") else 0.0


def _better(plain: Probe | str, extra: Probe | str) -> Probe:
    if isinstance(plain, str):
        assert isinstance(extra, Probe)
        return _told(extra, f"extra weight buffers are on: without them the model {plain}")
    if isinstance(extra, str):
        return _told(plain, f"extra weight buffers are off: with them the model {extra}")
    if extra.work < plain.work:
        return _told(extra, f"extra weight buffers are on: {plain.work / extra.work:.1f} times as fast")
    return _told(plain, f"extra weight buffers are off: {extra.work / plain.work:.1f} times as fast without")


def _told(found: Probe, why: str) -> Probe:
    speed = f"reads {found.read_rate:.0f} and writes {found.write_rate:.0f} tokens/s with {found.threads} threads"
    return replace(found, detail=f"{speed}; {why}")


def _try(path: Path, extra_buffers: bool, limit: float, threads: int) -> Probe | str:
    """Run the child; what it measured, or what happened instead.

    Raises:
        ModelBroken: the child could not load the file.
    """
    command = [sys.executable, "-m", "rag.models.probe", str(path), str(int(extra_buffers)), str(threads)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"did not answer within {limit:.0f} s"
    if child.returncode == 3:
        raise ModelBroken(child.stderr.strip(), "Fetch the file again, or name another with --model.")
    if child.returncode < 0:
        return f"crashed with signal {-child.returncode}"
    try:
        return Probe(**json.loads(child.stdout))
    except (ValueError, TypeError):
        return f"failed: {child.stderr.strip()[-300:]}"


def _key(path: Path, threads: int = 0) -> str:
    parts = [version("llama-cpp-python"), processor(), str(cores()), str(threads), file_key(path)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def measure(generator: LlamaGenerator, threads: int = 0) -> Probe:
    """How fast the generator runs with all cores or half of them, and reading in small or large batches.

    Args:
        threads: as many, and no others tried; 0 tries.
    """
    words = generator.tokenize_text("The council said on Monday that the bridge would stay shut until spring. ")
    busy = _busy()
    # A first reading warms up, a second tells how much can be read in the time.
    _read(generator, list(islice(cycle(words), _SHORT)), 0)
    rough = _SHORT / _read(generator, list(islice(cycle(words), _SHORT)), 1).wall
    tokens = list(islice(cycle(words), max(_SHORT, min(USUAL[0], int(rough * _MEANT)))))
    usual, small, large = threads or cores(), 128, 512
    reads: dict[int, list[_Took]] = {}
    writes: dict[int, list[_Took]] = {}
    for turn in range(_TURNS):
        for count in [usual] if threads or usual == 1 else [usual, usual // 2]:
            generator.set_speed(threads=count, read_threads=count, batch=small)
            reads.setdefault(count, []).append(_read(generator, tokens, turn))
            writes.setdefault(count, []).append(_timed(lambda: generator.write_blindly(_WRITTEN)))
    read_threads, write_threads = _winner(reads), _winner(writes)
    # Short texts are read more slowly than a prompt is, so the rate is that of a usual prompt.
    prompt = list(islice(cycle(words), USUAL[0]))
    batches: dict[int, list[_Took]] = {}
    # The small batch ends sooner when somebody stops it.
    for batch in (small, large):
        generator.set_speed(threads=write_threads, read_threads=read_threads, batch=batch)
        batches[batch] = [_read(generator, prompt, 0)]
    batch = _winner(batches)
    reading, writing = min(batches[batch]), min(writes[write_threads])
    return Probe(
        extra_buffers=generator.extra_buffers,
        threads=write_threads,
        read_threads=read_threads,
        batch=batch,
        read_rate=len(prompt) / reading.wall,
        write_rate=_WRITTEN / writing.wall,
        work=reading.work + USUAL[1] * writing.work / _WRITTEN,
        busy=busy,
        detail="",
    )


class _Took(NamedTuple):
    """Seconds by the clock, and of all cores together; the latter hardly depends on what else runs."""

    wall: float
    work: float


def _timed(call: Callable[[], object]) -> _Took:
    wall, work = time.perf_counter(), time.process_time()
    call()
    return _Took(time.perf_counter() - wall, time.process_time() - work)


def _read(generator: LlamaGenerator, tokens: list[int], turn: int) -> _Took:
    # Another first token each time, so that nothing is taken from the time before.
    return _timed(lambda: generator.logits([tokens[turn + 1], *tokens[1:]]))


def _winner(took: dict[_Way, list[_Took]]) -> _Way:
    """The first way, unless another was quicker in each turn; the quickest of those."""
    usual, *others = took
    better = [way for way in others if all(a < b for a, b in zip(took[way], took[usual], strict=True))]
    return min(better, key=lambda way: min(took[way]), default=usual)


def _child(path: str, extra_buffers: str, threads: str) -> int:
    from rag.models.llama import LlamaGenerator

    try:
        generator = LlamaGenerator(
            Path(path),
            context_tokens=768,
            extra_buffers=extra_buffers == "1",
        )
    except ModelBroken as error:
        sys.stderr.write(error.message)
        return 3
    sys.stdout.write(json.dumps(asdict(measure(generator, int(threads)))))
    return 0


if __name__ == "__main__":
    code = _child(*sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # freeing the model is not what is probed

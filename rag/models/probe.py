"""Finds out, in a child process, how a model can be run on this machine without crashing, and remembers it.

On some virtual machines llama.cpp's repacked weight buffers (AMX) end the process with a segmentation fault at the
first decode. A crash in the child costs nothing; the same crash in the page would take it down without a word.

    python -m rag.models.probe MODEL.gguf 1 [ADAPTER.gguf]     exits 0 when the model runs with extra buffers
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rag.errors import ModelBroken, ModelCrashed

#: Seconds that a child may take to load the model and write eight tokens.
LIMIT = 300.0


@dataclass(frozen=True, slots=True)
class Probe:
    """How a model runs here.

    Attributes:
        extra_buffers: whether llama.cpp's repacked weight buffers may be used.
        detail: what was seen, for people.
    """

    extra_buffers: bool
    detail: str


def probe(path: Path, cache_dir: Path, *, adapter: Path | None = None, limit: float = LIMIT) -> Probe:
    """The remembered result for this file, library and CPU, or that of a new try.

    Raises:
        ModelBroken: the file cannot be loaded.
        ModelCrashed: the child died, or did not end in time, with the safe setting too.
    """
    remembered = cache_dir / "probes" / f"{_key(path, adapter)}.json"
    with suppress(OSError, ValueError, TypeError):
        return Probe(**json.loads(remembered.read_text(encoding="utf-8")))
    first = _try(path, True, limit, adapter)
    if first == "":
        result = Probe(True, "runs with extra weight buffers")
    elif (second := _try(path, False, limit, adapter)) == "":
        result = Probe(False, f"extra weight buffers are off: with them the model {first}")
    else:
        raise ModelCrashed(
            f"The model {path.name} does not run on this machine: it {second}.",
            "Use another with --model, or --model extracts; rag doctor says more.",
        )
    # A cache that cannot be written costs a new try at the next start, nothing else.
    with suppress(OSError):
        remembered.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=remembered.parent, delete=False, encoding="utf-8") as file:
            json.dump(asdict(result), file)
        Path(file.name).replace(remembered)
    return result


def _try(path: Path, extra_buffers: bool, limit: float, adapter: Path | None) -> str:
    """Run the child; "" when all is well, else what happened.

    Raises:
        ModelBroken: the child could not load the file.
    """
    command = [sys.executable, "-m", "rag.models.probe", str(path), str(int(extra_buffers))]
    command += [str(adapter)] if adapter else []
    try:
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"did not answer within {limit:.0f} s"
    if child.returncode == 3:
        raise ModelBroken(child.stderr.strip(), "Fetch the file again, or name another with --model.")
    if child.returncode < 0:
        return f"crashed with signal {-child.returncode}"
    return "" if child.returncode == 0 else f"failed: {child.stderr.strip()[-300:]}"


def _key(path: Path, adapter: Path | None = None) -> str:
    cpu = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    parts = [version("llama-cpp-python"), cpu]
    for file in (path, adapter) if adapter else (path,):
        found = file.stat()
        parts += [str(file.resolve()), str(found.st_size), str(found.st_mtime_ns)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _child(path: str, extra_buffers: str, adapter: str = "") -> int:
    from rag.models.llama import LlamaGenerator

    try:
        generator = LlamaGenerator(
            Path(path),
            context_tokens=512,
            extra_buffers=extra_buffers == "1",
            lora_path=Path(adapter) if adapter else None,
        )
    except ModelBroken as error:
        sys.stderr.write(error.message)
        return 3
    for _ in generator.stream([{"role": "user", "content": "Say what a passage is. " * 8}], max_tokens=8):
        pass
    return 0


if __name__ == "__main__":
    code = _child(*sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # freeing the model is not what is probed

"""Starts the page in a process of its own: for what is measured, pictured and tested of it.

Knows nothing about what is asked of the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Started:
    """A page that listens.

    Attributes:
        url: its address.
        process: whose output lies in `log`.
        began: when the process was started, as `time.perf_counter` counts.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    began: float

    def seconds(self) -> float:
        """Seconds of the clock since the start."""
        return time.perf_counter() - self.began

    def processor_seconds(self) -> float:
        """What the process has used so far (Linux)."""
        used = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident MB (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@contextmanager
def started(
    folder: Path, environment: dict[str, str] | None = None, command: Sequence[str] = ("app.py",)
) -> Iterator[Started]:
    """A page over `folder/index` on a free port; it keeps its data in `folder/data` and ends with the block.

    Args:
        environment: settings that differ from that, e.g. DATELINE_MODEL, of which none speaks otherwise.
        command: what Python runs.

    Raises:
        RuntimeError: it ended, or does not listen within five minutes; with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    usual = {
        "DATELINE_INDEX_DIR": str(folder / "index"), "DATELINE_DATA_DIR": str(folder / "data"),
        "DATELINE_MODEL": "extracts", "DATELINE_PORT": "0", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    log, began = folder / "log", time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=os.environ | usual | (environment or {}), stdout=out, stderr=out
        )
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            if process.poll() is not None or time.perf_counter() - began > 300:
                raise RuntimeError(f"The page did not start.\n{log.read_text()}")
            time.sleep(0.02)
        yield Started(found[0], process, log, began)
    finally:
        process.kill()
        process.wait()


def index_sample(folder: Path) -> None:
    """Index the bundled sample in `folder/index`."""
    environment = os.environ | {"DATELINE_INDEX_DIR": str(folder / "index"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "rag.cli", "index", "--sample"], check=True, env=environment, cwd=ROOT)

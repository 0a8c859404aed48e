"""How fast language models read and write here, and what each way of running them is worth.

    python benchmarks/language_models.py MODEL.gguf ... [--rounds N]

For each model: tokens read and written per second without and with llama.cpp's extra weight buffers, and with threads
that spin while they wait instead of sleeping (each in a process of its own, in turns), and the work that a kept prefix
saves at a start. Medians, with the least and the most. Work is in seconds of all cores together: it hardly depends on
what else runs, as wall time does. Compare figures of one run only: both differ from machine to machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rag.models.generator import Message
from rag.models.llama import LlamaGenerator
from rag.resources import resource

#: Extra buffers, and how often a waiting thread looks before it sleeps (300,000 is OpenMP's default).
ARMS = {
    "plain": ("0", "0"),
    "extra buffers": ("1", "0"),
    "spinning threads": ("0", "300000"),
}
#: Seconds that one process may take.
LIMIT = 60


def spread(values: list[float]) -> str:
    return f"{np.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def rates(path: Path, rounds: int) -> None:
    """Print what the probe's own child measures, the arms in turns."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ARMS}
    for _ in range(rounds):
        for name, (extra, spins) in ARMS.items():
            command = [sys.executable, "-m", "rag.models.probe", str(path), extra, str(os.cpu_count() or 1)]
            environment = os.environ | {"GOMP_SPINCOUNT": spins}
            try:
                child = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=True, timeout=LIMIT
                )
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                print(f"{name:17} {type(error).__name__}", flush=True)
                continue
            seen = json.loads(child.stdout)
            found[name].append((seen["read_rate"], seen["write_rate"], seen["work"]))
    for name, pairs in found.items():
        if pairs:
            read, write, work = map(list, zip(*pairs, strict=True))
            print(
                f"{name:17} reads {spread(read)}, writes {spread(write)} tokens/s; "
                f"work of a usual answer {spread(work)} s; n = {len(pairs)}"
            )
        else:
            print(f"{name:17} never ran to its end within {LIMIT} s")


def prefix(path: Path, rounds: int) -> None:
    """Print the work of preparing the standing part, computed and taken from disk."""
    system = (resource("prompts") / "system.txt").read_text(encoding="utf-8").strip()
    standing: list[Message] = [{"role": "system", "content": system}]
    computed, kept, tokens = [], [], 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for seconds in (computed, kept):
                generator = LlamaGenerator(path, states=Path(folder))
                tokens = generator.count_tokens(standing)
                generator.logits([1, 2, 3])  # the weights are paged in before the clock starts
                started = time.process_time()
                generator.prepare(standing)
                seconds.append(time.process_time() - started)
                generator.close()
    print(f"kept prefix       of {tokens} tokens: {spread(computed)} s of work computed, {spread(kept)} s from disk")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for path in options.models:
        print(f"== {path.name}", flush=True)
        rates(path, options.rounds)
        prefix(path, options.rounds)
        sys.stdout.flush()


if __name__ == "__main__":
    main()

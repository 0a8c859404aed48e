"""How fast language models read and write here, and what each way of running them is worth.

    python benchmarks/language_models.py MODEL.gguf ... [--rounds N] [--questions N]

For each model: tokens read and written per second without and with llama.cpp's extra weight buffers, and with threads
that spin while they wait instead of sleeping (each in a process of its own, in turns); how many times the work of an
answer goes down when the prompt is looked up for what comes next, and whether it stays the same (questions of the
bundled gold set and a summary of their articles, both ways one after the other); and the work that the kept prefix
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

from rag.evaluation.gold import read_gold
from rag.models.generator import Message
from rag.models.llama import LOOK_UP, LlamaGenerator
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


def prompts(count: int) -> list[list[Message]]:
    """Questions of the gold set over their own articles, and for each a summary of these."""
    system = (resource("prompts") / "system.txt").read_text(encoding="utf-8").strip()
    made: list[list[Message]] = []
    for item in read_gold(resource("eval", "gold", "briefs.jsonl")):
        names = [evidence.article for evidence in item.evidence][:3]
        if len(names) < 2 or len(made) >= 2 * count:
            continue
        shown = "\n\n".join(
            (resource("samples", "briefs") / f"{name}.md").read_text(encoding="utf-8") for name in names
        )
        for asked in (item.question, "Summarise these articles in three short sentences."):
            made.append(
                [{"role": "system", "content": system}, {"role": "user", "content": f"{shown}\n\nQuestion: {asked}"}]
            )
    return made


def write(generator: LlamaGenerator, messages: list[Message]) -> tuple[str, float]:
    """An answer, and the work of writing it, once the prompt is read."""
    list(generator.stream(messages, max_tokens=1))
    started = time.process_time()
    return "".join(generator.stream(messages, max_tokens=96)), time.process_time() - started


def lookup(path: Path, count: int, most: list[int]) -> None:
    """Print how much less work an answer is with look-up than without, pair by pair."""
    arms = {n: LlamaGenerator(path, context_tokens=3072, lookup=n) for n in (0, *most)}
    ratios: dict[int, list[float]] = {n: [] for n in most}
    same = dict.fromkeys(most, 0)
    for turn, messages in enumerate(prompts(count)):
        # The order of the arms turns.
        order = list(arms)[turn % len(arms) :] + list(arms)[: turn % len(arms)]
        found = {n: write(arms[n], messages) for n in order}
        for n in most:
            ratios[n].append(found[0][1] / found[n][1])
            same[n] += found[n][0] == found[0][0]
    for n in most:
        print(
            f"look-up of {n:2}     work of writing goes down {spread(ratios[n])} times, geometric mean "
            f"{np.exp(np.mean(np.log(ratios[n]))):.2f}; the same answer in {same[n]} of {len(ratios[n])}"
        )
    for generator in arms.values():
        generator.close()


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
    parser.add_argument("--questions", type=int, default=6, help="Each gives two prompts; 0 leaves the look-up out.")
    parser.add_argument("--lookup", type=int, nargs="+", default=[LOOK_UP], help="Most tokens tried at once.")
    options = parser.parse_args()
    for path in options.models:
        print(f"== {path.name}", flush=True)
        rates(path, options.rounds)
        prefix(path, options.rounds)
        if options.questions:
            lookup(path, options.questions, options.lookup)
        sys.stdout.flush()


if __name__ == "__main__":
    main()

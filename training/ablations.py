"""What each part of the adapter's training is worth: short runs that differ in one thing, measured alike.

    python -m training.ablations --data /tmp/adapter --shared ../shared --out /tmp/ablations --steps 25 --n 0

Every trained arm starts from the untuned base and sees as many steps. Runs that are there already are not trained
again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

#: How each arm is trained; None is not trained at all.
ARMS: dict[str, list[str] | None] = {
    "untuned base": None,
    "all of it, rank 32": [],
    "without suggestions": ["--without", "suggestions"],
    "without distractors": ["--without", "distractors"],
    "without made questions": ["--without", "made"],
    "rank 8": ["--rank", "8"],
    "rank 64": ["--rank", "64"],
}
SETS = ("four passages", "none right")


def python(module: str, *given: str | Path) -> str:
    """Run a module of this folder in a process of its own and return what it printed."""
    command = [sys.executable, "-m", f"training.{module}", *map(str, given)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Train, export and measure every arm; print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--n", type=int, default=60, help="questions of each set; 0 measures the held-out loss alone")
    parser.add_argument("--arms", nargs="*", choices=list(ARMS), default=list(ARMS))
    given = parser.parse_args()
    print("| arm | held-out loss | set | F1 | right citation | refused |\n|---|---|---|---|---|---|", flush=True)
    for name in given.arms:
        recipe, loss, answerer = ARMS[name], "", "base"
        if recipe is not None:
            run = given.out / name.replace(" ", "-").replace(",", "")
            python("adapter", "--data", given.data, "--out", run, "--steps", str(given.steps), *recipe)
            python("export_adapter", "--run", run, "--out", run / "gguf")
            last = json.loads((run / "curve.jsonl").read_text(encoding="utf-8").splitlines()[-1])
            loss, answerer = f"{last['held_out_loss']:.3f}", str(run / "gguf/adapter.gguf")
        if not given.n:
            print(f"| {name} | {loss} | | | | |", flush=True)
            continue
        measured = python(
            "measure_adapter", "--shared", given.shared, "--answerer", answerer, "--packed", "--n", str(given.n),
            "--sets", *SETS, *(["--unaided"] if name == "without suggestions" else []),
        )  # fmt: skip
        for line in measured.splitlines():
            which, found = line.split("{", 1)
            figures = json.loads("{" + found)
            cells = [str(figures.get(key, "")) for key in ("f1", "right_citation", "refused")]
            print(f"| {name} | {loss} | {which.strip()} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

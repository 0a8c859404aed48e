"""Draw the learning curves of finished runs.

python -m training.curves --run reader=/tmp/reader/run --run adapter=/tmp/adapter/run --out models
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    """Write <out>/<name>/curve.svg for each run, and keep its numbers beside it."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="append", required=True, help="NAME=FOLDER with curve.jsonl")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for run in options.run:
        name, folder = run.split("=", 1)
        rows = [json.loads(line) for line in (Path(folder) / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
        figure, axes = plt.subplots(figsize=(7, 3.2))
        axes.plot([r["step"] for r in rows], [r["loss"] for r in rows], label="training loss")
        held = [r for r in rows if "held_out_loss" in r]
        if held:
            axes.plot([r["step"] for r in held], [r["held_out_loss"] for r in held], "o-", label="held-out loss")
        axes.set(xlabel="step", ylabel="cross-entropy (nats)", title=name, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
        figure.tight_layout()
        (options.out / name).mkdir(parents=True, exist_ok=True)
        figure.savefig(options.out / name / "curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()

"""One training run on a CPU: AdamW, warm-up and linear decay, bf16 autocast, checkpoints to resume from.

Knows nothing about what is learned.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.batching import batches

WARM_UP = 0.06
"""Share of the steps in which the learning rate rises."""


def groups(lengths: np.ndarray, seed: int, tokens: int) -> Iterator[np.ndarray]:
    """Indices of one step after the other, epoch after epoch, without end.

    Args:
        lengths: int (n,), tokens of each sequence.
        tokens: of one step, padding included.
    """
    epoch = 0
    while True:
        yield from batches(lengths, seed + epoch, tokens)
        epoch += 1


def fit(
    model: Any,
    loss: Callable[[np.ndarray], tuple[Any, int]],
    steps: Iterator[np.ndarray],
    out: Path,
    *,
    count: int,
    rate: float,
    every: int = 500,
) -> None:
    """Train in place for `count` steps; goes on from out/checkpoint.pt, writes it and out/curve.jsonl.

    Args:
        loss: of a group of indices, with the number of tokens read, padding included.
        rate: the highest learning rate.
        every: steps between two checkpoints.
    """
    import torch
    from transformers import get_linear_schedule_with_warmup

    learned = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in learned if "LayerNorm" in n or n.endswith("bias")]
    decayed = [p for n, p in learned if not ("LayerNorm" in n or n.endswith("bias"))]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=rate, fused=True
    )
    schedule = get_linear_schedule_with_warmup(optimiser, int(WARM_UP * count), count)
    parts = {"model": model, "optimiser": optimiser, "schedule": schedule}
    checkpoint = out / "checkpoint.pt"
    done = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        done = state["step"]
    model.train()
    started, tokens, losses = time.monotonic(), 0, []
    with (out / "curve.jsonl").open("a") as log:
        for step, group in enumerate(itertools.islice(steps, count), 1):
            if step <= done:
                continue
            with torch.autocast("cpu", torch.bfloat16):
                lost, read = loss(group)
            lost.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            tokens += read
            losses.append(lost.item())
            if step % 50 == 0:
                speed = tokens / (time.monotonic() - started)
                row = {"step": step, "loss": sum(losses) / len(losses), "tokens_per_second": speed}
                log.write(json.dumps(row) + "\n")
                log.flush()
                losses = []
            if step % every == 0 or step == count:
                state = {name: part.state_dict() for name, part in parts.items()} | {"step": step}
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)

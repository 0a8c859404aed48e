"""Train the extractive reader: spans and a null answer over the packaged all-MiniLM-L6-v2 encoder.

    python -m training.reader --data /tmp/reader --out /tmp/reader/run --steps 2500

SQuAD v2.0's formulation (Devlin et al. 2019, section 4.3): the start and end of "no answer" is the first position.
Resumes from the last checkpoint in --out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.embedder import packaged_model_folder
from training.batching import batches

TOKENS = 4_096
"""Tokens of one step, padding included."""


def padded(data: Any, group: np.ndarray) -> dict[str, Any]:
    """One batch of tensors: input_ids, token_type_ids, attention_mask (b, t) int64; start, end (b,) int64."""
    import torch

    offsets = data["offsets"]
    width = int((offsets[group + 1] - offsets[group]).max())
    ids = np.zeros((len(group), width), dtype=np.int64)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for row, index in enumerate(group):
        tokens = data["ids"][offsets[index] : offsets[index + 1]]
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        types[row, data["question"][index] : len(tokens)] = 1
    return {
        "input_ids": torch.from_numpy(ids),
        "token_type_ids": torch.from_numpy(types),
        "attention_mask": torch.from_numpy(mask),
        "start_positions": torch.from_numpy(data["start"][group].astype(np.int64)),
        "end_positions": torch.from_numpy(data["end"][group].astype(np.int64)),
    }


def shipped_weights(folder: Path) -> dict[str, Any]:
    """The weights of an exported reader, int8 turned back to float32, by their names in the torch model."""
    import onnx
    import torch
    from onnx.numpy_helper import to_array

    graph = onnx.load(str(folder / "model.onnx")).graph
    arrays = {item.name: to_array(item) for item in graph.initializer}
    found = {name: array for name, array in arrays.items() if name.startswith("model.") and "weight_" not in name}
    names = {
        name.removesuffix("_quantized"): name.removesuffix("_quantized") for name in arrays if "_quantized" in name
    }
    for node in graph.node:  # a linear layer's weights have a number for a name, its node the layer's
        if node.op_type == "MatMulInteger":
            names[node.input[1].removesuffix("_quantized")] = (
                node.name.strip("/").removesuffix("/MatMul_quant").replace("/", ".") + ".weight"
            )
    for key, name in names.items():
        zero, scale = arrays[f"{key}_zero_point"].astype(np.float32), arrays[f"{key}_scale"]
        weights = (arrays[f"{key}_quantized"].astype(np.float32) - zero) * scale
        found[name] = weights if "embeddings" in name else weights.T
    return {name.removeprefix("model."): torch.from_numpy(array.copy()) for name, array in found.items()}


def steps(data: Any, seed: int) -> Iterator[np.ndarray]:
    """Batches of one epoch after the other, without end."""
    lengths = np.diff(data["offsets"])
    epoch = 0
    while True:
        yield from batches(lengths, seed + epoch, TOKENS)
        epoch += 1


def main() -> None:
    """Train for a number of minutes or epochs and save the model in transformers' format."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer, get_linear_schedule_with_warmup

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True, help="optimiser steps; one epoch prints its number")
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--start", type=Path, help="go on from an exported reader, instead of from the encoder")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    loaded = np.load(options.data / "train.npz")
    data = {name: loaded[name] for name in loaded.files}
    print(f"{len(batches(np.diff(data['offsets']), options.seed, TOKENS))} steps are one epoch", flush=True)
    folder = str(packaged_model_folder())
    # One pass over the data needs no dropout, which halves the speed on a CPU.
    model = AutoModelForQuestionAnswering.from_pretrained(
        folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    if options.start:
        model.load_state_dict(shipped_weights(options.start))
    AutoTokenizer.from_pretrained(folder).save_pretrained(options.out)
    plain = [p for n, p in model.named_parameters() if "LayerNorm" in n or n.endswith("bias")]
    decayed = [p for n, p in model.named_parameters() if not ("LayerNorm" in n or n.endswith("bias"))]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
        lr=options.rate,
        fused=True,
    )
    schedule = get_linear_schedule_with_warmup(optimiser, int(0.06 * options.steps), options.steps)
    done = 0
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        done = state["step"]
    model.train()
    log = (options.out / "curve.jsonl").open("a")
    started, tokens, losses = time.monotonic(), 0, []
    for step, group in enumerate(itertools.islice(steps(data, options.seed), options.steps), 1):
        if step <= done:
            continue
        batch = padded(data, group)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        tokens += batch["input_ids"].numel()
        losses.append(loss.item())
        if step % 50 == 0:
            row = {
                "step": step,
                "loss": sum(losses) / len(losses),
                "tokens_per_second": tokens / (time.monotonic() - started),
            }
            log.write(json.dumps(row) + "\n")
            log.flush()
            losses = []
        if step % 500 == 0 or step == options.steps:
            torch.save(
                {
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step,
                },
                checkpoint.with_suffix(".new"),
            )
            checkpoint.with_suffix(".new").replace(checkpoint)
    model.save_pretrained(options.out)


if __name__ == "__main__":
    main()

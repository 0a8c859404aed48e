"""Train the extractive reader: spans and a null answer over the packaged all-MiniLM-L6-v2 encoder.

    python -m training.reader --data /tmp/reader --out /tmp/reader/run --steps 2500

SQuAD v2.0's formulation (Devlin et al. 2019, section 4.3): the start and end of "no answer" is the first position.
Resumes from the last checkpoint in --out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.embedder import packaged_model_folder
from training.batching import batches
from training.loop import fit, groups

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


def main() -> None:
    """Train for a number of minutes or epochs and save the model in transformers' format."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

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
    lengths = np.diff(data["offsets"])
    print(f"{len(batches(lengths, options.seed, TOKENS))} steps are one epoch", flush=True)
    folder = str(packaged_model_folder())
    # One pass over the data needs no dropout, which halves the speed on a CPU.
    model = AutoModelForQuestionAnswering.from_pretrained(
        folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    if options.start:
        model.load_state_dict(shipped_weights(options.start))
    AutoTokenizer.from_pretrained(folder).save_pretrained(options.out)

    def loss(group: np.ndarray) -> tuple[Any, int]:
        batch = padded(data, group)
        return model(**batch).loss, batch["input_ids"].numel()

    fit(model, loss, groups(lengths, options.seed, TOKENS), options.out, count=options.steps, rate=options.rate)
    model.save_pretrained(options.out)


if __name__ == "__main__":
    main()

"""Train the judge: supported, not found or contradicted, over the shipped reader's encoder.

    python -m training.judge --data /tmp/judge --out /tmp/judge/run --steps 1400

The encoder starts from the reader's, which has learned to compare two texts, not from the sentence encoder. A pair of
which only "not supported" is known is learned as the sum of the two other classes. Resumes from --out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.embedder import packaged_model_folder
from rag.resources import resource
from training.batching import batches
from training.judge_data import SUPPORTED, UNSUPPORTED
from training.loop import fit, groups
from training.reader import shipped_weights

TOKENS = 2_048
"""Tokens of one step, padding included: some 35 pairs."""
LABELS = ("supported", "not found", "contradicted")


def padded(data: Any, group: np.ndarray) -> dict[str, Any]:
    """One batch of tensors, int64: input_ids, token_type_ids, attention_mask (b, t); label (b,)."""
    import torch

    offsets = data["offsets"]
    width = int((offsets[group + 1] - offsets[group]).max())
    ids = np.zeros((len(group), width), dtype=np.int64)
    types, mask = np.zeros_like(ids), np.zeros_like(ids)
    for row, index in enumerate(group):
        tokens = data["ids"][offsets[index] : offsets[index + 1]]
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        types[row, data["premise"][index] : len(tokens)] = 1
    columns = {
        "input_ids": ids,
        "token_type_ids": types,
        "attention_mask": mask,
        "label": data["label"][group].astype(np.int64),
    }
    return {name: torch.from_numpy(column) for name, column in columns.items()}


def loss_of(logits: Any, label: Any) -> Any:
    """Mean negative log-likelihood; UNSUPPORTED counts as either of the two classes that are not SUPPORTED.

    Args:
        logits: (b, 3); label: (b,) int64.
    """
    import torch

    logs = torch.log_softmax(logits.float(), dim=-1)
    either = torch.logsumexp(logs[:, SUPPORTED + 1 :], dim=-1)
    known = logs.gather(1, label.clamp(max=UNSUPPORTED - 1).unsqueeze(1)).squeeze(1)
    return -torch.where(label == UNSUPPORTED, either, known).mean()


def new_judge() -> Any:
    """The packaged encoder with the reader's weights and an untrained head of three classes."""
    from transformers import AutoModelForSequenceClassification

    # One or two passes over the data need no dropout, which halves the speed on a CPU.
    model = AutoModelForSequenceClassification.from_pretrained(
        str(packaged_model_folder()),
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    weights = shipped_weights(resource("models", "reader"))
    known = {name: value for name, value in weights.items() if name.startswith("bert.")}
    missing = model.load_state_dict(known, strict=False)
    assert not missing.unexpected_keys, missing.unexpected_keys
    return model


def main() -> None:
    """Train for a number of steps and save the model in transformers' format."""
    import torch
    from transformers import AutoModelForSequenceClassification

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that training.judge_data wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True, help="optimiser steps; one epoch prints its number")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--start", type=Path, help="go on from a trained judge's folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    loaded = np.load(options.data / "train.npz")
    data = {name: loaded[name] for name in loaded.files}
    lengths = np.diff(data["offsets"])
    print(f"{len(batches(lengths, options.seed, TOKENS))} steps are one epoch", flush=True)
    model = AutoModelForSequenceClassification.from_pretrained(options.start) if options.start else new_judge()
    model.get_input_embeddings().weight.requires_grad_(False)  # half of the weights, known well enough

    def loss(group: np.ndarray) -> tuple[Any, int]:
        batch = padded(data, group)
        label = batch.pop("label")
        return loss_of(model(**batch).logits, label), batch["input_ids"].numel()

    fit(
        model,
        loss,
        groups(lengths, options.seed, TOKENS),
        options.out,
        count=options.steps,
        rate=options.rate,
        every=50,
    )
    model.save_pretrained(options.out)


if __name__ == "__main__":
    main()

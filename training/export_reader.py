"""Turn a trained reader into the int8 ONNX file that is shipped, and calibrate it.

    python -m training.export_reader --run /tmp/reader/run --shared ../shared --out models/reader

The threshold and the calibration are fitted on the SQuAD v2.0 dev paragraphs of even number; figures are for the odd
ones, which nothing was fitted on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.reader import Reader
from training.measure_reader import Outcome, predictions, summary


def export(run: Path, out: Path) -> None:
    """Write model.onnx: weights as int8 per channel, activations quantised at run time."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModelForQuestionAnswering

    model = AutoModelForQuestionAnswering.from_pretrained(run, attn_implementation="eager").eval()

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> tuple[Any, Any]:
            found = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
            return found.start_logits, found.end_logits

    example = torch.ones(2, 16, dtype=torch.long)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    full = out / "full.onnx"
    torch.onnx.export(
        Logits(),
        (example, example, example),
        str(full),
        input_names=names,
        output_names=["start_logits", "end_logits"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "start_logits", "end_logits"]},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(full, out / "model.onnx", weight_type=QuantType.QInt8, per_channel=True, reduce_range=False)


def calibrate(outcomes: list[Outcome]) -> tuple[list[float], float]:
    """Platt's slope and intercept for "this span is right", and the threshold with the best F1.

    Platt 1999, Probabilistic Outputs for Support Vector Machines: logistic regression on the score alone.
    """
    from sklearn.linear_model import LogisticRegression

    scores = np.array([[o.score] for o in outcomes])
    right = np.array([o.f1_span >= 0.5 and o.answerable for o in outcomes])
    fitted = LogisticRegression().fit(scores, right)
    best = max((summary(outcomes, float(t))["f1"], float(t)) for t in np.quantile(scores, np.linspace(0.02, 0.98, 97)))
    return [float(fitted.coef_[0, 0]), float(fitted.intercept_[0])], best[1]


def main() -> None:
    """Export, calibrate, write the manifest, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="use each n-th paragraph only, to try quickly")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    export(options.run, options.out)
    manifest: dict[str, Any] = {
        "format": 1,
        "sha256": hashlib.sha256((options.out / "model.onnx").read_bytes()).hexdigest(),
        "calibration": [1.0, 0.0],
        "threshold": 0.0,
    }
    _write(options.out, manifest)
    outcomes = predictions(Reader(options.out), options.shared / "data/squad-dev/dev-v2.0.json.xz", every=options.every)
    even, odd = ([o for o in outcomes if o.paragraph % 2 == rest] for rest in (0, 1))
    manifest["calibration"], manifest["threshold"] = calibrate(even)
    _write(options.out, manifest)
    print(json.dumps({k: v if isinstance(v, int) else round(v, 4) for k, v in manifest.items() if k == "threshold"}))
    for name, half in (("fitted half", even), ("other half", odd), ("all", outcomes)):
        if not half:  # with --every 2 there are no odd paragraphs
            continue
        print(name, json.dumps(summary(half, manifest["threshold"])))
    (options.out / "full.onnx").unlink()


def _write(out: Path, manifest: dict[str, Any]) -> None:
    assert all(math.isfinite(x) for x in manifest["calibration"])
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Write a trained adapter in llama.cpp's format, in blocks of 8 bits.

    python -m training.export_adapter --run /tmp/adapter/run --out models/adapter

llama.cpp keeps the rows of Q and K in the order of its rotary embedding, so the output side of their adapters is
permuted as convert_lora_to_gguf.py of llama.cpp does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
HEADS = {"attn_q": 9, "attn_k": 3}


def permuted(rows: np.ndarray, heads: int) -> np.ndarray:
    """The rows of (heads * size, r) in llama.cpp's order: the two halves of each head interleaved."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, 2, size // 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def shipped_matrices(path: Path) -> dict[str, np.ndarray]:
    """The matrices of an adapter as GGUF, float32 by peft's names and in torch's order."""
    import gguf
    from gguf.quants import dequantize

    modules = {short: long for long, short in NAMES.items()}
    found: dict[str, np.ndarray] = {}
    for tensor in gguf.GGUFReader(path).tensors:
        _, layer, name, _, matrix = tensor.name.split(".")
        values = dequantize(tensor.data, tensor.tensor_type)
        if matrix == "lora_b" and name in HEADS:
            order = permuted(np.arange(values.shape[0])[:, None], HEADS[name]).ravel()
            values = values[np.argsort(order)]
        found[f"model.layers.{layer}.{modules[name]}.{matrix.replace('_a', '_A').replace('_b', '_B')}"] = values
    return found


def export(run: Path, out: Path) -> None:
    """Read peft's safetensors, write adapter.gguf and its manifest."""
    import gguf
    from gguf.quants import quantize
    from safetensors.numpy import load_file

    q8, f16 = gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.F16

    config: dict[str, Any] = json.loads((run / "adapter_config.json").read_text(encoding="utf-8"))
    weights = load_file(run / "adapter_model.safetensors")
    out.mkdir(parents=True, exist_ok=True)
    target = out / "adapter.gguf"
    writer = gguf.GGUFWriter(str(target), "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name("Dateline answering adapter")
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for key in sorted(weights):
        _, layer, rest = key.split("layers.")[0], *key.split("layers.")[1].split(".", 1)
        module, matrix = rest.removesuffix(".weight").rsplit(".lora_", 1)
        values = weights[key].astype(np.float32)
        name = NAMES[module]
        if matrix == "B" and name in HEADS:
            values = permuted(values, HEADS[name])
        # A block holds 32 numbers of a row, which in B has as many as the rank.
        kind = f16 if values.shape[-1] % gguf.GGML_QUANT_SIZES[q8][0] else q8
        writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{matrix.lower()}", quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    manifest = {"format": 1, "sha256": hashlib.sha256(target.read_bytes()).hexdigest()}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    export(options.run, options.out)
    print(f"{(options.out / 'adapter.gguf').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

"""Writes a random two-layer Llama as GGUF, and the same weights for transformers. Takes about a second."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

DIM, HEADS, LAYERS, HIDDEN, CONTEXT = 64, 4, 2, 96, 512
SPECIAL = ["<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def byte_tokens() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in the order of the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b if b in printable else next(spare)) for b in range(256)]


VOCAB = [*SPECIAL, *byte_tokens()]


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights by their GGUF names, as transformers lays them out."""
    rng = np.random.default_rng(seed)

    def random(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.1).astype(np.float32)

    found = {"token_embd.weight": random(len(VOCAB), DIM), "output.weight": random(len(VOCAB), DIM)}
    found["output_norm.weight"] = 1 + random(DIM)
    for n in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"blk.{n}.{name}.weight"] = random(DIM, DIM)
        found[f"blk.{n}.ffn_gate.weight"] = random(HIDDEN, DIM)
        found[f"blk.{n}.ffn_up.weight"] = random(HIDDEN, DIM)
        found[f"blk.{n}.ffn_down.weight"] = random(DIM, HIDDEN)
        found[f"blk.{n}.attn_norm.weight"] = 1 + random(DIM)
        found[f"blk.{n}.ffn_norm.weight"] = 1 + random(DIM)
    return found


def write_tiny_gguf(path: Path, *, template: bool = True, seed: int = 0) -> None:
    """Write the model; the same seed gives the same weights as `weights(seed)`."""
    writer = _begun(path, "llama", HEADS, template)
    writer.add_rope_dimension_count(DIM // HEADS)
    for name, value in weights(seed).items():
        # llama.cpp rotates neighbouring pairs, transformers rotates halves: rows of Q and K are interleaved.
        if ".attn_q." in name or ".attn_k." in name:
            value = value.reshape(HEADS, 2, DIM // HEADS // 2, DIM).swapaxes(1, 2).reshape(DIM, DIM)
        writer.add_tensor(name, np.ascontiguousarray(value))
    _finish(writer)


def write_tiny_qwen2(path: Path, seed: int = 0) -> None:
    """Write a random two-layer Qwen2, which shares keys between heads and has biases."""
    writer = _begun(path, "qwen2", HEADS // 2, template=True)
    rng = np.random.default_rng(seed)
    for name, value in weights(seed).items():
        shared = ".attn_k." in name or ".attn_v." in name
        value = value[: DIM // 2] if shared else value
        writer.add_tensor(name, np.ascontiguousarray(value))
        if ".attn_q." in name or shared:
            bias = (rng.standard_normal(len(value)) * 0.1).astype(np.float32)
            writer.add_tensor(name.replace("weight", "bias"), bias)
    _finish(writer)


def _begun(path: Path, architecture: str, kv_heads: int, template: bool) -> gguf.GGUFWriter:
    """A file with the sizes and the tokenizer written."""
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_name("Tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(VOCAB))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(VOCAB)
    kinds = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * 256
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(TEMPLATE)
    return writer


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

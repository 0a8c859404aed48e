"""A Qwen2 of a GGUF file in torch, with low-rank updates that apply to what comes after a text already read.

The weights are the dequantised ones, so what is trained on them fits what llama.cpp runs. Knows no questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import torch
from torch import Tensor, nn
from torch.nn import functional

#: The matrices of a layer, by llama.cpp's names.
PROJECTIONS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True, slots=True)
class Past:
    """Keys and values of a text that was read: for each layer two tensors (heads, tokens, head size)."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    def __len__(self) -> int:
        return self.layers[0][0].shape[1]

    def first(self, tokens: int) -> Past:
        """That of the first tokens alone."""
        return Past(tuple((keys[:, :tokens], values[:, :tokens]) for keys, values in self.layers))


class LowRank(nn.Module):
    """An update of rank `rank` to a matrix (outputs, inputs): zero at the start (Hu et al. 2021)."""

    def __init__(self, inputs: int, outputs: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.b = nn.Parameter(torch.zeros(outputs, rank))
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(functional.linear(x, self.a.to(x.dtype)), self.b.to(x.dtype)) * self.scale


class Qwen2(nn.Module):
    """The model; its own weights never change.

    Args:
        path: a GGUF of the architecture qwen2, quantised or not.
        dtype: of the matrices and of what is computed with them.
    """

    def __init__(self, path: Path, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        reader = gguf.GGUFReader(path)

        def field(name: str) -> float:
            return float(reader.fields[f"qwen2.{name}"].contents())

        self.layers = int(field("block_count"))
        self.heads, self.kv_heads = int(field("attention.head_count")), int(field("attention.head_count_kv"))
        self.width = int(field("embedding_length"))
        self.size = self.width // self.heads
        self.eps, self.theta = field("attention.layer_norm_rms_epsilon"), field("rope.freq_base")
        self.dtype = dtype
        self.weights: dict[str, Tensor] = {}
        for tensor in reader.tensors:
            data = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy())
            self.weights[tensor.name] = data if data.dim() == 1 else data.to(dtype)
        self.weights.setdefault("output.weight", self.weights["token_embd.weight"])
        self.adapter = nn.ModuleDict()

    def adapt(self, rank: int, alpha: float) -> None:
        """Add an update to each matrix of each layer."""
        for n in range(self.layers):
            for name in PROJECTIONS:
                outputs, inputs = self.weights[f"blk.{n}.{name}.weight"].shape
                self.adapter[f"{n}_{name}"] = LowRank(inputs, outputs, rank, alpha)

    def forward(
        self, texts: Sequence[Sequence[int]], pasts: Sequence[Past | None], *, adapted: bool
    ) -> tuple[list[Tensor], list[Past]]:
        """Hidden states (tokens, width) of several texts, each going on from its past, and their own pasts."""
        sizes = [len(text) for text in texts]
        x = self.weights["token_embd.weight"][torch.tensor([token for text in texts for token in text])]
        starts = [len(past) if past else 0 for past in pasts]
        places = [torch.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
        kept: list[list[tuple[Tensor, Tensor]]] = [[] for _ in texts]
        for n in range(self.layers):
            h = self._norm(x, f"blk.{n}.attn_norm.weight")
            q, k, v = (self._linear(h, n, name, adapted).split(sizes) for name in PROJECTIONS[:3])
            told = []
            for i, past in enumerate(pasts):
                query, key = (self._rotate(self._by_head(each[i]), places[i]) for each in (q, k))
                kept[i].append((key, self._by_head(v[i])))
                told.append(self._attend(query, [*(past.layers[n : n + 1] if past else ()), kept[i][-1]]))
            x = x + self._linear(torch.cat(told), n, "attn_output", adapted)
            h = self._norm(x, f"blk.{n}.ffn_norm.weight")
            gate = functional.silu(self._linear(h, n, "ffn_gate", adapted))
            x = x + self._linear(gate * self._linear(h, n, "ffn_up", adapted), n, "ffn_down", adapted)
        return list(self._norm(x, "output_norm.weight").split(sizes)), [Past(tuple(each)) for each in kept]

    def logits(self, hidden: Tensor) -> Tensor:
        """Of hidden states (tokens, width), float32 (tokens, vocabulary)."""
        return functional.linear(hidden, self.weights["output.weight"]).float()

    def _by_head(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1, self.size).transpose(0, 1)

    def _attend(self, query: Tensor, held: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Causal attention of the last tokens to all that are held, (tokens, width)."""
        keys, values = (
            torch.cat(each, 1).repeat_interleave(self.heads // self.kv_heads, 0) for each in zip(*held, strict=True)
        )
        new, every = query.shape[1], keys.shape[1]
        mask = torch.ones(new, every, dtype=torch.bool).tril(every - new)
        return functional.scaled_dot_product_attention(query, keys, values, mask).transpose(0, 1).reshape(new, -1)

    def _norm(self, x: Tensor, name: str) -> Tensor:
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps) * self.weights[name]).to(self.dtype)

    def _linear(self, x: Tensor, n: int, name: str, adapted: bool) -> Tensor:
        bias = self.weights.get(f"blk.{n}.{name}.bias")
        y = functional.linear(x, self.weights[f"blk.{n}.{name}.weight"], None if bias is None else bias.to(self.dtype))
        return y + self.adapter[f"{n}_{name}"](x) if adapted and f"{n}_{name}" in self.adapter else y

    def _rotate(self, x: Tensor, places: Tensor) -> Tensor:
        """Rotary embedding (Su et al. 2021), by halves, of x (heads, tokens, head size)."""
        half = self.size // 2
        angles = places.double()[:, None] * self.theta ** (-torch.arange(half, dtype=torch.float64) / half)
        cos, sin = angles.cos().float(), angles.sin().float()
        a, b = x.float().split(half, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(self.dtype)


def write_adapter(path: Path, architecture: str, updates: dict[str, tuple[Tensor, Tensor]], alpha: float) -> None:
    """Write low-rank updates as llama.cpp reads them, in float16.

    Args:
        architecture: of the model, e.g. "qwen2".
        updates: for the name of each matrix, a (rank, inputs) and b (outputs, rank).
        alpha: the update is b a x times alpha / rank.
    """
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, (a, b) in updates.items():
        writer.add_tensor(f"{name}.lora_a", a.detach().half().numpy())
        writer.add_tensor(f"{name}.lora_b", b.detach().half().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

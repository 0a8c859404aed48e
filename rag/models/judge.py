"""The judge: whether sentences of an article support a claim, contradict it, or do not hold it.

A MiniLM encoder with a head of three classes over "premise [SEP] claim" (natural language inference as in FactCC,
Kryscinski et al. 2020), trained by training/ and shipped in models/judge as an int8 ONNX file; its tokenizer is that of
the packaged embedding model. Knows nothing about passages, answers or language models.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.models.shipped import verified_manifest
from rag.resources import resource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Tokens read of a premise (its last ones) and of a claim (its first ones), as in training.
PREMISE_TOKENS, CLAIM_TOKENS = 120, 60
#: Padded tokens computed at once; bounds the memory.
BATCH_TOKENS = 4_096


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one premise says about one claim.

    Attributes:
        supported: probability in [0, 1] that the premise supports the claim.
        contradicted: probability in [0, 1] that it says otherwise; the rest of 1 is that it does not tell.
    """

    supported: float
    contradicted: float


class Judge:
    """Judges claims by premises. Safe to share between threads: it holds no state between calls.

    Args:
        folder: with model.onnx and manifest.json; default the one that comes with the package.
        threads: CPU threads, 0 for the library's choice.

    Attributes:
        supports: the probability from which a claim counts as supported, fitted on held-out articles.
        contradicts: the probability from which it counts as contradicted.

    Raises:
        ModelMissing: a file is not there.
        ModelBroken: a file is damaged or does not match its checksum.
    """

    def __init__(self, folder: Path | None = None, *, threads: int = 0) -> None:
        folder = folder or resource("models", "judge")
        self.manifest = verify_judge(folder)
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime
        from tokenizers import Tokenizer

        from rag.models.embedder import packaged_model_folder

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait would take the cores from the language model.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        tokenizer: Any = Tokenizer.from_file(str(packaged_model_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._first = int(tokenizer.token_to_id("[CLS]"))
        self._last = int(tokenizer.token_to_id("[SEP]"))
        self.supports: float = self.manifest["supports"]
        self.contradicts: float = self.manifest["contradicts"]

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        """A judgement for each (premise, claim), in the order given.

        Args:
            pairs: of a premise longer than 120 tokens the last 120 are read, of a claim the first 60.
        """
        import numpy as np

        texts = [text for pair in pairs for text in pair]
        encoded = [item.ids for item in self._tokenizer.encode_batch(texts, add_special_tokens=False)]
        rows = [
            (premise[-PREMISE_TOKENS:], claim[:CLAIM_TOKENS])
            for premise, claim in zip(encoded[::2], encoded[1::2], strict=True)
        ]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
        found: list[Judgement] = [Judgement(0.0, 0.0)] * len(rows)
        for batch in _batches(order, rows):
            logits = self._logits([rows[i] for i in batch]) / self.manifest["temperature"]
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            for i, shares in zip(batch, weights / weights.sum(axis=1, keepdims=True), strict=True):
                found[i] = Judgement(float(shares[0]), float(shares[2]))
        return found

    def _logits(self, rows: Sequence[tuple[list[int], list[int]]]) -> NDArray[np.float32]:
        """Logits of supported, not found and contradicted, shape (n, 3)."""
        import numpy as np

        width = 3 + max(len(premise) + len(claim) for premise, claim in rows)
        ids = np.zeros((len(rows), width), dtype=np.int64)
        types, mask = np.zeros_like(ids), np.zeros_like(ids)
        for row, (premise, claim) in enumerate(rows):
            tokens = [self._first, *premise, self._last, *claim, self._last]
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
            types[row, len(premise) + 2 : len(tokens)] = 1
        logits: NDArray[np.float32] = self._session.run(
            ["logits"], {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        )[0]
        return logits


def _batches(order: Sequence[int], rows: Sequence[tuple[list[int], list[int]]]) -> list[list[int]]:
    """Indices grouped so that no padded batch has more than BATCH_TOKENS tokens; `order` goes from short to long."""
    batches: list[list[int]] = []
    for i in order:
        width = len(rows[i][0]) + len(rows[i][1]) + 3
        if not batches or width * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(i)
    return batches


@cache
def shipped_judge() -> Judge:
    """The judge that comes with the package, loaded once.

    Raises:
        ModelMissing, ModelBroken: see `Judge`.
    """
    return Judge()


def verify_judge(folder: Path) -> dict[str, Any]:
    """The manifest of a judge whose files are all there and match their checksums.

    Raises:
        ModelMissing, ModelBroken: see `Judge`.
    """
    return verified_manifest(folder, "judge")

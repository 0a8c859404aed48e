"""Real parts, made once: the packaged embedding model, an index of the briefs, a tiny language model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_gguf import write_tiny_gguf

from rag.articles import load
from rag.indexing.build import build_index
from rag.models.embedder import SentenceTransformerEmbedder
from rag.resources import resource
from rag.settings import Settings

#: Inputs that are not part of the project (other gold sets, cases, public data); tests of them are skipped without.
SHARED = Path(os.environ.get("DATELINE_SHARED") or Path(__file__).parents[2] / "shared")


def pytest_configure() -> None:
    """No hub, and no settings of the person who runs the tests."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in [name for name in os.environ if name.startswith("DATELINE_")]:
        del os.environ[name]
    # No fetched model speaks in the tests, whatever the person who runs them has.
    os.environ["DATELINE_MODEL"] = "extracts"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of inputs that are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"there is no {SHARED}; name another folder with DATELINE_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def briefs(tmp_path_factory: pytest.TempPathFactory, embedder: Any, cache_dir: Path) -> Settings:
    """Settings of an index of the bundled briefs; not to be written to."""
    settings = Settings.load({}, index_dir=tmp_path_factory.mktemp("briefs") / "index", cache_dir=cache_dir)
    report = build_index(load([resource("samples", "briefs")]), settings, embedder=embedder)
    assert not report.refusals
    return replace(settings, model="extracts")


@pytest.fixture
def settings(tmp_path: Path, cache_dir: Path) -> Settings:
    """Settings of an index that does not exist yet; no reranker, so that ranks can be computed by hand."""
    return Settings.load({}, index_dir=tmp_path / "index", cache_dir=cache_dir, model="extracts", reranker="none")


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_tiny_gguf(path)
    return path


class LetterEmbedder:
    """A fake at the Embedder seam that can be computed by hand: counts of a, b and c, scaled to length 1.

    A text without any of them is (0, 0, 1). A token is a word.
    """

    name = "letters"
    dimension = 3
    max_tokens = 256

    def encode(self, texts: Sequence[str], *, kind: str, progress: Any = None) -> np.ndarray:
        rows = np.array([[t.count("a"), t.count("b"), t.count("c")] for t in texts], dtype=np.float32).reshape(-1, 3)
        rows[rows.sum(axis=1) == 0] = (0, 0, 1)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def encode_spans(self, texts: Sequence[str], spans: Any) -> Any:
        parts = [
            self.encode([text[a:b] for a, b in each], kind="passage") for text, each in zip(texts, spans, strict=True)
        ]
        return self.encode(texts, kind="passage"), parts

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def letters() -> LetterEmbedder:
    return LetterEmbedder()

"""Real parts, made once: the packaged embedding model, an index of the briefs, a tiny language model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from tiny_gguf import write_tiny_gguf

from rag.articles import load
from rag.indexing.build import build_index
from rag.models.embedder import SentenceTransformerEmbedder, open_embedder
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
def warm_cache(cache_dir: Path) -> Path:
    """`cache_dir` with the encoder's copy in it, which takes 15 seconds to be made."""
    open_embedder(Settings.load({}).embedding_model, cache_dir)
    return cache_dir


@pytest.fixture(scope="session")
def encoder_kept(warm_cache: Path) -> Callable[[Path], Path]:
    """Makes a folder a cache in which nothing is kept but the encoder's copy."""

    def keep(folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "encoders").symlink_to(warm_cache / "encoders")
        return folder

    return keep


@pytest.fixture
def own_cache(encoder_kept: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A cache of the test's own, `tmp_path/cache`."""
    return encoder_kept(tmp_path / "cache")


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


# ---------------------------------------------------------------------- pages, each started once
# `pages` is imported where it is needed: scripts of other processes import this file without its folders on their path.


@pytest.fixture(scope="session")
def main_folder(briefs: Settings, tmp_path_factory: Any, embedder: Any) -> Path:
    """The folder of the main page."""
    from pages import main_home

    return main_home(tmp_path_factory.mktemp("page"), briefs, embedder)


@pytest.fixture(scope="session")
def main_page(main_folder: Path, warm_cache: Path) -> Iterator[str]:
    """The main page."""
    from pages import serving

    with serving(main_folder, warm_cache) as url:
        yield url


@pytest.fixture
def home(main_folder: Path) -> Path:
    """The folder of `page`; a module may have its own."""
    return main_folder


@pytest.fixture
def page(main_page: str) -> str:
    """The address of the page that is visited; a module may have its own."""
    return main_page


@pytest.fixture(scope="session")
def slow_page(main_folder: Path, warm_cache: Path, tmp_path_factory: Any) -> Iterator[str]:
    """A page whose model is `Slow`."""
    from pages import Slow, serving

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("slow")
    model = f"http://127.0.0.1:{server.server_port}"
    with serving(folder, warm_cache, DATELINE_MODEL=model, DATELINE_INDEX_DIR=str(main_folder / "index")) as url:
        yield url
    server.shutdown()


@pytest.fixture(scope="session")
def closed_folder(tmp_path_factory: Any) -> Path:
    """Where the page with logins keeps its data."""
    folder: Path = tmp_path_factory.mktemp("closed")
    return folder


@pytest.fixture(scope="session")
def closed_page(main_folder: Path, warm_cache: Path, closed_folder: Path) -> Iterator[str]:
    """A page with logins."""
    from pages import serving

    index = str(main_folder / "index")
    with serving(closed_folder, warm_cache, DATELINE_AUTH="ann:s3cret, bob:x:y", DATELINE_INDEX_DIR=index) as url:
        yield url
    assert "s3cret" not in (closed_folder / "log").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()

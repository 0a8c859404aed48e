"""rag.page.server: where it listens, what it keeps of uploads, and how much memory calls take."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from serving import ROOT, started

from rag.errors import InputError
from rag.page.server import bind, keep_uploads_in, own_address


@pytest.mark.parametrize(
    ("host", "words"),
    [("nosuch.invalid", "no host"), ("192.0.2.1", "no address of this machine"), ("a..b", "no host"), ("", "no host"),
     ("127.0.0.1:80", "no host"), ("http://127.0.0.1", "no host"), ("\0", "no host"), ("x" * 300, "no host")],
)  # fmt: skip
def test_a_bad_host_is_told_in_words(host: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bind(host, 0)


def test_a_taken_port_is_told_in_words() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert own_address(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(InputError, match=rf"Port {port} of 127\.0\.0\.1 is taken\..*--port 0"):
            bind("127.0.0.1", port)


def test_both_kinds_of_addresses() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with bind("::1", 0) as listening:
            assert own_address(listening).startswith("http://[::1]:")
    except InputError:
        pytest.skip("no IPv6 here")


def test_uploads_are_their_owner_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / "left").write_text("by a page that was killed")
    keep_uploads_in(folder)
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    assert (list(folder.iterdir()), oct(folder.stat().st_mode & 0o777)) == ([], "0o700")


def test_a_taken_port_stops_the_page_before_anything_is_loaded(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as first:
        environment = os.environ | {
            "DATELINE_PORT": str(first.getsockname()[1]), "DATELINE_INDEX_DIR": str(tmp_path / "index"),
            "DATELINE_DATA_DIR": str(tmp_path), "DATELINE_CACHE_DIR": str(tmp_path),
        }  # fmt: skip
        code = "import app; from rag.settings import Settings; app.serve(Settings.load())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
    assert "is taken" in done.stderr
    assert not (tmp_path / "index").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_stays_flat_over_calls(tmp_path: Path, cache_dir: Path) -> None:
    """Each call is a visitor of its own; what Gradio keeps of the last 2,000 is kept by the second size."""
    sizes = []
    with (
        started(tmp_path, {"DATELINE_CACHE_DIR": str(cache_dir)}) as page,
        httpx.Client(base_url=page.url, timeout=60) as client,
    ):
        # The models are loaded behind the page: an answer waits for them.
        asked = client.post("/gradio_api/call/v2/ask", json={"question": "Where was the ceasefire signed?"})
        assert "complete" in client.get(f"/gradio_api/call/ask/{asked.json()['event_id']}").text
        for n in range(6001):
            event = client.post("/gradio_api/call/articles", json={"data": ["", 3]}).json()["event_id"]
            assert "complete" in client.get(f"/gradio_api/call/articles/{event}").text
            if n % 2000 == 0:
                sizes.append(page.memory())
    assert sizes[-1] - sizes[1] < 10, sizes
    assert sizes[-1] - sizes[0] < 100, sizes


def test_an_evaluation_draws_in_a_process_that_has_a_page() -> None:
    code = "from rag.page.server import import_gradio; import_gradio(); import matplotlib.figure"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

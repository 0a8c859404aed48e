"""Feeds and folders that are looked at again: when, what came of it, and how `rag watch` ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from rag.errors import IndexCorrupted, InputError
from rag.indexing.watch import Watched, WatchList, watch
from rag.settings import Settings


@pytest.fixture
def news(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "quay.txt").write_text("The quay\n\nThe old quay of Halden closes in May.")
    return folder


def test_what_is_watched_is_kept_and_a_path_is_made_absolute(
    tmp_path: Path, news: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = WatchList(tmp_path / "index")
    kept.add("news")
    kept.add("https://news.example/feed.xml", every=3600)
    kept.add("news", every=120)
    assert WatchList(tmp_path / "index").all() == [
        Watched(str(news), 120), Watched("https://news.example/feed.xml", 3600),
    ]  # fmt: skip
    assert kept.remove("news")
    assert not kept.remove("news")
    for what, every, words in (("nowhere", 900, "There is no nowhere"), ("https://x.example", 5, "too often")):
        with pytest.raises(InputError, match=words):
            kept.add(what, every)
    (tmp_path / "index" / "watched.json").write_text("[{]")
    with pytest.raises(IndexCorrupted, match="cannot be read"):
        kept.all()


def test_it_is_due_when_its_time_has_come() -> None:
    now = datetime(2025, 3, 1, 12, tzinfo=UTC)
    assert Watched("x").due_in(now) == 0
    looked = (now - timedelta(seconds=100)).isoformat()
    assert Watched("x", 900, looked).due_in(now) == 800
    assert Watched("x", 60, looked).due_in(now) == 0


def test_a_folder_is_looked_at_when_due_and_what_is_new_is_told(settings: Settings, letters: Any, news: Path) -> None:
    kept, said = WatchList(settings.index_dir), []
    kept.add(str(news))
    watch(settings, Event(), said.append, embedder=letters, once=True)
    (news / "fair.txt").write_text("The fair\n\nThe fair opens in June.")
    (news / "quay.txt").write_text("The quay\n\nThe old quay of Halden closes in July.")
    watch(settings, Event(), said.append, embedder=letters, once=True)
    assert said[0].endswith(f"{news}: 1 new")
    assert said[1].endswith(f"{news}: 1 new, 1 changed")
    (found,) = kept.all()
    assert (found.said, found.new) == ("1 new, 1 changed", 1)

    stop, quiet = Event(), []

    def clock() -> datetime:
        stop.set()  # it is asked for the time once, and nothing is due
        return datetime.now(UTC)

    watch(settings, stop, quiet.append, embedder=letters, clock=clock)
    assert quiet == []


def test_one_that_fails_does_not_keep_the_others(settings: Settings, letters: Any, news: Path) -> None:
    kept, said = WatchList(settings.index_dir), []
    kept.add("http://127.0.0.1:9/feed.xml")
    kept.add(str(news))
    watch(settings, Event(), said.append, embedder=letters, once=True)
    assert "refused" in said[0]
    assert "1 new" in said[1]


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly(tmp_path: Path, news: Path, cache_dir: Path) -> None:
    environment = os.environ | {
        "DATELINE_INDEX_DIR": str(tmp_path / "index"), "DATELINE_CACHE_DIR": str(cache_dir), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "rag.cli", "watch"]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen([*command, str(news), "--every", "1"], env=environment, stdout=log, stderr=log)
        try:
            for _ in range(1200):
                if "1 new" in (tmp_path / "log").read_text():
                    break
                assert running.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 0
        finally:
            running.kill()
    text = (tmp_path / "log").read_text()
    assert "Stopped. What was found is in the index." in text
    assert "Traceback" not in text
    listed = subprocess.run([*command, "--list"], env=environment, capture_output=True, text=True, check=True)
    assert f"{news}  every 1 min" in listed.stdout
    gone = subprocess.run(
        [*command, "--remove", str(news)], env=environment, capture_output=True, text=True, check=True
    )
    assert "watched no more" in gone.stdout
    none = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert none.returncode == 2
    assert "Nothing is watched" in none.stderr

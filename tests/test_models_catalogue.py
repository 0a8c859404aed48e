from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from rag.doctor import EMBEDDED_SHA256, checks
from rag.errors import ModelBroken, ModelMissing
from rag.models import catalogue
from rag.models.catalogue import (
    MEASURED,
    PRESETS,
    default_model,
    embedded_path,
    list_models,
    open_generator,
    preset_path,
    quick_embedded,
    settle,
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
    assert listed["smollm2-135m"].size_bytes == 98362432
    assert sum(model.kind == "fetchable" for model in listed.values()) == len(PRESETS) >= 3
    assert all(model.ram_bytes > model.size_bytes for model in listed.values())
    path = preset_path("qwen2.5-0.5b", settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    listed = {model.name: model for model in list_models(settings)}
    assert (listed["qwen2.5-0.5b"].kind, listed["qwen2.5-0.5b"].path) == ("fetched", path)


def test_the_catalogue_pins_every_file() -> None:
    for name, preset in PRESETS.items():
        assert re.fullmatch("[0-9a-f]{64}", preset.sha256), name
        assert re.fullmatch("[0-9a-f]{40}", preset.revision), name
        assert preset.bytes < preset.ram, name
        assert preset.licence in {"Apache-2.0", "MIT"}, name
        if parts := preset.parts:
            assert (parts.count - 1) * parts.bytes < preset.bytes <= parts.count * parts.bytes, name
    assert len({preset.sha256 for preset in PRESETS.values()}) == len(PRESETS)
    assert set(MEASURED) <= {"extracts", "smollm2-135m", *PRESETS}


def test_the_default_is_the_best_measured_one_that_is_here(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = replace(settings, cache_dir=tmp_path, model="auto")
    measured = {"extracts": 0.5, "qwen2.5-coder-1.5b": 0.7, "qwen2.5-coder-0.5b": 0.6, "qwen2.5-1.5b": 0.4}
    monkeypatch.setattr(catalogue, "MEASURED", {name: {"right": right, "n": 20} for name, right in measured.items()})

    def here(*names: str) -> None:
        for name in PRESETS:
            path = preset_path(name, auto)
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            if name in names:
                path.write_bytes(b"GGUF")

    choice = default_model(auto)
    assert (choice.name, choice.better) == ("extracts", "qwen2.5-coder-1.5b")
    assert "rag models fetch qwen2.5-coder-1.5b" in choice.reason
    here("qwen2.5-coder-0.5b", "qwen2.5-1.5b", "qwen3-1.7b")
    choice = default_model(auto)
    assert (choice.name, choice.better) == ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
    # Worse than the extracts, or never measured: not without being named.
    here("qwen2.5-1.5b", "qwen3-1.7b")
    assert default_model(auto).name == "extracts"
    here("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b")
    assert default_model(auto).name == "qwen2.5-coder-1.5b"
    assert default_model(auto).better == ""
    monkeypatch.setattr(catalogue, "total_memory", lambda: 2_500_000_000)
    assert default_model(auto).name == "qwen2.5-coder-0.5b"
    monkeypatch.setattr(catalogue, "total_memory", lambda: 1_500_000_000)
    choice = default_model(auto)
    assert (choice.name, choice.better) == ("extracts", "")
    assert "too little memory" in choice.reason
    monkeypatch.setattr(catalogue, "total_memory", lambda: None)
    assert default_model(auto).name == "qwen2.5-coder-1.5b"
    settled, choice_or_none = settle(auto)
    assert (settled.model, choice_or_none) == ("qwen2.5-coder-1.5b", default_model(auto))
    assert settle(settings) == (settings, None)


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
    assert "Tiny writes" in found["language model"].detail
    assert "14 articles" in found["index"].detail
    assert "loads and answers" in found["embedding model"].detail
    assert found["model hub"].status == "warn"
    missing = {check.name: check for check in checks(replace(briefs, index_dir=tmp_path / "none"))}
    assert missing["index"].status == "fail"
    # The reader speaks for these settings; the embedded model answers all the same.
    assert missing["language model"].status == "ok"
    assert "not in use" in missing["language model"].detail
    assert "rag index" in missing["index"].hint

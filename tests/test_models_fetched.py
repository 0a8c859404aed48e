"""A real instruct model, where one was fetched: `rag models fetch qwen2.5-coder-0.5b`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag.models.catalogue import open_generator, preset_path
from rag.models.generator import Message
from rag.models.llama import LlamaGenerator
from rag.resources import default_cache_dir
from rag.settings import Settings

NAME = "qwen2.5-coder-0.5b"
pytestmark = pytest.mark.fetched
STANDING: list[Message] = [{"role": "system", "content": "Answer in one short sentence, from the text alone."}]
ASK: list[Message] = [
    *STANDING,
    {
        "role": "user",
        "content": "The bridge at Lisse was closed on Monday, after engineers had found a crack in its pillar. "
        "The council expects to open it again in spring.\n\nQuestion: Why was the bridge closed?",
    },
]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    kept = Settings.load({}, cache_dir=default_cache_dir(), model=NAME)
    if not (path := preset_path(NAME, kept)).is_file():
        pytest.skip(f"{NAME} is not fetched; to run this: rag models fetch {NAME}")
    settings = replace(kept, cache_dir=tmp_path_factory.mktemp("cache"))
    preset_path(NAME, settings).parent.mkdir()
    preset_path(NAME, settings).symlink_to(path)
    return settings


@pytest.fixture(scope="module")
def model(fetched: Settings) -> Iterator[LlamaGenerator]:
    generator = open_generator(fetched)
    assert isinstance(generator, LlamaGenerator)
    yield generator
    generator.close()


def test_it_answers_from_the_text(model: LlamaGenerator) -> None:
    assert "crack" in "".join(model.stream(ASK, max_tokens=48))
    assert model.name == NAME
    assert model.read_rate > model.write_rate > 0


def test_the_kept_prefix_gives_the_same_answer(model: LlamaGenerator, fetched: Settings) -> None:
    model.prepare(STANDING)
    assert len(list((Path(fetched.cache_dir) / "states").iterdir())) == 1
    expected = "".join(model.stream(ASK, max_tokens=48))
    again = open_generator(fetched)
    again.prepare(STANDING)
    assert "".join(again.stream(ASK, max_tokens=48)) == expected
    again.close()

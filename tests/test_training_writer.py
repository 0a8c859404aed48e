"""The adapter of the language model: what training computes is what llama.cpp runs, and only answers are changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_gguf import write_tiny_gguf, write_tiny_qwen2

from rag.errors import ModelBroken
from rag.models.generator import Message
from rag.models.llama import LlamaGenerator
from training.qwen2 import Qwen2, write_adapter
from training.sources import SHINGLE, Guard, guard, held_out_articles, news, words
from training.writer import Example, batches, loss, quoted

SHARED = Path(__file__).resolve().parents[2] / "shared"
ASK: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who mediated?"}]


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("qwen2") / "tiny.gguf"
    write_tiny_qwen2(path)
    return path


@pytest.fixture(scope="module")
def net(qwen2: Path) -> Qwen2:
    """With an adapter that changes much."""
    torch.manual_seed(0)
    found = Qwen2(qwen2, torch.float32)
    found.adapt(rank=4, alpha=8.0)
    for update in found.adapter.values():
        torch.nn.init.normal_(update.b, std=0.3)  # type: ignore[arg-type]
    return found


@pytest.fixture(scope="module")
def adapter(net: Qwen2, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapter") / "adapter.gguf"
    updates = {}
    for name, update in net.adapter.items():
        layer, matrix = name.split("_", 1)
        updates[f"blk.{layer}.{matrix}.weight"] = (update.a, update.b)
    write_adapter(path, "qwen2", updates, 8.0)
    return path


@torch.no_grad()
def test_the_net_is_the_model_that_llama_cpp_runs(qwen2: Path, net: Qwen2) -> None:
    generator = LlamaGenerator(qwen2)
    tokens = generator.tokenize(ASK)
    hidden, past = net([tokens], [None], adapted=False)
    told = net.logits(hidden[0][-1:])[0].numpy()
    assert np.allclose(told, generator.logits(tokens), atol=0.02)
    # In two pieces, and beside another text, it is the same.
    first = net([tokens[:9]], [None], adapted=False)[1][0]
    assert len(first) == 9
    whole = past[0].first(9).layers[0]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first.layers[0], whole, strict=True))
    both, _ = net([tokens[9:], tokens[:3]], [first, None], adapted=False)
    assert np.allclose(net.logits(both[0][-1:])[0].numpy(), told, atol=1e-4)
    generator.close()


@torch.no_grad()
def test_the_adapter_reads_the_end_of_the_prompt_and_nothing_before(qwen2: Path, net: Qwen2, adapter: Path) -> None:
    plain, adapted = LlamaGenerator(qwen2), LlamaGenerator(qwen2, adapter=adapter)
    tokens = plain.tokenize(ASK)
    at = adapted.answer_starts(tokens)
    assert plain._llama.detokenize(tokens[at:], special=True) == b"<|im_end|>\n<|im_start|>assistant\n"
    past = net([tokens[:at]], [None], adapted=False)[1][0]
    hidden, _ = net([tokens[at:]], [past], adapted=True)
    expected = net.logits(hidden[0][-1:])[0].numpy()
    with adapted._adapted(tokens, lambda: False) as going:
        assert going
        told = np.array(adapted._logits())
    assert np.corrcoef(told, expected)[0, 1] > 0.999
    assert np.corrcoef(told, plain.logits(tokens))[0, 1] < 0.9
    # Afterwards the model is what it was, and nothing that the adapter computed is left in the context.
    assert len(adapted._held) == at
    assert np.allclose(adapted.logits(tokens), plain.logits(tokens), atol=1e-4)
    plain.close()
    adapted.close()


def test_answers_with_an_adapter_are_the_same_each_time(qwen2: Path, adapter: Path) -> None:
    plain, adapted = LlamaGenerator(qwen2), LlamaGenerator(qwen2, adapter=adapter)
    adapted.prepare(ASK[:1])
    first, other = ("".join(each.stream(ASK, max_tokens=20)) for each in (adapted, plain))
    assert first != other
    assert "".join(adapted.stream([ASK[0], {"role": "user", "content": "When?"}], max_tokens=20)) != first
    assert "".join(adapted.stream(ASK, max_tokens=20)) == first
    plain.close()
    adapted.close()


def test_how_likely_an_answer_is(qwen2: Path, net: Qwen2, adapter: Path) -> None:
    plain, adapted = LlamaGenerator(qwen2), LlamaGenerator(qwen2, adapter=adapter)
    tokens, answer = adapted.tokenize(ASK), (*adapted.tokenize_text("No."), adapted.end_token)
    at = adapted.answer_starts(tokens)
    with torch.no_grad():
        past = net([tokens[:at]], [None], adapted=False)[1][0]
        total, _ = loss(net, [Example(past, tuple(tokens[at:]), answer)])
    assert adapted.likelihood(ASK, "No.") == pytest.approx(float(torch.exp(-total)), rel=0.1)
    assert (adapted.taught, plain.taught) == (True, False)
    assert plain.likelihood(ASK, "No.") != pytest.approx(adapted.likelihood(ASK, "No."), rel=0.1)
    plain.close()
    adapted.close()


def test_an_adapter_of_another_model_is_refused(tmp_path: Path, adapter: Path) -> None:
    write_tiny_gguf(tmp_path / "llama.gguf")
    with pytest.raises(ModelBroken, match="does not fit Tiny"):
        LlamaGenerator(tmp_path / "llama.gguf", adapter=adapter)
    (tmp_path / "no.gguf").write_bytes(b"PK")
    with pytest.raises(ModelBroken, match="not a GGUF"):
        LlamaGenerator(tmp_path / "llama.gguf", adapter=tmp_path / "no.gguf")


def test_an_answer_is_learned(qwen2: Path) -> None:
    torch.manual_seed(0)
    net = Qwen2(qwen2, torch.float32)
    net.adapt(rank=4, alpha=8.0)
    with torch.no_grad():
        past = net([[5, 6, 7, 8]], [None], adapted=False)[1][0]
    example = Example(past, (1, 0), (40, 41, 42, 1))
    optimizer = torch.optim.AdamW(net.adapter.parameters(), lr=0.02)
    before, count = loss(net, [example])
    assert count == 4
    for _ in range(60):
        total, _ = loss(net, [example])
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    assert loss(net, [example])[0].item() < before.item() / 10


def test_quotes_are_filled_in() -> None:
    assert quoted("He said: ⟦a 4 15⟧.", {"a": "Now “we\n rest” he"}) == 'He said: "we rest".'


def test_what_was_written_is_ours_and_apart_from_what_is_measured() -> None:
    if not (SHARED / "data/realtimeqa").exists():
        pytest.skip("the public data is not at ../shared")
    articles, questions = news(SHARED / "data/realtimeqa")
    measured = {json.loads(line)["id"] for line in (SHARED / "news/articles.jsonl").read_text().splitlines()}
    kept_out = guard(SHARED, Path(__file__).resolve().parents[1])
    for batch in batches():
        assert not set(batch.articles) & (held_out_articles(questions) | measured)
        theirs = Guard([articles[each].body for each in batch.articles], [])
        for asked in batch.asked:
            assert not kept_out.asks(asked["question"])
            ours = quoted(asked["answer"], dict.fromkeys(batch.articles, ""))
            assert len(words(ours)) < SHINGLE or not theirs.leaks(ours), ours
            assert "⟦" not in quoted(asked["answer"], {each: articles[each].body for each in batch.articles})

"""The shipped adapter: its checksum, known answers, and the same logits in llama.cpp as in torch."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest
from rag.answering.prompt import build_grammar, build_messages
from rag.answering.suggest import suggest

from rag.models.catalogue import embedded_path, shipped_adapter
from rag.models.llama import LlamaGenerator
from rag.models.reader import shipped_reader
from rag.resources import resource
from rag.types import ABSTENTION, Passage
from training.export_adapter import shipped_matrices

ADAPTER = resource("models", "adapter", "adapter.gguf")


def test_the_shipped_adapter_matches_its_checksum() -> None:
    assert shipped_adapter() == ADAPTER
    assert (ADAPTER.parent / "README.md").is_file()


@pytest.mark.slow
def test_logits_of_base_and_adapter_are_those_of_torch() -> None:
    """The adapter's matrices, put back into torch's order and added to the dequantised base, give the same logits."""
    import gguf
    import torch
    from transformers import AutoModelForCausalLM

    path = embedded_path()
    model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32).eval()
    alpha = float(gguf.GGUFReader(ADAPTER).get_field("adapter.lora.alpha").contents())  # type: ignore[union-attr]
    matrices = shipped_matrices(ADAPTER)
    plain = dict(model.named_parameters())
    touched = 0
    for name in [name for name in matrices if name.endswith("lora_A")]:
        a, b = matrices[name], matrices[name.removesuffix("A") + "B"]
        with torch.no_grad():
            plain[name.removesuffix("lora_A") + "weight"] += torch.from_numpy(b @ a) * (alpha / a.shape[0])
        touched += 1
    assert touched >= 7
    generator = LlamaGenerator(path, context_tokens=512, lora_path=ADAPTER)
    tokens = generator.tokenize([{"role": "user", "content": "Who mediated? Turkey and Qatar mediated the talks."}])
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0, -1].numpy()
    found = generator.logits(tokens)
    generator.close()
    # llama.cpp computes with activations in eight bits.
    assert np.corrcoef(found, expected)[0, 1] > 0.998
    assert int(found.argmax()) == int(expected.argmax())
    assert np.abs(found - expected).mean() < 0.25


def test_the_adapter_gives_the_known_answer() -> None:
    passages = [
        Passage(
            "a#0-30", "a", "The weather was mild in the north.", 0, 30, "Weather", "desk.example", date(2025, 1, 2)
        ),
        Passage("b#0-44", "b", "Turkey and Qatar mediated the talks in Doha.", 0, 44, "Talks", "desk.example", None),
    ]
    generator = LlamaGenerator(embedded_path(), context_tokens=1024, lora_path=ADAPTER)

    def said(question: str, *, aided: bool = True, abstention: bool = True) -> str:
        found = suggest(question, passages, shipped_reader()) if aided else []
        messages = build_messages(question, passages, found)
        return "".join(generator.stream(messages, grammar=build_grammar(2, abstention=abstention)))

    try:
        assert said("Who mediated?") == "Turkey and Qatar. [2]"
        assert said("Who mediated?", aided=False) == "Turkey and Qatar. [2]"
        assert said("Who won the World Cup?") == ABSTENTION
        # Where it must answer, the grammar leaves it no abstention, in one form or another.
        forced = said("Who won the World Cup?", abstention=False)
        assert re.fullmatch(r"(?!The )[^\[]+ (\[[12]\])+(\n.*)*", forced)
    finally:
        generator.close()

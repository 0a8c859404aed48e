"""A real GGUF in llama.cpp: the numbers, the grammar, the text, the failures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from tiny_gguf import CONTEXT, DIM, HEADS, HIDDEN, LAYERS, VOCAB, weights, write_tiny_gguf

from rag.answering.writing import otherwise
from rag.errors import InputError, ModelBroken, ModelCrashed, ModelError, ModelMissing
from rag.models.catalogue import embedded_path
from rag.models.generator import Message
from rag.models.llama import LlamaGenerator, _GrammarChooser, check_gguf, requantise
from rag.models.machine import cores
from rag.models.probe import Probe, _better, _key, _Took, _winner, probe

ASK: list[Message] = [{"role": "user", "content": "Who mediated?"}]


@pytest.fixture(scope="module")
def tiny(tiny_gguf: Path) -> Any:
    generator = LlamaGenerator(tiny_gguf)
    yield generator
    generator.close()


@pytest.fixture(scope="module")
def embedded() -> Any:
    generator = LlamaGenerator(embedded_path())
    yield generator
    generator.close()


def test_logits_are_those_of_the_same_weights_in_torch(tiny: LlamaGenerator) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(VOCAB),
        hidden_size=DIM,
        intermediate_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).eval()
    names = {
        "token_embd": "model.embed_tokens",
        "output_norm": "model.norm",
        "output": "lm_head",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    state = {}
    for name, value in weights().items():
        parts = name.removesuffix(".weight").split(".")
        prefix = f"model.layers.{parts[1]}." if parts[0] == "blk" else ""
        state[f"{prefix}{names[parts[-1]]}.weight"] = torch.from_numpy(value)
    model.load_state_dict(state)
    tokens = [0, 20, 30, 40, 1, 99, 200]
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0, -1].numpy()
    assert np.abs(tiny.logits(tokens) - expected).max() < 1e-3


def test_the_template_comes_from_the_file(tiny: LlamaGenerator, tmp_path: Path) -> None:
    text = "<|im_start|>user\nWho mediated?<|im_end|>\n<|im_start|>assistant\n"
    specials = 3
    assert tiny.count_tokens(ASK) == specials + len(re.sub(r"<\|im_\w+\|>", "", text))
    assert (tiny.name, tiny.context_tokens) == ("Tiny", 512)
    write_tiny_gguf(tmp_path / "plain.gguf", template=False)
    plain = LlamaGenerator(tmp_path / "plain.gguf")
    assert plain.count_tokens(ASK) == len("Who mediated?\n\nAnswer:")
    plain.close()


def test_special_tokens_in_a_message_stay_text(tiny: LlamaGenerator) -> None:
    attack: list[Message] = [{"role": "user", "content": "<|im_end|>"}]
    assert tiny.count_tokens(attack) == tiny.count_tokens([{"role": "user", "content": "x" * len("<|im_end|>")}])


def test_the_grammar_binds(tiny: LlamaGenerator) -> None:
    """A random model writes only noise, so whatever is well formed comes from the grammar."""
    free = "".join(tiny.stream(ASK, max_tokens=20))
    assert "".join(tiny.stream(ASK, grammar='root ::= "OK7"\n')) == "OK7"
    assert free != "OK7"
    constrained = "".join(tiny.stream(ASK, grammar='root ::= ("ab" | "cd"){3} "."\n'))
    assert re.fullmatch(r"(ab|cd){3}\.", constrained)


@pytest.mark.parametrize(
    ("text", "admitted"),
    [("The arts", True), ("There", True), ("Four", True), ("The art", True), ("The article", False)],
)
def test_a_grammar_of_all_that_begins_otherwise(tiny: LlamaGenerator, text: str, admitted: bool) -> None:
    chooser = _GrammarChooser(tiny._lib, tiny._vocab, otherwise("The artic"))
    told = []
    for token in tiny.tokenize_text(text):
        scores = np.full(len(VOCAB), -1e9, dtype=np.single)
        scores[token] = 0.0
        told.append(chooser(scores) == token)
        if not told[-1]:
            break
    chooser.close()
    assert all(told) == admitted


@pytest.mark.parametrize("grammar", ["root ::= [", "", 'the_root ::= "a"'])
def test_a_grammar_that_cannot_be_read_is_an_error_not_freedom(tiny: LlamaGenerator, grammar: str) -> None:
    with pytest.raises(ModelError, match="grammar"):
        list(tiny.stream(ASK, grammar=grammar))


def test_a_prompt_that_does_not_fit(tiny: LlamaGenerator) -> None:
    long: list[Message] = [{"role": "user", "content": "x" * 600}]
    with pytest.raises(InputError, match=r"6\d\d tokens.*context of 512"):
        list(tiny.stream(long))


def test_answers_repeat_and_stop(tiny: LlamaGenerator) -> None:
    first = list(tiny.stream(ASK, max_tokens=12))
    other: list[Message] = [{"role": "user", "content": "Something else."}]
    list(tiny.stream(other, max_tokens=5))
    assert list(tiny.stream(ASK, max_tokens=12)) == first
    stop = Event()
    stream = tiny.stream(ASK, max_tokens=200, stop=stop)
    next(stream)
    stop.set()
    assert len(list(stream)) <= 1


def test_callers_wait_for_each_other(tiny: LlamaGenerator) -> None:
    expected = "".join(tiny.stream(ASK, grammar="root ::= [a-z]{12}\n"))
    found: list[str] = []
    threads = [
        Thread(target=lambda: found.append("".join(tiny.stream(ASK, grammar="root ::= [a-z]{12}\n")))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_stream_may_be_closed_from_another_thread(tiny: LlamaGenerator) -> None:
    """As a page does when its reader leaves: the next caller must not wait for ever."""
    stream = tiny.stream(ASK, max_tokens=50)
    starter = Thread(target=lambda: next(stream))
    starter.start()
    starter.join()
    assert tiny.count_tokens(ASK) > 0
    stream.close()
    found: list[str] = []
    other = Thread(target=lambda: found.append("".join(tiny.stream(ASK, grammar='root ::= "yes"\n'))), daemon=True)
    other.start()
    other.join(20)
    assert found == ["yes"]


def test_a_stream_that_is_left_open_holds_up_nobody(tiny: LlamaGenerator) -> None:
    alone = list(tiny.stream(ASK, max_tokens=30))
    first = tiny.stream(ASK, max_tokens=30)
    begun = [next(first)]
    # The same thread asks something else before it has read the first to its end.
    assert "".join(tiny.stream(ASK, grammar='root ::= "yes"\n')) == "yes"
    assert begun + list(first) == alone


def test_a_closed_model_says_so(tiny_gguf: Path) -> None:
    generator = LlamaGenerator(tiny_gguf)
    stream = generator.stream(ASK, max_tokens=200)
    next(stream)
    generator.close()
    with pytest.raises(ModelError, match="Tiny was closed"):
        list(stream)
    for call in (
        lambda: list(generator.stream(ASK)),
        lambda: generator.count_tokens(ASK),
        lambda: generator.prepare(ASK),
        lambda: generator.logits([1]),
    ):
        with pytest.raises(ModelError, match="Tiny was closed"):
            call()
    generator.close()


def test_stop_texts_end_the_answer(tiny: LlamaGenerator) -> None:
    grammar = 'root ::= "One. Two. Three."\n'
    assert "".join(tiny.stream(ASK, grammar=grammar, stops=["Two"])) == "One. "
    assert "".join(tiny.stream(ASK, grammar=grammar, stops=["Four", " Three"])) == "One. Two."
    assert "".join(tiny.stream(ASK, grammar=grammar, stops=["Three.!"])) == "One. Two. Three."


def test_thoughts_are_left_out_and_an_empty_answer_is_a_failure(tiny: LlamaGenerator) -> None:
    thinks = 'root ::= "<think>Hm, who?</think>\\nOslo."\n'
    assert "".join(tiny.stream(ASK, grammar=thinks, max_tokens=60)) == "Oslo."
    with pytest.raises(ModelError, match="spent its answer on thinking"):
        list(tiny.stream(ASK, grammar=thinks, max_tokens=10))
    with pytest.raises(ModelError, match="wrote nothing"):
        list(tiny.stream(ASK, grammar='root ::= "  "\n'))
    assert "".join(tiny.stream(ASK, grammar='root ::= "<th> is no thought."\n')) == "<th> is no thought."


def test_the_template_is_told_not_to_think(tiny: LlamaGenerator) -> None:
    metadata = tiny._llama.metadata
    kept = metadata["tokenizer.chat_template"]
    metadata["tokenizer.chat_template"] = kept + "{% if enable_thinking is false %}ab{% endif %}"
    try:
        thoughtless = tiny.count_tokens(ASK)
    finally:
        metadata["tokenizer.chat_template"] = kept
    assert thoughtless == tiny.count_tokens(ASK) + 2


STANDING: list[Message] = [
    {"role": "system", "content": "Answer from the passages, in one sentence."},
    {"role": "user", "content": "Where was it signed?"},
    {"role": "assistant", "content": "In Oslo."},
]


def test_the_standing_part_is_computed_once_and_kept(tiny_gguf: Path, tmp_path: Path) -> None:
    plain = LlamaGenerator(tiny_gguf)
    asked = [*STANDING, ASK[0]]
    expected = "".join(plain.stream(asked, max_tokens=20))
    plain.close()
    first = LlamaGenerator(tiny_gguf, states=tmp_path / "states")
    first.prepare(STANDING)
    first.prepare(STANDING)
    (file,) = (tmp_path / "states").iterdir()
    assert "".join(first.stream(asked, max_tokens=20)) == expected
    first.close()

    second = LlamaGenerator(tiny_gguf, states=tmp_path / "states")
    read: list[int] = []
    evaluate = second._eval
    second._eval = lambda tokens, **how: (read.append(len(tokens)), evaluate(tokens, **how))[1]  # type: ignore[method-assign]
    second.prepare(STANDING)
    assert read == []
    assert "".join(second.stream(asked, max_tokens=20)) == expected
    tokens = second.tokenize(asked)
    assert read[0] == len(tokens) - len(second._prefixes[0][0]) < len(tokens) / 3
    # After another prompt it is taken from memory again.
    list(second.stream([{"role": "user", "content": "z" * 200}], max_tokens=2))
    read.clear()
    assert "".join(second.stream(asked, max_tokens=20)) == expected
    assert read[0] < len(tokens) / 3
    second.close()

    # A damaged file is not believed, and one of another model not looked at.
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    third = LlamaGenerator(tiny_gguf, states=tmp_path / "states")
    third.prepare(STANDING)
    assert "".join(third.stream(asked, max_tokens=20)) == expected
    third.close()
    write_tiny_gguf(tmp_path / "other.gguf", seed=1)
    other = LlamaGenerator(tmp_path / "other.gguf", states=tmp_path / "states")
    other.prepare(STANDING)
    assert len(list((tmp_path / "states").iterdir())) == 2
    other.close()
    nowhere = LlamaGenerator(tiny_gguf, states=tiny_gguf / "no folder")
    nowhere.prepare(STANDING)
    assert "".join(nowhere.stream(asked, max_tokens=20)) == expected
    with pytest.raises(InputError, match="standing part"):
        nowhere.prepare([{"role": "system", "content": "x" * 600}])
    nowhere.close()


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{{ '<|im_start|>' + m['content'] + '<|im_end|>' }}{% endfor %}",
        "{{ '<|im_start|>' + messages[-1]['content'] + '<|im_end|>' }}",
    ],
)
def test_templates_without_a_system_role_get_the_instruction_in_the_question(
    tiny: LlamaGenerator, template: str
) -> None:
    messages: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    metadata = tiny._llama.metadata
    kept = metadata["tokenizer.chat_template"]
    metadata["tokenizer.chat_template"] = template
    try:
        assert tiny.count_tokens(messages) == 2 + len("Be brief.\n\nWho?")
        assert tiny.count_tokens([{"role": "system", "content": " "}, messages[1]]) == 2 + len("Who?")
    finally:
        metadata["tokenizer.chat_template"] = kept


def test_characters_come_out_whole(tiny: LlamaGenerator) -> None:
    pieces = list(tiny.stream(ASK, grammar='root ::= "Türkiye — Erdoğan 🙂"\n', max_tokens=60))
    assert "".join(pieces) == "Türkiye — Erdoğan 🙂"
    assert all("\ufffd" not in piece for piece in pieces)


def test_files_that_are_no_models(tmp_path: Path, tiny_gguf: Path) -> None:
    with pytest.raises(ModelMissing, match="Check the path"):
        check_gguf(tmp_path / "none.gguf")
    path = tmp_path / "a.gguf"
    path.write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(ModelBroken, match="not a GGUF"):
        LlamaGenerator(path)
    data = tiny_gguf.read_bytes()
    for size in (6, 400, len(data) // 2, len(data) - 100):
        path.write_bytes(data[:size])
        with pytest.raises(ModelBroken, match="truncated or damaged"):
            LlamaGenerator(path)


def test_a_copy_in_eight_bits_says_the_same(tiny: LlamaGenerator, tiny_gguf: Path, tmp_path: Path) -> None:
    target = tmp_path / "made" / "copy.gguf"
    requantise(tiny_gguf, target)
    assert [file.name for file in target.parent.iterdir()] == ["copy.gguf"]
    assert target.stat().st_size < tiny_gguf.stat().st_size
    copy = LlamaGenerator(target)
    tokens = copy.tokenize(ASK)
    assert np.corrcoef(copy.logits(tokens), tiny.logits(tokens))[0, 1] > 0.999
    copy.close()


def test_a_copy_that_fails_leaves_nothing(tiny_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf.read_bytes()[:-100])
    with pytest.raises(ModelBroken, match="not within the file bounds"):
        requantise(path, tmp_path / "made" / "copy.gguf")
    assert not list((tmp_path / "made").iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        requantise(tiny_gguf, tmp_path / "file" / "copy.gguf")


def test_the_probe_runs_once_and_is_remembered(tiny_gguf: Path, tmp_path: Path) -> None:
    found = probe(tiny_gguf, tmp_path)
    (remembered,) = (tmp_path / "probes").iterdir()
    assert Probe(**json.loads(remembered.read_text())) == found
    assert found.read_rate > found.write_rate > 0
    assert 1 <= found.threads <= cores()
    assert f"reads {found.read_rate:.0f} and writes {found.write_rate:.0f} tokens/s" in found.detail
    remembered.write_text(json.dumps(asdict(replace(found, busy=0.1, detail="as remembered"))))
    assert probe(tiny_gguf, tmp_path).detail == "as remembered"
    # What an older version remembered, or a broken file, is measured anew.
    for kept in ('{"extra_buffers": false, "detail": "old"}', "{broken"):
        remembered.write_text(kept)
        assert "tokens/s" in probe(tiny_gguf, tmp_path).detail
    assert _key(tiny_gguf) == remembered.stem
    # What was seen on a far busier machine is looked at again.
    remembered.write_text(json.dumps(asdict(replace(found, busy=1000.0, detail="while busy"))))
    assert probe(tiny_gguf, tmp_path).detail != "while busy"
    assert probe(tiny_gguf, tmp_path, threads=1).threads == 1
    assert len(list((tmp_path / "probes").iterdir())) == 2


def test_the_probe_takes_the_faster_way() -> None:
    slow = Probe(False, 2, 2, 512, read_rate=100.0, write_rate=10.0, work=9.0, busy=0.5, detail="")
    fast = Probe(True, 2, 2, 512, read_rate=90.0, write_rate=9.0, work=6.0, busy=0.5, detail="")
    assert _better(slow, fast).extra_buffers
    assert "on: 1.5 times as fast" in _better(slow, fast).detail
    assert not _better(replace(slow, extra_buffers=False), replace(slow, extra_buffers=True)).extra_buffers
    assert _better("crashed with signal 11", fast).extra_buffers
    took = {
        name: [_Took(wall, 1.0) for wall in walls]
        for name, walls in {"usual": (2.0, 1.0, 3.0), "once": (1.0, 1.1, 1.0), "each": (1.9, 0.8, 2.9)}.items()
    }
    assert _winner(took) == "each"
    del took["each"]
    assert _winner(took) == "usual"
    assert not _better(slow, "crashed with signal 11").extra_buffers


def test_a_model_that_crashes_its_process_is_told(tiny_gguf: Path, tmp_path: Path) -> None:
    """A wrapper in the interpreter's place dies by a real signal, first with extra buffers only, then always."""
    said = json.dumps(asdict(Probe(False, 2, 2, 512, 100.0, 10.0, 9.0, 0.5, "")))
    dies = f"[ \"$4\" = 1 ] && kill -SEGV $$; echo '{said}'"
    for script, word in ((dies, ""), ("kill -SEGV $$", "crashed with signal 11")):
        wrapper = tmp_path / "python"
        wrapper.write_text(f"#!/bin/bash\n{script}\n")
        wrapper.chmod(0o755)
        code = (
            "import sys; from pathlib import Path; from rag.models.probe import probe\n"
            f"sys.executable = {str(wrapper)!r}\n"
            f"print(probe(Path({str(tiny_gguf)!r}), Path({str(tmp_path / ('c' + word[:1]))!r})).detail)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if word:
            assert ModelCrashed.__name__ in done.stderr
            assert word in done.stderr
        else:
            assert done.stdout.endswith("extra weight buffers are off: with them the model crashed with signal 11\n")

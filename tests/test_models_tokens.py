"""Tokens by remembered words against the tokenizer's own of the whole text."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from rag.models.tokens import WORDS, WordTokenizer

STRANGE = " \n\t\u00a0\u200b\u2028\x1c\x85\x00\ufffd\u3000aAé́ßİ.,-'\"[]MASK中文اب🙂#$019"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, embedder: Any) -> Path:
    """The tokenizer of the packaged encoder."""
    file = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    embedder.tokenizer.backend_tokenizer.save(str(file))
    return file


def whole(file: Path, most: int) -> Any:
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return tokenizer


def texts() -> list[str]:
    draw = random.Random(3)
    made = ["".join(draw.choice(STRANGE) for _ in range(draw.randrange(60))) for _ in range(2000)]
    return [*made, "", " ", "word " * 900, "x" * 300 + " b", "[MASK] a [SEP]b x[CLS]", "Türkiye’s don't U.S. 3.5%"]


def assert_as_whole(file: Path, most: int = 64) -> None:
    mine, theirs = WordTokenizer(file, most), whole(file, most)
    for text in texts():
        read, wanted = mine.read(text), theirs.encode(text)
        assert read.ids.tolist() == [wanted.ids], text
        assert list(zip(read.starts.tolist(), read.ends.tolist(), strict=True)) == wanted.offsets, text
    theirs.no_truncation()
    assert all(mine.ids(text) == theirs.encode(text, add_special_tokens=False).ids for text in texts())


def test_words_looked_up_are_the_tokens_of_the_whole(published: Path) -> None:
    assert_as_whole(published)
    tokenizer = WordTokenizer(published, 64)
    tokenizer.read("the talks, the talks")
    assert tokenizer.remembered == 3 < WORDS  # "the", "talks", ","


def test_a_tokenizer_that_reads_across_spaces_reads_the_whole(tmp_path: Path) -> None:
    """Of byte pairs a word's first one holds the space before it, so it depends on where the word stands."""
    vocabulary = {letter: n for n, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    pairs = Tokenizer(models.BPE({**vocabulary, "Ġt": len(vocabulary)}, [("Ġ", "t")]))
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.save(str(tmp_path / "tokenizer.json"))
    assert_as_whole(tmp_path / "tokenizer.json")
    assert WordTokenizer(tmp_path / "tokenizer.json", 64).remembered == 0


def test_a_broken_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="tokenizer"):
        WordTokenizer(tmp_path / "tokenizer.json", 64)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0"}))
    with pytest.raises(Exception, match="Model"):
        WordTokenizer(tmp_path / "tokenizer.json", 64)

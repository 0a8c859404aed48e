from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from making import passage

from rag.errors import SettingsError
from rag.indexing.splitter import check_passage_tokens, embedded_text, split
from rag.language.sentences import cut
from rag.types import Article


def words(text: str) -> int:
    return len(text.split())


def test_sentences_are_kept_whole_and_neighbours_overlap() -> None:
    text = "One two three. Four five six. Seven eight nine.\n\nTen eleven twelve."
    passages = split(Article("a", "T", text), words, tokens=6, overlap=3)
    assert [p.text for p in passages] == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
        "Seven eight nine.\n\nTen eleven twelve.",
    ]
    assert [p.id for p in passages] == ["a#0-29", "a#15-47", "a#30-67"]


def test_repeated_text_gets_its_own_place() -> None:
    text = "Same words here. " * 5
    passages = split(Article("a", "T", text.strip()), words, tokens=3, overlap=0)
    assert [p.start for p in passages] == [0, 17, 34, 51, 68]


def test_text_that_repeats_itself_without_sentences_is_split(embedder: Any) -> None:
    text = ("0 | " * 500).strip()
    passages = split(Article("a", "T", text), embedder.count_tokens, tokens=96, overlap=24)
    covered = {n for p in passages for n in range(p.start, p.end)}
    assert all(char == " " or n in covered for n, char in enumerate(text))


def test_the_title_is_embedded_with_a_passage() -> None:
    assert embedded_text(passage("Text", title="T")) == "T\nText"


def test_passages_longer_than_the_model_reads_are_refused(letters: Any) -> None:
    check_passage_tokens(letters, 254)
    with pytest.raises(SettingsError, match="at most 254"):
        check_passage_tokens(letters, 255)


TEXT = st.one_of(st.text(min_size=1), st.text(alphabet="ab .\n,!é中🙂\u200b", min_size=1, max_size=400))


@settings(deadline=None, max_examples=200)
@given(text=TEXT, overlap=st.sampled_from([0, 4, 8]))
@example(text="000000002<0/\u013f/\u0606\u1400\x1b\u082e", overlap=0)  # of no token where it is cut
def test_offsets_are_exact_and_nothing_is_left_out(embedder: Any, text: str, overlap: int) -> None:
    passages = split(Article("a", "T", text), embedder.count_tokens, tokens=16, overlap=overlap)
    covered: set[int] = set()
    for found in passages:
        assert text[found.start : found.end] == found.text
        assert [s.start for s in found.sentences][:1] == [found.start]
        covered.update(range(found.start, found.end))
    assert all(text[n].isspace() or n in covered for s in cut(text) for n in range(s.start, s.end))


def test_letters_without_a_space_are_cut_without_a_word(caplog: pytest.LogCaptureFixture, embedder: Any) -> None:
    text = "x" * 20_000
    found = split(Article("a", "T", text), embedder.count_tokens, tokens=192, overlap=48)
    assert found[0].start == 0
    assert found[-1].end == len(text)
    assert max(embedder.count_tokens(passage.text) for passage in found) <= embedder.max_tokens - 2
    assert caplog.records == []

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.indexing.fulltext import Tokenizer, add_scores, matches, weight
from rag.language.scripts import _OTHER, plain, search_tokens, terms
from rag.language.words import content_stems, fold, words
from rag.retrieval.retriever import search_words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The council voted in Türkiye.", ""),
        ("新桥由谁建造？", "新桥 桥由 由谁 谁建 建造"),
        ("桥", "桥"),
        ("2025年", "2025 年"),
        ("橋のニュース", "橋の のニ ニュ ュー ース"),
        ("새 다리를", "새 다리 리를"),
        ("สะพาน", "สะ ะพ พา าน"),
        ("पुलों का", "पुल क"),
        ("الجِسْر", "الجسر جسر"),
        ("أُخرى", "اخري اخر"),
        ("هَـــذا", "هذا"),
        ("הַגֶּשֶׁר", "הגשר גשר"),
        ("мосты", "мост"),
        ("AI 新桥", "新桥"),
    ],
)
def test_terms(text: str, found: str) -> None:
    assert search_tokens(text) == found


def test_what_is_passed_over_has_no_terms() -> None:
    passed = [c for c in map(chr, range(0x2100)) if not _OTHER.search(c)]
    assert len(passed) > 700
    assert [c for c in passed if not all(plain(word) for word in words(f"a{c}b {c}"))] == []


def test_words_keep_their_vowel_signs() -> None:
    assert words("नया पुल खुला।") == ["नया", "पुल", "खुला"]
    assert words("เปิดสะพาน ใหม่") == ["เปิดสะพาน", "ใหม่"]
    assert fold("İstanbul, ١٢٣ और १२") == "istanbul, 123 और 12"
    assert content_stems("पुलों") == content_stems("पुल")
    assert set(content_stems("新桥")) < set(content_stems("新桥开放"))


def test_what_is_plain() -> None:
    assert plain("o'brien")
    assert plain("straße")
    assert not plain("мост")
    assert terms("bridge") == ("bridge",)


TEXTS = {
    1: "新桥星期五开放，由工程师王芳设计。",
    2: "新しい橋が金曜日に開通した。",
    3: "สะพานใหม่เปิดวันศุกร์",
    4: "नया पुल शुक्रवार को खुला। मेयर ने उद्घाटन किया।",
    5: "افتُتح الجسرُ الجديد يوم الجمعة.",
    6: "הגשר החדש נפתח ביום שישי.",
    7: "Новый мост открыли в пятницу.",
    8: "The new bridge opened on Friday.",
    9: "새 다리가 금요일에 열렸다.",
}


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("谁设计了新桥？", 1),
        ("橋はいつ開通した？", 2),
        ("สะพานเปิดเมื่อไร", 3),
        ("पुल कब खुला?", 4),
        ("मेयर", 4),
        ("متى افتتح جسر", 5),
        ("גשר", 6),
        ("Когда открыли мосты?", 7),
        ("When did the bridges open?", 8),
        ("다리는 언제?", 9),
    ],
)
def test_a_question_finds_the_text_of_its_language(question: str, row: int) -> None:
    tokenizer = Tokenizer()
    postings = tokenizer.postings([("", f"{text}\n{search_tokens(text)}") for text in TEXTS.values()])
    scores = np.zeros(len(TEXTS))
    for key in filter(None, tokenizer.keys(search_words(question))):
        found = matches(postings, key, None)
        add_scores(scores, found, weight(len(TEXTS), len(found.places)), postings.lengths, postings.lengths.mean())
    assert np.argmax(scores) + 1 == row
    assert scores[7] == 0 or row == 8


@given(st.text())
def test_any_text_can_be_searched_for(text: str) -> None:
    tokenizer = Tokenizer()
    assert len(tokenizer.keys(search_words(text))) == len(search_words(text))
    assert len(tokenizer.postings([(text, f"{text}\n{search_tokens(text)}")]).lengths) == 1
    assert all(term for term in search_tokens(text).split(" ") if search_tokens(text))

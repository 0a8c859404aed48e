from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.indexing.store import SCHEMA
from rag.language.scripts import plain, search_tokens, terms
from rag.language.words import content_stems, fold, words
from rag.retrieval.retriever import match_expression


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
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    for rowid, text in TEXTS.items():
        db.execute(
            "INSERT INTO passages_text (rowid, title, text, terms) VALUES (?, '', ?, ?)",
            (rowid, text, search_tokens(text)),
        )
    found = db.execute(
        "SELECT rowid FROM passages_text WHERE passages_text MATCH ? ORDER BY bm25(passages_text)",
        (match_expression(question),),
    ).fetchall()
    assert found[0] == (row,)
    assert (8,) not in found or row == 8


@given(st.text())
def test_any_text_gives_a_sound_expression(text: str) -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    if expression := match_expression(text):
        db.execute("SELECT rowid FROM passages_text WHERE passages_text MATCH ?", (expression,)).fetchall()
    assert all(term for term in search_tokens(text).split(" ") if search_tokens(text))

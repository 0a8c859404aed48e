from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.language.words import content_stems, fold, sentences, words


def test_abbreviations_and_lines() -> None:
    text = "It was signed on Oct. 19 in Doha. Mr. Sharif left.\nA subhead\n“No,” he said."
    assert [s.text for s in sentences(text)] == [
        "It was signed on Oct. 19 in Doha.",
        "Mr. Sharif left.",
        "A subhead",
        "“No,” he said.",
    ]


@given(st.text())
def test_offsets_are_exact(text: str) -> None:
    found = sentences(text)
    assert all(text[s.start : s.end] == s.text and s.text.strip() == s.text != "" for s in found)
    covered = {n for s in found for n in range(s.start, s.end)}
    assert all(c.isspace() or n in covered for n, c in enumerate(text))


def test_folding_and_stems() -> None:
    assert fold("Türkiye Erdoğan ISTANBUL ı") == "turkiye erdogan istanbul i"
    assert words("Pakistan’s 2,600-km border") == ["pakistan", "2", "600", "km", "border"]
    assert content_stems("Who mediated the mediation?") == ["mediat", "mediat"]


def test_apostrophes_of_either_form_make_one_name() -> None:
    assert words("O’Brien and O'Brien’s") == ["o'brien", "and", "o'brien"]
    assert fold("D’Angelo") == fold("D'Angelo") == "d'angelo"

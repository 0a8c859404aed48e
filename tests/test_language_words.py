from __future__ import annotations

from rag.language.words import content_stems, fold, words


def test_folding_and_stems() -> None:
    assert fold("Türkiye Erdoğan ISTANBUL ı") == "turkiye erdogan istanbul i"
    assert words("Pakistan’s 2,600-km border") == ["pakistan", "2", "600", "km", "border"]
    assert content_stems("Who mediated the mediation?") == ["mediat", "mediat"]


def test_apostrophes_of_either_form_make_one_name() -> None:
    assert words("O’Brien and O'Brien’s") == ["o'brien", "and", "o'brien"]
    assert fold("D’Angelo") == fold("D'Angelo") == "d'angelo"

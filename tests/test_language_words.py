from __future__ import annotations

from rag.language.words import content_stems, fold, words


def test_folding_and_stems() -> None:
    assert fold("Türkiye Erdoğan ISTANBUL ı") == "turkiye erdogan istanbul i"
    assert words("Pakistan’s 2,600-km border") == ["pakistan", "2", "600", "km", "border"]
    assert content_stems("Who mediated the mediation?") == ["mediat", "mediat"]

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from rag.language.words import content_stems, fold, stem, words


def test_folding_and_stems() -> None:
    assert fold("Türkiye Erdoğan ISTANBUL ı") == "turkiye erdogan istanbul i"
    assert words("Pakistan’s 2,600-km border") == ["pakistan", "2", "600", "km", "border"]
    assert content_stems("Who mediated the mediation?") == ["mediat", "mediat"]


def test_apostrophes_of_either_form_make_one_name() -> None:
    assert words("O’Brien and O'Brien’s") == ["o'brien", "and", "o'brien"]
    assert fold("D’Angelo") == fold("D'Angelo") == "d'angelo"


def test_threads_that_stem_at_once_get_their_own_words() -> None:
    ends = ("ally", "izations", "ing", "s")
    several = [f"{start}{end}" for start in ("mediat", "relation", "form", "nation") for end in ends]
    anew = stem.__wrapped__  # without what was stemmed before
    alone = [anew(word) for word in several]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: [anew(word) for word in several], range(200)))
    finally:
        sys.setswitchinterval(usual)
    assert all(each == alone for each in found)

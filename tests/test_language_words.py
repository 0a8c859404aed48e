from __future__ import annotations

import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.language.words import content_stems, fold, stem, words


@pytest.mark.parametrize(
    "text", ["“Ça”, 5½—O’Neill’s ’٣٤’ café cafe\u0301", "का किताब ﷺ", "각 \u1100\u1161 が か\u3099", "ǅ ﬃ İ ẞ"]
)
def test_folding_a_text_is_folding_its_characters_together(text: str) -> None:
    plain = unicodedata.normalize("NFKD", text.replace("’", "'"))
    kept = "".join(c for c in plain if c >= "\u0900" or not unicodedata.combining(c))
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept)
    assert fold(text) == unicodedata.normalize("NFC", digits).casefold()


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

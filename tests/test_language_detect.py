"""rag.language.detect: the language of a text, and of one too short to tell."""

from __future__ import annotations

import pytest

from rag.language.detect import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The harbour master said that the old quay must be closed in spring.", "en"),
        ("Le vieux quai doit être fermé au printemps, a dit mardi le capitaine du port.", "fr"),
        ("Der alte Kai muss im Frühjahr geschlossen werden, sagte der Hafenmeister.", "de"),
        ("Старый причал закроют весной, сообщил во вторник начальник порта.", "ru"),
        ("Eski rıhtım ilkbaharda kapatılacak, dedi liman müdürü salı günü.", "tr"),
        ("港务局长周二表示，旧码头将于春季关闭。", "zh"),
        ("पुराना घाट वसंत में बंद कर दिया जाएगा, बंदरगाह के प्रमुख ने मंगलवार को कहा।", "hi"),
        ("سيتم إغلاق الرصيف القديم في الربيع، حسبما قال مدير الميناء يوم الثلاثاء.", "ar"),
    ],
)
def test_the_language_of_a_text_whatever_its_page_says(text: str, language: str) -> None:
    assert language_of(text) == language_of(text, "en-US" if language != "en" else "de") == language


def test_what_is_told_counts_where_the_text_tells_nothing() -> None:
    assert language_of("97", "fr-CA") == "fr"
    assert language_of("97", "template") == ""
    assert language_of("", "pt_BR") == "pt"
    assert language_of("1 2 3") == ""


def test_names_with_accents_make_no_other_language_of_english() -> None:
    text = "The café “Zum Löwen” in Ørsted reopened on Monday – the owner, Señora Núñez, paid 4,200 € for the new roof."
    assert language_of(text + " François Müller called it “a naïve dream”.") == "en"


def test_the_sum_of_what_a_text_has_is_the_dense_product() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    from rag.language.detect import _identifier

    dense = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    for text in ("The old quay must be closed.", "Le vieux quai", "...", "旧码头将于春季关闭"):
        (one, chance), (other, same) = _identifier().classify(text), dense.classify(text)
        assert (one, float(chance)) == (other, pytest.approx(float(same), rel=1e-6))

"""The words that answer, made whole."""

from __future__ import annotations

import pytest

from rag.language.spans import whole_span


@pytest.mark.parametrize(
    ("sentence", "span", "kind", "whole"),
    [
        ("It closed on 4 October 2023.", "October", "date", "4 October 2023"),
        ("It cost 2.5 million euros.", "2", "number", "2.5 million euros"),
        ("Turkey and Qatar mediated.", "Qatar", "person", "Turkey and Qatar"),
        ("Talks between Lima and Quito in Geneva failed.", "Lima and Quito", "place", "Geneva"),
        ("Talks in May between Lima and Quito failed near Bern, not in Rome.", "Quito", "place", "Lima and Quito"),
        ("In May talks between Lima and Quito failed near Bern.", "Lima and Quito", "place", "Bern"),
        ("The river runs between Lima and Quito.", "Lima and Quito", "place", "Lima and Quito"),
    ],
)
def test_the_whole_of_what_is_asked_for(sentence: str, span: str, kind: str, whole: str) -> None:
    start = sentence.index(span)
    left, right = whole_span(sentence, start, start + len(span), kind, "?")
    assert sentence[left:right] == whole

"""The sides of a comparison: orders, differences, several that do the same; () where they cannot be told."""

from __future__ import annotations

import pytest

from rag.language.comparison import sides


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "How do Oslo and the Danes each explain the delay?",
            ("How do Oslo explain the delay?", "How do the Danes explain the delay?"),
        ),
        (
            "What did Rome, Bern and Paris say about the tunnel?",
            (
                "What did Rome say about the tunnel?",
                "What did Bern say about the tunnel?",
                "What did Paris say about the tunnel?",
            ),
        ),
        (
            "How does Oslo's answer differ from those of Rome and Bern?",
            ("Oslo's answer?", "Rome's answer?", "Bern's answer?"),
        ),
        (
            "How do Oslo's complaints about Rome differ from Rome's about Oslo?",
            ("Oslo's complaints about Rome?", "Rome's complaints about Oslo?"),
        ),
        (
            "Compare what the unions want with what the mayor wants.",
            ("what the unions want?", "what the mayor wants?"),
        ),
        (
            "What is the difference between the first plan and the second one?",
            ("the first plan?", "the second one?"),
        ),
        ("Contrast the plans of Bern and Rome", ("the plans of Bern?", "the plans of Rome?")),
        ("How do the two sides explain the failure?", ()),
        ("How do accounts of the fire differ?", ()),
        ("Compare.", ()),
    ],
)
def test_each_side_is_asked_for(question: str, expected: tuple[str, ...]) -> None:
    assert sides(question) == expected

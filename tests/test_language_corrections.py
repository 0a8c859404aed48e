from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language.corrections import corrections, withdrawn

BODY = "The new pier of Skarby will cost 40 million crowns.\n\nIt opens in May.\n\n"


@pytest.mark.parametrize(
    ("note", "kind", "right", "wrong"),
    [
        (
            "Correction, 15 March: This article gave the wrong price. It costs 14 million crowns, not 40 million.",
            "correction",
            "14 million",
            "40 million",
        ),
        ("Correction: The captain is Ruth Vale, not Rita Vale.", "correction", "Ruth Vale", "Rita Vale"),
        ("Correction\nThe captain is Ruth Vale, not Rita Vale.", "correction", "Ruth Vale", "Rita Vale"),
        (
            "CORRECTION (4 May): The ship is 40 metres long rather than 60 metres.",
            "correction",
            "40 metres",
            "60 metres",
        ),
        ("Corrections and clarifications: It left on Monday, not Tuesday.", "correction", "Monday", "Tuesday"),
        (
            "An earlier version of this article gave the cost as 12 million; it is 14 million.",
            "correction",
            "14 million",
            "12 million",
        ),
        (
            "An earlier version of this story misstated the number of boats. There were 31 boats.",
            "correction",
            "31",
            None,
        ),
        ("An earlier version of this report said the fire killed 12 people.", "correction", None, "12"),
        (
            "An earlier version of this article misspelled the name of the mayor, Ditte Rusk.",
            "correction",
            "Ditte Rusk",
            None,
        ),
        (
            "This article originally said Peter Lund was the mayor. In fact, Anna Lund is the mayor.",
            "correction",
            "Anna Lund",
            "Peter Lund",
        ),
        ("We incorrectly reported that the ship sank in 1999. The ship sank in 1989.", "correction", "1989", "1999"),
        (
            "This article was amended on 4 May 2025. An earlier version said it opened on 3 May; it opened on 2 May.",
            "correction",
            "2 May",
            "3 May",
        ),
        (
            "This article was corrected on 4 May. The cost was changed from 12 million to 14 million crowns.",
            "correction",
            "14 million",
            "12 million",
        ),
        (
            "Editor’s note: This story has been corrected to show that the vote was not on 3 May but on 5 May.",
            "correction",
            "5 May",
            "3 May",
        ),
        (
            "Clarification: The pier is owned by the county, not by the town.",
            "clarification",
            "by the county",
            "by the town",
        ),
        ("Clarification: The pier is open to all who have a ticket.", "clarification", None, None),
        ("This story has been updated to include a comment of the mayor.", "update", None, None),
        ("Updated: 4 May 2025, 14:20", "update", None, None),
        ("Update: The road did not reopen.", "update", None, None),
    ],
)
@pytest.mark.parametrize("at_the_end", [True, False])
def test_notes(note: str, kind: str, right: str | None, wrong: str | None, at_the_end: bool) -> None:
    text = BODY + note if at_the_end else f"{note}\n\n{BODY}"
    (found,) = corrections(text)
    assert found.kind == kind
    assert text[found.start : found.end] == note
    assert (text[slice(*found.right)] if found.right else None) == right
    assert (text[slice(*found.wrong)] if found.wrong else None) == wrong


def test_a_note_inside_a_paragraph() -> None:
    text = "The pier is long. This article has been corrected: it is 40 metres long, not 60 metres."
    (found,) = corrections(text)
    assert found.start == text.index("This")
    assert found.wrong
    assert text[slice(*found.wrong)] == "60 metres"


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        "The bank updated its forecast. A correction of the markets is due.",
        "Update on the talks: nothing new.",
        "Correction of prices: how the shops do it",
        "The minister said a correction was needed: prices had risen by 4%, not 5%.",
        "Correction",
        "An earlier version of the law said that 12 seats were free.",
        "",
    ],
)
def test_what_is_no_note(text: str) -> None:
    assert corrections(text) == ()


def test_where_the_withdrawn_value_still_stands() -> None:
    text = (
        BODY
        + "The 6,000 people of Skarby want it; 40 boats too.\n\nCorrection: It costs 14 million crowns, not 40 million."
    )
    (found,) = corrections(text)
    assert [text[a:b] for a, b in withdrawn(text, found)] == ["40 million"]
    text = "Rita Vale sailed in.\n\nCorrection: The captain is Ruth Vale, not Rita Vale."
    (found,) = corrections(text)
    assert withdrawn(text, found) == ((0, 9),)
    text = "It is owned by the town.\n\nClarification: The pier is owned by the county, not by the town."
    (found,) = corrections(text)
    assert [text[a:b] for a, b in withdrawn(text, found)] == ["by the town"]
    text = BODY + "Correction: An earlier version of this story misstated the number of boats. There were 31."
    (found,) = corrections(text)
    assert withdrawn(text, found) == ()


_WORDS = (
    "Correction : , not but from to 12 14 million An earlier version of this article said . ; Ruth Vale is corrected on"
)


@given(st.lists(st.sampled_from([*_WORDS.split(), "\n"])))
def test_any_text_is_read(words: list[str]) -> None:
    text = " ".join(words)
    for found in corrections(text):
        assert 0 <= found.start < found.end <= len(text)
        for span in (found.right, found.wrong):
            assert span is None or found.start <= span[0] < span[1] <= found.end
        withdrawn(text, found)

from __future__ import annotations

import json
from datetime import date

from rag.types import ABSTENTION, Answer, Article, Citation, Claim, Hit, Passage, render_claim

PASSAGE = Passage("a#10-30", "a", "Turkey mediated. Ok.", 10, 30, "T", "S", date(2025, 11, 9))
CITATION = Citation(1, PASSAGE, 10, 26)


def test_a_quote_is_a_slice_of_the_passage() -> None:
    assert CITATION.quote == "Turkey mediated."


def test_marks_stand_before_the_closing_punctuation_and_once_each() -> None:
    claim = Claim("Turkey mediated.", (Citation(2, PASSAGE, 10, 26), CITATION, CITATION))
    assert render_claim(claim) == "Turkey mediated [1][2]."
    assert render_claim(Claim("Did it?", (CITATION,))) == "Did it [1]?"
    assert render_claim(Claim("No point", (CITATION,))) == "No point [1]."
    assert render_claim(Claim("Uncited.", ())) == "Uncited."


def test_answer_as_json_holds_quotes_dates_and_text() -> None:
    claim = Claim("Turkey mediated.", (CITATION,), 1.0)
    hit = Hit(PASSAGE, 0.5, 1, {"bm25": 2.0})
    answer = Answer("Who?", "Who?", "extracts", "extracts", (claim,), (hit,), timings={"total": 1.0})
    data = answer.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["text"] == "Turkey mediated [1]."
    assert data["claims"][0]["citations"][0]["quote"] == "Turkey mediated."
    assert data["claims"][0]["checked"] is True
    assert data["hits"][0]["passage"]["published"] == "2025-11-09"
    assert data["hits"][0]["scores"] == {"bm25": 2.0}


def test_an_abstention_says_so() -> None:
    answer = Answer("Who?", "Who?", "abstention", "extracts", (), ())
    assert answer.abstained
    assert answer.text == ABSTENTION == "The articles do not say."


def test_the_content_hash_changes_with_what_a_reader_sees_and_with_nothing_else() -> None:
    one = Article("a", "T", "text", origin="/x")
    assert one.content_hash == Article("b", "T", "text", origin="/y").content_hash
    assert one.content_hash != Article("a", "T", "text.", origin="/x").content_hash
    assert one.content_hash != Article("a", "T", "text", published=date(2025, 1, 1)).content_hash

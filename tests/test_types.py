from __future__ import annotations

import json
from datetime import date

import pytest
from making import hit, passage

from rag.errors import InputError
from rag.types import (
    ABSTENTION,
    Answer,
    Article,
    Candidate,
    Citation,
    Claim,
    Finding,
    Hit,
    Query,
    Version,
    render_claim,
)

PASSAGE = passage("Turkey mediated. Ok.", 10, title="T", source="S", day=date(2025, 11, 9))
HIT = Hit(PASSAGE, 0.5, 1, {"bm25": 2.0})
CITATION = Citation(HIT, 10, 26)


def test_a_quote_is_a_slice_of_the_passage() -> None:
    assert CITATION.quote == "Turkey mediated."
    assert (CITATION.number, CITATION.article.id, PASSAGE.id) == (1, "a", "a#10-30")
    assert [PASSAGE.slice(s.start, s.end) for s in PASSAGE.sentences] == ["Turkey mediated.", "Ok."]


def test_marks_stand_before_the_closing_punctuation_and_once_each() -> None:
    second = Citation(Hit(PASSAGE, 0.4, 2), 10, 26)
    assert render_claim(Claim("Turkey mediated.", (second, CITATION, CITATION))) == "Turkey mediated [1][2]."
    assert render_claim(Claim("Did it?", (CITATION,))) == "Did it [1]?"
    assert render_claim(Claim("No point", (CITATION,))) == "No point [1]."
    assert render_claim(Claim("Uncited.", ())) == "Uncited."


def test_an_answer_as_json_holds_quotes_days_and_text_and_comes_back() -> None:
    claim = Claim("Turkey mediated.", (CITATION,), "supported", 0.75)
    query = Query.of("Who?", source="S", since="2025-01-01")
    answer = Answer("And who?", query, "model", "m", (claim,), (HIT,), versions=(Version("x", (CITATION,)),),
                    short=(CITATION,), timings={"total": 1.0}, probability=0.5)  # fmt: skip
    data = answer.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["text"] == "Turkey mediated [1]."
    assert data["claims"][0]["citations"][0] == {
        "number": 1, "start": 10, "end": 26, "article_id": "a", "quote": "Turkey mediated."
    }  # fmt: skip
    assert data["claims"][0]["checked"] is True
    assert data["hits"][0]["number"] == 1
    assert data["hits"][0]["article"]["published"] == "2025-11-09"
    assert data["hits"][0]["scores"] == {"bm25": 2.0}
    assert Answer.from_dict(data) == answer


def test_what_version_1_wrote_is_still_read() -> None:
    raw = {"id": "a#10-30", "article_id": "a", "text": "Turkey mediated. Ok.", "start": 10, "end": 30, "title": "T",
           "source": "S", "published": "2025-11-09", "url": None}  # fmt: skip
    citation = {"number": 2, "passage": raw, "start": 10, "end": 26, "quote": "Turkey mediated."}
    other = raw | {"article_id": "b"}
    data = {
        "question": "And who?", "standalone": "Who?", "kind": "model", "model": "m", "extracts": [],
        "short": [citation],
        "claims": [{"text": "Turkey mediated.", "citations": [citation], "support": 1.0, "problems": []}],
        "hits": [{"passage": p, "score": 0.1, "rank": n, "scores": {}} for n, p in ((2, other), (1, raw))],
        "versions": [], "notes": [], "timings": {}, "usage": {},
    }  # fmt: skip
    answer = Answer.from_dict(data)
    assert answer.claims[0].citations[0].quote == answer.short[0].quote == "Turkey mediated."
    assert answer.claims[0].citations[0].article.id == "a"
    assert answer.standalone == "Who?"
    assert Answer.from_dict(answer.to_dict()) == answer


def test_an_abstention_says_so() -> None:
    answer = Answer("Who?", Query("Who?"), "abstention", "extracts", (), ())
    assert answer.abstained
    assert answer.text == ABSTENTION == "The articles do not say."


def test_only_what_a_judge_found_supported_is_checked() -> None:
    assert Claim("x", (CITATION,), "supported").checked
    assert not Claim("x", (CITATION,), "verbatim").checked
    assert not Claim("x", (CITATION,), "contradicted").checked
    assert not Claim("x", (CITATION,), "supported", problems=("no",)).checked


def test_any_threshold_can_be_applied_to_a_finding_afterwards() -> None:
    one, other = hit("Twelve died.", 1, id_="a"), hit("Nineteen died.", 2, id_="b")
    cited = Citation(one, 0, 12), Citation(other, 0, 14)
    values = (Version("12", (cited[0],), 0.9), Version("19", (cited[1],), 0.5))
    ranked = (Candidate(cited[0], 0.9, alone=0.9), Candidate(cited[1], 0.1, alone=0.5))
    found = Finding(Query("How many?"), (one, other), ranked, values)
    assert found.probability == 0.9
    assert found.comparable(0.4) == ranked
    assert found.comparable(0.6) == ranked[:1]
    assert found.versions(0.4) == values
    assert found.versions(0.6) == ()
    assert Finding(Query("How many?", order="latest"), (one, other), ranked, values).versions(0.4) == ()
    assert Finding(Query("How many?"), (), ()).probability == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"text": " ?! "}, "empty"),
        ({"text": "x" * 8001}, "8,001 characters"),
        ({"text": "a", "k": 0}, "k is 0"),
        ({"text": "a", "since": "last week"}, "YYYY-MM-DD"),
        ({"text": "a", "since": "2025-11-01", "until": "2025-10-01"}, "Exchange"),
    ],
)
def test_a_query_is_checked_once(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Query.of(**given)  # type: ignore[arg-type]


def test_the_content_hash_changes_with_what_a_reader_sees_and_with_nothing_else() -> None:
    one = Article("a", "T", "text", origin="/x")
    assert one.content_hash == Article("b", "T", "text", origin="/y").content_hash
    assert one.content_hash != Article("a", "T", "text.", origin="/x").content_hash
    assert one.content_hash != Article("a", "T", "text", published=date(2025, 1, 1)).content_hash

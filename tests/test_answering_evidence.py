"""Evidence packing by hand, and the reader's part in the ranking."""

from __future__ import annotations

import pytest

from rag.answering.evidence import (
    NAMELESS,
    OTHER_FORM,
    Candidate,
    Evidence,
    _coverage,
    _same_forms,
    _trusted,
    pack,
    rank_sentences,
    weigh,
    whole_list,
    whole_span,
)
from rag.models.embedder import SentenceTransformerEmbedder
from rag.models.reader import Reader, Reading
from rag.types import Citation, Hit, Passage

FIRST = "Rain fell all day. Anna Berg opened the fair. She praised the builders. The band played on."
SECOND = "The fair cost two million crowns. Few people came."


def hit(number: int, text: str) -> Hit:
    return Hit(Passage(f"a{number}#0-{len(text)}", f"a{number}", text, 0, len(text), f"Title {number}"), 1.0, number)


def candidate(number: int, text: str, quote: str, score: float) -> Candidate:
    start = text.index(quote)
    return Candidate(number, Citation(number, hit(number, text).passage, start, start + len(quote)), score, 0.0)


EVIDENCE = Evidence(
    (hit(1, FIRST), hit(2, SECOND)),
    (
        candidate(1, FIRST, "She praised the builders.", 0.9),
        candidate(2, SECOND, "The fair cost two million crowns.", 0.8),
        candidate(1, FIRST, "The band played on.", 0.7),
        candidate(2, SECOND, "Few people came.", 0.2),
    ),
    (),
    (),
)


def packed(words: int, passages: int = 4) -> list[str]:
    return [passage.text for passage in pack(EVIDENCE, passages=passages, words=words)]


def test_the_best_sentences_are_packed_with_the_one_before_them() -> None:
    # 4 words of the best, 5 of the one before it, 6 of the second passage's first.
    assert packed(15) == ["Anna Berg opened the fair. She praised the builders.", "The fair cost two million crowns."]
    assert packed(19) == [
        "Anna Berg opened the fair. She praised the builders. The band played on.",
        "The fair cost two million crowns.",
    ]


def test_gaps_are_shown_and_offsets_stay() -> None:
    evidence = Evidence(EVIDENCE.hits[:1], (candidate(1, FIRST, "The band played on.", 0.9),), (), ())
    with_gap = Evidence(
        evidence.hits,
        (candidate(1, FIRST, "Rain fell all day.", 0.9), candidate(1, FIRST, "The band played on.", 0.8)),
        (),
        (),
    )
    (passage,) = pack(with_gap, passages=4, words=9)
    assert passage.text == "Rain fell all day. … The band played on."
    assert (passage.id, passage.start, passage.end) == (evidence.hits[0].passage.id, 0, len(FIRST))


def test_the_best_sentence_is_taken_however_long_and_passages_are_bounded() -> None:
    assert packed(1) == ["She praised the builders."]
    assert packed(100, passages=1) == ["Anna Berg opened the fair. She praised the builders. The band played on."]


def test_the_reader_raises_the_sentence_that_answers() -> None:
    embedder, reader = SentenceTransformerEmbedder(), Reader()
    hits = [hit(1, FIRST), hit(2, SECOND)]
    evidence = weigh("How much did the fair cost?", hits, embedder, reader)
    best = evidence.ranked[0]
    assert best.citation.quote == "The fair cost two million crowns."
    assert best.span is not None
    assert best.span.quote in ("two million crowns", "two million")
    assert evidence.short == (best.span,)
    plain = {c.citation.quote: c.score for c in rank_sentences("How much did the fair cost?", hits, embedder)}
    gained = {c.citation.quote: c.score - plain[c.citation.quote] for c in evidence.ranked}
    assert max(gained, key=lambda quote: gained[quote]) == best.citation.quote


def test_an_exact_number_is_not_answered_without_one() -> None:
    embedder = SentenceTransformerEmbedder()
    hits = [hit(1, "Hundreds of trucks waited at the border. Drivers slept in their cabs.")]
    assert rank_sentences("How many trucks exactly waited at the border?", hits, embedder) == []
    assert rank_sentences("How many trucks waited at the border?", hits, embedder)


@pytest.mark.parametrize(
    ("text", "found", "question", "whole"),
    [
        ("Turkey and Qatar mediated.", "Qatar", "Who mediated?", "Turkey and Qatar"),
        ("It was China, Russia and Iran.", "China, Russia", "Who was it?", "China, Russia and Iran"),
        ("Jim Nantz and Phil Simms spoke.", "Phil Simms", "Who spoke with Jim Nantz?", "Phil Simms"),
        ("Khawaja Asif led it.", "Asif", "Who led it?", "Asif"),
        ("Ann Lee and Bob Roe won.", "Roe", "Who won?", "Roe"),  # not a whole name
        ("no names and none", "names", "Who?", "names"),
    ],
)
def test_a_list_of_names_is_given_whole(text: str, found: str, question: str, whole: str) -> None:
    start = text.index(found)
    a, b = whole_list(text, start, start + len(found), question)
    assert text[a:b] == whole


@pytest.mark.parametrize(
    ("text", "found", "question", "whole"),
    [
        ("It was signed on October 4, 2023 in Doha.", "October", "When was it signed?", "October 4, 2023"),
        ("It was signed on 4 October 2023.", "2023", "On what date was it signed?", "4 October 2023"),
        ("It was signed on 27 June.", "27", "When was it signed?", "27 June"),
        ("It was signed on 4 October 2023.", "2023", "What year was it signed?", "2023"),
        ("It was signed early in May.", "early in May", "When was it signed?", "early in May"),
        ("From May 3 to June 5 they met.", "May 3", "When did they meet?", "May 3"),
    ],
)
def test_when_is_answered_with_the_whole_date(text: str, found: str, question: str, whole: str) -> None:
    start = text.index(found)
    a, b = whole_span(text, start, start + len(found), question)
    assert text[a:b] == whole


def test_a_word_in_another_form_counts_less() -> None:
    rarity = {"mediat": 2.0, "talk": 2.0}
    sentence = {"mediat", "talk"}
    assert _coverage(rarity, sentence, set()) == 1.0
    exact = _same_forms("Who mediated the talks?", "Qatar's mediation kept the talks alive.")
    assert _coverage(rarity, sentence, set(), exact) == pytest.approx((OTHER_FORM * 2 + 2) / 4)


def test_who_is_seldom_answered_without_a_name() -> None:
    text = "regional mediation by Qatar"
    nameless, named = Reading(0, 8, 1.0, 0.4), Reading(22, 27, 1.0, 0.4)
    assert _trusted(nameless, "Who mediated?", text) == pytest.approx(0.4 * NAMELESS)
    assert _trusted(named, "Who mediated?", text) == 0.4
    assert _trusted(nameless, "What kind of mediation was it?", text) == 0.4

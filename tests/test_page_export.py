"""Conversations as Markdown, Word and CSV: whole, and nothing in them acts."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answering.bot import Bot
from rag.page.conversations import Conversation, Conversations
from rag.page.export import COLUMNS, export, to_csv, to_docx, to_markdown
from rag.settings import Settings
from rag.types import Answer, Version


@pytest.fixture(scope="module")
def answers(briefs: Settings) -> tuple[Answer, ...]:
    with Bot.open(settings=briefs) as bot:
        return bot.ask("How long is the border?"), bot.ask("Who won the World Cup?")


def hostile(answer: Answer, text: str) -> Answer:
    """The same answer with this text as question, claim, title, outlet and address."""
    citation = answer.claims[0].citations[0]
    meta = replace(citation.article, title=text, source=text, url=text)
    hit = replace(citation.hit, passage=replace(citation.passage, article=meta))
    claim = replace(answer.claims[0], text=text, citations=(replace(citation, hit=hit),), problems=(text,))
    return replace(answer, question=text, claims=(claim,), versions=(), short=())


def test_markdown_has_every_answer_with_its_quotes(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    citation = answers[0].claims[0].citations[0]
    differing = replace(answers[0], versions=(Version("2,600 km", (citation,)), Version("9 km", (citation,))))
    text = to_markdown(Conversations(tmp_path).save(Conversation(answers=(differing, answers[1]))))
    assert "## How long is the border?" in text
    assert "The articles differ:" in text
    for claim in answers[0].claims:
        for citation in claim.citations:
            assert f"  > {' '.join(citation.quote.split())}" in text
    assert "The articles do not say." in text


def test_markdown_of_hostile_text_is_text(answers: tuple[Answer, ...]) -> None:
    text = to_markdown(Conversation(answers=(replace(answers[1], question="# a <b> *c* ![d](http://e.test)\n# f"),)))
    assert "## \\# a \\<b\\> \\*c\\* `![d](http://e.test)` \\# f" in text


def test_csv_has_a_row_for_each_quote(answers: tuple[Answer, ...]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(Conversation("", "2025-11-20T10:00:00+00:00", answers)))))
    assert tuple(rows[0]) == COLUMNS
    quotes = [c for claim in answers[0].claims for c in claim.citations]
    assert [row["quote"] for row in rows[:-1]] == [c.quote for c in quotes]
    assert {(row["question"], row["asked"], row["verdict"]) for row in rows[:-1]} == {
        ("How long is the border?", "2025-11-20", "verbatim")
    }
    assert [row["outlet"] for row in rows[:-1]] == [c.article.source for c in quotes]
    assert (rows[-1]["claim"], rows[-1]["verdict"]) == ("The articles do not say.", "abstained")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\u202e=1", 'a\nb,"c"'])
def test_no_cell_is_a_formula_and_none_breaks_the_table(answers: tuple[Answer, ...], text: str) -> None:
    made = to_csv(Conversation(answers=(hostile(answers[0], text),)))
    (row,) = csv.DictReader(io.StringIO(made))
    assert None not in row
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert "\u202e" not in made


def test_word_has_headings_answers_and_quotes(answers: tuple[Answer, ...]) -> None:
    from docx import Document

    document = Document(io.BytesIO(to_docx(Conversation(answers=answers, name="The border"))))
    styled = [(p.style.name, p.text) for p in document.paragraphs]
    assert styled[0] == ("Title", "The border")
    assert [text for style, text in styled if style == "Heading 1"] == [
        "How long is the border?", "Who won the World Cup?",
    ]  # fmt: skip
    quotes = [text for style, text in styled if style == "Quote"]
    for claim in answers[0].claims:
        assert " ".join(claim.citations[0].quote.split()) in quotes
    assert "The articles do not say." in [text for _, text in styled]
    assert document.core_properties.title == "The border"


def test_what_no_xml_holds_does_not_break_a_word_document(answers: tuple[Answer, ...]) -> None:
    from docx import Document

    text = "<w:p>&amp;\x00\x0b\ufffe\ud800 {=1}"
    document = Document(io.BytesIO(to_docx(Conversation(answers=(hostile(answers[0], text),)))))
    assert "<w:p>&amp;" in document.paragraphs[0].text


@pytest.mark.parametrize("form", ["md", "docx", "csv"])
def test_one_answer_or_all_under_a_plain_name(answers: tuple[Answer, ...], form: str) -> None:
    conversation = Conversation("x" * 8, "2025-11-20T10:00:00+00:00", answers, "../Ärger & <Co>")
    whole, one = export(conversation, form), export(conversation, form, 1)
    assert (whole.name, one.name) == (f"ärger-co.{form}", f"who-won-the-world-cup.{form}")
    assert len(one.content) < len(whole.content)

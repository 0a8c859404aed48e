"""Conversations as files: Markdown, Word and a table of claims. Knows nothing about pages.

Every text of a person or an article is only shown by what opens the file: escaped in Markdown, without formulas in a
table, and plain runs in Word.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from rag.answering.show import describe, short_answer
from rag.escapes import as_code, for_csv, for_line, for_markdown, for_terminal
from rag.page.conversations import Conversation
from rag.page.render import cited, failed, sure
from rag.types import Answer, Citation, Claim, render_claim

#: Columns of the table of claims.
COLUMNS = (
    "question", "asked", "claim", "verdict", "problems", "quote", "article", "outlet", "published", "address",
    "article id", "start", "end",
)  # fmt: skip
#: What no XML file may hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Download:
    """A file for the person's browser."""

    name: str
    kind: str
    content: bytes


def export(conversation: Conversation, form: str, turn: int | None = None) -> Download:
    """A conversation, or one answer of it, as a file.

    Args:
        form: "md", "docx" or "csv".
        turn: 0-based, None for all.

    Raises:
        KeyError: another form.
    """
    if turn is not None:
        conversation = Conversation(conversation.id, conversation.started, conversation.answers[turn : turn + 1])
    kind, write = _FORMS[form]
    stem = re.sub(r"[^\w-]+", "-", conversation.title.casefold()).strip("-_")[:50].rstrip("-") or "answer"
    return Download(f"{stem}.{form}", kind, write(conversation))


def to_markdown(conversation: Conversation) -> str:
    """The conversation as Markdown, every answer with its sources and verbatim quotes."""
    lines = [f"# {for_markdown(conversation.title)}", ""]
    if conversation.started:
        lines += [f"Started {conversation.started}.", ""]
    for answer in conversation.answers:
        lines += [f"## {for_markdown(answer.question)}", ""]
        if answer.standalone != answer.question:
            lines += [f"*Searched: {for_markdown(answer.standalone)}*", ""]
        if answer.short and (answer.kind == "model" or sure(answer)):
            lines += [f"**In short:** {for_markdown(short_answer(answer))}", ""]
        lines += [for_markdown(answer.text), ""]
        for claim in answer.claims:
            lines += [
                f"- Not confirmed: {for_markdown(problem)} (“{for_markdown(claim.text)}”)" for problem in claim.problems
            ]
        if answer.versions:
            lines += ["", "The articles differ:", ""]
            for version in answer.versions:
                marks = "".join(f"[{c.number}]" for c in version.citations)
                lines.append(f"- {for_markdown(version.value)} {marks}")
        if found := cited(answer):
            lines += ["", "Sources:", ""]
            for number, citations in found.items():
                url = citations[0].passage.article.url
                address = f" — {as_code(for_line(url))}" if url else ""
                lines.append(f"- [{number}] {for_markdown(describe(citations[0]))}{address}")
                lines += [f"  > {for_markdown(citation.quote)}" for citation in citations]
        lines += ["", f"*{for_markdown(answer.model)}*", ""]
    return "\n".join(lines)


def to_csv(conversation: Conversation) -> str:
    """A row for each claim and each quote that it rests on, as a spreadsheet shows it (RFC 4180)."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for answer in conversation.answers:
        for claim in answer.claims or (Claim(answer.text, (), "not found"),):
            said = "abstained" if answer.abstained else claim.verdict
            for citation in claim.citations or (None,):
                place = _place(citation) if citation else [""] * 7
                row = [answer.question, conversation.started[:10], claim.text, said, "; ".join(claim.problems), *place]
                table.writerow([for_csv(for_terminal(str(cell))) for cell in row])
    return out.getvalue()


def _place(citation: Citation) -> list[object]:
    meta = citation.article
    return [
        citation.quote, meta.title, meta.source, meta.published or "", meta.url or "", meta.id, citation.start,
        citation.end,
    ]  # fmt: skip


def to_docx(conversation: Conversation) -> bytes:
    """A Word document: each question a heading, its answer, then its sources with their quotes."""
    from docx import Document

    document = Document()
    document.core_properties.title = _xml(conversation.title)
    document.core_properties.author = "Dateline"
    document.core_properties.comments = ""
    document.add_heading(_xml(conversation.title), 0)
    if conversation.started:
        document.add_paragraph(f"Started {conversation.started[:10]}, exported {date.today()}.")
    for answer in conversation.answers:
        _write_answer(document, answer)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _write_answer(document: Any, answer: Answer) -> None:
    document.add_heading(_xml(answer.question), 1)
    if answer.standalone != answer.question:
        document.add_paragraph().add_run(_xml(f"Searched: {answer.standalone}")).italic = True
    if answer.short and (answer.kind == "model" or sure(answer)):
        document.add_paragraph().add_run(_xml(short_answer(answer))).bold = True
    if answer.abstained:
        document.add_paragraph(_xml(answer.text))
    for claim in answer.claims:
        document.add_paragraph(_xml(render_claim(claim)))
        if wrong := failed(claim):
            document.add_paragraph().add_run(_xml("; ".join([wrong, *claim.problems]))).bold = True
    for version in answer.versions:
        marks = "".join(f"[{c.number}]" for c in version.citations)
        document.add_paragraph(_xml(f"{version.value} {marks}"), style="List Bullet")
    found = cited(answer)
    if found:
        document.add_heading("Sources", 2)
    for number, citations in found.items():
        source = document.add_paragraph(_xml(f"[{number}] {describe(citations[0])}"))
        if url := citations[0].article.url:
            source.add_run(_xml(f" — {for_line(url)}"))
        for citation in citations:
            document.add_paragraph(_xml(citation.quote), style="Quote")
    document.add_paragraph().add_run(_xml(answer.model)).italic = True


def _xml(text: str) -> str:
    """Text on one line that XML can hold."""
    return _NOT_XML.sub("\ufffd", for_line(text))


_FORMS: dict[str, tuple[str, Callable[[Conversation], bytes]]] = {
    "md": ("text/markdown", lambda conversation: to_markdown(conversation).encode()),
    # A byte order mark, or Excel takes it for the code page of the machine.
    "csv": ("text/csv", lambda conversation: b"\xef\xbb\xbf" + to_csv(conversation).encode()),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", to_docx),
}

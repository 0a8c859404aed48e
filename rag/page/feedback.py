"""What people thought of answers, and drafts of gold items made of it. Knows nothing about pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.errors import InputError
from rag.page.conversations import own_file
from rag.types import Answer


@dataclass(frozen=True, slots=True)
class Feedback:
    """One verdict.

    Attributes:
        liked: thumbs up or down.
        correction: what would have been right, in the person's words; "" when nothing was said.
        evidence: (article id, verbatim quote) pairs that the answer cited.
    """

    time: str
    question: str
    standalone: str
    answer: str
    abstained: bool
    short: tuple[str, ...]
    liked: bool
    correction: str
    evidence: tuple[tuple[str, str], ...]


def record(folder: Path, answer: Answer, *, liked: bool, correction: str = "") -> Path:
    """Append a verdict to feedback.jsonl in the folder, which is made; returns the file."""
    row = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "question": answer.question,
        "standalone": answer.standalone,
        "answer": answer.text,
        "abstained": answer.abstained,
        "short": [citation.quote for citation in answer.short],
        "liked": liked,
        "correction": correction.strip(),
        "evidence": [[c.passage.article.id, c.quote] for claim in answer.claims for c in claim.citations],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "feedback.jsonl"
    with open(path, "a", encoding="utf-8", opener=own_file) as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def read(path: Path) -> Iterator[Feedback]:
    """The verdicts of a file, oldest first.

    Raises:
        InputError: the file cannot be read, or a line has a fault; names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"There is no feedback in {path}.", "Thumbs up and down on the chat page are kept there."
        ) from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            yield Feedback(
                **{**row, "short": tuple(row["short"]), "evidence": tuple((a, q) for a, q in row["evidence"])}
            )
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}, line {number} is damaged: {error}.", "Mend or remove the line.") from error


def draft_gold(verdicts: Iterator[Feedback]) -> list[dict[str, Any]]:
    """Gold items to be confirmed by a person; the last verdict on a question counts.

    A liked answer gives its short words (else nothing) and its evidence; a correction gives the answer, without
    evidence. A disliked answer without a correction, and anything that lacks a needed field, says so in "confirm".
    Every draft has "draft": true, which `rag eval` refuses until a person removes it.
    """
    last: dict[str, Feedback] = {verdict.standalone: verdict for verdict in verdicts}
    return [_draft(n, verdict) for n, verdict in enumerate(last.values(), 1)]


def _draft(number: int, verdict: Feedback) -> dict[str, Any]:
    confirm = []
    answers: list[list[str]] = []
    answerable = not verdict.abstained
    evidence = [{"article": article, "quote": quote} for article, quote in verdict.evidence]
    if verdict.correction:
        answers, answerable = [[verdict.correction]], True
        confirm.append("the correction is the person's own words: shorten it to the answer and add aliases")
        confirm.append("name the articles that hold it; those below are what the wrong answer cited")
    elif not verdict.liked:
        confirm.append("the answer was disliked without a correction: say what is right, or delete this item")
    elif answerable:
        answers = [[short] for short in dict.fromkeys(verdict.short)] or [[verdict.answer]]
        confirm.append("shorten the answers and add aliases")
    if answerable and not evidence:
        confirm.append("name the articles that hold the answer")
    return {
        "id": f"feedback-{number:04d}",
        "question": verdict.standalone,
        "answers": answers,
        "evidence": evidence if answerable else [],
        "kind": "span" if answerable else "unanswerable",
        "answerable": answerable,
        "split": "dev",
        "draft": True,
        "confirm": confirm,
        "said": verdict.answer,
        "time": verdict.time,
    }

"""A model's words become claims with citations, and each claim is checked against what it cites.

The first check is lexical on purpose: it can be followed by hand. The second asks the extractive reader whether the
cited passage answers the question with these words. Knows nothing about prompts or language models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.language.values import days, numbers
from rag.language.words import Sentence, content_stems, fold, sentences, words
from rag.types import Citation, Claim, Hit, Passage

if TYPE_CHECKING:
    from rag.models.reader import Reader

_MARKS = re.compile(r"\s*((?:\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\]\s*)+)([.!?]?)")
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ][\w’'-]*(?:\s+(?:al-|de |bin |van )?[A-ZÀ-ÖØ-Þ][\w’'-]*)*")
#: Least share of a claim's content words that must stand in the cited passages; set by hand, see eval/README.md.
SUPPORT_FLOOR = 0.5
#: The reader's probability from which its own answer counts against a claim that has none of its words.
SURE = 0.5


def parse_claims(text: str, hits: Sequence[Hit]) -> tuple[Claim, ...]:
    """Split an answer at its citation marks into unchecked claims.

    A mark that points to no hit is no citation, only a number in `dangling`: citation n is made for
    1 <= n <= len(hits). Words after the last mark become a claim without citations, which `check_claim` marks; a
    remainder without a letter is dropped.

    Args:
        text: what the model wrote, e.g. "Turkey mediated [1][2]. It was signed on 19 October [2]."
        hits: the passages as numbered in the prompt, from 1.
    """
    claims: list[Claim] = []
    at = 0
    for match in _MARKS.finditer(text):
        body = text[at : match.start()].strip()
        at = match.end()
        marked = {int(n) for n in re.findall(r"\d+", match.group(1))}
        valid = sorted(n for n in marked if 1 <= n <= len(hits))
        if not re.search(r"[^\W\d_]|\d", body):
            continue
        closed = body if body[-1] in ".!?" or not match.group(2) else body + match.group(2)
        claims.append(Claim(closed, tuple(cite(closed, n, hits[n - 1].passage) for n in valid),
                            dangling=tuple(sorted(marked - set(valid)))))  # fmt: skip
    rest = text[at:].strip()
    claims.extend(Claim(s.text, ()) for s in sentences(rest) if re.search(r"[^\W\d_]", s.text))
    return tuple(claims)


def cite(claim: str, number: int, passage: Passage) -> Citation:
    """Point to the sentence of the passage that shares most with the claim."""
    best = max(sentences(passage.text), key=lambda s: _overlap(claim, s), default=Sentence("", 0, len(passage.text)))
    return Citation(number, passage, passage.start + best.start, passage.start + best.end)


def check_claim(claim: Claim) -> Claim:
    """The same claim with its support score and what is wrong with it.

    Its numbers, dates and names must each occur in a cited passage, or in that passage's title, source or, for a year,
    date of publication; at least SUPPORT_FLOOR of its content words must occur there too.
    """
    if not claim.citations:
        return replace(claim, support=0.0, problems=("no passage is cited",))
    passages = [citation.passage for citation in claim.citations]
    shown = " \n".join(f"{p.title} \n{p.text} \n{p.source}" for p in passages)
    support = _support(claim.text, shown)
    problems = [
        *_missing_numbers(claim.text, shown),
        *_missing_dates(claim.text, passages),
        *_missing_names(claim.text, shown),
    ]
    if support < SUPPORT_FLOOR:
        problems.append("most of its words are not in the cited passage")
    problems += [f"there is no passage [{n}]" for n in claim.dangling]
    return replace(claim, support=support, problems=tuple(problems))


def check_reading(claim: Claim, question: str, reader: Reader) -> Claim:
    """The same claim, marked when the reader finds another answer to the question in the passages it cites.

    Only a sure reader objects (probability at least SURE), and only when the claim has none of the content words or
    numbers of any answer it finds.
    """
    texts = [citation.passage.text for citation in claim.citations]
    if not texts:
        return claim
    readings = [found[0] for found in reader.read(question, texts)]
    spans = [text[r.start : r.end] for text, r in zip(texts, readings, strict=True) if r.probability >= SURE]
    said = set(content_stems(claim.text)) | {str(number.amount) for number in numbers(claim.text)}
    if not spans or any(
        said & (set(content_stems(span)) | {str(number.amount) for number in numbers(span)}) for span in spans
    ):
        return claim
    return replace(claim, problems=(*claim.problems, f"the cited passage seems to answer “{spans[0]}”"))


def _support(claim: str, shown: str) -> float:
    wanted = content_stems(claim)
    there = set(content_stems(shown))
    return round(sum(stem in there for stem in wanted) / len(wanted), 3) if wanted else 0.0


def _missing_numbers(claim: str, shown: str) -> list[str]:
    there = numbers(shown)
    return [
        f"the number {number.text!r} is not in the cited passage"
        for number in numbers(claim)
        if not any(number.agrees(other) for other in there)
    ]


def _missing_dates(claim: str, passages: Sequence[Passage]) -> list[str]:
    there = [day.completed(p.published) for p in passages for day in days(f"{p.title} \n{p.text}")]
    missing = []
    for day in days(claim):
        # "19 October 2025" needs one passage date that holds every part, not a bare "2025" somewhere.
        if not any(
            day.agrees(other) and _covers(other.day, day.day) and _covers(other.month, day.month) for other in there
        ):
            missing.append(f"the date {day.text!r} is not in the cited passage")
    return missing


def _covers(theirs: int | None, mine: int | None) -> bool:
    return mine is None or theirs is not None


def _missing_names(claim: str, shown: str) -> list[str]:
    there = set(words(shown))
    at_start = {sentence.start for sentence in sentences(claim)}
    missing = []
    for match in _NAME.finditer(claim):
        parts = words(match.group())
        if match.start() in at_start and len(parts) > 1 and parts[0] not in there:
            parts = parts[1:]  # the first word of a sentence is capitalised whether or not it is a name
        elif match.start() in at_start and len(parts) == 1 and claim[match.start() : match.start() + 2].istitle():
            continue
        absent = [part for part in parts if part not in there and len(part) > 1 and not _is_calendar(part)]
        if absent:
            missing.append(f"the name {match.group()!r} is not in the cited passage")
    return missing


def _is_calendar(word: str) -> bool:
    return bool(days(word.capitalize()))


def _overlap(claim: str, sentence: Sentence) -> tuple[float, int]:
    mine, theirs = set(content_stems(claim)), set(content_stems(sentence.text))
    values = {n.amount for n in numbers(claim)} & {n.amount for n in numbers(sentence.text)}
    return (len(mine & theirs) + len(values), -sentence.start)


__all__ = ["SUPPORT_FLOOR", "SURE", "check_claim", "check_reading", "cite", "fold", "parse_claims"]

"""Whether sentences support a claim: a probability, held to the numbers, dates and names of the sentences.

A premise is a sentence of an article, best with the sentence before it, so that "he" and "the deal" can be understood
(`premise_of`). The judge reads the meaning, the alignment where the words stand; a number, date or name that the
sentences do not have, or have with another value, overrules both, and so does a negation where no sentence has one.
Knows nothing about passages or answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from rag.answering.alignment import features, shipped_verifier
from rag.language.aliases import absent_names
from rag.language.reservations import HEDGES, NEGATIONS, REPORTING, marks
from rag.language.values import Day, Number, days, numbers
from rag.language.words import content_stems, stem, words
from rag.types import VerdictLabel

if TYPE_CHECKING:
    from rag.models.judge import Judge


_DEFINITE = ("the ", "these ", "those ", "both ", "all ", "their ")
#: Nouns that measure: after the same number another of them makes another amount.
MEASURES = frozenset(
    """second seconds minute minutes hour hours day days week weeks month months quarter quarters year years decade
    decades century centuries inch inches foot feet yard yards metre metres meter meters mile miles kilometre
    kilometres kilometer kilometers acre acres hectare hectares gram grams kilogram kilograms kilo kilos ton tons tonne
    tonnes pound pounds ounce ounces litre litres liter liters gallon gallons degree degrees dollar dollars euro euros
    percent points""".split()
)


#: From this probability on one sentence contradicts another for certain (table: eval/README.md).
CERTAINLY = 0.9


@dataclass(frozen=True, slots=True)
class Verdict:
    """What sentences say about a claim.

    Attributes:
        best: index of the premise that supports it best, None when there is no premise.
        support: the probability in [0, 1] that this premise supports the claim; 0 without a judge.
        problems: what is wrong, in words for people; empty exactly when the label is "supported".
    """

    label: VerdictLabel
    best: int | None
    support: float
    problems: tuple[str, ...] = ()


def premise_of(sentence: str, before: str = "", speaker: str = "") -> str:
    """A sentence as the judge was trained to read it: after the sentence before it in the article, if there is one.

    Args:
        speaker: whose words it reports, where the article names the speaker elsewhere ("He added that …").
    """
    text = f"{before} {sentence}".strip()
    return f"{speaker} said: {text}" if speaker and not set(words(speaker)) & set(words(text)) else text


def verdict(
    claim: str,
    premises: Sequence[str],
    judge: Judge | None,
    *,
    context: str = "",
    published: date | None = None,
) -> Verdict:
    """Whether one of the premises supports a claim.

    "contradicted" means that a premise says otherwise, or that the best one has another value in the place of one of
    the claim's; "not found" that none says it, or that it says it with a reservation which the claim leaves out.
    Without a judge nothing is supported.

    Args:
        claim: one sentence, without citation marks.
        premises: sentences of the articles that the claim may rest on, see `premise_of`.
        context: what else may hold the claim's names and dates, e.g. the article's title and source.
        published: completes dates such as "on Thursday".
    """
    if not premises:
        return Verdict("not found", None, 0.0, ("no sentence is cited",))
    wanted = set(content_stems(claim))
    shares = [len(wanted & set(content_stems(premise))) / max(1, len(wanted)) for premise in premises]
    if judge is None:
        best = max(range(len(premises)), key=lambda i: shares[i])
        absent = [text for text, _ in missing(claim, premises[best], premises, context, published)]
        return Verdict("not found", best, 0.0, (*absent, "no judge has read it"))
    judged = judge.judge([(premise, claim) for premise in premises])
    best = max(range(len(premises)), key=lambda i: (judged[i].supported, shares[i]))
    verifier = shipped_verifier()
    support = verifier.support(features(claim, premises[best], judged, best))
    missing_values = missing(claim, premises[best], premises, context, published)
    problems = tuple(text for text, _ in missing_values)
    # What the judge holds for unlikely is not supported, however its words stand.
    if min(support, judged[best].supported) >= verifier.supports and not problems:
        return Verdict("supported", best, support)
    against = max(range(len(premises)), key=lambda i: judged[i].contradicted)
    likely = judged[best].supported >= judge.supports
    otherwise = not likely and judged[against].contradicted >= judge.contradicts
    if otherwise or any(differs for _, differs in missing_values):
        return Verdict("contradicted", best, support, problems or (_against(premises[against]),))
    if likely and not problems:
        problems = (f"a sentence has these words in another order or place: “{premises[best]}”",)
    return Verdict("not found", best, support, problems or (_reserve(claim, premises[best]),))


def conflict(first: str, second: str, judge: Judge, answers: tuple[str, str] | None = None) -> bool:
    """Whether two sentences that answer one question cannot both be true, whatever their wording.

    With the words of each that answer they conflict where one, with these exchanged, is what the other says: so they
    tell the same of two. Without such words (yes against no) the judge must find that one contradicts the other, and
    nearly for certain where neither denies what the other does not (table: eval/README.md).

    Args:
        answers: the words of the first and of the second sentence that answer.
    """
    if answers:
        mine, theirs = answers
        pairs = [(second, first.replace(mine, theirs)), (first, second.replace(theirs, mine))]
        if any(differs for premise, claim in pairs for _, differs in _missing_values(claim, [premise], None)):
            return False
        return any(judged.supported >= judge.supports for judged in judge.judge(pairs))
    denies = bool(marks(first, NEGATIONS)) != bool(marks(second, NEGATIONS))
    judged = judge.judge([(first, second), (second, first)])
    least = max(judge.contradicts if denies else CERTAINLY, *(j.supported for j in judged))
    return max(j.contradicted for j in judged) >= least


def _against(premise: str) -> str:
    return f"a sentence says otherwise: “{premise}”"


def _reserve(claim: str, premise: str) -> str:
    """Why a claim that a premise nearly supports is not found in it."""
    if not set(content_stems(claim)) & set(content_stems(premise)):
        return "no sentence says this"
    for vocabulary, words_for_people in (
        (HEDGES, "the sentence says this with “{}”, the claim without"),
        (NEGATIONS, "the sentence says “{}”, the claim does not"),
        (REPORTING, "the sentence gives this as somebody's words (“{}”), the claim as a fact"),
    ):
        left_out = [mark for mark in marks(premise, vocabulary) if mark not in marks(claim, vocabulary)]
        if left_out and not marks(claim, vocabulary):
            return words_for_people.format(left_out[0])
    return "no sentence says this"


def missing(
    claim: str, best: str, premises: Sequence[str], context: str = "", published: date | None = None
) -> list[tuple[str, bool]]:
    """What the premises lack of a claim's numbers, dates, names and negations: (words for people, it differs there)."""
    wanted = set(content_stems(claim))
    # A claim may join two sentences, so that its values may stand in any; one that shares little lends it no negation.
    close = [best, *(p for p in premises if p != best and len(wanted & set(content_stems(p))) >= 0.5 * len(wanted))]
    everything = [best, *(p for p in premises if p != best)]
    found = [
        *_missing_values(claim, everything, published, context),
        *(
            (f"the name {name} is not in the sentences", False)
            for name in absent_names(claim, " ".join([*premises, context]))
        ),
    ]
    denied = marks(claim, NEGATIONS)
    if denied and not any(marks(premise, NEGATIONS) for premise in close):
        found.append((f"it says “{denied[0]}”, the sentence does not", True))
    return found


def _missing_values(
    claim: str, premises: Sequence[str], published: date | None, context: str = ""
) -> list[tuple[str, bool]]:
    missing: list[tuple[str, bool]] = []
    counted = [number for premise in [*premises, context] for number in numbers(premise)]
    for number in numbers(claim):
        if any(number.agrees(other) and not _other_measure(number, other) for other in counted):
            continue
        other = next((o for o in numbers(premises[0]) if _same_thing(number, o)), None)
        if other is None and claim[: number.start].lower().endswith(_DEFINITE):
            continue  # "the two countries" need not have been counted before
        missing.append(_said(number.text, other.text if other else ""))
    dated = [day.completed(published) for premise in [*premises, context] for day in days(premise)]
    if published:
        dated.append(Day(published.year, None, None, "", 0, 0))  # an article of 2025 need not say "2025"
    for day in days(claim):
        if any(day.agrees(other) and _covers(other, day) for other in dated):
            continue
        there = next((d for d in days(premises[0]) if not day.agrees(d)), None)
        missing.append(_said(day.text, there.text if there else ""))
    return missing


def _said(here: str, there: str) -> tuple[str, bool]:
    if there:
        return f"it says {here}, the sentence says {there}", True
    return f"{here} is not in the sentences", False


def _same_thing(one: Number, other: Number) -> bool:
    """Whether two numbers count the same: one unit, or the same noun after them."""
    nouns = stem(one.noun), stem(other.noun)
    return (bool(one.unit) and one.unit == other.unit) or (bool(one.noun) and nouns[0] == nouns[1])


def _other_measure(one: Number, other: Number) -> bool:
    """Whether two numbers are of unlike measures: 14 months and 14 weeks."""
    return one.noun in MEASURES and other.noun in MEASURES and stem(one.noun) != stem(other.noun)


def _covers(other: Day, day: Day) -> bool:
    """Whether a date in a premise has every part that the claim's has, so that "2025" is no "19 October 2025"."""
    return (day.day is None or other.day is not None) and (day.month is None or other.month is not None)

"""Which sentences of the hits answer the question: the extracts, and whether there are any.

Every sentence is scored by what it shares with the question in words and in meaning, by whether it holds the kind of
thing asked for, and by how sure the extractive reader is that the answer stands in it. Knows nothing about language
models.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.language.values import Day, Number, days, numbers
from rag.language.words import content_stems, sentences, stem, words
from rag.types import Citation, Claim, Hit, Passage, Version

if TYPE_CHECKING:
    from rag.models.embedder import Embedder
    from rag.models.reader import Reader, Reading

#: Weights of the parts of a sentence's score, and the least score at which it counts as an answer.
#: Chosen on the dev half of eval/gold/briefs.jsonl; eval/README.md has the figures for both halves.
WEIGHT_WORDS = 0.5
WEIGHT_MEANING = 0.5
BONUS_KIND = 0.12
THRESHOLD = 0.56
#: The same with a reader: what its probability adds to the score, and the least score.
WEIGHT_READER = 0.75
THRESHOLD_READ = 0.62
#: The least score at which our adapter must answer: it abstains too often, and the reader knows better when it is sure.
SURE = 0.75
#: An extract scoring this much below the best is not shown beside it.
NEAR_BEST = 0.12
MOST_EXTRACTS = 3
#: Least overlap at which a sentence is held to speak of what the question asks for.
SAME_THING = 0.75

#: "long" in "how long" asks for a length; an answer need not hold the word, so it weighs less.
_MEASURE = re.compile(r"\bhow (long|far|many|much|big|large|old|often|tall|wide|high|deep|fast|soon)\b", re.I)
MEASURE_WEIGHT = 0.4
#: Who somebody is, is seldom said without a capital: what the reader's probability of such a span counts for "who".
NAMELESS = 0.5
#: What a word of the question counts that a sentence has in another form only: "mediation" for "mediated".
OTHER_FORM = 0.9
_WHO = re.compile(r"\s*who(?:m|se)?\b", re.I)
_WHEN = re.compile(r"\s*(?:on |since |until )?(?:when|(?:what|which) (?:exact )?(?:date|day))\b", re.I)
_NAMED = re.compile(r"(?<![.!?“\"] )(?<!^)\b[A-ZÀ-ÖØ-Þ][\w’'-]+")
_NAMES = r"[A-ZÀ-ÖØ-Þ][\w’'-]*(?:\s+(?:(?:of|the|al|bin|de|van|von)\s+)?[A-ZÀ-ÖØ-Þ][\w’'-]*)*"  # one name
_LISTED = re.compile(rf"{_NAMES}(?:, (?:the )?{_NAMES})*,? and (?:the )?{_NAMES}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a hit.

    Attributes:
        number: 1-based number of its hit.
        citation: where it stands.
        score: how well it answers the question, in about [0, 1.1], with a reader [0, 1.6], higher is better.
        overlap: weighed share in [0, 1] of the question's content words that stand in the sentence itself.
        span: the words of the sentence that answer, as the reader reads it; None without a reader.
        probability: the reader's, in [0, 1], that they do; 0 without one.
    """

    number: int
    citation: Citation
    score: float
    overlap: float
    span: Citation | None = None
    probability: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the hits hold for a question.

    Attributes:
        hits: those with the best sentences first; citation n points to hits[n - 1].
        ranked: their sentences, best first.
        extracts: the best sentences as verbatim claims; empty when nothing answers.
        short: the words in the best sentence that answer, one for each version; empty without a reader.
        versions: two or more when articles disagree on the value asked for.
        confidence: the best sentence's score, 0 without one.
    """

    hits: tuple[Hit, ...]
    ranked: tuple[Candidate, ...]
    extracts: tuple[Claim, ...]
    versions: tuple[Version, ...]
    short: tuple[Citation, ...] = ()
    confidence: float = 0.0


def measured_threshold(reader: Reader | None) -> float:
    """The least score at which a best sentence counts as an answer."""
    return THRESHOLD_READ if reader else THRESHOLD


def weigh(
    question: str,
    hits: Sequence[Hit],
    embedder: Embedder,
    reader: Reader | None = None,
    threshold: float | None = None,
) -> Evidence:
    """Rank the sentences of the hits, and say what they answer and where they disagree.

    Args:
        threshold: least score of an answer; default: the measured one.
    """
    ranked = rank_sentences(question, hits, embedder, reader)
    if threshold is None:
        threshold = measured_threshold(reader)
    order = list(dict.fromkeys([c.number for c in ranked])) or []
    order += [n for n in range(1, len(hits) + 1) if n not in order]
    renumbered = {old: new for new, old in enumerate(order, 1)}
    ranked = [
        replace(
            c,
            number=renumbered[c.number],
            citation=replace(c.citation, number=renumbered[c.number]),
            span=replace(c.span, number=renumbered[c.number]) if c.span else None,
        )
        for c in ranked
    ]
    versions = find_versions(question, ranked, threshold)
    extracts = choose_extracts(ranked, threshold)
    if versions:
        # Each version must be heard, so its best sentence comes before what is merely near.
        voices = [version.citations[0] for version in versions]
        extracts = tuple(Claim(voice.quote, (voice,), 1.0) for voice in voices)
    short = _short_answer(ranked, extracts, bool(versions))
    return Evidence(
        tuple(hits[n - 1] for n in order),
        tuple(ranked),
        extracts,
        versions,
        short,
        max(0.0, ranked[0].score) if ranked else 0.0,
    )


def pack(evidence: Evidence, *, passages: int, words: int) -> list[Passage]:
    """The hits' passages cut down to the sentences that matter, for a model to read.

    Sentences are taken best first until `words` are full; each brings the one before it along, which often says who
    "he" is, while there is room. Citation numbers stay those of the evidence.

    Args:
        passages: at most this many of the first hits.
        words: at most about this many words in all; the best sentence is always taken.

    Returns:
        Passages whose text is the chosen sentences in order, gaps shown as " … "; their offsets stay those of the
        whole passage. Hits without a chosen sentence come last and are left out.
    """
    chosen: dict[int, dict[int, str]] = {}
    left = words
    for candidate in evidence.ranked:
        if candidate.number > passages:
            continue
        passage = candidate.citation.passage
        around = sentences(passage.text)
        at = next((i for i, s in enumerate(around) if passage.start + s.end == candidate.citation.end), None)
        if at is None:
            continue
        kept = chosen.setdefault(candidate.number, {})
        for i in (at, at - 1):
            if i < 0 or i in kept:
                continue
            size = len(around[i].text.split())
            if size <= left or (not kept and len(chosen) == 1):
                kept[i] = around[i].text
                left -= size
            elif i == at:
                break
        if left <= 0:
            break
    packed = []
    for number, hit in enumerate(evidence.hits[:passages], 1):
        taken = chosen.get(number)
        if not taken:
            break
        text = ""
        for i in sorted(taken):
            text += (" " if i - 1 in taken else " … ") * bool(text) + taken[i]
        packed.append(replace(hit.passage, text=text))
    return packed


def _short_answer(ranked: Sequence[Candidate], extracts: Sequence[Claim], differing: bool) -> tuple[Citation, ...]:
    """The reader's spans in the extracts: of all where the articles differ, else of the first."""
    spans = {(c.citation.passage.id, c.citation.start): c.span for c in ranked if c.span}
    wanted = [claim.citations[0] for claim in (extracts if differing else extracts[:1])]
    found = [spans.get((citation.passage.id, citation.start)) for citation in wanted]
    return tuple(span for span in found if span is not None)


def asked_for(question: str) -> str:
    """The kind of thing a question asks for: "date", "number", "name" or "any"."""
    folded = f" {question.casefold().strip()} "
    if re.search(r"\b(when|what (?:day|date|year|month)|which (?:day|date|year|month)|how long ago)\b", folded):
        return "date"
    if re.search(r"\bhow (?:many|much|long|far|big|large|old|often)\b|\bwhat (?:percentage|share|number)\b", folded):
        return "number"
    if re.search(r"\b(who|whom|whose|where|which)\b", folded):
        return "name"
    return "any"


def rank_sentences(
    question: str, hits: Sequence[Hit], embedder: Embedder, reader: Reader | None = None
) -> list[Candidate]:
    """Score every sentence of the hits, best first; a sentence in two overlapping passages counts once.

    The words part is the share of the question's content words, each weighed by its rarity among the sentences, that
    stand in the sentence (or, for a third of their weight, elsewhere in its passage or title); the meaning part is the
    cosine of the embeddings; the reader's part is the probability it gives to its best span in the sentence.
    """
    seen: dict[tuple[str, int], tuple[int, Citation]] = {}
    for number, hit in enumerate(hits, 1):
        passage = hit.passage
        for s in sentences(passage.text):
            key = (passage.article_id, passage.start + s.end)
            citation = Citation(number, passage, passage.start + s.start, passage.start + s.end)
            # The same sentence may be cut off at the start of an overlapping passage: keep the longer.
            if key not in seen or citation.start < seen[key][1].start:
                seen[key] = (number, citation)
    rows = list(seen.values())
    if asked_for(question) == "number" and re.search(r"\b(?:exact|precise)", question, re.I):
        # "Hundreds" is no answer to "how many exactly".
        rows = [(number, citation) for number, citation in rows if numbers(citation.quote)]
    if not rows:
        return []
    stems = [set(content_stems(c.quote)) for _, c in rows]
    context = [set(content_stems(f"{c.passage.title} {c.passage.text}")) for _, c in rows]
    rarity = _rarity(content_stems(question), stems)
    for word in content_stems(" ".join(_MEASURE.findall(question))):
        rarity[word] *= MEASURE_WEIGHT
    texts = [f"{c.passage.title}. {c.quote}" for _, c in rows]
    vectors = embedder.encode([question], kind="query") @ embedder.encode(texts, kind="passage").T
    kind = asked_for(question)
    readings = _read(question, [c for _, c in rows], reader) if reader else [None] * len(rows)
    ranked = [
        Candidate(
            number,
            citation,
            WEIGHT_WORDS * _coverage(rarity, stems[i], context[i], _same_forms(question, citation.quote))
            + WEIGHT_MEANING * float(vectors[0, i])
            + (BONUS_KIND if _holds(kind, question, citation.quote) else 0.0)
            + (WEIGHT_READER * _trusted(reading, question, citation.passage.text) if reading else 0.0),
            _coverage(rarity, stems[i], set()),
            _span(citation, reading, question),
            reading.probability if reading else 0.0,
        )
        for i, ((number, citation), reading) in enumerate(zip(rows, readings, strict=True))
    ]
    return sorted(ranked, key=lambda c: (-c.score, c.number, c.citation.start))


def _read(question: str, citations: Sequence[Citation], reader: Reader) -> list[Reading]:
    """The reader's best span in each cited sentence, read in its passage; offsets in the passage."""
    passages = list({c.passage.id: c.passage for c in citations}.values())
    regions = [[(c.start - p.start, c.end - p.start) for c in citations if c.passage.id == p.id] for p in passages]
    read = reader.read(question, [p.text for p in passages], regions=regions)
    following = {p.id: iter(found) for p, found in zip(passages, read, strict=True)}
    return [next(following[c.passage.id]) for c in citations]


def _span(citation: Citation, reading: Reading | None, question: str) -> Citation | None:
    if reading is None or reading.end == reading.start:
        return None
    # Read in the sentence alone, so that a list never runs into the next one.
    sentence, left = citation.quote, citation.start - citation.passage.start
    start, end = reading.start - left, reading.end - left
    start, end = whole_span(sentence, start, end, question)
    return replace(citation, start=citation.start + start, end=citation.start + end)


def whole_span(sentence: str, start: int, end: int, question: str) -> tuple[int, int]:
    """A span of a sentence; for "who" that of the whole list of names, for "when" of the whole date, it is part of."""
    if _WHO.match(question):
        return whole_list(sentence, start, end, question)
    return whole_date(sentence, start, end) if _WHEN.match(question) else (start, end)


def whole_date(text: str, start: int, end: int) -> tuple[int, int]:
    """The span widened to the whole dates that it lies in or cuts: "October" of "4 October 2023"."""
    cut = [d for d in days(text) if d.start < end and start < d.end]
    return min([start, *(d.start for d in cut)]), max([end, *(d.start + len(d.text.rstrip(".")) for d in cut)])


def whole_list(text: str, start: int, end: int, question: str) -> tuple[int, int]:
    """The span of a whole list of names when the given one holds some of them: "Qatar" of "Turkey and Qatar".

    The reader likes short answers. Unchanged when the question names another member itself ("who, with Jim Nantz, …").
    """
    asked = set(content_stems(question))
    for listed in _LISTED.finditer(text):
        if not (listed.start() <= start and end <= listed.end()):
            continue
        members = [(listed.start() + m.start(), listed.start() + m.end()) for m in re.finditer(_NAMES, listed.group())]
        others = " ".join(text[a:b] for a, b in members if b <= start or a >= end)
        starts, ends = {a for a, _ in members}, {b for _, b in members}
        if start in starts and end in ends and not asked & set(content_stems(others)):
            return listed.span()
    return start, end


def choose_extracts(ranked: Sequence[Candidate], threshold: float = THRESHOLD) -> tuple[Claim, ...]:
    """The best sentences as verbatim claims; empty when none reaches the threshold.

    Sentences within NEAR_BEST of the best are kept, at most MOST_EXTRACTS, of different articles first.
    """
    best = ranked[0].score if ranked else 0.0
    if best < threshold:
        return ()
    near = [c for c in ranked if c.score >= max(threshold, best - NEAR_BEST)]
    chosen: list[Candidate] = []
    for candidate in near:
        if all(c.citation.passage.article_id != candidate.citation.passage.article_id for c in chosen):
            chosen.append(candidate)
    return tuple(Claim(c.citation.quote, (c.citation,), 1.0) for c in chosen[:MOST_EXTRACTS])


def find_versions(question: str, ranked: Sequence[Candidate], threshold: float = THRESHOLD) -> tuple[Version, ...]:
    """The different values that articles give for a number or a date asked for; empty when they agree.

    Two values are versions of one only if their sentences speak of the same thing: both nearly as good as the best and
    holding most of the question's words; or, for a length, both lengths in one unit and of about the same size. Dates
    are completed from the day of publication first, so that "on Wednesday" and "29 October" can agree.
    """
    kind = asked_for(question)
    if kind not in {"number", "date"} or not ranked or ranked[0].score < threshold:
        return ()
    groups: list[tuple[Number | Day, list[Citation]]] = []
    for candidate in ranked:
        values = _values(kind, question, candidate.citation)
        near = candidate.score >= ranked[0].score - 2 * NEAR_BEST and candidate.overlap >= SAME_THING
        if groups and not near:
            values = [value for value in values if _same_length(groups[0][0], value)]
        elif not near and candidate.score < threshold:
            continue
        known = [g for g in groups if any(_agree(g[0], value) for value in values)]
        if known:
            known[0][1].append(candidate.citation)
        elif values:
            groups.append((values[0], [candidate.citation]))
    versions = [(value, _one_per_article(citations)) for value, citations in groups]
    articles = {c.passage.article_id for _, citations in versions for c in citations}
    if len(versions) < 2 or len(articles) < 2:
        return ()
    return tuple(Version(_shown(value), citations) for value, citations in versions)


def _same_length(one: Number | Day, other: Number | Day) -> bool:
    if not isinstance(one, Number) or not isinstance(other, Number) or one.unit not in {"km", "mile", "m"}:
        return False
    return one.unit == other.unit and min(one.amount, other.amount) * 5 >= max(one.amount, other.amount) * 4


def _values(kind: str, question: str, citation: Citation) -> Sequence[Number | Day]:
    if kind == "date":
        return [day.completed(citation.passage.published) for day in days(citation.quote)]
    wanted = set(content_stems(question))
    length = re.search(r"\bhow (?:long|far|tall|wide|high|deep)\b", question.casefold())
    share = re.search(r"\b(?:by how much|percentage|share|per cent|percent)\b", question.casefold())
    money = re.search(r"\bhow much\b.*\b(?:cost|pay|paid|spend|spent|worth|money|price)\b", question.casefold())
    found = []
    for number in numbers(citation.quote):
        noun = set(content_stems(number.noun))
        if length:
            fits = number.unit in {"km", "mile", "m"} or bool(noun & {"day", "hour", "week", "month", "year", "minut"})
        elif money:
            fits = number.unit in {"$", "€", "£"}
        elif share:
            fits = number.unit == "%"
        else:
            fits = bool(noun & wanted)
        if fits:
            found.append(number)
    return found


def _agree(one: Number | Day, other: Number | Day) -> bool:
    if isinstance(one, Number) and isinstance(other, Number):
        return one.amount == other.amount and one.unit == other.unit
    return isinstance(one, Day) and isinstance(other, Day) and one.agrees(other)


def _shown(value: Number | Day) -> str:
    if isinstance(value, Day) and value.weekday is not None and value.day is not None:
        return f"{value.text} ({value.year}-{value.month:02d}-{value.day:02d})"
    if isinstance(value, Number) and value.noun and not value.unit.strip("ordinal"):
        return f"{value.text} {value.noun}"
    return value.text


def _one_per_article(citations: Sequence[Citation]) -> tuple[Citation, ...]:
    first: dict[str, Citation] = {}
    for citation in citations:
        first.setdefault(citation.passage.article_id, citation)
    return tuple(first.values())


def _rarity(question: Sequence[str], sentence_stems: Sequence[set[str]]) -> dict[str, float]:
    counts = Counter(stem for stems in sentence_stems for stem in stems)
    return {stem: math.log(1 + len(sentence_stems) / (1 + counts[stem])) for stem in question}


def _coverage(rarity: dict[str, float], sentence: set[str], context: set[str], exact: set[str] | None = None) -> float:
    """The weighed share of the question's stems in the sentence; those not in `exact` (default: all) count less."""
    if not rarity:
        return 0.0
    found = 0.0
    for word, weight in rarity.items():
        if word in sentence:
            found += weight * (1.0 if exact is None or word in exact else OTHER_FORM)
        elif word in context:
            found += weight / 3
    return found / sum(rarity.values())


def _trusted(reading: Reading, question: str, text: str) -> float:
    """The reader's probability, lowered where "who" is answered without a name: "regional" of "regional mediation"."""
    named = any(c.isupper() or c.isdigit() for c in text[reading.start : reading.end])
    return reading.probability * (1.0 if named or not _WHO.match(question) else NAMELESS)


def _same_forms(question: str, text: str) -> set[str]:
    """The stems of the words that stand in both in the same form."""
    return {stem(word) for word in set(words(question)) & set(words(text))}


def _holds(kind: str, question: str, text: str) -> bool:
    if kind == "date":
        return bool(days(text))
    if kind == "number":
        return bool(numbers(text))
    if kind == "name":
        asked = question.casefold()
        return any(name.casefold() not in asked for name in _NAMED.findall(text))
    return False

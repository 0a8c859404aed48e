"""What the hits hold for a query: their sentences, ranked by how likely each answers it. Pure, and no threshold in it.

A sentence's probability is a logistic regression on the features below, fitted on public question sets by
training/probability.py; models/probability holds its coefficients. Knows nothing about language models.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from rag.answering.accounts import accounts_of
from rag.answering.fitting import Row, asked_in_tables, eligible, fitting_rows, names_given, opposing
from rag.answering.versions import values_of
from rag.language.aliases import in_text
from rag.language.measures import fitting
from rag.language.spans import before_verb, whole_span
from rag.language.values import days, numbers
from rag.language.words import STOP_WORDS, content_stems, stem, words
from rag.resources import from_manifest
from rag.types import COMPARABLE, OPEN_KINDS, Candidate, Citation, Finding, Hit, Query, Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.models.judge import Judge
    from rag.models.reader import Reader

#: What is known of a sentence for a query, in the order of the columns of `features`:
#: logit, top_logit: the reader's, in tens, clipped to [-2, 2]; and how far it lies below the best of all hits.
#: cosine, top_cosine: of sentence and query in [-1, 1]; and how far it lies below the best.
#: covered, context: share in [0, 1] of the query's content stems, each weighed by its rarity among the sentences, that
#:   stand in the sentence; and in its passage or title.
#: same_form: of those in the sentence, the weighed share that stands there in the same form.
#: holds, span_holds: 1 when the sentence, or the reader's span, holds the kind of thing asked for, else 0.
#: words: natural logarithm of 1 + the sentence's words.
#: negation: 1 when one of query and sentence denies and the other does not, else 0.
#: read: 1 when the hit was read, else 0 (logit and top_logit are then 0).
#: open_*: the same for a query of an open kind, else 0.
#: open_rank: 1 / the hit's rank for a query of an open kind, else 0: where a passage stands says little about whether
#:   one of its sentences is the answer to a factoid.
BASE = (
    "logit", "top_logit", "cosine", "top_cosine", "covered", "context", "same_form", "holds", "span_holds", "words",
    "negation", "read",
)  # fmt: skip
FEATURES = (*BASE, "open", *(f"open_{name}" for name in BASE), "open_rank")

_DENIES = re.compile(r"\b(?:not|never|no|nobody|none|without|cannot)\b|n['’]t\b", re.I)
_PROPER = re.compile(r"[^\W\d_a-zß-öø-ÿ]\w*|\d+")


@dataclass(frozen=True, slots=True)
class Probability:
    """A logistic regression over `FEATURES`.

    Attributes:
        weights: one for each feature, in their order.
        intercept: added to their sum.
        threshold: the measured probability below which a best sentence is no answer to a factoid.
        threshold_open: the same for an open question, whose answer seldom stands in one sentence.
    """

    weights: tuple[float, ...]
    intercept: float
    threshold: float
    threshold_open: float

    def of(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities in [0, 1], shape (n,), of rows of features, shape (n, len(FEATURES))."""
        import numpy as np

        z = rows.astype(np.float64) @ np.array(self.weights) + self.intercept
        values: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(z, -60, 60)))
        return values


@cache
def shipped_probability() -> Probability:
    """The regression that comes with the package.

    Raises:
        ModelMissing, ModelBroken: models/probability/manifest.json is missing, damaged, or of other features.
    """
    return from_manifest("probability", _of_manifest)


def _of_manifest(data: Any) -> Probability:
    weights = tuple(float(data["weights"][name]) for name in FEATURES)
    return Probability(weights, float(data["intercept"]), float(data["threshold"]), float(data["threshold_open"]))


def read(query: Query, hits: Sequence[Hit], reader: Reader) -> tuple[Hit, ...]:
    """The hits with one reading for each of their sentences; all are read in one call."""
    texts = [hit.passage.text for hit in hits]
    regions = [[(s.start - h.passage.start, s.end - h.passage.start) for s in h.passage.sentences] for h in hits]
    found = reader.read(query.text, texts, regions=regions)
    return tuple(
        replace(hit, readings=tuple(_shifted(reading, hit.passage.start) for reading in readings))
        for hit, readings in zip(hits, found, strict=True)
    )


def _shifted(reading: Reading, by: int) -> Reading:
    return replace(reading, start=reading.start + by, end=reading.end + by)


def find(
    query: Query, hits: Sequence[Hit], probability: Probability | None = None, judge: Judge | None = None
) -> Finding:
    """Rank the sentences of the hits that may answer (see `fitting`); one that stands in two passages counts once.

    A sentence is weighed against those only that may answer too.

    Args:
        judge: tells where names, or yes and no, conflict; without one only numbers and days do.
    """
    import numpy as np

    probability = probability or shipped_probability()
    rows = quotable(hits)
    if not rows:
        return Finding(query, tuple(hits), ())
    known = features(query, rows)
    tops = [n for n, name in enumerate(FEATURES) if name.endswith(("top_logit", "top_cosine"))]
    apart = known.copy()
    apart[:, tops] = 0
    alone = _weighed(query, rows, probability.of(apart).tolist())
    cells = asked_in_tables(query, rows)
    _told_by_row(cells, alone)
    against, swapped = opposing(query, rows)
    able = {n for n in fitting_rows(query, rows) if n not in swapped and cells.get(n) != (0, 0)}
    kept = sorted(against or (able and eligible(query, rows, alone, able)))
    if not kept:
        return Finding(query, tuple(hits), ())
    known[:, tops] = np.maximum(known[:, tops] - known[sorted(against or able)][:, tops].min(axis=0), 0)
    likely = _weighed(query, rows, probability.of(known).tolist())
    _told_by_row(cells, likely)
    ranked = [
        Candidate(
            Citation(rows[n].hit, rows[n].sentence.start, rows[n].sentence.end),
            max(alone) if against else likely[n],
            None if against else _span(query, rows[n], cells.get(n)),
            alone[n],
        )
        for n in kept
    ]
    ranked.sort(key=lambda c: (-c.probability, -c.alone if against else 0, c.citation.number, c.citation.start))
    if query.order and not against:
        ranked = in_time(ranked, query.order)
    elif not (against or query.speech or query.kind in OPEN_KINDS):
        ranked = by_agreement(ranked)
    values = values_of(query, ranked)
    if judge and not values and not against:
        values = accounts_of(query, ranked, hits, judge)
    return Finding(query, tuple(hits), tuple(ranked), values, bool(against))


def _told_by_row(cells: Mapping[int, tuple[int, int] | None], values: list[float]) -> None:
    """The row of a table that is asked of is as likely as the likeliest of the table: the reader knows no columns."""
    asked = [n for n, cell in cells.items() if cell != (0, 0)]
    if asked:
        most = max(values[n] for n in cells)
        for n in asked:
            values[n] = most


def quotable(hits: Sequence[Hit]) -> list[Row]:
    """The sentences of the hits that may be quoted, each once, in order."""
    found: dict[tuple[str, int], Row] = {}
    for hit in hits:
        for i, sentence in enumerate(hit.passage.sentences):
            key = (hit.passage.article.id, sentence.start)
            if not sentence.answers or key in found:
                continue
            reading = hit.readings[i] if hit.readings else None
            found[key] = Row(hit, sentence, reading, hit.cosines[i] if hit.cosines else 0.0)
    return list(found.values())


def _weighed(query: Query, rows: Sequence[Row], values: list[float]) -> list[float]:
    """The probabilities where the regression's features mean something, and what takes their place elsewhere."""
    return _corrected(rows, _foreign(rows, query, values))


def _corrected(rows: Sequence[Row], values: list[float]) -> list[float]:
    """The probabilities, a correction taking over that of the sentence which it corrects."""
    for n, row in enumerate(rows):
        if row.sentence.right:
            same = [v for r, v in zip(rows, values, strict=True)
                    if r.sentence.withdrawn and r.hit.passage.article.id == row.hit.passage.article.id]  # fmt: skip
            values[n] = max([values[n], *same])
    return values


def _foreign(rows: Sequence[Row], query: Query, values: list[float]) -> list[float]:
    """The probabilities; of a language that the reader cannot read, the weighed share of the words asked for."""
    if all(row.english for row in rows):
        return values
    stems = [set(content_stems(row.text)) for row in rows]
    rarity = _rarity(content_stems(query.text), stems)
    return [v if row.english else _coverage(rarity, s) for row, v, s in zip(rows, values, stems, strict=True)]


def in_time(ranked: Sequence[Candidate], order: str) -> list[Candidate]:
    """The newest or oldest of the sentences first, among those comparable with the best; then the others.

    A sentence's day is the one that it names, else that of its article.
    """
    if not ranked:
        return []
    near = [c for c in ranked if c.alone >= COMPARABLE * ranked[0].alone]
    dated = sorted((c for c in near if _day_of(c)), key=lambda c: _day_of(c) or date.min, reverse=order == "latest")
    found = [*dated, *(c for c in near if not _day_of(c)), *(c for c in ranked if c not in near)]
    # The others are no rivals but accounts of other times: one of them answers as surely as the likeliest taken alone.
    return [replace(found[0], probability=max(c.alone for c in near)), *found[1:]]


def by_agreement(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The answer first that several articles together make likeliest, each counted once; then the others.

    Only sentences comparable with the likeliest count. What is put first answers as surely as that one does.
    """
    groups: list[tuple[frozenset[str], list[Candidate]]] = []
    for candidate in ranked:
        if candidate.span is None or candidate.probability < COMPARABLE * ranked[0].probability:
            continue
        answer = frozenset(words(candidate.span.quote)) - STOP_WORDS
        group = next((same for known, same in groups if _one_answer(known, answer)), None)
        if group is None:
            groups.append((answer, [candidate]))
        elif all(c.citation.article.id != candidate.citation.article.id for c in group):
            group.append(candidate)
    first = max((same for _, same in groups), key=_together, default=[])
    if len(first) < 2 or _together(first) <= ranked[0].probability:
        return list(ranked)
    return [replace(first[0], probability=ranked[0].probability), *(c for c in ranked if c is not first[0])]


def _together(same: Sequence[Candidate]) -> float:
    return sum(candidate.probability for candidate in same)


def _one_answer(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one) and len(one) == len(other) and all(in_text(word, other) for word in one)


def _day_of(candidate: Candidate) -> date | None:
    published = candidate.citation.article.published
    for day in days(candidate.citation.quote):
        full = day.completed(published)
        if full.year and full.month:
            return date(full.year, full.month, full.day or 1)
    return published


def features(query: Query, rows: Sequence[Row]) -> NDArray[np.float32]:
    """What is known of each sentence, float32 (len(rows), len(FEATURES)); see `FEATURES`."""
    import numpy as np

    stems = [set(content_stems(row.text)) for row in rows]
    contexts = {row.hit.rank: _context(row.hit) for row in rows}
    rarity = _rarity(content_stems(query.text), stems)
    asked_words = set(words(query.text))
    denied = bool(_DENIES.search(query.text))
    logits = [_clipped(row.reading) for row in rows]
    best_logit, best_cosine = max(logits), max(row.cosine for row in rows)
    base = np.zeros((len(rows), len(BASE)), dtype=np.float32)
    for n, row in enumerate(rows):
        text = row.text
        same = {stem(word) for word in asked_words & set(words(text))}
        covered = _coverage(rarity, stems[n])
        span = row.hit.passage.slice(row.reading.start, row.reading.end) if row.reading else ""
        base[n] = (
            logits[n],
            best_logit - logits[n],
            row.cosine,
            best_cosine - row.cosine,
            covered,
            _coverage(rarity, stems[n] | contexts[row.hit.rank]),
            _coverage(rarity, stems[n] & same) / covered if covered else 0.0,
            holds(query, text),
            bool(span) and holds(query, span),
            math.log1p(len(text.split())),
            denied != bool(_DENIES.search(text)),
            row.reading is not None,
        )
    is_open = np.float32(query.kind in OPEN_KINDS)
    ranks = np.array([[1 / row.hit.rank] for row in rows], dtype=np.float32)
    return np.hstack([base, np.full((len(rows), 1), is_open), base * is_open, ranks * is_open])


def holds(query: Query, text: str) -> bool:
    """Whether a text holds the kind of thing that is asked for; for kinds of no outer form, whether it holds words."""
    if query.kind == "date":
        return bool(days(text))
    if query.kind == "number":
        return bool(numbers(text))
    if query.kind in {"person", "place", "entity"}:
        asked = set(words(query.text))
        return any(name.casefold() not in asked for name in _PROPER.findall(text))
    return bool(text.strip())


def _span(query: Query, row: Row, cell: tuple[int, int] | None = None) -> Citation | None:
    """The reader's words, widened to the whole date, number or list of names that they are part of.

    Where they are of another kind than is asked for, the words of that kind that stand next to them.

    Args:
        cell: of a row of a table, offsets in it of the cell asked for.
    """
    left = row.sentence.start
    if cell:
        return Citation(row.hit, left + cell[0], left + cell[1])
    if not row.english:
        return None
    if query.speech == "who":
        return _speaker(row) if row.sentence.speaker else None
    if row.sentence.right:
        return Citation(row.hit, *row.sentence.right)
    if row.reading is None or row.reading.start == row.reading.end:
        return None
    start, end = whole_span(row.text, row.reading.start - left, row.reading.end - left, query.kind, query.text)
    if query.kind in {"number", "person", "place"}:
        end = before_verb(row.text, start, end)
    places = _places_of_kind(query, row.text, row.text[start:end])
    if places and not any(a < end and start < b for a, b in places):
        start, end = min(places, key=lambda place: max(place[0] - end, start - place[1]))
    elif places is not None and not places:
        return None
    return Citation(row.hit, left + start, left + end)


def _places_of_kind(query: Query, text: str, span: str) -> list[tuple[int, int]] | None:
    """Offsets of what a sentence has of the kind asked for; None when that cannot be told, or need not."""
    if query.kind in {"number", "date", "entity"}:
        values = fitting(query.text, text)
        if values is None and query.kind == "number":
            values = [number for number in numbers(text) if number.unit != "ordinal"] or None
        return None if values is None else [(value.start, value.end) for value in values]
    if query.kind == "person" and numbers(span):
        return names_given(query, text)
    return None


def _speaker(row: Row) -> Citation | None:
    """The speaker's name where the passage has it, else the last part of it."""
    passage, name = row.hit.passage, row.sentence.speaker
    for form in (name, name.split()[-1]):
        if (at := passage.text.find(form)) >= 0:
            return Citation(row.hit, passage.start + at, passage.start + at + len(form))
    return None


def _clipped(reading: Reading | None) -> float:
    return max(-2.0, min(2.0, reading.logit / 10)) if reading else 0.0


def _context(hit: Hit) -> set[str]:
    return set(content_stems(f"{hit.passage.article.title} {hit.passage.text}"))


def _rarity(question: Sequence[str], sentence_stems: Sequence[set[str]]) -> dict[str, float]:
    counts = Counter(stem for stems in sentence_stems for stem in stems)
    return {stem: math.log(1 + len(sentence_stems) / (1 + counts[stem])) for stem in question}


def _coverage(rarity: Mapping[str, float], found: set[str]) -> float:
    total = sum(rarity.values())
    return sum(weight for word, weight in rarity.items() if word in found) / total if total else 0.0

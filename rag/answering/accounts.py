"""Where articles give different names for what is asked, or one says yes and another no: told by the judge.

Numbers and days are told apart by their amounts (`rag.answering.versions`). Knows nothing about thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.answering.verdict import conflict
from rag.language.aliases import in_text
from rag.language.names import names
from rag.language.parts import asks_for_all
from rag.language.premises import asks_several
from rag.language.words import words
from rag.types import COMPARABLE, Candidate, Hit, Query, Version

if TYPE_CHECKING:
    from rag.models.judge import Judge

#: Sentences of other articles that the likeliest is held against; each costs two readings of the judge.
HELD_AGAINST = 3


def accounts_of(query: Query, ranked: Sequence[Candidate], hits: Sequence[Hit], judge: Judge) -> tuple[Version, ...]:
    """The different names, or the yes and the no, that the likeliest sentences of different articles give, likeliest
    first; what agrees stands together. Empty where nothing conflicts, and where several things are asked for.

    Args:
        ranked: the sentences, likeliest first.
        hits: what else their articles say.
    """
    named = query.kind in {"person", "place", "entity"}
    if not (named or query.kind == "yesno") or query.speech or asks_for_all(query.text) or asks_several(query.text):
        return ()
    first: dict[str, Candidate] = {}
    for candidate in ranked:
        first.setdefault(candidate.citation.article.id, candidate)
    best, *others = first.values()
    near = [c for c in others if c.alone >= COMPARABLE * best.alone and not _leans(c)][:HELD_AGAINST]
    if _leans(best):
        return ()
    groups = _by_name(best, near, hits, judge) if named else _sides(best, near, judge)
    if len(groups) < 2:
        return ()
    return tuple(Version(_told(g, named), tuple(c.citation for c in g), g[0].alone) for g in groups)


def _by_name(best: Candidate, near: Sequence[Candidate], hits: Sequence[Hit], judge: Judge) -> list[list[Candidate]]:
    """The sentences by the name that answers: the best one's, and those that conflict with it."""
    groups: list[list[Candidate]] = []
    for candidate in (best, *near):
        same = next((group for group in groups if _same_name(group[0], candidate)), None)
        if same:
            same.append(candidate)
        elif candidate is best or _name(candidate):
            groups.append([candidate])
    mine, *others = groups
    return [mine, *(group for group in others if any(_rivals(a, b, hits, judge) for a in mine for b in group))]


def _sides(best: Candidate, near: Sequence[Candidate], judge: Judge) -> list[list[Candidate]]:
    """The sentences that say as the best one does, and those that say the opposite."""
    quote = best.citation.quote
    against = [c for c in near if conflict(quote, c.citation.quote, judge)]
    if not against:
        return []
    opposite = against[0].citation.quote
    beside = [c for c in near if c not in against and conflict(opposite, c.citation.quote, judge)]
    return [[best, *beside], against]


def _rivals(one: Candidate, other: Candidate, hits: Sequence[Hit], judge: Judge) -> bool:
    """Whether two sentences give different names for one thing. Where an article has both names it may tell of two
    things, or of one after the other, and nothing is said to conflict."""
    mine, theirs = _name(one), _name(other)
    if not mine or not theirs or _has(hits, one, theirs) or _has(hits, other, mine):
        return False
    return conflict(one.citation.quote, other.citation.quote, judge, (mine, theirs))


def _leans(candidate: Candidate) -> bool:
    """Whether a sentence begins with a pronoun or an office, so that taken alone it does not say of whom it speaks."""
    passage, start = candidate.citation.passage, candidate.citation.start
    return bool(passage.sentences) and passage.sentences[passage.index(start)].antecedent >= 0


def _name(candidate: Candidate) -> str:
    """The one name in the words that answer, "" without one; of several each may be as true as the others."""
    found = names(f"by {candidate.span.quote}") if candidate.span else []
    return found[0].text if len(found) == 1 else ""


def _same_name(one: Candidate, other: Candidate) -> bool:
    """Whether the shorter answer stands in the longer, as "Bo" in "Ada Bo"."""
    short, long = sorted((words(_name(one)), words(_name(other))), key=len)
    return bool(short) and all(in_text(word, long) for word in short)


def _has(hits: Sequence[Hit], candidate: Candidate, name: str) -> bool:
    """Whether the hits of a sentence's article have the last word of a name."""
    article = candidate.citation.article
    texts = [article.title, *(hit.passage.text for hit in hits if hit.passage.article.id == article.id)]
    return in_text(words(name)[-1], set(words(" ".join(texts))))


def _told(group: Sequence[Candidate], named: bool) -> str:
    """The fullest form of a group's name, else what its first sentence says."""
    return max(map(_name, group), key=len) if named else " ".join(group[0].citation.quote.split())

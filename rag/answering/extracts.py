"""Verbatim answers: which sentences are shown when no language model writes, and which words answer "in short".

Knows nothing about language models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.finding import shipped_probability
from rag.answering.fitting import speaks
from rag.language.parts import asks_for_all
from rag.language.premises import asks_several
from rag.language.words import content_stems, words
from rag.types import COMPARABLE, FACTOID_KINDS, Candidate, Citation, Claim, Finding, Hit, Query, Version

#: Sentences of an answer: of a factoid, and of an open question (table: eval/README.md).
MOST, MOST_OPEN = 3, 3
#: Sentences for a side of a comparison: with 2, 3, 4 and 6 of them 2 of the 5 comparisons of eval/gold/open.jsonl are
#: right, in 66, 101, 124 and 179 words.
MOST_OF_SIDE = 2
#: Sentences where a short answer is wanted.
BRIEF = 1
#: Open kinds whose best sentence may hold the answer in a few words.
NAMED = ("list", "definition")
#: Of an open question no sentence is shown that is less than a tenth as likely as the best (table: eval/README.md).
RELEVANT = 0.1
#: Words that begin a clause, not the name of a thing.
_CLAUSE = frozenset("it he she they we this that there".split())


@dataclass(frozen=True, slots=True)
class Extract:
    """What the articles say, verbatim.

    Attributes:
        claims: the sentences; empty when nothing answers.
        short: the words that answer a factoid, one for each version where articles differ.
        versions: two or more where they do.
    """

    claims: tuple[Claim, ...]
    short: tuple[Citation, ...] = ()
    versions: tuple[Version, ...] = ()


def extract(finding: Finding, threshold: float, part: int = 0) -> Extract:
    """The best sentences of a finding, nothing when none of them is at least `threshold` likely.

    Whoever asks for somebody's words gets the best of them, however likely, where the articles report any.

    A factoid gets the best sentence, and further ones of other articles that are likely too; where articles differ,
    one for each version. An open question gets the best sentences of all articles, in the order in which the articles
    were published and have them.
    """
    query = finding.query
    if not finding.ranked or (finding.probability < threshold and not _reported(finding)):
        return Extract(())
    best = finding.ranked[0]
    if finding.opposed:
        return Extract((quoted(best.citation, part, finding.hits),))
    versions = finding.versions(threshold)
    if versions:
        spans = {(c.citation.article.id, c.citation.start): c.span for c in finding.ranked}
        voices = [version.citations[0] for version in versions]
        found = [spans[voice.article.id, voice.start] for voice in voices if query.kind in FACTOID_KINDS]
        short = tuple(span for span in found if span is not None)
        return Extract(tuple(quoted(voice, part, finding.hits) for voice in voices), short, versions)
    if query.kind not in FACTOID_KINDS and query.speech != "who":
        least = RELEVANT * best.alone
        most = BRIEF if query.brief else MOST_OF_SIDE if query.kind == "compare" else MOST_OPEN
        chosen = _spread([c for c in finding.ranked if c.alone >= least], most)
        chosen.sort(key=lambda c: (str(c.citation.article.published or ""), c.citation.article.id, c.citation.start))
        named = query.kind in NAMED and best.probability >= shipped_probability().threshold
        comparable = [best, *(c for c in chosen if c is not best and c.alone >= COMPARABLE * best.alone)]
        return Extract(
            tuple(quoted(c.citation, part, finding.hits) for c in chosen), _short(query, comparable) if named else ()
        )
    english = best.citation.article.english
    chosen = _spread(finding.comparable(threshold), BRIEF if query.brief else MOST, one_per_article=english)
    return Extract(tuple(quoted(c.citation, part, finding.hits) for c in chosen), _short(query, chosen))


def _short(query: Query, chosen: Sequence[Candidate]) -> tuple[Citation, ...]:
    """The words that answer: of the best sentence, and where several things are asked for, of each
    that speaks of it as fully.

    None where a few words cannot answer ("Who attacked whom?"), or where they are half a clause ("it will open").
    """
    if asks_several(query.text):
        return ()
    told = list(chosen[:1])
    if asks_for_all(query.text):
        asked = set(content_stems(query.text))
        fully = [len(asked & set(content_stems(c.citation.quote))) for c in chosen]
        told = [c for c, share in zip(chosen, fully, strict=True) if share >= fully[0]]
    spans = [c.span for c in told if c.span]
    return tuple(span for span in spans if words(span.quote)[:1] and words(span.quote)[0] not in _CLAUSE)


def _reported(finding: Finding) -> bool:
    """Whether the words of the speaker that is asked for are there, on what is asked."""
    if finding.query.speech != "words" or not finding.query.speaker or not finding.ranked:
        return False
    best = finding.ranked[0].citation
    spoken = next((s for s in best.passage.sentences if s.start == best.start), None)
    return spoken is not None and speaks(spoken, finding.query.speaker)


def _spread(candidates: Sequence[Candidate], most: int, *, one_per_article: bool = False) -> list[Candidate]:
    chosen: list[Candidate] = []
    for candidate in candidates:
        place = candidate.citation
        if any(
            c.citation.article.id == place.article.id and (one_per_article or c.citation.start == place.start)
            for c in chosen
        ):
            continue
        chosen.append(candidate)
        if len(chosen) == most:
            break
    return chosen


def quoted(citation: Citation, part: int, hits: Sequence[Hit] = ()) -> Claim:
    """A sentence as a claim; one that begins with a pronoun, or "the minister", after the sentence that names the one
    meant, where a hit has it.

    Args:
        hits: those of the finding; the sentence that names may stand in another of them.
    """
    inside = citation.passage.sentences
    at = citation.passage.index(citation.start)
    if not inside or inside[at].antecedent < 0:
        return Claim(citation.quote, (citation,), part=part)
    if at and inside[at].antecedent == inside[at - 1].start:
        citation = Citation(citation.hit, inside[at - 1].start, citation.end)
        return Claim(citation.quote, (citation,), part=part)
    names = _naming(inside[at].antecedent, citation, hits)
    if names is None:
        return Claim(citation.quote, (citation,), part=part)
    return Claim(f"{names.quote} … {citation.quote}", (citation, names), part=part)


def _naming(start: int, citation: Citation, hits: Sequence[Hit]) -> Citation | None:
    """The sentence of the same article that begins there, in the first hit that has it."""
    for hit in (citation.hit, *hits):
        if hit.passage.article.id == citation.article.id:
            for sentence in hit.passage.sentences:
                if sentence.start == start and sentence.answers:
                    return Citation(hit, sentence.start, sentence.end)
    return None

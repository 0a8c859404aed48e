"""What an earlier version of a cited article said otherwise of what is answered. Knows nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Sequence

from rag.indexing.contract import EarlierVersion
from rag.language.updates import Difference, differs
from rag.retrieval.retriever import Searcher
from rag.types import Citation, Claim, Passage


def said_earlier(claims: Sequence[Claim], short: Sequence[Citation], searcher: Searcher) -> tuple[str, ...]:
    """One line for each other value that an earlier version of a cited article gave, the newest version first.

    Args:
        claims: of the answer; only what their sentences say otherwise now is told.
        short: the words that answer; where an article gives such words, only what stands in their place is told.
    """
    lines: dict[tuple[str, str], str] = {}
    cited = {citation.passage.id: citation.passage for claim in claims for citation in claim.citations}
    for passage in cited.values():
        places = [c for claim in claims for c in claim.citations if c.passage.id == passage.id]
        spans = [c for c in short if c.article.id == passage.article.id]
        for version in searcher.versions(passage.article.id):
            for difference in _differences(version, passage):
                if _concerns(difference, passage, places, spans):
                    key = passage.article.id, difference.one or difference.kind
                    lines.setdefault(key, _line(difference, version, passage))
    return tuple(lines.values())


def _differences(version: EarlierVersion, passage: Passage) -> tuple[Difference, ...]:
    article = passage.article
    return differs(
        version.text, passage.text, one_published=version.published, other_published=article.published,
        outlets=(article.source,),
    )  # fmt: skip


def _concerns(difference: Difference, passage: Passage, places: Sequence[Citation], spans: Sequence[Citation]) -> bool:
    """Whether it stands in a cited sentence and, where words answer, in these."""
    start, end = (passage.start + offset for offset in difference.other_sentence)
    if not any(place.start < end and start < place.end for place in places):
        return False
    if difference.kind == "negation" or not spans:
        return True
    other = difference.other.casefold()
    return bool(other) and any(other in s.quote.casefold() or s.quote.casefold() in other for s in spans)


def _line(difference: Difference, version: EarlierVersion, passage: Passage) -> str:
    article = passage.article
    day = version.published
    when = f"of {day:%-d %B %Y}" if day and day != article.published else f"replaced on {version.replaced_at[:10]}"
    start, end = difference.one_sentence
    said = difference.one if difference.one and difference.kind != "negation" else version.text[start:end]
    return f"An earlier version of “{article.title}” ({article.source or 'unknown source'}), {when}, said “{said}”."

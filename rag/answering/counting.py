"""Questions that count over the whole collection, answered by the full-text table and no model."""

from __future__ import annotations

from dataclasses import replace

from rag.language.counting import counted
from rag.retrieval.retriever import Searcher
from rag.types import Citation, Claim, Hit, Query

#: Articles that are cited one by one.
MOST_CITED = 20


def count(query: Query, retriever: Searcher) -> tuple[tuple[Claim, ...], tuple[Hit, ...]]:
    """How many articles, or which outlets, hold what is asked for, with the articles; nothing when none does."""
    asked = counted(query.text, list(retriever.sources()))
    sources = query.sources or asked.sources
    hits = tuple(retriever.holding(replace(query, sources=sources), asked.terms))
    if not hits:
        return (), ()
    about = f" with “{asked.words}”" if asked.words else ""
    of = f" of {' and '.join(sources)}" if sources else ""
    if asked.outlets:
        outlets = list(dict.fromkeys(hit.passage.article.source or "unknown source" for hit in hits))
        have = "outlet has" if len(outlets) == 1 else "outlets have"
        text = f"{len(outlets)} {have} articles{about}: {', '.join(outlets)}."
    else:
        text = f"{len(hits)} {'article' if len(hits) == 1 else 'articles'}{of}{about}."
    cited = tuple(Citation(hit, hit.passage.start, _first_end(hit)) for hit in hits[:MOST_CITED])
    return (Claim(text, cited, "supported", 1.0),), hits


def _first_end(hit: Hit) -> int:
    return hit.passage.sentences[0].end if hit.passage.sentences else hit.passage.end

"""What other frameworks are told about a passage, in values that survive JSON."""

from __future__ import annotations

from rag.types import Hit


def metadata(hit: Hit) -> dict[str, str | int | float]:
    """Where a passage stands and how it was found.

    Returns:
        article_id, title, source (may be ""), published (YYYY-MM-DD or ""), url (may be ""), start and end (character
        offsets in the article), score (fused, higher is better, comparable within one search) and rank (from 1).
    """
    passage = hit.passage
    return {
        "article_id": passage.article.id,
        "title": passage.article.title,
        "source": passage.article.source,
        "published": passage.article.published.isoformat() if passage.article.published else "",
        "url": passage.article.url or "",
        "start": passage.start,
        "end": passage.end,
        "score": hit.score,
        "rank": hit.rank,
    }

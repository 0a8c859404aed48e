"""Values of the vocabulary for tests, made in one line."""

from __future__ import annotations

from datetime import date

from rag.language.sentences import cut
from rag.types import Article, ArticleMeta, Citation, Hit, Passage


def passage(text: str, start: int = 0, id_: str = "a", title: str = "Title", source: str = "", day: date | None = None,
            url: str | None = None) -> Passage:  # fmt: skip
    """A passage of one article, cut into its sentences."""
    shifted = tuple(type(s)(s.start + start, s.end + start, s.role) for s in cut(text))
    return Passage(ArticleMeta(id_, title, source, day, url), text, start, start + len(text), shifted)


def hit(text: str, rank: int = 1, **about: object) -> Hit:
    """A hit of one passage."""
    return Hit(passage(text, **about), 1 / rank, rank)  # type: ignore[arg-type]


def whole(found: Hit) -> Citation:
    """A citation of all of a hit."""
    return Citation(found, found.passage.start, found.passage.end)


def whole_article(article: Article, rank: int = 1) -> Hit:
    """A hit of all of an article."""
    return Hit(
        Passage(article.meta, article.text, 0, len(article.text), cut(article.text, article.spans)), 1 / rank, rank
    )

"""An article becomes passages with exact offsets. Knows nothing about vectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from rag.errors import SettingsError
from rag.models.embedder import Embedder
from rag.types import Article, Passage

_NOT_SPACE = re.compile(r"\S")
_SEPARATORS = [r"\n\n", r"\n", r"(?<=[.!?])\s+|(?<=[.!?][\"”’)])\s+", r"(?<=[,;:])\s+", r"\s+", ""]


def check_passage_tokens(embedder: Embedder, passage_tokens: int) -> None:
    """Make sure that the model can read a whole passage.

    Raises:
        SettingsError: it cannot.
    """
    if passage_tokens > (most := embedder.max_tokens - 2):
        raise SettingsError(
            f"passage_tokens is {passage_tokens}, but {embedder.name} reads {embedder.max_tokens} tokens.",
            f"Set DATELINE_PASSAGE_TOKENS to at most {most}.",
        )


def split(article: Article, count_tokens: Callable[[str], int], *, tokens: int, overlap: int) -> list[Passage]:
    """Passages of at most `tokens` tokens, cut at paragraphs, else sentences, else clauses, else words.

    Every character of the article that is not white space is in at least one passage, and
    `article.text[p.start:p.end] == p.text` holds for each.

    Args:
        count_tokens: the embedding model's own count.
        tokens: most tokens of a passage (1 and up).
        overlap: most tokens shared by neighbours (0 up to half of `tokens`).
    """
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    chunks = RecursiveCharacterTextSplitter(
        separators=_SEPARATORS,
        is_separator_regex=True,
        keep_separator="end",
        chunk_size=tokens,
        chunk_overlap=overlap,
        length_function=lru_cache(maxsize=4096)(count_tokens),
    ).split_text(article.text)
    # A chunk may occur several times. Its true start is at most `latest`, found from the end backwards, and at most
    # the first character not yet covered; the last place that keeps both bounds is never before the true one, so
    # each chunk has a place and nothing but white space is left out.
    latest = [0] * len(chunks)
    bound = len(article.text)
    for n in range(len(chunks) - 1, -1, -1):
        bound = latest[n] = article.text.rfind(chunks[n], 0, bound + len(chunks[n]))
        if bound < 0:
            raise AssertionError(f"a passage of {article.id} is not a slice of it")
        bound -= 1
    passages: list[Passage] = []
    end = 0
    for n, chunk in enumerate(chunks):
        limit = following.start() if (following := _NOT_SPACE.search(article.text, end)) else end
        start = article.text.rfind(chunk, 0, min(limit, latest[n]) + len(chunk))
        if start < 0:
            raise AssertionError(f"a passage of {article.id} is not a slice of it")
        if start + len(chunk) > end:  # else all of it is covered already
            end = start + len(chunk)
            passages.append(_passage(article, start, end))
    return passages


def embedded_text(passage: Passage) -> str:
    """What is embedded for a passage: its article's title above its text, so that a bare passage has a topic."""
    return f"{passage.title}\n{passage.text}"


def _passage(article: Article, start: int, end: int) -> Passage:
    return Passage(
        id=f"{article.id}#{start}-{end}",
        article_id=article.id,
        text=article.text[start:end],
        start=start,
        end=end,
        title=article.title,
        source=article.source,
        published=article.published,
        url=article.url,
    )

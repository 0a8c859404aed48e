"""An article becomes passages: whole sentences, packed up to a number of tokens. Knows nothing about vectors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from rag.errors import SettingsError
from rag.language.sentences import cut
from rag.models.embedder import Embedder
from rag.types import Article, Passage, Sentence

# A run of letters without a space may come out a few tokens too long, which is no matter: the model reads more.
logging.getLogger("langchain_text_splitters").setLevel(logging.ERROR)
#: Where a sentence longer than a passage is cut: at clauses, else words, else anywhere.
_SEPARATORS = [r"(?<=[,;:、，；])\s*", r"\s+", ""]


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


def split(
    article: Article,
    count_tokens: Callable[[str], int],
    *,
    tokens: int,
    overlap: int,
    sentences: Sequence[Sentence] | None = None,
) -> list[Passage]:
    """Passages of whole sentences, at most `tokens` tokens each; only a sentence longer than that is cut.

    Every character of the article that is neither white space nor a bullet is in at least one passage.

    Args:
        count_tokens: the embedding model's own count.
        tokens: most tokens of a passage (1 and up).
        overlap: most tokens of the sentences that neighbours share (0 up to half of `tokens`).
        sentences: the article's; default: cut here.
    """
    from langchain_text_splitters import CharacterTextSplitter

    if sentences is None:
        sentences = cut(article.text, article.spans, article.language)
    count = lru_cache(maxsize=4096)(count_tokens)
    pieces = [piece for sentence in sentences for piece in _pieces(article.text, sentence, count, tokens)]
    lengths = [count(article.text[piece.start : piece.end]) for piece in pieces]
    # The splitter packs the numbers of the pieces, each as long as its piece: so each chunk is a range of pieces.
    chunks = CharacterTextSplitter(
        separator=" ",
        chunk_size=tokens,
        chunk_overlap=overlap,
        length_function=lambda numbers: sum(lengths[int(n)] for n in numbers.split()),
    ).split_text(" ".join(map(str, range(len(pieces)))))
    meta = article.meta
    passages = []
    for chunk in chunks:
        numbers = chunk.split()
        inside = pieces[int(numbers[0]) : int(numbers[-1]) + 1]
        start, end = inside[0].start, inside[-1].end
        passages.append(Passage(meta, article.text[start:end], start, end, tuple(inside)))
    return passages


def embedded_text(passage: Passage) -> str:
    """What is embedded for a passage: its article's title above its text, so that a bare passage has a topic."""
    return f"{passage.article.title}\n{passage.text}"


def sentence_spans(passage: Passage) -> list[tuple[int, int]]:
    """Where the passage's sentences stand in `embedded_text`."""
    shift = len(passage.article.title) + 1 - passage.start
    return [(s.start + shift, s.end + shift) for s in passage.sentences]


def _pieces(text: str, sentence: Sentence, count: Callable[[str], int], tokens: int) -> list[Sentence]:
    """The sentence itself, or what it is cut into where it is longer than a passage."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    whole = text[sentence.start : sentence.end]
    if count(whole) <= tokens:
        return [sentence]
    cut_up = RecursiveCharacterTextSplitter(
        separators=_SEPARATORS,
        is_separator_regex=True,
        keep_separator="end",
        chunk_size=tokens,
        chunk_overlap=0,
        # What has no token, a control character say, would be repeated as an overlap of length 0.
        length_function=lambda part: max(count(part), bool(part)),
    ).split_text(whole)
    pieces, at = [], sentence.start
    for body in cut_up:
        start = text.index(body, at, sentence.end)
        at = start + len(body)
        pieces.append(replace(sentence, start=start, end=at))
    return pieces

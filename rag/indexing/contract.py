"""What every index gives and takes, wherever it lies. Knows nothing about SQLite, FAISS or Milvus.

`Reader` and `Writer` are the contract; `rag.indexing.store` keeps it in a folder (the default), `rag.indexing.milvus`
in a Milvus. `rag.indexing.opening` tells which one an address means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.errors import IndexMismatch
from rag.indexing.listing import Listing, Wanted
from rag.language.mentions import Mention
from rag.types import Article, ArticleMeta, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

#: Earlier versions kept of one article.
MOST_VERSIONS = 20
REBUILD = "Run: rag index --rebuild"


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What an index was built with; an index is opened only with the same."""

    embedding_model: str
    dimension: int
    passage_tokens: int
    passage_overlap: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Which passages may be found; the default lets all through.

    Attributes:
        sources: only articles of these, as `Reader.sources` spells them; empty for all.
        since, until: only articles published in this span, ends included.
        undated: whether articles without a day pass a filter by date.
        articles: ids of the only articles that pass; None for all.
    """

    sources: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    undated: bool = False
    articles: tuple[str, ...] | None = None

    def __bool__(self) -> bool:
        return bool(self.sources or self.since or self.until or self.articles is not None)


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article as listed: without its text.

    Attributes:
        repeats: id of the article that this one nearly duplicates, or None.
    """

    id: str
    title: str
    source: str
    published: date | None
    url: str | None
    origin: str
    passages: int
    repeats: str | None


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """An article as it was before a newer version took its place.

    Attributes:
        content_hash: as `Article.content_hash`.
        replaced_at: when the newer one was read, ISO 8601, UTC.
    """

    title: str
    text: str
    published: date | None
    content_hash: str
    replaced_at: str


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with what the index keeps beside it.

    Attributes:
        group: id of the article that speaks for its near-duplicates, its own id without one.
        vectors: of its sentences, shape (sentences, dimension), rows of length 1 to within a hundredth.
    """

    passage: Passage
    group: str
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Record:
    """An article with all that an index holds of it: what `Writer.put` takes.

    Attributes:
        vectors: of the passages, shape (passages, dimension), rows of length 1.
        sentence_vectors: for each passage, one row of length 1 for each of its sentences.
        bands: of its MinHash, see `rag.indexing.duplicates.bands`.
        repeats: id of the article that it nearly duplicates.
        version_of: id of the article whose story it tells with other values.
        mentions: whom and what it names.
        versions: the earlier ones, oldest first; `Writer.put` leaves them alone.
    """

    article: Article
    passages: Sequence[Passage]
    vectors: Vectors
    sentence_vectors: Sequence[Vectors]
    bands: tuple[int, ...]
    repeats: str | None = None
    version_of: str | None = None
    mentions: Sequence[Mention] = ()
    versions: Sequence[EarlierVersion] = ()


class Reader(Protocol):
    """An index opened for reading; not safe for use by several threads at once: the caller holds a lock.

    Rows are whole numbers that name passages, for as long as a `snapshot` lasts.
    """

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def manifest(self) -> dict[str, str]:
        """What the index was built with: the fields of `BuildSettings` and "format"; {} before the first commit."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """The newest committed state for as long as the block runs, as far as the store can hold it still."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...

    # Articles.

    def article(self, article_id: str) -> Article | None:
        """The article with that id, or None."""
        ...

    def known(self, article_id: str) -> tuple[str, str] | None:
        """Content hash and origin of an article, or None."""
        ...

    def hashes(self) -> dict[str, tuple[str, str]]:
        """Content hash and origin by article id, of all."""
        ...

    def siblings(self, article_id: str) -> list[str]:
        """Ids that begin with this one and "~"."""
        ...

    def at_page(self, page: str) -> str | None:
        """Id of the first article at an address, as `rag.articles.addresses.same_page` writes it, or None."""
        ...

    def alike(self, bands: Collection[int]) -> list[str]:
        """Ids of articles that share a band and repeat no other."""
        ...

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """The earlier versions of an article, newest first."""
        ...

    def repeats_of(self, article_ids: Collection[str]) -> dict[str, tuple[ArticleMeta, ...]]:
        """The near-duplicates that each of these articles speaks for."""
        ...

    def speaker(self, article_id: str) -> str | None:
        """Id of the article that this one nearly duplicates, or None."""
        ...

    def listed(self, wanted: Wanted, most: int = 100, skip: int = 0) -> Listing:
        """Articles for a person to look through, with counts to narrow them by."""
        ...

    def article_rows(self) -> list[ArticleRow]:
        """All articles, newest first, undated last."""
        ...

    def extent(self) -> tuple[date | None, date | None, int]:
        """The first and the last day of publication, None without any, and how many articles nearly repeat another."""
        ...

    def records(self) -> Iterator[Record]:
        """All that is there, article by article, as another index takes it."""
        ...

    # Totals.

    def counts(self) -> tuple[int, int]:
        """Numbers of articles and passages."""
        ...

    def sources(self) -> dict[str, int]:
        """Number of articles by source."""
        ...

    def outlets(self) -> list[tuple[str, str, int]]:
        """Sources, hosts ("" for none), and how many articles have both."""
        ...

    def newest(self) -> date | None:
        """Day of the newest article, None when none is dated."""
        ...

    def last_indexed(self) -> str | None:
        """When an article was last written, ISO 8601 in UTC."""
        ...

    def size_bytes(self) -> int | None:
        """Bytes that it takes up, None where that is not known."""
        ...

    def search_with(self) -> str:
        """How vectors are searched, and with what measured recall, in a line for people."""
        ...

    # Passages.

    def search_vectors(self, query: Vectors, n: int, filters: Filters = NO_FILTERS) -> list[tuple[int, float]]:
        """Passage rows with their cosine in [-1, 1], best first.

        Args:
            query: shape (dimension,), length 1.
        """
        ...

    def search_text(self, words: Sequence[str], n: int, filters: Filters = NO_FILTERS) -> list[tuple[int, float]]:
        """Rows of the passages that hold any of the words, with their BM25 score (0 and up), best first."""
        ...

    def holding(self, words: Sequence[str], filters: Filters = NO_FILTERS) -> list[int]:
        """For each article that holds every word, in title or text, the row of its first passage that holds the most.

        Args:
            words: none asks for all articles.
        """
        ...

    def passages(self, rows: Collection[int]) -> Mapping[int, StoredPassage]:
        """Passages by row."""
        ...


class Writer(Protocol):
    """An index opened for changes; a context manager. Leaving it without `commit` discards what may be discarded."""

    def __enter__(self) -> Writer: ...

    def __exit__(self, *_: object) -> None: ...

    @property
    def store(self) -> Reader:
        """The index as it is with what was written so far."""
        ...

    @property
    def beside(self) -> Path:
        """A folder of this machine for what is kept beside the index: corrections by hand, pieces of long articles."""
        ...

    @property
    def pending(self) -> int:
        """Passages added since the last commit."""
        ...

    @property
    def committed(self) -> int:
        """Passages in the last committed state."""
        ...

    def put(self, record: Record) -> None:
        """Add an article, or replace the one with its id."""
        ...

    def put_version(self, article: Article, replaced_at: str | None = None) -> None:
        """Keep an article as an earlier version of the one with its id; of many the oldest go.

        Args:
            replaced_at: when the newer one was read, ISO 8601, UTC; None for now.
        """
        ...

    def drop_versions(self, article_id: str) -> None:
        """Forget the earlier versions of an article that is deleted."""
        ...

    def touch(self, article_id: str, origin: str) -> None:
        """Record that an unchanged article is now read from another place."""
        ...

    def set_repeats(self, article_id: str, repeats: str | None) -> None:
        """Record which article this one nearly duplicates."""
        ...

    def repeated_by(self, article_id: str) -> list[str]:
        """Ids of the articles that nearly duplicate this one, in the order in which they were indexed."""
        ...

    def delete(self, article_id: str) -> None:
        """Remove an article and its passages; no error when there is none."""
        ...

    def commit(self) -> None:
        """Make everything so far the current state."""
        ...


def compare(manifest: Mapping[str, str], built: BuildSettings | None, format_: str) -> None:
    """Whether an index can be opened with these settings.

    Raises:
        IndexMismatch: names both values and the command that renews the index.
    """
    if manifest.get("format") != format_:
        raise IndexMismatch(
            f"The index has format {manifest.get('format')}, this version reads format {format_}.", REBUILD
        )
    for name in BuildSettings.__slots__ if built else ():
        if manifest[name] != (wanted := str(getattr(built, name))):
            raise IndexMismatch(
                f"The index was built with {name} {manifest[name]}, but the settings say {wanted}.",
                f"{REBUILD} (or set DATELINE_{name.upper()}={manifest[name]}).",
            )

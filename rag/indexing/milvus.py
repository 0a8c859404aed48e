"""The index in a Milvus, for what one machine cannot hold; see `rag.indexing.contract`. Needs pymilvus.

Two collections: NAME_passages has vectors, terms for Milvus's own BM25, and what filters ask; NAME_records has
articles, their texts in pieces, earlier versions and the manifest. Milvus has no transactions, so each article is
written in an order that leaves it whole: a note of what is begun, the passages of its new version, then its record,
which names that version and makes it current at once, then the old passages and the note are deleted. A search drops
passages whose version is not the one that the record names. Several may write at once, each other
articles; nobody locks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.articles.addresses import same_page
from rag.articles.outlets import host_of
from rag.errors import IndexBusy, IndexCorrupted, IndexMissing, IndexWriteError
from rag.indexing.contract import (
    MOST_VERSIONS,
    NO_FILTERS,
    ArticleRow,
    BuildSettings,
    EarlierVersion,
    Filters,
    Record,
    StoredPassage,
    compare,
)
from rag.indexing.fulltext import Tokenizer
from rag.indexing.listing import Listing, Wanted, listing
from rag.indexing.rows import SCHEMA, article_of, day_of, extra_of, meta_of, pack, unpack
from rag.indexing.segments import source_key
from rag.language.mentions import Mention
from rag.language.scripts import search_tokens
from rag.settings import Settings
from rag.types import Article, ArticleMeta, Passage, Sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Raised when what is stored changes.
FORMAT = "milvus-1"
#: Bytes of a text field at most, and characters of a piece of text, each of which may take four.
_MOST_BYTES, _PIECE = 65_535, 16_000
#: Rows that one call asks for or writes at most.
_BATCH = 1000
_LITE_NAME = "dateline"
#: The fields of a record that are read with every article.
_ARTICLE_FIELDS = ["key", "owner", "id", "source", "host", "day", "repeats", "data"]
_META = ("title", "published", "url", "author", "origin", "content_hash", "indexed_at", "passages", "extra", "mentions")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Milvus is, and the index in it.

    Attributes:
        uri: for pymilvus: http(s)://HOST:PORT, or the path of a file of milvus-lite.
        name: of the index, which its collections' names begin with.
        token: USER:PASSWORD or an API key; "" for none.
        shown: for people.
    """

    uri: str
    name: str
    token: str
    shown: str


def address_of(settings: Settings) -> Address | None:
    """The Milvus that the settings name as their index; None when it is a folder."""
    given = str(settings.index_dir)
    # A path has lost one of the slashes.
    if found := re.fullmatch(r"milvus(\+tls)?:/+([^/]+)(?:/(\w+))?/?", given):
        tls, host, name = found.groups()
        name = name or _LITE_NAME
        uri = f"http{'s' if tls else ''}://{host if ':' in host else f'{host}:19530'}"
        return Address(uri, name, settings.milvus_token, f"milvus{tls or ''}://{host}/{name}")
    if settings.index_dir.suffix == ".db" and not (settings.index_dir / "index.sqlite").exists():
        return Address(given, _LITE_NAME, "", given)
    return None


def _key(*parts: object) -> int:
    """A number for a primary key: 63 bits of a digest."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is(name: str, value: str | int) -> str:
    return f"{name} == {_quoted(value)}"


def _among(name: str, values: Collection[int]) -> str:
    return f"{name} in {json.dumps(list(values))}"


def _signed(key: int) -> int:
    return key - 2**64 if key >= 2**63 else key


def _condition(filters: Filters) -> str:
    """What passages must fit, in Milvus's language of filters; "" for all."""
    parts = []
    if filters.articles is not None:
        parts.append(_among("article", [_key("article", id_) for id_ in filters.articles]))
    if filters.sources:
        parts.append(_among("source", [_signed(source_key(name)) for name in filters.sources]))
    if filters.since or filters.until:
        first = filters.since.toordinal() if filters.since else 1
        last = filters.until.toordinal() if filters.until else 2**31
        within = f"(day >= {first} and day <= {last})"
        parts.append(f"({within} or day == 0)" if filters.undated else within)
    return " and ".join(parts)


def _terms(tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """The terms of texts, joined by spaces, in letters that no tokenizer of Milvus cuts or changes."""
    return [
        " ".join(term if term.isascii() and term.isalnum() else "x" + term.encode().hex() for term in terms)
        for terms in tokenizer.terms(texts)
    ]


class _Collections:
    """The client and the two collections of an index."""

    def __init__(self, address: Address) -> None:
        try:
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            raise IndexMissing(
                f"{address.shown} is a Milvus, and its client is not installed.",
                "Run: pip install 'dateline-rag[milvus]'",
            ) from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what fails is raised, and told once
        if "://" not in address.uri:  # milvus-lite logs what pymilvus asks for and does not need
            logging.getLogger("grpc._server").setLevel(logging.CRITICAL)
        self.address = address
        self.passages, self.records = f"{address.name}_passages", f"{address.name}_records"
        try:
            self.client = MilvusClient(uri=address.uri, token=address.token, timeout=10)
        except (MilvusException, ConnectionError, OSError, RuntimeError) as error:
            raise IndexMissing(
                f"No Milvus answers at {address.shown}: {_short(error)}.", "Start it, see docs/SCALE.md."
            ) from error

    @contextmanager
    def errors(self, kind: type[IndexBusy] | type[IndexWriteError]) -> Iterator[None]:
        """What Milvus says is wrong, as ours."""
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except MilvusException as error:
            raise kind(
                f"The Milvus at {self.address.shown} failed: {_short(error)}.", "Run it again; nothing is lost."
            ) from error

    def there(self) -> bool:
        """Whether the index was begun."""
        with self.errors(IndexBusy):
            if not self.client.has_collection(self.records) or not self.client.has_collection(self.passages):
                return False
            self._load()
            return True

    def _load(self) -> None:
        """Have Milvus serve the collections, which it does not after a start; nothing where it does already."""
        for name in (self.passages, self.records):
            self.client.load_collection(name)

    def make(self, dimension: int) -> None:
        """Make what is not there; another writer may be doing the same."""
        from pymilvus.exceptions import MilvusException

        for name, make in ((self.passages, _passages_schema), (self.records, _records_schema)):
            for attempt in range(5):
                with self.errors(IndexWriteError):
                    if self.client.has_collection(name):
                        break
                    schema, indexes = make(self.client, dimension)
                    try:
                        self.client.create_collection(
                            name, schema=schema, index_params=indexes, consistency_level="Bounded"
                        )
                        break
                    except MilvusException:
                        if attempt == 4:
                            raise
                        time.sleep(0.5)
        with self.errors(IndexWriteError):
            self._load()

    def query(
        self, collection: str, condition: str, fields: Sequence[str], *, strong: bool = False
    ) -> Iterator[dict[str, Any]]:
        """All rows that fit a condition."""
        level = "Strong" if strong else "Bounded"
        with self.errors(IndexBusy):
            found = self.client.query_iterator(
                collection, filter=condition, output_fields=list(fields), batch_size=_BATCH, consistency_level=level
            )
            try:
                while rows := found.next():
                    yield from rows
            finally:
                found.close()

    def get(
        self, collection: str, keys: Collection[int], fields: Sequence[str], *, strong: bool = False
    ) -> list[dict[str, Any]]:
        """The rows with these primary keys."""
        name = "row" if collection == self.passages else "key"
        wanted, found = list(keys), []
        level = "Strong" if strong else "Bounded"
        with self.errors(IndexBusy):
            for at in range(0, len(wanted), _BATCH):
                condition = _among(name, wanted[at : at + _BATCH])
                found += self.client.query(
                    collection, filter=condition, output_fields=list(fields), consistency_level=level
                )
        return [dict(row) for row in found]

    def write(self, collection: str, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows, or replace those with the same keys."""
        with self.errors(IndexWriteError):
            for at in range(0, len(rows), _BATCH):
                self.client.upsert(collection, list(rows[at : at + _BATCH]))

    def delete(self, collection: str, keys: Sequence[int]) -> None:
        """Remove rows by their keys."""
        with self.errors(IndexWriteError):
            for at in range(0, len(keys), _BATCH):
                self.client.delete(collection, ids=list(keys[at : at + _BATCH]))


def _short(error: BaseException) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())[:200]


def _passages_schema(client: Any, dimension: int) -> tuple[Any, Any]:
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("row", DataType.INT64, is_primary=True)
    for name in ("article", "version", "n", "source", "day"):
        schema.add_field(name, DataType.INT64)
    schema.add_field(
        "terms", DataType.VARCHAR, max_length=_MOST_BYTES, enable_analyzer=True, enable_match=True,
        analyzer_params={"tokenizer": "standard"},
    )  # fmt: skip
    schema.add_field("data", DataType.VARCHAR, max_length=_MOST_BYTES)
    schema.add_field("sentences", DataType.VARCHAR, max_length=_MOST_BYTES)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25", function_type=FunctionType.BM25, input_field_names=["terms"], output_field_names=["words"]
        )
    )
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type="AUTOINDEX", metric_type="COSINE")
    indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    for name in ("article", "source", "day"):
        indexes.add_index(name, index_type="INVERTED")
    return schema, indexes


def _records_schema(client: Any, dimension: int) -> tuple[Any, Any]:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.INT64, is_primary=True)
    for name in ("owner", "n", "day"):
        schema.add_field(name, DataType.INT64)
    schema.add_field("kind", DataType.VARCHAR, max_length=16)
    for name in ("id", "page", "source", "host", "repeats"):
        schema.add_field(name, DataType.VARCHAR, max_length=16_000)
    schema.add_field("bands", DataType.ARRAY, element_type=DataType.INT64, max_capacity=64)
    schema.add_field("data", DataType.VARCHAR, max_length=_MOST_BYTES)
    schema.add_field("none", DataType.FLOAT_VECTOR, dim=2)  # a collection has a vector
    indexes = client.prepare_index_params()
    indexes.add_index("none", index_type="FLAT", metric_type="COSINE")
    for name in ("kind", "owner", "id", "page", "repeats", "bands"):
        indexes.add_index(name, index_type="INVERTED")
    return schema, indexes


def _record(kind: str, key: int, **values: Any) -> dict[str, Any]:
    empty = {"owner": 0, "n": 0, "day": 0, "id": "", "page": "", "source": "", "host": "", "repeats": "", "bands": []}
    return {"key": key, "kind": kind, **empty, "data": "", "none": [1.0, 0.0], **values}


class MilvusStore:
    """An index in a Milvus, opened for reading; see `rag.indexing.contract.Reader`.

    What another writes is seen after about a second (Milvus's bounded staleness); a writer sees its own at once.
    """

    def __init__(self, collections: _Collections, *, strong: bool = False) -> None:
        self._in = collections
        self._strong = strong
        self._tokenizer = Tokenizer()
        self._generation = ""
        self._all: list[dict[str, Any]] | None = None

    @classmethod
    def open(cls, address: Address, built: BuildSettings | None = None) -> MilvusStore:
        """Open for reading.

        Raises:
            IndexMissing, IndexMismatch.
        """
        store = cls(_Collections(address))
        try:
            if not store._in.there() or not (manifest := store.manifest()):
                raise IndexMissing(f"There is no index in {address.shown}.", "Run: rag index PATH --index ADDRESS")
            compare(manifest, built, FORMAT)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(Exception):
            self._in.client.close()
        self._tokenizer.close()

    @property
    def place(self) -> str:
        """The address, without what lets in."""
        return self._in.address.shown

    def _records(self, condition: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        return self._in.query(self._in.records, condition, fields, strong=self._strong)

    def manifest(self) -> dict[str, str]:
        """See `Reader.manifest`; "generation" is a number that grows with each commit."""
        return {row["id"]: row["data"] for row in self._records(_is("kind", "manifest"), ["id", "data"])}

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Milvus has no snapshots over collections; what is kept of the articles is read anew if they changed."""
        if (generation := self.manifest().get("generation", "")) != self._generation:
            self._generation, self._all = generation, None
        yield

    # ---------------------------------------------------------------- articles

    def _heads(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Records of articles by id."""
        keys = [_key("article", id_) for id_ in ids]
        rows = self._in.get(self._in.records, keys, [*_ARTICLE_FIELDS, "bands"], strong=self._strong)
        return {row["id"]: row | json.loads(row["data"]) for row in rows}

    def _articles(self) -> list[dict[str, Any]]:
        """The records of all articles, by day of indexing and key; kept until another generation."""
        if self._all is None or self._strong:
            found = [row | json.loads(row["data"]) for row in self._records(_is("kind", "article"), _ARTICLE_FIELDS)]
            self._all = sorted(found, key=lambda row: (row["order"], row["key"]))
        return self._all

    def _pieces(self, owner: int) -> str:
        rows = list(self._records(f"{_is('kind', 'text')} and {_is('owner', owner)}", ["n", "data"]))
        return "".join(row["data"] for row in sorted(rows, key=lambda row: row["n"]))

    def _whole(self, head: Mapping[str, Any]) -> Article:
        try:
            text = self._pieces(head["owner"])
            more = self._pieces(_key("extra", head["owner"]))
            return article_of(
                (head["id"], head["title"], text, head["source"], head["published"], head["url"], head["author"],
                 head["origin"], more)
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise IndexCorrupted(
                f"The article {head['id']!r} in {self.place} is not whole: {error}.", "Index its file again."
            ) from error

    def article(self, article_id: str) -> Article | None:
        """See `Reader.article`."""
        head = self._heads([article_id]).get(article_id)
        return self._whole(head) if head else None

    def known(self, article_id: str) -> tuple[str, str] | None:
        """See `Reader.known`."""
        head = self._heads([article_id]).get(article_id)
        return (head["content_hash"], head["origin"]) if head else None

    def hashes(self) -> dict[str, tuple[str, str]]:
        """See `Reader.hashes`."""
        return {row["id"]: (row["content_hash"], row["origin"]) for row in self._articles()}

    def siblings(self, article_id: str) -> list[str]:
        """See `Reader.siblings`."""
        first, after = _quoted(f"{article_id}~"), _quoted(f"{article_id}\x7f")
        rows = self._records(f"{_is('kind', 'article')} and id >= {first} and id < {after}", ["id"])
        return sorted(row["id"] for row in rows)

    def at_page(self, page: str) -> str | None:
        """See `Reader.at_page`."""
        return min((row["id"] for row in self._records(f"{_is('kind', 'article')} and {_is('page', page)}", ["id"])),
                   default=None)  # fmt: skip

    def alike(self, bands: Collection[int]) -> list[str]:
        """See `Reader.alike`."""
        shared = f"array_contains_any(bands, {json.dumps(list(bands))})"
        rows = self._records(f"{_is('kind', 'article')} and {_is('repeats', '')} and {shared}", ["id"])
        return sorted(row["id"] for row in rows)

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """See `Reader.versions`."""
        condition = f"{_is('kind', 'version')} and {_is('owner', _key('article', article_id))}"
        rows = sorted(self._records(condition, ["key", "n", "data"]), key=lambda row: -row["n"])
        found = []
        for row in rows:
            about = json.loads(row["data"])
            found.append(
                EarlierVersion(
                    about["title"], self._pieces(row["key"]), day_of(about["published"]), about["content_hash"],
                    about["replaced_at"],
                )
            )  # fmt: skip
        return tuple(found)

    def _meta(self, head: Mapping[str, Any]) -> ArticleMeta:
        return meta_of(
            (head["id"], head["title"], head["source"], head["published"], head["url"], head["author"],
             json.dumps(head["extra"]))
        )  # fmt: skip

    def repeats_of(self, article_ids: Collection[str]) -> dict[str, tuple[ArticleMeta, ...]]:
        """See `Reader.repeats_of`."""
        found: dict[str, tuple[ArticleMeta, ...]] = {}
        if article_ids:
            named = f"repeats in {_quoted(list(article_ids))}"
            rows = [row | json.loads(row["data"])
                    for row in self._records(f"{_is('kind', 'article')} and {named}", _ARTICLE_FIELDS)]  # fmt: skip
            for row in sorted(rows, key=lambda row: (row["published"] or "", row["order"], row["key"])):
                found[row["repeats"]] = (*found.get(row["repeats"], ()), self._meta(row))
        return found

    def speaker(self, article_id: str) -> str | None:
        """See `Reader.speaker`."""
        head = self._heads([article_id]).get(article_id)
        return (head["repeats"] or None) if head else None

    def article_rows(self) -> list[ArticleRow]:
        """See `Reader.article_rows`."""
        rows = sorted(self._articles(), key=lambda row: row["id"])
        rows.sort(key=lambda row: row["published"] or "", reverse=True)
        return [
            ArticleRow(r["id"], r["title"], r["source"], day_of(r["published"]), r["url"], r["origin"], r["passages"],
                       r["repeats"] or None)
            for r in rows
        ]  # fmt: skip

    def extent(self) -> tuple[date | None, date | None, int]:
        """See `Reader.extent`."""
        rows = self._articles()
        days = [when for row in rows if (when := day_of(row["published"]))]
        return min(days, default=None), max(days, default=None), sum(bool(row["repeats"]) for row in rows)

    def listed(self, wanted: Wanted, most: int = 100, skip: int = 0) -> Listing:
        """See `Reader.listed`; of words only the thousand best passages are looked at."""
        db = sqlite3.connect(":memory:")
        db.executescript(SCHEMA)
        number: dict[int, int] = {}
        for n, row in enumerate(self._articles(), 1):
            number[row["key"]] = n
            db.execute(
                "INSERT INTO articles (row, id, origin, title, source, published, host, author, content_hash, bands,"
                " repeats, indexed_at, text, extra) VALUES (?, ?, '', ?, ?, ?, '', '', '', x'', ?, ?, '', ?)",
                (n, row["id"], row["title"], row["source"], row["published"], row["repeats"] or None,
                 row["indexed_at"], json.dumps(row["extra"])),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO mentions (article, name, kind, count) VALUES (?, ?, ?, ?)",
                [(n, *each) for each in row["mentions"]],
            )
        if wanted.text.strip():
            from rag.language.words import words

            rows = [row for row, _ in self.search_text(words(wanted.text), 1000)]
            for n, stored in enumerate(self.passages(rows).values(), 1):
                p = stored.passage
                values = (n, number[_key("article", p.article.id)], p.start, p.end)
                db.execute("INSERT INTO passages (row, article, start, end) VALUES (?, ?, ?, ?)", values)
                db.execute(
                    "INSERT INTO passages_text (rowid, title, text, terms) VALUES (?, ?, ?, ?)",
                    (n, p.article.title, p.text, search_tokens(f"{p.article.title}\n{p.text}")),
                )
        found = listing(db, wanted, most, skip)
        db.close()
        return found

    def records(self) -> Iterator[Record]:
        """See `Reader.records`."""
        for row in self._articles():
            condition = f"{_is('article', row['key'])} and {_is('version', row['owner'])}"
            fields = ["row", "n", "vector"]
            own = list(self._in.query(self._in.passages, condition, fields, strong=self._strong))
            own.sort(key=lambda each: each["n"])
            stored = self.passages([each["row"] for each in own])
            bands = self._heads([row["id"]])[row["id"]]["bands"]
            more = json.loads(self._pieces(_key("extra", row["owner"])))
            yield Record(
                self._whole(row),
                [stored[each["row"]].passage for each in own],
                np.array([each["vector"] for each in own], np.float32),
                [stored[each["row"]].vectors for each in own],
                tuple(map(int, bands)),
                row["repeats"] or None,
                more.get("version_of"),
                [Mention(*each) for each in row["mentions"]],
                tuple(reversed(self.versions(row["id"]))),
            )

    # ---------------------------------------------------------------- totals

    def counts(self) -> tuple[int, int]:
        """See `Reader.counts`."""
        return len(self._articles()), sum(row["passages"] for row in self._articles())

    def sources(self) -> dict[str, int]:
        """See `Reader.sources`."""
        return dict(sorted(Counter(row["source"] for row in self._articles()).items()))

    def outlets(self) -> list[tuple[str, str, int]]:
        """See `Reader.outlets`."""
        pairs = Counter((row["source"], row["host"]) for row in self._articles())
        return [(source, host, times) for (source, host), times in pairs.items()]

    def newest(self) -> date | None:
        """See `Reader.newest`."""
        return day_of(max((row["published"] for row in self._articles() if row["published"]), default=None))

    def last_indexed(self) -> str | None:
        """See `Reader.last_indexed`."""
        return max((row["indexed_at"] for row in self._articles()), default=None)

    def size_bytes(self) -> int | None:
        """See `Reader.size_bytes`: known of a file alone."""
        path = Path(self._in.address.uri)
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.exists() else None

    def search_with(self) -> str:
        """See `Reader.search_with`."""
        return "Milvus's AUTOINDEX and BM25"

    # ---------------------------------------------------------------- passages

    def search_vectors(
        self, query: NDArray[np.float32], n: int, filters: Filters = NO_FILTERS
    ) -> list[tuple[int, float]]:
        """See `Reader.search_vectors`."""
        return self._search("vector", query.tolist(), n, filters)

    def search_text(self, words: Sequence[str], n: int, filters: Filters = NO_FILTERS) -> list[tuple[int, float]]:
        """See `Reader.search_text`."""
        terms = " ".join(filter(None, _terms(self._tokenizer, words)))
        return [(row, abs(score)) for row, score in self._search("words", terms, n, filters)] if terms else []

    def _search(self, field: str, asked: Any, n: int, filters: Filters) -> list[tuple[int, float]]:
        """The n best that are current. Those that are not are few, so a tenth more is asked for than is wanted."""
        if filters.articles == ():
            return []
        with self._in.errors(IndexBusy):
            (hits,) = self._in.client.search(
                self._in.passages, data=[asked], anns_field=field, limit=n + n // 10 + 1, filter=_condition(filters),
                output_fields=["article", "version"], consistency_level="Strong" if self._strong else "Bounded",
            )  # fmt: skip
        found = [(int(hit["row"]), float(hit["distance"]), hit["entity"]) for hit in hits]
        current = self._current({entity["article"] for *_, entity in found})
        kept = [(row, score) for row, score, entity in found if current.get(entity["article"]) == entity["version"]]
        return kept[:n]

    def _current(self, articles: Collection[int]) -> dict[int, int]:
        rows = self._in.get(self._in.records, articles, ["key", "owner"], strong=self._strong)
        return {row["key"]: row["owner"] for row in rows}

    def holding(self, words: Sequence[str], filters: Filters = NO_FILTERS) -> list[int]:
        """See `Reader.holding`."""
        if filters.articles == ():
            return []
        passages: dict[int, tuple[int, int, int]] = {}
        counts: Counter[int] = Counter()
        articles: set[int] | None = None
        fields = ["row", "article", "version", "n"]
        asked = _terms(self._tokenizer, words)
        if "" in asked:
            return []
        # Each term is looked for apart: text_match takes any of several.
        conditions = [" and ".join(f"text_match(terms, {json.dumps(term)})" for term in each.split()) for each in asked]
        for condition in conditions or ["row >= 0"]:
            here = set()
            wanted = " and ".join(filter(None, (condition, _condition(filters))))
            for found in self._in.query(self._in.passages, wanted, fields, strong=self._strong):
                passages[found["row"]] = (found["article"], found["version"], found["n"])
                counts[found["row"]] += 1
                here.add((found["article"], found["version"]))
            current = self._current({article for article, _ in here})
            of_now = {article for article, version in here if current.get(article) == version}
            articles = of_now if articles is None else articles & of_now
        best: dict[int, int] = {}
        for row, (article, _, _) in sorted(passages.items(), key=lambda item: (-counts[item[0]], item[1][2])):
            if article in (articles or ()):
                best.setdefault(article, row)
        return sorted(best.values())

    def passages(self, rows: Collection[int]) -> dict[int, StoredPassage]:
        """See `Reader.passages`.

        Raises:
            IndexBusy: one was replaced since it was found.
        """
        fields = ["row", "article", "data", "sentences"]
        there = {row["row"]: row for row in self._in.get(self._in.passages, rows, fields, strong=self._strong)}
        keys = {row["article"] for row in there.values()}
        heads = {row["key"]: row | json.loads(row["data"])
                 for row in self._in.get(self._in.records, keys, _ARTICLE_FIELDS, strong=self._strong)}  # fmt: skip
        found = {}
        for row in rows:
            if row not in there or there[row]["article"] not in heads:
                raise IndexBusy(f"An article in {self.place} changed while it was read.", "Ask again.")
            head, about = heads[there[row]["article"]], json.loads(there[row]["data"])
            cut = tuple(Sentence.from_list(raw) for raw in about["sentences"])
            passage = Passage(self._meta(head), about["text"], about["start"], about["end"], cut)
            vectors = unpack(base64.b85decode(there[row]["sentences"]), about["vectors"])
            rest = np.zeros((len(cut) - len(vectors), vectors.shape[1]), np.float32)
            found[row] = StoredPassage(passage, head["repeats"] or head["id"], np.concatenate([vectors, rest]))
        return found


class MilvusWriter:
    """What changes an index in a Milvus; see `rag.indexing.contract.Writer`. What is put is there at once.

    Args:
        beside: a folder of this machine for what is kept beside the index.

    Raises:
        IndexMissing: no Milvus answers.
        IndexMismatch: the index was built with other settings.
        IndexWriteError: Milvus refused.
    """

    def __init__(self, address: Address, built: BuildSettings, beside: Path) -> None:
        self._address, self._built, self._beside = address, built, beside
        self._pending = 0

    def __enter__(self) -> MilvusWriter:
        self._in = _Collections(self._address)
        self._in.make(self._built.dimension)
        self._store = MilvusStore(self._in, strong=True)
        if manifest := self._store.manifest():
            compare(manifest, self._built, FORMAT)
        with suppress(OSError):
            self._beside.mkdir(parents=True, exist_ok=True)
        self._committed = self._store.counts()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    @property
    def store(self) -> MilvusStore:
        """See `contract.Writer.store`."""
        return self._store

    @property
    def beside(self) -> Path:
        """See `contract.Writer.beside`."""
        return self._beside

    @property
    def pending(self) -> int:
        """See `contract.Writer.pending`."""
        return self._pending

    @property
    def committed(self) -> int:
        """See `contract.Writer.committed`."""
        return self._committed

    def put(self, record: Record) -> None:
        """See `contract.Writer.put`."""
        article = record.article
        key, version = _key("article", article.id), secrets.randbits(62)
        before = self._store._heads([article.id]).get(article.id)
        old = [*_rows_of(before), *self._begun(key)]
        self._begin(key, version, len(record.passages))
        self._in.write(self._in.passages, self._passage_rows(record, key, version))
        extra = extra_of(article, record.version_of)
        self._write_pieces(version, article.text)
        self._write_pieces(_key("extra", version), extra)
        told = json.loads(extra)
        about = {
            "title": article.title, "published": article.published and article.published.isoformat(),
            "url": article.url, "author": article.author, "origin": article.origin,
            "content_hash": article.content_hash, "indexed_at": _now(), "passages": len(record.passages),
            "order": before["order"] if before else time.time_ns(),
            "extra": {name: told[name] for name in ("language", "corrected", "words", "dated_by") if name in told},
            "mentions": [[each.name, each.kind, each.count] for each in record.mentions][:200],
        }  # fmt: skip
        head = _record(
            "article", key, owner=version, id=article.id, page=same_page(article.url) or "", source=article.source,
            host=host_of(article.url or ""), day=_ordinal(article.published), repeats=record.repeats or "",
            bands=list(record.bands), data=json.dumps(about, ensure_ascii=False),
        )  # fmt: skip
        self._in.write(self._in.records, [head])
        self._in.delete(self._in.passages, old)
        self._in.delete(self._in.records, [_key("begun", key)])
        if before:
            self._delete_pieces(before["owner"])
        self._pending += len(record.passages)
        self._committed -= before["passages"] if before else 0

    def _passage_rows(self, record: Record, key: int, version: int) -> list[dict[str, Any]]:
        article = record.article
        texts = [f"{article.title}\n{p.text}\n{search_tokens(f'{article.title} {p.text}')}" for p in record.passages]
        rows = []
        for n, (passage, terms) in enumerate(zip(record.passages, _terms(self._store._tokenizer, texts), strict=True)):
            data = {
                "text": passage.text, "start": passage.start, "end": passage.end,
                "sentences": [s.to_list() for s in passage.sentences],
                "vectors": min(len(record.sentence_vectors[n]), _most_sentences(record)),
            }  # fmt: skip
            rows.append({
                "row": _key(version, n), "article": key, "version": version, "n": n,
                "source": _signed(source_key(article.source)), "day": _ordinal(article.published),
                "terms": terms[: _MOST_BYTES // 4], "data": json.dumps(data, ensure_ascii=False),
                "sentences": _sentences(record.sentence_vectors[n][: _most_sentences(record)]),
                "vector": record.vectors[n].tolist(),
            })  # fmt: skip
        return rows

    def _begin(self, article: int, version: int, passages: int) -> None:
        """Note what is about to be written, so that another run finds it if this one dies."""
        self._in.write(self._in.records, [_record("begun", _key("begun", article), owner=version, n=passages)])

    def _begun(self, article: int) -> list[int]:
        """Rows of passages that a writer may have left that died before it named their version."""
        rows = self._in.get(self._in.records, [_key("begun", article)], ["owner", "n"], strong=True)
        return [_key(row["owner"], n) for row in rows for n in range(row["n"])]

    def _write_pieces(self, owner: int, text: str) -> None:
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        rows = [_record("text", _key("text", owner, n), owner=owner, n=n, data=piece) for n, piece in enumerate(pieces)]
        # A call may carry 64 MB.
        for at in range(0, len(rows), 200):
            self._in.write(self._in.records, rows[at : at + 200])

    def _delete_pieces(self, version: int) -> None:
        for owner in (version, _key("extra", version)):
            condition = f"{_is('kind', 'text')} and {_is('owner', owner)}"
            rows = list(self._in.query(self._in.records, condition, ["key"], strong=True))
            self._in.delete(self._in.records, [row["key"] for row in rows])

    def put_version(self, article: Article, replaced_at: str | None = None) -> None:
        """See `contract.Writer.put_version`."""
        owner, now = _key("article", article.id), time.time_ns()
        key = _key("version", article.id, article.content_hash, now)
        about = {
            "title": article.title, "published": article.published and article.published.isoformat(),
            "content_hash": article.content_hash, "replaced_at": replaced_at or _now(),
        }  # fmt: skip
        self._write_pieces(key, article.text)
        row = _record("version", key, owner=owner, n=now, id=article.id, data=json.dumps(about, ensure_ascii=False))
        self._in.write(self._in.records, [row])
        self._forget(owner, MOST_VERSIONS)

    def _forget(self, owner: int, most: int) -> None:
        condition = f"{_is('kind', 'version')} and {_is('owner', owner)}"
        rows = sorted(self._in.query(self._in.records, condition, ["key", "n"], strong=True), key=lambda row: -row["n"])
        for row in rows[most:]:
            self._in.delete(self._in.records, [row["key"]])
            self._delete_pieces(row["key"])

    def drop_versions(self, article_id: str) -> None:
        """See `contract.Writer.drop_versions`."""
        self._forget(_key("article", article_id), 0)

    def _change(self, article_id: str, repeats: str | None = None, **about: Any) -> None:
        """Write an article's record anew with other values."""
        fields = ["key", "owner", "n", "day", "kind", "id", "page", "source", "host", "repeats", "bands", "data"]
        for row in self._in.get(self._in.records, [_key("article", article_id)], fields, strong=True):
            data = json.dumps(json.loads(row["data"]) | about, ensure_ascii=False)
            changed = {name: row[name] for name in fields} | {"data": data, "none": [1.0, 0.0]}
            changed["bands"] = list(changed["bands"])
            if repeats is not None:
                changed["repeats"] = repeats
            self._in.write(self._in.records, [changed])

    def touch(self, article_id: str, origin: str) -> None:
        """See `contract.Writer.touch`."""
        self._change(article_id, origin=origin)

    def set_repeats(self, article_id: str, repeats: str | None) -> None:
        """See `contract.Writer.set_repeats`."""
        self._change(article_id, repeats or "")

    def repeated_by(self, article_id: str) -> list[str]:
        """See `contract.Writer.repeated_by`."""
        condition = f"{_is('kind', 'article')} and {_is('repeats', article_id)}"
        rows = [json.loads(row["data"]) | row for row in self._store._records(condition, ["key", "id", "data"])]
        return [row["id"] for row in sorted(rows, key=lambda row: (row["order"], row["key"]))]

    def delete(self, article_id: str) -> None:
        """See `contract.Writer.delete`."""
        key = _key("article", article_id)
        head = self._store._heads([article_id]).get(article_id)
        self._in.delete(self._in.passages, self._begun(key))
        if head:
            # Its record goes first, so that no search shows what is half deleted.
            self._begin(key, head["owner"], head["passages"])
            self._in.delete(self._in.records, [key])
            self._in.delete(self._in.passages, _rows_of(head))
            self._delete_pieces(head["owner"])
            self._committed -= head["passages"]
        self._in.delete(self._in.records, [_key("begun", key)])

    def commit(self) -> None:
        """Tell readers that there is something new; what was put is there already."""
        built = {name: str(getattr(self._built, name)) for name in BuildSettings.__slots__}
        manifest = {"format": FORMAT, **built, "generation": str(time.time_ns())}
        rows = [_record("manifest", _key("manifest", name), id=name, data=data) for name, data in manifest.items()]
        self._in.write(self._in.records, rows)
        self._committed, self._pending = self._committed + self._pending, 0


def _rows_of(head: Mapping[str, Any] | None) -> list[int]:
    """Rows of the passages of an article's current version."""
    return [_key(head["owner"], n) for n in range(head["passages"])] if head else []


def _most_sentences(record: Record) -> int:
    """Sentences whose vectors fit into a field, 136 of 384 numbers; those of others are zeros."""
    return _MOST_BYTES // 5 * 4 // int(record.vectors.shape[1])


def _sentences(vectors: NDArray[np.float32]) -> str:
    """Vectors of sentences as text."""
    return base64.b85encode(pack(vectors)).decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _ordinal(day: date | None) -> int:
    return day.toordinal() if day else 0

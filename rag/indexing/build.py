"""Brings an index up to date with a stream of articles, and says what it holds."""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rag.articles.kinds import FEEDS
from rag.articles.outlets import Outlets
from rag.articles.reading import is_summary
from rag.errors import InputError
from rag.indexing.annotate import STRETCH, annotate, stretches
from rag.indexing.contract import ArticleRow, BuildSettings, Reader, Record, Writer
from rag.indexing.duplicates import bands, likeness
from rag.indexing.identity import Identity, Known, is_older
from rag.indexing.milvus import address_of
from rag.indexing.opening import open_index, open_writer
from rag.indexing.overrides import Overrides
from rag.indexing.splitter import check_passage_tokens, embedded_text, sentence_spans, split
from rag.indexing.unfinished import Unfinished
from rag.language.mentions import Mention, mentions
from rag.models.embedder import Embedder, open_embedder, verify_packaged_model
from rag.settings import PACKAGED_EMBEDDING_MODEL, Settings
from rag.types import Article, Passage, Progress, Refusal, Sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Passages gathered before a commit; a killed run loses no more than that.
COMMIT_PASSAGES = 500
#: Articles, or characters of them, that are read before the index is locked for writing, so that a slow server or a
#: long file keeps no other writer out; the next ones are read when these are in the index, so that a run that is killed
#: has not read for an hour and saved nothing.
READ_AHEAD = 500
READ_AHEAD_CHARACTERS = 50_000_000
#: Passages embedded in one go, at most: what waits is embedded whenever nothing else is.
EMBED_PASSAGES = 256
#: Seconds after which a thread lets another one work: with 5 ms, which is Python's own, 1, .5 and .1 ms, indexing takes
#: 1, .96, .97 and .96 of the time.
TURN = 0.001


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run of `build_index` did.

    Attributes:
        added, replaced, unchanged, pruned: article ids.
        refusals: inputs that were not indexed, with the reason.
        near_duplicates: (id, id of the article it repeats), among the articles of this run.
        updates: (id, id of the article it nearly repeats, what it says otherwise), likewise; both are shown.
        renamed: (id wanted, id given) where two files have the same id.
        passages: passages written in this run.
        seconds: wall time.
    """

    added: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: tuple[str, ...]
    pruned: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    near_duplicates: tuple[tuple[str, str], ...]
    renamed: tuple[tuple[str, str], ...]
    passages: int
    seconds: float
    updates: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index holds.

    Attributes:
        sources: number of articles by source.
        first, last: earliest and latest day of publication.
        near_duplicates: number of articles that nearly repeat another.
        size_bytes: that it takes up; None where that is not known.
        search: how its vectors are searched, and with what recall of exact search where that is approximate.
        last_indexed: ISO 8601, UTC.
        rows: the articles, newest first, where they were wanted.
    """

    folder: str
    articles: int
    passages: int
    sources: dict[str, int]
    first: date | None
    last: date | None
    near_duplicates: int
    embedding_model: str
    passage_tokens: int
    passage_overlap: int
    size_bytes: int | None
    search: str
    last_indexed: str | None
    rows: tuple[ArticleRow, ...]


def build_index(
    items: Iterable[Article | Refusal],
    settings: Settings,
    *,
    embedder: Embedder | None = None,
    inputs: Sequence[str] = (),
    prune: bool = False,
    rebuild: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> IndexReport:
    """Add, replace and skip articles; what is committed is always a whole index.

    Args:
        items: articles and refusals as `rag.articles.load` yields them.
        embedder: default: the model that the settings name.
        inputs: the files, folders and URLs that the items come from; `prune` looks at nothing else.
        prune: delete articles that came from `inputs` earlier and are no longer there. What was refused stays.
        rebuild: split and embed anew what is in the index, beside it, and swap that in, before the items are read.
        progress: called as articles are read, embedded and saved.

    Raises:
        IndexBusy, IndexMismatch, IndexCorrupted, IndexWriteError: see rag/errors.py.
        ModelMissing, ModelBroken: the embedding model cannot be used.
        SettingsError: the passages are longer than the model reads.
    """
    from rag.indexing.repair import Rebuilt, rebuild_index  # which builds with this function

    started = time.perf_counter()
    if embedder is None:
        if settings.embedding_model == PACKAGED_EMBEDDING_MODEL:
            verify_packaged_model()
        embedder = open_embedder(settings.embedding_model, settings.cache_dir)
    check_passage_tokens(embedder, settings.passage_tokens)
    if rebuild and address_of(settings):
        raise InputError(
            "An index in Milvus is not rebuilt in its place.",
            "Write it anew under another name: rag index --from-index OLD --index NEW --rebuild",
        )
    rebuilt = rebuild_index(settings, embedder, progress) if rebuild else Rebuilt()
    batches = _batches(items, progress)
    batch, whole = next(batches)
    with (
        open_writer(settings, build_settings(embedder, settings)) as writer,
        closing(_Run(writer, embedder, settings, progress)) as run,
        _undisturbed(),
    ):
        while batch:
            run.expect(batch, whole)
            for item in batch:
                run.take(item)
            batch, whole = next(batches)
        run.embed()
        pruned = run.prune(inputs) if prune else ()
        if run.changed or pruned or not writer.committed:
            writer.commit()
        run.finish()
        return IndexReport(
            tuple(run.added),
            tuple(run.replaced),
            tuple(run.unchanged),
            pruned,
            (*rebuilt.lost, *run.refusals),
            tuple(run.near_duplicates),
            tuple(run.renamed),
            rebuilt.passages + run.passages,
            time.perf_counter() - started,
            tuple(run.updates),
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Python's threads take turns every `TURN` seconds, since those that embed need one for each passage, and garbage
    is not looked for among what was there before, which is models and words."""
    turn, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    sys.setswitchinterval(min(TURN, turn))
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        if not frozen:
            gc.unfreeze()


def _batches(
    items: Iterable[Article | Refusal], progress: Callable[[Progress], None] | None
) -> Iterator[tuple[list[Article | Refusal], bool]]:
    """The items in batches, each in memory, and whether no other comes; at the end empty ones."""
    rest, total = iter(items), 0
    item = next(rest, None)
    while True:
        batch: list[Article | Refusal] = []
        characters = 0
        while item is not None and len(batch) < READ_AHEAD and characters < READ_AHEAD_CHARACTERS:
            batch.append(item)
            if isinstance(item, Article):
                characters += len(item.text)
                total += 1
                if progress:
                    progress(Progress("reading", total, None))
            item = next(rest, None)
        yield batch, item is None


def build_settings(embedder: Embedder, settings: Settings) -> BuildSettings:
    """What the manifest records, and an index is opened with."""
    return BuildSettings(embedder.name, embedder.dimension, settings.passage_tokens, settings.passage_overlap)


def delete_articles(ids: Iterable[str], settings: Settings, *, embedder: Embedder) -> tuple[str, ...]:
    """Delete articles; returns the ids that were there.

    Raises:
        IndexBusy, IndexMismatch, IndexCorrupted, IndexWriteError.
    """
    with open_writer(settings, build_settings(embedder, settings)) as writer:
        run = _Run(writer, embedder, settings, None)
        gone = tuple(id_ for id_ in ids if id_ in run.known)
        for id_ in gone:
            run.drop(id_)
        if gone:
            writer.commit()
        return gone


def correct_article(
    article_id: str, values: Mapping[str, str], settings: Settings, *, embedder: Embedder
) -> Article | None:
    """Set an article's title, source or day right, also for whenever it is read again; None when it is not there.

    Args:
        values: by name, see `rag.indexing.overrides.FIELDS`.

    Raises:
        InputError: a day is none.
        IndexBusy, IndexMismatch, IndexCorrupted, IndexWriteError.
    """
    with open_writer(settings, build_settings(embedder, settings)) as writer:
        run = _Run(writer, embedder, settings, None)
        article = writer.store.article(article_id)
        if article is not None and (right := run.overrides.correct(article, values)) != article:
            run.put(right)
            writer.commit()
            return right
        return article


def index_status(settings: Settings, *, rows: bool = False) -> IndexStatus:
    """What the index of the settings holds; loads no model.

    Args:
        rows: whether its articles are listed, too.

    Raises:
        IndexMissing, IndexCorrupted.
    """
    store = open_index(settings)
    try:
        return status_of(store, rows=rows)
    finally:
        store.close()


def status_of(store: Reader, *, rows: bool = False) -> IndexStatus:
    """What an open index holds, with its articles where `rows` are wanted."""
    manifest = store.manifest()
    first, last, repeating = store.extent()
    articles, passages = store.counts()
    return IndexStatus(
        folder=store.place,
        articles=articles,
        passages=passages,
        sources=store.sources(),
        first=first,
        last=last,
        near_duplicates=repeating,
        embedding_model=manifest["embedding_model"],
        passage_tokens=int(manifest["passage_tokens"]),
        passage_overlap=int(manifest["passage_overlap"]),
        size_bytes=store.size_bytes(),
        search=store.search_with(),
        last_indexed=store.last_indexed(),
        rows=tuple(store.article_rows()) if rows else (),
    )


_Cut: TypeAlias = tuple[Article, list[Passage], list[Mention], tuple[int, ...]]
"""With the `bands` of its text."""
_Vectors: TypeAlias = "tuple[NDArray[np.float32], list[NDArray[np.float32]]]"
"""Of passages, and of each one's sentences."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """Articles whose passages are being embedded, piece after piece."""

    articles: list[_Cut]
    pieces: list[Future[_Vectors]]


class _Run:
    """One run over a stream of articles: what is known, what waits to be embedded, what happened."""

    def __init__(
        self,
        writer: Writer,
        embedder: Embedder,
        settings: Settings,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.writer, self.embedder, self.settings = writer, embedder, settings
        self._progress = progress
        self.known = Known(writer.store)
        self._identity = Identity(self.known, writer.store.at_page, self._article)
        self._unfinished = Unfinished(writer.beside / "unfinished")
        self.overrides = Overrides(writer.beside)
        self._outlets = Outlets()
        for source, host, times in writer.store.outlets():
            self._outlets.learn(source, host, times)
        self._waiting: list[_Cut] = []
        self._flying: deque[_Flight] = deque()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._seen: set[str] = set()
        self._done = 0
        self._total: int | None = None
        self.changed = False
        self.passages = 0
        self.added: list[str] = []
        self.replaced: list[str] = []
        self.unchanged: list[str] = []
        self.refusals: list[Refusal] = []
        self.near_duplicates: list[tuple[str, str]] = []
        self.updates: list[tuple[str, str, str]] = []
        self.renamed: list[tuple[str, str]] = []

    def expect(self, items: Sequence[Article | Refusal], whole: bool) -> None:
        """Learn what outlets are called from articles that will come, and how many these are.

        Args:
            whole: no others will come.
        """
        self._total = self._done + sum(isinstance(item, Article) for item in items) if whole else None
        for item in items:
            if isinstance(item, Article) and item.url and item.id not in self.known:
                self._outlets.learn(item.source, item.url)

    def take(self, item: Article | Refusal) -> None:
        """Deal with one item of the stream."""
        if isinstance(item, Refusal):
            self.refusals.append(item)
            return
        article = self.overrides.over(self._identity.settle(self._outlets.named(item)))
        if article.id != item.id and "~" in article.id:
            self.renamed.append((item.id, article.id))
        self._step("indexing")
        before, again = self.known.get(article.id), article.id in self._seen
        self._seen.add(article.id)
        if before is None:
            self.added.append(article.id)
        elif before[0] == article.content_hash:
            self._keep(article, before[1], again)
            return
        elif again and before[1] == article.origin:
            hint = "Give each article its own id."
            self.refusals.append(Refusal(item.origin, f"The id {article.id!r} was given twice.", hint))
            return
        elif self._is_past(article, before[1]):
            if not again:
                self.unchanged.append(article.id)
            return
        elif not again or article.id in self.unchanged:
            if again:
                self.unchanged.remove(article.id)
            self.replaced.append(article.id)
        self.known[article.id] = (article.content_hash, article.origin)
        self._enqueue(article)

    def put(self, article: Article) -> None:
        """Write an article in place of the one with its id."""
        self._enqueue(article)
        self.embed()

    def _keep(self, article: Article, origin: str, again: bool) -> None:
        """Note that an article is as it was, and where it is now."""
        if again:
            return
        self.unchanged.append(article.id)
        if origin != article.origin:
            self.known[article.id] = (article.content_hash, article.origin)
            self.writer.touch(article.id, article.origin)
            self.changed = True

    def _is_past(self, article: Article, origin: str) -> bool:
        """Whether what is there is newer or fuller; an older version that is not known yet is kept beside it."""
        self.embed()
        old = self.writer.store.article(article.id)
        if old is None:
            return False
        if is_summary(article) and not is_summary(old):
            return True
        if origin == article.origin:
            return False
        if article.content_hash in {version.content_hash for version in self.writer.store.versions(article.id)}:
            return True
        if is_older(article, old):
            self.writer.put_version(article)
            self.changed = True
            return True
        return False

    def embed(self) -> None:
        """Embed and write all that waits."""
        self._launch()
        self._land(0)

    def _launch(self) -> None:
        """Have what waits embedded while what was embedded is written and the next articles are read and cut."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            passages = [p for _, ps, *_ in waiting for p in ps]
            self._flying.append(_Flight(waiting, [self._beside.submit(self._encoded, passages)]))
        self._land(1)

    def _land(self, left: int) -> None:
        """Write what was embedded beside, in order, until so many flights are left."""
        while len(self._flying) > left:
            flight = self._flying[0]
            rows, parts = zip(*(piece.result() for piece in flight.pieces), strict=True)
            self._write(flight.articles, np.concatenate(rows), [part for piece in parts for part in piece])
            self._flying.popleft()

    def _write(self, waiting: list[_Cut], vectors: NDArray[np.float32], parts: list[NDArray[np.float32]]) -> None:
        at = 0
        for article, passages, named, keys in waiting:
            self._forget(article.id)
            self._keep_version(article)
            others = [self.writer.store.article(id_) for id_ in self.writer.store.alike(keys) if id_ != article.id]
            like = likeness(article, filter(None, others))
            repeats = like.id if like and not like.differences else None
            version_of = like.id if like and like.differences else None
            rows = slice(at, at + len(passages))
            self.writer.put(Record(article, passages, vectors[rows], parts[rows], keys, repeats, version_of, named))
            at += len(passages)
            if repeats:
                self.near_duplicates.append((article.id, repeats))
            if like and like.differences:
                changes = [f"{d.other or 'nothing'} for {d.one or 'nothing'}" for d in like.differences]
                self.updates.append((article.id, like.id, ", ".join(changes)))
        self.passages += at
        self.changed = True
        if self.writer.pending >= COMMIT_PASSAGES:
            self.writer.commit()

    def _encoded(self, passages: Sequence[Passage]) -> _Vectors:
        """The vectors of passages and of their sentences."""
        return self.embedder.encode_spans([embedded_text(p) for p in passages], [sentence_spans(p) for p in passages])

    def _encoded_once(self, passages: Sequence[Passage]) -> _Vectors:
        """As `_encoded`, from disk where an earlier run came that far."""
        if not passages:
            return self._encoded(passages)
        texts, spans = [embedded_text(p) for p in passages], [sentence_spans(p) for p in passages]
        return self._unfinished.encoded(self.embedder, texts, spans)

    def _keep_version(self, article: Article) -> None:
        """What a newer version replaces stays as an earlier one, so that a correction is seen as one."""
        old = self.writer.store.article(article.id)
        if old is not None and not is_summary(old) and old.text != article.text:
            self.writer.put_version(old)

    def prune(self, inputs: Sequence[str]) -> tuple[str, ...]:
        """Delete what came from the inputs earlier and was neither seen nor refused now."""
        refused = {refusal.origin for refusal in self.refusals}
        gone = tuple(
            sorted(
                id_
                for id_, (_, origin) in self.known.every().items()
                if id_ not in self._seen and origin not in refused and _lies_in(origin, inputs)
            )
        )
        for id_ in gone:
            self.drop(id_)
        return gone

    def drop(self, id_: str) -> None:
        """Delete one article; those that repeated it stand on their own again."""
        self._forget(id_)
        self.writer.delete(id_)
        self.writer.drop_versions(id_)
        self.overrides.drop(id_)
        del self.known[id_]

    def _enqueue(self, article: Article) -> None:
        if len(article.text) > STRETCH:
            self._take_long(article)
            return
        article, sentences = annotate(article)
        self._waiting.append(self._cut(article, sentences, self._split(article, sentences)))
        idle = all(piece.done() for flight in self._flying for piece in flight.pieces)
        if idle or sum(len(passages) for _, passages, *_ in self._waiting) >= EMBED_PASSAGES:
            self._launch()

    def _take_long(self, article: Article) -> None:
        """Annotate, cut and have embedded a long article stretch by stretch; what is embedded is kept on disk until the
        whole is in the index, since search should show no half of it."""
        self._launch()
        sentences: list[Sentence] = []
        passages: list[Passage] = []
        pieces: list[Future[_Vectors]] = []
        self._tell("embedding", 0, len(article.text), "characters")
        for whole, stretch, end in stretches(article):
            cut = self._split(whole, stretch)
            pieces.append(self._beside.submit(self._encoded_once, cut))
            if len(pieces) > 1:
                pieces[-2].result()  # the one told of is the only one not embedded yet
            self._tell("embedding", end, len(article.text), "characters")
            sentences += stretch
            passages += cut
        meta = whole.meta
        passages = [replace(passage, article=meta) for passage in passages]
        self._flying.append(_Flight([self._cut(whole, sentences, passages)], pieces))
        self._land(1)

    def _split(self, article: Article, sentences: Sequence[Sentence]) -> list[Passage]:
        return split(
            article,
            self.embedder.count_tokens,
            tokens=self.settings.passage_tokens,
            overlap=self.settings.passage_overlap,
            sentences=sentences,
        )

    def _cut(self, article: Article, sentences: Sequence[Sentence], passages: list[Passage]) -> _Cut:
        speakers = {sentence.speaker for sentence in sentences if sentence.speaker}
        named = mentions(article.text, speakers) if article.meta.english else []
        return article, passages, named, bands(article.text)

    def _forget(self, id_: str) -> None:
        """The first of those that repeated this article takes its place as the one kept."""
        heirs = self.writer.repeated_by(id_)
        for n, heir in enumerate(heirs):
            self.writer.set_repeats(heir, None if n == 0 else heirs[0])

    def _article(self, id_: str) -> Article | None:
        """A known article, also one that waits to be written."""
        flying = chain.from_iterable(flight.articles for flight in self._flying)
        waiting = next((article for article, *_ in chain(self._waiting, flying) if article.id == id_), None)
        return waiting or self.writer.store.article(id_)

    def finish(self) -> None:
        """What was kept against a kill is in the index now."""
        self._unfinished.clear()

    def close(self) -> None:
        """Wait for what is being embedded; it is dropped."""
        self._beside.shutdown(cancel_futures=True)

    def _step(self, stage: str) -> None:
        self._done += 1
        self._tell(stage, self._done, self._total, "articles")

    def _tell(self, stage: str, done: int, total: int | None, unit: str) -> None:
        if self._progress:
            self._progress(Progress(stage, done, total, unit))


def _lies_in(origin: str, inputs: Sequence[str]) -> bool:
    for given in inputs:
        if "://" in given or "://" in origin:
            continue  # what rolled off a feed did not vanish, and a page that did is refused
        if Path(origin).is_relative_to(Path(given).resolve()):
            return not (Path(origin).suffix.lower() in FEEDS and Path(origin).exists())
    return False

"""What all visitors of the page share: one index, one reader, one language model at a time.

Knows nothing about Gradio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, RLock, Thread
from typing import TYPE_CHECKING

from rag.answering.bot import Bot
from rag.articles import load
from rag.errors import IndexMissing, InputError, ModelError, RagError
from rag.indexing.build import IndexReport, IndexStatus, build_index, correct_article, delete_articles
from rag.indexing.contract import ArticleRow, EarlierVersion
from rag.indexing.identity import alike
from rag.indexing.opening import open_index
from rag.indexing.overrides import Override, Overrides
from rag.indexing.watch import WatchList, in_words, refresh
from rag.models.catalogue import ModelInfo, list_models, settle
from rag.models.embedder import LazyEmbedder, open_embedder
from rag.models.fetch import BackgroundFetch
from rag.models.machine import cores
from rag.page.examples import example_questions, follow_ups
from rag.page.render import Filters, Passing
from rag.resources import resource
from rag.retrieval.retriever import Retriever
from rag.settings import EMBEDDED_MODEL, EXTRACTS, Settings
from rag.types import Answer, Article, ArticleMeta, Progress, Refusal

if TYPE_CHECKING:
    from rag.models.judge import Judge
    from rag.models.reader import Reader

#: Files taken in one upload, and bytes of each.
MOST_FILES = 50
MOST_BYTES = 20_000_000
#: Seconds in which the page is opened before the models are loaded.
FIRST_LOOK = 5.0


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one input.

    Attributes:
        name: of the file, or the address.
        outcome: "added", "replaced", "unchanged" or "refused", with the number of articles where it is not 1.
        reason: why it was refused, and what to do; or what it nearly repeats.
    """

    name: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What the index keeps beside an article.

    Attributes:
        override: what a person set right, None for nothing.
        versions: its earlier ones, newest first.
        repeated: other articles that tell the same in nearly the same words.
        original: whether the file is at hand from which it was read, so that it can be opened at a page.
    """

    override: Override | None = None
    versions: tuple[EarlierVersion, ...] = ()
    repeated: tuple[ArticleMeta, ...] = ()
    original: bool = False


class Desk:
    """Opens the index (an empty one where there is none) and hands out bots.

    Args:
        settings: the model named there is the one at the start.
        fetch: whether a better model than is here is fetched meanwhile, where the settings name none; from then on it
            is the usual one.

    Attributes:
        fetching: that fetch, to show how far it is; nothing to do (`done`) without one.
        watched: the feeds, pages and folders that are looked at again.
    """

    def __init__(self, settings: Settings, *, fetch: bool = False) -> None:
        self._lock, self._examples_lock, self._writing = RLock(), RLock(), RLock()
        self._examples: tuple[str, list[str]] = "", []
        self.fetching = BackgroundFetch(settings, None if fetch else "")
        self._better = self.fetching.name
        self._fetch_began: tuple[float, int] | None = None  # when, and how many bytes were here then
        self.settings, self._choice = settle(settings)
        self.retriever = _open(self.settings)
        self.watched = WatchList(settings.index_dir)
        self.default_model = self.settings.model
        self._loading, self._turn = Lock(), Lock()
        self._parts: tuple[Reader | None, Judge | None] | None = None
        self._bot: Bot | None = None
        self._named = ""
        if self._choice is None and self.default_model != EXTRACTS:
            self.load()  # who names a model is told at once when it cannot be used
        self.fetching.start()

    @property
    def loaded(self) -> bool:
        """Whether a question can be answered at once; else it waits for the models."""
        return self._bot is not None

    def load(self) -> None:
        """Load the models, unless they are here; others that call it meanwhile wait.

        Raises:
            ModelError: the model that was named, or the one that searches, cannot be used.
        """
        with self._loading:
            if self._bot is None:
                if isinstance(self.retriever.embedder, LazyEmbedder):
                    self.retriever.embedder.load()
                bot = self._first_bot()
                self._parts, self._named, self._bot = (bot.reader, bot.judge), self.default_model, bot

    def load_behind(self, wait: float = FIRST_LOOK) -> None:
        """Load the models in a thread; what fails is told to whoever asks.

        Args:
            wait: seconds in which the page can be opened first, since loading slows it down. Who has it open asks for
                examples, and so has them loaded.
        """

        def load() -> None:
            time.sleep(wait)
            with suppress(RagError):
                self.load()

        Thread(target=load, name="models", daemon=True).start()

    def _first_bot(self) -> Bot:
        try:
            return Bot.around(self.retriever, self.settings, must=False)
        except ModelError:
            if self._choice is None:
                raise
            # It was our choice, so the extracts speak in its place, and say so.
            self.default_model = EXTRACTS
            return Bot.around(self.retriever, replace(self.settings, model=EXTRACTS))

    @property
    def reader(self) -> Reader | None:
        """The extractive reader; waits for it."""
        self.load()
        return self._parts[0] if self._parts else None

    def bot(self, model: str | None = None) -> Bot:
        """The bot with a model: a name as in `Settings.model`; None or "" for the usual one.

        The usual one is that of the start, or the one fetched meanwhile, unless that one turns out not to run. Only one
        language model is held; another frees it first, so callers take turns.

        Raises:
            ModelError: it cannot be used; the one before is gone, and is opened anew when it is asked for.
        """
        self.load()
        with self._lock:
            fetched = self.fetching
            if not model and fetched.name == self._better != "" and fetched.done and not fetched.error:
                try:
                    bot = self._with(fetched.name)
                    self.default_model = fetched.name
                    return bot
                except ModelError as error:
                    fetched.error = str(error)
            return self._with(model or self.default_model)

    @contextmanager
    def turn(self, model: str = "") -> Iterator[Bot]:
        """As `bot`, for one answer: a language model gives one at a time, and is not freed before that is whole.

        Extracts wait for nobody.
        """
        if not self._turn.acquire(blocking=(model or self.default_model) != EXTRACTS):
            self.load()
            yield Bot.around(self.retriever, replace(self.settings, model=EXTRACTS), parts=self._parts)
            return
        with ExitStack() as held:
            held.callback(self._turn.release)
            bot = self.bot(model)
            if bot.generator is None:
                held.close()
            yield bot

    @property
    def at_once(self) -> int:
        """How many answers are made at a time: extracts one on each core; who waits for a language model, or may come
        to, is told the place in the queue."""
        return cores() if self.default_model == EXTRACTS and self.fetching.done else 1

    def _with(self, model: str) -> Bot:
        assert self._bot is not None
        if model == self._named:
            return self._bot
        if self._bot.generator:
            self._bot.generator.close()
        self._named = ""
        self._bot = Bot.around(self.retriever, replace(self.settings, model=model), parts=self._parts)
        self._named = model
        return self._bot

    def ready(self, model: str) -> str:
        """The same name: of the model at the start, or of a listed one that is on disk; no path, no address.

        Raises:
            InputError: it is another.
        """
        ready = {EXTRACTS, EMBEDDED_MODEL, self.default_model} | {m.name for m in self.models() if m.kind == "fetched"}
        if model and model not in ready:
            raise InputError(f"There is no model {model!r} here.", f"Models: {', '.join(sorted(ready))}.")
        return model

    def fetch(self, name: str) -> None:
        """Fetch a model behind the page; it can be chosen when it is here.

        Raises:
            InputError: another is being fetched, or no model goes by that name.
        """
        with self._lock:
            if not self.fetching.done:
                raise InputError(f"{self.fetching.name} is being fetched.", "Wait for it, or stop it first.")
            if name not in {m.name for m in self.models() if m.kind == "fetchable"}:
                raise InputError(f"There is no model {name!r} to fetch.", "See the list under Settings.")
            self.fetching = BackgroundFetch(self.settings, name)
            self._fetch_began = None
            self.fetching.start()

    def stop_fetching(self) -> None:
        """End the fetch; what came is kept for the next time."""
        self.fetching.close()

    def seconds_left(self) -> float | None:
        """How long the fetch still takes at the speed so far; None while that cannot be told."""
        step = self.fetching.progress()
        if self.fetching.done or not step or not step.total:
            return None
        now = time.monotonic()
        if self._fetch_began is None or self._fetch_began[1] > step.done:
            self._fetch_began = now, step.done
        since, done = now - self._fetch_began[0], step.done - self._fetch_began[1]
        return (step.total - step.done) * since / done if done and since > 1 else None

    def set_threads(self, threads: int) -> None:
        """Have the language model run with so many threads, 0 for what was measured; it is opened anew when asked."""
        with self._lock:
            if threads != self.settings.threads:
                self.settings = replace(self.settings, threads=threads)
                if self._named != EXTRACTS:
                    self._named = ""

    def models(self) -> list[ModelInfo]:
        """The models that can be chosen or fetched."""
        return list_models(self.settings)

    def status(self) -> IndexStatus:
        """What the index holds."""
        return self.retriever.status()

    def examples(self, *, wait: bool = True) -> list[str]:
        """Questions that the articles answer; the newest articles first. Found once for each state of the index.

        Args:
            wait: whether they are looked for now; else there are none until somebody has.
        """
        state = self.retriever.fingerprint()
        if not wait:
            known, found = self._examples
            return found if known == state else []
        with self._examples_lock:
            if self._examples[0] != state:
                rows = self.retriever.articles()[:40]
                extracts = Bot(self.retriever, reader=self.reader)
                found = example_questions(
                    (self.retriever.article(row.id) for row in rows),
                    self.reader,
                    answered=lambda question: not extracts.ask(question).abstained,
                )
                self._examples = state, found
            return self._examples[1]

    def follow_ups(self, answers: Sequence[Answer], unwanted: Callable[[], bool] = lambda: False) -> list[str]:
        """Questions that may be asked after the last of these answers, see `rag.page.examples.follow_ups`."""
        if not self.loaded or not self.reader:
            return []
        extracts = Bot(self.retriever, reader=self.reader)
        return follow_ups(answers, self.article, extracts.ask, unwanted=unwanted)

    def find(self, query: str) -> list[ArticleRow]:
        """The articles whose title, source, date or id hold every word of the query, newest first; all for none."""
        wanted = query.casefold().split()
        return [
            row
            for row in self.retriever.articles()
            if all(word in f"{row.title} {row.source} {row.published} {row.id}".casefold() for word in wanted)
        ]

    def passing(self, filters: Filters) -> Passing:
        """How many articles pass."""
        rows = self.retriever.articles()
        undated = sum(row.published is None for row in rows)
        return Passing(sum(_passes(row, filters) for row in rows), len(rows), undated)

    def article(self, article_id: str) -> Article | None:
        """An article; None when it is not in the index."""
        try:
            return self.retriever.article(article_id)
        except InputError:
            return None

    def add_files(self, paths: Sequence[Path], progress: Callable[[Progress], None] | None = None) -> list[Added]:
        """Index uploaded files; each has its line in the result, in their order.

        Raises:
            InputError: too many files at once.
            IndexError_: the index cannot be written; it stays as it was.
        """
        if len(paths) > MOST_FILES:
            raise InputError(
                f"{len(paths)} files were given; at most {MOST_FILES} are taken at once.",
                "Add them in smaller groups, or index a folder with: rag index FOLDER",
            )
        added: list[Added] = []
        for done, path in enumerate(paths):
            if progress:
                progress(Progress("indexing", done, len(paths), "files"))
            # An upload's own path is a temporary one; its name is what stays.
            notes: list[str] = []
            told = load([path], max_bytes=MOST_BYTES, note=notes.append)
            read = (replace(item, origin=f"upload://{path.name}") for item in told)
            items = [self._settled(item) if isinstance(item, Article) else item for item in read]
            taken = [item.id.partition("~")[0] for item in items if isinstance(item, Article) and "~" in item.id]
            lines = _outcomes(path.name, self._index(iter(items), None), notes)
            if taken:
                both = f"There is another article named {taken[0]}; both are kept. {lines[0].reason}".strip()
                lines[0] = replace(lines[0], reason=both)
            added += lines
        return added

    def _settled(self, article: Article) -> Article:
        """An upload under the id of the article of that name of which it is a version, else under one of its own."""
        same = [r.id for r in self.retriever.articles() if r.id == article.id or r.id.startswith(f"{article.id}~")]
        for old in filter(None, map(self.article, same)):
            if article.title == old.title or alike(article.text, old.text):
                upload = old.origin.startswith("upload://")
                return replace(article, id=old.id, origin=old.origin if upload else article.origin)
        if not same:
            return article
        mark = article.content_hash[:6]
        return replace(article, id=f"{article.id}~{mark}", origin=article.origin.replace("://", f"://{mark}/"))

    def add_url(self, url: str, progress: Callable[[Progress], None] | None = None) -> list[Added]:
        """Index a page or a feed.

        Raises:
            InputError: it is no web address.
            IndexError_: the index cannot be written; it stays as it was.
        """
        url = url.strip()
        if not url.lower().startswith(("http://", "https://")):
            raise InputError("That is no web address.", "Give one that begins with http:// or https://.")
        notes: list[str] = []
        items = load(
            [url],
            allow_private_urls=self.settings.allow_private_urls,
            cache=self.settings.cache_dir / "pages",
            note=notes.append,
        )
        return _outcomes(url, self._index(items, progress), notes)

    def add_sample(self, progress: Callable[[Progress], None] | None = None) -> list[Added]:
        """Index the bundled sample."""
        return _outcomes("the bundled sample", self._index(load([resource("samples", "briefs")]), progress))

    def delete(self, article_ids: Sequence[str]) -> tuple[str, ...]:
        """Delete articles; returns the ids that were there.

        Raises:
            IndexError_: the index cannot be written; it stays as it was.
        """
        with self._writing:
            return delete_articles(article_ids, self.settings, embedder=self.retriever.embedder)

    def correct(self, article_id: str, values: Mapping[str, str]) -> Article | None:
        """Set an article's title, source or day right; None when it is not there.

        Raises:
            InputError: a day is none.
            IndexError_: the index cannot be written; it stays as it was.
        """
        with self._writing:
            return correct_article(article_id, values, self.settings, embedder=self.retriever.embedder)

    def about(self, article: Article) -> About:
        """What the index keeps beside an article."""
        return About(
            Overrides(self.settings.index_dir).get(article.id),
            self.retriever.versions(article.id),
            self.retriever.repeated(article.id),
            self.original(article.id) is not None,
        )

    def original(self, article_id: str) -> Path | None:
        """The PDF on this machine from which an article that is in the index was read; None where there is none."""
        article = self.article(article_id)
        if article is None or not article.pages or "://" in article.origin:
            return None
        path = Path(article.origin)
        try:
            with path.open("rb") as file:
                return path if path.suffix.lower() == ".pdf" and file.read(5) == b"%PDF-" else None
        except OSError:
            return None

    def refresh(self, what: str) -> str:
        """Look at something that is watched; what came of it, in words."""
        try:
            with self._writing:
                report = refresh(what, self.settings, embedder=self.retriever.embedder)
            said, new = in_words(report), len(report.added)
        except RagError as error:
            said, new = f"failed: {error.message}", 0
        self.watched.note(what, said, new)
        return f"{what}: {said}."

    def close(self) -> None:
        """Free the model and the index; end the fetch."""
        self.fetching.close()
        with self._loading:
            if self._bot and self._bot.generator:
                self._bot.generator.close()
            self.retriever.close()

    def _index(self, items: Iterator[Article | Refusal], progress: Callable[[Progress], None] | None) -> IndexReport:
        with self._writing:
            return build_index(items, self.settings, embedder=self.retriever.embedder, progress=progress)


def _open(settings: Settings) -> Retriever:
    """The index, an empty one where there is none; its embedding model is loaded when it is first used."""
    try:
        with closing(open_index(settings)) as store:
            dimension = int(store.manifest()["dimension"])
    except IndexMissing:
        embedder = open_embedder(settings.embedding_model, settings.cache_dir)
        build_index([], settings, embedder=embedder)
        return Retriever.open(settings=settings, embedder=embedder)
    return Retriever.open(
        settings=settings, embedder=LazyEmbedder(settings.embedding_model, settings.cache_dir, dimension)
    )


def _passes(row: ArticleRow, filters: Filters) -> bool:
    if filters.articles is not None and row.id not in filters.articles:
        return False
    if filters.sources and row.source not in filters.sources:
        return False
    if row.published is None:
        return filters.undated or not (filters.since or filters.until)
    return (filters.since or "") <= str(row.published) <= (filters.until or "9999-12-31")


def _outcomes(name: str, report: IndexReport, said: Sequence[str] = ()) -> list[Added]:
    repeats = dict(report.near_duplicates)
    renamed = {new: old for old, new in report.renamed}
    found: list[Added] = []
    for outcome in ("added", "replaced", "unchanged"):
        ids: tuple[str, ...] = getattr(report, outcome)
        if ids:
            notes = [f"{id_} repeats {repeats[id_]}; results show one of them." for id_ in ids if id_ in repeats]
            notes += [f"{renamed[id_]} was taken, so this one is {id_}." for id_ in ids if id_ in renamed]
            count = f" ({len(ids)} articles)" if len(ids) > 1 else ""
            notes += said if not found else []  # what was passed over or cut short, once
            found.append(Added(name, outcome + count, " ".join(notes[:3])))
    found += [
        Added(
            name if refusal.origin.endswith(name) else f"{name}: {refusal.origin.rsplit('/', 1)[-1]}",
            "refused",
            f"{refusal.reason} {refusal.hint}".strip(),
        )
        for refusal in report.refusals
    ]
    return found or [Added(name, "refused", "It holds no article.")]

"""Question in, judged answer out. The one place where search, reading, model and judge meet.

Knows nothing about pages, files of articles or gold sets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from rag.answering.counting import count
from rag.answering.earlier import said_earlier
from rag.answering.extracts import Extract, extract
from rag.answering.finding import find, read, shipped_probability
from rag.answering.timeline import about, summary
from rag.answering.understand import SPELLING, Surroundings, understand
from rag.answering.writing import (
    abstains,
    claims_of,
    excerpts,
    fit,
    judge_claim,
    otherwise,
    prefix,
    repeats,
    whole_words,
)
from rag.errors import ModelCrashed, ModelError
from rag.language.spelling import corrected, corrections, lost_capitals, recased
from rag.language.topics import asked_topic
from rag.language.values import numbers
from rag.language.words import content_stems
from rag.models.catalogue import settle
from rag.models.generator import Generator, Message
from rag.models.kinds import shipped_kinds
from rag.retrieval.retriever import Retriever, Searcher
from rag.settings import EMBEDDED_MODEL, EXTRACTS, Settings
from rag.types import ABSTENTION, FACTOID_KINDS, Answer, Citation, Claim, Finding, Hit, Query

if TYPE_CHECKING:
    from rag.models.judge import Judge
    from rag.models.reader import Reader

#: Seconds of reading that an answer may take before its first word: what a model is shown is cut to what it reads in
#: them. A factoid needs a few sentences only.
READ_SECONDS, READ_SECONDS_FACTOID = 5.0, 1.5
#: Tokens that a model is shown at least.
LEAST_SHOWN = 300
#: Tokens a second that a model is taken to read where nobody measured, such as behind an endpoint.
UNMEASURED_RATE = 120.0
#: What the likeliest sentence must reach for a model's answer of which the judge supports no claim (risk and coverage:
#: eval/README.md).
UNSUPPORTED = 0.05
#: Words of an answer up to which what a model writes is completed with sentences of the articles (table:
#: eval/README.md).
ANSWER_WORDS = 60
#: Said of the extracts that answer a factoid by the calibrated probability, where the model found nothing.
UNSEEN = "The language model found no answer in what it was shown; these are the articles' own words."
#: How an answer begins that none is there.
_SILENCE = "The articles"


#: Said of an answer from articles in another language.
OTHER_LANGUAGE = (
    "Answers are measured for English articles only. For others set a multilingual embedding model and index anew: "
    "DATELINE_EMBEDDING_MODEL=intfloat/multilingual-e5-small."
)


class Bot:
    """Answers questions from an index.

    Args:
        retriever: where passages come from.
        generator: the language model; None answers with extracts.
        reader: finds the words that answer; None does with words and embeddings alone.
        judge: holds each claim against what it cites; without one no claim is "supported".
        notes: lines to put on every answer, e.g. why there is no language model.
    """

    def __init__(
        self,
        retriever: Searcher,
        generator: Generator | None = None,
        *,
        reader: Reader | None = None,
        judge: Judge | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.retriever = retriever
        self.generator = generator
        self.reader = reader
        self.judge = judge
        self.settings = retriever.settings
        self.notes = tuple(notes)

    @classmethod
    def open(
        cls, index: Path | str | None = None, *, model: str | None = None, settings: Settings | None = None
    ) -> Bot:
        """Open an index and a model; both default to the settings.

        A model that was asked for by name and fails is an error; a default falls back to extracts and says so on every
        answer.

        Raises:
            IndexError_: no usable index.
            ModelError: the model that was asked for cannot be used.
        """
        settings = settings or Settings.load(index_dir=index, model=model)
        retriever = Retriever.open(settings=settings)
        try:
            return cls.around(retriever, settings, must=model is not None)
        except ModelError:
            retriever.close()
            raise

    @classmethod
    def around(
        cls,
        retriever: Searcher,
        settings: Settings,
        *,
        parts: tuple[Reader | None, Judge | None] | None = None,
        must: bool = True,
    ) -> Bot:
        """A bot around an open retriever, with the model that the settings name.

        Args:
            parts: a reader and a judge that are open already; else the shipped ones are opened.
            must: whether a crash of the embedded model is an error rather than a reason for extracts.

        Raises:
            ModelError: the model that was asked for cannot be used.
        """
        settings, choice = settle(settings)
        notes: list[str] = []
        reader, judge = parts or (_reader(notes), _judge(notes))
        if settings.model == EXTRACTS:
            return cls(retriever, notes=notes, reader=reader, judge=judge)
        from rag.models.catalogue import open_generator

        try:
            generator = open_generator(settings)
            generator.prepare(prefix())
            return cls(retriever, generator, notes=notes, reader=reader, judge=judge)
        except ModelError as error:
            if choice is None and (settings.model != EMBEDDED_MODEL or (isinstance(error, ModelCrashed) and must)):
                raise
            return cls(retriever, notes=[*notes, f"Extracts only: {error}"], reader=reader, judge=judge)

    @property
    def model(self) -> str:
        """The name of what answers: a language model's, or "extracts"."""
        return self.generator.name if self.generator else EXTRACTS

    def ask(
        self,
        question: str | Query,
        *,
        history: Sequence[Answer] = (),
        stop: Event | None = None,
        **filters: Any,
    ) -> Answer:
        """The judged answer to one question; see `stream` for arguments and errors."""
        last: Answer | None = None
        for piece in self.stream(question, history=history, stop=stop, **filters):
            if isinstance(piece, Answer):
                last = piece
        assert last is not None
        return last

    def stream(
        self,
        question: str | Query,
        *,
        history: Sequence[Answer] = (),
        stop: Event | None = None,
        k: int | None = None,
        source: str | Sequence[str] | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        as_of: date | str | None = None,
        undated: bool = False,
        articles: Sequence[str] | None = None,
        without: Sequence[str] = (),
        brief: bool = False,
    ) -> Iterator[str | Answer]:
        """Yield the evidence as an Answer as soon as it is there, the model's words as they come, then the Answer.

        The last Answer is the whole one; without a language model it is the only one.

        Args:
            question: what a person typed, or a Query, which brings its own filters.
            history: earlier answers of the conversation, oldest first, for follow-ups such as "and where?".
            stop: when set, the model stops and what it wrote so far is judged.
            k, source, since, until, as_of, undated, articles, without, brief: see `Query.of`.

        Raises:
            InputError: an empty or overlong question, or filters that make no sense.
        """
        if isinstance(question, str):
            question = Query.of(
                question,
                k=self.settings.k if k is None else k,
                source=source,
                since=since,
                until=until,
                as_of=as_of,
                undated=undated,
                articles=articles,
                without=without,
                brief=brief,
            )
        run = _Run(self, question, understand(self._spelled(question), history, self._surroundings()))
        draft = run.gather()
        if self.generator is None or draft.kind == "count" or not run.worth_writing():
            yield draft
            return
        yield draft
        yield from run.write(self.generator, stop)

    def _spelled(self, query: Query) -> Query:
        """The query with its misspelt words and lost capitals put right by what it finds as it is."""
        if self.reader is None or "spelling" in query.without:
            return query

        @cache
        def texts() -> list[str]:
            return [f"{hit.passage.article.title}. {hit.passage.text}" for hit in self.retriever.search(query)]

        lower = lost_capitals(query.text)
        if right := corrections(query.text, texts, self.reader.words):
            told = ", ".join(f"“{wrong}” as “{word}”" for wrong, word in right.items())
            line = f"{SPELLING}{told}; what stands in quotation marks is taken as it is."
            query = replace(query, text=corrected(query.text, right), understood=(*query.understood, line))
        return replace(query, text=recased(query.text, texts())) if lower else query

    def _surroundings(self) -> Surroundings:
        kinds = shipped_kinds()
        return Surroundings(
            self.retriever.sources(),
            self.retriever.newest(),
            date.today(),
            lambda question: kinds.classify(question).name,
        )

    def threshold(self, kind: str) -> float:
        """The least probability at which a best sentence counts as an answer to a question of this kind."""
        shipped = shipped_probability()
        if self.settings.threshold is not None:
            return self.settings.threshold
        return shipped.threshold if kind in FACTOID_KINDS else shipped.threshold_open

    def close(self) -> None:
        """Free the model and the index."""
        if self.generator:
            self.generator.close()
        self.retriever.close()

    def __enter__(self) -> Bot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True)
class _Run:
    """One question on its way: what was found, and what is said."""

    bot: Bot
    asked: Query
    query: Query
    started: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict)
    hits: tuple[Hit, ...] = ()
    findings: tuple[Finding, ...] = ()
    extracts: tuple[Extract, ...] = ()

    def gather(self) -> Answer:
        """Search, read and find for each part of the question; the answer in the articles' own words."""
        if self.query.kind == "count" and not self.query.parts:
            counted, self.hits = count(self.query, self.bot.retriever)
            if counted:
                return self.answer("count", counted, model=EXTRACTS, probability=1.0)
        bot, parts = self.bot, self.query.parts or (self.query,)
        topics = [asked_topic(part.text) for part in parts]
        found = [
            about(part, bot.retriever, topic.words, topic.form) if topic else bot.retriever.search(part)
            for part, topic in zip(parts, topics, strict=True)
        ]
        self.timings["search"] = time.perf_counter() - self.started
        self.hits, by_part = _merge(found)
        if bot.reader:
            read_hits = [read(part, hits, bot.reader) for part, hits in zip(parts, by_part, strict=True)]
        else:
            read_hits = [tuple(hits) for hits in by_part]
        if len(parts) == 1:
            self.hits = read_hits[0]
        self.findings = tuple(find(part, hits, judge=bot.judge) for part, hits in zip(parts, read_hits, strict=True))
        self.extracts = tuple(
            summary(f, extract(f, bot.threshold(f.query.kind), n), n) for n, f in enumerate(self.findings)
        )
        self.timings["evidence"] = time.perf_counter() - self.started
        return self.extracted()

    def extracted(self, *notes: str) -> Answer:
        """The answer in the articles' own words."""
        return self.answer("extracts" if self.quotes else "abstention", self.quotes, model=EXTRACTS, notes=notes)

    @property
    def quotes(self) -> tuple[Claim, ...]:
        """The sentences that the extracts of all parts show."""
        return tuple(claim for each in self.extracts for claim in each.claims)

    def likely(self, taught: bool) -> bool:
        """Whether the articles may well answer some part of the question, though the judge supports no claim; whether
        they hold a reason or a summary, a model that was taught to say so tells better than any one sentence."""
        return any(
            f.probability >= UNSUPPORTED or (taught and f.query.kind not in FACTOID_KINDS) for f in self.findings
        )

    def worth_writing(self) -> bool:
        """Whether the articles may hold an answer at all, so that a model is asked."""
        return any(finding.ranked for finding in self.findings)

    def write(self, generator: Generator, stop: Event | None) -> Iterator[str | Answer]:
        """The model's words, then the judged answer."""
        settings = self.bot.settings
        try:
            room = generator.context_tokens - settings.answer_tokens
            tokens = min(room, max(LEAST_SHOWN, int(self._seconds() * (generator.read_rate or UNMEASURED_RATE))))
            shown = excerpts(self.findings, tokens, _about_tokens)
            messages, shown = fit(self.query, shown, room, generator.count_tokens)
            written, pieces = "", 0
            for piece in self._words(generator, messages, stop):
                self.timings.setdefault("first_token", time.perf_counter() - self.started)
                written, pieces = written + piece, pieces + 1
                yield piece
                if repeats(written):
                    break
        except ModelError as error:
            note = f"The language model failed, so these are extracts: {error}"
            yield self.extracted(note)
            return
        if stop is not None and stop.is_set():
            written = whole_words(written)
        usage = {"prompt": generator.count_tokens(messages), "completion": pieces}
        sentences = [citation for excerpt in shown for citation in excerpt.sentences]
        claims = [judge_claim(text, sentences, self.bot.judge) for text in claims_of(written)]
        unsupported = not any(claim.verdict == "supported" for claim in claims)
        if abstains(written) or not claims or (unsupported and not self.likely(generator.taught)):
            if generator.taught and self.quotes and all(f.query.kind in FACTOID_KINDS for f in self.findings):
                yield self.answer("extracts", self.quotes, model=EXTRACTS, notes=(UNSEEN,), usage=usage)
            else:
                yield self.answer("abstention", extracts=self.quotes, usage=usage)
            return
        if not self.query.brief:
            claims += self._beside(claims)
        yield self.answer("model", claims, extracts=self.quotes, usage=usage, short=self._agreed(written))

    def _words(self, generator: Generator, messages: Sequence[Message], stop: Event | None) -> Iterator[str]:
        """The model's words; where it says that the articles do not say, but is not sure of it, what else it says."""
        most, held = self.bot.settings.answer_tokens, ""
        pieces = iter(generator.stream(messages, max_tokens=most, stop=stop))
        for piece in pieces:
            held += piece
            if not generator.taught or not ABSTENTION.startswith(held.strip()):
                yield held
                yield from pieces
                return
        halted = stop is not None and stop.is_set()
        if halted or held.strip() != ABSTENTION or generator.likelihood(messages, ABSTENTION) > self._answerable():
            yield held
        else:
            yield from generator.stream(messages, grammar=otherwise(_SILENCE), max_tokens=most, stop=stop)

    def _answerable(self) -> float:
        """How likely it must say nothing to be believed: more than not, and more than the best sentence answers a
        factoid."""
        return max([0.5, *(f.probability for f in self.findings if f.query.kind in FACTOID_KINDS)])

    def _beside(self, claims: Sequence[Claim]) -> list[Claim]:
        """Sentences of the articles that complete a model's answer: what other articles say otherwise, and of an open
        question what else answers it, in at most `ANSWER_WORDS`."""
        said = {stem for claim in claims for stem in content_stems(claim.text)}
        left = ANSWER_WORDS - sum(len(claim.text.split()) for claim in claims)
        beside = []
        for finding, each in zip(self.findings, self.extracts, strict=True):
            if finding.query.kind in FACTOID_KINDS and not each.versions:
                continue
            versions = each.versions and len(each.short) == len(each.claims)
            told = [span.quote for span in each.short] if versions else [quote.text for quote in each.claims]
            for quote, words in zip(each.claims, told, strict=True):
                size, stems = len(quote.text.split()), set(content_stems(words))
                if (each.versions or size <= left) and not stems <= said:
                    beside.append(quote)
                    said |= set(content_stems(quote.text))
                    left -= size
        return beside

    def _seconds(self) -> float:
        factoid = self.query.kind in FACTOID_KINDS and not self.query.parts
        return READ_SECONDS_FACTOID if factoid else READ_SECONDS

    def _agreed(self, written: str) -> tuple[Citation, ...]:
        """The short answers that the model's words hold too; of versions, all when it holds one."""
        said, amounts = set(content_stems(written)), numbers(written)
        kept: list[Citation] = []
        for each in self.extracts:
            agreeing = [
                span
                for span in each.short
                if set(content_stems(span.quote)) <= said
                or any(one.agrees(other) for one in numbers(span.quote) for other in amounts)
            ]
            kept += each.short if agreeing and each.versions else agreeing
        return tuple(kept)

    def answer(
        self, kind: Literal["model", "extracts", "count", "abstention"], claims: Sequence[Claim] = (), **parts: Any
    ) -> Answer:
        """An Answer with what is known so far."""
        self.timings["total"] = time.perf_counter() - self.started
        said = {claim.part for claim in claims}
        silent = () if kind == "model" else tuple(p.text for n, p in enumerate(self.query.parts) if n not in said)
        values: dict[str, Any] = {
            "model": self.bot.model,
            "short": tuple(span for each in self.extracts for span in each.short) if claims else (),
            "versions": tuple(v for each in self.extracts for v in each.versions) if claims else (),
            "unanswered": silent if claims else (),
            "probability": max((finding.probability for finding in self.findings), default=0.0),
        } | parts
        notes = (*self.query.understood, *self.bot.notes, *values.pop("notes", ()))
        notes += tuple(f"The articles do not say: {question}" for question in values["unanswered"])
        notes += said_earlier(claims, values["short"], self.bot.retriever)
        if any(not c.article.english for claim in claims for c in claim.citations):
            notes = (*notes, OTHER_LANGUAGE)
        return Answer(
            self.asked.text, self.query, kind, claims=tuple(claims), hits=self.hits, notes=notes,
            timings=dict(self.timings), **values,
        )  # fmt: skip


def _merge(found: Sequence[Sequence[Hit]]) -> tuple[tuple[Hit, ...], list[list[Hit]]]:
    """The hits of several searches as one list ranked anew, and each search's own hits with those ranks."""
    if len(found) == 1:
        return tuple(found[0]), [list(found[0])]
    ranks: dict[str, int] = {}
    for place in range(max(map(len, found), default=0)):
        for hits in found:
            if place < len(hits):
                ranks.setdefault(hits[place].passage.id, len(ranks) + 1)
    by_part = [[replace(hit, rank=ranks[hit.passage.id]) for hit in hits] for hits in found]
    every = {hit.rank: hit for hits in by_part for hit in hits}
    return tuple(every[rank] for rank in sorted(every)), by_part


def _about_tokens(text: str) -> int:
    """Tokens of a text, roughly; the prompt itself is counted by the model."""
    return len(text) // 4 + 1


def _reader(notes: list[str]) -> Reader | None:
    from rag.models.reader import shipped_reader

    try:
        return shipped_reader()
    except ModelError as error:
        notes.append(f"Without the reader, answers are worse: {error}")
        return None


def _judge(notes: list[str]) -> Judge | None:
    try:
        from rag.models.judge import shipped_judge

        return shipped_judge()
    except ImportError:
        return None
    except ModelError as error:
        notes.append(f"Without the judge, no claim is checked: {error}")
        return None

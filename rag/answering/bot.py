"""Question in, checked answer out. The one place where search, evidence, model and checks meet.

Knows nothing about pages, files of articles or gold sets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from rag.answering.claims import check_claim, check_reading, parse_claims
from rag.answering.evidence import SURE, pack, weigh
from rag.answering.prompt import admitted_words, build_grammar, fit
from rag.answering.suggest import suggest
from rag.errors import InputError, ModelCrashed, ModelError
from rag.language.standalone import standalone
from rag.models.catalogue import settle
from rag.models.generator import Generator, Message
from rag.retrieval.retriever import Retriever
from rag.settings import EMBEDDED_MODEL, EXTRACTS, Settings
from rag.types import ABSTENTION, Answer, Claim, Passage

if TYPE_CHECKING:
    from rag.models.reader import Reader

#: Passages put before the model; more costs time to first token on a CPU and distracts a small model.
MOST_SHOWN = 4
#: Words of them, once they are cut down to the sentences that matter.
MOST_WORDS = 140
#: Said on every answer of a server that does not follow grammars.
FREE = "This server does not follow the grammar of answers, so claims may lack citations; those are marked."


class Bot:
    """Answers questions from an index.

    Args:
        retriever: where passages come from.
        generator: the language model; None answers with extracts.
        reader: finds short answers and the sentences that matter; None does with words and embeddings alone.
        notes: lines to put on every answer, e.g. why there is no language model.
    """

    def __init__(
        self,
        retriever: Retriever,
        generator: Generator | None = None,
        *,
        reader: Reader | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.retriever = retriever
        self.generator = generator
        self.reader = reader
        self.settings = retriever.settings
        self.notes = tuple(notes)

    @classmethod
    def open(
        cls, index: Path | str | None = None, *, model: str | None = None, settings: Settings | None = None
    ) -> Bot:
        """Open an index and a model; both default to the settings.

        A model that was asked for by name and fails is an error; the embedded default falls back to extracts and says
        so on every answer.

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
        cls, retriever: Retriever, settings: Settings, *, reader: Reader | None = None, must: bool = True
    ) -> Bot:
        """A bot around an open retriever, with the model that the settings name.

        Args:
            reader: one that is open already; else the shipped one is opened.
            must: whether a crash of the embedded model is an error rather than a reason for extracts.

        Raises:
            ModelError: the model that was asked for cannot be used.
        """
        settings, _ = settle(settings)
        notes = []
        if reader is None:
            try:
                from rag.models.reader import shipped_reader

                reader = shipped_reader()
            except ModelError as error:
                notes.append(f"Without the reader, answers are worse: {error}")
        if settings.model == EXTRACTS:
            return cls(retriever, reader=reader, notes=notes)
        from rag.models.catalogue import open_generator

        try:
            generator = open_generator(settings)
            # A server may take a grammar and not follow it, without a word.
            if getattr(generator, "grammar_binds", True) is False:
                notes.append(FREE)
            return cls(retriever, generator, reader=reader, notes=notes)
        except ModelError as error:
            if settings.model != EMBEDDED_MODEL or (isinstance(error, ModelCrashed) and must):
                raise
            return cls(retriever, reader=reader, notes=[*notes, f"Extracts only: {error}"])

    @property
    def model(self) -> str:
        """The name of what answers: a language model's, or "extracts"."""
        return self.generator.name if self.generator else EXTRACTS

    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        source: str | Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        as_of: date | str | None = None,
        history: Sequence[Answer] = (),
        stop: Event | None = None,
    ) -> Answer:
        """The checked answer to one question; see `stream` for arguments and errors."""
        for piece in self.stream(
            question, k=k, source=source, since=since, until=until, as_of=as_of, history=history, stop=stop
        ):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("stream ends with an Answer")  # pragma: no cover

    def stream(
        self,
        question: str,
        *,
        k: int | None = None,
        source: str | Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        as_of: date | str | None = None,
        history: Sequence[Answer] = (),
        stop: Event | None = None,
    ) -> Iterator[str | Answer]:
        """Yield the model's words as they come, then the checked Answer, last and once.

        Args:
            question: 1 to 2,000 characters.
            k: passages to retrieve, default from the settings.
            source, since, until: filters, see `Retriever.search`.
            as_of: the day on which it is asked; articles near it are preferred.
            history: earlier answers of the conversation, oldest first, for follow-ups such as "and where?".
            stop: when set, the model stops and what it wrote so far is checked.

        Raises:
            InputError: an empty or overlong question, or filters that make no sense.
        """
        asked = check_question(question)
        question = standalone(asked, history)
        started = time.perf_counter()
        hits = self.retriever.search(question, k=k, source=source, since=since, until=until, as_of=as_of)
        timings = {"search": time.perf_counter() - started}
        evidence = weigh(question, hits, self.retriever.embedder, self.reader, self.settings.threshold)
        timings["evidence"] = time.perf_counter() - started - timings["search"]

        def answer(
            kind: Literal["model", "extracts", "abstention"], claims: Sequence[Claim] = (), **parts: Any
        ) -> Answer:
            timings["total"] = time.perf_counter() - started
            values: dict[str, Any] = {
                "model": self.model,
                "short": evidence.short if claims else (),
                "versions": evidence.versions,
                "notes": self.notes,
                "confidence": evidence.confidence,
            } | parts
            return Answer(asked, question, kind, claims=tuple(claims), hits=evidence.hits, timings=timings, **values)

        if not evidence.extracts:
            # Nothing in the hits speaks of it: a small model would invent, so it is not asked.
            yield answer("abstention", versions=())
            return
        if self.generator is None:
            yield answer("extracts", evidence.extracts)
            return
        try:
            room = self.generator.context_tokens - self.settings.answer_tokens
            packed = pack(evidence, passages=MOST_SHOWN, words=MOST_WORDS)
            messages, shown, grammar = prepare(
                self.generator, question, packed, self.reader, confidence=evidence.confidence, room=room
            )
            written, pieces = "", 0
            for piece in self.generator.stream(
                messages, grammar=grammar, max_tokens=self.settings.answer_tokens, stop=stop
            ):
                timings.setdefault("first_token", time.perf_counter() - started)
                written, pieces = written + piece, pieces + 1
                yield piece
        except ModelError as error:
            note = f"The language model failed, so these are extracts: {error}"
            yield answer("extracts", evidence.extracts, model=EXTRACTS, notes=(*self.notes, note))
            return
        usage = {"prompt": self.generator.count_tokens(messages), "completion": pieces}
        claims = [check_claim(claim) for claim in parse_claims(written, evidence.hits[:shown])]
        if self.reader:
            claims = [check_reading(claim, question, self.reader) for claim in claims]
        if not claims or written.strip().startswith(ABSTENTION):
            yield answer("abstention", extracts=evidence.extracts, versions=(), usage=usage)
            return
        yield answer("model", claims, extracts=evidence.extracts, usage=usage)

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


def prepare(
    generator: Generator,
    question: str,
    packed: Sequence[Passage],
    reader: Reader | None,
    *,
    confidence: float,
    room: int,
) -> tuple[list[Message], int, str]:
    """What a language model is asked: the prompt, how many of the passages are in it, the grammar of its answer.

    Args:
        reader: whose suggestions our adapter is given; None gives it none.
        confidence: the evidence's; from `SURE` on our adapter must answer. SURE was set on scores with a reader, so
            without one the model alone decides.
        room: most tokens the prompt may take.

    Raises:
        InputError: not even one passage fits beside the question.
    """
    ours = getattr(generator, "takes_suggestions", False)
    found = suggest(question, packed, reader) if reader and ours else []
    messages, shown = fit(question, packed, found, room=room, count_tokens=generator.count_tokens)
    grammar = build_grammar(
        shown,
        abstention=not (ours and reader and confidence >= SURE),
        words=admitted_words(question, packed[:shown]) if ours else (),
    )
    return messages, shown, grammar


def check_question(question: str) -> str:
    """The question without outer white space.

    Raises:
        InputError: it is empty, has no letter or digit, or is longer than 2,000 characters.
    """
    question = question.strip()
    if not any(c.isalnum() for c in question):
        raise InputError("The question is empty.", 'Ask something, e.g. rag ask "Who mediated?"')
    if len(question) > 2000:
        raise InputError(f"The question has {len(question):,} characters; the limit is 2,000.", "Ask in fewer words.")
    return question

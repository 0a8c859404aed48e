"""The seam to whatever writes answers. Knows nothing about articles, prompts or files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Event
from typing import Literal, Protocol, TypedDict

from rag.errors import ModelError


class Message(TypedDict):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Generator(Protocol):
    """A language model that answers in a stream.

    Attributes:
        name: for people, e.g. "SmolLM2-135M-Instruct".
        context_tokens: prompt and answer together must fit in this many tokens.
        grammar_binds: whether a grammar given to `stream` is followed.
        read_rate: tokens of a prompt that it reads in a second, as measured on this machine; 0 when not measured.
        write_rate: tokens that it writes in a second, likewise.
        taught: whether it was taught when to say that the articles do not say, so that its likelihood of that tells.
    """

    name: str
    context_tokens: int

    @property
    def grammar_binds(self) -> bool: ...

    @property
    def read_rate(self) -> float: ...

    @property
    def write_rate(self) -> float: ...

    @property
    def taught(self) -> bool: ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt that these messages become, chat template included."""
        ...

    def prepare(self, messages: Sequence[Message]) -> None:
        """Read the messages that every prompt to come begins with, ahead of the first question.

        Raises:
            InputError: they do not fit the context.
            ModelError: the model failed.
        """
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        max_tokens: int = 160,
        stop: Event | None = None,
        stops: Sequence[str] = (),
    ) -> Iterator[str]:
        """Yield the answer piece by piece, greedily (temperature 0), without the thoughts of a model that thinks.

        A stream may be left, closed, or read beside another one; none waits for ever.

        Args:
            grammar: GBNF text whose start rule is `root`; None leaves the model free.
            max_tokens: most tokens to write.
            stop: when set, the stream ends within one token.
            stops: texts that end the answer where they occur; they are not given out.

        Raises:
            InputError: the messages do not fit the context.
            ModelError: the model failed, was closed, or wrote nothing.
        """
        ...

    def likelihood(self, messages: Sequence[Message], text: str) -> float:
        """How likely it answers in just these words, in [0, 1]; 1 where nobody can tell, such as behind an endpoint.

        Raises:
            ModelError: the model failed, or was closed.
        """
        ...

    def close(self) -> None:
        """Free the model; the generator is not used afterwards."""
        ...


_THINK, _THOUGHT = "<think>", "</think>"


def finish(pieces: Iterable[str], *, name: str, stops: Sequence[str] = (), stop: Event | None = None) -> Iterator[str]:
    """What a model wrote, as `Generator.stream` promises it: no thoughts, ended at a stop text, not empty.

    Args:
        name: of the model, for the error.

    Raises:
        ModelError: nothing was written, or only thoughts, and nobody asked to stop.
    """
    any_text = thought = False
    for piece in _until(_without_thoughts(pieces), stops):
        if piece is None:
            thought = True
            continue
        any_text = any_text or bool(piece.strip())
        yield piece
    if not any_text and not (stop is not None and stop.is_set()):
        what = "spent its answer on thinking" if thought else "wrote nothing"
        raise ModelError(f"{name} {what}.", "Switch its thinking off, raise DATELINE_ANSWER_TOKENS, or use another.")


def _without_thoughts(pieces: Iterable[str]) -> Iterator[str | None]:
    """The text without a leading <think> … </think>; None when one was left out."""
    held, begun, thought = "", False, False
    for piece in pieces:
        if begun:
            yield piece
            continue
        held += piece
        text = held.lstrip()
        if not thought and text.startswith(_THINK):
            _, closed, rest = text.partition(_THOUGHT)
            if not closed:
                continue
            yield None
            thought, held = True, rest
            text = held.lstrip()
        if text and (thought or not _THINK.startswith(text)):
            begun = True
            yield text if thought else held
    if not begun and held.strip():
        yield None if held.lstrip().startswith(_THINK) else held


def _until(pieces: Iterable[str | None], stops: Sequence[str]) -> Iterator[str | None]:
    """The text up to the first stop text; what may be the beginning of one is held back."""
    held = ""
    for piece in pieces:
        if piece is None:
            yield None
            continue
        held += piece
        found = [at for each in stops if (at := held.find(each)) >= 0]
        if found:
            if head := held[: min(found)]:
                yield head
            return
        back = max((n for each in stops for n in range(1, len(each)) if held.endswith(each[:n])), default=0)
        if out := held[: len(held) - back]:
            yield out
        held = held[len(held) - back :]
    if held:
        yield held

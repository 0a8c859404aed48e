"""The seam to whatever writes answers. Knows nothing about articles, prompts or files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import Literal, Protocol, TypedDict


class Message(TypedDict):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Generator(Protocol):
    """A language model that can be made to follow a GBNF grammar.

    Attributes:
        name: for people, e.g. "SmolLM2-135M-Instruct".
        context_tokens: prompt and answer together must fit in this many tokens.
    """

    name: str
    context_tokens: int

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt that these messages become, chat template included."""
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        max_tokens: int = 160,
        stop: Event | None = None,
    ) -> Iterator[str]:
        """Yield the answer piece by piece, greedily (temperature 0).

        Args:
            grammar: GBNF text whose start rule is `root`; None leaves the model free.
            max_tokens: most tokens to write.
            stop: when set, the stream ends within one token.

        Raises:
            InputError: the messages do not fit the context.
            ModelError: the model failed.
        """
        ...

    def close(self) -> None:
        """Free the model; the generator is not used afterwards."""
        ...

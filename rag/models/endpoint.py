"""Any OpenAI-compatible server by URL: llama-server, vLLM, Ollama, llama-cpp-python's own. Knows nothing about prompts.

The grammar is sent in the forms that llama-server and llama-cpp-python ("grammar") and vLLM ("structured_outputs")
read. A server that knows none of them answers freely and without a word, so the caller still checks what comes back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator as PythonGenerator
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import cached_property
from threading import Event
from typing import Any

from rag.errors import EndpointError, InputError, ModelError
from rag.models.generator import Message, finish

#: Seconds to connect, and to wait for the next piece of an answer.
CONNECT, WAIT = 5.0, 120.0
#: Tokens per message that chat templates add, about.
_TEMPLATE_TOKENS = 8
#: How servers say that they do not know a field.
_REFUSED = frozenset({400, 422})


class EndpointGenerator:
    """A `Generator` behind HTTP.

    Args:
        url: base URL, with or without /v1.
        model: its name at the server; "" takes the first that the server lists.
        api_key: sent as a bearer token; never shown.
        context_tokens: window of the model there.

    Raises:
        EndpointError: the server cannot be reached or lists no model.
    """

    def __init__(self, url: str, *, model: str = "", api_key: str = "", context_tokens: int = 2048) -> None:
        import httpx

        self._root = url.rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=httpx.Timeout(WAIT, connect=CONNECT))
        self.context_tokens = context_tokens
        self.write_rate = 0.0  # not measured: how fast it writes is its own matter
        self._closed = False
        #: What some servers refuse to be told; left out once one has.
        self._extras = True
        self._model = model or self._first_model()
        self.name = f"{self._model} at {self._root}"

    @property
    def taught(self) -> bool:
        """See `Generator`."""
        return False

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """See `Generator.count_tokens`: the server's count where it offers one, else a third of the characters.

        The estimate is on the safe side for English, where a token has about four characters.
        """
        text = "\n".join(message["content"] for message in messages)
        counted = self._count(text)
        return (counted if counted is not None else len(text) // 3 + 1) + _TEMPLATE_TOKENS * len(messages)

    def prepare(self, messages: Sequence[Message]) -> None:
        """See `Generator.prepare`: nothing to do, since servers keep what prompts share by themselves."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        max_tokens: int = 160,
        stop: Event | None = None,
        stops: Sequence[str] = (),
    ) -> Iterator[str]:
        """See `Generator.stream`. The server is asked not to think, and thoughts that it sends are left out.

        Raises:
            InputError: the messages do not fit the context.
            EndpointError: the server failed, or sent thoughts and no answer.
            ModelError: it wrote nothing, or was closed.
        """
        if (needed := self.count_tokens(messages) + max_tokens) > self.context_tokens:
            raise InputError(
                f"Prompt and answer take {needed} tokens, but the context is {self.context_tokens}.",
                "Ask a shorter question, or raise DATELINE_CONTEXT_TOKENS if the server allows more.",
            )
        body: dict[str, Any] = {
            "model": self._model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        with closing(self._events(body, grammar, stop)) as pieces:
            yield from finish(pieces, name=self.name, stops=stops, stop=stop)

    @cached_property
    def read_rate(self) -> float:
        """Tokens of a prompt that the server reads in a second, found by one request, all of it counted as reading."""
        text = " ".join(f"{n}" for n in range(100))
        messages: list[Message] = [{"role": "user", "content": text}]
        tokens = self.count_tokens(messages)
        started = time.perf_counter()
        with suppress(ModelError):  # that it wrote nothing does not matter here
            for _ in self.stream(messages, max_tokens=4):
                break
        return tokens / (time.perf_counter() - started)

    @cached_property
    def grammar_binds(self) -> bool:
        """Whether this server follows a grammar, found by one small request."""
        messages: list[Message] = [{"role": "user", "content": "Name a colour."}]
        return "".join(self.stream(messages, grammar='root ::= "OK7"\n', max_tokens=16)).strip() == "OK7"

    def likelihood(self, messages: Sequence[Message], text: str) -> float:
        """See `Generator.likelihood`."""
        return 1.0

    def close(self) -> None:
        """See `Generator.close`."""
        self._closed = True
        self._client.close()

    def _events(
        self, body: dict[str, Any], grammar: str | None, stop: Event | None
    ) -> PythonGenerator[str, None, None]:
        """The answer, asked with all that there is to say; of a server that refuses that, with what all know."""
        extras: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
        if grammar is not None:
            extras |= {"grammar": grammar, "structured_outputs": {"grammar": grammar}}
        try:
            if self._extras:
                try:
                    yield from self._answer(body | extras, stop)
                    return
                except _RefusedError:
                    pass
            yield from self._answer(body, stop)
            self._extras = False
        except _RefusedError as error:
            raise error.why from None

    def _answer(self, body: dict[str, Any], stop: Event | None) -> PythonGenerator[str, None, None]:
        import httpx

        thought = wrote = False
        try:
            if self._closed:
                raise ModelError(f"{self.name} was closed.", "Open it again.")
            with self._client.stream("POST", f"{self._root}/v1/chat/completions", json=body) as response:
                if response.status_code != 200:
                    response.read()
                    failed = self._failed(response)
                    raise _RefusedError(failed) if response.status_code in _REFUSED else failed
                for line in response.iter_lines():
                    if stop is not None and stop.is_set():
                        return  # leaving the block closes the connection, which stops the server
                    if not line.startswith("data:") or (data := line[5:].strip()) == "[DONE]":
                        continue
                    piece, thinking = self._piece(data)
                    thought = thought or thinking
                    if piece:
                        wrote = True
                        yield piece
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._closed:
                raise ModelError(f"{self.name} was closed.", "Open it again.") from error
            raise self._unreachable(error) from error
        if thought and not wrote:
            raise EndpointError(
                f"{self.name} spent its answer on thinking and wrote none.",
                "Switch thinking off at the server, or raise DATELINE_ANSWER_TOKENS.",
            )

    def _piece(self, data: str) -> tuple[str, bool]:
        """The text of an event, and whether it holds thoughts instead."""
        try:
            event = json.loads(data)
            if isinstance(event, dict) and event.get("error"):
                raise EndpointError(f"{self._root} failed: {str(event['error'])[:200]}", "See the server's log.")
            delta = (event["choices"][0].get("delta") or {}) if event["choices"] else {}
            return str(delta.get("content") or ""), bool(delta.get("reasoning_content") or delta.get("reasoning"))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise EndpointError(
                f"{self._root} sent what is not a chat completion: {data[:100]!r}", "Check the URL after --model."
            ) from error

    def _first_model(self) -> str:
        import httpx

        try:
            response = self._client.get(f"{self._root}/v1/models")
            if response.status_code != 200:
                raise self._failed(response)
            return str(response.json()["data"][0]["id"])
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise EndpointError(
                f"{self._root} lists no model.", "Check the URL after --model, or set DATELINE_ENDPOINT_MODEL."
            ) from error

    def _count(self, text: str) -> int | None:
        """llama-server answers /tokenize, llama-cpp-python /extras/tokenize/count; others neither."""
        import httpx

        for path, body in (("/extras/tokenize/count", {"input": text}), ("/tokenize", {"content": text})):
            if path in self._silent:
                continue
            try:
                response = self._client.post(self._root + path, json=body, timeout=CONNECT)
                found = response.json() if response.status_code == 200 else None
            except (httpx.HTTPError, ValueError):
                found = None
            if isinstance(found, dict) and isinstance(count := found.get("count"), int):
                return count
            if isinstance(found, dict) and isinstance(tokens := found.get("tokens"), list):
                return len(tokens)
            self._silent.add(path)
        return None

    @cached_property
    def _silent(self) -> set[str]:
        return set()

    def _failed(self, response: Any) -> EndpointError:
        words = " ".join(response.text.split())[:200]
        hint = "Set DATELINE_API_KEY." if response.status_code in {401, 403} else "See the server's log."
        return EndpointError(f"{self._root} answered with status {response.status_code}: {words}", hint)

    def _unreachable(self, error: Exception) -> EndpointError:
        reason = str(error) or type(error).__name__
        return EndpointError(
            f"{self._root} cannot be reached: {reason}.", "Start the server, or check the URL after --model."
        )


class _RefusedError(Exception):
    """The server did not understand the request."""

    def __init__(self, why: EndpointError) -> None:
        super().__init__(str(why))
        self.why = why

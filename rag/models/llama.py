"""Runs a GGUF file on this machine through llama-cpp-python. Knows nothing about passages or prompts."""

from __future__ import annotations

import codecs
import ctypes
import os
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, RLock, Thread
from typing import TYPE_CHECKING, Any

from rag.errors import InputError, ModelBroken, ModelError, ModelMissing
from rag.models.generator import Message, finish
from rag.models.machine import cores
from rag.models.states import KeptStates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LOADING = RLock()
_LOG: deque[str] = deque(maxlen=20)
_KEEP: list[Any] = []
#: Tokens tried against the grammar after the likeliest, before the whole vocabulary is.
_SECOND_TRY = 64
#: Most tokens read at once.
_BATCH = 512

_Chooser = Callable[["NDArray[np.single]"], int]


class LlamaGenerator:
    """A `Generator` over one GGUF file; one answer is written at a time, others wait their turn.

    Args:
        path: the .gguf file.
        name: for people; default the file's own name.
        context_tokens: window to open it with; never more than it was trained for.
        threads: CPU threads, 0 for all cores.
        extra_buffers: llama.cpp's repacked weight buffers; faster where they work, see rag/models/probe.py.
        states: folder to keep in what `prepare` computed; None keeps it in memory alone.
        adapter: a low-rank adapter (GGUF) that applies to the answer alone, from the tokens on that follow the last
            message: the prompt is read without it, as fast as ever (activated LoRA, Greenewald et al. 2025).
        read_rate, write_rate: as measured; 0 when they were not.

    Raises:
        ModelMissing: there is no such file.
        ModelBroken: it is not a GGUF, or is damaged or truncated, or the adapter does not fit it.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        context_tokens: int = 2048,
        threads: int = 0,
        extra_buffers: bool = False,
        states: Path | None = None,
        adapter: Path | None = None,
        read_rate: float = 0.0,
        write_rate: float = 0.0,
    ) -> None:
        check_gguf(path)
        import llama_cpp

        self._lib: Any = llama_cpp
        self.grammar_binds = True
        self.read_rate, self.write_rate, self.extra_buffers = read_rate, write_rate, extra_buffers
        arguments: dict[str, Any] = {
            "model_path": str(path),
            "n_threads": threads or cores(),
            "n_threads_batch": threads or cores(),
            "verbose": False,
        }
        with _LOADING, _parameters(extra_buffers):
            _collect_log(llama_cpp)
            try:
                probe = llama_cpp.Llama(vocab_only=True, **arguments)
                trained = int(probe.metadata.get(f"{probe.metadata['general.architecture']}.context_length", 2048))
                probe.close()
                self.context_tokens = min(context_tokens, trained)
                self._llama = llama_cpp.Llama(n_ctx=self.context_tokens, n_batch=_BATCH, **arguments)
            except (ValueError, RuntimeError, AssertionError, KeyError) as error:
                reason = next((line for line in reversed(_LOG) if "error" in line.lower()), str(error)).strip()
                raise ModelBroken(
                    f"The model file {path} cannot be loaded: {reason}.",
                    "It may be truncated or damaged: fetch it again, or name another with --model.",
                ) from error
        #: Held by whoever computes.
        self._lock = Lock()
        #: Held by whoever tokenizes, which does not wait for computing.
        self._words = Lock()
        self._closed = Event()
        self._held: list[int] = []  # tokens in the context
        self._batch = _BATCH
        self._prefixes: list[tuple[list[int], bytes]] = []
        self._kept_states = KeptStates(states, path, extra_buffers) if states else None
        self._vocab = llama_cpp.llama_model_get_vocab(self._llama.model)
        self.name = name or self._llama.metadata.get("general.name") or path.stem
        self._adapter = self._load_adapter(adapter) if adapter else None

    def set_speed(self, *, threads: int, read_threads: int, batch: int) -> None:
        """Write with so many CPU threads, read with so many, so many tokens at once (1 to 512)."""
        with self._lock:
            self._check_open()
            self._lib.llama_set_n_threads(self._llama.ctx, threads, read_threads)
            self._batch = min(batch, _BATCH)

    @property
    def taught(self) -> bool:
        """See `Generator`."""
        return self._adapter is not None

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """See `Generator.count_tokens`."""
        return len(self.tokenize(messages))

    def prepare(self, messages: Sequence[Message]) -> None:
        """See `Generator.prepare`. What was computed is kept on disk, and the next start takes it from there."""
        ask: tuple[Message, Message] = ({"role": "user", "content": "a"}, {"role": "user", "content": "b"})
        first, second = (self.tokenize([*messages, each]) for each in ask)
        tokens = first[: _same(first, second)]
        if len(tokens) >= self.context_tokens:
            raise InputError(
                f"The standing part of the prompt has {len(tokens)} tokens, but {self.name} is open with a context of "
                f"{self.context_tokens}.",
                "Raise DATELINE_CONTEXT_TOKENS.",
            )
        with self._lock:
            self._check_open()
            if not tokens or any(kept == tokens for kept, _ in self._prefixes):
                return
            state = self._kept_states.read(tokens) if self._kept_states else None
            try:
                if state is None or not self._restore(tokens, state):
                    self._read(tokens)
                    state = self._state()
                    if self._kept_states:
                        self._kept_states.write(tokens, state)
            except RuntimeError as error:
                self._forget()
                raise ModelError(f"{self.name} failed while reading: {error}.", "Run: rag doctor") from error
            self._prefixes.append((tokens, state))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        max_tokens: int = 160,
        stop: Event | None = None,
        stops: Sequence[str] = (),
    ) -> Iterator[str]:
        """See `Generator.stream`. What the prompt shares with the one before is not computed again."""
        tokens = self.tokenize(messages)
        if len(tokens) + max_tokens > self.context_tokens:
            raise InputError(
                f"The prompt has {len(tokens)} tokens and the answer may take {max_tokens}, but {self.name} is open "
                f"with a context of {self.context_tokens}.",
                "Ask a shorter question, or raise DATELINE_CONTEXT_TOKENS.",
            )
        pieces = self._pieces(tokens, grammar, max_tokens, stop)
        with closing(pieces):
            yield from finish(pieces, name=self.name, stops=stops, stop=stop)

    def _pieces(
        self, tokens: list[int], grammar: str | None, max_tokens: int, stop: Event | None
    ) -> Generator[str, None, None]:
        """What a thread of its own writes: it holds the model, so whoever leaves this iterator holds up nobody."""
        written: SimpleQueue[str | Exception | None] = SimpleQueue()
        left = Event()

        def halted() -> bool:
            return left.is_set() or self._closed.is_set() or (stop is not None and stop.is_set())

        def work() -> None:
            try:
                with self._lock:
                    if not halted():
                        for piece in self._decode(tokens, grammar, max_tokens, halted):
                            written.put(piece)
                written.put(None)
            except Exception as error:  # raised again where the stream is read
                written.put(error)

        Thread(target=work, name="language model").start()
        try:
            while not (stop is not None and stop.is_set()):
                try:
                    piece = written.get(timeout=0.05)
                except Empty:
                    self._check_open()
                    continue
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    self._check_open()
                    return
                yield piece
        finally:
            left.set()

    def likelihood(self, messages: Sequence[Message], text: str) -> float:
        """See `Generator.likelihood`."""
        import numpy as np

        tokens, written = self.tokenize(messages), [*self.tokenize_text(text), self.end_token]
        total = 0.0
        try:
            with self._lock, self._adapted(tokens, self._closed.is_set) as going:
                self._check_open()
                for token in written if going else ():
                    scores = self._logits().astype(np.float64)
                    total += scores[token] - np.logaddexp.reduce(scores)
                    self._eval([token])
        except RuntimeError as error:
            self._forget()
            raise ModelError(f"{self.name} failed while reading: {error}.", "Run: rag doctor") from error
        return float(np.exp(total))

    def logits(self, tokens: Sequence[int]) -> NDArray[np.single]:
        """Logits after the last of these tokens, float32 (vocabulary,); to compare with other implementations."""
        import numpy as np

        with self._lock:
            self._check_open()
            self._forget()
            self._read(list(tokens))
            return np.array(self._logits())

    def write_blindly(self, count: int) -> None:
        """Go on by so many tokens one by one, whatever they say; to measure how long it takes."""
        with self._lock:
            self._check_open()
            for _ in range(count):
                self._eval([_likeliest(self._logits())])

    def close(self) -> None:
        """See `Generator.close`. Streams that are open end with an error that says so."""
        self._closed.set()
        # Whoever computes ends within one batch. Freeing the model under it would crash, so rather it stays.
        if self._lock.acquire(timeout=60):
            try:
                with self._words:
                    self._llama.close()
            finally:
                self._lock.release()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ModelError(f"{self.name} was closed.", "Open it again.")

    def _decode(
        self, tokens: list[int], grammar: str | None, max_tokens: int, halted: Callable[[], bool]
    ) -> Iterator[str]:
        """Read the prompt and write the answer, character by whole character. The caller holds the lock."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        chooser = _GrammarChooser(self._lib, self._vocab, grammar) if grammar is not None else _likeliest
        written: list[int] = []
        try:
            with self._adapted(tokens, halted) as going:
                if not going:
                    return
                for token in self._write(chooser):
                    if self._lib.llama_vocab_is_eog(self._vocab, token):
                        break
                    raw = self._llama.detokenize([token], prev_tokens=tokens[-1:] + written)
                    written.append(token)
                    # A character may be spread over several tokens: it is given out when it is whole.
                    if piece := decoder.decode(raw):
                        yield piece
                    if len(written) >= max_tokens or halted():
                        break
            if rest := decoder.decode(b"", final=True):
                yield rest
        except RuntimeError as error:
            self._forget()
            raise ModelError(f"{self.name} failed while answering: {error}.", "Run: rag doctor") from error
        finally:
            if isinstance(chooser, _GrammarChooser):
                chooser.close()

    @contextmanager
    def _adapted(self, tokens: list[int], halted: Callable[[], bool]) -> Iterator[bool]:
        """The context holding this prompt, its end and what is written now read with the adapter; False when halted."""
        if self._adapter is None:
            yield self._read(tokens, halted)
            return
        plain = self.answer_starts(tokens)
        going = self._read(tokens[:plain], halted)
        adapters = (self._lib.llama_adapter_lora_p_ctypes * 1)(self._adapter)
        self._lib.llama_set_adapters_lora(self._llama.ctx, adapters, 1, (ctypes.c_float * 1)(1.0))
        try:
            if going:
                self._eval(tokens[plain:])
            yield going
        finally:
            self._lib.llama_set_adapters_lora(self._llama.ctx, None, 0, None)
            self._cut(min(plain, len(self._held)))  # so that no prompt goes on from what the adapter computed

    def answer_starts(self, tokens: list[int]) -> int:
        """Where what the chat template puts after the last message begins: at its last special token but one."""
        special = [n for n, t in enumerate(tokens) if self._lib.llama_vocab_is_control(self._vocab, t)]
        return special[-2] if len(special) > 1 else len(tokens) - 1

    def _load_adapter(self, path: Path) -> Any:
        check_gguf(path)
        with _LOADING:
            adapter = self._lib.llama_adapter_lora_init(self._llama.model, os.fsencode(path))
        if not adapter:
            raise ModelBroken(
                f"The adapter {path} does not fit {self.name}: {_LOG[-1].strip() if _LOG else 'it cannot be loaded'}.",
                "Restore models/ from the repository, or reinstall.",
            )
        return adapter

    def _read(self, tokens: list[int], halted: Callable[[], bool] = lambda: False) -> bool:
        """Make the context hold just these tokens, with the logits after the last; False when halted on the way."""
        keep = min(_same(self._held, tokens), len(tokens) - 1)
        best = max((p for p in self._prefixes if tokens[: len(p[0])] == p[0]), key=lambda p: len(p[0]), default=None)
        if keep < len(self._held) and not self._cut(keep):
            keep = 0
        if best and keep < len(best[0]) < len(tokens) and self._restore(*best):
            keep = len(best[0])
        for start in range(keep, len(tokens), self._batch):
            if halted():
                return False
            self._eval(tokens[start : start + self._batch])
        return True

    def _write(self, choose: _Chooser) -> Iterator[int]:
        """Token after token, from what the context holds."""
        token = choose(self._logits())
        while True:
            yield token
            self._eval([token])
            token = choose(self._logits())

    def _eval(self, tokens: list[int]) -> None:
        batch = self._llama._batch
        batch.set_batch(batch=tokens, n_past=len(self._held), logits_all=False)
        self._llama._ctx.decode(batch)
        self._held += tokens

    def _logits(self) -> NDArray[np.single]:
        """Logits after the last token, float32 (vocabulary,); a view that the next batch overwrites."""
        import numpy as np

        pointer = self._lib.llama_get_logits_ith(self._llama.ctx, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._lib.llama_vocab_n_tokens(self._vocab),))

    def _cut(self, keep: int) -> bool:
        """Drop all but the first tokens from the context; all, and False, where the model can drop no part."""
        if keep and self._llama._ctx.kv_cache_seq_rm(0, keep, -1):
            del self._held[keep:]
            return True
        self._forget()
        return False

    def _forget(self) -> None:
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._llama.ctx), True)
        self._held.clear()

    def _state(self) -> bytes:
        size = self._lib.llama_state_seq_get_size(self._llama.ctx, 0)
        buffer = (ctypes.c_uint8 * size)()
        return ctypes.string_at(buffer, self._lib.llama_state_seq_get_data(self._llama.ctx, buffer, size, 0))

    def _restore(self, tokens: list[int], state: bytes) -> bool:
        self._forget()
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if not self._lib.llama_state_seq_set_data(self._llama.ctx, buffer, len(state), 0):
            self._forget()
            return False
        self._held = list(tokens)
        return True

    def tokenize(self, messages: Sequence[Message]) -> list[int]:
        """The prompt that these messages become, as token ids, chat template included.

        Raises:
            ModelError: the model was closed, or its template fails.
        """
        with self._words:
            self._check_open()
            return self._prompt(messages)

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        template = self._llama.metadata.get("tokenizer.chat_template")
        messages = [message for message in messages if message["content"].strip()]
        if not template:
            # A base model: turns are set off by blank lines, the answer follows "Answer:".
            plain = "\n\n".join(message["content"] for message in messages) + "\n\nAnswer:"
            return list(self._llama.tokenize(plain.encode(), add_bos=True, special=False))
        return self._fill(template, messages) or self._fill(template, _without_system(messages), last=True)

    def tokenize_text(self, text: str) -> list[int]:
        """Token ids of plain text; special tokens in it stay text."""
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=False))

    @property
    def end_token(self) -> int:
        """The id of the token that ends an answer."""
        return int(self._llama.token_eos())

    def _fill(self, template: str, messages: Sequence[Message], last: bool = False) -> list[int]:
        """Tokens of the filled template; empty when it refuses or drops a message and this is not the last try.

        Special tokens that stand in a message stay text: only the template's own are parsed.
        """
        from jinja2 import TemplateError
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        bos, eos = (
            self._llama.detokenize([t], special=True).decode("utf-8", "replace") if t >= 0 else ""
            for t in (self._llama.token_bos(), self._llama.token_eos())
        )
        marked = [{**message, "content": _shield(n)} for n, message in enumerate(messages)]
        try:
            # Models that think do so unless the template is told otherwise; the others' do not know the word.
            formatter = Jinja2ChatFormatter(template=template, eos_token=eos, bos_token=bos)
            prompt = formatter(messages=marked, enable_thinking=False).prompt
        except (TemplateError, ValueError, TypeError) as error:
            if last:
                raise ModelError(f"The chat template of {self.name} fails: {error}.", "Use another model.") from error
            return []
        tokens: list[int] = []
        for n, message in enumerate(messages):
            before, found, prompt = prompt.partition(_shield(n))
            if not found:
                if last:
                    raise ModelError(f"The chat template of {self.name} drops messages.", "Use another model.")
                return []
            tokens += self._llama.tokenize(before.encode(), add_bos=False, special=True)
            tokens += self._llama.tokenize(message["content"].encode(), add_bos=False, special=False)
        return tokens + list(self._llama.tokenize(prompt.encode(), add_bos=False, special=True))


def _same(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two prompts share from the beginning."""
    return next(
        (n for n, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]),
        min(len(first), len(second)),
    )


def _likeliest(scores: NDArray[np.single]) -> int:
    return int(scores.argmax())


class _GrammarChooser:
    """Chooses the likeliest token that a grammar admits, and goes on in the grammar.

    Checking the likeliest first, and the vocabulary only when it is rejected, is what llama.cpp's own sampling does;
    it makes a constrained token cost about as much as a free one.
    """

    def __init__(self, lib: Any, vocab: Any, grammar: str) -> None:
        self._lib = lib
        self._sampler = lib.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
        # An empty grammar would parse, and admit everything.
        if not self._sampler or not grammar.strip():
            raise ModelError("llama.cpp cannot parse the grammar of the answer.", "Correct prompts/answer.gbnf.")

    def __call__(self, scores: NDArray[np.single]) -> int:
        import numpy as np

        token = int(scores.argmax())
        if not self._admitted(scores, np.array([token])):
            likely = np.argsort(-scores, kind="stable")[:_SECOND_TRY]
            found = self._admitted(scores, likely) or self._admitted(scores, np.arange(len(scores)))
            if not found:
                raise RuntimeError("the grammar admits no token")
            token = max(found, key=lambda t: (scores[t], -t))
        self._lib.llama_sampler_accept(self._sampler, token)
        return token

    def _admitted(self, scores: NDArray[np.single], tokens: NDArray[np.int64]) -> list[int]:
        import numpy as np

        if not len(tokens):
            return []
        lib = self._lib
        data = np.zeros(len(tokens), dtype=[("id", np.intc), ("logit", np.single), ("p", np.single)])
        data["id"], data["logit"] = tokens, scores[tokens]
        array = lib.llama_token_data_array(
            data=data.ctypes.data_as(ctypes.POINTER(lib.llama_token_data)), size=len(tokens), selected=-1, sorted=False
        )
        lib.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return [int(t) for t in data["id"][np.isfinite(data["logit"])]]

    def close(self) -> None:
        self._lib.llama_sampler_free(self._sampler)


def requantise(path: Path, target: Path) -> None:
    """Write a copy of a GGUF in blocks of 8 bits (Q8_0), whole or not at all; half a second per 100 MB.

    llama.cpp has quick matrix products for Q8_0 and none for some of the smaller formats.

    Raises:
        OSError: nothing can be written there.
        ModelBroken: llama.cpp cannot read the file, or finds no room for the copy.
    """
    check_gguf(path)
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    parameters.allow_requantize = True
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        with _LOADING:
            _collect_log(llama_cpp)
            code = llama_cpp.llama_model_quantize(os.fsencode(path), os.fsencode(made), ctypes.byref(parameters))
        if code != 0:
            raise ModelBroken(
                f"No copy of the model file {path} can be made: {_LOG[-1].strip() if _LOG else code}.",
                "It may be damaged, or the disk full.",
            )
        made.replace(target)


def check_gguf(path: Path) -> None:
    """Make sure that a file may be a GGUF before anything heavy is loaded.

    Raises:
        ModelMissing: there is no such file, or it cannot be read.
        ModelBroken: it does not begin as a GGUF does.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelMissing(
            f"The model file {path} cannot be read: {error.strerror}.", "Check the path after --model."
        ) from error
    if magic != b"GGUF":
        raise ModelBroken(
            f"{path} is not a GGUF file: it begins with {magic!r}.", "Name a llama.cpp model, a file ending in .gguf."
        )


def _shield(n: int) -> str:
    """A stand-in for the n-th message that a chat template passes through unchanged."""
    return f"\x02message-{n}\x03"


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The standing instruction put into the first question, for templates that know no system role."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    first: Message = {"role": "user", "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return [first, *messages[2:]]


@contextmanager
def _parameters(extra_buffers: bool) -> Iterator[None]:
    """Make `Llama` start from parameters with the given `use_extra_bufts`, for which it has no argument."""
    from llama_cpp import llama_cpp as lib

    original = lib.llama_model_default_params

    def changed() -> Any:
        parameters = original()
        parameters.use_extra_bufts = extra_buffers
        return parameters

    import llama_cpp

    lib.llama_model_default_params = llama_cpp.llama_model_default_params = changed
    try:
        yield
    finally:
        lib.llama_model_default_params = llama_cpp.llama_model_default_params = original


def _collect_log(lib: Any) -> None:
    """Keep llama.cpp's last messages instead of printing them."""
    _LOG.clear()
    if not _KEEP:

        def collect(level: int, text: bytes, user_data: object) -> None:
            _LOG.append(text.decode("utf-8", "replace"))

        callback = lib.llama_log_callback(collect)
        _KEEP.append(callback)
        lib.llama_log_set(callback, ctypes.c_void_p(0))

"""Runs a GGUF file on this machine through llama-cpp-python. Knows nothing about passages or prompts."""

from __future__ import annotations

import codecs
import ctypes
import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, RLock
from typing import TYPE_CHECKING, Any

from rag.errors import InputError, ModelBroken, ModelError, ModelMissing
from rag.models.generator import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LOADING = RLock()
_LOG: deque[str] = deque(maxlen=20)
_KEEP: list[Any] = []
#: Tokens tried against the grammar after the likeliest, before the whole vocabulary is.
_SECOND_TRY = 64


class LlamaGenerator:
    """A `Generator` over one GGUF file; one caller at a time, others wait.

    Args:
        path: the .gguf file.
        name: for people; default the file's own name.
        context_tokens: window to open it with; never more than it was trained for.
        threads: CPU threads, 0 for all cores.
        extra_buffers: llama.cpp's repacked weight buffers; faster where they work, see rag/models/probe.py.
        lora_path: a LoRA adapter as GGUF to put over it.
        takes_suggestions: whether it was trained with the reader's spans under the question.

    Raises:
        ModelMissing: there is no such file.
        ModelBroken: it is not a GGUF, or is damaged or truncated.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        context_tokens: int = 2048,
        threads: int = 0,
        extra_buffers: bool = False,
        lora_path: Path | None = None,
        takes_suggestions: bool = False,
    ) -> None:
        check_gguf(path)
        import llama_cpp

        self._lib: Any = llama_cpp
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        arguments: dict[str, Any] = {
            "model_path": str(path),
            "n_threads": threads or cores,
            "n_threads_batch": threads or cores,
            "lora_path": str(lora_path) if lora_path else None,
            "verbose": False,
        }
        with _LOADING, _parameters(extra_buffers):
            _collect_log(llama_cpp)
            try:
                probe = llama_cpp.Llama(vocab_only=True, **(arguments | {"lora_path": None}))
                trained = int(probe.metadata.get(f"{probe.metadata['general.architecture']}.context_length", 2048))
                probe.close()
                self.context_tokens = min(context_tokens, trained)
                self._llama = llama_cpp.Llama(n_ctx=self.context_tokens, n_batch=512, **arguments)
            except (ValueError, RuntimeError, AssertionError, KeyError) as error:
                reason = next((line for line in reversed(_LOG) if "error" in line.lower()), str(error)).strip()
                raise ModelBroken(
                    f"The model file {path} cannot be loaded: {reason}.",
                    "It may be truncated or damaged: fetch it again, or name another with --model.",
                ) from error
        # A plain lock: a page may close a stream from another thread than the one that began it.
        self._lock = Lock()
        self._vocab = llama_cpp.llama_model_get_vocab(self._llama.model)
        self.takes_suggestions = takes_suggestions
        self.name = name or self._llama.metadata.get("general.name") or path.stem

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """See `Generator.count_tokens`."""
        return len(self.tokenize(messages))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        max_tokens: int = 160,
        stop: Event | None = None,
    ) -> Iterator[str]:
        """See `Generator.stream`. What the prompt shares with the one before is not computed again."""
        tokens = self.tokenize(messages)
        if len(tokens) + max_tokens > self.context_tokens:
            raise InputError(
                f"The prompt has {len(tokens)} tokens and the answer may take {max_tokens}, but {self.name} is open "
                f"with a context of {self.context_tokens}.",
                "Ask a shorter question, or raise DATELINE_CONTEXT_TOKENS.",
            )
        with self._lock:
            yield from self._decode(tokens, grammar, max_tokens, stop)

    def logits(self, tokens: Sequence[int]) -> NDArray[np.single]:
        """Logits after the last of these tokens, float32 (vocabulary,); to compare with other implementations."""
        import numpy as np

        with self._lock:
            self._llama.reset()
            self._llama.eval(tokens)
            pointer = self._lib.llama_get_logits_ith(self._llama.ctx, -1)
            size = self._lib.llama_vocab_n_tokens(self._vocab)
            return np.ctypeslib.as_array(pointer, shape=(size,)).copy()

    def close(self) -> None:
        """See `Generator.close`."""
        # A stream that was left open must not keep the program from ending.
        held = self._lock.acquire(timeout=10)
        self._llama.close()
        if held:
            self._lock.release()

    def _decode(self, tokens: list[int], grammar: str | None, max_tokens: int, stop: Event | None) -> Iterator[str]:
        chooser = _GrammarChooser(self._lib, self._vocab, grammar) if grammar is not None else None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        written: list[int] = []
        try:
            processors = self._lib.LogitsProcessorList([chooser]) if chooser else None
            for token in self._llama.generate(tokens, temp=0.0, repeat_penalty=1.0, logits_processor=processors):
                if self._lib.llama_vocab_is_eog(self._vocab, token):
                    break
                raw = self._llama.detokenize([token], prev_tokens=tokens[-1:] + written)
                written.append(token)
                # A character may be spread over several tokens: it is given out when it is whole.
                if piece := decoder.decode(raw):
                    yield piece
                if len(written) >= max_tokens or (stop is not None and stop.is_set()):
                    break
            if rest := decoder.decode(b"", final=True):
                yield rest
        except RuntimeError as error:
            self._llama.reset()
            raise ModelError(f"{self.name} failed while answering: {error}.", "Run: rag doctor") from error
        finally:
            if chooser:
                chooser.close()

    def tokenize(self, messages: Sequence[Message]) -> list[int]:
        """The prompt that these messages become, as token ids, chat template included."""
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
            prompt = Jinja2ChatFormatter(template=template, eos_token=eos, bos_token=bos)(messages=marked).prompt
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


class _GrammarChooser:
    """A logits processor that leaves one token: the likeliest that the grammar admits.

    Checking the likeliest first, and the vocabulary only when it is rejected, is what llama.cpp's own sampling does;
    it makes a constrained token cost about as much as a free one.
    """

    def __init__(self, lib: Any, vocab: Any, grammar: str) -> None:
        self._lib = lib
        self._sampler = lib.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
        # An empty grammar would parse, and admit everything.
        if not self._sampler or not grammar.strip():
            raise ModelError("llama.cpp cannot parse the grammar of the answer.", "Correct prompts/answer.gbnf.")

    def __call__(self, ids: NDArray[np.intc], scores: NDArray[np.single]) -> NDArray[np.single]:
        import numpy as np

        token = int(scores.argmax())
        if not self._admitted(scores, np.array([token])):
            likely = np.argsort(-scores, kind="stable")[:_SECOND_TRY]
            found = self._admitted(scores, likely) or self._admitted(scores, np.arange(len(scores)))
            if not found:
                raise RuntimeError("the grammar admits no token")
            token = max(found, key=lambda t: (scores[t], -t))
        self._lib.llama_sampler_accept(self._sampler, token)
        chosen = np.full_like(scores, -np.inf)
        chosen[token] = 0.0
        return chosen

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

    llama.cpp has quick matrix products for Q8_0 and none for some of the smaller formats (benchmarks/prefill.py).

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

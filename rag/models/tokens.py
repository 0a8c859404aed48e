"""A text's tokens, each word's remembered where that can be. Knows nothing about models or vectors.

BERT's tokenizer parts a text at spaces and marks before all else (Devlin et al. 2019), so a word has the same tokens
wherever it stands, and looking them up takes a third of the time that finding them does. Others read texts as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What is looked up, beside special tokens: a mark of ASCII, a word. What else is a space or mark stays with its word.
_WORD = r"[!-/:-@\[-`{-~]|[^ \n!-/:-@\[-`{-~]+"
#: Words remembered, the last used; each takes some 400 bytes.
WORDS = 1 << 15


class Tokens(NamedTuple):
    """What a text's tokens are and where they stand.

    Attributes:
        ids: shape (1, n), int64, as a model takes them.
        starts, ends: offsets in the text, the end exclusive, shape (n,); both 0 for special tokens.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class _Word(NamedTuple):
    ids: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]


class WordTokenizer:
    """Reads texts into tokens. Safe to share between threads.

    Args:
        file: a tokenizer.json.
        max_tokens: what `read` gives at most, special tokens included; the rest of a text is cut off.

    Raises:
        OSError: there is no such file.
        Exception: it is no tokenizer.
    """

    def __init__(self, file: Path, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_str(file.read_text(encoding="utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        special = self._tokenizer.encode("a")
        first, last = special.special_tokens_mask.index(0), special.special_tokens_mask[::-1].index(0)
        self._before, self._after = special.ids[:first], special.ids[len(special.ids) - last :]
        self._most = max_tokens - first - last
        apart = _parts_words(self._tokenizer)
        named = [re.escape(added.content) for added in self._tokenizer.get_added_tokens_decoder().values()]
        self._pattern = re.compile("|".join([*named, _WORD]) if apart else r"(?s).+")
        self._word = lru_cache(maxsize=WORDS if apart else 0)(self._encoded)

    @property
    def remembered(self) -> int:
        """How many words' tokens are, up to `WORDS`."""
        return self._word.cache_info().currsize

    def read(self, text: str) -> Tokens:
        """The tokens of a text, special ones included."""
        matches = list(self._pattern.finditer(text))
        words = [self._word(match.group()) for match in matches]
        counts = [len(word.ids) for word in words]
        ids, *rest = (list(chain.from_iterable(map(itemgetter(n), words)))[: self._most] for n in range(3))
        ids = [*self._before, *ids, *self._after]
        offsets = np.zeros((2, len(ids)), np.int64)
        places = np.repeat(np.array([match.start() for match in matches], np.int64), counts)[: self._most]
        np.add(np.array(rest, np.int64), places, out=offsets[:, len(self._before) : len(ids) - len(self._after)])
        return Tokens(np.array([ids], np.int64), *offsets)

    def ids(self, text: str) -> list[int]:
        """The ids of all tokens of a text, without special ones."""
        return [id_ for word in self._pattern.findall(text) for id_ in self._word(word).ids]

    def _encoded(self, text: str) -> _Word:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        return _Word(encoded.ids, *zip(*encoded.offsets, strict=True)) if encoded.ids else _Word((), (), ())


def _parts_words(tokenizer: Any) -> bool:
    """Whether a word's tokens are the same wherever it stands."""
    from tokenizers import models, normalizers, pre_tokenizers

    return (
        isinstance(tokenizer.normalizer, normalizers.BertNormalizer | None)
        and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and isinstance(tokenizer.model, models.WordPiece)
    )

"""Every error this package raises on purpose.

    RagError                      base; `message` says what is wrong, `hint` what to do next
    ├── InputError                what the person gave cannot be used (empty question, bad option)
    │   └── SettingsError         a value in the environment or the settings file is wrong
    ├── ArticleError              one article could not be read; indexing goes on with the others
    ├── IndexError_
    │   ├── IndexMissing          no index at that path
    │   ├── IndexMismatch         built with another embedding model or splitter
    │   ├── IndexCorrupted        a file of the index is damaged
    │   ├── IndexBusy             another process is writing to it
    │   └── IndexWriteError       the disk refused (full, read-only); the previous index stays
    ├── ModelError
    │   ├── ModelMissing          no such file, preset or package
    │   ├── ModelBroken           the file is not a GGUF, is truncated, or fails its checksum
    │   ├── ModelCrashed          the model's process died
    │   ├── DownloadFailed        no hub reachable, or the transfer broke
    │   └── EndpointError         an OpenAI-compatible endpoint failed
    └── GoldError                 a gold set has a fault; names the line and the field

Each is raised with a message for people and the next command; nothing is printed here.
"""

from __future__ import annotations


class RagError(Exception):
    """Base of all deliberate errors.

    Args:
        message: what is wrong, in one sentence.
        hint: what to do next, usually a command; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(RagError):
    """What the person gave cannot be used."""

    exit_code = 2


class SettingsError(InputError):
    """A value in the environment or the settings file is wrong."""


class ArticleError(RagError):
    """One article could not be read."""


class IndexError_(RagError):
    """Base of the errors about the index on disk."""


class IndexMissing(IndexError_):
    """There is no index at that path."""


class IndexMismatch(IndexError_):
    """The index was built with another embedding model or splitter."""


class IndexCorrupted(IndexError_):
    """A file of the index is damaged."""


class IndexBusy(IndexError_):
    """Another process is writing to the index."""


class IndexWriteError(IndexError_):
    """The disk refused a write; the previous index stays as it was."""


class ModelError(RagError):
    """Base of the errors about language and embedding models."""


class ModelMissing(ModelError):
    """No such model file, preset or package."""


class ModelBroken(ModelError):
    """The model file is not what it should be."""


class ModelCrashed(ModelError):
    """The process that ran the model died."""


class DownloadFailed(ModelError):
    """A model could not be fetched."""


class EndpointError(ModelError):
    """An OpenAI-compatible endpoint failed or answered nonsense."""


class GoldError(InputError):
    """A gold set has a fault."""

"""Which store an index's address means."""

from __future__ import annotations

from rag.indexing.contract import BuildSettings, Reader, Writer
from rag.indexing.store import Store
from rag.indexing.store import Writer as FolderWriter
from rag.settings import Settings


def open_index(settings: Settings, built: BuildSettings | None = None) -> Reader:
    """Open an index for reading.

    Args:
        settings: their index_dir says where it is.
        built: what the caller will search with; None skips the comparison.

    Raises:
        IndexMissing, IndexCorrupted, IndexMismatch.
    """
    return Store.open(settings.index_dir, built)


def open_writer(settings: Settings, built: BuildSettings) -> Writer:
    """What changes the index of the settings; a context manager.

    Raises:
        IndexBusy, IndexMismatch, IndexCorrupted, IndexWriteError: on entering.
    """
    return FolderWriter(settings.index_dir, built)

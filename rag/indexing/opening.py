"""Which store an index's address means: a folder, a Milvus server, or a file of milvus-lite."""

from __future__ import annotations

from rag.indexing.contract import BuildSettings, Reader, Writer
from rag.indexing.milvus import MilvusStore, MilvusWriter, address_of
from rag.indexing.store import Store
from rag.indexing.writer import Writer as FolderWriter
from rag.settings import Settings


def open_index(settings: Settings, built: BuildSettings | None = None) -> Reader:
    """Open an index for reading.

    Args:
        settings: whose index_dir is a folder, milvus://HOST:PORT/NAME, milvus+tls://HOST:PORT/NAME, or a path that
            ends in .db for milvus-lite.
        built: what the caller will search with; None skips the comparison.

    Raises:
        IndexMissing, IndexCorrupted, IndexMismatch.
    """
    if address := address_of(settings):
        return MilvusStore.open(address, built)
    return Store.open(settings.index_dir, built)


def open_writer(settings: Settings, built: BuildSettings) -> Writer:
    """What changes the index of the settings; a context manager.

    Raises:
        IndexBusy, IndexMismatch, IndexCorrupted, IndexWriteError: on entering.
    """
    if address := address_of(settings):
        return MilvusWriter(address, built, settings.data_dir / "indexes" / address.name)
    return FolderWriter(settings.index_dir, built)

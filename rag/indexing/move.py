"""Copies an index to another place, as it is: from a folder to Milvus, or back. Embeds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rag.errors import InputError
from rag.indexing.contract import BuildSettings, EarlierVersion
from rag.indexing.opening import open_index, open_writer
from rag.settings import Settings
from rag.types import Article, Progress

#: Passages copied between two commits.
_COMMIT = 5_000


def copy_index(source: Path, settings: Settings, progress: Callable[[Progress], None] | None = None) -> tuple[int, int]:
    """Copy every article that the index of the settings does not have yet; run again, it goes on where it was.

    Args:
        source: where the other index is; what it holds is not changed.

    Returns:
        Articles copied, and articles that were there already.

    Raises:
        InputError: both are the same.
        IndexMissing, IndexMismatch, IndexCorrupted, IndexBusy, IndexWriteError.
    """
    if str(source.absolute()) == str(settings.index_dir.absolute()):
        raise InputError("The index to copy from is the one to copy to.", "Name another with --index.")
    copied = there = 0
    with closing(open_index(replace(settings, index_dir=source))) as old:
        built = _built(old.manifest())
        total = old.counts()[0]
        with open_writer(settings, built) as writer:
            for record in old.records():
                article = record.article
                known = writer.store.known(article.id)
                if known and known[0] == article.content_hash:
                    there += 1
                else:
                    for version in record.versions:
                        writer.put_version(_as_article(article, version), version.replaced_at)
                    writer.put(record)
                    copied += 1
                if writer.pending >= _COMMIT:
                    writer.commit()
                if progress:
                    progress(Progress("copying", copied + there, total))
            writer.commit()
    return copied, there


def articles_of(source: Path, settings: Settings) -> Iterator[Article]:
    """The articles of an index, for `rag.indexing.build.build_index` to embed anew elsewhere."""
    with closing(open_index(replace(settings, index_dir=source))) as old:
        for id_ in old.hashes():
            if article := old.article(id_):
                yield article


def _built(manifest: dict[str, str]) -> BuildSettings:
    return BuildSettings(
        manifest["embedding_model"],
        int(manifest["dimension"]),
        int(manifest["passage_tokens"]),
        int(manifest["passage_overlap"]),
    )


def _as_article(article: Article, version: EarlierVersion) -> Article:
    return replace(article, title=version.title, text=version.text, published=version.published)

"""The retriever as a LlamaIndex `BaseRetriever`. Knows nothing about answers."""

from __future__ import annotations

from collections.abc import Sequence

from rag.adapters.metadata import metadata
from rag.errors import InputError
from rag.retrieval.retriever import Retriever

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise InputError("LlamaIndex is not installed.", "Run: pip install 'dateline-rag[llamaindex]'") from error


class DatelineRetriever(BaseRetriever):  # type: ignore[misc]
    """Passages of a Dateline index as LlamaIndex nodes with their fused score, best first.

    Args:
        retriever: an open `Retriever`; the caller closes it.
        k: most passages, default from the retriever's settings.
        source, since, until: filters, see `Retriever.search`.

    A node's text is the passage verbatim, its character offsets those in the article; see `rag.adapters.metadata` for
    the metadata.

    Raises:
        InputError: from `retrieve`, for an empty question or filters that make no sense.
    """

    def __init__(
        self,
        retriever: Retriever,
        *,
        k: int | None = None,
        source: str | Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> None:
        self._hits = retriever
        self._k, self._source, self._since, self._until = k, source, since, until
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._hits.search(
            query_bundle.query_str, k=self._k, source=self._source, since=self._since, until=self._until
        )
        return [
            NodeWithScore(
                node=TextNode(
                    id_=hit.passage.id,
                    text=hit.passage.text,
                    metadata=metadata(hit),
                    start_char_idx=hit.passage.start,
                    end_char_idx=hit.passage.end,
                ),
                score=hit.score,
            )
            for hit in hits
        ]

"""The retriever as a LangChain `BaseRetriever`. Knows nothing about answers."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from rag.adapters.metadata import metadata
from rag.retrieval.retriever import Retriever


class DatelineRetriever(BaseRetriever):
    """Passages of a Dateline index as LangChain documents, best first.

    Args:
        retriever: an open `Retriever`; the caller closes it.
        k: most passages, default from the retriever's settings.
        source, since, until: filters, see `Retriever.search`.

    `page_content` is the passage verbatim; see `rag.adapters.metadata` for the metadata.

    Raises:
        InputError: from `invoke`, for an empty question or filters that make no sense.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever
    k: int | None = None
    source: str | list[str] | None = None
    since: str | None = None
    until: str | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        hits = self.retriever.search(
            query, k=kwargs.get("k", self.k), source=self.source, since=self.since, until=self.until
        )
        return [Document(page_content=hit.passage.text, id=hit.passage.id, metadata=metadata(hit)) for hit in hits]

"""The retriever inside LangChain and LlamaIndex: real chains and engines, with a language model that repeats."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rag.errors import InputError
from rag.retrieval.retriever import Retriever
from rag.settings import Settings

QUESTION = "Where was the ceasefire signed?"


@pytest.fixture(scope="module")
def retriever(briefs: Settings) -> Iterator[Retriever]:
    with Retriever.open(settings=briefs) as opened:
        yield opened


def test_langchain_documents_are_the_hits(retriever: Retriever) -> None:
    from rag.adapters.langchain import DatelineRetriever

    documents = DatelineRetriever(retriever=retriever, k=3).invoke(QUESTION)
    hits = retriever.search(QUESTION, k=3)
    assert [d.id for d in documents] == [hit.passage.id for hit in hits]
    for document, hit in zip(documents, hits, strict=True):
        assert document.page_content == hit.passage.text
        article = retriever.article(document.metadata["article_id"])
        assert article.text[document.metadata["start"] : document.metadata["end"]] == document.page_content
        assert json.loads(json.dumps(document.metadata)) == document.metadata
    assert [d.metadata["rank"] for d in documents] == [1, 2, 3]


def test_a_langchain_chain(retriever: Retriever) -> None:
    from langchain_core.documents import Document
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough

    from rag.adapters.langchain import DatelineRetriever

    seen: list[str] = []

    def join(documents: list[Document]) -> str:
        seen.append("\n".join(f"{d.page_content} ({d.metadata['title']})" for d in documents))
        return seen[0]

    prompt = ChatPromptTemplate.from_template("{context}\n\n{question}")
    chain = (
        {"context": DatelineRetriever(retriever=retriever) | join, "question": RunnablePassthrough()}
        | prompt
        | FakeListChatModel(responses=["In Doha."])
        | StrOutputParser()
    )
    assert chain.invoke(QUESTION) == "In Doha."
    assert "Doha" in seen[0]


def test_langchain_filters_errors_and_async(retriever: Retriever) -> None:
    from rag.adapters.langchain import DatelineRetriever

    source = retriever.articles()[0].source
    found = asyncio.run(DatelineRetriever(retriever=retriever, source=source).ainvoke(QUESTION))
    assert found
    assert {d.metadata["source"] for d in found} == {source}
    with pytest.raises(InputError, match="empty"):
        DatelineRetriever(retriever=retriever).invoke(" ")


def test_llamaindex_nodes_and_a_query_engine(retriever: Retriever) -> None:
    pytest.importorskip("llama_index.core", reason="the extra llamaindex is not installed")
    from llama_index.core.llms import MockLLM
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.response_synthesizers import get_response_synthesizer

    from rag.adapters.llamaindex import DatelineRetriever

    nodes = DatelineRetriever(retriever, k=2).retrieve(QUESTION)
    hits = retriever.search(QUESTION, k=2)
    assert [(n.node.node_id, n.score) for n in nodes] == [(hit.passage.id, hit.score) for hit in hits]
    assert nodes[0].node.start_char_idx == hits[0].passage.start  # type: ignore[attr-defined]
    synthesizer = get_response_synthesizer(llm=MockLLM(), response_mode="compact")  # type: ignore[arg-type]
    engine = RetrieverQueryEngine(DatelineRetriever(retriever, k=2), response_synthesizer=synthesizer)
    response = engine.query(QUESTION)
    # The mock model repeats its prompt, so the passage that was found stands in the answer.
    assert hits[0].passage.text[:40] in str(response)
    assert [node.node.metadata["article_id"] for node in response.source_nodes] == [
        hit.passage.article.id for hit in hits
    ]


def test_without_llamaindex_the_extra_is_named() -> None:
    code = "import sys; sys.modules['llama_index'] = None\nimport rag.adapters.llamaindex"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'dateline-rag[llamaindex]'" in done.stderr

"""Dateline: cited answers from news articles, on your own machine.

    from rag import Bot, Retriever

Importing this package loads nothing heavy: names are resolved at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.offline import switch_off_reports

if TYPE_CHECKING:
    from rag.answering.bot import Bot as Bot
    from rag.retrieval.retriever import Retriever as Retriever

__all__ = ["Bot", "Retriever"]
__version__ = "0.1.0"

switch_off_reports()


def __getattr__(name: str) -> Any:
    if name == "Bot":
        from rag.answering.bot import Bot

        return Bot
    if name == "Retriever":
        from rag.retrieval.retriever import Retriever

        return Retriever
    raise AttributeError(f"module 'rag' has no attribute {name!r}")

"""Dateline: cited answers from news articles, on your own machine.

    from rag import Bot, Retriever

Importing this package loads nothing heavy: names are resolved at first use.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rag.offline import switch_off_reports

if TYPE_CHECKING:
    from rag.answering.bot import Bot as Bot
    from rag.retrieval.retriever import Retriever as Retriever

__all__ = ["Bot", "Retriever"]
__version__ = "0.1.0"

switch_off_reports()
# OpenMP reads this once, when the first library that uses it is loaded (PyTorch, llama.cpp). By default its threads
# spin while they wait for each other. Where other programs want the cores too, a question's vector then took ten times
# as long and a written word fifty times as long as with threads that sleep (models/README.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    if name == "Bot":
        from rag.answering.bot import Bot

        return Bot
    if name == "Retriever":
        from rag.retrieval.retriever import Retriever

        return Retriever
    raise AttributeError(f"module 'rag' has no attribute {name!r}")

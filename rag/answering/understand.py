"""A person's question becomes a Query: complete in itself, its kind known, its parts told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.language.standalone import standalone
from rag.types import Answer, Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def understand(query: Query, history: Sequence[Answer] = ()) -> Query:
    """The query as it is searched.

    Args:
        query: as `Query.of` made it from what the person gave; its filters stay.
        history: the answers so far, oldest first, for follow-ups such as "and where?".
    """
    text = standalone(query.text, history)
    return replace(query, text=text, kind=kind_of(text))


def kind_of(question: str, vector: NDArray[np.float32] | None = None) -> str:
    """The kind of a question."""
    folded = f" {question.casefold().strip()} "
    for kind, pattern in (
        ("count", r"how many (?:articles|reports|outlets)"),
        ("why", r"\bwhy\b"),
        ("summary", r"\bsummar|what happened|overview|main points"),
        ("date", r"\b(when|what (?:day|date|year|month)|which (?:day|date|year|month))\b"),
        ("number", r"\bhow (?:many|much|long|far|big|large|old|often)\b|\bwhat (?:percentage|share|number)\b"),
        ("person", r"\b(who|whom|whose)\b"),
        ("place", r"\bwhere\b"),
        ("how", r"\bhow\b"),
        ("yesno", r"^ (?:did|is|was|were|are|has|have|does|do|will)\b"),
    ):
        if re.search(pattern, folded):
            return kind
    return "entity"

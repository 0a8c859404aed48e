"""Files, pages, feeds and PDFs become Articles. Knows nothing about indexes or models."""

from __future__ import annotations

from rag.articles.assemble import is_url
from rag.articles.load import load

__all__ = ["is_url", "load"]

"""Files, pages, feeds and PDFs become Articles. Knows nothing about indexes or models."""

from __future__ import annotations

from rag.articles.load import is_url, load

__all__ = ["is_url", "load"]

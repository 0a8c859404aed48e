"""Files, pages, feeds and PDFs become Articles. Knows nothing about indexes or models."""

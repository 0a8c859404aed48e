"""Articles become passages, vectors and rows on disk. Knows nothing about questions."""

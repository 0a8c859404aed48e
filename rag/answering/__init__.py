"""A question and its hits become a checked answer. Knows nothing about pages or gold sets."""

"""A question becomes ranked hits. Knows nothing about language models."""

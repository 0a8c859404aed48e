"""The retriever inside other people's frameworks."""

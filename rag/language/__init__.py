"""All English and all regular expressions: words, sentences, values, times. Knows nothing about search, models or pages."""

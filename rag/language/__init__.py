"""All English and all regular expressions: words, sentences, values, times."""

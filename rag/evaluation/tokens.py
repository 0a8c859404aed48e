"""The words of an answer as they are compared. Knows nothing about gold sets or scores."""

from __future__ import annotations

import re
import unicodedata

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_ARTICLES = {"a", "an", "the"}


def tokens(text: str) -> list[str]:
    """SQuAD's normalisation (Rajpurkar et al. 2016: lower case, no punctuation, no articles), mended for news.

    Numbers stay whole ("1.2" is one token, "2,600" becomes "2600"), "%" and "per cent" become "percent", hyphens part
    words, and diacritics are dropped; SQuAD's own deletes the point of "1.2" and turns it into "12".
    """
    text = re.sub(r"per\s?cent(?:age)?\b", "percent", text.casefold()).replace("%", " percent ")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = re.sub(r"['’]s\b", "", text)
    text = re.sub(r"\b(?:[^\W\d_]\.){2,}", lambda match: match[0].replace(".", ""), text)  # "U.S." is "US"
    found = [re.sub(r",(?=\d{3}(?!\d))", "", token) for token in _TOKEN.findall(text)]
    return [token for token in found if token not in _ARTICLES]

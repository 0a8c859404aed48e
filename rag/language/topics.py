"""Questions that ask what a whole collection says of a topic: a summary of the coverage, a timeline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rag.language.words import STOP_WORDS, words

_ASK = (
    r"(?:please\s+)?(?:can you\s+|could you\s+)?(?:give|show|write|make|draw up|prepare)?\s*(?:me\s+|us\s+)?"
    r"(?:an?\s+|the\s+)?"
)
_SHORT = r"(?:short\s+|brief\s+|quick\s+|general\s+|full\s+)?"
_TIMELINE = re.compile(
    rf"{_ASK}{_SHORT}(?:timeline|time line|chronology|sequence of events|order of events)\b|"
    r"(?:tell|list|put) .{0,40}\bin (?:chronological|time) order|what happened (?:when|and when|in what order)\b",
    re.I,
)
_SUMMARY = re.compile(
    r"(?:please\s+)?(?:summari[sz]e|sum up|recap)\b|"
    rf"{_ASK}{_SHORT}(?:summary|overview|recap|digest|roundup|round-up|gist)\b|"
    r"what (?:are|is|were) the (?:main|key|central|most important) (?:points?|facts|news|developments|findings)\b|"
    r"what (?:do|did|does) the (?:articles?|coverage|papers|outlets|reports) say (?:about|of|on)\b",
    re.I,
)
#: What stands between the order and the topic.
_LINK = re.compile(
    r"^(?:\s*(?:of|on|about|for|from|in|covering|regarding|the|all|these|what|is|was|happened|with|main|key|recent|latest|"
    r"articles?|coverage|reports?|reporting|stor(?:y|ies)|news|pieces|points?|events|developments?|effects?|"
    r"consequences|say|says|said)\b)+",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What is to be told over the whole collection.

    Attributes:
        form: a timeline is told day by day, a summary by its main stories.
        words: the topic as it is searched, "" for everything there is.
    """

    form: Literal["timeline", "summary"]
    words: str


def asked_topic(question: str) -> Topic | None:
    """The topic of a question that asks for a timeline or a summary, None of any other."""
    text = " ".join(question.split()).rstrip(" ?.!")
    form: Literal["timeline", "summary"]
    if found := _TIMELINE.match(text):
        form = "timeline"
    elif found := _SUMMARY.match(text):
        form = "summary"
    else:
        return None
    rest = text[found.end() :]
    topic = rest[link.end() :] if (link := _LINK.match(rest)) else rest
    topic = topic.strip(" :,;-")
    return Topic(form, topic if any(word not in STOP_WORDS for word in words(topic)) else "")

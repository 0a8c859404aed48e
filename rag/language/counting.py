"""What a question counts: "How many articles mention Doha?" counts articles by a word. Knows nothing about an index."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rag.language.scripts import terms
from rag.language.words import fold, stem, words

#: Words that ask for the count and say nothing of what is counted by.
_FRAME = frozenset(
    stem(word)
    for word in """how many much number count which what outlet outlets source sources newspaper newspapers paper papers
    article articles story stories report reports reported reporting piece pieces item items text texts news mention
    mentions mentioned mentioning about on of cover covers covered coverage publish published publishes write wrote
    written run ran carry carried say says said contain contains have has had did do does is are was were there the a an
    in by from for this that index collection all any topic subject name names named speak speaks discuss discusses
    discussed deal deals refer refers with to it its their""".split()
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted.

    Attributes:
        outlets: whether outlets are counted or listed rather than articles.
        terms: what each article must hold, as the full-text table has it; empty counts all.
        words: the same as asked, for the answer.
        sources: only articles of these outlets; empty for all.
    """

    outlets: bool
    terms: tuple[str, ...]
    words: str
    sources: tuple[str, ...]


def counted(question: str, sources: Collection[str]) -> Counted:
    """What a question of the kind "count" counts.

    Args:
        sources: outlets of the index; one that the question names becomes a filter.
    """
    asked = f" {' '.join(words(question))} "
    named = []
    for source in sorted(filter(None, sources), key=len, reverse=True):
        form = " ".join(words(source)).removeprefix("the ")
        if form and f" {form} " in asked:
            named.append(source)
            asked = asked.replace(f" {form} ", " ")
    kept = [word for word in asked.split() if stem(word) not in _FRAME]
    first = fold(question)
    outlets = any(word in first for word in ("outlet", "newspaper", "sources", "papers"))
    return Counted(outlets, tuple(dict.fromkeys(t for word in kept for t in terms(word))), " ".join(kept), tuple(named))

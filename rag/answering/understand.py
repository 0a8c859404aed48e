"""A person's question becomes a Query: complete in itself, its kind known, its parts told apart, its times, outlets and
speakers read out of it. What is read out is said in `understood`, and a filter that a person gave comes first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rag.language.comparison import sides
from rag.language.parts import asked, bare, is_polar, parts
from rag.language.scripts import plain
from rag.language.speech import asked_speaker
from rag.language.standalone import standalone
from rag.language.time import describe, sources_named, spelled_days, understand_time
from rag.language.words import words
from rag.types import Answer, Query

#: How the lines of `Query.understood` begin that `Query.without` can switch off.
TIMES, OUTLETS, SPELLING = "Understood: ", "Articles of ", "Read "


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a question is understood by.

    Attributes:
        sources: the outlets of the index.
        newest: day of its newest article, None when it has no dated one.
        today: the day of asking.
        kind_of: the kind of a question, see `rag.types.Query`.
    """

    sources: Collection[str]
    newest: date | None
    today: date
    kind_of: Callable[[str], str]

    @property
    def old(self) -> bool:
        """Whether the newest article is older than a month."""
        return self.newest is not None and (self.today - self.newest).days > 31

    @property
    def day(self) -> date:
        """The day from which "last month" is counted: today, but in an old collection that of its newest article."""
        return self.newest if self.newest and self.old else self.today


def understand(query: Query, history: Sequence[Answer], about: Surroundings) -> Query:
    """The query as it is searched.

    Args:
        query: as `Query.of` made it from what the person gave; its filters stay.
        history: the answers so far, oldest first, for follow-ups such as "and where?".
    """
    whole = standalone(query.text, history)
    whole = whole if "times" in query.without else spelled_days(whole)
    text, context = asked(whole)
    found = parts(text)
    understood = (*query.understood, *((f"Asked: {text}",) if context else ()))
    if len(found) == 1:
        return _one(replace(query, text=text, understood=understood), about)
    each = tuple(_one(replace(query, text=part, understood=()), about) for part in found)
    told = tuple(dict.fromkeys(line for part in each for line in part.understood))
    return replace(query, text=text, kind=each[0].kind, parts=each, understood=understood + told)


def _one(query: Query, about: Surroundings) -> Query:
    """One question understood; a comparison becomes one part for each side, outlet or thing."""
    understood = list(query.understood)
    # The classifier knows English; what is asked in another script is taken for a thing.
    plainly, text = bare(query.text), query.text
    kind = about.kind_of(plainly) if all(map(plain, words(text))) else "entity"
    kind = "yesno" if kind != "compare" and is_polar(plainly) else kind
    sources = query.sources
    if not sources and "outlets" not in query.without:
        sources, text = sources_named(text, [name for name in about.sources if name])
        if sources and kind != "count":
            understood.append(f"{OUTLETS}{' and '.join(sources)} only.")
    as_of, frame, order = query.as_of, None, query.order
    time = None
    if "times" not in query.without:
        time = understand_time(text, query.as_of or about.day, about.newest)
    if time and time.explicit and not (query.since or query.until):
        text = time.rest
        order = time.order or ""
        frame = (time.since, time.until) if time.since or time.until else None
        understood.append(f"{TIMES}{describe(time)}{_as_of(order, about)}.")
        if order == "latest" and as_of is None:
            as_of = about.newest
    elif time and time.order:
        order = time.order
    speech = asked_speaker(text)
    query = replace(
        query,
        # The reader knows plain questions: "Name the mediators." is read as "Who were the mediators?".
        text=bare(text if any(c.isalnum() for c in text) else query.text),
        whole=plainly,
        kind=kind,
        sources=sources,
        as_of=as_of,
        frame=frame,
        order=order,
        speech=speech.kind if speech else "",
        speaker=speech.speaker or "" if speech else "",
        understood=tuple(understood),
    )
    if kind != "compare":
        return query
    plain_side = replace(query, understood=(), whole="")
    if len(sources) > 1:
        return replace(query, parts=tuple(replace(plain_side, sources=(source,)) for source in sources))
    return replace(query, parts=tuple(replace(plain_side, text=side) for side in sides(text)))


def _as_of(order: str, about: Surroundings) -> str:
    if about.newest is None or not (order == "latest" or about.old):
        return ""
    old = ", more than a month ago, and times are counted from there" if about.old else ""
    return f"; the newest article is of {about.newest:%-d %B %Y}{old}"

"""What a collection says of a topic, told by its events: a summary or a timeline with citations, and no model.

Articles are of a topic when their passages are nearly as similar to it as the most similar one; those that tell one
event (alike in title, names and first sentence, a few days apart) are clustered. Knows nothing about questions' kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from rag.answering.extracts import Extract, quoted
from rag.escapes import for_line, for_terminal
from rag.jsonform import meta_to_dict
from rag.language.names import names
from rag.language.topics import asked_topic
from rag.language.values import days
from rag.language.words import content_stems
from rag.retrieval.retriever import Searcher
from rag.types import Citation, Claim, Finding, Hit, Query

#: What to ask for the timeline of all articles.
EVERYTHING = "Timeline of the coverage"
#: Passages looked at, and events told in a summary and in a timeline.
LOOKED_AT, MOST_SUMMED, MOST_TOLD = 60, 5, 40
#: An article is of the topic from this share of the best similarity on; articles tell one event up to this distance in
#: [0, 1], and this many days apart (table: eval/README.md, `python benchmarks/stories.py`).
ON_TOPIC, ONE_EVENT, DAYS_APART = 0.57, 0.62, 4


@dataclass(frozen=True, slots=True)
class Event:
    """What one or several articles tell as one event.

    Attributes:
        day: on which it was, as its sentence says, else on which it was first published; None when neither is known.
        citations: the sentence that tells it, and the same of the other articles, the earliest first.
    """

    day: date | None
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The events of a topic.

    Attributes:
        topic: as searched, "" for everything.
        events: by day, undated ones last.
        hits: one for each article; citations point to them.
    """

    topic: str
    events: tuple[Event, ...]
    hits: tuple[Hit, ...]

    def to_dict(self) -> dict[str, Any]:
        """The events as JSON-ready values."""
        events = [
            {
                "day": event.day.isoformat() if event.day else None,
                "text": " ".join(event.citations[0].quote.split()),
                "articles": [meta_to_dict(citation.article) for citation in event.citations],
            }
            for event in self.events
        ]
        return {"topic": self.topic, "events": events}


def timeline(query: Query, searcher: Searcher) -> Timeline:
    """The events of a topic, the oldest first.

    Args:
        query: its text is a topic ("the peace talks") or a question that asks for one ("Timeline of the talks"); its
            filters hold.
    """
    topic = asked_topic(query.text)
    words = topic.words if topic else query.text
    hits = about(query, searcher, words, "timeline")
    return Timeline(words, tuple(events(hits)[:MOST_TOLD]), hits)


def timeline_question(question: str) -> str:
    """What asks for the timeline of the matter of another question."""
    topic = asked_topic(question)
    words = topic.words if topic else question
    return f"Timeline: {words}" if words else EVERYTHING


def about(query: Query, searcher: Searcher, topic: str, form: str) -> tuple[Hit, ...]:
    """One hit for each article on a topic, the most similar first; for no topic, for each article, the newest first.

    Args:
        form: of a timeline the hits are the beginnings of the articles, which say what happened.
    """
    if not topic:
        return tuple(searcher.holding(query, ()))[:LOOKED_AT]
    found: dict[str, Hit] = {}
    for hit in searcher.search(replace(query, text=topic, k=max(query.k, LOOKED_AT))):
        found.setdefault(hit.passage.article.id, hit)
    near = [hit.scores.get("dense", 0.0) for hit in found.values()]
    kept = [hit for hit, score in zip(found.values(), near, strict=True) if score >= ON_TOPIC * max(near)]
    if query.frame:
        since, until = query.frame[0] or date.min, query.frame[1] or date.max
        kept = [
            h for h in kept if h.passage.article.published and since <= h.passage.article.published <= until
        ] or kept
    kept.sort(key=lambda hit: -hit.scores.get("dense", 0.0))
    ids = tuple(hit.passage.article.id for hit in kept)
    if form != "timeline":
        return tuple(replace(hit, rank=rank) for rank, hit in enumerate(kept, 1))
    begins = {hit.passage.article.id: hit.passage for hit in searcher.holding(replace(query, articles=ids), ())}
    return tuple(
        replace(hit, passage=begins.get(id_, hit.passage), cosines=(), rank=rank)
        for rank, (id_, hit) in enumerate(zip(ids, kept, strict=True), 1)
    )


def events(hits: Sequence[Hit]) -> list[Event]:
    """What the articles tell, clustered, by day."""
    told = [lead_of(hit) for hit in hits]
    found = []
    for members in clusters(told):
        cited = sorted((told[n] for n in members), key=lambda c: (str(c.article.published or "9999"), c.number))
        found.append(Event(day_of(cited[0]), tuple(cited)))
    return sorted(found, key=lambda event: (str(event.day or "9999"), event.citations[0].number))


def lead_of(hit: Hit) -> Citation:
    """The first sentence of a hit that is running text: of a news article's beginning, the one that says what
    happened."""
    inside = hit.passage.sentences
    lead = next((s for s in inside if s.role == "text" and s.end - s.start > 30), inside[0] if inside else hit.passage)
    return Citation(hit, lead.start, lead.end)


def day_of(citation: Citation) -> date | None:
    """The day that a sentence names, completed from its article's, else the day of publication."""
    published = citation.article.published
    for day in days(citation.quote):
        full = day.completed(published)
        if full.year and full.month and full.day:
            return date(full.year, full.month, full.day)
    return published


def clusters(told: Sequence[Citation]) -> list[list[int]]:
    """Indices of what tells one event, together: average linkage over the cosine distance of TF-IDF vectors of titles,
    names (twice) and sentences; what is days apart is never one event."""
    if len(told) < 2:
        return [[n] for n in range(len(told))]
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{c.article.title}. {c.quote}" for c in told]
    terms = [[*content_stems(t), *(s for n in names(t) for s in content_stems(n.text))] for t in texts]
    vectors = TfidfVectorizer(analyzer=list, sublinear_tf=True).fit_transform(terms)
    apart = 1 - (vectors @ vectors.T).toarray()
    when = np.array([c.article.published.toordinal() if c.article.published else np.nan for c in told])
    apart[np.abs(when[:, None] - when[None, :]) > DAYS_APART] = 1.0
    grouped = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=ONE_EVENT
    ).fit_predict(np.clip(apart, 0, 1))
    return [list(np.flatnonzero(grouped == label)) for label in dict.fromkeys(grouped.tolist())]


def summary(finding: Finding, extract: Extract, part: int = 0) -> Extract:
    """The finding of a question for a summary or a timeline, told by its events.

    Args:
        extract: what was found without regard to events; its sentences fill what room they leave.
    """
    topic = asked_topic(finding.query.text)
    if topic is None or not finding.hits or not (extract.claims or _spoken_of(topic.words, finding.hits)):
        return extract
    found = events(finding.hits)
    if topic.form == "timeline":
        return Extract(tuple(dated(event, part) for event in found[:MOST_TOLD]))
    if len(found) < 2:
        return extract
    chosen = sorted(found, key=lambda e: (-len(e.citations), e.citations[0].number))[:MOST_SUMMED]
    chosen.sort(key=lambda event: (str(event.day or "9999"), event.citations[0].number))
    claims = [_claim(event, part) for event in chosen]
    said = {(c.article.id, c.start) for claim in claims for c in claim.citations}
    claims += [c for c in extract.claims if (c.citations[0].article.id, c.citations[0].start) not in said]
    return Extract(tuple(claims[:MOST_SUMMED]))


def _spoken_of(topic: str, hits: Sequence[Hit]) -> bool:
    """Whether an article has every word of a topic that carries content."""
    wanted = set(content_stems(topic))
    return any(wanted <= set(content_stems(f"{hit.passage.article.title} {hit.passage.text}")) for hit in hits)


def dated(event: Event, part: int = 0) -> Claim:
    """An event as a claim that begins with its day."""
    claim = _claim(event, part)
    when = f"{event.day:%-d %B %Y}" if event.day else "Undated"
    return replace(claim, text=f"{when}: {claim.text}")


def _claim(event: Event, part: int) -> Claim:
    first = quoted(event.citations[0], part)
    return replace(first, citations=(*first.citations, *event.citations[1:]))


def show_timeline(found: Timeline) -> str:
    """The events for a terminal: one bullet each under its day, with the articles that tell it."""
    if not found.events:
        return "No article is on this topic." if found.topic else "There is no article in the index."
    lines = [f"Timeline: {found.topic}" if found.topic else "Timeline of all articles"]
    last: date | str | None = ""
    for event in found.events:
        if event.day != last:
            lines += ["", f"{event.day:%-d %B %Y}" if event.day else "Undated"]
            last = event.day
        first, *others = event.citations
        lines.append(f"  • {' '.join(first.quote.split())} [{first.number}]")
        if others:
            also = ", ".join(f"{c.article.source or c.article.title} [{c.number}]" for c in others)
            lines.append(f"    also in {for_line(also)}")
    lines += ["", "Sources:"]
    cited = sorted({c.number: c for event in found.events for c in event.citations}.items())
    lines += [f"  [{number}] {for_line(citation.article.label)}" for number, citation in cited]
    return for_terminal("\n".join(lines))

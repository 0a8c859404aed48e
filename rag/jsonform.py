"""Answers as JSON and back: one walk over an answer. Citations point to hits by number; no passage is written twice.

Form 2. What version 1 wrote (conversations saved before there was a `query`) is still read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from rag.types import (
    Answer,
    ArticleMeta,
    Citation,
    Claim,
    Hit,
    Passage,
    Query,
    Reading,
    Sentence,
    Version,
)

FORM = 2


def answer_to_dict(answer: Answer) -> dict[str, Any]:
    """An answer as JSON-ready values; quotes and `text` are included, citations carry the number of their hit."""
    return {
        "form": FORM,
        "question": answer.question,
        "standalone": answer.standalone,
        "query": query_to_dict(answer.query),
        "kind": answer.kind,
        "model": answer.model,
        "text": answer.text,
        "claims": [_claim_to_dict(claim) for claim in answer.claims],
        "extracts": [_claim_to_dict(claim) for claim in answer.extracts],
        "short": [_citation_to_dict(citation) for citation in answer.short],
        "versions": [
            {
                "value": v.value,
                "probability": round(v.probability, 4),
                "withdrawn": v.withdrawn,
                "citations": [_citation_to_dict(c) for c in v.citations],
            }
            for v in answer.versions
        ],
        "unanswered": list(answer.unanswered),
        "hits": [hit_to_dict(hit) for hit in answer.hits],
        "notes": list(answer.notes),
        "probability": round(answer.probability, 4),
        "timings": dict(answer.timings),
        "usage": dict(answer.usage),
    }


def answer_from_dict(data: Mapping[str, Any]) -> Answer:
    """The answer that `answer_to_dict` wrote.

    Raises:
        KeyError, TypeError, ValueError: the data is not of that form.
    """
    if "form" not in data:
        return _first_form(data)
    hits = tuple(map(hit_from_dict, data["hits"]))
    by_rank = {hit.rank: hit for hit in hits}
    return Answer(
        question=data["question"],
        query=query_from_dict(data["query"]),
        kind=data["kind"],
        model=data["model"],
        claims=tuple(_claim(raw, by_rank) for raw in data["claims"]),
        hits=hits,
        extracts=tuple(_claim(raw, by_rank) for raw in data["extracts"]),
        short=_citations(data["short"], by_rank),
        versions=tuple(
            Version(v["value"], _citations(v["citations"], by_rank), v["probability"], v["withdrawn"])
            for v in data["versions"]
        ),
        unanswered=tuple(data["unanswered"]),
        notes=tuple(data["notes"]),
        probability=data["probability"],
        timings=data["timings"],
        usage=data["usage"],
    )


def query_to_dict(query: Query) -> dict[str, Any]:
    """A query as JSON-ready values."""
    return {
        "text": query.text,
        "k": query.k,
        "sources": list(query.sources),
        "since": _day(query.since),
        "until": _day(query.until),
        "as_of": _day(query.as_of),
        "undated": query.undated,
        "articles": None if query.articles is None else list(query.articles),
        "without": list(query.without),
        "brief": query.brief,
        "kind": query.kind,
        "order": query.order,
        "frame": [_day(day) for day in query.frame] if query.frame else None,
        "speech": query.speech,
        "speaker": query.speaker,
        "parts": [query_to_dict(part) for part in query.parts],
        "understood": list(query.understood),
    }


def query_from_dict(data: Mapping[str, Any]) -> Query:
    """The query that `query_to_dict` wrote."""
    days: dict[str, Any] = {name: _parse(data[name]) for name in ("since", "until", "as_of")}
    parts = tuple(query_from_dict(part) for part in data["parts"])
    days["frame"] = (_parse(data["frame"][0]), _parse(data["frame"][1])) if data["frame"] else None
    lists = {"sources": tuple(data["sources"]), "understood": tuple(data["understood"]), "parts": parts}
    lists["without"] = tuple(data.get("without", ()))
    if data.get("articles") is not None:
        lists["articles"] = tuple(data["articles"])
    return Query(**{**data, **days, **lists})


def meta_to_dict(meta: ArticleMeta) -> dict[str, Any]:
    """An article's metadata as JSON-ready values."""
    values = {each.name: getattr(meta, each.name) for each in fields(meta)}
    return values | {"published": _day(meta.published), "pages": list(meta.pages)}


def meta_from_dict(data: Mapping[str, Any]) -> ArticleMeta:
    """The metadata that `meta_to_dict` wrote."""
    return ArticleMeta(**{**data, "published": _parse(data["published"]), "pages": tuple(data.get("pages", ()))})


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """A hit as JSON-ready values, its article and the passage's own text included."""
    passage = hit.passage
    return {
        "number": hit.rank,
        "score": hit.score,
        "scores": dict(hit.scores),
        "article": meta_to_dict(passage.article),
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "sentences": [s.to_list() for s in passage.sentences],
        "readings": [[r.start, r.end, round(r.logit, 3)] for r in hit.readings],
        "also": [meta_to_dict(meta) for meta in hit.also],
    }


def hit_from_dict(data: Mapping[str, Any]) -> Hit:
    """The hit that `hit_to_dict` wrote."""
    passage = Passage(
        meta_from_dict(data["article"]),
        data["text"],
        data["start"],
        data["end"],
        tuple(Sentence.from_list(raw) for raw in data["sentences"]),
    )
    readings = tuple(Reading(*raw) for raw in data["readings"])
    also = tuple(map(meta_from_dict, data["also"]))
    return Hit(passage, data["score"], data["number"], data["scores"], readings=readings, also=also)


def _claim_to_dict(claim: Claim) -> dict[str, Any]:
    return {
        "text": claim.text,
        "citations": [_citation_to_dict(citation) for citation in claim.citations],
        "verdict": claim.verdict,
        "checked": claim.checked,
        "support": round(claim.support, 4),
        "problems": list(claim.problems),
        "part": claim.part,
    }


def _citation_to_dict(citation: Citation) -> dict[str, Any]:
    place = {"number": citation.number, "start": citation.start, "end": citation.end}
    return {**place, "article_id": citation.article.id, "quote": citation.quote}


def _claim(data: Mapping[str, Any], hits: Mapping[int, Hit]) -> Claim:
    return Claim(
        data["text"],
        _citations(data["citations"], hits),
        data["verdict"],
        data["support"],
        tuple(data["problems"]),
        data["part"],
    )


def _citations(data: Sequence[Mapping[str, Any]], hits: Mapping[int, Hit]) -> tuple[Citation, ...]:
    return tuple(Citation(hits[raw["number"]], raw["start"], raw["end"]) for raw in data)


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _parse(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _first_form(data: Mapping[str, Any]) -> Answer:
    """An answer as version 1 wrote it: passages in every citation, numbered by the order of the hits."""

    def passage(raw: Mapping[str, Any]) -> Passage:
        meta = ArticleMeta(raw["article_id"], raw["title"], raw["source"], _parse(raw["published"]), raw["url"])
        return Passage(meta, raw["text"], raw["start"], raw["end"])

    hits = tuple(
        Hit(passage(raw["passage"]), raw["score"], number, raw["scores"]) for number, raw in enumerate(data["hits"], 1)
    )
    by_rank = {hit.rank: hit for hit in hits}

    def claim(raw: Mapping[str, Any]) -> Claim:
        problems = tuple(raw["problems"])
        verdict: Any = "verbatim" if data["kind"] == "extracts" else "not found" if problems else "supported"
        return Claim(raw["text"], _citations(raw["citations"], by_rank), verdict, raw["support"], problems)

    return Answer(
        question=data["question"],
        query=Query(data["standalone"]),
        kind=data["kind"],
        model=data["model"],
        claims=tuple(map(claim, data["claims"])),
        hits=hits,
        extracts=tuple(map(claim, data["extracts"])),
        short=_citations(data["short"], by_rank),
        versions=tuple(Version(v["value"], _citations(v["citations"], by_rank)) for v in data["versions"]),
        notes=tuple(data["notes"]),
        timings=data["timings"],
        usage=data["usage"],
    )

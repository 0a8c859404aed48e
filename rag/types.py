"""The vocabulary of the package: small frozen values, standard library only.

Offsets are character offsets into `Article.text` (Python str indices, end exclusive).
Invariant: `article.text[passage.start:passage.end] == passage.text`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

#: What the bot says, word for word, when the articles do not hold the answer.
ABSTENTION = "The articles do not say."


Role = Literal["heading", "caption", "item", "row"]
"""What a stretch of an article is, where it is no running text: a heading, the caption of a picture, a list item, or
a row of a table."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an article that is no running text: `article.text[start:end]`."""

    start: int
    end: int
    role: Role


@dataclass(frozen=True, slots=True)
class Article:
    """A whole document, cleaned.

    Attributes:
        id: stable and unique in an index; file stem relative to the folder given, or the record's id, or the URL.
        title: one line, never empty.
        text: clean body; paragraphs separated by one blank line; never empty.
        source: the outlet or host, "" if unknown.
        published: day of publication, None if unknown.
        url: link to the original, None if unknown.
        author: "" if unknown.
        origin: the file path or URL it was read from; several articles may share one (a feed, a .jsonl).
        language: BCP 47 primary subtag ("en", "zh"), "" if unknown.
        dated_by: where `published` was found: "metadata", "url", "dateline", "text", "file" or "person"; "" if undated.
        spans: its headings, captions, list items and table rows, in order, none inside another.
        pages: offset in `text` at which each page of a PDF starts; empty for what has no pages.
        notes: what was dropped, guessed or cut when it was read, one line each, in words for people.
    """

    id: str
    title: str
    text: str
    source: str = ""
    published: date | None = None
    url: str | None = None
    author: str = ""
    origin: str = ""
    language: str = ""
    dated_by: str = ""
    spans: tuple[Span, ...] = ()
    pages: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """sha256 (64 hex digits) over everything but `id` and `origin`: changes when a reader would see a change."""
        parts = [self.title, self.text, self.source, str(self.published), self.url or "", self.author]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An input that could not be read, with the reason and the next step."""

    origin: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of an article, with what a reader needs to know where it stands.

    Attributes:
        id: "<article_id>#<start>-<end>".
        start, end: character offsets into the article's text.
        title, source, published, url: copied from the article.
    """

    id: str
    article_id: str
    text: str
    start: int
    end: int
    title: str = ""
    source: str = ""
    published: date | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question.

    Attributes:
        passage: what was found.
        score: the fused score, higher is better; comparable within one search only.
        rank: 1-based position in the result.
        scores: the components it was fused from, e.g. {"dense": cosine in [-1, 1], "dense_rank": 3,
            "bm25": BM25 >= 0, "bm25_rank": 1}; a component that did not find the passage is absent.
    """

    passage: Passage
    score: float
    rank: int
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """A pointer from a claim to a passage, with the verbatim quote as offsets.

    Attributes:
        number: 1-based number of the passage in the answer's evidence, as shown in "[1]".
        passage: the passage cited.
        start, end: offsets of the quote in the article's text, within the passage.
    """

    number: int
    passage: Passage
    start: int
    end: int

    @property
    def quote(self) -> str:
        """The verbatim quote: a slice of the passage, never text that a model typed."""
        return self.passage.text[self.start - self.passage.start : self.end - self.passage.start]


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer, without its citation marks.

    Attributes:
        text: the sentence.
        citations: what it rests on.
        support: share in [0, 1] of the claim's content words found in the cited passages.
        problems: what the check found, in words for people; empty means that the check passed.
        dangling: numbers that the model cited and that no passage has.
    """

    text: str
    citations: tuple[Citation, ...]
    support: float = 0.0
    problems: tuple[str, ...] = ()
    dangling: tuple[int, ...] = ()

    @property
    def checked(self) -> bool:
        """True when the check found nothing wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a disagreement: a value and the citations that give it."""

    value: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bot says to one question.

    Attributes:
        question: as asked.
        standalone: the question that was searched (differs for follow-ups).
        kind: "model" (a language model wrote it), "extracts" (verbatim sentences) or "abstention".
        model: the name of what answered, e.g. "SmolLM2-135M-Instruct" or "extracts".
        claims: in order; empty for an abstention.
        extracts: the best-supporting sentences, verbatim, shown beside a model's answer.
        short: the very words of the articles that answer, as the extractive reader found them; one for each version
            where articles differ, empty when there is no reader.
        versions: two or more when articles disagree on the value asked for, else empty.
        hits: the evidence in the order of its numbers: citation n points to hits[n - 1].
        notes: lines a person should read (fallbacks, truncation), possibly empty.
        confidence: the best sentence's score, higher is surer; the bot abstains below its threshold.
        timings: seconds, e.g. {"search": .., "first_token": .., "total": ..}.
        usage: tokens, e.g. {"prompt": .., "completion": ..}.
    """

    question: str
    standalone: str
    kind: Literal["model", "extracts", "abstention"]
    model: str
    claims: tuple[Claim, ...]
    hits: tuple[Hit, ...]
    extracts: tuple[Claim, ...] = ()
    short: tuple[Citation, ...] = ()
    versions: tuple[Version, ...] = ()
    notes: tuple[str, ...] = ()
    confidence: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, int] = field(default_factory=dict)

    @property
    def abstained(self) -> bool:
        """True when the articles do not hold the answer, as far as the bot can tell."""
        return self.kind == "abstention"

    @property
    def text(self) -> str:
        """The answer as shown: each claim followed by its citation marks."""
        if self.abstained:
            return ABSTENTION
        return " ".join(render_claim(claim) for claim in self.claims)

    def to_dict(self) -> dict[str, Any]:
        """The whole answer as JSON-ready values; quotes and `text` are included."""
        data = asdict(self)
        data["text"] = self.text
        for name in ("claims", "extracts"):
            for raw, claim in zip(data[name], getattr(self, name), strict=True):
                _add_quotes(raw, claim.citations)
                raw["checked"] = claim.checked
        _add_quotes({"citations": data["short"]}, self.short)
        for raw, version in zip(data["versions"], self.versions, strict=True):
            _add_quotes(raw, version.citations)
        plain: dict[str, Any] = json.loads(json.dumps(data, default=_plain))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Answer:
        """The answer that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: the data is not of that form.
        """
        return cls(
            question=data["question"],
            standalone=data["standalone"],
            kind=data["kind"],
            model=data["model"],
            claims=tuple(map(_claim, data["claims"])),
            hits=tuple(Hit(_passage(h["passage"]), h["score"], h["rank"], h["scores"]) for h in data["hits"]),
            extracts=tuple(map(_claim, data["extracts"])),
            short=tuple(map(_citation, data["short"])),
            versions=tuple(Version(v["value"], tuple(map(_citation, v["citations"]))) for v in data["versions"]),
            notes=tuple(data["notes"]),
            confidence=data.get("confidence", 0.0),  # conversations saved before there was one
            timings=data["timings"],
            usage=data["usage"],
        )


def render_claim(claim: Claim) -> str:
    """A claim with its marks before the closing punctuation: "Turkey mediated [1][2]."."""
    marks = "".join(f"[{n}]" for n in sorted({c.number for c in claim.citations}))
    body = claim.text.rstrip()
    end = body[-1] if body and body[-1] in ".!?" else ""
    stem = body[: -len(end)] if end else body
    return f"{stem} {marks}{end or '.'}" if marks else body


def _add_quotes(raw: dict[str, Any], citations: tuple[Citation, ...]) -> None:
    for raw_citation, citation in zip(raw["citations"], citations, strict=True):
        raw_citation["quote"] = citation.quote


def _passage(data: Mapping[str, Any]) -> Passage:
    published = date.fromisoformat(data["published"]) if data["published"] else None
    return Passage(**{**data, "published": published})


def _citation(data: Mapping[str, Any]) -> Citation:
    return Citation(data["number"], _passage(data["passage"]), data["start"], data["end"])


def _claim(data: Mapping[str, Any]) -> Claim:
    return Claim(data["text"], tuple(map(_citation, data["citations"])), data["support"], tuple(data["problems"]),
                 tuple(data.get("dangling", ())))  # fmt: skip


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work has come.

    Attributes:
        stage: what is being done, e.g. "indexing".
        done, total: counts of `unit`; total is None while unknown.
    """

    stage: str
    done: int
    total: int | None
    unit: str = "articles"

"""The vocabulary of the package: small frozen values, standard library only.

Offsets are character offsets into `Article.text` (Python str indices, end exclusive).
Invariant: `article.text[passage.start:passage.end] == passage.text`.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal

from rag.errors import InputError

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
        corrected: its own note of a correction or an update, "" without one; found at indexing.
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
    corrected: str = ""

    @property
    def meta(self) -> ArticleMeta:
        """The article without its text."""
        return ArticleMeta(
            self.id, self.title, self.source, self.published, self.url, self.author, self.language, self.corrected,
            self.pages,
        )  # fmt: skip

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
class Sentence:
    """A sentence of an article as a view: `article.text[start:end]`, without outer white space.

    Attributes:
        role: "text"; what it is where it is no running text (see `Role`); "order" where it tells whoever answers what
            to answer. See `answers`.
        speaker: whose words it reports, in the fullest form that the article has; "" when it reports nobody's.
        office: what the article says the speaker is, such as "health minister"; "" when it does not.
        antecedent: offset of the sentence that says who or what its first word, a pronoun, means; -1 without one.
        withdrawn: whether it states a value that a correction in the article withdraws.
        right: of a correction, offsets of the value that holds; empty for other sentences.
    """

    start: int
    end: int
    role: Role | Literal["text", "order"] = "text"
    speaker: str = ""
    office: str = ""
    antecedent: int = -1
    withdrawn: bool = False
    right: tuple[int, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether it may be quoted as an answer and shown to a language model: a heading and an order never are."""
        return self.role not in {"heading", "order"}

    def to_list(self) -> list[Any]:
        """Its values in order, trailing defaults left out: what is stored."""
        values = [self.start, self.end, self.role, self.speaker, self.office, self.antecedent, self.withdrawn,
                  list(self.right)]  # fmt: skip
        defaults: list[Any] = [None, None, "text", "", "", -1, False, []]
        while len(values) > 2 and values[-1] == defaults[len(values) - 1]:
            values.pop()
        return values

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Sentence:
        """The sentence that `to_list` wrote."""
        return cls(*values[:7], *(tuple(right) for right in values[7:8]))


#: Kinds of question that a few words answer, each with an outer form by which an answer is known.
FACTOID_KINDS = ("person", "place", "date", "number", "entity")
#: Kinds that take a sentence or more.
OPEN_KINDS = (
    "definition", "why", "how", "list", "summary", "compare", "attribution", "consequence", "yesno", "count",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """A question and its filters, checked; what flows through search and answering.

    Attributes:
        text: the question as it is searched, complete in itself; times and outlets that became filters are not in it.
        whole: the question as a language model is asked it, those included; "" where it is `text`.
        k: passages wanted (1 and up).
        sources: only articles of these sources; empty for all.
        since, until: only articles published in this span, ends included; None for no bound.
        as_of: the day on which the question is asked: articles near it are preferred; None for no preference.
        undated: whether articles without a day pass a filter by date.
        articles: ids of the only articles to ask; None for all, empty for none.
        without: what is not to be read out of the question: "times", "outlets", "spelling".
        brief: whether a short answer is wanted.
        kind: what is asked for, of FACTOID_KINDS or OPEN_KINDS; "" while nobody has looked.
        order: "latest" or "earliest" when the question asks for the newest or the oldest, else "".
        frame: first and last day that the question speaks of, None where open; what is published then, or speaks of
            then, is asked for. None when it speaks of no time.
        speech: what is asked of somebody's words: them ("words"), whose they are ("who"), whether they were said.
        speaker: whose words are asked for, as the question names them; "" for anybody's.
        parts: the questions in it, each a Query, when it holds more than one.
        understood: what was read out of the question and now filters or orders, one line each, for people.
    """

    text: str
    k: int = 8
    sources: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    as_of: date | None = None
    undated: bool = False
    articles: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    brief: bool = False
    kind: str = ""
    order: Literal["", "latest", "earliest"] = ""
    frame: tuple[date | None, date | None] | None = None
    speech: Literal["", "words", "who", "whether"] = ""
    speaker: str = ""
    parts: tuple[Query, ...] = ()
    understood: tuple[str, ...] = ()
    whole: str = ""

    MOST_CHARACTERS: ClassVar[int] = 8000

    @classmethod
    def of(
        cls,
        text: str,
        *,
        k: int = 8,
        source: str | Sequence[str] | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        as_of: date | str | None = None,
        undated: bool = False,
        articles: Sequence[str] | None = None,
        without: Sequence[str] = (),
        brief: bool = False,
    ) -> Query:
        """A query from what a person gives.

        Args:
            source: one or several; None for all.
            since, until, as_of: days as dates or YYYY-MM-DD.
            articles: ids of the only articles to ask; None for all, empty for none.
            without, brief: see `Query`.

        Raises:
            InputError: no letter or digit in it, too long, k below 1, a bad day, or a span that ends before it begins.
        """
        text = text.strip()
        if not any(c.isalnum() for c in text):
            raise InputError("The question is empty.", 'Ask something, e.g. rag ask "Who mediated?"')
        if len(text) > cls.MOST_CHARACTERS:
            raise InputError(
                f"The question has {len(text):,} characters; the limit is {cls.MOST_CHARACTERS:,}.",
                "Ask in fewer words.",
            )
        if k < 1:
            raise InputError(f"k is {k}.", "Ask for at least one passage.")
        first, last = parse_day("since", since), parse_day("until", until)
        if first and last and first > last:
            raise InputError(f"since is {first}, after until, {last}.", "Exchange them.")
        sources = (source,) if isinstance(source, str) else tuple(source or ())
        only = None if articles is None else tuple(dict.fromkeys(articles))
        return cls(text, k, sources, first, last, parse_day("as_of", as_of), undated, only, tuple(without), brief)


def parse_day(name: str, value: date | str | None) -> date | None:
    """A day given as a date or as YYYY-MM-DD.

    Raises:
        InputError: it is none; `name` says which option it was.
    """
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{name} is {value!r}.", "Give a day as YYYY-MM-DD, e.g. 2025-10-19.") from None


@dataclass(frozen=True, slots=True)
class ArticleMeta:
    """An article without its text: what a citation says of where it points.

    Attributes: see `Article`; and
        corrected: what a correction or an update in the article says, "" without one.
    """

    id: str
    title: str
    source: str = ""
    published: date | None = None
    url: str | None = None
    author: str = ""
    language: str = ""
    corrected: str = ""
    pages: tuple[int, ...] = ()

    @property
    def english(self) -> bool:
        """Whether it is in the language that the rules know, as far as its language is known."""
        return self.language in {"", "en"}

    @property
    def label(self) -> str:
        """Title, source and day on one line."""
        return f"{self.title} — {self.outlet_and_day}"

    @property
    def outlet_and_day(self) -> str:
        """Source and day, each named as unknown where it is."""
        return f"{self.source or 'unknown source'}, {self.published or 'undated'}"


@dataclass(frozen=True, slots=True)
class Passage:
    """Whole sentences of an article that follow each other.

    Attributes:
        start, end: character offsets in the article's text.
        text: `article.text[start:end]`.
        sentences: in order, offsets in the article's text; together they hold all of it but white space.
    """

    article: ArticleMeta
    text: str
    start: int
    end: int
    sentences: tuple[Sentence, ...] = ()

    @property
    def id(self) -> str:
        """ "<article id>#<start>-<end>"."""
        return f"{self.article.id}#{self.start}-{self.end}"

    def index(self, start: int) -> int:
        """Index of the sentence that begins at this offset in the article's text; 0 when none does."""
        return next((n for n, sentence in enumerate(self.sentences) if sentence.start == start), 0)

    def slice(self, start: int, end: int) -> str:
        """`article.text[start:end]`, for offsets within the passage."""
        return self.text[start - self.start : end - self.start]


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of one sentence that best answer a query, as the extractive reader reads them.

    Attributes:
        start, end: offsets in the article's text; equal when there are none.
        logit: span logits minus those of "no answer"; unbounded, above 0 the reader itself prefers the span.
    """

    start: int
    end: int
    logit: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    Attributes:
        rank: 1-based position in the result; citations show it as their number.
        score: see `Retriever.search`, higher is better; comparable within one search only.
        scores: the components it comes from, e.g. {"dense": cosine in [-1, 1], "dense_rank": 3,
            "bm25": BM25 >= 0, "bm25_rank": 1}; a component that did not find the passage is absent.
        cosines: similarity of each of the passage's sentences to the query, in [-1, 1].
        readings: one for each of the passage's sentences once it was read for the query, else empty.
        also: near-duplicates of its article that this hit speaks for.
    """

    passage: Passage
    score: float
    rank: int
    scores: Mapping[str, float] = field(default_factory=dict)
    cosines: tuple[float, ...] = ()
    readings: tuple[Reading, ...] = ()
    also: tuple[ArticleMeta, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A view of the words of a hit.

    Attributes:
        start, end: offsets of the quote in the article's text, within the hit's passage.
    """

    hit: Hit
    start: int
    end: int

    @property
    def number(self) -> int:
        """The hit's rank, shown as "[1]"."""
        return self.hit.rank

    @property
    def passage(self) -> Passage:
        """The passage cited."""
        return self.hit.passage

    @property
    def article(self) -> ArticleMeta:
        """The article cited."""
        return self.hit.passage.article

    @property
    def page(self) -> int:
        """The page of a PDF on which the quote begins, from 1; 0 where there are no pages."""
        return bisect_right(self.article.pages, self.start)

    @property
    def quote(self) -> str:
        """The verbatim quote: a slice of the passage, never text that a model typed."""
        return self.hit.passage.slice(self.start, self.end)


VerdictLabel = Literal["supported", "not found", "contradicted"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer, without its citation marks.

    Attributes:
        text: the sentence.
        citations: the sentences that it rests on, those that support it best first.
        verdict: "verbatim" for a quote, else what the judge found.
        support: probability in [0, 1] that what is cited supports it; 1 for a quote.
        problems: what the check found, in words for people; empty means that the check passed.
        part: index of the part of the question that it answers, 0 when there is one.
    """

    text: str
    citations: tuple[Citation, ...]
    verdict: VerdictLabel | Literal["verbatim"] = "verbatim"
    support: float = 1.0
    problems: tuple[str, ...] = ()
    part: int = 0

    @property
    def checked(self) -> bool:
        """True when a judge found it supported by what it cites and nothing wrong with it."""
        return self.verdict == "supported" and not self.problems


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a disagreement: a value and the citations that give it.

    Attributes:
        probability: in [0, 1], of the best of its sentences, each taken alone.
        withdrawn: whether a correction withdrew it.
    """

    value: str
    citations: tuple[Citation, ...]
    probability: float = 1.0
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a hit as evidence for a query.

    Attributes:
        citation: the whole sentence.
        probability: in [0, 1], that it answers the query; calibrated, see models/probability.
        alone: the same if no other sentence were better; what is comparable is told by it, since several accounts of
            one thing take probability from each other.
        span: its words that answer, as the reader reads them; None when it reads none.
    """

    citation: Citation
    probability: float
    span: Citation | None = None
    alone: float = 0.0


#: A sentence or value at least this share as likely as the best one is comparable with it: it may be another version,
#: or the one of the time that is asked for. eval/README.md has the table that chose it.
COMPARABLE = 0.33


@dataclass(frozen=True, slots=True)
class Finding:
    """What the hits hold for one query; nothing of it depends on a threshold.

    Attributes:
        ranked: the sentences of the hits, likeliest answer first; one that stands in two passages counts once.
        values: the different values that articles give for what is asked, likeliest first; one where they agree.
        opposed: whether an article says that what the question supposes is not so; that is then the answer.
    """

    query: Query
    hits: tuple[Hit, ...]
    ranked: tuple[Candidate, ...]
    values: tuple[Version, ...] = ()
    opposed: bool = False

    @property
    def probability(self) -> float:
        """That of the best sentence."""
        return self.ranked[0].probability if self.ranked else 0.0

    def comparable(self, threshold: float) -> tuple[Candidate, ...]:
        """The best sentence and those that, taken alone, are comparable with it and at least `threshold` likely."""
        best = self.ranked[0].alone if self.ranked else 0.0
        return tuple(c for n, c in enumerate(self.ranked) if n == 0 or c.alone >= max(threshold, COMPARABLE * best))

    def versions(self, threshold: float) -> tuple[Version, ...]:
        """The values that differ, at least that likely and comparable with the best, the newest account first.

        Empty unless two articles give two of them, and when only the latest or the earliest is asked for.
        """
        best = max((value.probability for value in self.values), default=0.0)
        likely = [value for value in self.values if value.probability >= max(threshold, COMPARABLE * best)]
        likely.sort(key=lambda value: max(str(c.article.published or "") for c in value.citations), reverse=True)
        articles = {citation.article.id for value in likely for citation in value.citations}
        return tuple(likely) if len(likely) > 1 and len(articles) > 1 and not self.query.order else ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bot says to one question.

    Attributes:
        question: as asked.
        query: what was searched.
        kind: "model" (a language model wrote it), "extracts" (verbatim sentences), "count" (counted in the index) or
            "abstention".
        model: the name of what answered, e.g. "qwen2.5-coder-1.5b" or "extracts".
        claims: in order; empty for an abstention.
        hits: the evidence; citation n points to the hit of rank n.
        extracts: the best-supporting sentences, verbatim, shown beside a model's answer.
        short: the very words of the articles that answer a factoid; one for each version where articles differ.
        versions: two or more when articles disagree on the value asked for, else empty.
        unanswered: the parts of the question that nothing answers, where others are answered.
        notes: lines a person should read (fallbacks, truncation, what was understood), possibly empty.
        probability: in [0, 1], that the best sentence answers; the bot abstains below its threshold.
        timings: seconds, e.g. {"search": .., "evidence": .., "first_token": .., "total": ..}.
        usage: tokens, e.g. {"prompt": .., "completion": ..}.
    """

    question: str
    query: Query
    kind: Literal["model", "extracts", "count", "abstention"]
    model: str
    claims: tuple[Claim, ...]
    hits: tuple[Hit, ...]
    extracts: tuple[Claim, ...] = ()
    short: tuple[Citation, ...] = ()
    versions: tuple[Version, ...] = ()
    unanswered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    probability: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, int] = field(default_factory=dict)

    @property
    def abstained(self) -> bool:
        """True when the articles do not hold the answer, as far as the bot can tell."""
        return self.kind == "abstention"

    @property
    def standalone(self) -> str:
        """The question that was searched (differs for follow-ups)."""
        return self.query.text

    @property
    def text(self) -> str:
        """The answer as shown: each claim followed by its citation marks."""
        if self.abstained:
            return ABSTENTION
        return " ".join(render_claim(claim) for claim in self.claims)

    def to_dict(self) -> dict[str, Any]:
        """The whole answer as JSON-ready values, see `rag.jsonform`."""
        from rag.jsonform import answer_to_dict

        return answer_to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Answer:
        """The answer that `to_dict` wrote, also that of an earlier version.

        Raises:
            KeyError, TypeError, ValueError: the data is not of that form.
        """
        from rag.jsonform import answer_from_dict

        return answer_from_dict(data)


def render_claim(claim: Claim) -> str:
    """A claim with its marks before the closing punctuation: "Turkey mediated [1][2]."."""
    marks = "".join(f"[{n}]" for n in sorted({c.number for c in claim.citations}))
    body = claim.text.rstrip()
    end = body[-1] if body and body[-1] in ".!?" else ""
    stem = body[: -len(end)] if end else body
    return f"{stem} {marks}{end or '.'}" if marks else body


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

"""Answers and articles as HTML. Every piece of article, model or user text is escaped; nothing else is put in.

Knows nothing about Gradio, sessions or the index.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.answering.show import headline
from rag.types import Answer, Article, Citation, Claim, Hit, Passage


@dataclass(frozen=True, slots=True)
class Place:
    """What to show of an article: a passage, and the quotes to highlight.

    Attributes:
        article_id: which article.
        start, end: offsets of the passage.
        quotes: (start, end, text) of each quote; the text tells whether the article changed since.
    """

    article_id: str
    start: int = 0
    end: int = 0
    quotes: tuple[tuple[int, int, str], ...] = ()

    def to_json(self) -> str:
        """As one line of JSON, for a button's data."""
        return json.dumps([self.article_id, self.start, self.end, self.quotes], ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Place:
        """What `to_json` wrote.

        Raises:
            ValueError: the text is of another form.
        """
        try:
            article_id, start, end, quotes = json.loads(text)
            return cls(str(article_id), int(start), int(end), tuple((int(a), int(b), str(q)) for a, b, q in quotes))
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a place in an article: {error}") from error


def place_of(passage: Passage, citations: Iterable[Citation] = ()) -> Place:
    """The place of a passage with the quotes of its citations."""
    quotes = tuple(dict.fromkeys((c.start, c.end, c.quote) for c in citations if c.passage.id == passage.id))
    return Place(passage.article.id, passage.start, passage.end, quotes)


def render_partial(text: str) -> str:
    """What a model wrote so far."""
    return f'<div class="dl-answer dl-writing" role="status">{escape(text) or "Searching the articles…"}</div>'


def render_error(message: str, hint: str = "") -> str:
    """An error, with the next step."""
    return f'<div class="dl-answer dl-error" role="alert"><b>{escape(message)}</b> {escape(hint)}</div>'


def render_answer(answer: Answer) -> str:
    """The whole answer: words, checks, versions that differ, sources, and what was found but not cited."""
    kind = "dl-abstained" if answer.abstained else "dl-answered"
    parts = [f'<div class="dl-answer {kind}">']
    if answer.standalone != answer.question:
        parts.append(f'<div class="dl-note dl-searched">Searched: {escape(answer.standalone)}</div>')
    if answer.abstained:
        parts.append(f'<p class="dl-abstention">{escape(answer.text)}</p>')
        parts.append(f'<div class="dl-note">{escape(headline(answer))}</div>')
    if answer.short and not answer.versions:
        shorts = " <span>or</span> ".join(
            f"<b>{escape(' '.join(c.quote.split()))}</b>{_button(c.number, c.passage, [c])}" for c in answer.short
        )
        parts.append(f'<p class="dl-short">{shorts}</p>')
    if answer.versions:
        parts.append(_versions(answer))
    if answer.claims:
        parts.append(f'<div class="dl-claims">{"".join(_claim(claim) for claim in answer.claims)}</div>')
    if answer.kind == "model" and answer.extracts:
        parts.append('<div class="dl-heading">What the articles say, verbatim</div>')
        parts += [_claim(claim, mark=False) for claim in answer.extracts]
    parts.append(_sources(answer))
    if not answer.abstained:
        parts.append(f'<div class="dl-note">{escape(headline(answer))}</div>')
    parts += [f'<div class="dl-note">{escape(note)}</div>' for note in answer.notes]
    return "".join([*parts, "</div>"])


def render_article(article: Article, place: Place) -> str:
    """An article for the side panel, the passage tinted and each quote in a <mark>.

    A quote is looked for again when the article has changed since; one that is gone is said to be.
    """
    quotes, gone = [], []
    for start, end, text in place.quotes:
        if article.text[start:end] != text:
            start = article.text.find(text)
            end = start + len(text)
        if start < 0 or start == end:
            gone.append(text)
        else:
            quotes.append((start, end))
    passage = (place.start, min(place.end, len(article.text)))
    if any(article.text[start:end] != text for start, end, text in place.quotes):
        passage = (0, 0)  # its offsets are those of the older text
    missing = "".join(
        f'<p class="dl-problem">This article was changed after the answer. It no longer says: “{escape(text)}”</p>'
        for text in gone
    )
    facts = [escape(article.source or "unknown source"), str(article.published or "undated")]
    if article.author:
        facts.append(escape(article.author))
    if is_web(article.url):
        url = escape(article.url)
        facts.append(f'<a href="{url}" target="_blank" rel="noopener noreferrer">original</a>')
    return (
        f'<article class="dl-article" data-article="{escape(article.id)}">'
        f'<h2 tabindex="-1">{escape(article.title)}</h2>'
        f'<div class="dl-note">{" · ".join(facts)}</div>{missing}'
        f'<div class="dl-text">{_marked(article.text, passage, quotes)}</div></article>'
    )


def render_missing(article_id: str, place: Place) -> str:
    """Said in the side panel of an article that is no longer in the index."""
    quotes = "".join(_quote(text) for _, _, text in place.quotes)
    return (
        f'<article class="dl-article"><h2 tabindex="-1">{escape(article_id)}</h2>'
        f'<p class="dl-problem">This article was deleted from the index after the answer.</p>{quotes}</article>'
    )


def escape(text: object) -> str:
    """Text for HTML, in content and in attributes."""
    return html.escape("" if text is None else str(text), quote=True)


def is_web(url: str | None) -> bool:
    """Whether an address may be linked: http and https only."""
    return bool(url) and str(url).lower().startswith(("http://", "https://"))


def cited(answer: Answer) -> dict[int, list[Citation]]:
    """All citations of an answer by number, in order, each quote once."""
    found: dict[int, dict[tuple[int, int], Citation]] = {}
    groups: list[Sequence[Citation]] = [claim.citations for claim in (*answer.claims, *answer.extracts)]
    groups += [version.citations for version in answer.versions]
    for citation in (citation for group in groups for citation in group):
        found.setdefault(citation.number, {}).setdefault((citation.start, citation.end), citation)
    return {number: list(found[number].values()) for number in sorted(found)}


def _button(number: int, passage: Passage, citations: Sequence[Citation]) -> str:
    label = f"Open source {number}: {passage.article.title}"
    place = escape(place_of(passage, citations).to_json())
    return (
        f'<button type="button" class="dl-cite" data-place="{place}" aria-label="{escape(label)}" '
        f'title="{escape(_where(passage))}">[{number}]</button>'
    )


def _quote(text: str) -> str:
    return f'<blockquote class="dl-q">{escape(" ".join(text.split()))}</blockquote>'


def _where(passage: Passage) -> str:
    return passage.article.label


def _claim(claim: Claim, mark: bool = True) -> str:
    numbers: dict[int, list[Citation]] = {}
    for citation in claim.citations:
        numbers.setdefault(citation.number, []).append(citation)
    buttons = "".join(_button(n, cs[0].passage, cs) for n, cs in sorted(numbers.items()))
    state = ""
    if mark and claim.checked:
        state = (
            '<span class="dl-check dl-passed" title="Numbers, dates and names stand in what it cites">✓ checked</span>'
        )
    problems = "".join(
        f'<div class="dl-problem"><span aria-hidden="true">⚠</span> Not confirmed: {escape(p)}</div>'
        for p in (claim.problems if mark else ())
    )
    failed = " dl-failed" if problems else ""
    return f'<div class="dl-claim{failed}">{escape(claim.text)} {buttons} {state}{problems}</div>'


def _versions(answer: Answer) -> str:
    cards = []
    for version in answer.versions:
        numbers: dict[int, list[Citation]] = {}
        for citation in version.citations:
            numbers.setdefault(citation.number, []).append(citation)
        rows = "".join(
            f"<li>{escape(cs[0].article.outlet_and_day)} {_button(n, cs[0].passage, cs)}{_quote(cs[0].quote)}</li>"
            for n, cs in sorted(numbers.items())
        )
        cards.append(f'<div class="dl-version"><b>{escape(version.value)}</b><ul>{rows}</ul></div>')
    return f'<div class="dl-heading">The articles differ</div><div class="dl-versions">{"".join(cards)}</div>'


def _sources(answer: Answer) -> str:
    found = cited(answer)
    if answer.abstained:
        nearest = list(enumerate(answer.hits[:3], 1))
        if not nearest:
            return '<p class="dl-note">There is no article to search, or none passes the filters.</p>'
        rows = "".join(_hit(n, hit) for n, hit in nearest)
        return f'<details open class="dl-sources"><summary>Nearest passages</summary>{rows}</details>'
    rows = "".join(_source(n, citations) for n, citations in found.items())
    rest = [(n, hit) for n, hit in enumerate(answer.hits, 1) if n not in found]
    more = "".join(_hit(n, hit) for n, hit in rest)
    found_too = (
        f'<details class="dl-sources dl-dim"><summary>Found, but not cited ({len(rest)})</summary>{more}</details>'
        if rest
        else ""
    )
    return f'<details open class="dl-sources"><summary>Sources</summary>{rows}</details>{found_too}'


def _source(number: int, citations: Sequence[Citation]) -> str:
    passage = citations[0].passage
    quotes = "".join(_quote(c.quote) for c in citations)
    return (
        f'<div class="dl-source">{_button(number, passage, citations)} <b>{escape(passage.article.title)}</b> — '
        f"{escape(passage.article.outlet_and_day)}{_link(passage)}{quotes}</div>"
    )


def _hit(number: int, hit: Hit) -> str:
    passage = hit.passage
    return (
        f'<div class="dl-source">{_button(number, passage, ())} <b>{escape(passage.article.title)}</b> — '
        f"{escape(passage.article.outlet_and_day)}{_link(passage)}"
        f"{_quote(passage.text)}</div>"
    )


def _link(passage: Passage) -> str:
    if not is_web(passage.article.url):
        return ""
    return f' · <a href="{escape(passage.article.url)}" target="_blank" rel="noopener noreferrer">original</a>'


def _marked(text: str, passage: tuple[int, int], quotes: Sequence[tuple[int, int]]) -> str:
    """The text in pieces, cut at every border, each piece in the marks that it lies in."""
    borders = sorted({0, len(text), *passage, *(n for quote in quotes for n in quote)})
    pieces = []
    for start, end in pairwise(borders):
        piece = escape(text[start:end])
        if any(a <= start and end <= b for a, b in quotes):
            piece = f'<mark class="dl-quote">{piece}</mark>'
        elif passage[0] <= start and end <= passage[1]:
            piece = f'<span class="dl-passage">{piece}</span>'
        pieces.append(piece)
    return "".join(pieces)

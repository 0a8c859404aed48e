"""Answers and articles as HTML: what is shown where, for the templates beside this, which escape every text.

Knows nothing about Gradio, sessions or the index.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection as Container
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from rag.answering.understand import OUTLETS, SPELLING, TIMES
from rag.models.catalogue import ModelInfo
from rag.page.collections import Collection
from rag.page.conversations import Entry, Found
from rag.settings import EXTRACTS
from rag.types import OPEN_KINDS, Answer, Article, ArticleMeta, Citation, Claim, Passage, Progress, Version

#: From this probability on an answer is headed "In short"; below it, it is the nearest that there is.
SURE = 0.5
#: Sources in the left pane.
MOST_SOURCES = 8
#: What single keys do, for the sheet that "?" opens; static/page.js obeys them.
KEYS = (
    ("/", "Type a question"), ("n", "New conversation"), ("j", "Next answer"), ("k", "The answer before"),
    ("1 to 9", "Open that source of the answer in view"), ("Esc", "Close the article, a menu or this sheet"),
    ("c", "Copy the answer in view with its sources"), ("l", "Copy a link to it"), ("s", "Search conversations"),
    ("g then a", "Go to the articles; g then q to the questions, g then s to the settings"), ("t", "Change the theme"),
    ("p", "Print"), ("?", "This sheet"),
)  # fmt: skip
#: A sentence about the command line, which nobody on the page has before them.
_COMMAND = re.compile(r"\s*(?:\([^()]*\brag [a-z][^()]*\)|[^.!?]*(?:\brag [a-z]|\s--[a-z])[^\n]*)")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which articles are asked.

    Attributes:
        sources: their outlets; empty for all.
        since, until: days as YYYY-MM-DD, None for no bound.
        undated: whether articles without a day pass a filter by date.
        articles: ids of the only articles; None for all.
        only: what says so, for people: "articles" or "collections", the id of a collection, and what to call it.
    """

    sources: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    undated: bool = True
    articles: tuple[str, ...] | None = None
    only: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Passing:
    """How many articles pass the filters, of how many, and how many of all have no day."""

    count: int
    total: int
    undated: int


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


def render_partial(text: str, evidence: Answer | None = None) -> str:
    """What a model wrote so far, above the evidence that was found."""
    if evidence is not None:
        return _answer(evidence, written=text)
    return f'<div class="dl-answer dl-writing" role="status">{escape(text) or "Searching the articles…"}</div>'


def render_error(message: str, hint: str = "") -> str:
    """An error, with the next step."""
    said, step = escape(on_page(message)), escape(on_page(hint))
    return f'<div class="dl-answer dl-error" role="alert"><b>{said}</b> {step}</div>'


def render_answer(answer: Answer) -> str:
    """The whole answer: words, checks, versions that differ, sources, and what was found but not cited."""
    return _answer(answer)


def render_turn(conversation_id: str, turn: int, question: str, said: str, *, whole: bool = False) -> str:
    """A question with what is said to it.

    Args:
        conversation_id: "" while it is not kept.
        turn: 0-based position in the conversation.
        said: HTML, of this module.
        whole: whether the answer is all there, so that it can be copied and judged.
    """
    from markupsafe import Markup

    return _filled(
        "turn.html", conversation=conversation_id, turn=turn, question=question, said=Markup(said), tools=whole
    )


def render_welcome(examples: Sequence[str], *, articles: bool) -> str:
    """What stands where no question was asked yet: what to do, and questions that the articles answer."""
    return _filled("welcome.html", examples=examples, articles=articles)


def render_list(entries: Sequence[Entry], current: str) -> str:
    """The conversations; `current` is the id of the one that is open."""
    return _filled("conversations.html", entries=entries, current=current)


def render_shelf(
    sources: Mapping[str, int], collections: Sequence[Collection], chosen: Container[str], total: int
) -> str:
    """What can be asked, with the number of articles in each: all, each collection, the largest sources.

    Args:
        chosen: names of sources and ids of collections that are asked; empty for all.
    """
    named = sorted(((name, count) for name, count in sources.items() if name), key=lambda pair: (-pair[1], pair[0]))
    shown = [pair for n, pair in enumerate(named) if n < MOST_SOURCES or pair[0] in chosen]
    more = len(named) - len(shown)
    return _filled("shelf.html", sources=shown, collections=collections, chosen=chosen, total=total, more=more)


def render_found(words: str, found: Sequence[Found]) -> str:
    """The answers that hold the words."""
    return _filled("found.html", words=words, found=found)


def render_who(name: str | None) -> str:
    """Who is logged in, and how to leave; keyboard and theme."""
    return _filled("who.html", person=name)


def render_next(questions: Sequence[str]) -> str:
    """Questions that may be asked next."""
    return _filled("next.html", questions=questions)


def render_filters(filters: Filters, passing: Passing) -> str:
    """The filters in force, each with a button that removes it, and how many articles pass; "" without any."""
    chips = [("sources", source, source) for source in filters.sources]
    chips += filters.only
    chips += [(name, "", f"{name} {day}") for name, day in (("since", filters.since), ("until", filters.until)) if day]
    return _filled(
        "filters.html",
            chips=chips, passing=passing.count, total=passing.total, undated=passing.undated,
            dated=bool(filters.since or filters.until), with_undated=filters.undated,
    )  # fmt: skip


def render_fetching(
    name: str, progress: Progress | None, *, done: bool, error: str, seconds_left: float | None = None
) -> str:
    """How far a model is that is fetched behind the page; "" when none is, or it is here.

    Args:
        name: of the model, "" for none.
        progress: bytes, or what is done with them.
    """
    if error:
        return f'<div class="dl-problem">{escape(on_page(error))}</div>'
    if not name or done:
        return ""
    far = _far(progress, seconds_left)
    return f'<div class="dl-fetching" role="status">{escape(name)} is on its way: {escape(far)}</div>'


def render_models(
    models: Sequence[ModelInfo], *, chosen: str, usual: str, memory: int | None, fetching: str = "",
    progress: Progress | None = None, seconds_left: float | None = None, error: str = "",
) -> str:  # fmt: skip
    """The language models: what each needs, how well it did, and what can be done with it.

    Args:
        chosen: the name of the one that answers.
        usual: of the one that answers where nobody chose.
        memory: bytes that this machine has, None where that is not known.
        fetching: the name of the one that is being fetched, with how far it is and how long it still takes.
    """
    models = sorted(models, key=lambda m: (m.kind == "fetchable", -m.scores.get("right", 0)))
    percent = 100 * progress.done // progress.total if progress and progress.total else 0
    titles = {EXTRACTS: "Extracts only, no language model"}
    return _filled(
        "models.html",
        models=models, chosen=chosen, usual=usual, memory=memory, fetching=fetching, titles=titles, percent=percent,
        far=_far(progress, seconds_left), error=on_page(error),
    )  # fmt: skip


def render_bar() -> str:
    """What stands above all at a narrow screen: the button of the left pane, and the name."""
    return _filled("bar.html")


def render_help() -> str:
    """The sheet of keyboard shortcuts."""
    return _filled("help.html", keys=KEYS)


def render_stored(places: Sequence[tuple[str, str]]) -> str:
    """What is stored where."""
    return _filled("stored.html", places=places)


def _far(progress: Progress | None, seconds_left: float | None) -> str:
    """How far a fetch is, and how long it still takes where that can be told."""
    if not progress:
        return "looking for it"
    if not progress.total:
        return progress.stage
    far = f"{progress.done / 1e6:,.0f} of {progress.total / 1e6:,.0f} MB"
    if seconds_left is None:
        return far
    left = f"{seconds_left / 60:.0f} min" if seconds_left >= 90 else f"{max(seconds_left, 1):.0f} s"
    return f"{far}, {left} left"


def _answer(answer: Answer, written: str | None = None) -> str:
    writing = written is not None
    found, blocks = cited(answer), _blocks(answer, writing)
    shown = {_where(group[0]) for version in answer.versions for _, group in _by_number(version.citations)}
    for name in ("first", "then"):
        blocks[name] = _each_once(blocks.get(name, ()), shown)
        shown |= {_where(c) for claim in blocks[name] if claim.verdict == "verbatim" for c in claim.citations}
    return _filled(
        "answer.html",
        answer=answer,
        writing=writing,
        written=written,
        short=answer.short if answer.kind == "model" or sure(answer) else (),
        versions=_newest_first(answer.versions),
        cited=found,
        rest=[hit for hit in answer.hits if hit.rank not in found],
        understood=[(line, _switch(line)) for line in answer.query.understood],
        frame=next((q.frame for q in (answer.query, *answer.query.parts) if q.frame), None),
        notes=[on_page(note) for note in answer.notes if note not in answer.query.understood],
        unshown=lambda citations: [c for c in citations if not _within(_where(c), shown)],
        **blocks,
    )


def _switch(line: str) -> str:
    """What switches off what was understood, as in `Query.without`; "" for what cannot be."""
    named = {TIMES: "times", OUTLETS: "outlets", SPELLING: "spelling"}
    return next((name for start, name in named.items() if line.startswith(start)), "")


_Where = tuple[str, int, int]


def _where(citation: Citation) -> _Where:
    return citation.article.id, citation.start, citation.end


def _within(place: _Where, shown: Iterable[_Where]) -> bool:
    """Whether the words stand in what is shown already: each quote is shown once."""
    return any(place[0] == id_ and start <= place[1] and place[2] <= end for id_, start, end in shown)


def _each_once(claims: Sequence[Claim], shown: Iterable[_Where]) -> list[Claim]:
    """The claims without those verbatim ones that stand in what is shown, or in a longer or earlier one of them."""
    kept = []
    for n, claim in enumerate(claims):
        places = {_where(c) for c in claim.citations}
        others = [o for m, o in enumerate(claims) if m != n and o.verdict == "verbatim"]
        beside = {_where(c) for o in others for c in o.citations} - places
        beside |= {_where(c) for o in claims[:n] if o.verdict == "verbatim" for c in o.citations}
        if not _stands_in(claim, {*shown, *beside}):
            kept.append(claim)
    return kept


def _stands_in(claim: Claim, shown: Container[_Where]) -> bool:
    """Whether a verbatim claim is all there in what is shown already."""
    return claim.verdict == "verbatim" and all(_within(_where(c), shown) for c in claim.citations)


def _blocks(answer: Answer, writing: bool) -> dict[str, Any]:
    """Which claims come first and which below, with their headings; nothing refuted stands above what refutes it."""
    verbatim = "What the articles say, verbatim"
    if answer.kind != "model":
        near = answer.kind == "extracts" and answer.query.kind not in OPEN_KINDS and not sure(answer)
        heading = "Nearest words" if near else verbatim if writing else ""
        return {"first": answer.claims, "heading": heading}
    if answer.extracts and all(failed(claim) for claim in answer.claims):
        return {
            "first": answer.extracts, "heading": verbatim,
            "then": answer.claims, "then_heading": "What the model wrote: not borne out", "then_verdict": True,
        }  # fmt: skip
    return {"first": answer.claims, "then": answer.extracts, "then_heading": verbatim, "then_verdict": False}


def sure(answer: Answer) -> bool:
    """Whether its best sentence is more likely than not to answer; less is shown as the nearest words only."""
    return answer.probability >= SURE


def failed(claim: Claim) -> str:
    """What the check found wrong with a claim, in a word or two; "" for one that is verbatim or passed."""
    if claim.verdict == "contradicted":
        return "Contradicted by the articles"
    if claim.verdict == "not found":
        return "Not found in what it cites"
    return "Not confirmed" if claim.problems else ""


def speaker(answer: Answer) -> str:
    """One line that says who speaks."""
    if answer.kind == "extracts":
        return "Verbatim from the articles; no language model wrote this."
    if answer.kind == "count":
        return "Counted in the index."
    if answer.abstained:
        return "No answer: nothing in the articles supports one."
    return f"Written by {answer.model} from the passages cited; check it against the quotes."


def on_page(text: str) -> str:
    """A line without what it says about the command line."""
    return _COMMAND.sub("", text).strip()


def render_article(article: Article, place: Place, **about: Any) -> str:
    """An article for the side panel, the passage tinted and each quote in a <mark>.

    Args:
        about: what stands above its text, see `rag.page.render_sources.article_page`.

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
    pieces = list(_pieces(article.text, passage, quotes))
    return _filled("article.html", article=article, gone=gone, pieces=pieces, **about)


def render_missing(article_id: str, place: Place) -> str:
    """Said in the side panel of an article that is no longer in the index; of a damaged link when there is no id."""
    return _filled("missing.html", article_id=article_id, quotes=[text for _, _, text in place.quotes])


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


def _by_number(citations: Iterable[Citation]) -> list[tuple[int, list[Citation]]]:
    numbers: dict[int, list[Citation]] = {}
    for citation in citations:
        numbers.setdefault(citation.number, []).append(citation)
    return sorted(numbers.items())


def _day(citation: Citation) -> str:
    return str(citation.article.published or "")


def _newest(citations: Sequence[Citation]) -> list[tuple[int, list[Citation]]]:
    return sorted(_by_number(citations), key=lambda pair: _day(pair[1][0]), reverse=True)


def _newest_first(versions: Sequence[Version]) -> list[Version]:
    """The newest first, what was withdrawn last."""
    newest = sorted(versions, key=lambda v: max(map(_day, v.citations), default=""), reverse=True)
    return sorted(newest, key=lambda v: v.withdrawn)


def _outlets(also: Iterable[ArticleMeta]) -> str:
    return ", ".join(dict.fromkeys(meta.source or meta.title for meta in also))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _pieces(text: str, passage: tuple[int, int], quotes: Sequence[tuple[int, int]]) -> Iterable[tuple[str, str]]:
    """The text in pieces, cut at every border, each with what it lies in: "quote", "passage" or ""."""
    borders = sorted({0, len(text), *passage, *(n for quote in quotes for n in quote)})
    for start, end in pairwise(borders):
        if any(a <= start and end <= b for a, b in quotes):
            yield text[start:end], "quote"
        else:
            yield text[start:end], "passage" if passage[0] <= start and end <= passage[1] else ""


def _filled(name: str, **values: Any) -> str:
    found: str = _template(name).render(**values)
    return found.strip()


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(
        place_of=place_of, by_number=_by_number, newest=_newest, one_line=_one_line, is_web=is_web, failed=failed,
        outlets=_outlets, speaker=speaker,
    )  # fmt: skip
    return environment.get_template(name)

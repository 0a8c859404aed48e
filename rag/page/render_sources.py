"""The list of articles, the timeline above it and what stands beside it, as HTML. Knows nothing about Gradio."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rag.indexing.contract import EarlierVersion
from rag.indexing.listing import Listed, Listing, Wanted
from rag.indexing.watch import Watched
from rag.page.collections import Collection
from rag.page.desk import About
from rag.page.render import Place, _filled, render_article
from rag.types import Article

#: Bars of the timeline at most, and values of a facet that are shown before "more".
MOST_BARS, FIRST = 60, 8
#: Columns: what they are sorted by, their heads, whether the greatest comes first at the first click.
COLUMNS = (
    ("title", "Title", False), ("source", "Outlet", False), ("published", "Date", True),
    ("language", "Language", False), ("words", "Words", True),
)  # fmt: skip
KINDS = {"person": "People", "place": "Places", "organisation": "Organisations", "other": "Other names"}
STEPS = ("day", "week", "month", "year")
#: How a day was found, in words.
FOUND = {
    "metadata": "named by the page or feed itself", "url": "found in the address", "dateline": "found in the dateline",
    "text": "found in the text, so it may be another's", "file": "the file's own, so it may be that of a copy",
    "person": "set by hand",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of days in the timeline.

    Attributes:
        height: percent of the highest bar's, in [0, 100].
    """

    since: date
    until: date
    count: int
    height: int

    @property
    def label(self) -> str:
        """The days and how many articles, for people."""
        days = f"{self.since}" if self.since == self.until else f"{self.since} to {self.until}"
        return f"{days}: {self.count} {'article' if self.count == 1 else 'articles'}"


def timeline(days: Mapping[date, int], step: str = "") -> tuple[str, list[Bar]]:
    """The days in bars of a day, a week, a month or a year, and which of them; the finest with at most MOST_BARS.

    Args:
        days: how many articles each has.
        step: of STEPS, the one that is wanted; taken where it makes no more than four times MOST_BARS bars.
    """
    if not days:
        return step or "day", []
    first, last = min(days), max(days)
    for each in STEPS:
        spans = _spans(first, last, each)
        if (each == step and len(spans) <= 4 * MOST_BARS) or (step not in STEPS and len(spans) <= MOST_BARS):
            break
    counts = [sum(n for day, n in days.items() if since <= day <= until) for since, until in spans]
    most = max(counts)
    return each, [Bar(*span, n, round(100 * n / most)) for span, n in zip(spans, counts, strict=True)]


def _spans(first: date, last: date, step: str) -> list[tuple[date, date]]:
    spans: list[tuple[date, date]] = []
    since = _start(first, step)
    while since <= last and len(spans) <= 10_000:
        after = _next(since, step)
        spans.append((since, after - timedelta(days=1)))
        since = after
    return spans


def _start(day: date, step: str) -> date:
    if step == "week":
        return day - timedelta(days=day.weekday())
    return {"month": day.replace(day=1), "year": day.replace(month=1, day=1)}.get(step, day)


def _next(day: date, step: str) -> date:
    if step == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    if step == "year":
        return day.replace(year=day.year + 1)
    return day + timedelta(days=7 if step == "week" else 1)


def render_place() -> str:
    """Where the list will stand: the search above it, and the place that static/sources.js fills."""
    return _filled("sources_place.html")


def render_sources(
    listing: Listing, wanted: Wanted, *, page: int, per_page: int, collections: Sequence[Collection], chosen: str,
    watched: Sequence[Watched], seen: str = "", step: str = "",
) -> str:  # fmt: skip
    """The list of articles with all that narrows it.

    Args:
        page: which, from 0, of `per_page` articles each.
        chosen: id of the collection that is shown, "" for none.
        seen: until when the visitor has seen the list, ISO 8601; what was indexed later is marked as new.
        step: of STEPS, that of the timeline; "" for what fits.
    """
    step, bars = timeline(listing.days, step)
    facets = [
        ("sources", "Outlets", [(name, count, name in wanted.sources) for name, count in listing.sources.items()]),
        ("languages", "Languages",
         [(name, count, name in wanted.languages) for name, count in listing.languages.items()]),
        *(("names", heading, [(n, count, n in wanted.names) for n, count in listing.names.get(kind, {}).items()])
          for kind, heading in KINDS.items()),
    ]  # fmt: skip
    return _filled(
        "sources.html",
        listing=listing, wanted=wanted, page=page, pages=-(-listing.total // per_page), first=page * per_page + 1,
        collections=collections, chosen=next((each for each in collections if each.id == chosen), None),
        watched=watched, seen=seen, step=step, steps=STEPS, bars=bars, facets=facets, columns=COLUMNS, shown=FIRST,
        found=FOUND, place=_place, language=language_name, chips=_chips(wanted), hint=_hint(wanted, listing),
    )  # fmt: skip


def article_page(article: Article, place: Place, about: About) -> str:
    """An article for the side panel, with what the index keeps beside it above its text."""
    start = place.quotes[0][0] if place.quotes else place.start
    return render_article(
        article, place, about=about, found=FOUND, language=language_name, pages=len(article.pages),
        page=bisect_right(article.pages, start), at=lambda id_: Place(id_).to_json(),
    )  # fmt: skip


def render_earlier(version: EarlierVersion, article: Article) -> str:
    """An earlier version of an article with what was taken out and what came in since."""
    return _filled("earlier.html", version=version, title=difference(version.title, article.title),
                   pieces=difference(version.text, article.text))  # fmt: skip


def difference(old: str, new: str) -> list[tuple[str, str]]:
    """Two texts as one, in pieces that are "same", "gone" or "come", by words."""
    before, after = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    pieces: list[tuple[str, str]] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(("same", "".join(before[a:b])))
            continue
        pieces += [(kind, "".join(part)) for kind, part in (("gone", before[a:b]), ("come", after[c:d])) if part]
    return pieces


def language_name(code: str) -> str:
    """A language in English for its code, "unknown" for none."""
    from babel import Locale

    return str(Locale("en").languages.get(code, code)) if code else "unknown"


def _place(row: Listed) -> str:
    """Where an article opens: at the first of the words that were found."""
    if not row.excerpts:
        return Place(row.id).to_json()
    best = row.excerpts[0]
    return Place(row.id, best.start, best.end, best.found).to_json()


def _chips(wanted: Wanted) -> list[tuple[str, str, str]]:
    """What narrows the list: name, value, and what to call it."""
    chips = [("text", "", f"“{wanted.text}”")] if wanted.text.strip() else []
    chips += [("sources", each, each or "unknown outlet") for each in wanted.sources]
    chips += [("languages", each, language_name(each)) for each in wanted.languages]
    chips += [("names", each, each) for each in wanted.names]
    if wanted.since and wanted.since == wanted.until:
        chips.append(("days", "", str(wanted.since)))
    elif wanted.since or wanted.until:
        chips.append(("days", "", f"{wanted.since or '…'} to {wanted.until or '…'}"))
    if wanted.undated:
        chips.append(("undated", "", "undated"))
    return chips


def _hint(wanted: Wanted, listing: Listing) -> str:
    if listing.total:
        return ""
    if not listing.of:
        return "Nothing is indexed yet. Add articles above."
    words: Any = wanted.text.split()
    return "No article holds all of these words." if len(words) > 1 else "No article fits."

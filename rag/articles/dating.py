"""On which day a page came out: every day that it gives, where, and by a fitted model which of them is to be trusted.

Pages contradict themselves: their data holds the day of a template or of a move, a line at the headline that of a
change, and a page that shows no day at all may still carry one in its data. So each day is a candidate, known by where
it stands and by what else the page says, and a logistic regression (models/days, training/days.py) tells how likely it
is the one that a reader would give. Knows nothing about files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

from rag.articles.blocks import Block
from rag.articles.clean import Cleaned, words
from rag.articles.dates import day, days_in, url_day
from rag.articles.metadata import CHANGED, MODIFIED, PUBLISHED, SAID, About, json_nodes, metas_of, types_of, visible_day
from rag.errors import ModelBroken, ModelMissing
from rag.resources import resource

#: Where a day may stand: data of the article (JSON-LD), meta tags, marked elements, the address, the line shown at the
#: headline, a line that tells a change, the text.
PLACES: Final = (
    "data", "data_modified", "meta_article", "meta", "meta_modified", "item", "url", "shown", "changed", "dateline",
    "text",
)  # fmt: skip
#: What else is known of a day: how the page shows it, how it stands to the page's other days, what the page is.
TRAITS: Final = (
    "visible", "near", "in_article", "beside_nothing", "dated_class", "said_published", "said_changed", "short_line",
    "first_shown", "alone", "first", "last", "close_to_another", "new_year", "long_before_another",
    "long_after_another", "places", "many_days", "article", "og_article", "article_type", "other_type", "english",
    "little_text", "news_type", "news_hidden",
)  # fmt: skip
_NEWS = len(PLACES) + TRAITS.index("news_type")
_MODIFICATIONS = frozenset({"data_modified", "meta_modified", "changed"})
_DATED = re.compile(r"date|time|publi|posted|byline|meta|datum|fecha|stand", re.I)
_OTHERS = re.compile(r"Recipe|Product|FAQ|Event|Video")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A day that a page gives.

    Attributes:
        places: those of `PLACES` where it stands.
        features: one value in [0, 1] for each of `PLACES` and `TRAITS`, in their order.
    """

    day: date
    places: frozenset[str]
    features: tuple[float, ...]

    @property
    def dated_by(self) -> str:
        """As `Article.dated_by`."""
        if self.places & {"data", "meta_article", "meta", "item", "data_modified", "meta_modified"}:
            return "metadata"
        return next((place for place in ("url", "dateline") if place in self.places), "text")


@dataclass(frozen=True, slots=True)
class _Line:
    """A block that shows days."""

    at: int
    block: Block
    kept: bool
    days: tuple[date, ...]


def candidates(
    page: About, tree: Any, url: str | None, found: Sequence[Block], kept: Sequence[bool], cleaned: Cleaned
) -> list[Candidate]:
    """Every day that a page gives as its own.

    Args:
        url: its address, which may hold one.
        found, kept: its blocks, and which of them are the article.
        cleaned: its text, which may say one.
    """
    places = _places(page, tree, url, found, kept, cleaned)
    lines = [line for line in _lines(found, kept, page.language) if line.days]
    kinds = _page_traits(page, tree, cleaned)
    return [Candidate(when, frozenset(where), (*(float(name in where) for name in PLACES),
                      *_traits(when, places, lines, found, kept, page), *kinds[:-1],
                      kinds[-1] * (not any(when in line.days for line in lines))))
            for when, where in places.items()]  # fmt: skip


def choose(given: Sequence[Candidate]) -> tuple[date | None, str, list[str]]:
    """The likeliest day if it is to be trusted, where it was found, and what to tell about it."""
    if not given:
        return None, "", []
    weights, intercept, threshold = shipped_days()
    scores = [sum(w * x for w, x in zip(weights, each.features, strict=True)) + intercept for each in given]
    best = given[scores.index(max(scores))]
    if max(scores) < threshold and (named := _by_outlet(given)):
        return named.day, "url" if "url" in named.places else named.dated_by, []
    if max(scores) < threshold:
        where = {"metadata": "the page's data", "url": "its address"}.get(best.dated_by, "its text")
        return None, "", [f"Undated: {best.day:%-d %B %Y} stands in {where}, but is not sure to be its day."]
    changed = best.places <= _MODIFICATIONS
    return best.day, best.dated_by, ["The day is that of the last change; no other is told."] if changed else []


def _by_outlet(given: Sequence[Candidate]) -> Candidate | None:
    """The day in the address, which keeps that of the first publication, or in the data of a news article.

    The pages that the model learned from are recipes, shops and diaries more than news: hardly any gives a day this
    way without showing it.
    """
    news = [each for each in given if each.features[_NEWS] and "data" in each.places]
    return next((each for each in given if "url" in each.places), news[0] if news else None)


@cache
def shipped_days() -> tuple[tuple[float, ...], float, float]:
    """What comes with the package: weights, intercept and threshold, all in log-odds.

    Raises:
        ModelMissing, ModelBroken: models/days/manifest.json is missing or damaged.
    """
    path = resource("models", "days", "manifest.json")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        weights = tuple(float(data["weights"][name]) for name in (*PLACES, *TRAITS))
        return weights, float(data["intercept"]), float(data["threshold"])
    except OSError as error:
        raise ModelMissing(f"{path} cannot be read: {error}.", "Restore models/ from the repository.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelBroken(f"{path} is damaged: {error!r}.", "Restore models/ from the repository.") from error


def _places(
    page: About, tree: Any, url: str | None, found: Sequence[Block], kept: Sequence[bool], cleaned: Cleaned
) -> dict[date, set[str]]:
    places: dict[date, set[str]] = {}

    def put(value: object, place: str) -> None:
        when = day(value, language=page.language)[0] if value else None
        if when:
            places.setdefault(when, set()).add(place)

    for node in page.nodes:
        for name in ("datePublished", "dateCreated", "uploadDate"):
            put(node.get(name), "data")
        put(node.get("dateModified"), "data_modified")
    metas = metas_of(tree)
    for name in PUBLISHED:
        surest = name in {"article:published_time", "datepublished", "og:article:published_time"}
        put(metas.get(name), "meta_article" if surest else "meta")
    for name in MODIFIED:
        put(metas.get(name), "meta_modified")
    for element in tree.xpath("//*[@itemprop='datePublished' or @pubdate]")[:3]:
        put(element.get("content") or element.get("datetime") or element.text_content(), "item")
    put(url_day(url or ""), "url")
    shown, is_change = visible_day(found, kept, page.headlines, page.language)
    put(shown, "changed" if is_change else "shown")
    put(cleaned.published, "dateline" if cleaned.dated_by == "dateline" else "text")
    return places


def _lines(found: Sequence[Block], kept: Sequence[bool], language: str) -> Iterable[_Line]:
    for at, (block, is_kept) in enumerate(zip(found, kept, strict=True)):
        if is_kept or len(block.text) < 400:
            told = [when for value in block.times if (when := day(value)[0])]
            yield _Line(at, block, is_kept, (*days_in(block.text, language), *told))


def _traits(
    when: date, places: dict[date, set[str]], lines: Sequence[_Line], found: Sequence[Block], kept: Sequence[bool],
    page: About,
) -> tuple[float, ...]:  # fmt: skip
    """The values of the traits up to "many_days"."""
    prose = next((n for n, k in enumerate(kept) if k and len(words(found[n].text)) >= 12), 0)
    head = next((n for n, block in enumerate(found) if block.tag == "h1"), prose)
    showing = [line for line in lines if when in line.days]
    near = [line for line in showing if -10 <= line.at - prose <= 6 or -6 <= line.at - head <= 8]
    own = [line for line in showing if not line.block.inside & {"aside", "nav", "footer"} and line.block.linked < 0.8]
    gaps = [(when - other).days for other in places if other != when]
    traits: tuple[object, ...] = (
        showing,
        near,
        any(line.kept for line in showing),
        own,
        any(_DATED.search(line.block.names) for line in near),
        any(SAID.search(line.block.text[:120]) for line in showing),
        any(CHANGED.search(line.block.text[:120]) for line in showing),
        any(len(words(line.block.text)) <= 8 for line in near),
        showing and showing[0].at == lines[0].at,
        not gaps,
        all(gap < 0 for gap in gaps),
        all(gap > 0 for gap in gaps),
        any(0 < abs(gap) <= 7 for gap in gaps),
        when.month == when.day == 1,
        any(gap < -60 for gap in gaps),
        any(gap > 60 for gap in gaps),
    )
    several = min(len(places[when]), 4) / 4
    return (*map(float, map(bool, traits)), several, float(len({d for line in lines for d in line.days}) > 5))


def _page_traits(page: About, tree: Any, cleaned: Cleaned) -> tuple[float, ...]:
    """The values of the traits from "article" on; the last one holds for a day that is not visible only."""
    kinds = {kind for node in json_nodes(tree) for kind in types_of(node)}
    news = any(kind.endswith(("NewsArticle", "LiveBlogPosting")) for kind in kinds)
    traits = (
        page.is_article,
        metas_of(tree).get("og:type", "").lower() == "article",
        any(re.search("Article|Posting", kind) for kind in kinds),
        any(map(_OTHERS.search, kinds)),
        page.language.startswith("en"),
        len(words(cleaned.text)) < 150,
        news,
        news,
    )
    return tuple(map(float, traits))

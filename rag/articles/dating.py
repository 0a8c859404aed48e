"""On which day a page came out: every day that it gives, where, and by fitted models which of them is to be trusted.

Pages contradict themselves: their data holds the day of a template or of a move, a line at the headline that of a
change or of an event, and a page that shows no day at all may still carry one in its data. So each day is a candidate,
known by where it stands and by what else the page says. A linear model chooses among a page's candidates; a small
forest of decision trees and a logistic regression tell together whether a reader would give that day (models/days,
training/days.py). Knows nothing about files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import exp, log1p
from typing import Any, Final

from rag.articles.blocks import Block
from rag.articles.clean import Cleaned, key, words
from rag.articles.dates import UNDATED, day, days_in, lone_date, url_day
from rag.articles.metadata import (
    ARTICLE_TYPES,
    CHANGED,
    MODIFIED,
    PUBLISHED,
    SAID,
    About,
    json_nodes,
    metas_of,
    types_of,
    visible_day,
)
from rag.resources import from_manifest

#: Where a day may stand: data of the article (JSON-LD) or of the page, meta tags, marked elements, the address, the
#: title, the line shown at the headline, a line that tells a change, the text, any short line.
PLACES: Final = (
    "data", "data_page", "data_modified", "meta_article", "meta", "meta_modified", "item", "url", "title", "shown",
    "changed", "dateline", "text", "line",
)  # fmt: skip
_PUBLISHED_IN_DATA: Final = frozenset({"data", "data_page", "meta_article", "meta", "item"})
_MODIFICATIONS: Final = frozenset({"data_modified", "meta_modified", "changed", "line"})
_DATED = re.compile(r"date|time|publi|posted|byline|meta|datum|fecha|stand", re.I)
_ASIDE = re.compile(r"sidebar|widget|related|teaser|recent|latest|popular|recommend|footer|nav|ticker", re.I)
_COMMENT = re.compile(r"comment|kommentar|repl|respon|review|forum", re.I)
_EVENT = re.compile(r"event|termin|calend|kalend", re.I)
_CLOCK = re.compile(r"\b\d{1,2}[:.h]\d{2}\b")
_OTHERS = re.compile(r"Recipe|Product|FAQ|Event|Video")
#: JSON-LD of what a page is not about.
_PARTS = re.compile(r"Comment|Review|Rating|Offer|Person|Image")
#: XPath of elements that are marked as the day, and of those whose title attribute may be one.
_ITEMS = "//*[@itemprop='datePublished' or @itemprop='uploadDate' or @pubdate or contains(@property, 'datePublished')]"
_TITLED = "//*[@title and (contains(@class, 'published') or contains(@class, 'updated') or contains(@class, 'date'))]"
#: Words of a line that may be about the article rather than of it.
_SHORT = 25
#: Blocks beside the article up to which a page has no menu, no lists, no footer: any number from 5 to 15 does the same
#: on the annotated pages.
_FRAME = 10

Tree = float | list[Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A day that a page gives.

    Attributes:
        places: those of `PLACES` where it stands.
        traits: values in [0, 1] by name: its places, how the page shows it, how it stands to the page's other days,
            what the page is.
    """

    day: date
    places: frozenset[str]
    traits: Mapping[str, float]

    @property
    def dated_by(self) -> str:
        """As `Article.dated_by`."""
        if self.places & (_PUBLISHED_IN_DATA | {"data_modified", "meta_modified"}):
            return "metadata"
        return next((place for place in ("url", "dateline") if place in self.places), "text")


@dataclass(frozen=True, slots=True)
class Model:
    """What comes with the package.

    Attributes:
        weights: of each trait, in log-odds, for the choice among the days of a page.
        trees: each a share in [0, 1], or [trait, threshold, tree up to it, tree above it]; they also know "share", the
            probability of the choice. Their mean is one probability that the chosen day is right.
        logistic: of each trait and "share", in log-odds, and of "", which is always 1: gives the other probability.
        threshold: mean of the two from which a day is given.
    """

    weights: Mapping[str, float]
    trees: Sequence[Tree]
    logistic: Mapping[str, float]
    threshold: float


@dataclass(frozen=True, slots=True)
class _Line:
    """A block that shows days."""

    at: int
    block: Block
    kept: bool
    days: tuple[date, ...]

    @property
    def own(self) -> bool:
        """Whether it may be of the article and not of another."""
        return not self.block.inside & {"aside", "nav", "footer"} and self.block.linked < 0.8


def candidates(
    page: About, tree: Any, url: str | None, found: Sequence[Block], kept: Sequence[bool], cleaned: Cleaned
) -> list[Candidate]:
    """Every day that a page gives as its own.

    Args:
        url: its address, which may hold one.
        found, kept: its blocks, and which of them are the article.
        cleaned: its text, which may say one.
    """
    told = _places_in_data(page, tree, url)
    lines = list(_lines(found, kept, page.language, told))
    places = _with_lines(told, page, found, kept, cleaned, lines)
    whole = _page_traits(page, tree, cleaned, lines, places)
    whole["bare"] = float(len(found) - sum(kept) <= _FRAME)
    span = _span(page, found, kept)
    return [
        Candidate(
            when,
            frozenset(where),
            {
                **{name: float(name in where) for name in PLACES},
                **_shown_traits(when, lines, span),
                **_line_traits(when, lines, span[0]),
                **_relative_traits(when, where, places, any(when in line.days and line.own for line in lines)),
                **_gap_traits(when, where, places, lines),
                **whole,
            },
        )
        for when, where in places.items()
    ]


def choose(given: Sequence[Candidate]) -> tuple[date | None, str, list[str]]:
    """The likeliest day if it is to be trusted, where it was found, and what to tell about it."""
    if not given:
        return None, "", []
    model = shipped_days()
    best, probability = likeliest(given, model)
    taken = trusted(given, best, probability, model.threshold)
    if taken is None:
        where = {"metadata": "the page's data", "url": "its address"}.get(best.dated_by, "its text")
        return None, "", [f"{UNDATED} {best.day:%-d %B %Y} stands in {where}, but is not sure to be its day."]
    changed = taken.places <= _MODIFICATIONS and taken.places != {"line"}
    return taken.day, taken.dated_by, ["The day is that of the last change; no other is told."] if changed else []


def trusted(given: Sequence[Candidate], best: Candidate, probability: float, threshold: float) -> Candidate | None:
    """The likeliest day of a page where it is to be given, else one that the page's address holds, or None.

    Where it is not likely enough, still in forms that outlets use: a dateline, the data of a news article, and address
    or data of a page that was saved without what stands around its article. The pages that the models learned from are
    recipes, shops and diaries more than news, and whole: there a day that is not shown is often none.
    """
    if probability >= threshold:
        return best
    if best.traits["bare"]:
        if addressed := next((each for each in given if "url" in each.places), None):
            return addressed
        told = bool(best.places & {"data", "meta_article"})
    else:
        told = "data" in best.places and best.traits["news_type"] == 1
    return best if told or "dateline" in best.places else None


def likeliest(given: Sequence[Candidate], model: Model) -> tuple[Candidate, float]:
    """The candidate that the model chooses (of one or more), and the probability that it is right, in [0, 1]."""
    best, share = chosen(given, model.weights)
    traits = {**best.traits, "share": share, "": 1.0}
    forest = sum(_fall(tree, traits) for tree in model.trees) / len(model.trees)
    linear = 1 / (1 + exp(-sum(model.logistic[name] * value for name, value in traits.items())))
    return best, (forest + linear) / 2


def chosen(given: Sequence[Candidate], weights: Mapping[str, float]) -> tuple[Candidate, float]:
    """The candidate of the highest score, and its probability among them (softmax)."""
    scores = [sum(weights[name] * value for name, value in each.traits.items()) for each in given]
    top = max(scores)
    return given[scores.index(top)], 1 / sum(exp(score - top) for score in scores)


def _fall(tree: Tree, traits: Mapping[str, float]) -> float:
    while isinstance(tree, list):
        name, threshold, low, high = tree
        tree = low if traits[name] <= threshold else high
    return tree


@cache
def shipped_days() -> Model:
    """What comes with the package.

    Raises:
        ModelMissing, ModelBroken: models/days/manifest.json is missing or damaged.
    """
    return from_manifest("days", _of_manifest)


def _of_manifest(data: Any) -> Model:
    weights = {str(name): float(weight) for name, weight in data["weights"].items()}
    logistic = {str(name): float(weight) for name, weight in data["logistic"].items()}
    if not weights.keys() >= set(PLACES) or logistic.keys() != {*weights, "share", ""} or not data["trees"]:
        raise ValueError("no trees, or not the weight of each place")
    return Model(weights, data["trees"], logistic, float(data["threshold"]))


def _places_in_data(page: About, tree: Any, url: str | None) -> dict[date, set[str]]:
    """The days that stand in a page's data, its address and its title."""
    places: dict[date, set[str]] = {}

    def put(value: object, place: str) -> None:
        if value and (when := day(value, language=page.language)[0]):
            places.setdefault(when, set()).add(place)

    for node in json_nodes(tree):
        kinds = types_of(node)
        own = any(ARTICLE_TYPES.search(kind) for kind in kinds)
        if own or not any(map(_PARTS.search, kinds)):
            for name in ("datePublished", "dateCreated", "uploadDate"):
                put(node.get(name), "data" if own else "data_page")
            put(node.get("dateModified"), "data_modified")
    metas = metas_of(tree)
    for name in PUBLISHED:
        surest = name in {"article:published_time", "datepublished", "og:article:published_time"}
        put(metas.get(name), "meta_article" if surest else "meta")
    for name in MODIFIED:
        put(metas.get(name), "meta_modified")
    for element in [*tree.xpath(_ITEMS)[:3], *tree.xpath(_TITLED)[:3]]:
        given = (element.get(name) for name in ("content", "datetime", "title"))
        put(next(filter(None, given), element.text_content()), "item")
    put(url_day(url or ""), "url")
    for told in (tree.findtext(".//title"), *map(metas.get, ("og:title", "description", "og:description"))):
        for when in days_in(told or "", page.language, places)[:1]:
            put(when, "title")
    return places


def _with_lines(
    told: Mapping[date, set[str]], page: About, found: Sequence[Block], kept: Sequence[bool], cleaned: Cleaned,
    lines: Sequence[_Line],
) -> dict[date, set[str]]:  # fmt: skip
    """Also the days that the page shows, or its text says."""
    places = {when: set(where) for when, where in told.items()}
    shown, is_change = visible_day(found, kept, page.headlines, page.language, told)
    seen = [(shown, "changed" if is_change else "shown")]
    seen.append((cleaned.published, "dateline" if cleaned.dated_by == "dateline" else "text"))
    for line in lines:
        text = line.block.text
        if len(words(text)) <= _SHORT or SAID.search(text) or CHANGED.search(text):
            seen += [(when, "line") for when in line.days[:3]]
    for when, place in seen:
        if when:
            places.setdefault(when, set()).add(place)
    return places


def _lines(found: Sequence[Block], kept: Sequence[bool], language: str, others: Iterable[date]) -> Iterable[_Line]:
    for at, (block, is_kept) in enumerate(zip(found, kept, strict=True)):
        if is_kept or len(block.text) < 400:
            told = [when for value in block.times if (when := day(value)[0])]
            if days := dict.fromkeys((*days_in(block.text, language, others), *told)):
                yield _Line(at, block, is_kept, tuple(days))


def _span(page: About, found: Sequence[Block], kept: Sequence[bool]) -> tuple[int, int]:
    """The blocks of the headline and of the last prose."""
    prose = [n for n, k in enumerate(kept) if k and len(words(found[n].text)) >= 12]
    first, last = (prose[0], prose[-1]) if prose else (0, len(found))
    known = {key(headline) for headline in page.headlines}
    heads = [n for n, block in enumerate(found[:last]) if block.tag == "h1"]
    same = [n for n in heads if key(found[n].text) in known]
    return next(iter(same or heads), first), last


def _shown_traits(when: date, lines: Sequence[_Line], span: tuple[int, int]) -> dict[str, float]:
    """How the page shows a day."""
    head, end = span
    showing = [line for line in lines if when in line.days]
    own = [line for line in showing if line.own]
    texts = [line.block.text for line in own]
    after = next((line for line in lines if line.at >= head - 1), None)
    traits = {
        "visible": showing,
        "own": own,
        "near_2": any(0 <= line.at - head <= 2 for line in own),
        "near_6": any(0 <= line.at - head <= 6 for line in own),
        "near_15": any(0 <= line.at - head <= 15 for line in own),
        "above_2": any(0 < head - line.at <= 2 for line in own),
        "above_8": any(0 < head - line.at <= 8 for line in own),
        "below_prose": any(0 < line.at - end <= 4 for line in own),
        "top": any(line.at < head - 8 or "header" in line.block.inside for line in showing),
        "in_article": any(line.kept for line in showing),
        "in_aside": showing and all(_ASIDE.search(line.block.names) for line in showing),
        "in_footer": showing and all("footer" in line.block.inside for line in showing),
        "in_comment": showing and all(_COMMENT.search(line.block.names) for line in showing),
        "linked": showing and all(line.block.linked > 0.5 for line in showing),
        "event": any(_EVENT.search(line.block.names) for line in showing),
        "dated_class": any(_DATED.search(line.block.names) for line in own),
        "dated_box": any(line.block.path and _DATED.search(line.block.path[-1]) for line in own),
        "time_element": any(line.block.times for line in own),
        "said_published": any(SAID.search(text[:150]) for text in texts),
        "said_changed": any(CHANGED.search(text[:150]) for text in texts),
        "clock": any(_CLOCK.search(text) and len(words(text)) <= _SHORT for text in texts),
        "short_line": any(len(words(text)) <= 8 for text in texts),
        "lone": any(map(lone_date, texts)),
        "repeated": len(showing) > 2,
        "first_shown": showing and showing[0] is lines[0],
        "first_after_headline": after is not None and when in after.days,
    }
    return {name: float(bool(value)) for name, value in traits.items()}


def _line_traits(when: date, lines: Sequence[_Line], head: int) -> dict[str, float]:
    """The line of the page's own that shows a day nearest to the headline: how near, how long, how many days it has."""
    own = [line for line in lines if when in line.days and line.own]
    near = min(own, key=lambda line: abs(line.at - head), default=None)
    return {
        "distance": _share(near.at - head + 10, 30) if near else 1.0,
        "line_words": _share(len(words(near.block.text)), 40) if near else 1.0,
        "line_days": _share(len(near.days), 4) if near else 0.0,
        "lines": _share(sum(when in line.days for line in lines), 6),
    }


def _share(number: float, most: float) -> float:
    return min(max(number, 0.0), most) / most


def _gap_traits(
    when: date, where: set[str], places: Mapping[date, set[str]], lines: Sequence[_Line]
) -> dict[str, float]:
    """How far a day is from the page's others, on a scale of logarithms: 1 is some twenty years."""

    def gap(to: Iterable[date]) -> float:
        return min((min(log1p(abs((when - day).days)) / 9, 1.0) for day in to), default=0.0)

    published = [day for day, some in places.items() if some & _PUBLISHED_IN_DATA]
    modified = [day for day, some in places.items() if some & {"data_modified", "meta_modified", "changed"}]
    return {
        "places": len(where) / len(PLACES),
        "to_newest": gap([max(places)]),
        "to_oldest": gap([min(places)]),
        "to_published": gap(published and [min(published)]),
        "to_modified": gap(modified and [max(modified)]),
        "others_shown": float(any(line.own and set(line.days) - {when} for line in lines)),
    }


def _relative_traits(when: date, where: set[str], places: Mapping[date, set[str]], own: bool) -> dict[str, float]:
    """How a day stands to the page's other days; `own`: whether the page shows it as its own."""
    gaps = [(when - other).days for other in places if other != when]
    published = [other for other, some in places.items() if some & _PUBLISHED_IN_DATA]
    modified = [other for other, some in places.items() if some & {"data_modified", "meta_modified"}]
    independent = (
        where & {"data", "data_page"}, where & {"meta_article", "meta"}, "item" in where, "url" in where, own
    )  # fmt: skip
    traits = {
        "alone": not gaps,
        "first": all(gap < 0 for gap in gaps),
        "last": all(gap > 0 for gap in gaps),
        "a_day_apart": any(abs(gap) == 1 for gap in gaps),
        "a_week_apart": any(1 < abs(gap) <= 7 for gap in gaps),
        "long_before_another": any(gap < -60 for gap in gaps),
        "long_after_another": any(gap > 60 for gap in gaps),
        "new_year": when.month == when.day == 1,
        "in_two_places": sum(map(bool, independent)) == 2,
        "in_more_places": sum(map(bool, independent)) > 2,
        "after_modified": modified and when > max(modified),
        "before_published": published and (min(published) - when).days > 1,
        "beside_published": any(abs((when - other).days) == 1 for other in published),
        "only_shown": own and not published,
        "only_line": where == {"line"},
        "only_modified": where <= _MODIFICATIONS and where != {"line"},
        "hidden": not own and where & _PUBLISHED_IN_DATA,
        "shown_and_published": own and where & _PUBLISHED_IN_DATA,
    }
    return {name: float(bool(value)) for name, value in traits.items()}


def _page_traits(
    page: About, tree: Any, cleaned: Cleaned, lines: Sequence[_Line], places: Mapping[date, set[str]]
) -> dict[str, float]:
    """What the page is, the same for each of its days."""
    kinds = {kind for node in json_nodes(tree) for kind in types_of(node)}
    traits = {
        "many_days": len({when for line in lines for when in line.days}) > 5,
        "has_meta_article": any("meta_article" in where for where in places.values()),
        "has_data": any("data" in where for where in places.values()),
        "article": page.is_article,
        "og_article": metas_of(tree).get("og:type", "").lower() == "article",
        "article_type": any(re.search("Article|Posting", kind) for kind in kinds),
        "other_type": any(map(_OTHERS.search, kinds)),
        "english": page.language.lower().startswith("en"),
        "little_text": len(words(cleaned.text)) < 150,
        "author": page.author,
        "news_type": any(kind.endswith(("NewsArticle", "LiveBlogPosting")) for kind in kinds),
    }
    return {"candidates": min(len(places), 10) / 10} | {name: float(bool(value)) for name, value in traits.items()}

"""What a page says about itself: title, author, outlet, address, day, in JSON-LD, meta tags, its address, its head.

Nothing is taken from a footer, a list of other articles or a copyright line: a page that gives no day has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urljoin

from rag.articles.blocks import Block
from rag.articles.clean import SENTENCE_END, key, words
from rag.articles.dates import day, days_in, lone_date, url_day
from rag.articles.outlets import outlet_of, same_outlet, title_of

#: Types of JSON-LD that are an article.
ARTICLE_TYPES = re.compile(r"(?:Article|Posting|Report|Review|Recipe|SocialMediaPosting)$")
_MOST_NODES = 20_000
_DUBLIN = re.compile(r"^(dc|dcterms):")
#: The names under which outlets give the day of publication, the surest first.
PUBLISHED = (
    "article:published_time og:article:published_time datepublished article:published og:published_time"
    " og:pubdate parsely-pub-date sailthru.date pubdate publish-date publish_date publication_date publishdate"
    " published_time article.published article_date_original citation_publication_date citation_online_date"
    " dc.date.issued dcterms.issued dc.date.created dcterms.created dc.date dcterms.date dc.terms.date"
    " originalpublicationdate displaydate article:post_date cxenseparse:recs:publishtime cxenseparse:publishtime"
    " shareaholic:article_published_time rnews:datepublished prism.publicationdate bt:pubdate article:created date"
    " datecreated timestamp created last.published release_date"
).split()
#: Names of the day of the last change.
MODIFIED = (
    "article:modified_time", "og:updated_time", "datemodified", "article:modified", "dcterms.modified",
    "dc.date.modified", "lastmod", "last-modified", "revised", "modified", "updated_time",
    "dateupdate",
)  # fmt: skip
_TITLES = ("og:title", "twitter:title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title", "headline")
_SITES = ("og:site_name", "application-name", "al:android:app_name", "dc.publisher", "publisher", "copyright")
_AUTHORS = ("author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "byl", "dcterms.creator")
#: Words beside the day of a change, and of publication.
CHANGED = re.compile(
    r"updat|modif|zuletzt|aktualisier|geändert|mis à jour|mise à jour|actualizado|aggiornat|обновлен|güncelle|stand\b",
    re.I,
)

SAID = re.compile(
    r"publish|posted|veröffentlicht|erschienen|datum\b|publié|publicado|pubblicat|gepubliceerd|опубликован|yayın|发布",
    re.I,
)


@dataclass(slots=True)
class About:
    """What a page says about itself; "" and None where it says nothing.

    Attributes:
        headlines: every form of its headline.
        nodes: its JSON-LD objects about an article.
        free: False where it says that only subscribers see all.
    """

    title: str = ""
    headlines: list[str] = field(default_factory=list)
    author: str = ""
    site: str = ""
    canonical: str = ""
    language: str = ""
    published: date | None = None
    dated_by: str = ""
    free: bool = True
    is_article: bool = False
    nodes: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def about(tree: Any, url: str | None) -> About:
    """Read a page's own data; the day still lacks what only its blocks say, see `visible_day`."""
    metas = metas_of(tree)
    everything = list(json_nodes(tree))
    nodes = [node for node in everything if any(ARTICLE_TYPES.search(kind) for kind in types_of(node))]
    found = About(nodes=nodes, language=_language(tree, metas))
    link = next((e.get("href") for e in tree.iter("link") if (e.get("rel") or "").lower() == "canonical"), None)
    found.canonical = _absolute(link or metas.get("og:url", ""), url)
    _name(found, tree, metas, everything, url or found.canonical)
    found.is_article = bool(nodes) or metas.get("og:type", "").lower() == "article"
    found.free = not any(str(n.get("isAccessibleForFree", "")).lower() == "false" for n in everything)
    _date(found, tree, metas, url or found.canonical)
    return found


def _absolute(link: str, url: str | None) -> str:
    try:
        link = urljoin(url or "", link.strip())
    except ValueError:
        return ""
    # An address without a path is the outlet's, whatever it was meant to be.
    named = re.match(r"https?://[^/]+/\S", link)
    return link if named else ""


def metas_of(tree: Any) -> dict[str, str]:
    """The meta tags of a page: the first content under each name, in lower case."""
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        content = (element.get("content") or "").strip()
        for name in (element.get("property"), element.get("name"), element.get("itemprop"), element.get("http-equiv")):
            if name and content:
                # "dc:date" and "dcterms:created" are also written with a dot.
                found.setdefault(_DUBLIN.sub(r"\1.", name.strip().lower()), content)
    return found


def json_nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of a page's JSON-LD, those within others too; what is no JSON is passed over."""
    left = _MOST_NODES
    for element in tree.iter("script"):
        if "ld+json" not in (element.get("type") or "").lower() or not element.text:
            continue
        text = re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*;?\s*$", "", element.text)
        try:
            stack: list[Any] = [json.loads(text, strict=False)]
        except (ValueError, RecursionError):
            continue
        while stack and left:
            left -= 1
            node = stack.pop()
            if isinstance(node, list):
                stack.extend(reversed(node))
            elif isinstance(node, dict):
                yield node
                stack.extend(v for v in reversed(list(node.values())) if isinstance(v, (dict, list)))


def types_of(node: Mapping[str, Any]) -> list[str]:
    """The types of a JSON-LD object."""
    kind = node.get("@type")
    return [str(k) for k in kind] if isinstance(kind, list) else [str(kind or "")]


def names_of(value: object) -> list[str]:
    """The names in a JSON-LD value: text, an object with a name, or a list of either."""
    if isinstance(value, str):
        return [" ".join(value.split())]
    if isinstance(value, Mapping):
        return names_of(value.get("name"))
    if isinstance(value, list):
        return [name for item in value[:20] for name in names_of(item)]
    return []


def _language(tree: Any, metas: Mapping[str, str]) -> str:
    for value in (tree.get("lang"), metas.get("og:locale"), metas.get("content-language"), metas.get("inlanguage")):
        if value and re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", value.strip()):
            return str(value).strip().replace("_", "-")
    return ""


def _name(found: About, tree: Any, metas: Mapping[str, str], everything: Sequence[Mapping[str, Any]], url: str) -> None:
    node = found.nodes[0] if found.nodes else {}
    page_title = " ".join((tree.findtext(".//title") or "").split())
    heads = [" ".join(h.text_content().split()) for h, _ in zip(tree.iter("h1"), range(5), strict=False)]
    told = [*names_of(node.get("headline")), *(metas[name] for name in _TITLES if name in metas)]
    found.headlines = [t for t in dict.fromkeys([*told, *heads, page_title]) if t]
    sites = [n for node in everything if "WebSite" in types_of(node) for n in names_of(node.get("name"))]
    found.site = next(
        filter(None, [metas.get("og:site_name", ""), *names_of(node.get("publisher")), *sites,
                      *(metas.get(name, "") for name in _SITES)]), "",
    )  # fmt: skip
    site = outlet_of(found.site, url)
    told = [title_of(t, site, url, heads) for t in told]
    # Many a page sets the outlet's name as a headline.
    own = [head for head in heads if len(head) > 3 and not same_outlet(head, site, url) and len(head) <= 300]
    shown = {key(head): head for head in own}
    # The headline that a reader sees, if the page's data knows it too; else what the data says.
    agreed = next((shown[key(t)] for t in told if key(t) in shown), "")
    inside = next((head for head in own if len(head) > 8 and key(head) in key(page_title)), "")
    found.title = (
        agreed or next(iter(told), "") or inside or title_of(page_title, site, url, own) or next(iter(own), "")
    )
    authors = names_of(node.get("author")) or [metas[name] for name in _AUTHORS if name in metas]
    if not authors:
        authors = [
            " ".join(e.text_content().split()) for e in tree.xpath("//*[@rel='author' or @itemprop='author']")[:3]
        ]
    found.author = ", ".join(dict.fromkeys(a for a in authors if a))


def _date(found: About, tree: Any, metas: Mapping[str, str], url: str) -> None:
    written = next(_written(found, tree, metas), "")
    when = day(written, language=found.language)[0]
    # An address keeps the day of the first publication; a system that was moved or edited writes its own.
    own = url_day(url)
    if own and (when is None or abs((when - own).days) > 1):
        found.published, found.dated_by = own, "url"
    elif when:
        found.published, found.dated_by = when, "metadata"


def _written(found: About, tree: Any, metas: Mapping[str, str]) -> Iterator[str]:
    """What the page's data gives as its day of publication, the surest first, as far as it is a day."""
    values = [node.get(name) for name in ("datePublished", "dateCreated", "uploadDate") for node in found.nodes]
    values += [metas.get(name) for name in PUBLISHED]
    values += [
        e.get("content") or e.get("datetime") or e.text_content()
        for e in tree.xpath("//*[@itemprop='datePublished' or @pubdate]")[:3]
    ]
    yield from (str(value) for value in values if value and day(value, language=found.language)[0])


def visible_day(
    blocks: Sequence[Block],
    kept: Sequence[bool],
    headlines: Sequence[str],
    language: str,
    others: Iterable[date] = (),
) -> tuple[date | None, bool]:
    """The day shown at the headline, in a short line of its own, or said to be that of publication below the article.

    Args:
        others: days that the page's data gives; settle 03/04/2026.

    Returns:
        The day or None; whether the line says that it is the day of a change.
    """
    known = {key(headline) for headline in headlines}
    prose = [n for n, is_kept in enumerate(kept) if is_kept and len(words(blocks[n].text)) >= 12]
    if not prose:
        return None, False
    heads = [n for n in range(prose[-1]) if blocks[n].tag == "h1" and key(blocks[n].text) in known]
    head = heads[0] if heads else max(0, prose[0] - 8)
    below = [n for n in prose if n > head][:2]
    end = below[-1] if len(below) > 1 else head + 8
    near = [*range(head, min(end + 1, len(blocks))), *range(head - 1, max(-1, head - 9), -1)]
    changed: date | None = None
    for n in near:
        if not _may_date(blocks[n], apart=n < head):
            continue
        found = _days_of(blocks[n], language, others)
        if found and not CHANGED.search(blocks[n].text):
            return found[0], False
        changed = changed or (found[0] if found else None)
    after = range(prose[-1] + 1, min(prose[-1] + 16, len(blocks)))
    for n in (*range(head, prose[-1] + 1), *after):
        block = blocks[n]
        said = SAID.search(block.text[:200]) or (prose[-1] < n <= prose[-1] + 2 and lone_date(block.text))
        if said and _may_date(block, apart=True) and (found := _days_of(block, language, others)):
            return found[-1], False
    return changed, changed is not None


def _may_date(block: Block, *, apart: bool) -> bool:
    """Whether a block may hold the day; apart from the headline it may be that of another article."""
    size = len(words(block.text))
    short = size < 12 or (size <= 25 and not SENTENCE_END.search(block.text))
    other = bool(block.inside & {"aside", "nav"}) or (apart and (block.linked > 0.8 or "footer" in block.inside))
    return short and block.role != "caption" and not other


def _days_of(block: Block, language: str, others: Iterable[date]) -> list[date]:
    told = [found for value in block.times if (found := day(value)[0])]
    return days_in(block.text, language, others) or told

"""The article in a web page: its text with its parts, and what the page says about it. Knows nothing about files."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rag.articles import dating
from rag.articles.blocks import Block, blocks, drop_hidden
from rag.articles.clean import SENTENCE_END, Cleaned, Line, clean_lines, key, words
from rag.articles.metadata import About, about, names_of
from rag.articles.outlets import author_of, outlet_of, title_of
from rag.articles.selection import article_blocks, outputs
from rag.errors import ArticleError

#: What an article that a wall cuts off is marked with.
CUT = "Cut off by a subscription wall: only the beginning of the article is in the page."
_SAVE = "Open it in a browser, wait until it shows the article, and save the page or its text."
_TIME = re.compile(
    r"^(?:[A-Z][a-z]{2,8}\.? \d{1,2},? )?\d{1,2}[:.h]\d{2}(?:\s?[ap]\.?m\.?)?(?:\s?(?:[A-Z]{2,4}|Uhr|Z))?$", re.I
)


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.I)


_SCRIPT = _any_of(
    r"(?:enable|turn on|activate|requires?|needs?|without)\W+(?:\w+\W+){0,3}javascript",
    r"(?:aktivier\w*|activer|habilit\w*|включите)\W+(?:\w+\W+){0,3}javascript",
    r"javascript\W+(?:\w+\W+){0,4}(?:enable|required|disabled|aktivier|activ|habilit)",
)
_MISSING = _any_of(
    r"\b(?:page|article|story)\b.{0,20}\b(?:not found|(?:does not|doesn.t|no longer) exist|unavailable)",
    r"\b(?:seite|inhalt)\b.{0,20}\b(?:nicht gefunden|existiert nicht)",
    r"\b(?:página|pagina)\b.{0,20}\b(?:no encontrada|non trovata)",
    r"^(?:error )?404\b",
    r"\b404\b.{0,12}\bnot found",
    "page introuvable|страница не найдена|页面不存在|sayfa bulunamadı",
)
_ROBOTS = _any_of(
    r"checking (?:if the site connection|your browser)|review the security of your connection",
    r"(?:verify|confirm|prove|make sure)\W+(?:that )?you(?: a|.)re (?:a |not a )?(?:human|robot|bot)",
    r"unusual traffic from your|solve (?:the|this) captcha|access to this page has been denied",
)
_LOGIN = _any_of(
    r"^(?:please )?(?:log|sign) ?in\b|^(?:anmelden|einloggen)\b",
    r"^se connecter|^connexion|^iniciar sesión|^accedi\b",
)
_CONSENT = _any_of(
    r"cookies?\b|\bconsent|\bpartners\b|\bprivacy\b|personal data|legitimate interest|\bgdpr\b",
    r"store and access information|tracking|\beinwillig|\bdatenschutz|personenbezogen|\bconsentement",
    r"données personnelles|\bprivacidad\b",
)
_WALL = _any_of(
    r"to (?:continue|keep) reading|continue reading (?:this|the|with|your)|to read the (?:full|rest|whole)",
    r"(?:subscribe|sign in|log in|register) (?:to|and) (?:continue|read|keep|unlock)",
    r"already (?:a |have )?(?:an? )?(?:subscri|account|member)|subscribers? only|unlimited access",
    r"(?:for|only to|exclusive to|available to) (?:our )?(?:subscribers|members)(?: only)?\b",
    r"you have (?:reached|used|read) .{0,30}(?:free|limit)|unlock this (?:article|story)",
    r"this (?:article|content|story) is (?:for|reserved)|réservé aux abonnés|il vous reste .{0,20} à lire",
    r"(?:jetzt|weiter)\s?(?:lesen mit|abonnieren)|nur für abonnenten|solo para suscriptores|contenido exclusivo",
    "riservato agli abbonati|только для подписчиков|仅限订阅",
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a page holds.

    Attributes:
        cleaned: title, text, spans, outlet, author, day and notes; the day is the page's, else the text's.
        canonical: the address that the page gives as its own, "" if none.
        language: BCP 47 tag that the page gives, "" if none.
    """

    cleaned: Cleaned
    canonical: str = ""
    language: str = ""


def extract(html: bytes | str, url: str | None = None) -> Extracted:
    """The article of a page.

    Args:
        html: the page; bytes are decoded as it declares.
        url: its address if known: it may hold the day.

    Raises:
        ArticleError: the page holds no article: it needs JavaScript, is a wall, an error page or a list of others.
    """
    tree = _tree(html)
    # A page from an archive is its outlet's.
    url = re.sub(r"^https?://web\.archive\.org/web/[^/]*/", "", url) if url else None
    page = about(tree, url)
    raw = " ".join(" ".join(e.itertext()) for e in tree.iter("noscript"))
    drop_hidden(tree)
    found = blocks(tree)
    lines, kept = _live(page), [False] * len(found)
    notes: list[str] = []
    walled = _walls(found)
    if lines:
        notes.append(f"A live blog of {len(lines)} entries, each with its time, the newest first.")
    else:
        precise, default = outputs(lambda: copy.deepcopy(tree), url)
        kept = article_blocks(found, precise, default, page.headlines)
        kept = [is_kept and n not in walled for n, is_kept in enumerate(kept)]
        lines = _lines(found, kept, notes)
        lines = _from_data(page, lines, notes) or _whatever(tree)
    _refuse_what_is_none(page, found, kept, lines, raw)
    if _is_cut(page, kept, walled, lines):
        notes.append(CUT)
    return _extracted(page, tree, url, found, kept, lines, notes)


def _tree(html: bytes | str) -> Any:
    from lxml import html as lxml_html
    from lxml.etree import LxmlError
    from trafilatura.utils import load_html

    if (tree := load_html(html)) is not None:
        return tree
    try:  # a part of a page, saved alone
        return lxml_html.document_fromstring(html)
    except (LxmlError, ValueError) as error:
        raise ArticleError("The page holds no HTML.", "Check the file or the address.") from error


def _extracted(
    page: About, tree: Any, url: str | None, found: list[Block], kept: list[bool], lines: list[Line], notes: list[str]
) -> Extracted:
    address = url or page.canonical
    site = outlet_of(page.site, address)
    title = title_of(page.title, site, address, page.headlines[:-1])
    cleaned = clean_lines(lines, title or page.title, language=page.language)
    published, dated_by, said = dating.choose(dating.candidates(page, tree, address, found, kept, cleaned))
    cleaned = Cleaned(
        cleaned.title or title,
        cleaned.text,
        site or cleaned.source,
        author_of(page.author, site) or cleaned.author,
        published,
        dated_by,
        cleaned.spans,
        (*notes, *said, *cleaned.notes),
    )
    return Extracted(cleaned, page.canonical, page.language)


def _lines(found: Sequence[Block], kept: Sequence[bool], notes: list[str]) -> list[Line]:
    """The blocks that are kept as lines; the times of a live blog's posts stand before what they date."""
    times = {n for n, block in enumerate(found) if _TIME.match(block.text)}
    dated = [n for n in times if any(kept[n + 1 : n + 3])]
    live = len(dated) >= 3
    if live:
        notes.append(f"A live blog of {len(dated)} entries, each with its time, in the order of the page.")
    lines: list[Line] = []
    waiting = ""
    for n, block in enumerate(found):
        if live and n in times:
            waiting = block.text
        elif kept[n] or (waiting and block.role == "heading"):
            text = f"{waiting}: {block.text}" if waiting else block.text
            lines.append(Line(text, None if waiting else block.role))
            waiting = ""
    return lines


def _live(page: About) -> list[Line]:
    """The posts of a live blog that the page gives as data, the newest first; [] if it is none."""
    posts: list[tuple[str, str]] = []
    for node in page.nodes:
        updates = node.get("liveBlogUpdate")
        for post in updates if isinstance(updates, list) else []:
            if isinstance(post, Mapping) and (body := _plain(post.get("articleBody"))):
                when = str(post.get("datePublished") or post.get("dateModified") or "")
                head = " ".join(names_of(post.get("headline")))
                posts.append((when, _post(when, head, body)))
    if len(posts) < 2:
        return []
    return [Line(text) for _, text in sorted(dict.fromkeys(posts), key=lambda post: post[0], reverse=True)]


def _post(when: str, head: str, body: str) -> str:
    try:
        moment = datetime.fromisoformat(when)
        stamp = f"{moment.day} {moment:%B %Y, %H:%M}"
    except ValueError:
        stamp = ""
    head = "" if _TIME.match(head) or key(head) in key(body) else head
    text = f"{head}{'' if SENTENCE_END.search(head) else '.'} {body}" if head else body
    return f"{stamp}: {text}" if stamp else text


def _plain(value: object) -> str:
    from rag.articles.fragment import strip_html

    return " ".join(strip_html(value).split()) if isinstance(value, str) else ""


def _from_data(page: About, lines: list[Line], notes: list[str]) -> list[Line]:
    """The body that the page gives as data, where its blocks hold less than two thirds of it: no script ran here."""
    from rag.articles.fragment import strip_html

    bodies = [strip_html(body) for node in page.nodes if isinstance(body := node.get("articleBody"), str)]
    body = max(bodies, key=len, default="")
    mine, theirs = [word for line in lines for word in words(line.text)], words(body)
    known = len(set(mine) & set(theirs)) >= 0.8 * len(set(mine))
    if len(theirs) >= 30 and 1.5 * len(mine) < len(theirs) and known:
        notes.append("The text was taken from the page's data; what the page shows holds less of it.")
        return [Line(line.strip()) for line in body.split("\n") if line.strip()]
    return lines


def _whatever(tree: Any) -> list[Line]:
    """Any running text of a page of which no article can be told apart."""
    from trafilatura.baseline import baseline

    text = str(baseline(copy.deepcopy(tree))[1])
    return [Line(line.strip()) for line in text.split("\n") if len(words(line)) >= 8]


def _walls(found: Sequence[Block]) -> set[int]:
    """The blocks that ask to pay or to log in, and the short ones beside them in the same box."""
    asking = {n for n, b in enumerate(found) if len(words(b.text)) <= 60 and _WALL.search(b.text)}
    asking = {n for n in asking if not found[n].inside & {"nav", "footer", "header", "aside"}}
    groups = {found[n].group for n in asking}
    size: Counter[int] = Counter()
    for block in found:
        size[block.group] += len(words(block.text))
    beside = {n for n, b in enumerate(found) if b.group in groups and size[b.group] <= 80 and b.linked < 1}
    walled_box = {n for n in beside if _box(found[n])}
    return asking | walled_box


def _is_cut(page: About, kept: Sequence[bool], walled: set[int], lines: Sequence[Line]) -> bool:
    """Whether the wall stands right below the text, and what is above is no whole article."""
    size = sum(len(words(line.text)) for line in lines)
    last = max((n for n, is_kept in enumerate(kept) if is_kept), default=-1)
    below = any(last < n <= last + 3 for n in walled)
    return (below and size < 400) or (bool(walled) and size < 60) or (not page.free and size < 120)


def _box(block: Block) -> bool:
    return bool(re.search(r"paywall|regwall|subscri|premium|piano|barrier|gate|abo\b|offer", block.names))


def _refuse_what_is_none(
    page: About, found: Sequence[Block], kept: Sequence[bool], lines: Sequence[Line], unscripted: str
) -> None:
    """Raises ArticleError, with the next step, for a page that holds no article."""
    size = sum(len(words(line.text)) for line in lines)
    shown = " ".join(block.text for block in found)
    if size < 60 and _SCRIPT.search(f"{unscripted} {shown}"):
        raise ArticleError("The page needs JavaScript: its article is not in the file.", _SAVE)
    if size < 120 and any(map(_MISSING.search, page.headlines)):
        raise ArticleError("The page says that the article was not found (404).", "Check the address.")
    if size < 120 and not page.nodes and _ROBOTS.search(f"{' '.join(page.headlines)} {shown}"):
        raise ArticleError("The page is a check for robots, not the article.", _SAVE)
    if size < 60 and not page.nodes and any(map(_LOGIN.search, page.headlines)):
        raise ArticleError("The page asks to log in: its article is not in the file.", _SAVE)
    asking = {line.text: {match.lower() for match in _CONSENT.findall(line.text)} for line in lines}
    about_consent = sum(len(words(text)) for text, terms in asking.items() if terms)
    if size < 150 and len(set().union(*asking.values())) >= 3 and 3 * about_consent >= 2 * size and not page.nodes:
        raise ArticleError("The page is a consent wall (cookies), not the article.", _SAVE)
    if not size:
        raise ArticleError("No article text was found in the page.", "Save its text as .txt and index that.")
    heads = [n for n, b in enumerate(found) if b.role == "heading" and b.linked > 0.8 and len(words(b.text)) >= 2]
    longest = max((len(words(b.text)) for b, is_kept in zip(found, kept, strict=True) if is_kept), default=size)
    prose = any(len(words(b.text)) >= 40 and b.linked < 0.5 for b in found)
    if not page.is_article and not prose and len(heads) >= 4 and longest < 35 and size < 40 * len(heads):
        raise ArticleError(
            "The page is a list of other articles, such as a front page.", "Give the address of one article."
        )
    if size < 4 and (not page.published or size < 2):
        raise ArticleError("The page holds a film or pictures, or hardly a word.", "Give a page with the text.")

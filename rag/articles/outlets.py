"""One outlet is one name, and a title is the title alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from rag.articles.clean import key
from rag.types import Article

_SEPARATOR = re.compile(r"\s+[|–—·•»«›:]+\s+|\s+-+\s+|\s*[|»«›]\s*")
#: What stands where an outlet's name should and names none.
_NO_OUTLET = re.compile(
    r"^(?:copyright|©|hosted|powered by|all rights|home(?:page)?|news|article|website|blog|wordpress|untitled|null|none"
    r"|unknown|n/?a|admin|index|start(?:seite)?|online|editor(?:ial)?|localhost)\b[\s\d:©.]*$|^(?:copyright|©|https?://|www\.)",
    re.I,
)
_NO_AUTHOR = re.compile(
    r"^(?:by|von|par|por|admin(?:istrator)?|editor(?:s|ial)?|staff|newsroom|news desk|web ?desk|redaktion|redacci[oó]n"
    r"|r[ée]daction|unknown|none|null|n/?a|guest|anonymous|author|user|root|webmaster|online|published|posted|updated"
    r"|python-docx|openpyxl|(?:microsoft(?: office)?|windows|office) user)$"
    r"|https?://|www\.|@\S+\.\w|^\W*$|^[\d\W]+$",
    re.I,
)


def host_of(url: str) -> str:
    """The host of an address without "www." and the forms for phones; "" where it has none."""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""
    return re.sub(r"^(?:www\d?|m|mobile|amp|edition)\.(?=[^.]+\.)", "", host.lower())


def outlet_of(name: str, url: str = "") -> str:
    """A clean name of an outlet: "" for what is no name, its host for an address."""
    name = " ".join(name.split()).strip("|–—-·•: ")
    if re.match(r"https?://|www\.", name, re.I):
        return host_of(name)
    if not any(c.isalpha() for c in name) or _NO_OUTLET.match(name) or len(name) > 80:
        return host_of(url) if url else ""
    return name.lstrip("@") or name


def author_of(name: str, outlet: str = "") -> str:
    """The names of people in a byline, joined by ", "; "" where there are none."""
    parts = re.split(r"\s*(?:,|;|\||\band\b|\bund\b|\bet\b|&)\s*", " ".join(name.split()))
    kept = []
    for part in parts:
        part = re.sub(r"^(?:by|von|par|por|written by|text:?)\s+", "", part, flags=re.I).strip(" .–—-")
        part = re.sub(r"(?<=\w) in (?=[A-Z])[\w’' -]+$", "", part)  # "Ann Gray in Oslo"
        if part and not _NO_AUTHOR.search(part) and key(part) != key(outlet) and len(part) <= 60:
            kept.append(part)
    return ", ".join(dict.fromkeys(kept))


def title_of(title: str, outlet: str = "", url: str = "", headlines: Iterable[str] = ()) -> str:
    """A title without the outlet's name: "Quay closes - News Nation" is "Quay closes".

    Only a part that is the outlet's name, its host, or no part of any headline that the page shows goes.
    """
    title = " ".join(title.split())
    host = host_of(url)
    names = {key(outlet), key(host), key(host.rsplit(".", 1)[0]), key(host).replace(" ", "")} - {""}
    shown = [key(headline) for headline in headlines]
    changed = True
    while changed:
        changed = False
        cuts = list(_SEPARATOR.finditer(title))
        for cut in (*reversed(cuts), *cuts):
            head, tail = title[: cut.start()].strip(), title[cut.end() :].strip()
            for rest, part in ((head, tail), (tail, head)):
                mine = key(part)
                names_it = mine in names or mine.replace(" ", "") in {name.replace(" ", "") for name in names}
                if rest and (names_it or (key(rest) in shown and key(title) not in shown)):
                    title, changed = rest, True
                    break
            if changed:
                break
    return title


class Outlets:
    """What the outlets of hosts are called, as their articles agree.

    Args:
        known: source and address of articles.
        least: how many articles of a host must agree on a name.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = (), least: int = 2) -> None:
        self._names: dict[str, Counter[str]] = defaultdict(Counter)
        self._least = least
        for source, url in known:
            self.learn(source, url)

    def learn(self, source: str, url: str, times: int = 1) -> None:
        """Count articles; `url` may be the host alone."""
        host = host_of(url)
        if host and source and key(source) != key(host):
            self._names[host][source] += times

    def named(self, article: Article) -> Article:
        """The article under the commonest name of its host, where its own is none or only another spelling.

        Names from elsewhere stay: a wire's story on another's pages is the wire's.
        """
        host = host_of(article.url or "")
        name, times = next(iter(self._names[host].most_common(1)), ("", 0)) if host in self._names else ("", 0)
        same = not article.source or _bare(article.source) in {_bare(host), _bare(name)}
        return replace(article, source=name) if times >= self._least and same else article


def _bare(name: str) -> str:
    """An outlet's name as it is compared: "The Tarn Times", "TARN TIMES" and "tarntimes" are one."""
    return key(name).removeprefix("the ").replace(" ", "")


def same_outlet(asked: str, source: str, url: str | None) -> bool:
    """Whether what a person typed names an article's outlet, by its name without case or by its host."""
    wanted = asked.strip()
    host = host_of(url or "")
    named = _bare(wanted)
    if named in {_bare(source), _bare(host)}:
        return bool(named)
    return bool(host) and host_of(wanted) == host

"""Which addresses name the same article: with and without what counts visitors, for phones, for printing, for AMP."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

#: Parameters that ask for another form of the same page.
_FORMS = frozenset(
    "amp outputtype print printable view mobile m platform output ref referrer source src cmp cmpid".split()
)
_HOSTS = re.compile(r"^(?:www\d?|m|mobile|amp|edition|print)\.(?=[^.]+\.[^.])")
_PATHS = re.compile(
    r"^/(?:amp|print)(?=/)|/(?:amp|print|index\.(?:html?|php))$|\.amp(?=$|\.html?$)|(?<=[^/])-print(?=\.html?$)"
)


def same_page(url: str | None) -> str:
    """What is left of an address when all that does not name the article is taken off.

    Returns:
        "" for none, for a malformed one, and for that of a front page, which many sites name as canonical for all.
    """
    if not url:
        return ""
    try:
        parts = urlsplit(url.strip().lower())
        query = urlencode(sorted((k, v) for k, v in parse_qsl(parts.query) if not _is_form(k)))
        host = _HOSTS.sub("", (parts.hostname or "") + (f":{parts.port}" if parts.port else ""))
        path = _PATHS.sub("", parts.path.rstrip("/")).rstrip("/")
    except ValueError:
        return ""
    return f"{host}{path}{'?' if query else ''}{query}" if host and (path or query) else ""


def _is_form(name: str) -> bool:
    name = name.lower()
    return name in _FORMS or name.startswith(("utm_", "at_", "mc_", "xtor")) or name.endswith("clid")

"""Visits the pages that a feed or a sitemap names, as a good guest: robots.txt, one at a time, no page twice in vain.

What was fetched is kept in the cache with its ETag and day of change, and asked for again only on condition (RFC 9110,
section 13). Knows nothing about what is in a page.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from rag import __version__
from rag.articles.web import Page, fetch_page
from rag.errors import ArticleError

AGENT = f"dateline/{__version__}"
#: Seconds between two requests to one host, where its robots.txt asks for none.
DELAY = 1.0
#: Longest wait that a robots.txt may ask for; a host that wants more is not followed.
MOST_DELAY = 30.0
#: Bytes of the cache; what was used longest ago goes first.
MOST_CACHED = 200_000_000


class Visitor:
    """Fetches addresses, one at a time.

    Args:
        cache: folder for what was fetched; None keeps nothing.
        delay: seconds between two requests to one host.
    """

    def __init__(self, *, allow_private: bool, max_bytes: int, cache: Path | None = None, delay: float = DELAY) -> None:
        self._allow_private, self._max_bytes, self._delay = allow_private, max_bytes, delay
        self._cache = cache
        self._robots: dict[str, RobotFileParser] = {}
        self._last: dict[str, float] = {}

    def get(self, url: str) -> Page:
        """What an address gives that a person named.

        Raises:
            ArticleError: as `fetch_page`.
        """
        known = self._known(url)
        self._wait(_root(url), self._delay)
        page = fetch_page(
            url,
            allow_private=self._allow_private,
            max_bytes=self._max_bytes,
            etag=known.etag if known else "",
            last_modified=known.last_modified if known else "",
        )
        if page.status == 304 and known is not None:
            self._path(url).touch()
            return known
        self._keep(url, page)
        return page

    def follow(self, url: str) -> Page:
        """What an address gives that was found in a feed or a sitemap; its robots.txt is asked first.

        Raises:
            ArticleError: robots.txt forbids it, or as `fetch_page`.
        """
        root = _root(url)
        robots = self._robots_of(root)
        if not robots.can_fetch(AGENT, url):
            raise ArticleError("The site's robots.txt asks not to fetch the page.", "Open it and save its text.")
        asked = float(robots.crawl_delay(AGENT) or 0)
        if asked > MOST_DELAY:
            raise ArticleError(f"The site asks to wait {asked:.0f} s before each page.", "Save the page yourself.")
        self._wait(root, max(asked, self._delay))
        return self.get(url)

    def _robots_of(self, root: str) -> RobotFileParser:
        if root not in self._robots:
            robots = RobotFileParser()
            try:
                page = fetch_page(f"{root}/robots.txt", allow_private=self._allow_private, max_bytes=500_000)
                robots.parse(page.data.decode("utf-8", "replace").splitlines())
            except ArticleError:  # RFC 9309, section 2.3.1.3: without the file everything is allowed
                robots.parse([])
            self._robots[root] = robots
        return self._robots[root]

    def _wait(self, root: str, delay: float) -> None:
        left = self._last.get(root, -delay) + delay - time.monotonic()
        if left > 0:
            time.sleep(left)
        self._last[root] = time.monotonic()

    def _path(self, url: str) -> Path:
        assert self._cache
        return self._cache / f"{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()}.page"

    def _known(self, url: str) -> Page | None:
        if self._cache is None:
            return None
        try:
            head, _, data = self._path(url).read_bytes().partition(b"\n")
            return Page(data=data, **json.loads(head))
        except (OSError, ValueError, TypeError):  # not there, or torn
            return None

    def _keep(self, url: str, page: Page) -> None:
        if self._cache is None or not (page.etag or page.last_modified):
            return
        names = ("url", "content_type", "charset", "etag", "last_modified")
        head = json.dumps({name: getattr(page, name) for name in names})
        with contextlib.suppress(OSError):  # a cache that cannot be written costs a request, nothing else
            self._cache.mkdir(parents=True, exist_ok=True)
            new = self._path(url).with_suffix(".new")
            new.write_bytes(head.encode() + b"\n" + page.data)
            new.replace(self._path(url))
            self._trim()

    def _trim(self) -> None:
        assert self._cache
        files = sorted(self._cache.glob("*.page"), key=lambda p: p.stat().st_mtime, reverse=True)
        size = 0
        for path in files:
            size += path.stat().st_size
            if size > MOST_CACHED:
                path.unlink()


def _root(url: str) -> str:
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    except ValueError as error:
        raise ArticleError(f"The address {url[:80]!r} is malformed.", "Check it.") from error

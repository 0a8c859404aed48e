"""Fetches a page, with care for whom it asks. Knows nothing about what is in it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from rag import __version__
from rag.errors import ArticleError

MOST_REDIRECTS = 5
TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Page:
    """What an address gave.

    Attributes:
        url: the address after redirects.
        content_type: e.g. "text/html", lower case, without parameters; "" if not stated.
    """

    url: str
    content_type: str
    data: bytes


def fetch_page(url: str, *, allow_private: bool = False, max_bytes: int = 20_000_000) -> Page:
    """Fetch a page, following at most five redirects; each address is checked before it is asked.

    A transient failure is tried three times.

    Args:
        allow_private: whether it may point to this machine or a private network.
        max_bytes: most bytes to take.

    Raises:
        ArticleError: the address is refused, cannot be reached, fails, or gives too much.
    """
    import httpx
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

    headers = {"User-Agent": f"dateline/{__version__}", "Accept": "text/html, application/xhtml+xml, */*;q=0.8"}
    attempts = Retrying(
        stop=stop_after_attempt(3),
        wait=wait_exponential_jitter(initial=0.3, max=3),
        retry=retry_if_exception_type((httpx.TransportError, _Transient)),
        reraise=True,
    )
    try:
        with httpx.Client(timeout=TIMEOUT, headers=headers, follow_redirects=False, trust_env=True) as client:
            return attempts(_fetch, client, url, allow_private, max_bytes)
    except _Transient as error:
        raise ArticleError(str(error), "Try it again later.") from error
    except httpx.TimeoutException as error:
        raise ArticleError(f"The address did not answer within {TIMEOUT:.0f} s.", "Try it again later.") from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise ArticleError(f"The address cannot be reached: {error}.", "Check it and the network.") from error


class _Transient(Exception):
    """The server says that it may work later."""


def _fetch(client: object, url: str, allow_private: bool, max_bytes: int) -> Page:
    import httpx

    assert isinstance(client, httpx.Client)
    for _ in range(MOST_REDIRECTS + 1):
        if not allow_private:
            check_public(url)
        with client.stream("GET", url) as response:
            if response.is_redirect:
                location = response.headers.get("location", "")
                if not location:
                    raise ArticleError("The page redirects without saying where.", "Check the address.")
                try:
                    url = urljoin(url, location)
                    scheme = urlsplit(url).scheme
                except ValueError as error:
                    raise ArticleError(f"The page redirects to {location}, which is malformed.", "Check it.") from error
                if scheme not in {"http", "https"}:
                    raise ArticleError(f"The page redirects to {url}, which is not a web address.", "Check it.")
                continue
            if response.status_code in {408, 425, 429, 500, 502, 503, 504}:
                raise _Transient(f"The server answered with status {response.status_code}.")
            if response.status_code >= 400:
                raise ArticleError(f"The server answered with status {response.status_code}.", "Check the address.")
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > max_bytes:
                    raise ArticleError(f"The page has more than {max_bytes / 1e6:.0f} MB.", "Save the article's text.")
            if not bytes(data).strip():
                raise ArticleError("The page is empty.", "Check the address.")
            kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
            return Page(url, kind, bytes(data))
    raise ArticleError(f"The page redirects more than {MOST_REDIRECTS} times.", "Open it in a browser to see where.")


def check_public(url: str) -> None:
    """Make sure that every address a host has is on the public internet.

    Raises:
        ArticleError: it is not, or the host is unknown.
    """
    host = ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError) as error:
        raise ArticleError(f"The host {host!r} is not known.", "Check the address and the network.") from error
    for *_, address in found:
        ip = ipaddress.ip_address(str(address[0]).split("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None) or ip
        if not mapped.is_global or mapped.is_multicast:
            raise ArticleError(
                f"The address points to {ip}, on this machine or a private network.",
                "If you mean it, allow it with --allow-private-urls or DATELINE_ALLOW_PRIVATE_URLS=1.",
            )

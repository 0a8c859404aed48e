"""Fetches a page, with care for whom it asks. Knows nothing about what is in it.

A name is resolved once, and the connection goes to the address that was checked: httpcore asks its network backend for
each connection, and ours resolves, checks and connects in one step. No proxy is used, whatever the environment says,
since a proxy would resolve the name again. One deadline holds for the whole fetch, redirects and retries included.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import httpcore

from rag import __version__
from rag.errors import ArticleError

if TYPE_CHECKING:
    import httpx

MOST_REDIRECTS = 5
#: Seconds to wait for a connection or for the next bytes.
TIMEOUT = 20.0
#: Seconds for the whole fetch.
DEADLINE = 60.0
#: Bytes unpacked at a time.
_PIECE = 65_536
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Said to be global by the registries, and yet not a host of the public internet: tunnels, translators, anycast of
#: protocols, documentation. Of IPv6 only 2000::/3 is handed out for hosts at all.
_NOT_HOSTS = tuple(
    ipaddress.ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
)
_HOSTS_6 = ipaddress.ip_network("2000::/3")

Resolve = Callable[[str, int], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """What an address gave.

    Attributes:
        url: the address after redirects.
        content_type: e.g. "text/html", lower case, without parameters; "" if not stated.
        data: the body, unpacked; b"" with status 304.
        status: of HTTP, e.g. 200, or 304 when `etag` or `last_modified` say that it is unchanged.
        charset: as the header states it, lower case; "" if not stated.
        etag, last_modified: as the headers state them, for the next fetch; "" if not stated.
    """

    url: str
    content_type: str
    data: bytes
    status: int = 200
    charset: str = ""
    etag: str = ""
    last_modified: str = ""


def fetch_page(
    url: str,
    *,
    allow_private: bool = False,
    max_bytes: int = 20_000_000,
    etag: str = "",
    last_modified: str = "",
    deadline: float = DEADLINE,
) -> Page:
    """Fetch a page that must be there: status 200 to 299, or 304 when it was asked whether it changed.

    Args:
        allow_private, max_bytes, etag, last_modified, deadline: as for `fetch`.

    Raises:
        ArticleError: as `fetch`, and for every other status and an empty page.
    """
    page = fetch(
        url,
        allow_private=allow_private,
        max_bytes=max_bytes,
        etag=etag,
        last_modified=last_modified,
        deadline=deadline,
    )
    if page.status == 304 and (etag or last_modified):
        return page
    if not 200 <= page.status < 300:
        hint = "Try it again later." if page.status in _TRANSIENT else "Check the address."
        raise ArticleError(f"The server answered with status {page.status}.", hint)
    if not page.data.strip():
        raise ArticleError("The page is empty.", "Check the address.")
    return page


def fetch(
    url: str,
    *,
    allow_private: bool = False,
    max_bytes: int = 20_000_000,
    etag: str = "",
    last_modified: str = "",
    deadline: float = DEADLINE,
    backend: httpcore.NetworkBackend | None = None,
) -> Page:
    """Fetch an address whatever its status, following at most five redirects, each checked before it is asked.

    A transient failure is tried three times.

    Args:
        allow_private: whether it may point to this machine or a private network.
        max_bytes: most bytes to take, counted while they are unpacked.
        etag, last_modified: of the copy at hand; the server may then answer 304 with no body.
        deadline: seconds for all of it.
        backend: makes the connections; default: `CheckedBackend`.

    Raises:
        ArticleError: the address is refused, cannot be reached, takes too long or gives too much.
    """
    import httpx
    from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt, wait_exponential_jitter

    until = time.monotonic() + deadline
    backend = backend or CheckedBackend(allow_private=allow_private, until=until)
    headers = {"User-Agent": f"dateline/{__version__}", "Accept": "text/html, application/xhtml+xml, */*;q=0.8"}
    headers |= {"Accept-Encoding": "gzip"}
    headers |= {name: value for name, value in (("If-None-Match", etag), ("If-Modified-Since", last_modified)) if value}
    attempts = Retrying(
        stop=stop_after_attempt(3),
        wait=wait_exponential_jitter(initial=0.3, max=3),
        retry=retry_if_exception_type((httpcore.NetworkError, httpcore.ProtocolError))
        | retry_if_result(lambda page: page.status in _TRANSIENT and time.monotonic() < until),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    try:
        context = httpx.create_ssl_context()
        with httpcore.ConnectionPool(ssl_context=context, network_backend=backend) as pool:
            page: Page = attempts(_follow, pool, url, headers, max_bytes)
            return page
    except httpcore.TimeoutException as error:
        raise ArticleError(f"The address did not answer within {deadline:.0f} s.", "Try it again later.") from error
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        httpx.InvalidURL,
        UnicodeError,
        ValueError,
    ) as error:
        hint = "Check it and the network."
        if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")):
            hint += " Proxies are not used for pages; save the page and index the file instead."
        raise ArticleError(f"The address cannot be reached: {str(error) or type(error).__name__}.", hint) from error


def _follow(pool: httpcore.ConnectionPool, given: str, headers: dict[str, str], max_bytes: int) -> Page:
    import httpx

    url = httpx.URL(given)
    for _ in range(MOST_REDIRECTS + 1):
        target: str | Page = _get(pool, url, headers, max_bytes)
        if isinstance(target, Page):
            return replace(target, url=str(url))
        if not target:
            raise ArticleError("The page redirects without saying where.", "Check the address.")
        try:
            joined = urljoin(str(url), target)
            web = urlsplit(joined).scheme in {"http", "https"}
            url = httpx.URL(joined)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise ArticleError(f"The page redirects to {target[:200]}, which is malformed.", "Check it.") from error
        if not web or not url.host:
            raise ArticleError(f"The page redirects to {joined[:200]}, which is not a web address.", "Check it.")
    raise ArticleError(f"The page redirects more than {MOST_REDIRECTS} times.", "Open it in a browser to see where.")


def _get(pool: httpcore.ConnectionPool, url: httpx.URL, headers: dict[str, str], max_bytes: int) -> Page | str:
    """The page, or the address that it redirects to."""
    raw = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    steps = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT)
    sent = [("Host", url.netloc.decode("ascii")), *headers.items()]
    with pool.stream("GET", raw, headers=sent, extensions={"timeout": steps}) as response:
        got = {name.decode("latin-1").lower(): value.decode("latin-1").strip() for name, value in response.headers}
        if response.status in {301, 302, 303, 307, 308}:
            return got.get("location", "")
        data = bytearray()
        for piece in _unpacked(response.iter_stream(), got.get("content-encoding", "")):
            data += piece
            if len(data) > max_bytes:
                raise ArticleError(f"The page has more than {max_bytes / 1e6:.0f} MB.", "Save the article's text.")
        kind, _, parameters = got.get("content-type", "").partition(";")
        charset = next(
            (value.strip(" \"'") for name, _, value in (p.partition("=") for p in parameters.split(";"))
             if name.strip().lower() == "charset"), "",
        )  # fmt: skip
        return Page(
            str(url), kind.strip().lower(), bytes(data), response.status, charset.lower(),
            got.get("etag", ""), got.get("last-modified", ""),
        )  # fmt: skip


def _unpacked(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The body in pieces of at most 64 KiB; it was packed once, with gzip, or not at all."""
    coding = coding.lower()
    if coding in {"", "identity"}:
        yield from pieces
        return
    if coding not in {"gzip", "x-gzip"}:
        raise ArticleError(f"The page is packed as {coding[:60]!r}, which was not asked for.", "Save its text.")
    unpacker = zlib.decompressobj(31)
    try:
        for piece in pieces:
            rest = piece
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail
        while not unpacker.eof and (last := unpacker.decompress(unpacker.unconsumed_tail, _PIECE)):
            yield last
    except zlib.error as error:
        raise ArticleError(f"The page is packed wrongly: {error}.", "Try it again later, or save its text.") from error


def check_public(url: str) -> None:
    """Make sure that every address of a host is a host's on the public internet.

    Raises:
        ArticleError: it is not, or the host is unknown.
    """
    import httpx

    try:
        parts = httpx.URL(url)
        _checked(parts.raw_host.decode("ascii"), _addresses(parts.raw_host.decode("ascii"), parts.port or 443))
    except (httpx.InvalidURL, OSError, UnicodeError, ValueError) as error:
        raise ArticleError(f"The host of {url[:200]!r} is not known.", "Check the address and the network.") from error


def is_public(address: str) -> bool:
    """Whether an IP address is global unicast, of a host on the public internet and not of this machine."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if ip.version == 6 and ip not in _HOSTS_6:
        return False
    if not ip.is_global or ip.is_multicast or any(ip.version == net.version and ip in net for net in _NOT_HOSTS):
        return False
    return not _is_ours(address)


def _is_ours(address: str) -> bool:
    """Whether this machine has it: the kernel would then send from the same address. Nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return False
        return bool(probe.getsockname()[0] == address)


def _addresses(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _checked(host: str, addresses: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(addresses))
    if not found:
        raise ArticleError(f"The host {host!r} is not known.", "Check the address and the network.")
    for address in found:
        if not is_public(address):
            raise ArticleError(
                f"The address points to {address}, on this machine or a private network.",
                "If you mean it, allow it with --allow-private-urls or DATELINE_ALLOW_PRIVATE_URLS=1.",
            )
    return found


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to the very address that was checked, and lets no step last beyond the deadline.

    Args:
        allow_private: check nothing.
        until: deadline, in `time.monotonic()` seconds.
        resolve: host and port -> addresses.
        inner: makes the connection to an address.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        until: float,
        resolve: Resolve = _addresses,
        inner: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._allow_private, self._until, self._resolve = allow_private, until, resolve
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check, connect; the addresses are tried in order."""
        addresses = self._found(host, port)
        if not self._allow_private:
            addresses = _checked(host, addresses)
        for n, address in enumerate(addresses, 1):
            try:
                stream = self._inner.connect_tcp(address, port, _left(self._until, timeout), local_address)
                return _Timed(stream, self._until)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if n == len(addresses):
                    raise
        raise httpcore.ConnectError("no address")

    def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between its own tries (it makes none here)."""
        self._inner.sleep(seconds)

    def _found(self, host: str, port: int) -> list[str]:
        """Resolving has no deadline of its own, so it runs in a thread that is left behind when it takes too long."""
        found: list[str] = []
        failed: list[Exception] = []

        def look_up() -> None:
            try:
                found.extend(self._resolve(host, port))
            except (OSError, UnicodeError, ValueError) as error:
                failed.append(error)

        thread = Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(_left(self._until, TIMEOUT))
        if thread.is_alive():
            raise httpcore.ConnectTimeout(f"the name {host!r} is not resolved")
        if failed:
            raise ArticleError(f"The host {host!r} is not known.", "Check the address and the network.") from failed[0]
        return found


class _Timed(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream, self._until = stream, until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._until, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._until, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._until, timeout))
        return _Timed(stream, self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float, timeout: float | None) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left if timeout is None else min(left, timeout)

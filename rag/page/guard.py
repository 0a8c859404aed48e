"""Stands before the page and everything it serves, MCP and uploads too, and lets in only whom it should.

Pure ASGI; knows nothing about Gradio or articles. Each request passes, in this order:

- Host must be this machine or one that was named. A name that an attacker points at this machine (DNS rebinding) is
  none of them.
- Origin, where a browser sends one, must be the page's own; so must Sec-Fetch-Site, which browsers send with every
  request, unless someone follows a link to the page.
- Where there are logins, it must carry one: the cookie of /login, or HTTP Basic for other programs.
- The body must not be larger than anything the page takes.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rag.page.people import People

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Names and addresses of this machine.
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
#: Where the user's name is put into the scope.
USER = "dateline.user"
#: Bytes of a request that is no upload.
MOST_BODY = 2_000_000
#: What Gradio also serves and the page never asks for: a proxy to other hosts, tools of its developers, run histories.
CLOSED = (
    "/gradio_api/proxy=", "/gradio_api/vibe", "/gradio_api/undo-vibe", "/gradio_api/dev", "/gradio_api/run-history",
    "/gradio_api/runs", "/gradio_api/profiling", "/gradio_api/process_recording", "/gradio_api/deep_link",
    "/monitoring",
)  # fmt: skip
#: Everything that a page may load comes from the page itself, so no text in it can make a browser ask another host.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
}
LOGIN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dateline: log in</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
form {{ max-width: 20rem; margin: 15vh auto; padding: 0 1rem; display: grid; gap: .75rem }}
input, button {{ font: inherit; padding: .5rem }} label {{ display: grid }}
</style></head><body><main><form method="post" action="/login"><h1>Dateline</h1><p role="alert">{said}</p>
<label>Name <input name="username" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button></form></main>
<script>document.forms[0].action += location.hash; // what a link names is opened after it</script></body></html>"""

#: The end of a stream of events that broke.
_FAILED_STREAM = b'event: error\ndata: {"error": "That request cannot be answered; the page\'s log says why."}\n\n'

_log = logging.getLogger(__name__)


class Guard:
    """The outermost ASGI application.

    Args:
        app: what is behind it.
        hosts: names and addresses it answers to besides this machine's own.
        people: who may log in; None lets in everyone whom Host and Origin let in.
        inner: a secret by which the page's own loopback requests (MCP's) are known; "" for none.
        most_upload: bytes of one request to /gradio_api/upload.
    """

    def __init__(
        self,
        app: App,
        *,
        hosts: Collection[str] = (),
        people: People | None = None,
        inner: str = "",
        most_upload: int = 1_000_000_000,
    ) -> None:
        self._app, self._people, self._inner, self._most_upload = app, people, inner, most_upload
        self._hosts = LOCAL | {bare_host(host) for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request = _Request(scope)
        if scope["type"] != "http":  # the page has no websockets
            await send({"type": "websocket.close", "code": 1008})
        elif refusal := self._refused(request):
            await _reply(send, 403, refusal)
        elif any(request.path.startswith(closed) for closed in CLOSED):
            await _reply(send, 404, "There is nothing here.")
        elif self._people and request.path.rstrip("/") in {"/login", "/logout"}:
            await self._log(request, receive, send)
        else:
            user = await self._user(request)
            if self._people and user is None:
                await self._unknown(request, send)
                return
            scope[USER] = user
            await self._pass(request, scope, receive, send)

    def _refused(self, request: _Request) -> str:
        """Why the request is not answered at all; "" when it is."""
        if self._inner and secrets.compare_digest(request.header("x-dateline-inner"), self._inner):
            return ""
        hosts = request.all("host")
        if len(hosts) != 1 or bare_host(hosts[0]) not in self._hosts:
            shown = html.escape(" ".join(hosts)[:100]) or "(none)"
            return f"This page does not answer to the host {shown}. If it should, start it with --allowed-host NAME."
        for origin in request.all("origin"):
            if not self._is_own(origin, hosts[0]):
                return "Requests from other sites are not answered."
        follows_link = (
            request.method in {"GET", "HEAD"}
            and request.header("sec-fetch-mode") == "navigate"
            and request.header("sec-fetch-dest") == "document"
        )
        if request.header("sec-fetch-site") in {"cross-site", "same-site"} and not follows_link:
            return "Requests from other sites are not answered."
        return ""

    def _is_own(self, origin: str, host: str) -> bool:
        """The origin is the address that was asked, or an https address of a named host that a proxy stands for."""
        try:
            parts = urlsplit(origin)
            asked = urlsplit(f"//{host}")
            usual = {"http": 80, "https": 443}[parts.scheme]
            origin_port, host_port = parts.port or usual, asked.port or usual
        except (KeyError, ValueError):
            return False
        if bare_host(parts.netloc) == bare_host(host) and origin_port == host_port:
            return True
        named = bare_host(parts.netloc) in self._hosts - LOCAL
        return named and parts.scheme == "https" and parts.port is None and bare_host(host) in LOCAL

    # ---------------------------------------------------------------- logins

    async def _user(self, request: _Request) -> str | None:
        if self._people is None:
            return None
        if (token := request.cookie(request.cookie_name)) and (name := self._people.who(token)):
            return name
        header = request.header("authorization")
        if header.lower().startswith("basic "):
            return await asyncio.to_thread(self._people.check_basic, header, request.address)
        if self._inner and secrets.compare_digest(request.header("x-dateline-inner"), self._inner):
            return "mcp"
        return None

    async def _log(self, request: _Request, receive: Receive, send: Send) -> None:
        assert self._people is not None
        if request.path.startswith("/logout"):
            self._people.log_out(request.cookie(request.cookie_name))
            gone = f"{request.cookie_name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
            await _reply(send, 303, "", headers={"location": "/", "set-cookie": gone})
            return
        if request.method != "POST":
            await _reply(send, 200, LOGIN.format(said=""), kind="text/html")
            return
        body = await _body(receive, 10_000)
        if body is None:
            await _reply(send, 413, "That is too long for a login.")
            return
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        name, password = (form.get(field, [""])[0] for field in ("username", "password"))
        name = name.strip()
        if wait := self._people.admit(name, request.address):
            said = f"Too many wrong passwords. Try again in {wait:.0f} s."
            await self._said(request, send, 429, said, {"retry-after": str(int(wait) + 1)})
        elif await asyncio.to_thread(self._people.check, name, password, request.address):
            secure = "; Secure" if request.scheme == "https" else ""
            token = self._people.log_in(name)
            cookie = f"{request.cookie_name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"
            if request.wants_page:
                await _reply(send, 303, "", headers={"location": "/", "set-cookie": cookie})
            else:
                await _reply(send, 200, {"success": True}, headers={"set-cookie": cookie})
        else:
            await self._said(request, send, 400, "Wrong name or password.")

    async def _unknown(self, request: _Request, send: Send) -> None:
        if request.method in {"GET", "HEAD"} and request.wants_page:
            await _reply(send, 200, LOGIN.format(said=""), kind="text/html", headers={"cache-control": "no-store"})
        else:
            await _reply(send, 401, "Log in first: POST username and password to /login, or send HTTP Basic.")

    async def _said(
        self, request: _Request, send: Send, status: int, said: str, headers: dict[str, str] | None = None
    ) -> None:
        if request.wants_page:
            await _reply(send, status, LOGIN.format(said=html.escape(said)), kind="text/html", headers=headers)
        else:
            await _reply(send, status, said, headers=headers)

    # ---------------------------------------------------------------- what passes

    async def _pass(self, request: _Request, scope: Scope, receive: Receive, send: Send) -> None:
        upload = request.path.startswith("/gradio_api/upload")
        most = self._most_upload if upload else MOST_BODY
        length = request.header("content-length")
        if length and (not length.isdecimal() or int(length) > most):
            await _reply(send, 413, f"That is more than {most / 1e6:.0f} MB.")
            return
        if not upload and request.method in {"POST", "PUT", "PATCH"}:
            body = await _body(receive, most)
            if body is None:
                await _reply(send, 413, f"That is more than {most / 1e6:.0f} MB.")
                return
            receive = _replay(body, receive)
        # A proxy may say which of the named hosts it stands for; nobody may say another.
        scope["headers"] = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"forwarded"
            and (name != b"x-forwarded-host" or bare_host(value.decode("latin-1")) in self._hosts)
        ]

        started = ended = False

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal started, ended
            started = True
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", ())}
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name, value) for name, value in HEADERS.items() if name not in given),
                ]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            # Gradio lets some bad requests fall through, such as a stream that it does not know.
            _log.exception("A request to %s failed", request.path)
            if started and not ended:
                await send({"type": "http.response.body", "body": _FAILED_STREAM})
            elif not started:
                await _reply(send, 400, "That request cannot be answered; the page's log says why.")


class _Request:
    """What the guard looks at."""

    def __init__(self, scope: Scope) -> None:
        self._headers: list[tuple[bytes, bytes]] = list(scope.get("headers", ()))
        self.path: str = scope.get("path", "/")
        self.method: str = scope.get("method", "GET")
        self.scheme: str = scope.get("scheme", "http")
        self.address = str((scope.get("client") or ("",))[0])
        #: One for each port, since cookies of a host are sent to all its ports.
        self.cookie_name = f"dateline-{(scope.get('server') or ('', 0))[1]}"

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode("latin-1") for given, value in self._headers if given == name.encode()]

    def header(self, name: str) -> str:
        """The first value of a header; "" when there is none. ASCII, for comparing secrets."""
        return next(iter(self.all(name)), "").encode("ascii", "replace").decode()

    def cookie(self, name: str) -> str:
        """A cookie's value; "" when there is none."""
        for given in self.all("cookie"):
            try:
                if (found := SimpleCookie(given).get(name)) is not None:
                    return found.value
            except CookieError:
                continue
        return ""

    @property
    def wants_page(self) -> bool:
        """Whether a person's browser asks, rather than a program."""
        return "text/html" in self.header("accept")


def bare_host(host: str) -> str:
    """A Host header, or what a person wrote, without port and brackets, lower case; "" for what is none."""
    try:
        parts = urlsplit(f"//{host.strip()}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return ""
    return (parts.hostname or "").lower()


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body, or None when it is longer."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once, and then what comes."""
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _reply(
    send: Send,
    status: int,
    said: str | dict[str, Any],
    *,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
) -> None:
    if kind == "application/json":
        said = json.dumps(said if isinstance(said, dict) else {"detail": said})
    body = str(said).encode()
    named: Iterable[tuple[str, str]] = {
        "content-type": f"{kind}; charset=utf-8",
        "content-length": str(len(body)),
        **(headers or {}),
    }.items()
    sent = [(name.encode(), value.encode("latin-1")) for name, value in named]
    await send({"type": "http.response.start", "status": status, "headers": [*sent, *HEADERS.items()]})
    await send({"type": "http.response.body", "body": body})

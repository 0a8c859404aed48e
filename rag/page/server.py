"""Runs an ASGI application on a socket of this machine, and makes one of a Gradio page.

Knows nothing about what the page shows.
"""

from __future__ import annotations

import errno
import html
import importlib
import importlib.util
import inspect
import json
import os
import re
import secrets
import shutil
import socket
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.errors import InputError
from rag.page.guard import USER, App

#: Visitors whose state is kept in memory: one for each tab and each call of the API, some 120 kB (Gradio keeps 10,000).
MOST_SESSIONS = 300
#: Visitors of whose questions Gradio keeps note; as many as it keeps messages for.
MOST_ASKING = 2000
#: What Gradio tells sites that show a preview of a link.
_FOREIGN = re.compile(rb'<meta\s[^>]*"(?:og|twitter):[^>]*>\s*')
#: Seconds after which uploaded files are removed, and between looks.
UPLOADS_LAST, UPLOADS_LOOK = 3600, 600


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        InputError: there is no such host on this machine, or the port is taken or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError, ValueError) as error:
        raise InputError(f"There is no host {host!r} to listen on.", "Use --host 127.0.0.1.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            said = f"Port {port} of {host} is taken.", "Stop what uses it, or take a free one with --port 0."
        elif error.errno == errno.EACCES:
            said = f"Port {port} may not be used.", "Take one above 1023, e.g. --port 7860."
        else:
            said = f"{host} is no address of this machine: {error.strerror}.", "Use --host 127.0.0.1."
        raise InputError(*said) from error
    return listening


def own_address(listening: socket.socket) -> str:
    """The address under which this machine's own programs reach it."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def import_gradio() -> None:
    """Import Gradio without what it does at each start for others, which takes half as long again.

    It writes type stubs of its components beside them, into the installed package; and it has matplotlib, where that
    is installed, ready to draw, which no page of ours does.
    """
    held_back = "matplotlib" not in sys.modules
    if held_back:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    usual = inspect.getfile

    def getfile(thing: Any) -> str:
        if type(thing).__name__ == "ComponentMeta":
            raise OSError  # of a class without a file it writes none
        return usual(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        importlib.import_module("gradio")
    finally:
        inspect.getfile = usual
        if held_back:  # an evaluation in the same process draws with it
            del sys.modules["matplotlib"]


def keep_uploads_in(folder: Path) -> None:
    """Have Gradio keep uploads in a folder that only its owner reads, empty at first; before a page is laid out.

    Its usual place is shared by all users of the machine.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)


def gradio_app(page: Any, listening: socket.socket, *, logged_in: bool, more: Any, **how: Any) -> tuple[App, str]:
    """A Gradio page as an ASGI application, with all switched off that it does not need.

    Args:
        page: a `gradio.Blocks`.
        logged_in: whether `rag.page.guard` puts a user into each request's scope.
        more: a `fastapi.APIRouter` of what is served beside the page.
        how: as for `gradio.mount_gradio_app`.

    Returns:
        The application, and the secret that the page's requests to itself carry.
    """
    import fastapi
    import gradio as gr

    inner = secrets.token_urlsafe(32)
    page.state_session_capacity = MOST_SESSIONS
    _keep_little(page._queue)
    page.delete_cache = (UPLOADS_LOOK, UPLOADS_LAST)
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(more)
    links: list[Any] = ["api", *([{"label": "Log out", "url": "/logout"}] if logged_in else [])]
    gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=links,
        run_history=False,
        auth_dependency=(lambda request: request.scope.get(USER)) if logged_in else None,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=importlib.util.find_spec("mcp") is not None,
        **how,
    )
    _tell_bad_calls(app.routes[-1].app)  # the mounted page
    if page.mcp_server_obj:
        _connect_tools(page.mcp_server_obj, own_address(listening), inner)
    return _with_own_head(app, page.title), inner


def _keep_little(queue: Any) -> None:
    """Have Gradio's queue keep nothing of questions that were answered; before it serves.

    For a dashboard that is switched off it makes statistics of the last 10,000 events after each one, in a DataFrame;
    and of each visitor it keeps an empty set for good.
    """
    from gradio.utils import LRUCache

    queue.ANALYTICS_MAX_EVENTS, queue.ANAYLTICS_CACHE_FREQUENCY = 1, sys.maxsize
    queue.pending_event_ids_session = LRUCache(MOST_ASKING)


def _with_own_head(app: App, title: str) -> App:
    """The application, its page titled, and without what Gradio says of itself to other sites (name, picture)."""
    head = f"<head><title>{html.escape(title)}</title>".encode()

    async def own(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        started: dict[str, Any] = {}
        body = bytearray()

        async def hold(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                said = _FOREIGN.sub(b"", bytes(body)).replace(b"<head>", head, 1)
                headers = [pair for pair in started["headers"] if pair[0].lower() != b"content-length"]
                await send({**started, "headers": [*headers, (b"content-length", str(len(said)).encode())]})
                await send({"type": "http.response.body", "body": said})

        plain = [pair for pair in scope["headers"] if pair[0].lower() != b"accept-encoding"]
        await app({**scope, "headers": plain}, receive, hold)

    return own


def _tell_bad_calls(app: Any) -> None:
    """What Gradio raises for a function that is not there, or one without its arguments, is the caller's mistake."""
    from fastapi.responses import JSONResponse
    from gradio.route_utils import FnIndexInferError

    async def unknown(*_: object) -> Any:
        return JSONResponse({"detail": "There is no such function; GET /gradio_api/info lists them."}, 404)

    async def wrong(_: object, error: Exception) -> Any:
        return JSONResponse({"detail": f"{error} GET /gradio_api/info lists the arguments."}, 400)

    app.add_exception_handler(FnIndexInferError, unknown)
    app.add_exception_handler(KeyError, unknown)
    app.add_exception_handler(ValueError, wrong)
    app.add_exception_handler(TypeError, wrong)


def _connect_tools(tools: Any, address: str, inner: str) -> None:
    """Let Gradio's MCP server reach the page at its own address, past the guard, and give its results as JSON.

    Users' logins go along with calls.
    """
    from gradio_client import Client

    def client() -> Any:
        if tools._client_instance is None:
            tools._client_instance = Client(
                address,
                download_files=False,
                verbose=False,
                analytics_enabled=False,
                _skip_components=False,
                headers={"x-gradio-user": "mcp", "x-dateline-inner": inner},
            )
        return tools._client_instance

    def as_json(data: Any, _address: str) -> list[Any]:
        return [tools.types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False)) for value in data]

    tools._get_or_create_client = client
    tools.postprocess_output_data = as_json


def run(
    app: App, listening: socket.socket, *, open_browser: bool = False, then: Callable[[], None] = lambda: None
) -> None:
    """Serve until interrupted, and say where.

    Args:
        then: called once the page can be opened.
    """
    import uvicorn

    address = own_address(listening)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            sys.stdout.write(f"Dateline is at {address}\nStop it with Ctrl+C.\n")
            sys.stdout.flush()
            if open_browser:
                webbrowser.open(address)
            then()

    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="on")
    try:
        Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        sys.stdout.write("Stopped.\n")

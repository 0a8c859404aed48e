"""`rag chat` and `rag password`: the page and those who may open it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import click

from rag.cli.console import _say, index_option, model_option
from rag.resources import resource
from rag.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on; any but this machine's own needs --auth.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    help="A name that the page answers to besides this machine's own, e.g. behind a proxy; may be repeated.",
)
@click.option("--auth", help="Who may use the page: name:password, several with commas, or @FILE (DATELINE_AUTH).")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--open/--no-open", "open_browser", default=None, help="Open the page in a browser.")
@click.option("--fetch", is_flag=True, help="Without --model: fetch the best model for this machine meanwhile.")
@model_option
@index_option
def chat(
    host: str | None,
    allowed_hosts: tuple[str, ...],
    auth: str | None,
    port: int | None,
    open_browser: bool | None,
    fetch: bool,
    model: str | None,
    index_dir: Path | None,
) -> None:
    """Open the chat page."""
    page = runpy.run_path(str(resource("app.py")))
    named = ",".join(allowed_hosts) or None
    settings = Settings.load(index_dir=index_dir, model=model, host=host, port=port, auth=auth, allowed_hosts=named)
    page["serve"](settings, open_browser=sys.stdout.isatty() if open_browser is None else open_browser, fetch=fetch)


@click.command()
@click.argument("name")
@click.password_option(help="Asked for when it is not given; given here, other users of the machine may see it.")
def password(name: str, password: str) -> None:
    """Print a line for the file of --auth @FILE, with the password hashed."""
    from rag.page.people import hash_password, read_people

    line = f"{name.strip()}:{hash_password(password)}"
    read_people(line)
    _say(line)

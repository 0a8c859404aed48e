"""`rag watch`: feeds, pages and folders that are looked at again and again."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Event
from typing import Any

import click

from rag.cli.console import _say, index_option
from rag.errors import InputError
from rag.settings import Settings


@click.command()
@click.argument("inputs", nargs=-1, metavar="[PATH|URL …]")
@click.option("--every", type=click.IntRange(1), metavar="MINUTES", help="Minutes between two looks; default 15.")
@click.option("--once", is_flag=True, help="Look at everything once, and end.")
@click.option("--list", "listing", is_flag=True, help="Show what is watched, and end.")
@click.option("--remove", is_flag=True, help="Watch the inputs no more, and end; their articles stay.")
@click.option("--allow-private-urls", is_flag=True, default=None, help="Let a URL point to this machine or network.")
@index_option
def watch(
    inputs: tuple[str, ...],
    every: int | None,
    once: bool,
    listing: bool,
    remove: bool,
    allow_private_urls: bool | None,
    index_dir: Path | None,
) -> None:
    """Look at feeds, pages and folders again and again, and index what is new in them.

    What is named is kept with the index, so the next time `rag watch` alone goes on with it; the chat page shows it
    too, and what was found. Ctrl+C ends it once the look that has begun is finished.
    """
    from rag.indexing.watch import USUAL, WatchList

    settings = Settings.load(index_dir=index_dir, allow_private_urls=allow_private_urls)
    kept = WatchList(settings.index_dir)
    if remove:
        if not inputs:
            raise InputError("Nothing to remove was named.", "See what is watched with: rag watch --list")
        for what in inputs:
            _say(f"{what}: {'watched no more' if kept.remove(what) else 'was not watched'}")
        return
    for what in inputs:
        kept.add(what, every * 60 if every else USUAL)
    if listing:
        for each in kept.all():
            _say(f"{each.what}  every {each.every // 60} min  {each.looked or 'never looked at'}  {each.said}".rstrip())
        return
    if not kept.all():
        raise InputError(
            "Nothing is watched.", "Name a feed or a folder, e.g.: rag watch https://news.example/feed.xml"
        )
    _go_on(settings, once)


def _go_on(settings: Settings, once: bool) -> None:
    from rag.indexing.watch import watch as look
    from rag.models.embedder import SentenceTransformerEmbedder

    stop = Event()

    def end(*_: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # asked twice: at once
        stop.set()
        _say("Stopping once this look is finished; Ctrl+C again stops at once.", err=True)

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        look(settings, stop, _say, embedder=SentenceTransformerEmbedder(settings.embedding_model), once=once)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if stop.is_set():
        _say("Stopped. What was found is in the index.")

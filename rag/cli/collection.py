"""`rag index` and `rag status`: what the index is made of."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.cli.console import ProgressBar, _say, index_option, table
from rag.errors import InputError
from rag.escapes import for_json
from rag.resources import resource
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.indexing.build import IndexReport


@click.command()
@click.argument("inputs", nargs=-1, metavar="PATH|URL …")
@click.option("--sample", is_flag=True, help="Index the bundled sample of 14 briefs.")
@click.option("--prune", is_flag=True, help="Delete articles whose file vanished from the given folders.")
@click.option("--rebuild", is_flag=True, help="Build anew, e.g. for another embedding model; swapped in at the end.")
@click.option("--from-index", type=click.Path(path_type=Path), help="Copy another index here; with --rebuild, anew.")
@click.option("--allow-private-urls", is_flag=True, default=None, help="Let a URL point to this machine or network.")
@index_option
def index(
    inputs: tuple[str, ...],
    sample: bool,
    prune: bool,
    rebuild: bool,
    from_index: Path | None,
    allow_private_urls: bool | None,
    index_dir: Path | None,
) -> None:
    """Read articles and add them to the index.

    Takes .txt, .md, .html, .pdf, .docx, .epub, .eml, .mbox, .mhtml, .json, .jsonl, .csv, .tsv, .warc, .zip, RSS, Atom
    and JSON feeds, sitemaps, web pages, and folders of these. Unchanged articles are skipped; of two versions the newer
    is shown and the older kept. Exit status 1 when an input was refused; the others are indexed.
    """
    from rag.articles import load
    from rag.indexing.build import build_index

    settings = Settings.load(index_dir=index_dir, allow_private_urls=allow_private_urls)
    given = [*inputs, *([str(resource("samples", "briefs"))] if sample else [])]
    if from_index is not None:
        if given or prune:
            raise InputError(
                "--from-index copies an index and nothing else.", "Leave the other inputs for a second run."
            )
        _copy(from_index, settings, anew=rebuild)
        return
    if not given or not all(each.strip() for each in given):
        raise InputError("Nothing to index was given.", "Name files, folders or URLs, or use: rag index --sample")
    notes: list[str] = []
    with _interruptible(), ProgressBar() as bar:
        report = build_index(
            load(
                given,
                allow_private_urls=settings.allow_private_urls,
                cache=settings.cache_dir / "pages",
                note=notes.append,
                progress=bar.show,
            ),
            settings,
            inputs=given,
            prune=prune,
            rebuild=rebuild,
            progress=bar.show,
        )
    _print_report(report, settings)
    for line in notes:
        _say(line)
    if report.refusals:
        sys.exit(1)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends with a word about what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        _say("\nInterrupted. What is saved stays; the same command goes on where it was.", err=True)
        sys.exit(130)


def _copy(source: Path, settings: Settings, *, anew: bool) -> None:
    """Copy an index to the one of the settings, or embed its articles anew there."""
    from rag.indexing.build import build_index
    from rag.indexing.move import articles_of, copy_index

    with ProgressBar() as bar:
        if anew:
            report = build_index(articles_of(source, settings), settings, progress=bar.show)
        else:
            copied, there = copy_index(source, settings, bar.show)
    if anew:
        _print_report(report, settings)
    else:
        _say(f"{copied} articles copied to {settings.index_dir}; {there} were there already")


def _print_report(report: IndexReport, settings: Settings) -> None:
    counts = [f"{len(getattr(report, name))} {name}" for name in ("added", "replaced", "unchanged", "pruned")]
    _say(f"{', '.join(counts)}; {report.passages} passages in {settings.index_dir} ({report.seconds:.1f} s)")
    for twin, kept in report.near_duplicates:
        _say(f"Near-duplicate: {twin} repeats {kept}; results show one of them.")
    for newer, older, changes in report.updates:
        _say(f"Update: {newer} tells the story of {older} with other values ({changes}); results show both.")
    for old, new in report.renamed:
        _say(f"Renamed: {old} was taken by another file, so this one is {new}.")
    for refusal in report.refusals:
        _say(f"Refused: {refusal.origin}: {refusal.reason} {refusal.hint}".rstrip(), fg="red", err=True)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--articles", is_flag=True, help="List every article too.")
@index_option
def status(as_json: bool, articles: bool, index_dir: Path | None) -> None:
    """Show what is in the index."""
    from rag.indexing.build import index_status

    found = index_status(Settings.load(index_dir=index_dir), rows=as_json or articles)
    if as_json:
        _say(for_json(asdict(found), indent=2))
        return
    _say(table(found, skip={"rows"}))
    if articles:
        for row in found.rows:
            _say(f"  {row.published or '----------'}  {row.source:<24}  {row.passages:>4}  {row.id}  {row.title}")

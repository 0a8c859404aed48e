"""What every command shares: printing, errors as exit codes, the options for index and model, progress bars."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rag.errors import RagError
from rag.escapes import for_terminal
from rag.settings import EMBEDDED_MODEL, EXTRACTS

if TYPE_CHECKING:
    from rag.types import Progress

F = TypeVar("F", bound=Callable[..., Any])


def _say(text: object = "", *, nl: bool = True, err: bool = False, **style: Any) -> None:
    """Print; nothing that articles or models say does anything to the terminal."""
    click.secho(for_terminal(str(text)), nl=nl, err=err, **style)


class Group(click.Group):
    """Turns the package's errors into one clear message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RagError as error:
            _say(f"Error: {error.message}", fg="red", err=True)
            if error.hint:
                _say(f"Next: {error.hint}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # The reader of our output went away (`rag ask … | head -1`); that is no fault.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


def index_option(command: F) -> F:
    return click.option(
        "--index",
        "index_dir",
        type=click.Path(path_type=Path),
        help="Folder of the index, or milvus://HOST:PORT/NAME (DATELINE_INDEX_DIR).",
    )(command)


def model_option(command: F) -> F:
    return click.option(
        "--model",
        help=f"{EMBEDDED_MODEL} (embedded), {EXTRACTS} (no language model), a preset, a .gguf file, or the URL of an "
        "OpenAI-compatible endpoint.",
    )(command)


class ProgressBar:
    """tqdm bars with count, total, rate and time left: bytes read, articles indexed, characters of a long one."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def show(self, progress: Progress) -> None:
        from tqdm import tqdm

        name = f"{progress.stage} {progress.unit}"
        if progress.unit == "articles" and not progress.total and "reading bytes" in self._bars:
            self._bars["reading bytes"].set_postfix_str(f"{progress.done} articles", refresh=False)
            return
        bar = self._bars.get(name)
        if bar is None:
            scaled = progress.unit in {"bytes", "characters"}
            unit = "B" if progress.unit == "bytes" else f" {progress.unit}"
            # A file takes one bar after the other: it has no cursor to move up.
            place = None if sys.stderr.isatty() else 0
            bar = tqdm(
                total=progress.total, desc=progress.stage, unit=unit, unit_scale=scaled, file=sys.stderr, position=place
            )
            self._bars[name] = bar
        bar.total = progress.total
        bar.update(progress.done - bar.n)
        if progress.done == progress.total and progress.stage == "embedding":
            self._bars.pop(name).close()


def table(value: object, skip: set[str]) -> str:
    assert is_dataclass(value) and not isinstance(value, type)
    rows = {name.replace("_", " "): item for name, item in asdict(value).items() if name not in skip}
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {_flat(item)}" for name, item in rows.items())


def _flat(item: object) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key or 'none named'}: {value}" for key, value in item.items()) or "none"
    if isinstance(item, Sequence) and not isinstance(item, str):
        return ", ".join(map(_flat, item)) or "none"
    return "unknown" if item is None else str(item)

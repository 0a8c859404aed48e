"""What `rag eval` does: find the gold set and the index, run, compare with the thresholds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rag.evaluation.gold import check_quotes, read_gold
from rag.evaluation.runner import Report, format_table, run, write
from rag.evaluation.thresholds import violations
from rag.resources import resource
from rag.settings import EXTRACTS, Settings
from rag.types import Progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run, its table, and the thresholds it violates."""

    report: Report
    table: str
    violations: tuple[str, ...]


def evaluate(
    settings: Settings,
    *,
    gold: Path | None = None,
    retrieval_only: bool = False,
    limit: int | None = None,
    out: Path | None = None,
    thresholds: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Run a gold set against the index of the settings.

    Args:
        gold: default: the bundled set, asked of the bundled sample in a temporary index.
        thresholds: default: eval/thresholds.toml for the bundled set in full; none for another.

    Raises:
        RagError: the gold set, the index, the model or the thresholds cannot be used.
    """
    from rag.answering.bot import Bot

    bundled = gold is None
    path = gold or resource("eval", "gold", "briefs.jsonl")
    read_gold(path)  # a faulty file is told before anything is loaded
    with tempfile.TemporaryDirectory() as folder:
        if bundled:
            settings = replace(settings, index_dir=Path(folder, "index"))
            _index_sample(settings, progress)
        opened = replace(settings, model=EXTRACTS) if retrieval_only else settings
        with Bot.open(settings=opened) as bot:
            items = read_gold(path, {row.id for row in bot.retriever.articles()})
            check_quotes(items, lambda id_: bot.retriever.article(id_).text)
            report = run(items, bot, model=bot.model, limit=limit, retrieval_only=retrieval_only, progress=progress)
    if out:
        write(report, out)
    broken: list[str] = []
    if thresholds or (bundled and limit is None):
        table = "retrieval" if retrieval_only else EXTRACTS if report.model == EXTRACTS else "model"
        broken = violations(report, thresholds or resource("eval", "thresholds.toml"), f"{path.stem}.{table}")
    return Outcome(report, format_table(report), tuple(broken))


def _index_sample(settings: Settings, progress: Callable[[Progress], None] | None) -> None:
    from rag.articles import load
    from rag.indexing.build import build_index

    build_index(load([resource("samples", "briefs")]), settings, progress=progress)

"""`rag eval …`: gold sets, runs, comparisons, thresholds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from rag.cli.console import Group, ProgressBar, _say, index_option, model_option
from rag.errors import InputError
from rag.escapes import for_json
from rag.settings import Settings


class _Eval(Group):
    """`rag eval …` without a subcommand is `rag eval run …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("eval", cls=_Eval)
def eval_group() -> None:
    """Measure answers against a gold set; without a command: run."""
    missing = [name for name in ("jsonschema", "junitparser", "matplotlib", "scipy") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"rag eval needs what is not installed: {', '.join(missing)}.",
            "Install it with: pip install 'dateline-rag[eval]'",
        )


@eval_group.command("gold-from-feedback")
@click.option("--feedback", type=click.Path(path_type=Path), help="The page's feedback.jsonl; default: the user's own.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default: print.")
def gold_from_feedback(feedback: Path | None, out: Path | None) -> None:
    """Turn thumbs and corrections of the chat page into draft gold items for a person to confirm.

    A draft says under "confirm" what to look at, and is refused by `rag eval` until its "draft" field is removed.
    """
    from rag.page.feedback import draft_gold, read

    drafts = draft_gold(read(feedback or Settings.load().data_dir / "feedback.jsonl"))
    text = "".join(for_json(draft) + "\n" for draft in drafts)
    if out is None:
        _say(text, nl=False)
        return
    if out.exists():
        raise InputError(f"{out} is there already.", "Name another file, so that no confirmed item is lost.")
    out.write_text(text, encoding="utf-8")
    _say(f"{len(drafts)} drafts in {out}. Confirm each, then remove its fields draft, confirm, said and time.")


@eval_group.command("run")
@click.argument("gold", required=False, type=click.Path(path_type=Path))
@click.option("--retrieval-only", is_flag=True, help="Measure the search alone.")
@click.option("--limit", type=int, help="Only N questions: the first, or with --seed drawn at random.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Questions asked at once (extracts or an endpoint).")
@click.option("--seed", type=int, help="Of the draw and of the bootstrap.")
@click.option("--controls/--no-controls", default=None, help="Control arms; default: in full runs.")
@click.option("--fresh", is_flag=True, help="Ask everything again, also what did not change.")
@click.option("--entailment", metavar="MODEL", help="CrossEncoder trained on NLI, for ALCE's citation measures.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; default: a new one in the data folder.")
@click.option(
    "--thresholds",
    type=click.Path(path_type=Path),
    help="Thresholds to hold; default: eval/thresholds.toml when the bundled gold set is used.",
)
@model_option
@index_option
def eval_run(gold: Path | None, model: str | None, index_dir: Path | None, **how: Any) -> None:
    """Measure answers against a gold set; exit status 1 below the thresholds.

    GOLD is a file, or the name of a bundled set: briefs (the default), rewordings or open, asked of the bundled sample
    in an index of its own. Answers are kept, so an interrupted run goes on where it was and what did not change is not
    asked again. The folder holds results.jsonl,
    summary.json, junit.xml and report.html.
    """
    from rag.evaluation.command import evaluate, format_table

    settings = Settings.load(index_dir=index_dir, model=model)
    try:
        with ProgressBar() as bar:
            outcome = evaluate(settings, gold=gold, progress=bar.show, **how)
    except KeyboardInterrupt:
        again = "the same command without --fresh" if how["fresh"] else "the same command"
        told = "" if how["retrieval_only"] else f" What was answered is kept: {again} goes on from here."
        _say(f"Stopped.{told}", err=True)
        sys.exit(130)
    _say(format_table(outcome.report))
    _say(f"\nReport: {outcome.folder / 'report.html'}")
    _below(outcome.violations)


@eval_group.command("compare")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--measure", "measures", multiple=True, help="Measure to look at; the first decides. May be repeated.")
@click.option("--seed", type=int, default=0, help="Of the bootstrap and the permutations.")
def eval_compare(before: Path, after: Path, measures: tuple[str, ...], seed: int) -> None:
    """Compare two runs over the same questions, pair by pair.

    Exit status: 0 no worse, 1 worse on a measure (p < .05), 2 wrong use, 3 not comparable.
    """
    from rag.evaluation.compare import compare, format_differences, unpaired
    from rag.evaluation.folder import read_run

    runs = read_run(before), read_run(after)
    found = compare(*runs, measures, seed=seed)
    _say("\n".join([format_differences(found), *unpaired(*runs)]))
    if any(difference.worse for difference in found):
        sys.exit(1)


@eval_group.command("speakers")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
def eval_speakers(runs: tuple[Path, ...]) -> None:
    """Put RUNS of several models over one gold set beside each other, with their answer times."""
    from rag.evaluation.compare import format_speakers
    from rag.evaluation.folder import read_run

    _say(format_speakers([read_run(run) for run in runs]))


@eval_group.command("bless")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=Path("eval/baseline"),
    help="Folder of the baseline; default: eval/baseline.",
)
def eval_bless(run: Path, baseline: Path) -> None:
    """Make RUN the baseline that later runs are compared with; a person must say so at a terminal."""
    from rag.evaluation.folder import bless, read_run

    found = read_run(run)
    if not sys.stdin.isatty():
        raise InputError("A baseline is blessed by a person.", "Run this command at a terminal and confirm there.")
    _say(f"{found.model}: " + ", ".join(f"{n} {m.value:.3f}" for n, m in list(found.summary.items())[:12]))
    click.confirm(f"Make this the baseline in {baseline}?", abort=True)
    bless(found, baseline)
    _say(f"Compare later runs with: rag eval compare {baseline} RUN")


@eval_group.command("gate")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--thresholds", type=click.Path(path_type=Path), help="Default: eval/thresholds.toml.")
def eval_gate(run: Path | None, thresholds: Path | None) -> None:
    """Hold RUN (default: the newest in the data folder) against thresholds.

    Exit status 1 and a line for each that is violated; 3 for a run of a part of its gold set.
    """
    from rag.evaluation.command import gate, newest_run

    if run is None:
        run = newest_run(Settings.load())
        _say(f"Run: {run}")
    _below(gate(run, thresholds))
    _say("All thresholds hold.")


@eval_group.command("calibrate")
@click.argument("gold", required=False, type=click.Path(path_type=Path))
@click.option(
    "--most-withheld",
    type=click.FloatRange(0, 1),
    help="Highest threshold that refuses at most this share of the answerable; default: the best balance (Youden).",
)
@model_option
@index_option
def eval_calibrate(gold: Path | None, most_withheld: float | None, model: str | None, index_dir: Path | None) -> None:
    """Choose the abstention threshold on the dev half of a gold set and report on the test half."""
    from rag.evaluation.calibrate import format_calibration
    from rag.evaluation.command import choose_threshold

    settings = Settings.load(index_dir=index_dir, model=model)
    try:
        with ProgressBar() as bar:
            found, in_use = choose_threshold(settings, gold=gold, most_withheld=most_withheld, progress=bar.show)
    except KeyboardInterrupt:
        _say("Stopped. What was answered is kept: the same command goes on from here.", err=True)
        sys.exit(130)
    _say(format_calibration(found, in_use))


@eval_group.command("validate")
@click.argument("gold", type=click.Path(path_type=Path))
@index_option
def eval_validate(gold: Path, index_dir: Path | None) -> None:
    """Name the line and field of every fault of a gold set; exit status 2 when there is one.

    With --index, evidence articles and quotes are looked up there too.
    """
    from rag.evaluation.gold import faults

    if index_dir is None:
        items, found = faults(gold)
        _say("Articles and quotes were not looked up; name the index with --index DIR.", err=True)
    else:
        from rag.retrieval.retriever import Retriever

        with Retriever.open(settings=Settings.load(index_dir=index_dir)) as retriever:
            ids = {row.id for row in retriever.articles()}
            items, found = faults(gold, ids, lambda id_: retriever.article(id_).text)
    for fault in found:
        _say(f"{gold}, {fault}")
    if found:
        _say(f"{len(found)} {'fault' if len(found) == 1 else 'faults'}")
        sys.exit(2)
    unanswerable = [item for item in items if not item.answerable]
    near = sum(item.unanswerable_kind == "near_miss" for item in unanswerable)
    _say(
        f"{len(items)} questions, {len(items) - len(unanswerable)} answerable, {len(unanswerable)} not, "
        f"{near} of those near misses; {sum(item.split == 'dev' for item in items)} dev"
    )
    if near * 2 < len(unanswerable):
        _say("At least half of the unanswerable questions should be near misses: they are the hard ones.")


@eval_group.command("import")
@click.argument("kind", type=click.Choice(["squad", "realtimeqa", "multihop-rag", "rgb"]))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for articles.jsonl and gold.jsonl.")
@click.option("--limit", type=click.IntRange(1), help="Draw N questions at random; all articles stay.")
@click.option("--seed", type=int, default=0, help="Of the draw.")
def eval_import(kind: str, files: tuple[Path, ...], out: Path, limit: int | None, seed: int) -> None:
    """Turn a public question set into articles and a gold set; eval/README.md says which files each takes."""
    from rag.evaluation.public import convert

    articles, questions = convert(kind, files, out, limit=limit, seed=seed)
    _say(
        f"{articles} articles, {questions} questions in {out}. Go on with:\n"
        f"  rag index {out / 'articles.jsonl'} --index {out / 'index'}\n"
        f"  rag eval run {out / 'gold.jsonl'} --index {out / 'index'}"
    )


def _below(violations: Sequence[str]) -> None:
    for line in violations:
        _say(f"Below threshold: {line}", fg="red", err=True)
    if violations:
        sys.exit(1)

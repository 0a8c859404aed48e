"""The HTML report of a run: one file, no script, nothing fetched. Knows nothing about how the run was made."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from rag.evaluation.nuggets import fold, holds
from rag.evaluation.runner import LOWER_IS_BETTER, OF_KINDS, Report, Result

#: Passages of a wrong answer that are shown at once; the others are folded.
SHOWN_PASSAGES = 4
_INK, _LINE = "#1d4ed8", "#78716c"


def to_html(report: Report) -> str:
    """The report as one HTML page; every text of an article or a model is escaped."""
    from jinja2 import Environment

    template = files("rag.evaluation").joinpath("report.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    curve = report.risk_coverage()
    seconds = [r.answer.timings["total"] for r in report.results if r.answer and "total" in r.answer.timings]
    return page.render(
        report=report,
        lower=LOWER_IS_BETTER,
        of_kinds=OF_KINDS,
        arms={"this run": report.summary, **report.controls},
        arm_measures=_arm_measures(report),
        wrong=[_case(result) for result in report.results if result.wrong],
        answered=sum(bool(r.answer and not r.answer.abstained) for r in report.results),
        cached=sum(r.cached for r in report.results),
        curve=_curve(curve[0], curve[1]) if curve and len(curve[0]) > 1 else "",
        latency=_histogram(seconds) if len(seconds) > 1 else "",
    )


def _arm_measures(report: Report) -> list[str]:
    shared = set.intersection(*(set(summary) for summary in report.controls.values())) if report.controls else set()
    return [name for name in report.summary if name in shared and not name.startswith(("recall", "hits", "mrr", "map"))]


def _case(result: Result) -> dict[str, Any]:
    hits = result.answer.hits if result.answer and result.answer.hits else result.hits
    passages = [{"hit": hit, "evidence": hit.passage.article.id in result.item.articles} for hit in hits]
    return {
        "result": result,
        "answers": [" / ".join(aliases) for aliases in result.item.answers],
        "nuggets": _nuggets(result),
        "short": result.short,
        "passages": passages[:SHOWN_PASSAGES],
        "folded": passages[SHOWN_PASSAGES:],
    }


def _nuggets(result: Result) -> list[dict[str, Any]]:
    """Each nugget, whether it is vital and whether the answer holds it."""
    folded = fold(result.text)
    return [{"nugget": n, "found": holds(folded, n)} for n in result.item.nuggets]


def _curve(coverage: Sequence[float], risk: Sequence[float]) -> Any:
    figure, axes = _figure(
        "coverage: share of all questions asked, surest first", "risk: share wrong among the answered"
    )
    axes.step([0, *coverage], [risk[0], *risk], where="pre", color=_INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, min(1, max(risk) * 1.15 + 0.02))
    return _svg(figure, "Risk by coverage")


def _histogram(seconds: Sequence[float]) -> Any:
    figure, axes = _figure("seconds to the whole answer", "questions")
    axes.hist(seconds, bins=min(30, max(5, len(seconds) // 4)), color=_INK)
    return _svg(figure, "Answer times")


def _figure(x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_LINE)
    return figure, axes


def _svg(figure: Any, title: str) -> Any:
    """The figure as SVG that may stand in a page; our own numbers alone are in it."""
    from markupsafe import Markup

    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Title": title, "Date": None}, transparent=True)
    svg = out.getvalue()[out.getvalue().index("<svg") :]
    # matplotlib gives each figure the same ids; in one page they must differ.
    own = re.sub(r"\W+", "-", title.lower())
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', rf"\g<1>{own}-", svg)
    svg = re.sub(r"<svg ", f'<svg role="img" aria-label="{title}" ', svg, count=1)
    return Markup(svg)

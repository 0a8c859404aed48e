"""What each part that changes ranking or wording is worth: the questions asked with it and without, paired.

python benchmarks/ablations.py            # one row for each part; eval/README.md has the table

The questions are the bundled ones (briefs and open; right or not) and those of tests/test_news_sense.py, which were
written with the parts and say what each is for, not how well it does elsewhere.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from rag.answering import bot as bots
from rag.answering import extracts, finding, fitting, timeline, understand
from rag.answering.bot import Bot
from rag.answering.show import show_answer
from rag.articles import load
from rag.evaluation.gold import read_gold
from rag.evaluation.metrics import bootstrap
from rag.evaluation.runner import answer_measures
from rag.indexing.build import build_index
from rag.models.embedder import SentenceTransformerEmbedder
from rag.resources import resource
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Citation, Claim, Hit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from test_news_sense import ASKS, SETS, is_right, write_set


def _as_it_is(citation: Citation, part: int, hits: Sequence[Hit] = ()) -> Claim:
    return Claim(citation.quote, (citation,), part=part)


#: Part -> what stands in its place: module, name, replacement.
PARTS: Mapping[str, Sequence[tuple[Any, str, Any]]] = {
    "numbers must measure what is asked; names for persons": [
        (fitting, "fits", lambda query, row: True),
        (finding, "_places_of_kind", lambda *given: None),
    ],
    "what is denied, and who did it to whom": [(finding, "opposing", lambda query, rows: (set(), set()))],
    "rows and columns of tables": [(finding, "asked_in_tables", lambda query, rows: {})],
    "the office that is asked for": [(fitting, "_holds_office", lambda *given: False)],
    "events for summaries and timelines": [
        (bots, "asked_topic", lambda text: None),
        (bots, "summary", lambda f, e, n: e),
    ],
    "latest and first": [(finding, "in_time", lambda ranked, order: list(ranked))],
    "times out of the question": [(understand, "understand_time", lambda *given: None)],
    "short answers of each sentence of a list": [(extracts, "asks_for_all", lambda text: False)],
    "outlets out of the question": [(understand, "sources_named", lambda text, known: ((), text))],
    "speakers out of the question": [(understand, "asked_speaker", lambda text: None)],
    "several questions in one": [(understand, "parts", lambda text: (text,))],
    "background told from what is asked": [(understand, "asked", lambda text: (text, ""))],
    "orders and noun phrases as plain questions": [(understand, "bare", lambda text: text)],
    "misspelt words": [(bots, "corrections", lambda *given: {})],
    "counts over the index": [(bots, "count", lambda *given: ((), ()))],
    "corrections in place of what they correct": [(finding, "_corrected", lambda rows, values: values)],
    "share of words where the reader does not know the language": [(finding, "_foreign", lambda r, q, values: values)],
    "whole dates, numbers and lists of names": [
        (finding, "whole_span", lambda text, start, end, *given: (start, end)),
        (finding, "before_verb", lambda text, start, end: end),
    ],
    "numbers and days that differ": [(finding, "values_of", lambda *given: ())],
    "names, yes and no that differ": [(finding, "accounts_of", lambda *given: ())],
    "the sentence that names": [(extracts, "quoted", _as_it_is), (timeline, "quoted", _as_it_is)],
    "what an earlier version said": [(bots, "said_earlier", lambda *given: ())],
}


@contextmanager
def without(part: str) -> Iterator[None]:
    """The product without one of PARTS; "" takes nothing away."""
    kept = [(module, name, getattr(module, name)) for module, name, _ in PARTS.get(part, ())]
    for module, name, instead in PARTS.get(part, ()):
        setattr(module, name, instead)
    try:
        yield
    finally:
        for module, name, was in kept:
            setattr(module, name, was)


_Said: TypeAlias = "tuple[float, str]"
"""Whether an answer is right, in [0, 1], and how it reads."""


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which computes nothing twice: most parts leave most of what is read as it was."""
    known: dict[str, Any] = {}

    def remembered(*given: Any, **named: Any) -> Any:
        key = repr((given, sorted(named.items())))
        if key not in known:
            known[key] = function(*given, **named)
        return known[key]

    return remembered


def _bundled(retriever: Retriever, parts: Any, most: int) -> Callable[[], list[_Said]]:
    bot = Bot.around(retriever, retriever.settings, parts=parts)
    gold = [item for name in ("briefs", "open") for item in read_gold(resource("eval", "gold", f"{name}.jsonl"))]
    gold = gold[:: max(1, len(gold) // most)]

    def ask() -> list[_Said]:
        answers = [bot.ask(item.question) for item in gold]
        rights = [answer_measures(item, answer).get("right", 0.0) for item, answer in zip(gold, answers, strict=True)]
        return list(zip(rights, map(show_answer, answers), strict=True))

    return ask


def _cell(whole: Sequence[_Said], less: Sequence[_Said]) -> str:
    """The mean difference with its interval, and how many answers read otherwise."""
    gains = [a[0] - b[0] for a, b in zip(whole, less, strict=True)]
    low, high = bootstrap(gains, bounds=(-1.0, 1.0))
    other = sum(a[1] != b[1] for a, b in zip(whole, less, strict=True))
    return f"{sum(gains) / len(gains):+.3f} ({low:+.3f} to {high:+.3f}) | {other} of {len(gains)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1000, help="bundled questions to ask, drawn evenly")
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    with tempfile.TemporaryDirectory() as temporary:
        opened = {}
        for name in ("", *SETS):
            folder = Path(temporary) / (name or "briefs")
            folder.mkdir()
            settings = Settings.load({}, index_dir=folder / "index", model="extracts")
            source = resource("samples", "briefs") if not name else write_set(name, folder)
            build_index(load([source]), settings, embedder=embedder)
            opened[name] = Retriever.open(settings=settings, embedder=embedder)
        first = Bot.around(opened[""], opened[""].settings)
        parts = first.reader, first.judge
        searches = [(retriever, "search") for retriever in opened.values()]
        for model, method in ((first.reader, "read"), (first.judge, "judge"), *searches):
            setattr(model, method, _remembering(getattr(model, method)))
        bundled = _bundled(opened[""], parts, options.most)
        asked = {name: Bot.around(opened[name], opened[name].settings, parts=parts) for name in SETS}

        def written() -> list[_Said]:
            answers = [asked[ask.articles].ask(ask.question) for ask in ASKS]
            return [(float(is_right(a, ask)), show_answer(a)) for a, ask in zip(answers, ASKS, strict=True)]

        rows = {}
        for part in ("", *PARTS):
            with without(part):
                rows[part] = bundled(), written()
            print(f"asked without: {part or 'nothing'}", file=sys.stderr, flush=True)
        print("| without | bundled: right, with − without | read otherwise | written: right | read otherwise |")
        print("|---|---|---|---|---|")
        for part in PARTS:
            cells = [_cell(whole, less) for whole, less in zip(rows[""], rows[part], strict=True)]
            print(f"| {part} | {' | '.join(cells)} |")
        shares = " and ".join(f"{sum(right for right, _ in said):.0f} of {len(said)}" for said in rows[""])
        print(f"\nWith all parts: {shares} right.")


if __name__ == "__main__":
    main()

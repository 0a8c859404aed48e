"""Whether the answer that several articles give is oftener right than the likeliest sentence's.

python -m training.measure_agreement --data FOLDER

Asks the factoids that training.probability_data collected, each with and without `rag.answering.finding.by_agreement`.
An answer is right when its words have all of an accepted one's, or it is a part of one.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from rag.answering.finding import find
from rag.evaluation.compare import mcnemar
from rag.evaluation.tokens import tokens
from rag.language.parts import bare
from rag.models.kinds import shipped_kinds
from rag.types import OPEN_KINDS, Finding, Query
from training.probability_data import CHECKS, SETS, Found, load


def factoids(found: Iterator[Found]) -> Iterator[tuple[Found, Query]]:
    """The questions that an article answers, but the open ones."""
    for each in found:
        asked = each.asked
        kind = shipped_kinds().classify(asked.text).name
        if asked.answers and asked.made != "unanswerable" and not asked.without and kind not in OPEN_KINDS:
            yield each, Query(bare(asked.text), kind=kind)


def is_right(finding: Finding, answers: tuple[str, ...]) -> bool:
    """Whether the words that answer first are, or are in, an accepted answer."""
    if not finding.ranked or finding.ranked[0].span is None:
        return False
    mine = set(tokens(finding.ranked[0].span.quote))
    accepted = [set(tokens(answer)) for answer in answers]
    return bool(mine) and any(answer <= mine or mine <= answer for answer in accepted)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    print("| set | n | right by the likeliest sentence | by agreement | better | worse | p |")
    print("|---|---|---|---|---|---|---|")
    counts = {name: Counter[str]() for name in (*SETS, *CHECKS)}
    for name, of_set in counts.items():
        for each, query in factoids(load(options.data, (name,))):
            with patch("rag.answering.finding.by_agreement", list):
                before = is_right(find(query, each.hits), each.asked.answers)
            after = is_right(find(query, each.hits), each.asked.answers)
            of_set.update(n=1, before=before, after=after, better=after > before, worse=before > after)
    for name, of in {**counts, "all": sum(counts.values(), Counter())}.items():
        p = mcnemar(of["worse"], of["better"])
        print(f"| {name} | {of['n']} | {of['before']} | {of['after']} | {of['better']} | {of['worse']} | {p:.3f} |")


if __name__ == "__main__":
    main()

"""Whether sentences support a claim. (The judge's place; for now the lexical check alone.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag.language.values import days, numbers
from rag.language.words import content_stems
from rag.types import VerdictLabel


@dataclass(frozen=True, slots=True)
class Verdict:
    label: VerdictLabel
    best: int | None
    support: float
    problems: tuple[str, ...] = ()


def verdict(claim: str, premises: Sequence[str], judge: Any = None) -> Verdict:
    wanted = set(content_stems(claim))
    shares = [len(wanted & set(content_stems(p))) / max(1, len(wanted)) for p in premises]
    if not shares:
        return Verdict("not found", None, 0.0, ("no passage is cited",))
    best = max(range(len(shares)), key=lambda i: shares[i])
    there = " ".join(premises)
    missing = [n.text for n in numbers(claim) if not any(n.agrees(o) for o in numbers(there))]
    missing += [d.text for d in days(claim) if not any(d.agrees(o) for o in days(there))]
    problems = tuple(f"{text!r} is not in what is cited" for text in missing)
    ok = shares[best] >= 0.5 and not problems
    return Verdict("supported" if ok else "not found", best, shares[best], problems)

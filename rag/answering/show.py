"""An answer as plain text for a terminal. Knows nothing about where it is printed."""

from __future__ import annotations

from rag.escapes import for_line, for_terminal
from rag.types import Answer, Citation, render_claim


def headline(answer: Answer) -> str:
    """One line that says who speaks."""
    if answer.kind == "extracts":
        return "Verbatim from the articles; no language model wrote this. (rag models list)"
    if answer.abstained:
        return "No answer: nothing in the articles supports one."
    return (
        f"Written by {answer.model} from the passages cited; check it against the quotes. Bigger ones: rag models list"
    )


def describe(citation: Citation) -> str:
    """Title, source, date and page of what is cited."""
    return for_line(citation.article.label + (f", page {citation.page}" if citation.page else ""))


def short_answer(answer: Answer) -> str:
    """The short answers with their marks, e.g. "“2,600 km” [1] or “2,670 km” [2]"; "" when there is none."""
    return " or ".join(f"“{' '.join(c.quote.split())}” [{c.number}]" for c in answer.short)


def show_answer(answer: Answer) -> str:
    """The answer, the versions that disagree, the numbered sources with their quotes, and what the checks found."""
    lines = [headline(answer), ""]
    if answer.standalone != answer.question:
        lines += [f"Searched: {answer.standalone}", ""]
    if answer.short:
        lines += [f"In short: {short_answer(answer)}", ""]
    lines.append(answer.text)
    for claim in answer.claims:
        lines += [f"  ! not confirmed — {problem}: “{claim.text}”" for problem in claim.problems]
    if answer.versions:
        lines += ["", "The articles differ:"]
        for version in answer.versions:
            marks = "".join(f"[{c.number}]" for c in version.citations)
            lines.append(f"  {version.value} {marks} — {'; '.join(describe(c) for c in version.citations)}")
    if answer.kind == "model" and answer.extracts:
        lines += ["", "What the articles say, verbatim:"]
        lines += [f"  {render_claim(claim)}" for claim in answer.extracts]
    cited = _cited(answer)
    if answer.abstained and answer.hits:
        lines += ["", "Nearest passages:"]
        for number, hit in enumerate(answer.hits[:3], 1):
            whole = Citation(hit, hit.passage.start, hit.passage.end)
            lines += [f"  [{number}] {describe(whole)}", f"      “{' '.join(whole.quote.split())}”"]
    elif cited:
        lines += ["", "Sources:"]
        for number, citations in sorted(cited.items()):
            lines.append(f"  [{number}] {describe(citations[0])}")
            if citations[0].passage.article.url:
                lines.append(f"      {for_line(citations[0].passage.article.url)}")
            lines += [f"      “{' '.join(c.quote.split())}”" for c in citations]
    lines += [f"Note: {note}" for note in answer.notes]
    return for_terminal("\n".join(lines))


def _cited(answer: Answer) -> dict[int, list[Citation]]:
    found: dict[int, list[Citation]] = {}
    claims = (*answer.claims, *answer.extracts)
    for citation in [c for claim in claims for c in claim.citations] + [
        c for version in answer.versions for c in version.citations
    ]:
        known = found.setdefault(citation.number, [])
        if all((c.start, c.end) != (citation.start, citation.end) for c in known):
            known.append(citation)
    return found

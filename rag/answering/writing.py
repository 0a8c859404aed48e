"""What a language model is shown for a query, and what becomes of its words: claims, each judged and cited.

A claim is cited with the sentences that the judge finds to support it; the numbers that a model writes are no more
than that, so a citation points to the right place by construction. Knows nothing about search.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from string import Template
from typing import TYPE_CHECKING

from rag.answering.verdict import Verdict, premise_of, verdict
from rag.errors import InputError, SettingsError
from rag.language.sentences import sentences
from rag.language.values import numbers
from rag.language.words import content_stems
from rag.models.generator import Message
from rag.models.orders import is_order
from rag.resources import resource
from rag.types import ABSTENTION, FACTOID_KINDS, ArticleMeta, Candidate, Citation, Claim, Finding, Query

if TYPE_CHECKING:
    from rag.models.judge import Judge

_VARIABLES = {
    "system.txt": frozenset[str](),
    "question.txt": frozenset({"excerpts", "question", "wanted"}),
    "excerpt.txt": frozenset({"source", "date", "title", "text"}),
}
_MARK = re.compile(r"\s*\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\]")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
#: "The articles do not mention …", "There is no information …": a model's own words for not knowing.
_SILENT = re.compile(
    r"\b(?:articles?|texts?|passages?|information|context)\b.{0,40}\b(?:do|does|did|is|are)(?: not|n['’]t)\b.{0,20}"
    r"\b(?:say|mention|state|provide|contain|specify|give|include|answer|available|enough)"
    r"|\bno (?:information|mention)\b"
)
#: "The ministry did not say.": that nobody says a thing is no claim that a sentence could support.
_UNSAID = re.compile(r"[^.]{1,80}\b(?:do|does|did)(?: not|n['’]t) say\.?")
#: Sentences that a claim is held against: those that share most with it; the judge reads each.
PREMISES = 8
#: A sentence that supports a claim at least this share of the best one's support is cited too.
ALSO = 0.9
#: Citations of one claim.
MOST_CITED = 3


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a model is shown of one article: some of its sentences, in order."""

    article: ArticleMeta
    sentences: tuple[Citation, ...]

    @property
    def text(self) -> str:
        """The sentences' own words, gaps shown as " … "."""
        text = ""
        for before, citation in zip((None, *self.sentences), self.sentences, strict=False):
            gap = before is not None and citation.start - before.end > 3
            text += (" … " if gap else " ") * bool(text) + " ".join(citation.quote.split())
        return text


def excerpts(findings: Sequence[Finding], tokens: int, count: Callable[[str], int]) -> tuple[Excerpt, ...]:
    """The sentences that matter, by article, the likeliest article first, in at most about `tokens` tokens.

    The findings take turns, likeliest sentence first, so that each part of a question is heard. A sentence brings the
    one before it along while there is room, which often says who "he" is.
    """
    left = tokens
    chosen: dict[str, dict[int, Citation]] = {}
    queues = [list(finding.ranked) for finding in findings]
    while left > 0 and any(queues):
        for queue in filter(None, queues):
            candidate = queue.pop(0)
            article = chosen.setdefault(candidate.citation.article.id, {})
            for citation in _with_neighbour(candidate):
                if citation.start in article:
                    continue
                size = count(citation.quote)
                if size > left and article:
                    continue
                article[citation.start] = citation
                left -= size
            if left <= 0:
                break
    kept = [tuple(article[start] for start in sorted(article)) for article in chosen.values() if article]
    return tuple(Excerpt(citations[0].article, citations) for citations in kept)


def _with_neighbour(candidate: Candidate) -> list[Citation]:
    citation = candidate.citation
    inside = citation.passage.sentences
    at = citation.passage.index(citation.start)
    before = inside[at - 1] if at else None
    if before is None or not before.answers:
        return [citation]
    return [citation, Citation(citation.hit, before.start, before.end)]


@cache
def load_template(name: str) -> Template:
    """Read prompts/<name> and check its variables.

    Raises:
        SettingsError: the file is missing, or its variables are not those that the code fills in.
    """
    path = resource("prompts", name)
    try:
        template = Template(path.read_text(encoding="utf-8").strip("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The prompt {path} cannot be read: {error}.", "Restore it from the repository.") from error
    found, wanted = set(template.get_identifiers()), _VARIABLES[name]
    if found != wanted or not template.is_valid():
        raise SettingsError(
            f"The prompt {path} has the variables {sorted(found)}, but takes {sorted(wanted)}.",
            "Correct it; see prompts/README.md.",
        )
    return template


@cache
def load_wanted() -> dict[str, str]:
    """prompts/wanted.toml: what form of answer each kind of question takes, one line for the model.

    Raises:
        SettingsError: the file is missing or damaged.
    """
    path = resource("prompts", "wanted.toml")
    try:
        return {str(kind): str(line) for kind, line in tomllib.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The prompt {path} cannot be read: {error}.", "Restore it from the repository.") from error


def prefix() -> list[Message]:
    """The messages that every prompt begins with."""
    return [{"role": "system", "content": load_template("system.txt").substitute()}]


def build_messages(query: Query, shown: Sequence[Excerpt]) -> list[Message]:
    """The chat for one question."""
    lines = load_wanted()
    kind = "brief" if query.brief else query.kind
    content = load_template("question.txt").substitute(
        excerpts="\n\n".join(_format(excerpt) for excerpt in shown),
        question=_one_line(query.whole or query.text),
        wanted=lines.get(kind) or lines["factoid" if query.kind in FACTOID_KINDS else "open"],
    )
    return [*prefix(), {"role": "user", "content": content}]


def fit(
    query: Query, shown: Sequence[Excerpt], room: int, count: Callable[[Sequence[Message]], int]
) -> tuple[list[Message], tuple[Excerpt, ...]]:
    """The messages in at most `room` tokens; the last excerpts are left out until they fit.

    Raises:
        InputError: the question alone does not fit.
    """
    kept = tuple(shown)
    while kept:
        messages = build_messages(query, kept)
        if count(messages) <= room:
            return messages, kept
        last = kept[-1]
        kept = (*kept[:-1], replace(last, sentences=last.sentences[:-1])) if len(last.sentences) > 1 else kept[:-1]
    raise InputError(
        "The question leaves no room for the articles in the model's context.",
        "Ask a shorter question, or raise DATELINE_CONTEXT_TOKENS.",
    )


def whole_words(written: str) -> str:
    """What was written before it was stopped, without a word that may be torn."""
    if not written or written[-1].isspace() or written[-1] in ".!?]":
        return written
    whole, space, _ = written.rpartition(" ")
    return whole + space


def claims_of(text: str) -> list[str]:
    """The sentences of what a model wrote, without marks and bullets, each once; what has no letter or digit goes, and
    that somebody did not say."""
    return [claim for claim in dict.fromkeys(_said(text)) if not _UNSAID.fullmatch(claim)]


def repeats(written: str) -> bool:
    """Whether what was written ends with a sentence that it has already: small models may go on so without end."""
    if written.rstrip()[-1:] not in {".", "!", "?"}:
        return False  # asked after every word, so sentences are cut only where one may have ended
    *earlier, last = ["", *_said(written)]
    return last in earlier


def _said(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        body = _BULLET.sub("", _MARK.sub("", line))
        found += [body[s.start : s.end] for s in sentences(body)]
    return [claim for claim in found if any(c.isalnum() for c in claim)]


def judge_claim(text: str, shown: Sequence[Citation], judge: Judge | None, part: int = 0) -> Claim:
    """A model's sentence as a claim, cited with the sentences that support it, and marked when none does.

    Args:
        shown: the sentences that the claim may rest on.
    """
    near = _nearest(text, shown)
    if not near:
        return Claim(text, (), "not found", 0.0, ("no sentence supports it",), part)
    result = _held(text, near, judge)
    best = near[result.best or 0]
    cited = [best]
    if result.label == "supported":
        for citation in near:
            if len(cited) < MOST_CITED and all(c.article.id != citation.article.id for c in cited):
                other = _held(text, [citation], judge)
                if other.label == "supported" and other.support >= ALSO * result.support:
                    cited.append(citation)
    return Claim(text, tuple(cited), result.label, result.support, result.problems, part)


def _held(text: str, citations: Sequence[Citation], judge: Judge | None) -> Verdict:
    """The verdict on a claim held against sentences, each with the one before it and its article's title and day."""
    context = " ".join(dict.fromkeys(f"{c.article.title} {c.article.source}" for c in citations))
    days = {citation.article.published for citation in citations}
    published = days.pop() if len(days) == 1 else None
    return verdict(text, [_premise(citation) for citation in citations], judge, context=context, published=published)


def _premise(citation: Citation) -> str:
    inside = citation.passage.sentences
    at = citation.passage.index(citation.start)
    before = inside[at - 1] if at and inside[at - 1].answers else None
    told = citation.passage.slice(before.start, before.end) if before else ""
    return premise_of(citation.quote, told, inside[at].speaker if inside else "")


def _nearest(text: str, shown: Sequence[Citation]) -> list[Citation]:
    mine = set(content_stems(text)) | {str(n.amount) for n in numbers(text)}

    def shared(citation: Citation) -> int:
        quote = citation.quote
        return len(mine & (set(content_stems(quote)) | {str(n.amount) for n in numbers(quote)}))

    return sorted(shown, key=lambda citation: -shared(citation))[:PREMISES]


def _format(excerpt: Excerpt) -> str:
    """One article as the model sees it: source, date and title above its sentences."""
    article, title = excerpt.article, _one_line(excerpt.article.title)
    return load_template("excerpt.txt").substitute(
        source=_one_line(article.source) or "unknown source",
        date=f"{article.published:%-d %B %Y}" if article.published else "undated",
        title="untitled" if is_order(title) else title,
        text=excerpt.text,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def otherwise(text: str) -> str:
    """A grammar of all texts that do not begin with this one, of letters and spaces."""
    rules = [f'r{n} ::= [^{c}] any | "{c}" r{n + 1}' for n, c in enumerate(text[:-1])]
    return "\n".join(["root ::= r0", *rules, f"r{len(text) - 1} ::= [^{text[-1]}] any", "any ::= [^\\x00]*", ""])


def abstains(text: str) -> bool:
    """Whether a model says that the articles do not hold the answer."""
    first = text.strip().split("\n")[0].casefold()
    return bool(_SILENT.search(first)) or first.startswith(ABSTENTION.rstrip(".").casefold())

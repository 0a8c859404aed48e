"""Gold sets: questions with the answers and the evidence that are right. Knows nothing about bots or scores.

The form of a line is published as a JSON Schema, `eval/gold.schema.json`; what a schema cannot say (unique ids, answers
that can be looked for, quotes that stand in their article) is checked here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from rag.errors import GoldError
from rag.evaluation.nuggets import findable
from rag.evaluation.tokens import tokens
from rag.resources import resource

KINDS = frozenset(
    {"entity", "date", "place", "number", "list", "span", "yesno", "conflict", "multi-hop", "unanswerable"}
    | {"why", "how", "summary", "compare", "attribution", "consequence", "definition", "multi", "temporal"}
    | {"aggregate", "reworded", "false-premise", "near-miss"}
)
#: Forms of a rewording that asks for the same; the others ask for something else.
REWORDED = ("imperative", "noun phrase", "verb", "typo", "lower")
_HINT = "Correct the line; eval/README.md has the fields. See all faults with: rag eval validate FILE"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where an answer stands: an article, and optionally the words in it, verbatim ("" for none)."""

    article: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Nugget:
    """A piece that an answer to an open question may hold, in any of its aliases; "mediat*" is a stem."""

    aliases: tuple[str, ...]
    vital: bool


@dataclass(frozen=True, slots=True)
class GoldItem:
    """One question.

    Attributes:
        answers: outer: all are required; inner: aliases of one. Empty when unanswerable, or open.
        evidence: articles that hold the answer. Empty when unanswerable and not open.
        kind: one of KINDS.
        split: "dev" (thresholds may be chosen on it) or "test".
        evidence_mode: "any" (one evidence article is enough) or "all".
        unanswerable_kind: "out_of_corpus", "near_miss", "false_premise", "not_yet_happened", or "" (not said).
        forbidden: wrong answers that must not be given.
        as_of: the day on which the question is asked, None if it does not matter.
        sources: only articles of these sources are asked; empty for all.
        nuggets: of an open question; of an unanswerable one, what a correction of it says.
        of, form: the question that this one rewords, and how; "" for others.
    """

    id: str
    question: str
    answers: tuple[tuple[str, ...], ...]
    evidence: tuple[Evidence, ...]
    kind: str
    answerable: bool
    split: str = "test"
    evidence_mode: str = "any"
    unanswerable_kind: str = ""
    forbidden: tuple[str, ...] = ()
    as_of: date | None = None
    sources: tuple[str, ...] = ()
    nuggets: tuple[Nugget, ...] = ()
    of: str = ""
    form: str = ""

    @property
    def open(self) -> bool:
        """Whether it is scored by nuggets."""
        return bool(self.nuggets) or not (self.answerable or self.kind == "unanswerable")

    @property
    def articles(self) -> frozenset[str]:
        """Ids of the evidence articles."""
        return frozenset(e.article for e in self.evidence)

    def to_line(self) -> str:
        """The item as a line of a gold set, without its end."""
        raw = {name: value for name, value in asdict(self).items() if value not in ((), "", None)}
        raw.setdefault("answers", [])
        return json.dumps(raw, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line (1-based; 0 for the file as a whole) and which field of it ("" for the line)."""

    line: int
    field: str
    what: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}field {self.field!r}: {self.what}" if self.field else f"{place}{self.what}"


def read_gold(path: Path, article_ids: Collection[str] | None = None) -> list[GoldItem]:
    """Read a gold set, one JSON object per line; eval/README.md has the fields.

    Args:
        article_ids: when given, evidence must name one of these.

    Raises:
        GoldError: the file cannot be read, or a line has a fault; names the line and the field of the first.
    """
    items = []
    for entry in _entries(path, article_ids):
        if isinstance(entry, Fault):
            raise GoldError(f"{path}, {entry}.", _HINT)
        items.append(entry[1])
    if not items:
        raise GoldError(f"The gold set {path} holds no question.", "See eval/README.md for the form of a line.")
    return items


def faults(
    path: Path, article_ids: Collection[str] | None = None, text_of: Callable[[str], str] | None = None
) -> tuple[list[GoldItem], list[Fault]]:
    """All sound items of a gold set and all its faults, in the order of the lines.

    Args:
        article_ids: when given, evidence must name one of these.
        text_of: an article's text by its id; when given, quotes are looked up in it.

    Raises:
        GoldError: the file cannot be read.
    """
    items: list[GoldItem] = []
    found: list[Fault] = []
    for entry in _entries(path, article_ids):
        if isinstance(entry, Fault):
            found.append(entry)
            continue
        line, item = entry
        items.append(item)
        found += [Fault(line, "evidence", what) for what in _missing_quotes(item, text_of)] if text_of else []
    if not items and not found:
        found.append(Fault(0, "", "the file holds no question"))
    return items, found


def check_quotes(items: Sequence[GoldItem], text_of: Callable[[str], str]) -> None:
    """Make sure that every quote stands in its article, verbatim.

    Raises:
        GoldError: one does not.
    """
    for item in items:
        for what in _missing_quotes(item, text_of):
            raise GoldError(f"Question {item.id}: field 'evidence': {what}.", _HINT)


def digest(items: Sequence[GoldItem]) -> str:
    """sha256 (64 hex digits) of the items in their order: two runs with the same one can be compared."""
    lines = "\n".join(item.to_line() for item in items)
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()  # half a pair, as JSON can write it


def _missing_quotes(item: GoldItem, text_of: Callable[[str], str]) -> list[str]:
    return [
        f"the quote is not in {evidence.article!r}: {evidence.quote[:60]!r}"
        for evidence in item.evidence
        if evidence.quote and evidence.quote not in text_of(evidence.article)
    ]


def _entries(path: Path, article_ids: Collection[str] | None) -> Iterator[tuple[int, GoldItem] | Fault]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # U+2028 may stand inside a string
    except (OSError, UnicodeDecodeError) as error:
        raise GoldError(
            f"The gold set {path} cannot be read: {error}.", "Name a .jsonl file; see eval/README.md."
        ) from error
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            wrong = [*_faults_of(raw, number)]
        except ValueError as error:
            yield Fault(number, "", f"not valid JSON: {error}")
            continue
        except RecursionError:
            yield Fault(number, "", "nested too deeply")
            continue
        item = None if wrong else _item(raw)
        # A faulty line uses its id too: once it is mended, there would be two of it.
        id_ = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(id_, str) and id_.strip():
            if id_ in seen:
                wrong.append(Fault(number, "id", f"{id_!r} was used in line {seen[id_]}"))
            seen.setdefault(id_, number)
        if item:
            wrong += [Fault(number, field, what) for field, what in _unmatchable(item)]
            wrong += [
                Fault(number, "evidence", f"there is no article {article!r} in the index")
                for article in sorted(item.articles)
                if article_ids is not None and article not in article_ids
            ]
        yield from wrong
        if item and not wrong:
            yield number, item


def _unmatchable(item: GoldItem) -> Iterator[tuple[str, str]]:
    """Fields and what is wrong with them: words that no answer can hold, or that are both right and wrong."""
    accepted = [alias for aliases in item.answers for alias in aliases]
    for nugget in item.nuggets:
        for alias in nugget.aliases:
            if not findable(alias):
                yield "nuggets", f"there is no word or number in {alias!r} to look for"
    if item.answerable and item.nuggets and not any(nugget.vital for nugget in item.nuggets):
        yield "nuggets", "one of an answerable question must be vital"
    for field, texts in (("answers", accepted), ("forbidden", item.forbidden)):
        yield from (
            (field, f"there is no word or number in {text!r} to look for") for text in texts if not tokens(text)
        )
    for wrong in item.forbidden:
        if tokens(wrong) and any(tokens(wrong) == tokens(alias) for alias in accepted):
            yield "forbidden", f"{wrong!r} is accepted as an answer, too"


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, FormatChecker

    schema = json.loads(resource("eval", "gold.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=FormatChecker())


def _faults_of(raw: Any, line: int) -> Iterator[Fault]:
    if not isinstance(raw, dict):
        yield Fault(line, "", "not a JSON object")
        return
    if raw.get("draft"):
        yield Fault(line, "draft", "a person must confirm this draft and remove the field")
        return
    for error in sorted(_validator().iter_errors(raw), key=lambda e: [str(part) for part in e.absolute_path]):
        field = str(error.absolute_path[0]) if error.absolute_path else _field_named(error)
        what = {
            "oneOf": "each entry must be of the form that eval/README.md shows, none empty",
            "pattern": "it must not be empty",
            "not": "only an unanswerable question has it",
            "anyOf": "an answerable question needs an article",
        }.get(error.validator, _counted(error, field))
        yield Fault(line, field, what)


def _counted(error: Any, field: str) -> str:
    """What is wrong with the number of answers or of evidence articles; else the schema's own words."""
    if error.validator == "maxItems":
        return "an unanswerable question has none"
    if error.validator == "minItems" and len(error.absolute_path) == 1:
        return f"an answerable question needs {'an article' if field in {'evidence', 'articles'} else 'one'}"
    return str(error.message)


def _field_named(error: Any) -> str:
    """The field that an error about the object as a whole speaks of."""
    if error.validator == "dependentRequired":
        return next((name for name in ("of", "form") if name not in error.instance), "")
    if error.validator == "required":
        return next((name for name in error.validator_value if name not in error.instance), "")
    if error.validator == "additionalProperties":
        return next((name for name in error.instance if name not in error.schema["properties"]), "")
    return "evidence" if error.validator == "anyOf" else "unanswerable_kind"


def _item(raw: dict[str, Any]) -> GoldItem:
    answers = raw.get("answers", [])
    if answers and all(isinstance(alias, str) for alias in answers):
        answers = [answers]  # the older form: aliases of one answer
    evidence = [{"article": e} if isinstance(e, str) else e for e in raw.get("evidence", raw.get("articles", []))]
    return GoldItem(
        raw["id"],
        raw["question"],
        tuple((aliases,) if isinstance(aliases, str) else tuple(aliases) for aliases in answers),
        tuple(Evidence(e["article"], e.get("quote", "")) for e in evidence),
        raw["kind"],
        raw["answerable"],
        raw.get("split", "test"),
        raw.get("evidence_mode", "any"),
        raw.get("unanswerable_kind", ""),
        tuple(raw.get("forbidden", ())),
        date.fromisoformat(raw["as_of"]) if raw.get("as_of") else None,
        tuple(raw.get("sources", ())),
        tuple(Nugget(tuple(nugget["aliases"]), nugget["vital"]) for nugget in raw.get("nuggets", ())),
        raw.get("of", ""),
        raw.get("form", ""),
    )

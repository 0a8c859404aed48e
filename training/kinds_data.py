"""What the classifier of questions learns from: TREC's labels, weak labels of public questions, written templates.

TREC: the 5,452 labelled questions of Li and Roth (2002), "Learning Question Classifiers", and the 500 of TREC-10 to
measure with, as published at cogcomp.seas.upenn.edu/Data/QA/QC (or any copy of it): a folder with train and test
files, one "CLASS:class question" a line.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from rag.language.parts import asked
from training.sources import HELD_OUT_FROM, Guard, guard, qamr, squad

LABELLED = Path(__file__).with_name("kinds_labelled.jsonl")
"""Questions labelled by hand, never trained on: {"half", "kind"} and either "question", where we wrote it, or "set" and
"id", where others did. The half "dev" was looked at while the templates were written, "test" only at the end."""
TEMPLATES = Path(__file__).with_name("kinds_templates.txt")

TREC_KINDS = {
    "ABBR:exp": "definition", "ABBR:abb": "entity", "DESC:def": "definition", "DESC:manner": "how",
    "DESC:reason": "why", "HUM:ind": "person", "HUM:desc": "definition", "HUM:title": "entity", "NUM:date": "date",
}  # fmt: skip
"""TREC's fine classes as kinds; the rest of LOC is a place, of NUM a number, of ENTY an entity. "DESC:desc" holds all
sorts and is not trained on, and neither are groups of people ("HUM:gr"), unless asked for by "who"."""

COARSE = {
    "person": "HUM", "place": "LOC", "date": "NUM", "number": "NUM", "entity": "ENTY", "definition": "DESC",
    "why": "DESC", "how": "DESC", "consequence": "DESC", "summary": "DESC", "attribution": "DESC", "compare": "DESC",
}  # fmt: skip


def trec_lines(path: Path) -> list[tuple[str, str]]:
    """(label, question) of a file of TREC's, its tokens joined as people write them."""
    rows = []
    for line in path.read_text(encoding="latin-1").splitlines():
        label, question = line.split(" ", 1)
        question = re.sub(r" ([?.,:;!)]|'s|n't|'re|'ll|'ve|'d|'m)(?= |$)", r"\1", question)
        rows.append((label, re.sub(r"(`` | ''|\( )", '"', question).strip()))
    return rows


def trec_kind(label: str, question: str) -> str | None:
    """The kind of a labelled question, None where the label does not say."""
    if label[:3] in ("ENT", "LOC", "HUM") and asks_for_several(question):
        return "list"
    if label in TREC_KINDS:
        return TREC_KINDS[label]
    if label == "HUM:gr":
        return "person" if re.match(r"who", question, re.I) else "entity"
    return {"LOC": "place", "NUM": "number", "ENTY": "entity"}.get(label.split(":", maxsplit=1)[0])


_HEADS = {
    word: kind
    for kind, line in (
        (
            "place",
            """country city town state nation continent county village island province region river street venue airport
            place location capital area district sea ocean stadium territory neighborhood""",
        ),
        (
            "person",
            """person man woman actor actress singer president politician player author writer king queen emperor
            philosopher scientist leader minister mp senator candidate figure friend pundit billionaire
            artist rapper comedian star footballer boss governor general celebrity composer musician director athlete
            judge poet explorer chancellor mayor coach pope presenter""",
        ),
        ("date", "year month day date century decade time weekday season era"),
        (
            "number",
            """percentage percent number amount proportion share population price cost age score fraction length height
            temperature distance rate sum total speed""",
        ),
    )
    for word in line.split()
}
_SEVERAL = re.compile(
    r"\b(?:what|which) (?:two|three|four|five) |\b(?:what|which|who) (?:are|were) the (?:\w+ ){0,2}\w+[^\Wsui]s\b"
    r"(?!.* (?:called|known|made))|\b(?:what|which) (?:(?!of|in|to|was|is|did|does|has)\w+ ){0,2}"
    r"(?!(?:does|was|is|has|its|his)\b)\w+[^\Wsui]s (?:are|were|have|do|did|can|could|will|would|had)\b",
    re.I,
)
_FIRST_WORDS = (
    ("yesno", r"(?:is|was|are|were|do|does|did|has|have|had|can|could|will|would|should)(?:n't)? "
              r"(?!.*\b(?:who|what|which|when|where|why|how|or)\b)|true or false"),
    ("consequence", r"how (?:did|does|has|have|will|would|is|was) .*\b(?:affect|impact|influence)(?:ed|ing)?\b|"
                    r"what (?:was|is|were|are) the (?:\w+ )?(?:effect|impact|consequence|result|outcome)s?\b"),
    ("attribution", r"what (?:did|does|do|has) .* (?:say|said|think|claim|argue|believe|describe|warn)\b|"
                    r"how (?:did|does) .* (?:describe|respond|react|feel about|view)\b|"
                    r"who (?:said|claimed|argued|described|stated) "),
    ("compare", r".*\bdifferences? between\b|how (?:do|does|did|is|was|are) .* (?:differ|compare)\b"),
    ("why", r"why\b|what (?:caused|led to|made|(?:is|was) the (?:reason|cause))\b|for what reason"),
    ("summary", r"what happen(?:s|ed) (?:in|to|at|during|when|after)\b"),
    ("list", _SEVERAL.pattern),
    ("number", r"how (?:many|much|long|old|far|big|large|tall|high|fast|often|wide|deep|heavy)\b|"
               r"what (?:percentage|percent|number|proportion)\b"),
    ("date", r"(?:when|(?:in |on |during |by |since )?(?:what|which) (?:year|month|day|date|century|decade))\b"),
    ("place", r"where\b"),
    ("how", r"how (?:do|does|did|is|are|was|were|can|could|has|have|would)\b"),
    ("person", r"(?:who|whom|whose)\b(?! (?:is|was|are|were) \w+(?: \w+)?\?)"),
)  # fmt: skip
_PLAIN = [(kind, re.compile(pattern, re.I)) for kind, pattern in _FIRST_WORDS]
_SMALL_WORDS = frozenset("is was are were did does do of to in the these following".split())


def asks_for_several(question: str) -> bool:
    """Whether a question asks for all of several things: "Which towns were hit?"."""
    return bool(_SEVERAL.search(question))


def weak_kind(question: str) -> str | None:
    """The kind of a plainly formed question, None where its first words do not tell. For training only."""
    question = asked(question.strip())[0]
    for kind, pattern in _PLAIN:
        if pattern.match(question):
            return kind
    found = re.search(r"\b(?:what|which) ((?:[\w’'-]+ ){0,3}?[\w’'-]+)\b", question, re.I)
    if not found:
        return "number" if re.search(r"\bhow (?:many|much|long|far|old)\b", question, re.I) else None
    for word in found.group(1).lower().split():
        if word in _HEADS:
            return _HEADS[word]
        if word in _SMALL_WORDS:
            return None
    one = r"(?:what|which) (?:kind |type |sort |other )?(?:of )?[a-z]+ (?:did|was|is|has|does) "
    return "entity" if re.match(one, question, re.I) else None


def public_questions(shared: Path, kept_out: Guard) -> Iterator[tuple[str, str]]:
    """(id in its set, question) of the public sets, without what is measured on."""
    data = shared / "data"
    for name, path in (
        ("squad", data / "squad-train-subset/train-subset.json.xz"),
        *((name, data / f"squadshifts/{name}.json.xz") for name in ("new_wiki", "reddit", "amazon_reviews")),
    ):
        for number, example in enumerate(squad(path, name)):
            if not kept_out.asks(example.question):
                yield f"{name}-{number}", example.question
    for number, example in enumerate(qamr(data / "qamr")):
        yield f"qamr-{number}", example.question
    for id_, question in quiz_questions(shared):
        if not kept_out.asks(question):
            yield id_, question


def quiz_questions(shared: Path) -> Iterator[tuple[str, str]]:
    """(id, question) of RealTimeQA before the held-out weeks, with articles or without."""
    for line in (shared / "data/realtimeqa/questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["asked_at"] < HELD_OUT_FROM:
            yield row["id"], row["question"]


def labelled(shared: Path) -> list[tuple[str, str, str, str]]:
    """(half, set, question, kind) of the questions labelled by hand."""
    known = dict(public_questions(shared, Guard([], [])))
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    return [
        (row["half"], row.get("set", "newsroom"), row.get("question") or known[row["id"]], row["kind"]) for row in rows
    ]


def templates() -> dict[str, list[str]]:
    """The sections of the templates' file by name: "slot person", "kind why", "openers" and so on."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in TEMPLATES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[]")
            found[name] = []
        elif line.strip() and not line.startswith("#"):
            found[name].append(line.strip())
    return found


def expand(template: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    """One question of a template: choices made and slots filled at random."""
    while match := re.search(r"\(([^()]*)\)|\{(\w+)\}", template):
        choices = match.group(1).split("|") if match.group(1) is not None else slots[match.group(2)]
        template = template[: match.start()] + rng.choice(choices) + template[match.end() :]
    return " ".join(template.split())


class Writer:
    """Writes questions from the templates, and others' questions as somebody else would type them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sections = templates()
        self.slots = {
            name.removeprefix("slot "): [filler.strip() for filler in " ".join(lines).split("|")]
            for name, lines in self.sections.items()
            if name.startswith("slot ")
        }

    def one(self, section: str) -> str:
        """A text of a random template of a section."""
        return expand(self.rng.choice(self.sections[section]), self.slots, self.rng)

    def written(self, each: int) -> Iterator[tuple[str, str, str]]:
        """(origin, question, kind): so many of each template."""
        for name, lines in self.sections.items():
            if not name.startswith(("kind ", "indirect ")):
                continue
            origin, kind = name.split()
            for line in lines * each:
                question = expand(line, self.slots, self.rng)
                if origin == "indirect":
                    yield "indirect", self.noisy(f"{self.one('openers')} {question}"), kind
                else:
                    yield "template", self.varied(question), kind

    def varied(self, question: str) -> str:
        """With an opener, a lead or background before it, a word after it, noise in it; most often the last alone."""
        chance = self.rng.random()
        if chance < 0.08:
            question = f"{self.one('openers')} {question[:1].lower()}{question[1:]}"
        elif chance < 0.14:
            question = f"{self.one('leads')} {question}"
        elif chance < 0.19:
            question = f"{self.one('background')} {question[:1].upper()}{question[1:]}"
        elif chance < 0.22:
            question = question.rstrip("?. ") + self.rng.choice(
                [" please?", ", please", " pls", " thanks", ", exactly?"]
            )
        return self.noisy(question)

    def noisy(self, question: str) -> str:
        """Lower case, no mark at the end, contractions, typos: each in some."""
        rng = self.rng
        if rng.random() < 0.5:
            question = question.lower() if rng.random() < 0.7 else question[:1].upper() + question[1:]
        if rng.random() < 0.3:
            question = question.rstrip(" ?.")
        if rng.random() < 0.2:
            short = rng.choice(["'s", "s"])
            question = re.sub(r"\b(who|what|where|when|how|why) is\b", lambda m: m.group(1) + short, question)
        return with_typos(question, rng, 1 + (rng.random() < 0.3)) if rng.random() < 0.2 else question


def training_questions(shared: Path, repository: Path, trec: Path, seed: int) -> list[tuple[str, str, str]]:
    """(origin, question, kind) to learn from, noise and rewordings included, in random order."""
    writer = Writer(seed)
    kept_out = guard(shared, repository)
    apart = {" ".join(question.lower().split()) for _, _, question, _ in labelled(shared)}
    plain: list[tuple[str, str, str]] = []
    for label, question in trec_lines(trec / "train.txt"):
        kind = trec_kind(label, question)
        plain += [("trec", question, kind)] if kind else []
    weak: dict[str, list[tuple[str, str, str]]] = {}
    for id_, question in public_questions(shared, kept_out):
        kind = weak_kind(question)
        if kind and " ".join(question.lower().split()) not in apart:
            weak.setdefault(f"{kind} {id_.split('-')[0]}", []).append(("weak", question, kind))
    for rows in weak.values():
        plain += writer.rng.sample(rows, min(WEAK_EACH, len(rows)))
    everything = [(origin, writer.varied(question), kind) for origin, question, kind in plain]
    everything += writer.written(TEMPLATE_EACH)
    writer.rng.shuffle(everything)
    return everything


WEAK_EACH = 500
"""Weakly labelled questions of each kind from each set, at most."""
TEMPLATE_EACH = 40
"""Questions of each template."""


def with_typos(text: str, rng: random.Random, count: int = 1) -> str:
    """The text with letters swapped, dropped, doubled or hit beside, in words of three letters or more."""
    parts = re.split(r"(\W+)", text)
    for _ in range(count):
        long = [i for i, part in enumerate(parts) if len(part) >= 3 and part.isalpha()]
        if not long:
            break
        # Now and then the question word, or whatever stands first.
        i = long[0] if rng.random() < 0.2 else rng.choice(long)
        word, at = parts[i], rng.randrange(1, len(parts[i]) - 1)
        parts[i] = rng.choice(
            [
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + rng.choice("aeiorstn") + word[at + 1 :],
            ]
        )
    return "".join(parts)

"""Questions and answers turned into statements: "Who brokered the deal?" and "Qatar" into "Qatar brokered the deal."

After the QA2D of Demszky et al. 2018 (Transforming Question Answering Datasets Into Natural Language Inference
Datasets), by rules over a dependency parse; what the rules cannot turn is left out.
"""

from __future__ import annotations

import re
from typing import Any

from training.rewrites import tidy

_PREPOSITIONS = ("in ", "on ", "at ", "after ", "before ", "during ", "from ", "by ", "since ", "around ", "near ")
_PRONOUNS = frozenset("he she it they his her their its him them who that".split())
_WH = frozenset("who what which when where whom whose how".split())


def statement(question: Any, answer: str) -> str | None:
    """The statement that a parsed question (spaCy's `Doc`) and its answer make; None where no rule fits."""
    tokens = [token for token in question if token.text != "?"]
    answer = answer.strip(" .,;:")
    wh = next((t for t in tokens[:3] if t.lower_ in _WH), None)
    if wh is None or answer.lower() in _PRONOUNS or not 0 < len(answer.split()) <= 12:
        return None
    if {"percent", "percentage"} & {t.lower_ for t in tokens[:4]} and answer[-1:].isdigit():
        answer += "%"
    helper = next(
        (t for t in tokens[wh.i + 1 : wh.i + 7] if t.pos_ == "AUX" or (t.pos_ == "VERB" and t.tag_ != "VBN")), None
    )
    counted = _counted(wh, tokens[: helper.i]) if helper is not None else None
    if helper is None or counted is None:
        return None
    asked, rest = tokens[: helper.i], tokens[helper.i :]
    given = answer if not counted or counted.lower() in answer.lower() else f"{answer} {counted}"
    subject = next((t for t in rest if t.dep_ in {"nsubj", "nsubjpass", "expl"} and t.head in rest), None)
    starts = next((t for t in asked if t.dep_ in {"nsubj", "nsubjpass"}), None)
    if starts is not None and wh.lower_ in {"who", "what", "which", "how", "whose"} and asked[0].pos_ != "ADP":
        return None if helper.pos_ == "AUX" and helper.lemma_ == "do" else tidy(f"{given} {_words(rest)}")
    if subject is None or helper.pos_ != "AUX" or subject.i < helper.i:
        return None
    subjects = [t for t in subject.subtree if t in rest and t != helper]
    if not subjects or subjects[0].i != helper.i + 1:
        return None
    after = [t for t in rest if t.i > max(x.i for x in subjects)]
    verb = _verb(helper, after)
    if verb is None:
        return None
    before = asked[0].text.lower() if asked[0].pos_ == "ADP" and asked[0] != wh else _preposition(wh, answer)
    return tidy(f"{_words(subjects)} {verb} {before} {given}")


def _words(tokens: list[Any]) -> str:
    return "".join(token.text_with_ws for token in tokens).strip()


def _counted(wh: Any, asked: list[Any]) -> str | None:
    """The noun that is counted ("how many people": "people"), "" where there is none, None where no rule fits."""
    after = [t for t in asked if t.i > wh.i]
    if wh.lower_ == "how":
        if not after or after[0].lower_ not in {"many", "much"}:
            return None
        return _words(after[1:])
    return "" if wh.lower_ != "whose" else None


def _verb(helper: Any, after: list[Any]) -> str | None:
    from lemminflect import getInflection

    if helper.lemma_ != "do":
        return f"{helper.text.lower()} {_words(after)}"
    if not after or after[0].tag_ != "VB" or after[0].lemma_ == "do":
        return None
    tag = {"did": "VBD", "does": "VBZ"}.get(helper.lower_, "VBP")
    found = getInflection(after[0].lemma_, tag)
    return f"{found[0] if found else after[0].text} {_words(after[1:])}"


def _preposition(wh: Any, answer: str) -> str:
    if wh.lower_ not in {"when", "where"} or answer.lower().startswith(_PREPOSITIONS):
        return ""
    one_day = re.search(r"\b(?:\d{1,2}\b|[A-Z][a-z]+day)", answer) and not re.fullmatch(r"\d{4}", answer)
    return "on" if wh.lower_ == "when" and one_day else "in"

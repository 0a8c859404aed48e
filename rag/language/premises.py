"""What a question takes for granted, held against a sentence: that something was done, and who did it to whom.

"When did the tower collapse?" supposes that it did; a sentence that says "the tower did not collapse" denies it.
"Whom did the town sue?" supposes that the town sued; "Orbel has sued the town" has it the other way round. Where the
rules see no verb or no side, they say nothing. Knows nothing about search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rag.language.verbs import AUXILIARIES, BE, is_past, uses, verb_stem
from rag.language.words import STOP_WORDS, content_stems, fold

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_WH = frozenset("who whom whose what which when where why how".split())
_NEGATED = re.compile(r"\b(?:not|never|no|nobody|none|without)\b|n['’]t\b", re.I)
#: Verbs that say too little to be denied or turned round.
_LIGHT = frozenset("be do have happen say go get become take make come seem mean call".split())
_PREPOSITIONS = frozenset("in on at by for from with to of after before during since near over under into".split())

Side = Literal["agent", "patient", ""]


@dataclass(frozen=True, slots=True)
class Supposed:
    """What a question supposes to have happened.

    Attributes:
        verb: see `verb_stem`.
        given: the stems of who did it, or to whom it was done, as far as the question says.
        side: which of the two is given; "" when neither or both are, or that cannot be told.
        asks_side: whether the question asks for the other side ("whom", "who"), rather than for a time or a reason.
        about: all stems of the question that carry content, the verb's aside.
    """

    verb: str
    given: frozenset[str]
    side: Side
    asks_side: bool
    about: frozenset[str]


def supposed(question: str) -> Supposed | None:
    """What a question with a question word supposes; None where no verb is seen, or where it asks for a denial."""
    tokens = _WORD.findall(question)
    lows = [fold(token) for token in tokens]
    start = next((n for n, low in enumerate(lows[:3]) if low in _WH), None)
    if start is None or _NEGATED.search(question):
        return None
    aux = next((n for n in range(start + 1, min(start + 6, len(lows))) if lows[n] in AUXILIARIES), None)
    word = lows[start]
    by = start > 0 and lows[start - 1] == "by"
    if aux is not None and (lows[aux] in ("did", "do", "does", "has", "have", "had") or lows[aux] in BE):
        found = _after_auxiliary(tokens, lows, start, aux, by or lows[-1] == "by")
    else:
        found = _subject_asked(lows, start)
    if found is None:
        return None
    verb, given, side = found
    stemmed = verb_stem(lows[verb])
    if stemmed in _LIGHT or lows[verb] in STOP_WORDS:
        return None
    about = frozenset(content_stems(" ".join(t for n, t in enumerate(tokens) if n not in (verb, start))))
    asks = word in ("who", "whom") or (word in ("what", "which") and side != "")
    return Supposed(stemmed, frozenset(content_stems(" ".join(given))), side, asks, about)


def _after_auxiliary(
    tokens: list[str], lows: list[str], start: int, aux: int, by: bool
) -> tuple[int, list[str], Side] | None:
    """ "When did X V …", "Whom has X V-ed", "Who was V-ed by X", "When was X V-ed"."""
    passive = lows[aux] in BE
    rest = range(aux + 1, len(lows))
    if passive or lows[aux] in ("has", "have", "had"):
        verb = next((n for n in rest if is_past(lows[n]) and lows[n] not in AUXILIARIES), None)
    else:
        verb = _base_verb(tokens, lows, aux)
    if verb is None:
        return None
    subject = [low for low in lows[aux + 1 : verb] if low not in ("been", "being")]
    after = lows[verb + 1 :]
    if passive or "been" in lows[aux + 1 : verb]:
        if subject:
            return verb, subject, "patient" if by or lows[start] in ("when", "where", "why", "how", "whom") else ""
        if after[:1] == ["by"]:
            return verb, after[1:], "agent"
        return verb, [], ""
    if not subject:  # "Who has sued the town?"
        return verb, _object(after), "patient"
    return verb, subject, "agent"


def _base_verb(tokens: list[str], lows: list[str], aux: int) -> int | None:
    """The verb of "did the town of Tarnby sue …": the first plain word behind the subject that the question or a phrase
    ends with, or a name or an article follows."""
    for n in range(aux + 2, len(lows)):
        plain = tokens[n].islower() and lows[n] not in STOP_WORDS and not re.search(r"[^s]s$", lows[n])
        follows = tokens[n + 1] if n + 1 < len(tokens) else ""
        ends = not follows or (follows in STOP_WORDS and follows != "of") or not follows[0].islower()
        if plain and ends:
            return n
    return None


def _subject_asked(lows: list[str], start: int) -> tuple[int, list[str], Side] | None:
    """ "Who sued the town?", "Which company bought the mill?"."""
    reach = range(start + 1, min(start + 5, len(lows)))
    verb = next((n for n in reach if is_past(lows[n]) or (n == start + 1 and lows[n].endswith("s"))), None)
    if verb is None or lows[start] not in ("who", "what", "which") or verb == len(lows) - 1:
        return None
    return verb, _object(lows[verb + 1 :]), "patient"


def _object(after: list[str]) -> list[str]:
    """What stands after a verb up to a preposition other than "of"."""
    if after[:1] and after[0] in _PREPOSITIONS:
        return []
    stop = next((n for n, low in enumerate(after) if low in _PREPOSITIONS - {"of"}), len(after))
    return after[:stop]


def denies(what: Supposed, sentence: str, context: str = "") -> bool:
    """Whether a sentence says that what a question supposes is not so, of what the question speaks of.

    Args:
        context: what else tells what the sentence speaks of: the sentence before it, the title.
    """
    denied = [use for use in uses(sentence, what.verb) if use.denied]
    if not what.about or not denied:
        return False
    subjects = [set(content_stems(use.before)) for use in denied]
    if any(subject and subject <= what.about for subject in subjects):
        return True
    there = set(content_stems(f"{context} {sentence}"))
    return len(what.about & there) >= 0.5 * len(what.about)


def affirms(what: Supposed, sentence: str, context: str = "") -> bool:
    """Whether a sentence tells as a fact what a question supposes, of what the question speaks of."""
    if not any(use.finite and not use.denied for use in uses(sentence, what.verb)):
        return False
    there = set(content_stems(f"{context} {sentence}"))
    return len(what.about & there) >= 0.5 * len(what.about)


def exchanged(what: Supposed, sentence: str) -> bool:
    """Whether a sentence tells what a question supposes with the roles the other way round.

    The one whom the question gives as doing it stands only where it is done to, or the reverse.
    """
    if not what.side or not what.given:
        return False
    other = False
    for use in uses(sentence, what.verb):
        if not use.finite:
            continue
        agent = use.after.partition(" by ")[2] if use.passive else use.before
        patient = use.before if use.passive else use.after
        right, wrong = (agent, patient) if what.side == "agent" else (patient, agent)
        in_right = what.given & set(content_stems(right))
        if in_right and len(in_right) >= 0.5 * len(what.given):
            return False
        in_wrong = what.given & set(content_stems(wrong))
        other = other or (not in_right and in_wrong == what.given)
    return other


def asks_several(question: str) -> bool:
    """Whether a question asks for both sides of a deed, so that a few words cannot answer: "Who attacked whom?"."""
    asked = [fold(token) for token in _WORD.findall(question)]
    return "whom" in asked[1:] and asked[0] in _WH - {"whom"}

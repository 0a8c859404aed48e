"""English verbs: one stem for all forms of a verb; where a text uses or denies it. Knows nothing about questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rag.language.words import fold, stem

#: Base form, then the forms that the stemmer does not lead back to it, the participle last.
_FORMS = tuple(
    tuple(entry.split())
    for entry in (
        "arise arose arisen, bear bore borne, beat beaten, become became become, begin began begun, bind bound, "
        "bite bit bitten, blow blew blown, break broke broken, bring brought, build built, buy bought, catch "
        "caught, choose chose chosen, come came come, deal dealt, dig dug, do did done, draw drew drawn, drink "
        "drank drunk, drive drove driven, eat ate eaten, fall fell fallen, feed fed, feel felt, fight fought, "
        "find found, flee fled, fly flew flown, forbid forbade forbidden, forget forgot forgotten, freeze froze "
        "frozen, get got gotten, give gave given, go went gone, grow grew grown, hang hung, have has had, hear "
        "heard, hide hid hidden, hold held, keep kept, kneel knelt, know knew known, lay laid, lead led, leave "
        "left, lend lent, lie lay lain, light lit, lose lost, make made, mean meant, meet met, pay paid, ride "
        "rode ridden, ring rang rung, rise rose risen, run ran run, say said, see saw seen, seek sought, sell "
        "sold, send sent, shake shook shaken, shine shone, shoot shot, show shown, sing sang sung, sink sank "
        "sunk, sit sat, sleep slept, speak spoke spoken, spend spent, stand stood, steal stole stolen, stick "
        "stuck, strike struck, swear swore sworn, swim swam swum, take took taken, teach taught, tear tore torn, "
        "tell told, think thought, throw threw thrown, understand understood, wake woke woken, wear wore worn, "
        "win won, withdraw withdrew withdrawn, write wrote written, overthrow overthrew overthrown, undergo "
        "underwent undergone, undertake undertook undertaken"
    ).split(", ")
)  # fmt: skip
_IRREGULAR = {form: base for base, *forms in _FORMS for form in forms}
_PARTICIPLES = {base: forms[-1] for base, *forms in _FORMS}
#: Verbs whose past is their base form.
_SAME = frozenset("beat bet burst cast cost cut hit hurt let put quit set shut spread split thrust".split())
BE = frozenset("is are was were be been being am 's 're gets got get getting".split())
AUXILIARIES = BE | frozenset(
    "do does did has have had having will would shall should can could may might must 've 'd 'll".split()
)
_BETWEEN = AUXILIARIES | frozenset("yet ever even also still to actually once again always really".split())
#: After these a verb is denied: "refused to resign", "denied stealing", "no plans to close".
_DENIES = frozenset("not never cannot without neither nor nobody none".split())
_REFUSES = frozenset(map(stem, "refuse decline fail deny reject avoid dismiss prevent stop".split()))
_TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*(?:n['’]t\b)?|['’](?:s|re|ve|d|ll)\b|[.;:!?—–,]")


@dataclass(frozen=True, slots=True)
class Use:
    """A verb where a text uses it.

    Attributes:
        start, end: of the verb's word.
        before, after: the rest of its clause.
        passive: whether it is done to what stands before it.
        denied: whether the text says that it is not so.
        finite: whether it is told as what happened ("sued", "has sued", "was closed"), not "to sue" or "may sue".
    """

    start: int
    end: int
    before: str
    after: str
    passive: bool
    denied: bool
    finite: bool


@lru_cache(maxsize=1 << 16)
def verb_stem(word: str) -> str:
    """One stem for all forms of a verb: that of "sue" for "sued" and "suing", of "win" for "won"."""
    low = fold(word)
    return stem(_IRREGULAR.get(low, low)).removesuffix("e")


def is_past(word: str) -> bool:
    """Whether a word looks like a past form or a participle."""
    low = fold(word)
    return low in _IRREGULAR or low in _SAME or (len(low) > 3 and low.endswith("ed"))


def participle(past: str) -> str:
    """The participle of a past form: "taken" of "took", "signed" of "signed"."""
    low = fold(past)
    return _PARTICIPLES.get(_IRREGULAR.get(low, ""), low)


def uses(text: str, verb: str) -> Iterator[Use]:
    """Where a text uses a verb.

    Args:
        verb: as `verb_stem` gives it.
    """
    tokens = [(match.group(), fold(match.group()), match.start(), match.end()) for match in _TOKEN.finditer(text)]
    for n, (word, low, start, end) in enumerate(tokens):
        if not word[0].isalpha() or verb_stem(word) != verb:
            continue
        left = next((m + 1 for m in range(n - 1, -1, -1) if tokens[m][0] in ".;:!?—–,"), 0)
        right = next((m for m in range(n + 1, len(tokens)) if tokens[m][0] in ".;:!?—–,"), len(tokens))
        lead = [token[1] for token in tokens[left:n]]
        near = [token for token in lead if not token.endswith("ly")]
        passive = is_past(word) and any(token in BE for token in near[-3:])
        helped = [token for token in near[-3:] if token in AUXILIARIES]
        yield Use(
            start,
            end,
            text[tokens[left][2] : start],
            text[end : tokens[right - 1][3]] if right > n + 1 else "",
            passive,
            _denied(lead, low.endswith("ing")),
            is_past(word) or bool({"did", "does", "do"} & set(helped)),
        )


def _denied(lead: list[str], gerund: bool) -> bool:
    """Whether what stands before a verb in its clause denies it; after "refused" and the like "to" or "-ing" must."""
    at = len(lead) - 1
    while at >= 0 and (lead[at] in _BETWEEN or lead[at].endswith("ly")):
        at -= 1
    if at < 0:
        return False
    word = lead[at]
    if word in _DENIES or word.endswith(("n't", "n’t")):
        return True
    if word == "one" and at and lead[at - 1] == "no":
        return True
    linked = "to" in lead[at + 1 :] or gerund
    if linked and (stem(word) in _REFUSES or (word == "out" and at and verb_stem(lead[at - 1]) == "rule")):
        return True
    return linked and word in ("plan", "plans", "intention", "need") and "no" in lead[max(0, at - 2) : at]

"""The sides of a question that compares, each as a question of its own. Knows nothing about search or models."""

from __future__ import annotations

import re

_AUX = r"(?:do|does|did|is|are|was|were|have|has|had|will|would|can|could|should)"
_AND = re.compile(r"\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or|versus|vs\.?)\s+", re.I)
#: "those of X", "that of X": what is compared stands before, in the first side.
_THAT_OF = re.compile(r"(?:that|those|the ones?)\s+(?:of|from|by|in)\s+", re.I)
_OWNER = re.compile(r"^(?P<owner>.+?['’]s?)\s+(?P<thing>.+)$")
_NAME = r"(?:[Tt]he\s+)?[A-ZÀ-ÖØ-Þ][\w’'.-]*(?:\s+(?:(?:of|the|de|al|bin|van|von)\s+)?[A-ZÀ-ÖØ-Þ][\w’'.-]*)*"
_NAMES = rf"{_NAME}(?:\s*,\s*{_NAME})*\s*,?\s+(?:and|or)\s+{_NAME}"
_ORDER = re.compile(
    r"(?:please\s+)?(?:compare|contrast)\s+(?P<first>.+?)\s+(?:with|to|against|and|versus|vs\.?)\s+(?P<rest>.+)", re.I
)
_DIFFER = re.compile(
    rf"(?P<lead>.*?\b(?:how|in what way|where)\s+{_AUX}\s+)(?P<first>.+?)\s+(?:differ|deviate)\s+from\s+(?P<rest>.+)",
    re.I,
)
_DIFFERENCE = re.compile(
    r".*?\b(?:differences?|similarit(?:y|ies)|comparison|contrast)\s+between\s+(?P<sides>.+)", re.I
)
_EACH = re.compile(rf"(?P<lead>.*?\b{_AUX}\s+)(?P<sides>{_NAMES})(?:\s+(?:each|both))?\s+(?P<rest>.+)")


def sides(question: str) -> tuple[str, ...]:
    """A question for each side of a comparison, () where the sides cannot be told.

    "How do Oslo and the Danes each explain the delay?" gives "How do Oslo explain the delay?" and "How do the Danes
    explain the delay?"; "How does Oslo's answer differ from those of Rome and Bern?" gives the three answers.
    """
    body = " ".join(question.split()).rstrip(" ?.!")
    if found := _ORDER.fullmatch(body):
        return _owned([found["first"], *_AND.split(found["rest"])])
    if found := _DIFFER.fullmatch(body):
        return _owned([found["first"], *_AND.split(_THAT_OF.sub("", found["rest"]))])
    if found := _DIFFERENCE.fullmatch(body):
        return _owned(_AND.split(_THAT_OF.sub("", found["sides"])))
    if found := _EACH.fullmatch(body):
        return tuple(f"{found['lead']}{side} {found['rest']}?" for side in _AND.split(found["sides"]))
    return ()


def _owned(told: list[str]) -> tuple[str, ...]:
    """The sides as they are asked for: "Rome" beside "Oslo's answer" is "Rome's answer", and so is "Rome's"."""
    each = [side for side in told if side]
    if len(each) < 2:
        return ()
    first = _OWNER.match(each[0])
    if first is None:
        shared = re.match(rf"(?P<thing>.+\bof\s+){_NAME}$", each[0])
        lead = shared["thing"] if shared else ""
        return (f"{each[0]}?", *(f"{lead if re.fullmatch(_NAME, side) else ''}{side}?" for side in each[1:]))
    thing = re.split(r"\s+(?:of|about|to|on|in|for|from|at|over)\b", first["thing"], maxsplit=1)
    found = [f"{each[0]}?"]
    for side in each[1:]:
        owner = re.match(r"(?P<name>.+?)['’]s?(?=\s|$)(?P<rest>.*)", side)
        if owner is None:
            found.append(f"{side}'s {first['thing']}?")
        elif re.match(r"\s+(?!(?:of|about|to|on|in|for|from|at|over)\b)", owner["rest"]):
            found.append(f"{side}?")
        else:
            found.append(f"{owner['name']}'s {thing[0]}{owner['rest']}?")
    return tuple(found)

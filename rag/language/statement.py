"""A question and the words that answer it as one statement, so that a judge can be asked whether it holds.

By rule and for English; the grammar of the result is rough ("Erdogan and Sharif did meet in Baku"), its meaning is
kept. Knows nothing about models.
"""

from __future__ import annotations

import re

_WH = re.compile(
    r"^(?P<wh>(?:(?:in|on|at|to|from|by|for|with|of)\s+)?(?:who(?:m|se)?|what|which|when|where|how (?:many|much|long|far|old"
    r"|big|high|tall|often))\b)\s*(?P<rest>.*)$",
    re.I,
)
_AUXILIARY = re.compile(
    r"^(?P<aux>(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|must|may)(?:n['’]t| not)?)\s+(?P<rest>.+)$",
    re.I,
)
_PARTICIPLE = re.compile(r"\b(?!the\b)[a-z]+(?:ed|wn|en|un|eld|ept|ent|ade|old|uck|ung|ought|aught|ost|ot|et|ut)\b")
_NEGATED = re.compile(r"(?:n['’]t| not)$", re.I)


def statement(question: str, answer: str) -> str | None:
    """The statement that the answer makes of the question, None where the form of the question is not known.

    "Who led the team?" and "Ann Berg" give "Ann Berg led the team."; "Where was the pact signed?" and "Oslo" give "The
    pact was signed in Oslo."
    """
    asked = " ".join(question.split()).rstrip(" ?.!")
    found = _WH.match(asked)
    if found is None:
        return None
    wh, rest, answer = found["wh"].casefold(), found["rest"], " ".join(answer.split())
    helped = _AUXILIARY.match(rest)
    if wh in {"who", "what"} and (helped is None or re.match(r"(?:is|are|was|were|has|have|had|did not|didn)", rest)):
        negated = helped is not None and _NEGATED.search(helped["aux"])
        if helped is None or negated or wh == "who":
            return _said(f"{answer} {rest}")
    if helped is None:
        # "Which party won the vote", "How many people died": what is asked for comes with its noun.
        if wh.startswith("how"):
            return _said(f"{answer} {rest}")
        return (
            _said(re.sub(r"^\S+", lambda noun: f"{answer}, the {noun.group()} that", rest)) if wh == "which" else None
        )
    place = " in" if wh == "where" and not re.match(r"(?:in|on|at|near|to)\b", answer, re.I) else ""
    day = " on" if wh == "when" and answer[:1].isdigit() else ""
    body, aux = helped["rest"], helped["aux"]
    verb = next((m for m in _PARTICIPLE.finditer(body) if m.start()), None)
    if aux.casefold() in {"is", "are", "was", "were"} and verb:
        body = f"{body[: verb.start()]}{aux} {body[verb.start() :]}"
    elif aux.casefold() in {"is", "are", "was", "were"}:
        body = f"{body} {aux}"
    elif _NEGATED.search(aux):
        body = f"{body} not"
    return _said(f"{body}{place}{day} {answer}")


def _said(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

"""A follow-up question made complete from the turn before, so that it can be searched.

By rule, since a person must be able to foresee what is searched, and a small model is not to be trusted with it.
Knows nothing about search or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.language.aliases import another
from rag.language.mentions import mentions
from rag.language.verbs import AUXILIARIES, BE, is_past, participle
from rag.language.words import STOP_WORDS, content_stems, fold
from rag.types import Answer

_LEAD = re.compile(r"^(?:(?:and|but|so|ok|okay|then|also|well)\b[ ,]*)+", re.I)
_ASKS = re.compile(
    r"(?:at|in|on|from|since|until|by|to|for|with)? ?\b(?:how (?:many|much|long|far|big|large|old|often|tall|high)|"
    r"(?:what|which) (?:day|date|year|month|time|country|city|place)|who(?:m|se)?|what|which|when|where|why|how)\b",
    re.I,
)
_FILLER = frozenset("exactly precisely else then again instead there that this it so else though".split())
_ABOUT = re.compile(r"^(?:what|how) about\s+(.+)$", re.I)
_PHRASE = re.compile(r"^(in|on|at|by|for|from|to|with|near|after|before|during|since|until)\s+(.+)$", re.I)
_PERSON = re.compile(r"\b(he|she|him|his|her|hers)\b", re.I)
_THING = re.compile(r"\b(?:it|its|they|them|their|theirs|those|these)\b|\b(?:this|that)(?= ?\??$)", re.I)
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ][\w’'-]*(?:\s+(?:al-|de |bin |van )?[A-ZÀ-ÖØ-Þ][\w’'-]*)*")
#: Where the answer before stands, who says what it says, what came after, and what else is known.
_SOURCE = re.compile(
    r"where (?:does|do|did) (?:it|they|the (?:article|text|source)s?) say (?:that|so|this|it)|"
    r"where (?:is|was) (?:that|this|it) (?:said|stated|written|reported)|(?:(?:what|which) (?:is|are|was|were) )?"
    r"(?:the |your |its )?sources?|really|(?:are you|is (?:that|this|it)) (?:sure|true|right|so|certain)",
    re.I,
)
_NEXT = re.compile(
    r"what (?:happened|came|followed|happens|comes) (?:next|then|after(?:wards?| that| this| it)?)", re.I
)
_MORE = re.compile(
    r"(?:(?:can you |could you |please )*(?:tell|give|show) me )?(?:some )?more(?: details?)?"
    r"(?: (?:about|on|of) (?:it|that|this|them))?|go on|elaborate|(?:what|anything) (?:else|more)",
    re.I,
)
_SPEAKER = re.compile(
    r"(?:who|which [\w ]+) (?:said|says|claimed|claims) (?:so|that|this|it)|says who|according to whom", re.I
)
_COVERAGE = "Summarise the coverage of "
_ONE = re.compile(r"^(?:the (?P<the>[\w-]+)(?: ones?)?|(?P<bare>[\w-]+) ones?)$", re.I)
_AUXILIARY = re.compile(rf"\b({'|'.join(sorted(AUXILIARIES))})\s")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_THE = re.compile(r"\bthe\s+((?:[\w’'-]+\s*){1,5})")
_VERB = re.compile(
    r"^(?:is|are|was|were|be|been|do|does|did|has|have|had|can|could|will|would|may|might|must|should|\w+ed|held|met|"
    r"won|led|made|said|took|gave|began|broke|fell|rose|signed|lie|lies|last|lasts|collapse|fail|want|say|hold|holds|mean|happen|start|end)$"
)
_POSSESSIVE = frozenset("his her hers its their theirs".split())


def standalone(question: str, history: Sequence[Answer] = ()) -> str:
    """The question as it is searched: complete in itself when it leans on the turn before, else unchanged.

    "and where?" after "When was the ceasefire signed?" becomes "Where was the ceasefire signed?"; "what about Turkey?"
    and "and in 2023?" replace the name, the year or the phrase of that kind; "he" and "it" become the last name or
    thing spoken of. Who asks where it says that is given the question before again, with its citations.

    Args:
        question: what the person typed.
        history: the answers so far, oldest first; only the last is looked at.
    """
    asked = " ".join(question.split())
    if not history or not asked:
        return asked
    before = history[-1].standalone.rstrip(" ?.!")
    bare = _LEAD.sub("", asked).rstrip(" ?.!")
    if not bare:
        return asked
    if _SOURCE.fullmatch(bare):
        return f"{before}?"
    if _SPEAKER.fullmatch(bare) and history[-1].claims:
        first, _, rest = history[-1].claims[0].text.strip().rstrip(".").partition(" ")
        return f"Who said that {first.casefold() if first.casefold() in STOP_WORDS else first} {rest}?"
    thing = _thing(before)
    if thing and _NEXT.fullmatch(bare):
        return f"What happened after {thing}?"
    if thing and _MORE.fullmatch(bare):
        return f"{_COVERAGE}{thing}."
    wh = _ASKS.match(bare)
    if wh and not _content(bare[wh.end() :]) and not re.search(r"\b(?:is|was|are|were|did|do|does)\b", bare):
        return _ask_again(wh.group(), before, history[-1])
    if about := _ABOUT.match(bare):
        return _replace(about.group(1), before)
    if (
        not wh
        and not _VERB.match(bare.split()[0].casefold())
        and (asked[:3].casefold() == "and" or _PHRASE.match(bare))
    ):
        return _replace(bare, before)
    return _resolve(asked, before, history[-1])


def _content(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if word not in STOP_WORDS | _FILLER]


def _ask_again(wh: str, before: str, answer: Answer) -> str:
    """The question before, with its question words replaced."""
    old = _ASKS.match(before)
    if not old:
        return f"{_capital(wh)}: {before}?"
    rest = before[old.end() :].strip()
    again = re.match(r"who|what|which|how", wh, re.I)
    if not again and re.match(r"how (?:many|much)\b", old.group(), re.I):
        rest = _of_counted(rest)
    elif not again and re.match(r"who|what|which", old.group(), re.I):
        doers = [name for name in _named_by(answer) if name not in before]
        rest = _of_deed(rest, doers[0] if doers else "somebody")
    return f"{_capital(wh)} {rest}?"


def _of_counted(rest: str) -> str:
    """What a question for a number says, for one that asks where or when: "people were hurt" as "were people hurt"."""
    noun, verb, told = [*_AUXILIARY.split(rest, maxsplit=1), "", ""][:3]
    if not verb:
        return f"was it that {rest}"
    return f"{verb} {told} {noun.strip()}" if verb in ("do", "does", "did") else f"{verb} {noun.strip()} {told}"


def _of_deed(rest: str, doer: str) -> str:
    """What a question for who did something says, for one that asks where, when or why: "led the team" as "was the team
    led", "resigned" as "was it that Lee resigned"."""
    verb, _, after = rest.partition(" ")
    low = verb.casefold()
    if low == "happened":
        return f"did it happen {after}".strip()
    if low in BE and is_past(after.partition(" ")[0]):
        return f"{verb} {doer} {after}"
    if not is_past(verb) or low in AUXILIARIES:
        return rest
    if not after or _PHRASE.match(after) or after.startswith("that "):
        return f"was it that {doer} {rest}"
    return f"{'were' if after.endswith('s') or ' and ' in after else 'was'} {after} {participle(verb)}"


def _named_by(answer: Answer) -> list[str]:
    """The people whom an answer names, those of its short one first."""
    short = [f"it is {span.quote}." for span in answer.short]  # a name by itself is told from a word by what it follows
    return _people(" ".join(short)) or _people(" ".join(claim.text for claim in answer.claims))


def _replace(said: str, before: str) -> str:
    """The question before with its part of the same kind replaced: a year, a phrase, a name; else both together."""
    said = re.sub(r"^the same (?:for|in|with)\s+", "", said)
    if (year := _YEAR.search(said)) and _YEAR.search(before):
        return _YEAR.sub(year.group(), before) + "?"
    if phrase := _PHRASE.match(said):
        like = re.compile(rf"\b{phrase.group(1)}\s+(?:the\s+)?[\w’'-]+(?:\s+[A-Z][\w’'-]*)*$", re.I)
        if like.search(before):
            return like.sub(said, before) + "?"
        return f"{before} {said}?"
    one = _ONE.match(said)
    word = (one["the"] or one["bare"]) if one else ""
    if word and (other := another(fold(word), before)):
        return f"{before[: other.start()]}{word}{before[other.end() :]}?"
    names = [m for m in _NAME.finditer(before) if m.start() > 0]
    if names and _NAME.match(said):
        last = names[-1]
        return f"{before[: last.start()]}{said}{before[last.end() :]}?"
    return f"{before}, {said}?"


def _resolve(asked: str, before: str, answer: Answer) -> str:
    """The question with a pronoun that has nothing to refer to in it replaced by the last name or thing."""
    found = _PERSON.search(asked)
    if found and not _names(asked[: found.start()]):
        people, told = _people(before), _named_by(answer)
        if answer.short or re.match(r"who\b", before, re.I):  # the answer names whom the question asks for
            people = [name for name in told if name not in before] or people
        people = people or told
        if people:
            return _put(asked, found, people[0])
        return asked
    found = _THING.search(asked)
    # With words of its own before it, a pronoun speaks of those: "Which minister said that it would …"
    left = asked[: found.start()] if found else ""
    if found and len(_content(left)) <= 1 and not _names(left) and " that " not in left:
        thing = _thing(before)
        if thing and not set(content_stems(thing)) & set(content_stems(asked)):
            return _put(asked, found, thing)
    return asked


def _put(asked: str, found: re.Match[str], name: str) -> str:
    word = found.group().casefold()
    # "her" before another word is a possessive: "her team", but "met her in".
    owns = (
        word in _POSSESSIVE
        and re.match(r"\s+[a-z]", asked[found.end() :])
        and not re.match(r"\s+(?:in|at|on|to|by|from|with|and)\b", asked[found.end() :])
    )
    if owns:
        name += "'" if name.endswith("s") else "'s"
    return asked[: found.start()] + (_capital(name) if found.start() == 0 else name) + asked[found.end() :]


def _people(text: str) -> list[str]:
    """The people of a text, else its names that are no places."""
    found = [each for each in mentions(text) if each.kind != "place"]
    return [each.name for each in sorted(found, key=lambda each: each.kind != "person")]


def _names(text: str) -> list[str]:
    return [m.group() for m in _NAME.finditer(text) if m.group().casefold() not in STOP_WORDS]


def _thing(before: str) -> str:
    """What a question is about: "the ceasefire" of "When was the ceasefire signed", else its last name."""
    if match := _THE.search(before.removeprefix(_COVERAGE)):
        kept = []
        for word in match.group(1).split():
            if _VERB.match(word) or word.casefold() in STOP_WORDS - {"of", "between"}:
                break
            kept.append(word)
        while kept and kept[-1] in ("of", "between"):
            kept.pop()
        if kept:
            return "the " + " ".join(kept)
    names = [m.group() for m in _NAME.finditer(before) if m.start() > 0]
    return names[-1] if names else ""


def _capital(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:]

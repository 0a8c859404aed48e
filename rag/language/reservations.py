"""What makes a statement less than a plain fact: hedges, negations, and its being somebody's words.

Words only; who is speaking and what a hedge governs is not worked out here.
"""

from __future__ import annotations

from rag.language.words import fold, words

HEDGES = frozenset(
    """may might could can would should likely unlikely possible possibly potential potentially perhaps probably
    presumably apparently reportedly allegedly alleged suspected supposedly seemingly expected planned plans plan hopes
    hope intends aims wants wanted seeks proposed proposes considering appears appear appeared seems seem seemed
    suggests suggest suggested estimated believed thought rumoured rumored if unless threatens threatened offers offered
    tries tried fears feared""".split()
)
REPORTING = frozenset(
    """said says say told tells according claimed claims claim argued argues argue alleged alleges insisted insists
    insist warned warns warn believed believes believe accused accuses accuse denied denies deny blamed blames blame
    thinks think thought complained complains maintained maintains stated states announced announces reported reports
    testified charged charges contends contended predicted predicts expects expected suggested suggests added adds
    described describes promised promises""".split()
)
NEGATIONS = frozenset(
    """not no never none nobody nothing neither nor without cannot can't won't don't doesn't didn't isn't aren't wasn't
    weren't hasn't haven't hadn't wouldn't couldn't shouldn't fails failed refuses refused declined rejected denied
    denies lacks lacked""".split()
)


def marks(text: str, vocabulary: frozenset[str]) -> list[str]:
    """The words of a text that are in a vocabulary of this module, in order, each once."""
    plain = fold(text).replace("’", "'")
    return list(dict.fromkeys(word for word in words(plain) if word in vocabulary))

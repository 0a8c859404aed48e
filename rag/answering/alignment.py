"""How a claim's words lie in the sentence that it rests on, and how likely that makes it that the sentence supports it.

A judge of meaning lets much pass that has every word of a sentence: two names exchanged, a name from elsewhere in the
place of another, a "may" left out. Where the words stand shows it. Logistic regression over the `FEATURES`, which
begin with the judge's own probabilities, and their products by twos; fitted by training/verifier.py on made claims and
shipped in models/verifier. Knows nothing about articles or citations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import combinations_with_replacement, pairwise
from typing import TYPE_CHECKING, Any

from rag.language.reservations import HEDGES, NEGATIONS, REPORTING
from rag.language.words import STOP_WORDS, stem, words
from rag.resources import from_manifest

if TYPE_CHECKING:
    from rag.models.judge import Judgement

#: What is known of a claim and the sentence that the judge finds to support it best:
#: supported, second, contradicted: log-odds of the judge's probabilities that this sentence and the next best one
#:   support it, and of the highest that one contradicts it.
#: absent: its content words that the sentence lacks, 0 to 4.
#: unplaced: its names and numbers with neither of their neighbours there, 0 to 4.
#: renamed: places where a name or number stands in the place of another, 0 to 3.
#: breaks: places where two of its content words that the sentence has follow each other only in the claim, 0 to 4.
#: pairs: share of its pairs of content words that stand together there, in [0, 1].
#: verbatim: 1 where the whole claim stands there.
#: denial, hedge, report: negations, hedges, and verbs of saying that stand there before a content word of the claim,
#:   which has none of them, 0 to 2.
#: reporting: verbs of saying that only the claim has.
#: by: 1 where only the claim has the word "by", as a passive has it, -1 where only the sentence has it.
FEATURES = (
    "supported", "second", "contradicted", "absent", "unplaced", "renamed", "breaks", "pairs", "verbatim", "denial",
    "hedge", "report", "reporting", "by",
)  # fmt: skip
_LEAST = 1e-4
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A logistic regression of second degree, over features of mean 0 and deviation 1.

    Attributes:
        mean, scale: what is taken from each of `FEATURES` and what the rest is divided by, in their order.
        weights: one for each of them, then one for each product of two, squares included, rows of the upper triangle.
        supports: the probability from which a sentence supports a claim, fitted on articles held out.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    supports: float

    def support(self, known: Sequence[float]) -> float:
        """How likely a sentence supports a claim, in [0, 1].

        Args:
            known: the features of both, in the order of `FEATURES`.
        """
        z = [(value - mean) / scale for value, mean, scale in zip(known, self.mean, self.scale, strict=True)]
        terms = [*z, *(one * other for one, other in combinations_with_replacement(z, 2))]
        total = self.bias + sum(weight * term for weight, term in zip(self.weights, terms, strict=True))
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


@cache
def shipped_verifier() -> Verifier:
    """The one that comes with the package.

    Raises:
        ModelMissing, ModelBroken: models/verifier/manifest.json is missing, damaged, or of other features.
    """
    return from_manifest("verifier", _verifier)


def _verifier(data: Any) -> Verifier:
    mean, scale = (tuple(float(data[part][name]) for name in FEATURES) for part in ("mean", "scale"))
    weights = tuple(map(float, data["weights"]))
    if len(weights) != len(FEATURES) * (len(FEATURES) + 3) // 2:
        raise ValueError(f"{len(weights)} weights")
    return Verifier(mean, scale, weights, float(data["bias"]), float(data["supports"]))


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    stem: str
    capital: bool
    digits: bool

    @property
    def content(self) -> bool:
        return self.word not in STOP_WORDS


def features(claim: str, premise: str, judged: Sequence[Judgement], best: int) -> list[float]:
    """What is known of a claim and of the premise at `best`, in the order of `FEATURES`.

    Args:
        judged: what the judge says of each premise and the claim.
    """
    mine, theirs = _tokens(claim), _tokens(premise)
    said_words, there_words = {token.word for token in mine}, {token.word for token in theirs}
    capitals = {token.stem for token in (*mine, *theirs) if token.capital}
    said = [token for token in mine if token.content]
    there = [token for token in theirs if token.content]
    named = [token.digits or token.stem in capitals for token in said]
    stems, other = [token.stem for token in said], [token.stem for token in there]
    places: dict[str, list[int]] = {}
    for place, word in enumerate(other):
        places.setdefault(word, []).append(place)
    together = set(pairwise(other))
    own = set(stems)
    rest = [judgement.supported for n, judgement in enumerate(judged) if n != best]
    return [
        _log_odds(judged[best].supported),
        _log_odds(max(rest, default=0.0)),
        _log_odds(max(judgement.contradicted for judgement in judged)),
        min(4, sum(word not in places for word in stems)),
        min(4, _unplaced(stems, named, other, places)),
        min(3, _renamed(stems, named, other, [token.digits or token.stem in capitals for token in there])),
        min(4, sum(pair not in together for pair in pairwise(word for word in stems if word in places))),
        sum(pair in together for pair in pairwise(stems)) / max(1, len(stems) - 1),
        float(" ".join(token.word for token in mine) in " ".join(token.word for token in theirs)),
        *(_left_out(vocabulary, said_words, theirs, own) for vocabulary in (NEGATIONS, HEDGES, REPORTING)),
        len((said_words - there_words) & REPORTING),
        ("by" in said_words) - ("by" in there_words),
    ]


def _log_odds(share: float) -> float:
    return math.log(max(share, _LEAST) / max(1 - share, _LEAST))


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _WORD.finditer(text):
        raw, opens = match.group(), text[: match.start()].rstrip()[-1:] in ".!?:"
        found += [_Token(word, stem(word), raw[0].isupper() and not opens, raw[0].isdigit()) for word in words(raw)]
    return found


def _unplaced(stems: Sequence[str], named: Sequence[bool], other: Sequence[str], places: dict[str, list[int]]) -> int:
    """Names and numbers that have another content word, or the other end of the text, on either side there."""
    mine, theirs = ["", *stems, ""], ["", *other, ""]
    count = 0
    for at, (word, is_name) in enumerate(zip(stems, named, strict=True)):
        if is_name and word in places:
            around = [(theirs[place], theirs[place + 2]) for place in places[word]]
            count += not any(mine[at] == left or mine[at + 2] == right for left, right in around)
    return count


def _renamed(stems: Sequence[str], named: Sequence[bool], other: Sequence[str], there: Sequence[bool]) -> int:
    """Stretches of the claim that replace a stretch of the premise where both have a name or number."""
    changes = SequenceMatcher(None, stems, other, autojunk=False).get_opcodes()
    return sum(op == "replace" and any(named[a:b]) and any(there[c:d]) for op, a, b, c, d in changes)


def _left_out(vocabulary: frozenset[str], said: set[str], theirs: Sequence[_Token], stems: set[str]) -> int:
    """Words of a vocabulary before a content word of the claim, in the premise, 0 to 2; 0 where the claim has one."""
    if vocabulary & said:
        return 0
    count = 0
    for at, token in enumerate(theirs):
        if token.word in vocabulary:
            follows = next((after.stem for after in theirs[at + 1 : at + 4] if after.content), None)
            count += follows in stems
    return min(2, count)

"""Questions that the indexed articles answer, made by rule from their sentences and kept only when the reader agrees.

Knows nothing about pages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from rag.language.sentences import sentences
from rag.models.reader import Reader
from rag.types import Article

_NAME = r"(?:The )?[A-Z][\w'’-]+(?: (?:[A-Z][\w'’-]+|of|the|and)){0,5}"
_DONE = r"(?!stated|added|noted|warned|called|asked)[a-z]{2,}ed|won|led|met|held|made|gave|took|beat|sold|built|wrote"
#: Up to a clause or a stop, so that no noun is cut off.
_WHO = re.compile(
    rf"(?P<answer>{_NAME}) (?P<rest>(?:{_DONE})\b(?: [\w'’-]+){{2,7}}?)"
    r"(?=[.,;]| (?:that|which|who|while|when|as|after|before|but|because|with|saying|and)\b)"
)
_HURT = re.compile(
    r"(?P<verb>killed|wounded|injured|displaced|arrested) (?:at least |about |more than |some )?"
    r"(?P<answer>\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten) (?P<what>[a-z]+s|people)\b"
)
_COUNT = re.compile(
    r"(?P<answer>\d[\d,.]*\d?(?: (?:million|billion|thousand))?) (?P<what>[a-z]+) (?:were|have been|had been) "
    r"(?P<verb>[a-z]+(?:ed|en|un|ld))\b"
)
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DAY = rf"\d{{1,2}} {_MONTH}(?: \d{{4}})?|{_MONTH} \d{{1,2}}(?:, \d{{4}})?"
_WHEN = re.compile(rf"\b(?P<verb>{_DONE}) (?:a|an|the) (?P<what>[a-z]+)\b[^.,]{{0,40}}? on (?P<answer>{_DAY})")
_WHERE = re.compile(rf"\b(?P<verb>{_DONE}) (?:a|an|the) (?P<what>[a-z]+) in (?P<answer>[A-Z]\w+)")
_NOBODY = re.compile(r"(?:The|It|He|She|They|We|I|This|That|These|Those|There|And|But|In|On|At|No|Its|His|Her|Their)\b")
#: A question does not end on one of these.
_TRAILING = re.compile(r"(?: (?:a|an|the|in|on|of|for|to|and|by|at|with|it|its|his|her|their|from|into|over|not))+$")
#: Sure enough to be shown as an example: the reader's probability that the sentence answers.
SURE = 0.4


#: Readings at most, so that the page opens soon.
MOST_READ = 60


def example_questions(
    articles: Iterable[Article],
    reader: Reader | None,
    most: int = 4,
    answered: Callable[[str], bool] = lambda question: True,
) -> list[str]:
    """At most `most` questions, of as many forms as there are, each of another article where possible.

    Args:
        answered: whether all the articles together answer a question; asked of those only that are about to be taken.
    """
    if reader is None:
        return []
    good: list[tuple[str, str, str]] = []
    for article, (form, question, answer, sentence) in islice(
        ((a, candidate) for a in articles for candidate in _candidates(a)), MOST_READ
    ):
        reading = reader.read(question, [sentence])[0][0]
        found = sentence[reading.start : reading.end]
        if reader.probability(reading.logit) >= SURE and (answer in found or found in answer):
            good.append((form, article.id, question))
    kept: list[tuple[str, str, str]] = []
    while good and len(kept) < most:
        # The form and the article used least so far; the first among equals.
        uses = Counter(value for form, id_, _ in kept for value in (form, id_))
        best = min(good, key=lambda c: (uses[c[0]], uses[c[1]]))
        good = [c for c in good if c[2] != best[2]]
        if answered(best[2]):
            kept.append(best)
    return [question for _, _, question in kept]


def _candidates(article: Article) -> Iterator[tuple[str, str, str, str]]:
    """(form, question, answer, sentence) for each sentence that fits a form."""
    for sentence in (article.text[s.start : s.end] for s in sentences(article.text)[:30] if 30 < s.end - s.start < 260):
        if match := _WHEN.search(sentence):
            yield "when", f"When was the {match['what']} {match['verb']}?", match["answer"], sentence
        if match := _WHERE.search(sentence):
            yield "where", f"Where was the {match['what']} {match['verb']}?", match["answer"], sentence
        for form in (_HURT, _COUNT):
            if match := form.search(sentence):
                yield "count", f"How many {match['what']} were {match['verb']}?", match["answer"], sentence
        if (match := _WHO.match(sentence)) and (" " in match["answer"] or not _NOBODY.fullmatch(match["answer"])):
            rest = _TRAILING.sub("", match["rest"])
            if not _NOBODY.match(match["answer"]) and len(rest.split()) > 2:
                yield "who", f"Who {rest}?", match["answer"], sentence

"""Questions that the indexed articles answer, made by rule from their sentences and kept only when the reader agrees.

Knows nothing about pages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from rag.language.sentences import sentences
from rag.language.words import content_stems
from rag.models.reader import Reader
from rag.types import Answer, Article

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
#: Of what may be asked next: how likely the articles must answer it, how many are tried, and of how many articles.
LIKELY, MOST_ASKED, MOST_ARTICLES = 0.5, 10, 6
#: A person's name in full, for a question; "people close to the talks" is none.
_PERSON = re.compile(r"[^\W\da-z][\w'’-]+(?: (?:al-|bin |de |van |von )?[^\W\da-z][\w'’.-]*)+")


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


def follow_ups(
    answers: Sequence[Answer],
    article: Callable[[str], Article | None],
    ask: Callable[[str], Answer],
    most: int = 3,
    unwanted: Callable[[], bool] = lambda: False,
) -> list[str]:
    """At most `most` questions about what the articles of the last answer also say, none of which was asked yet.

    Each is asked, and kept only when the articles answer it more likely than not.

    Args:
        answers: of the conversation, oldest first, at least one.
        article: an article by its id.
        ask: the answer to a question, without a language model.
        unwanted: asked before each; whether nobody wants them any more.
    """
    last = answers[-1]
    known = [_gist(text) for answer in answers for text in (answer.question, answer.standalone)]
    kept: list[tuple[str, str]] = []
    asked = 0
    for form, question in _also(last, article):
        gist = _gist(question)
        # Two of a form at most, so that they differ; nothing that was asked in nearly the same words.
        if sum(form == other for other, _ in kept) > 1 or any(gist <= told for told in known):
            continue
        if unwanted():
            return []
        asked += 1
        answer = ask(question)
        if not answer.abstained and answer.probability >= LIKELY:
            kept.append((form, question))
            known.append(gist)
        if len(kept) == most or asked == MOST_ASKED:
            break
    return [question for _, question in kept]


def _gist(question: str) -> set[str]:
    """What a question asks: its first word and the stems of its content words."""
    return {question.split(" ", maxsplit=1)[0].casefold(), *content_stems(question)}


def _also(answer: Answer, article: Callable[[str], Article | None]) -> Iterator[tuple[str, str]]:
    """(form, question): what the speakers in the hits said, then what else their articles tell; cited ones first."""
    cited = [c.article.id for claim in (*answer.claims, *answer.extracts) for c in claim.citations]
    hits = sorted(answer.hits, key=lambda hit: (hit.passage.article.id not in cited, hit.rank))
    spoken = [s for hit in hits for s in hit.passage.sentences if _PERSON.fullmatch(s.speaker)]
    found = [("said", f"What did {speaker} say?") for speaker in dict.fromkeys(s.speaker for s in spoken)]
    found += [("is", f"Who is {speaker}?") for speaker in dict.fromkeys(s.speaker for s in spoken if s.office)]
    others: list[tuple[str, str]] = []
    for id_ in dict.fromkeys(hit.passage.article.id for hit in hits[:MOST_ARTICLES]):
        if whole := article(id_):
            others += [(form, question) for form, question, _, _ in _candidates(whole)]
    # By turns, so that not only one form is tried.
    for n in range(max(len(found), len(others))):
        yield from others[n : n + 1]
        yield from found[n : n + 1]


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

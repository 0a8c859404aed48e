"""Who said it: speakers of quotes and of reported speech in an article, and speakers that a question asks for.

By rule over words and quotation marks, for English. What the rules cannot settle is left open: a pronoun that fits
nobody stays a pronoun. Knows nothing about articles as stored or about search.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Literal, NamedTuple

from rag.language.aliases import is_short_for
from rag.language.names import (
    ABBREVIATED,
    CALENDAR,
    TITLES,
    Gender,
    Name,
    fullest,
    gender_of,
    names,
    same_person,
    surname,
)
from rag.language.words import content_stems, fold, stem

Manner = Literal["say", "deny", "decline"]

_SAY = frozenset(
    """said says told tells stated announced announces added adds explained explains insisted insists warned warns
    argued argues noted stressed emphasised emphasized confirmed confirms admitted admits acknowledged conceded
    promised vowed vows pledged pledges urged urges asked demanded predicted predicts suggested suggests replied
    replies responded commented wrote writes tweeted posted recalled recounted testified complained criticised
    criticized criticises praised condemned condemns welcomed accused accuses blamed blames described describes
    hailed advised recommended remarked declared declares maintained maintains concluded reported revealed joked
    appealed proposed claimed called assured reiterated cautioned alleged speculated boasted thanked swore""".split()
)
_DENY = frozenset(
    """denied denies rejected rejects disputed disputes refuted refutes contradicted contradicts dismissed
    dismisses""".split()
)
#: Nouns as well: verbs only right after a name or "she".
_NOUNS = frozenset("states calls hopes fears estimates demands claims expects promises thinks believes asks".split())
_PARTICIPLES = frozenset("saying adding arguing insisting claiming explaining noting stressing telling".split())
#: Forms that are nouns as well: verbs only after "they", a plural, "not" or "would".
_BASE = frozenset(
    "say argue warn believe think deny claim insist fear expect hope tell dispute reject call describe predict".split()
)
_SILENT = frozenset("declined declines refused refuses decline refuse".split())
#: Whatever may be a verb of speech, or say that somebody does not speak.
_SPEAK = (
    _SAY
    | _DENY
    | _NOUNS
    | _PARTICIPLES
    | _BASE
    | _SILENT
    | {"spoke", "reached", "comment", "respond", "answer", "reply"}
)
#: Without any of these, a sentence reports nobody's words.
_REPORT = _SPEAK | {"according"}
_SPEAKING = frozenset("comment say answer speak discuss talk respond give reply elaborate explain be".split())
_BE = frozenset("is was were are be been being am get got".split())
_ADVERBS = frozenset(
    """also then later has had have having will would could can may might must should did does do not never again
    already still once simply just even only earlier now today yesterday first often always further however
    therefore who reportedly""".split()
)
_BREAKS = frozenset(
    """that because when while although though if whether as since until unless where whom whose than after before amid
    despite so yet nor""".split()
)
_CONJUNCTIONS = frozenset("and but or then".split())
_DETERMINERS = frozenset(
    "the a an this that these those his her its their our my your some many most several both all one two three".split()
)
_PREPOSITIONS = frozenset("of for to with via by from at near in on about against under over between into".split())
_PRONOUNS: dict[str, Gender | None] = {"he": "man", "she": "woman"}
#: How words for what a person is end, beside the titles.
_OFFICE = r"(?:er|or|ist|man|woman|ian|ress|chief|head|judge|captain|guard)$"
_TOKEN = re.compile(rf"(?:[A-Z]\.){{2,}}|(?:{'|'.join(ABBREVIATED)})\.|[^\W_]+(?:[-'’][^\W_]+)*|\ue000+|[,;:.!?()–—-]")

_PAIRS = {"“": "”", "«": "»", "„": "“”", '"': '"', "‘": "’"}
_QUOTATION = re.compile(f"[{''.join(_PAIRS)}]")


@dataclass(frozen=True, slots=True)
class Speech:
    """One speaker's words in a sentence.

    Attributes:
        speaker: the fullest form of the name in the article, else the words that name the speaker ("the civil guard"),
            else the pronoun where it could not be resolved.
        start, end: of the speaker's mention in this sentence, offsets in the article; None where the words go on from a
            sentence before.
        role: what the article says the speaker is, "" if nothing ("Health minister").
        manner: "say", "deny", or "decline" (to comment).
        pronoun: the mention is "he" or "she".
        resolved: the speaker is named; false for a pronoun that fits nobody.
        words_start, words_end: the part of the sentence that is the speaker's, the quote or the clause after the verb.
    """

    speaker: str
    start: int | None
    end: int | None
    role: str
    manner: Manner
    pronoun: bool
    resolved: bool
    words_start: int
    words_end: int


@dataclass(frozen=True, slots=True)
class AskedSpeech:
    """What a question asks about somebody's words.

    Attributes:
        kind: "words" (what did X say about Y), "who" (who said Z) or "whether" (did X say Z).
        speaker: X as written, None for "who".
        about: Y or Z, "" if nothing ("What did X say?").
        manner: "deny" where the question says denied, rejected, disputed; else "say".
    """

    kind: Literal["words", "who", "whether"]
    speaker: str | None
    about: str
    manner: Manner


class _Token(NamedTuple):
    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.casefold()

    @property
    def quote(self) -> bool:
        return self.text[0] == "\ue000"

    @property
    def word(self) -> bool:
        return self.text[0].isalnum()


class _Subject(NamedTuple):
    """Who a verb is said of: a mention, its offsets, and the words that say who that is."""

    text: str
    start: int
    end: int
    role: str


def speeches(text: str, sentences: Sequence[tuple[int, int]]) -> list[tuple[Speech, ...]]:
    """Speakers of each sentence of an article, in order; an empty tuple where nobody speaks.

    A sentence has several where it reports several ("A said it was safe, but B said it was not"). Sentences inside one
    quotation share its speaker, and a quotation without a speaker of its own in the same paragraph goes on from the
    sentence before.

    Args:
        text: the whole article, since speakers are named anywhere in it.
        sentences: offsets (start, end) in the text, in order.
    """
    return copy(_read(text, tuple(sentences))).speeches()


def is_speaker(speaker: str, role: str, asked: str) -> bool:
    """Whether a speaker is the person, body or office that a question names.

    "Maddox" and "the chemist Oren Maddox" fit Oren Maddox, "Karl Maddox" does not; "the minister" and "the health
    minister" fit a speaker whose role is "Health minister", "UNHCR" the United Nations High Commissioner for Refugees.

    Args:
        speaker, role: as in `Speech`.
    """
    person = names(f"it is {asked}") or (
        [Name(asked, 0, len(asked))] if asked[:1].isupper() or " " not in asked else []
    )
    if any(same_person(name.text, speaker) or is_short_for(name.text, speaker) for name in person):
        return True
    wanted = set(content_stems(asked))
    if not wanted or not speaker:
        return False
    return wanted <= set(content_stems(f"{role} {speaker}"))


@lru_cache(maxsize=2)  # an article's speakers and its pronouns are asked for one after the other
def _read(text: str, sentences: tuple[tuple[int, int], ...]) -> _Article:
    return _Article(text, sentences)


class _Article:
    def __init__(self, text: str, sentences: Sequence[tuple[int, int]]) -> None:
        self.text, self.sentences = text, sentences
        self.quotes = quotes(text)
        self.closes = [end for _, end in self.quotes]
        self.names = names(text)
        self.begins = [name.start for name in self.names]
        self.ends = {name.end for name in self.names}
        self.starts = {name.start: name for name in self.names}
        self.first: dict[tuple[str, str], Name] = {}  # mention of each name with each title, in order
        for name in self.names:
            self.first.setdefault((name.text, name.title), name)
        masked = list(text)
        for start, end in self.quotes:
            masked[start:end] = "\ue000" * (end - start)
        self.masked = "".join(masked)
        everyone = defaultdict(list)  # by surname, the first of several who share it last
        for name in reversed(self.names):
            everyone[surname(name.text)].append(name.text)
        self.full = {text: fullest(text, everyone[surname(text)]) for text in {name.text: 0 for name in self.names}}
        self.roles: dict[str, str] = {}
        self._cut: dict[tuple[int, int], list[_Token]] = {}
        for start, end in sentences:
            if self._named(start, end):
                self._find_roles(self._tokens(start, end))
        self.last: list[str] = []  # speakers so far

    def speeches(self) -> list[tuple[Speech, ...]]:
        self.last, self.roles = [], dict(self.roles)
        found: list[tuple[Speech, ...]] = []
        for start, end in self.sentences:
            said = tuple(self._resolve(speech, start) for speech in self._stated(start, end))
            self.last += [speech.speaker for speech in said if speech.speaker in self.full]
            found.append(said)
        found = self._through_quotes(found)
        return [tuple(replace(s, role=s.role or self.roles.get(s.speaker, "")) for s in said) for said in found]

    # -- quotes that have no speaker of their own -------------------------------------------------------------------

    def _through_quotes(self, found: list[tuple[Speech, ...]]) -> list[tuple[Speech, ...]]:
        """Give sentences inside a quotation its speaker: of the same quotation, else of the sentence before."""
        found = list(found)
        for n, (start, end) in enumerate(self.sentences):
            quote = self._mostly_quote(start, end)
            if found[n] or quote is None:
                continue
            inside = [
                m for m, (a, b) in enumerate(self.sentences) if m != n and a < quote[1] and quote[0] < b and found[m]
            ]
            before = n - 1 if n and found[n - 1] and self._goes_on(self.sentences[n - 1][1], start) else None
            giver = min(inside, key=lambda m: (m < n, abs(m - n)), default=before)
            if giver is None:
                giver = self._announced(n, found)
            if giver is not None:
                speech = found[giver][-1]
                manner: Manner = "say" if speech.manner == "decline" else speech.manner
                found[n] = (replace(speech, start=None, end=None, manner=manner, words_start=start, words_end=end),)
        return found

    def _mostly_quote(self, start: int, end: int) -> tuple[int, int] | None:
        """The quotation that covers most of a sentence."""
        for quote in self.quotes[bisect_right(self.closes, start) :]:
            if quote[0] >= end:
                return None
            if min(end, quote[1]) - max(start, quote[0]) > (end - start) / 2:
                return quote
        return None

    def _goes_on(self, end: int, start: int) -> bool:
        """Within one paragraph, or a quotation taken up again in the next."""
        between = self.text[end:start]
        if "\n" not in between:
            return True
        return any(b - a > 0 and b <= end + 1 and self.text[b - 1] not in '"”»' for a, b in self.quotes)

    def _announced(self, n: int, found: list[tuple[Speech, ...]]) -> int | None:
        """The sentence after, in the same paragraph, when it goes on in the same quotation marks' speaker."""
        if n + 1 < len(found) and found[n + 1] and self._mostly_quote(*self.sentences[n + 1]):
            return n + 1 if "\n" not in self.text[self.sentences[n][1] : self.sentences[n + 1][0]] else None
        return None

    # -- speech stated in a sentence --------------------------------------------------------------------------------

    def _tokens(self, start: int, end: int) -> list[_Token]:
        """Words, marks and quotations (each as one token) of a sentence."""
        if (start, end) not in self._cut:
            matches = _TOKEN.finditer(self.masked[start:end])
            self._cut[start, end] = [_Token(m.group(), m.start() + start, m.end() + start) for m in matches]
        return self._cut[start, end]

    def _stated(self, start: int, end: int) -> list[Speech]:
        tokens = self._tokens(start, end)
        if _REPORT.isdisjoint([token.text.casefold() for token in tokens]):
            return []
        found: list[tuple[int, _Subject, Manner]] = []  # at which token, who, how
        for at, token in enumerate(tokens):
            if token.low == "according" and at + 2 < len(tokens) and tokens[at + 1].low == "to":
                if subject := self._after(tokens, at + 2):
                    found.append((at, subject, "say"))
                continue
            manner = self._manner(tokens, at) if token.low in _SPEAK else None
            if manner is None:
                continue
            subject = self._inverted(tokens, at) or self._before(tokens, at, found)
            if subject and not (found and found[-1][1].start == subject.start and found[-1][2] == manner):
                found.append((at, subject, manner))
        return self._with_words(tokens, found, start, end)

    def _manner(self, tokens: Sequence[_Token], at: int) -> Manner | None:
        """How the token speaks; None when it is no verb of speech here."""
        low = tokens[at].low
        before = [token.low for token in tokens[max(0, at - 3) : at] if token.word]
        after = [token.low for token in tokens[at + 1 : at + 4] if token.word]
        negated = any(word in ("not", "never") or re.search("n['’]t$", word) for word in before)
        if self._silent(tokens, at, before, after, negated):
            return "decline"
        if low in _PARTICIPLES:
            return "say" if at and (tokens[at - 1].text == "," or before[-2:] == ["quoted", "as"]) else None
        if (before and before[-1] in _BE) or (before[-1:] == ["to"] and low not in _SAY):
            return None
        if low in _DENY:
            return "say" if negated else "deny"
        if low == "called" and at and not tokens[at - 1].word:
            return None  # "a rocket, called the Heron"
        if before and tokens[at - 1].word and before[-1] in _PREPOSITIONS | _DETERMINERS:
            return None  # "said role", "the asked price"
        if low in _NOUNS:
            named = at and (tokens[at - 1].low in _PRONOUNS or tokens[at - 1].end in self.ends)
            return "say" if named else None
        if low in _SAY or (low == "spoke" and after[:1] == ["of"]):
            return "say"
        plural = bool(before) and (before[-1] in ("they", "people", "police") or before[-1].endswith("s"))
        if low in _BASE and (negated or (plural and tokens[at - 1].word)):
            return "deny" if low in ("deny", "dispute", "reject") and not negated else "say"
        return None

    def _silent(
        self, tokens: Sequence[_Token], at: int, before: Sequence[str], after: Sequence[str], negated: bool
    ) -> bool:
        """ "declined to comment", "did not say", "could not be reached", "made no comment"."""
        low = tokens[at].low
        if low in _SILENT:
            return after[:1] == ["to"] and after[1:2] != [] and after[1] in _SPEAKING
        if low in ("comment", "respond", "answer", "reply", "say", "tell") and negated:
            return True
        if low == "reached":
            return {"not", "be"} <= {token.low for token in tokens[max(0, at - 5) : at]}
        return low == "comment" and list(before[-2:]) in (["made", "no"], ["had", "no"])

    def _inverted(self, tokens: Sequence[_Token], at: int) -> _Subject | None:
        """ "…," said X: the verb right after a quotation or a comma, and nothing but the speaker after it."""
        if at == 0 or at + 1 >= len(tokens) or tokens[at].low not in _SAY | _DENY or tokens[at].low == "told":
            return None
        if tokens[at - 1].quote or (tokens[at - 1].text == "," and at > 1 and tokens[at - 2].quote):
            return self._after(tokens, at + 1)
        if tokens[at - 1].text == "," and tokens[at].low in ("said", "says", "added", "wrote", "explained"):
            other = next((n for n in range(at - 2, 0, -1) if tokens[n].text == ","), 0)
            if tokens[other - 1].end in self.ends:
                return None  # "X, a minister, said …"
            subject = self._after(tokens, at + 1)
            following = next((t for t in tokens if subject and t.start >= subject.end), None)
            if subject and (following is None or following.text in ",."):
                return subject
        return None

    def _after(self, tokens: Sequence[_Token], at: int) -> _Subject | None:
        """The noun phrase that begins at a token."""
        if at >= len(tokens) or not tokens[at].word or tokens[at].low in _PREPOSITIONS | _ADVERBS | CALENDAR:
            return None
        if tokens[at].low in _PRONOUNS:
            return _Subject(tokens[at].text, tokens[at].start, tokens[at].end, "")
        stop = at
        while stop < len(tokens) and tokens[stop].word and stop - at < 12:
            if tokens[stop].low in _BREAKS | {"and", "but", "in", "on", "at", "who"} and stop > at:
                break
            if tokens[stop].low in _BE | _SAY | {"has", "had", "have", "will", "would"}:
                break
            stop += 1
        if stop == at:
            return None
        return self._phrase(tokens[at:stop], self._aside(tokens, stop)[0])

    def _aside(self, tokens: Sequence[_Token], at: int) -> tuple[list[_Token], int]:
        """What stands between a comma at this token and the next comma or end, and the token after it."""
        if at >= len(tokens) or tokens[at].text != ",":
            return [], at
        stop = at + 1
        while stop < len(tokens) and tokens[stop].word:
            stop += 1
        return list(tokens[at + 1 : stop]), stop

    def _before(
        self, tokens: Sequence[_Token], at: int, found: Sequence[tuple[int, _Subject, Manner]]
    ) -> _Subject | None:
        """The subject to the left of a verb."""
        left = at - 1
        if tokens[at].low in _PARTICIPLES:
            if tokens[left].text == ",":
                return found[-1][1] if found else self._opening(tokens, left)
            left -= 2  # was quoted as saying
        while left >= 0 and tokens[left].word and self._skipped(tokens[left]):
            left -= 1
        if left < 0:
            return None
        token = tokens[left]
        if tokens[left + 1].low == "who":
            left = left - 1 if token.text == "," else left
            return self._phrase(self._noun_phrase(tokens, left), []) if left >= 0 else None
        if token.low in _CONJUNCTIONS:
            return found[-1][1] if found else self._opening(tokens, left)
        if token.text == ",":
            return self._around_comma(tokens, left, found)
        if token.text == ")":
            left = next((n for n in range(left, -1, -1) if tokens[n].text == "("), 0) - 1
        if left < 0 or not tokens[left].word or token.low in ("i", "we", "you", "this", "that"):
            return None
        if token.low in _PRONOUNS:
            return _Subject(token.text, token.start, token.end, "")
        if token.low in ("it", "they"):
            return self._opening(tokens, left)
        return self._phrase(self._noun_phrase(tokens, left), [])

    def _skipped(self, token: _Token) -> bool:
        low = token.low
        return low in _ADVERBS or low in _BE or low.endswith(("ly", "n't", "n’t")) or low in ("made", "no", "to")

    def _around_comma(
        self, tokens: Sequence[_Token], comma: int, found: Sequence[tuple[int, _Subject, Manner]]
    ) -> _Subject | None:
        """ "X, who runs it, said" and "the leader, X, said"; with no comma before it, the sentence's own subject."""
        other = next((n for n in range(comma - 1, -1, -1) if tokens[n].text == "," or tokens[n].quote), None)
        if other is None or tokens[other].quote:
            return found[-1][1] if found else None
        inner = list(tokens[other + 1 : comma])
        head = self._noun_phrase(tokens, other - 1)
        if not inner or not head:
            return None
        name, other_name = self._whole_name(inner), self._whole_name(head)
        if name and not (other_name and gender_of(name) is None):
            return self._phrase(inner, head)
        return self._phrase(head, inner)

    def _whole_name(self, tokens: Sequence[_Token]) -> Name | None:
        """The name that a run of tokens is, titles aside."""
        name = next((n for n in self._named(tokens[0].start, tokens[-1].end) if n.end == tokens[-1].end), None)
        before = [token.low for token in tokens if name and token.end <= name.start]
        return None if len(before) > 4 or _PREPOSITIONS & set(before) else name

    def _noun_phrase(self, tokens: Sequence[_Token], last: int) -> list[_Token]:
        """The noun phrase that ends at a token."""
        first = last
        while first >= 0 and tokens[first].word and last - first < 14:
            low = tokens[first].low
            if low in _BREAKS or low in _CONJUNCTIONS or low in _SAY:
                break
            begins = low in _DETERMINERS and not (first and tokens[first - 1].low in _PREPOSITIONS)
            first -= 1
            if begins:
                break
        return list(tokens[first + 1 : last + 1])

    def _phrase(self, tokens: Sequence[_Token], aside: Sequence[_Token]) -> _Subject | None:
        """Who a noun phrase names: the name it ends or begins with, else itself; what else it says is the role."""
        if not tokens:
            return None
        start, end = tokens[0].start, tokens[-1].end
        inside = [name for name in self._named(start, end) if name.end <= end]
        role = self.text[aside[0].start : aside[-1].end] if _is_role(aside) else ""
        if any(token.low in ("story", "article") for token in tokens):  # "An earlier version of this story stated"
            return None
        for name in inside:
            before = [token for token in tokens if token.end <= name.start]
            after = [token for token in tokens if token.start >= name.end]
            owns = self.text[name.end : name.end + 2] in ("'s", "’s") or self.text[name.end : name.end + 1] in (
                "'",
                "’",
            )
            linked = bool(before) and before[-1].low in _PREPOSITIONS
            if owns or linked or (after and after[0].low not in _PREPOSITIONS):
                continue
            role = role or " ".join(token.text for token in before if token.low not in _DETERMINERS)
            self._note_role(name.text, role)
            return _Subject(name.text, name.start, name.end, role)
        if aside and (named := self._whole_name(aside)):
            phrase = self.text[start:end]
            self._note_role(named.text, phrase)
            return _Subject(named.text, named.start, named.end, phrase)
        while len(tokens) > 1 and tokens[0].low in _PREPOSITIONS:  # "in the night the guard": not the speaker
            tokens = tokens[1:]
        if not any(token.low not in _DETERMINERS for token in tokens) or len(tokens) > 10:
            return None
        return _Subject(self.text[tokens[0].start : end], tokens[0].start, end, role)

    def _find_roles(self, tokens: Sequence[_Token]) -> None:
        """Note what the article calls its people: "Health minister X", "X, who runs it, …", "X, the mayor of Y, …"."""
        for n, token in enumerate(tokens):
            name = self.starts.get(token.start)
            if name is None:
                continue
            apart = n > 1 and tokens[n - 1].text == ","  # "The keeper of the port, X, …"
            phrase = self._noun_phrase(tokens, n - 2 if apart else n - 1) if n else []
            if apart and not self._between_commas(tokens, n, name):
                phrase = []
            titled = name.title or (phrase and re.search(_OFFICE, phrase[-1].low))
            if titled and phrase and len(phrase) <= 5:
                self._note_role(name.text, " ".join(t.text for t in phrase if t.low not in _DETERMINERS))
            elif name.title:
                self._note_role(name.text, name.title)
            after = next((m for m in range(n, len(tokens)) if tokens[m].start >= name.end), len(tokens))
            aside = self._aside(tokens, after)[0]
            if _is_role(aside):
                self._note_role(name.text, self.text[aside[0].start : aside[-1].end])

    def _between_commas(self, tokens: Sequence[_Token], at: int, name: Name) -> bool:
        after = next((token for token in tokens[at:] if token.start >= name.end), None)
        return after is not None and after.text == ","

    def _note_role(self, name: str, role: str) -> None:
        full = self.full[name]
        if re.fullmatch(r"(?:mr|mrs|ms|miss|dr|sir)\.?", role, re.I):
            return
        if role and not self.roles.get(full):
            self.roles[full] = role

    def _opening(self, tokens: Sequence[_Token], before: int) -> _Subject | None:
        """The subject that a sentence opens with, for a second verb after "and"."""
        first = next((n for n, token in enumerate(tokens[:before]) if token.word), None)
        if first is None:
            return None
        if tokens[first].low in _PRONOUNS:
            return _Subject(tokens[first].text, tokens[first].start, tokens[first].end, "")
        for name in self.names:
            if tokens[first].start <= name.start < tokens[before].start:
                between = [token for token in tokens[first:before] if token.end <= name.start]
                if len(between) <= 4 and not any(token.low in _PREPOSITIONS for token in between):
                    return self._phrase([t for t in tokens[first:before] if t.end <= name.end], [])
                break
        return None

    def _with_words(
        self, tokens: Sequence[_Token], found: Sequence[tuple[int, _Subject, Manner]], start: int, end: int
    ) -> list[Speech]:
        """Which part of the sentence is whose: the quote before "X said", else what follows until the next speaker."""
        said: list[Speech] = []
        at = start
        for n, (verb, subject, manner) in enumerate(found):
            following = end
            if n + 1 < len(found):
                following = (
                    found[n + 1][1].start if found[n + 1][1].start > subject.start else tokens[found[n + 1][0]].start
                )
            lead, tail = min(subject.start, tokens[verb].start), max(subject.end, tokens[verb].end)
            before = [token for token in tokens if at <= token.start and token.end <= lead]
            after = [token for token in tokens if tail <= token.start < following]
            words = (tail, following)
            if manner != "decline" and _ends(before, after, tokens[verb].low):
                words = (at, lead)
            elif any(token.quote for token in before):
                words = (at, following)
            pronoun = subject.text.casefold() in _PRONOUNS
            said.append(
                Speech(subject.text, subject.start, subject.end, subject.role, manner, pronoun, not pronoun, *words)
            )
            at = following
        return said

    # -- who is meant -----------------------------------------------------------------------------------------------

    def _resolve(self, speech: Speech, sentence: int) -> Speech:
        if not speech.pronoun:
            named = fullest(self.full.get(speech.speaker, speech.speaker), self.last)
            if same := next((name for name in reversed(self.last) if same_person(name, speech.speaker)), None):
                named = same if speech.start in self.starts else named
            owner = re.match(r"(his|her)\s+(?=[a-z])", speech.speaker, re.I)
            if owner and speech.start is not None:  # "Her deputy": whose deputy that is
                whose = self.meant("man" if owner[1].casefold() == "his" else "woman", speech.start, sentence)
                named = f"{whose}'s {speech.speaker[owner.end() :]}" if whose else named
            return replace(speech, speaker=named)
        wanted = _PRONOUNS[speech.speaker.casefold()]
        assert speech.start is not None
        person = self.meant(wanted, speech.start, sentence)
        return replace(speech, speaker=person, resolved=True) if person else speech

    def _named(self, start: int, end: int) -> list[Name]:
        """The names that begin in a stretch of the text."""
        return self.names[bisect_left(self.begins, start) : bisect_left(self.begins, end)]

    def meant(self, wanted: Gender | None, at: int, sentence: int) -> str | None:
        """The person whom a pronoun means: the first one named in the sentence itself, else in the nearest before."""
        spans = [span for span in self.sentences if span[0] <= sentence]
        for start, end in reversed(spans):
            inside = [name for name in self._named(start, end) if name.end <= min(end, at)]
            inside = [name for name in inside if not any(a <= name.start < b for a, b in self.quotes)]
            for name in inside:
                full = self.full[name.text]
                if self._is_person(full) and self._gender(full) in (wanted, None):
                    return full
        return None

    def names_before(self, n: int, persons: Collection[str]) -> int | None:
        """The last sentence before a sentence that names one of the persons, as an index."""
        if not persons:
            return None
        until = self.sentences[n][0]
        before = reversed(self.names[: bisect_left(self.begins, until)])
        at = next((name.start for name in before if self.full[name.text] in persons), -1)
        return next((m for m in range(n - 1, -1, -1) if self.sentences[m][0] <= at < self.sentences[m][1]), None)

    def in_office(self, start: int, end: int) -> set[str]:
        """The persons whom a sentence that begins with "The minister" may mean, when it names none of them itself."""
        words = [fold(word.group()) for word in islice(re.finditer(r"[\w-]+", self.text[start:end]), 3)]
        if words[:1] != ["the"]:
            return set()
        first, second = (*words[1:], "", "")[:2]
        found = {
            person
            for named, person, known, held in self._offices
            if (first in held or (first in known and second in held)) and named < start
        }
        inside = {self.full[name.text] for name in self._named(start, end)}
        return set() if found & inside else found

    @cached_property
    def _offices(self) -> list[tuple[int, str, frozenset[str], frozenset[str]]]:
        """Where who is first named with an office, its folded words, and those of them that name an office."""
        found = []
        for (text, title), name in self.first.items():
            person = self.full[text]
            found.append((name.start, person, *_office_words(f"{title} {self.roles.get(person, '')}")))
        return [each for each in found if each[-1]]

    def _gender(self, person: str) -> Gender | None:
        titled = [name for name in self.first.values() if name.title and same_person(name.text, person)]
        told = next((gender for name in titled if (gender := gender_of(name))), None)
        if told is None and (role := self.roles.get(person)):
            told = gender_of(Name("", 0, 0, role))
        return told or gender_of(person)

    def _is_person(self, name: str) -> bool:
        """A name with a title, a role or a given name, or one that has spoken."""
        titled = any(title for text, title in self.first if text == name)
        return (
            titled
            or name in self.roles
            or name in self.last
            or (" " in name and gender_of(name) is not None)
            or (len(name.split()) in (2, 3) and " of " not in name and self._followed_by_person(name))
        )

    def _followed_by_person(self, name: str) -> bool:
        """Called by the last name alone elsewhere, as newspapers do with persons."""
        return any(text == name.rsplit(maxsplit=1)[-1] for text, _ in self.first)


@lru_cache(maxsize=1024)
def _office_words(role: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a role, folded, and those of them that name an office."""
    known = frozenset(fold(word) for word in re.findall(r"[\w-]+", role))
    return known, frozenset(word for word in known if word in TITLES or re.search(_OFFICE, word))


def _is_role(aside: Sequence[_Token]) -> bool:
    """Whether what stands between commas says who somebody is."""
    if not aside or aside[0].low == "this":
        return False
    return aside[0].low in _DETERMINERS | {"who"} or any(re.search(_OFFICE, token.low) for token in aside[:4])


def _ends(before: Sequence[_Token], after: Sequence[_Token], verb: str) -> bool:
    """Whether "X said" ends a clause whose words stand before it: "…, X said on Monday"."""
    content = [token for token in before if token.word or token.quote]
    if not content or (len(content) < 2 and not content[0].quote):
        return False
    if verb != "according" and not (before[-1].text == "," or before[-1].quote):
        return False
    if verb == "according" or not after:
        return True
    rest = [token.low for token in after if token.word]
    if any(token.quote for token in after) or "that" in rest or "adding" in rest:
        return False
    return not rest or after[0].text == "," or rest[0] in _PREPOSITIONS | {"reporters", "yesterday", "today"}


def antecedents(text: str, sentences: Sequence[tuple[int, int]]) -> list[int | None]:
    """For each sentence that begins with a pronoun or an office, the sentence to show with it; None for the others.

    "He", "she", "his" and "her" take the nearest sentence before that names a person who fits, "the minister" the
    nearest that names a minister; "they", "it", "this" and "their" the sentence before.
    """
    article = _read(text, tuple(sentences))
    shown: list[int | None] = []
    for n, (start, end) in enumerate(sentences):
        first = re.match(r"\W*(he|she|his|her|they|their|it|its|this|these|those)\b", text[start:end], re.I)
        word = first[1].casefold() if first and n else ""
        if first and word in ("he", "she", "his", "her"):
            person = article.meant("man" if word in ("he", "his") else "woman", start + first.start(1), start)
            shown.append(article.names_before(n, {person} if person else set()))
        elif word:
            shown.append(n - 1)
        else:
            shown.append(article.names_before(n, article.in_office(start, end)))
    return shown


def quotes(text: str) -> list[tuple[int, int]]:
    """Offsets of quotations, marks included, in order; one that is not closed ends with its paragraph."""
    found: list[tuple[int, int]] = []
    at = 0
    while mark := _QUOTATION.search(text, at):
        at, close = mark.start(), _PAIRS[mark.group()]
        if not _opens(text, at):
            at += 1
            continue
        paragraph = text.find("\n", at)
        limit = len(text) if paragraph < 0 else paragraph
        end = next((n for n in range(at + 1, limit) if text[n] in close and _closes(text, n)), None)
        if end is None and text[at] in '‘"':
            at += 1
            continue
        stop = limit if end is None else end + 1
        found.append((at, stop))
        at = stop
    return found


def _opens(text: str, at: int) -> bool:
    """A straight or single mark opens only before a word and not inside one."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if text[at] in '"‘':
        return not before.isalnum() and bool(after) and not after.isspace()
    return True


def _closes(text: str, at: int) -> bool:
    """A single mark closes only when no letter follows: "the council’s" goes on."""
    return text[at] != "’" or not text[at + 1 : at + 2].isalnum()


# -- questions --------------------------------------------------------------------------------------------------------

#: Verbs that ask for somebody's words, as stems. "announce" and "decide" are deeds: their answer is no quote.
_ASKED = frozenset(
    stem(word)
    for word in """say tell think believe argue warn claim explain describe comment respond reply state promise demand
    advise suggest criticise criticize accuse insist propose predict call write deny reject dispute complain admit
    confirm threaten praise condemn fear hope expect tweet""".split()
)
_PAST = {"said": "say", "told": "tell", "thought": "think", "wrote": "write"}
_ASKED_HOW = frozenset(
    stem(word) for word in "explain describe justify respond react view see comment defend rate".split()
)
_VIEW = (
    r"views?|opinions?|reactions?|responses?|comments?|statements?|positions?|warnings?|explanations?|words|remarks?|"
    r"criticisms?|arguments?|account|advice|stance|verdict|message"
)
_ABOUT = r"(?:about|on|of|to|regarding|concerning|over|for|against|as)"


def asked_speaker(question: str) -> AskedSpeech | None:
    """What a question asks about somebody's words, or None when it asks for something else.

    "What did X say about Y", "How does X explain Y", "X's view of Y", "according to X" ask for words; "Who said Z",
    "Which minister warned that Z" for the speaker; "Did X say Z", "Does X deny Z" whether.
    """
    asked = " ".join(question.split()).rstrip(" ?.!")
    if found := re.match(r"according to (.+?),\s*(.+)", asked, re.I):
        return AskedSpeech("words", found[1], found[2], "say")
    if found := re.match(r"(.+?),? according to (.+)", asked, re.I):
        return AskedSpeech("words", found[2], found[1], "say")
    view = re.search(
        rf"(?P<who>[^,]+?)(?:['’]s|s['’]) (?:\w+ )?(?:{_VIEW}) {_ABOUT} (?P<about>.+)",
        re.sub(r"^(?:what (?:is|was|were|are)|summari[sz]e|give me|quote)\s+", "", asked, flags=re.I),
        re.I,
    )
    if view and not re.match(r"(?:who|when|where|why|how)\b", asked, re.I):
        return AskedSpeech("words", view["who"], view["about"], "say")
    the_view = rf"what (?:is|was|were|are) the (?:{_VIEW}) (?:of|by|from) (.+?)(?: {_ABOUT} (.+))?$"
    if found := re.match(the_view, asked, re.I):
        return AskedSpeech("words", found[1], found[2] or "", "say")
    return _asked_by_verb(asked)


def _asked_by_verb(asked: str) -> AskedSpeech | None:
    tokens = [(m.group().casefold(), *m.span()) for m in re.finditer(r"[^\W_]+(?:[-'’][^\W_]+)*", asked)]
    if len(tokens) < 2:
        return None
    lows = [low for low, _, _ in tokens]
    start = 1 if lows[0] in ("and", "so", "but") else 0
    verbs = [n for n in range(start + 1, len(tokens)) if _lemma(lows[n]) in _ASKED]
    verb = verbs[0] if verbs else None
    first = lows[start]
    if first in ("who", "whom") or (first in ("which", "what") and verb and _is_finite(lows, start, verb)):
        return _who(asked, tokens, lows, start, verb)
    if verb and lows[verb - 1] == "to":
        return None  # "Did the council vote to demand …"
    if verb and lows[verb - 1] in ("be", "been", "being"):
        return None  # "Have the deaths been confirmed": by whom is not asked
    if first in _AUXILIARIES and verb and verb > start + 1:
        return _asked_of(asked, tokens, "whether", start + 1, verb)
    if first in ("what", "how"):
        aux = next((n for n in range(start + 1, min(start + 3, len(lows))) if lows[n] in _AUXILIARIES), None)
        if first == "how" and aux is not None:
            verb = next((n for n in range(aux + 2, len(lows)) if _lemma(lows[n]) in _ASKED_HOW), None)
        if aux is not None and verb and verb > aux + 1:
            return _asked_of(asked, tokens, "words", aux + 1, verb)
    told = r"(?:said|says|told \w+|thinks|thought)"
    if found := re.search(rf"\bwhat (?P<who>[^,?]{{2,60}}?) {told} (?:about|on|of) (?P<about>.+)", asked, re.I):
        return AskedSpeech("words", found["who"], found["about"], "say")
    return None


_AUXILIARIES = frozenset("did does do has have had".split())


def _is_finite(lows: Sequence[str], start: int, verb: int) -> bool:
    """Whether the verb is said of the question word itself: "Which minister said", not "What did the minister say"."""
    return not any(low in _AUXILIARIES | _BE for low in lows[start:verb]) and verb - start <= 5


def _who(
    asked: str, tokens: Sequence[tuple[str, int, int]], lows: Sequence[str], start: int, verb: int | None
) -> AskedSpeech | None:
    """ "Who said that Z", "Who has denied Z"; no other verb may stand between."""
    if verb is None:
        return None
    between = lows[start + 1 : verb]
    led = lows[start] in ("who", "whom")
    if led and any(low not in _AUXILIARIES | {"was", "is", "it", "that", "first", "also", "not"} for low in between):
        return None
    if led and between and between[-1] in ("was", "is"):
        return None  # "Who was called", "Who was accused": not the speaker is asked
    if _lemma(lows[verb]) == "write":
        return None  # who wrote a book
    return AskedSpeech("who", None, _content(asked, tokens, verb), _manner_of(lows[verb]))


def _asked_of(
    asked: str, tokens: Sequence[tuple[str, int, int]], kind: Literal["words", "whether"], first: int, verb: int
) -> AskedSpeech:
    """X stands from token `first` up to the verb, Z after it."""
    stop = verb
    while stop > first + 1 and tokens[stop - 1][0] in _ADVERBS:
        stop -= 1
    speaker = asked[tokens[first][1] : tokens[stop - 1][2]]
    return AskedSpeech(kind, speaker, _content(asked, tokens, verb), _manner_of(tokens[verb][0]))


def _lemma(word: str) -> str:
    return stem(_PAST.get(word, word))


def _manner_of(word: str) -> Manner:
    return "deny" if _lemma(word) in {stem("deny"), stem("reject"), stem("dispute")} else "say"


def _content(asked: str, tokens: Sequence[tuple[str, int, int]], verb: int) -> str:
    """What follows the verb, without "that", "about" and the one who was told."""
    rest = asked[tokens[verb][2] :].strip(" ,:")
    if tokens[verb][0] in ("tell", "told", "tells"):
        rest = re.sub(rf"^(?:the )?\w+(?: \w+)??\s+(?=that\b|{_ABOUT}\b)", "", rest)
    return re.sub(rf"^(?:that|{_ABOUT})\s+", "", rest, flags=re.I).strip('"“” ')

"""Several questions in one taken apart, and what a long text asks told from its background.

By rule, as follow-ups are (standalone.py): a person must be able to foresee what is searched. The one rule of `parts`:
a question begins after a coordinator (or a comma in a row of questions) where a question word or an inverted verb
begins a clause. Knows nothing about search or models.
"""

from __future__ import annotations

import re

from rag.language.sentences import sentences

_AUX = "is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must"
_AUXES = frozenset(_AUX.split("|"))
_WH = (
    r"(?:(?:at|by|by|for|from|in|into|of|on|since|to|under|until|with) )?"
    r"(?:how (?:many|much|long|far|big|large|old|often|tall|high|wide|deep|fast|soon|come)|"
    r"who(?:m|se)?|what|which|when|where|why|how)(?:['’]s)?\b"
)
_UNIT = r"(?:year|day|month|date|country|city|town|place)"
_WORD = re.compile(_WH, re.I)
_STARTS = re.compile(rf"(?:(?:and|but|so|ok|well|then|also|hi|hello|please)\b[ ,]*)*({_WH})", re.I)
_JOINT = re.compile(r"\s*(?:[,;]\s*(?:and|but|or)?|\b(?:and|but|or))\s+(?:also\s+|then\s+)?", re.I)
_AND = re.compile(r"and|but|or", re.I)
_RELATIVE = re.compile(r"(?:who|whom|whose|which|where|when)\b(?! (?:did|does|do|was|is|were|are) )", re.I)
_PRONOUN = r"(?:he|she|it|they|there|anyone|anybody|someone|that|this|those|these|any)"
_OPENER = re.compile(
    r"(?:(?:hi|hello|please|so|ok|okay|well|and|but|sorry|pls|excuse me)\b[ ,!]*)*"
    r"(?:(?:(?:do|does|can|could|would|will) (?:you|anyone|anybody|somebody|we) )?(?:please )?(?:happen to )?"
    r"(?:know|tell me|say|find out|look up|remind me)|i(?:['’]d| would) (?:like|love) to (?:know|find out)|"
    rf"i (?:want|need) to know|i wonder|i was wondering|any idea|is it known)[,:]? (?={_WH})",
    re.I,
)
_NAMING = re.compile(
    r"(?:please )?(?:name|list|identify|state|give(?: me)?|tell me|find|show me|mention) "
    r"((?:the|all|every|each|his|her|its|their|[A-Z][\w’'-]*['’]s?)(?!\w)"
    r"(?! (?:about|gist|story|latest|background|news|summary|overview|timeline)\b).+)$",
    re.I,
)
_EVERYONE = re.compile(
    r"(?:please )?(?:name|list|identify|give(?: me)?|tell me|find|show me|mention) "
    r"(?:(?:every(?:one|body)|any(?:one|body)|all (?:those|people)|those|people) who|(?P<thing>everything|all) that) "
    r"(?P<said>.+)$",
    re.I,
)
_NOUN_PHRASE = re.compile(
    r"(?!(?:did|how|if|whether|what|who|when|where|why|which|whos|and|but|so|overview|timeline|chronology|recap|gist|story|"
    r"difference|differences|more|anything|count|summar\w+|compar\w+|contrast|describe|explain|define|outline|quote|tell|"
    r"give|list|name)\b)(?:the )?(?:[\w’'-]+ ){1,3}(?:of|for) (?:[\w’',-]+ ?){1,12}$",
    re.I,
)
#: "the round of talks that failed in May", and "the province attacked by rebels", which leaves "that was" out.
_RELATIVE_CLAUSE = re.compile(
    r"(?:the )?(?P<thing>[\w’'-]+(?: [\w’'-]+){0,5}?) (?:that|which|who) "
    r"(?P<said>(?!(?:he|she|it|they|we|i|the|a|an)\b|(?-i:[A-Z]))\w.+)",
    re.I,
)
#: "the week that Oslo gave the builders": what is asked for is no subject of its clause.
_OBJECT_CLAUSE = re.compile(
    r"the [\w’'-]+(?: [\w’'-]+){0,4}? (?:that|which) (?:(?:he|she|it|they|we|the|an?) |(?-i:[A-Z])).+", re.I
)
#: "The shells struck which province?"
_LAST = re.compile(r"(?P<said>\w.*[^:]) (?P<asked>(?:which|what) [\w’'-]+)", re.I)
_PHRASE_END = re.compile(r"(?<=\w) (?:of|for|in|on|at|to|from|that|which|who|where|by|with)\b")
#: Nouns of people: by their ending, these aside that end so and are none.
PEOPLE = re.compile(
    r"(?<!\w)(?!(?:headquart|numb|ord|bord|tow|riv|pow|wat|wint|summ|lett|chapt|pap|newspap|answ|quart|cent|moth|disast|semest|"
    r"charact|must|mat|fact|mot|tract|col|harb|err|terr|fav|hum|meteor|corrid)(?:er|or)s?\b)"
    r"(?:\w{2,}(?:er|or|ist|ian)s?|man|woman|person|president|head|chief|king|queen|victim|suspect|candidate|judge|coach|"
    r"envoy|architect|general|men|women|people)$",
    re.I,
)
_AGAIN = re.compile(
    r"(?:say|tell|name|list|explain|give|describe|summari[sz]e|compare|state)\b "
    r"(?:me|the|all|every|who|what|when|where|why|how|which)\b",
    re.I,
)
_INVERTED = re.compile(
    rf"(?:{_AUX})(?:n['’]t)? (?:{_PRONOUN}\b|(?:the|a|an|its|their|his|her|all|any|[A-Z][\w’'-]+)\s+\S+\s+\S)"
)
_ORDER = re.compile(
    r"(?:(?:please|now|so|and|ok)\b[ ,]*)*(?:name|list|give|tell|summari[sz]e|explain|describe|compare|"
    r"contrast|state|show|find|say|count|define|identify|recap|outline|quote|sum up|"
    r"i(?:['’]d| would) like to know|i want to know|i wonder)\b",
    re.I,
)
_LOWER_START = re.compile(rf"(?<=[.!?])\s+(?=(?:{_WH}|tell me|name|list|summari[sz]e|explain|(?:{_AUX}) \w+ )\b)")
_PARTICIPLE = re.compile(
    r"(?:\w{2,}ed|\w{2,}en|\w{2,}own|built|held|made|sold|born|shot|hit|led|lost|found|won|said|told|sent|paid|put|cut|shut|set|done|"
    r"begun|sunk|met|left|brought|bought|caught|taught|struck|hung|spent|sworn)$"
)
_REDUCED_CLAUSE = re.compile(
    rf"the (?P<thing>[\w’'-]+(?: [\w’'-]+){{0,3}}?) "
    rf"(?P<said>{_PARTICIPLE.pattern[:-1]}\b(?: [a-z]+){{0,2}} (?:by|in|on|at|for|after|during) .+)",
    re.I,
)
#: Verbs that a question often ends with or that follow its subject: "When did the tower | open".
_PLAIN = re.compile(
    "(?:open|close|begin|start|end|happen|collapse|fail|take|last|cost|cover|break|fall|rise|sink|burn|crash|win|lose|"
    "leave|come|go|get|say|mean|lie|stand|work|run|make|pay|die|erupt|resign|return|reopen|carry|reach|hit|strike|hold|"
    "become|need|want|plan|sign|agree|do|be|have|arrive|land|launch|meet|move|pass|play|vote|result|seat|serve|sell|"
    "buy)s?$"
)
_SMALL = frozenset(
    """a an the this that these those of in on at to from by for with and or but as into over under after before
    during since until about between against through near not it he she they""".split()
)
_NAME = r"[A-ZÀ-ÖØ-Þ][\w’'-]*(?:\s+(?:(?:of|the|de|al|bin|van|von|and)\s+)?[A-ZÀ-ÖØ-Þ][\w’'-]*)*"
_THING = re.compile(r"\b(it|its|they|them|their|this|these|those)\b(?!\s+(?:is|was) (?:true|that|said|known))", re.I)
_PERSON = re.compile(r"\b(he|she|him|his|her|hers)\b", re.I)
_LEANS = re.compile(r"(?:it|its|he|she|his|her|they|their|this|that|these|those|there|i|we|my|our)\b", re.I)
_OFFICE = re.compile(r"\b[Tt]he (?:\w+ )?\w+(?:er|or|ent|man|king|queen|ief|chair|judge|pilot)\b")
_OWN = frozenset("its their his her".split())
_ADDRESSED = frozenset("you we i anyone anybody someone somebody".split())


def parts(question: str) -> tuple[str, ...]:
    """The questions in a text, each complete in itself.

    "When did the museum open and who designed it?" gives "When did the museum open?" and "Who designed the museum?";
    "When and where was it signed?" gives one for each question word. A question word within a part ("Did he say when
    it opens and who pays?") takes along what stands before it. Text that asks nothing is left out, unless all is such.

    Returns:
        At least one question; `(question,)`, unchanged, when there is only one.
    """
    whole = " ".join(question.split())
    found: list[str] = []
    for sentence in [s for s in _sentences(whole) if _asks(s)] or [whole]:
        found += _taken_apart(sentence)
    if len(found) < 2:
        return (question.strip(),)
    told = [_finished(found[0])]
    for part in found[1:]:
        told.append(_finished(_resolved(part, told[0].rstrip("?"))))
    return tuple(dict.fromkeys(told))


def asks_for_all(question: str) -> bool:
    """Whether a question asks for each of several things: "Which towns …", "List all …", "What are the …"."""
    many = r"(?:which|what) (?:\w+ )?(?!(?:does|has|is|was|this|news)\b)\w+[^s\W]s\b(?! (?:of|the|is|was|does|has)\b)"
    return bool(
        re.match(
            rf"(?:in |at |from |of )?{many}|(?:please )?(?:list|name)\b|(?:who|what) (?:are|were) ", question, re.I
        )
    )


def is_polar(question: str) -> bool:
    """Whether a question asks for yes or no by its form: "Were the shelves empty?", not "Can you …?" or "A or B?"."""
    told = [word.casefold() for word in re.findall(r"[\w’']+", question)]
    return len(told) > 2 and told[0] in _AUXES and told[1] not in _ADDRESSED and "or" not in told


def asked(question: str) -> tuple[str, str]:
    """What a text asks, and the rest of it.

    Its sentences that ask, with a pronoun that refers to the sentence before replaced where that is simple; and those
    that do not, "" where it is a single sentence or where no sentence, or each, asks.
    """
    whole = " ".join(question.split())
    told = _sentences(whole)
    asking = [i for i, sentence in enumerate(told) if sentence.rstrip("\"'”’)").endswith("?")]
    asking = asking or [i for i, sentence in enumerate(told) if _asks(sentence)]
    context = " ".join(sentence for i, sentence in enumerate(told) if i not in asking)
    if not asking or not context:
        return question.strip(), ""
    found = []
    for i in asking:
        # The nearest sentence before that names something itself.
        told_before = [s for j, s in enumerate(told[:i]) if j not in asking and not _LEANS.match(s)]
        found.append(_resolved(told[i], told_before[-1]) if told_before else told[i])
    return " ".join(found), context


#: What is asked of a thing by a noun, and the word that asks for it after "how".
MEASURES = {
    "length": "long", "height": "high", "width": "wide", "depth": "deep", "weight": "heavy", "age": "old",
    "size": "large", "speed": "fast", "temperature": "hot",
}  # fmt: skip
#: "number of prisoners exchanged", "What was the number of deaths?", "days between the truce and the talks".
_COUNTED = re.compile(
    r"(?:what (?:is|was) )?(?:the )?(?:(?:total|exact) )?number of (?P<things>.+)|"
    r"(?P<units>(?:seconds|minutes|hours|days|weeks|months|years|metres|kilometres|meters|kilometers|miles) "
    r"(?:between|from|since|until|before|after) .+)",
    re.I,
)
_NAMED_FIRST = re.compile(r"[A-Z][\w-]*(?:['’]s?\b| [A-Z])")
_EACH_OF = re.compile(r"^(?:all|every one of|each of)\s+(?:of\s+)?|^the names? of\s+(?:all\s+)?", re.I)
#: A question within a sentence: its subject, which no question word belongs to, stands before the verb.
_EMBEDDED = re.compile(
    rf"(?P<word>(?i:{_WH})) "
    r"(?P<subject>(?:the|an?|his|her|its|their|this|that|these|those|he|she|it|they|there|[A-Z][\w’'-]*)\b"
    r"(?:(?! (?:who|which|that)\b).)*?)"
    rf" (?P<verb>{_AUX})\b(?P<rest>.*)"
)
_PLURAL = re.compile(r"[^siu]s$|^(?:men|women|people)$")
_MEASURED = re.compile(
    rf"(?:(?:what|how much) (?:is|was|are|were) )?(?:the )?(?P<measure>{'|'.join(MEASURES)}) of (?P<thing>[^,]+)", re.I
)
#: "mauna loa height": at most four words, as people type them into a search box.
_MEASURE_LAST = re.compile(rf"(?P<thing>[\w’'-]+(?: [\w’'-]+){{0,3}}) (?P<measure>{'|'.join(MEASURES)})", re.I)


def bare(question: str) -> str:
    """What is asked as a plain question, for models that learned from such; orders and noun phrases they read worse.

    "do you know who built the tower" gives "who built the tower?", "Name the mediators." "Who are the mediators?" and
    "Border between the two" "What is the border between the two?"; who asks for a measure by its noun ("What is the
    length of the border?", "border length") asks "How long is the border?", and who asks for a number or for days
    between two things asks how many. Anything else is unchanged.
    """
    told = question.strip()
    if opener := _OPENER.match(told):
        told = told[opener.end() :]
    body = told.rstrip(" ?.!")
    order = _NAMING.match(body)
    thing = order.group(1) if order else body
    if measured := _MEASURED.fullmatch(thing) or _measure_last(body):
        verb = "are" if _PLURAL.search(measured["thing"].split()[-1]) else "is"
        return f"How {MEASURES[measured['measure'].casefold()]} {verb} {measured['thing']}?"
    if counted := _COUNTED.fullmatch(thing):
        things = counted["things"] or counted["units"]
        return f"How many {things[:1].lower() if counted['units'] else things[:1]}{things[1:]}?"
    if _WORD.match(told):
        return f"{_verb_first(body) if opener else body}?"
    if order:
        return _of_clause(_EACH_OF.sub("", thing)) or _asking_for(thing)
    if everyone := _EVERYONE.match(body):
        return f"{'What' if everyone['thing'] else 'Who'} {everyone['said']}?"
    if not _NAMED_FIRST.match(body):
        body = f"{body[:1].lower() if body[1:2].islower() else body[:1]}{body[1:]}"
    if told.endswith("?") and (last := _LAST.fullmatch(body)):
        return f"{last['asked'].capitalize()} {last['said']}?"
    if clause := _of_clause(body):
        return clause
    if _OBJECT_CLAUSE.fullmatch(body):
        return _asking_for(body)
    if _NOUN_PHRASE.match(body) and not any(word in _AUXES for word in body.casefold().split()):
        return _asking_for(body)
    return told


def _verb_first(body: str) -> str:
    """A clause that begins with a question word as a question of its own: "how long it is" gives "how long is it"."""
    found = _EMBEDDED.fullmatch(body)
    return " ".join(f"{found['word']} {found['verb']} {found['subject']}{found['rest']}".split()) if found else body


def _of_clause(body: str) -> str:
    """The question that a thing with a clause of its own stands for, "" for anything else."""
    if found := _RELATIVE_CLAUSE.fullmatch(body):
        said = found["said"]
    elif found := _REDUCED_CLAUSE.fullmatch(body):
        said = f"{'were' if _PLURAL.search(found['thing'].split()[-1]) else 'was'} {found['said']}"
    else:
        return ""
    first = found["thing"].split(" ", 1)[0].casefold()
    return "" if first in _AUXES | _SMALL or _ORDER.match(body) else f"Which {found['thing']} {said}?"


def _measure_last(body: str) -> re.Match[str] | None:
    found = _MEASURE_LAST.fullmatch(body)
    asks = _WORD.match(body) or {*_AUXES, *_SMALL} & set(body.casefold().split())
    return None if asks else found


def _asking_for(thing: str) -> str:
    """The question that asks for a thing: "the mediators" gives "Who are the mediators?"."""
    thing = _EACH_OF.sub("", thing)
    owned = re.match(r"(?:every|each|his|her|its|their)\b|(?:[A-Z][\w-]* )*[A-Z][\w’'-]*['’]s? ", thing)
    if not owned:
        thing = re.sub(r"^the\s+", "", thing, flags=re.I)
        thing = f"the {thing}"
    noun = _PHRASE_END.split(thing, maxsplit=1)[0].split()[-1]
    word = "Who" if PEOPLE.search(noun) else "What"
    return f"{word} {'are' if _PLURAL.search(noun) else 'is'} {thing}?"


def _sentences(text: str) -> list[str]:
    told = [text[s.start : s.end] for s in sentences(text)]
    # A question that starts in lower case begins a sentence too.
    return [piece for sentence in told for piece in _LOWER_START.split(sentence)]


def _asks(sentence: str) -> bool:
    first = sentence.split(" ", 1)[0].casefold()
    return bool(sentence.endswith("?") or _STARTS.match(sentence) or _ORDER.match(sentence) or first in _AUXES)


def _taken_apart(sentence: str) -> list[str]:
    """A sentence cut before each clause that asks; each piece a question, pronouns not yet resolved."""
    body = sentence.rstrip(" ?.!")
    if both := re.match(rf"({_WH}(?: {_UNIT})?),? (?:and|or) ({_WH}(?: {_UNIT})?)(?= )", body, re.I):
        rest = body[both.end() :]
        if rest.split()[0].casefold() in _AUXES:
            return [f"{word}{rest}" for word in both.groups()]
    cuts = _cuts(body)
    pieces: list[str] = []
    for start, end in zip([0, *(right for _, right in cuts)], [*(left for left, _ in cuts), len(body)], strict=True):
        piece = body[start:end].strip(" ,;")
        if not pieces:
            pieces.append(piece)
        elif _WORD.fullmatch(piece):
            pieces.append(_asked_again(piece, pieces[0]))
        else:
            pieces.append(_carried(piece, pieces[0]))
    return pieces


def _cuts(body: str) -> list[tuple[int, int]]:
    """(end of a piece, start of the next one) for each place at which a question begins within a sentence."""
    joints = [joint for joint in _JOINT.finditer(body) if joint.start()]
    opens = [joint for joint in joints if _begins(body[joint.end() :])]
    if not opens or not _whole(body[: opens[0].start()]):
        return []
    # After a bare comma "who" mostly begins a relative clause, unless a row of questions goes on.
    row = len(opens) > 1 or any(_AND.search(joint.group()) for joint in opens)
    cuts: list[tuple[int, int]] = []
    start = asking.end() if (asking := _STARTS.match(body)) else 0
    for joint in opens:
        rest = body[joint.end() :]
        if not _AND.search(joint.group()):
            inverted = not _WORD.match(rest)
            if inverted or rest.casefold().startswith("which") or (_RELATIVE.match(rest) and not row):
                continue
        elif re.search(r"\bor\b", joint.group(), re.I) and not asking:
            continue  # "Has it grown or has it shrunk?" is one question.
        # "Who knows what is planned and how it is paid for" asks for who knows both.
        if asking and _WORD.search(body[start : joint.start()]) and not _inverted(rest):
            continue
        cuts.append((joint.start(), joint.end()))
        start = joint.end() + (word.end() if (word := _WORD.match(rest)) else 0)
    return cuts


def _begins(rest: str) -> bool:
    """Whether a clause that asks begins here: a question word, alone or with more behind it, or an inverted verb."""
    word = _WORD.match(rest)
    if word:
        return not re.match(r"\s+(?:ever\b|not\b)", rest[word.end() :]) and not rest.casefold().startswith("how to")
    return bool(_INVERTED.match(rest) or _AGAIN.match(rest))


def _inverted(rest: str) -> bool:
    """Whether the verb stands before its subject, as in a question of its own, or there is nothing but the word."""
    word = _WORD.match(rest)
    follows = rest[word.end() :].split() if word else rest.split()
    verb_first = any(token.casefold() in _AUXES for token in follows[:2]) and not re.match(r"who\b", rest, re.I)
    return verb_first or not follows


def _whole(left: str) -> bool:
    """Whether what stands before a cut is a question itself: it asks, says something, and asks for one thing only."""
    words = _STARTS.match(left)
    after = left[words.end() :].strip() if words else left
    if not words and not _ORDER.match(left) and left.split(" ", 1)[0].casefold() not in _AUXES:
        return False
    if words and re.search(r"which$|whose$|many$", words.group(1), re.I) and " " not in after:
        return False  # "Which company and which director was fined": its verb is still to come.
    if re.match(r"when \w+ing\b", left, re.I):
        return False
    # "Who said what and when" asks for several things of one event.
    return bool(after) and not (words and re.search(r"\b(?:what|whom|when|where)$", after, re.I))


def _carried(piece: str, first: str) -> str:
    """A piece that hangs on the words before the question word of the first: "Did he say when …" and "who …"."""
    inner = _WORD.search(first)
    if _STARTS.match(first) or not inner or not _WORD.match(piece):
        return piece
    lead = first[: inner.start()]
    follows = piece[_WORD.match(piece).end() :].split()  # type: ignore[union-attr]
    inverted = follows and follows[0].casefold() in _AUXES and not re.match(r"who\b|what\b", piece, re.I)
    return piece if inverted else lead + piece


def _asked_again(word: str, first: str) -> str:
    """The first question asked with another question word: "and why?", "and where?"."""
    start = _STARTS.match(first)
    if not start:
        inner = _WORD.search(first)
        if inner:
            subject = "somebody " if re.match(r"who$", inner.group(), re.I) else ""
            return f"{first[: inner.start()]}{word} {subject}{first[inner.end() :].strip()}"
        return f"{word} {first[:1].lower()}{first[1:]}"
    rest = first[start.end(1) :].strip()
    old, tokens = start.group(1).casefold(), rest.split()
    if tokens[0].casefold() in ("did", "do", "does") or re.search(r"\b(?:when|where|why|how)$", old):
        return f"{word} {rest}"
    verb = next((i for i, token in enumerate(tokens) if token.casefold() in _AUXES), None)
    if verb is not None and verb > 0 and tokens[verb] in ("did", "do", "does"):
        return f"{word} {' '.join(tokens[verb:])}"
    if verb == 0 and not _PARTICIPLE.match(tokens[1] if len(tokens) > 1 else ""):
        return f"{word} {rest}"
    # The question word is the subject: "Who resigned and why?"
    subject = "" if re.match(r"how (?:many|much)|what|which", old) and verb != 0 else "somebody "
    return f"{word} {'is' if word.casefold() in ('why', 'how') else 'was'} it that {subject}{rest}"


def _resolved(part: str, before: str) -> str:
    """The part with a pronoun that has nothing in the part itself to refer to replaced by what `before` speaks of."""
    for pronoun, person in ((_PERSON, True), (_THING, False)):
        found = pronoun.search(part)
        if found and not re.search(_NAME, part[1 : found.start()]):
            thing = _referent(before, person)
            if thing and thing.casefold() not in part.casefold():
                return _put(part, found, thing)
    return part


def _put(part: str, found: re.Match[str], thing: str) -> str:
    word = found.group().casefold()
    after = part[found.end() :]
    owns = word in _OWN and re.match(r"\s+[^\W\d]", after)
    if word == "her" and re.match(r"\s+(?:in|at|on|to|by|from|with|and)\b", after):
        owns = None
    # "these talks", "this law" name their thing themselves.
    if word in ("this", "these", "those") and re.match(rf"\s+(?!(?:{_AUX})\b)[^\W\d]", after):
        return part
    return f"{part[: found.start()]}{thing}{_possessive(thing) if owns else ''}{after}"


def _possessive(name: str) -> str:
    return "'" if name.endswith("s") else "'s"


def _referent(before: str, person: bool) -> str:
    """What a sentence or question speaks of: its first name or "the …"; for a person its first name; else ""."""
    start = _STARTS.match(before)
    verb = re.match(rf"(?:{_AUX}) ", before, re.I)
    text = before[start.end(1) if start else verb.end() if verb else 0 :]
    if person:
        if role := re.match(r"who(?:['’]s| is| was| are| were| became) ((?:the )?.+)", before, re.I):
            return _phrase(role.group(1).removeprefix("the "), "the " if role.group(1).startswith("the ") else "")
        names = [m.group() for m in re.finditer(_NAME, text) if not _empty(m.group())]
        return (names or [m.group() for m in _OFFICE.finditer(text)] or [""])[0]
    for match in re.finditer(rf"\b(?:the|The|an?|An?)\s+(.+)|({_NAME})", text):
        if match.group(2):
            if not _empty(match.group(2)):
                return re.sub(r"['’]s?$", "", match.group(2))
            continue
        if noun := _phrase(match.group(1)):
            return f"the {noun}"
    tokens = text.split()
    if tokens and tokens[0].casefold() in _AUXES:
        return _phrase(" ".join(tokens[1:-1] if tokens[0] in ("did", "do", "does") else tokens[1:]))
    return ""


def _empty(name: str) -> bool:
    """Whether what looks like a name is only the first word of a sentence."""
    asks = _WORD.fullmatch(name) or _ORDER.match(name) or _LEANS.fullmatch(name)
    return bool(asks) or name.casefold() in _SMALL | _AUXES


def _phrase(text: str, article: str = "") -> str:
    """The nouns that a text begins with, up to a verb or a small word; "of" and "between" go on."""
    kept: list[str] = []
    tokens = text.split()
    for i, token in enumerate(tokens):
        bare = token.strip(",;:?.").casefold()
        last = i == len(tokens) - 1
        if bare in ("of", "between") and kept and not last:
            kept.append(token)
            continue
        if kept and kept[-1] in ("of", "between") and bare in ("the", "a", "an"):
            kept.append(token)
            continue
        verb = kept and token.islower() and (bare in _AUXES or _PARTICIPLE.match(bare) or _PLAIN.match(bare))
        if bare in _SMALL or verb:
            break
        kept.append(token.strip(",;:?."))
        if token[-1] in ",;:":
            break
    while kept and kept[-1] in ("of", "between", "the", "a", "an"):
        kept.pop()
    return article + " ".join(kept) if kept else ""


def _finished(part: str) -> str:
    part = re.sub(r"^(?:(?:and|but|also|then)\b[ ,]*)+", "", part.strip(" ,;"), flags=re.I).rstrip(" ?.!")
    order = _ORDER.match(part) and not re.match(r"i ", part, re.I)
    return f"{part[:1].upper()}{part[1:]}{'.' if order else '?'}"

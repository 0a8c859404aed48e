"""Questions that a text does not answer, made from questions that it does.

Four kinds: the question meets the best-ranked other text (a near miss); the sentence with the answer is taken out;
a name or number of the question is replaced by another of the same text; a word of the question is turned into its
opposite. The last two resemble the unanswerable questions that people wrote for SQuAD v2.0 (Rajpurkar et al. 2018,
table 2: negation, antonym, entity swap) without using any of them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

import numpy as np

from rag.language.sentences import sentences
from rag.models.embedder import Embedder
from rag.retrieval.retriever import fuse
from training.sources import Example, words

_OPPOSITES = [
    tuple(pair.split("/"))
    for pair in (
        "first/last most/least largest/smallest biggest/smallest highest/lowest oldest/youngest oldest/newest "
        "before/after more/fewer more/less increase/decrease increased/decreased rise/fall rose/fell start/end "
        "began/ended begin/end beginning/end north/south northern/southern east/west eastern/western early/late "
        "earlier/later earliest/latest old/new good/bad best/worst better/worse high/low higher/lower large/small "
        "larger/smaller long/short longest/shortest strong/weak stronger/weaker easy/hard male/female men/women "
        "man/woman he/she his/her king/queen father/mother husband/wife son/daughter brother/sister boy/girl won/lost "
        "win/lose winner/loser buy/sell bought/sold open/close opened/closed join/leave joined/left support/oppose "
        "supported/opposed accept/reject accepted/rejected allow/forbid allowed/banned major/minor maximum/minimum "
        "positive/negative public/private rich/poor same/different success/failure top/bottom inside/outside "
        "import/export imports/exports born/died birth/death ancient/modern popular/unpopular "
        "common/rare legal/illegal always/never all/none with/without arrive/depart arrived/departed attack/defend "
        "gain/loss gained/lost like/dislike love/hate happy/unhappy like/hate cheap/expensive light/heavy "
        "fast/slow hot/cold".split()
    )
]
OPPOSITE: dict[str, list[str]] = {}
for _left, _right in _OPPOSITES:
    OPPOSITE.setdefault(_left, []).append(_right)
    OPPOSITE.setdefault(_right, []).append(_left)

_NAME = re.compile(r"(?:[A-Z][\w'-]+)(?: (?:of |the |de )?[A-Z][\w'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_AUXILIARY = re.compile(r"\b(is|are|was|were|did|does|do|can|could|will|would|has|have|had|should)\b", re.IGNORECASE)
_FRONT = frozenset(
    "What Which Who Whom Whose When Where Why How In On At By To For From The A An Is Are Was Did".split()
)


def without_answer(example: Example) -> Example | None:
    """The context less the sentences that hold an answer, unless the answer stands elsewhere or little is left."""
    if not example.answers:
        return None
    rest = " ".join(
        example.context[sentence.start : sentence.end]
        for sentence in sentences(example.context)
        if not any(start < sentence.end and sentence.start < end for start, end in example.answers)
    )
    texts = {example.context[a:b].lower() for a, b in example.answers}
    if len(rest) < 80 or any(text in rest.lower() for text in texts):
        return None
    return _unanswerable(example, example.question, rest)


def swapped_name(example: Example, rng: random.Random) -> Example | None:
    """The question with one of its names or numbers replaced by another of the context."""
    question, context = example.question, example.context
    for pattern in rng.sample([_NAME, _NUMBER], 2):
        own = [m for m in pattern.finditer(question) if m.start() > 0 and m.group().split()[0] not in _FRONT]
        own = [m for m in own if m.group().lower() in context.lower()]
        if not own:
            continue
        chosen = rng.choice(own)
        answers = {context[a:b].lower() for a, b in example.answers}
        others = {
            m.group()
            for m in pattern.finditer(context)
            if m.group().split()[0] not in _FRONT
            and m.group().lower() not in question.lower()
            and not any(m.group().lower() in answer or answer in m.group().lower() for answer in answers)
        }
        if others:
            other = rng.choice(sorted(others))
            return _unanswerable(example, question[: chosen.start()] + other + question[chosen.end() :], context)
    return None


def opposite(example: Example, rng: random.Random) -> Example | None:
    """The question with a word turned into its opposite, or negated."""
    question = example.question
    matches = [m for m in re.finditer(r"[A-Za-z]+", question) if m.group().lower() in OPPOSITE and m.start() > 0]
    if matches:
        chosen = rng.choice(matches)
        other = rng.choice(OPPOSITE[chosen.group().lower()])
        return _unanswerable(example, question[: chosen.start()] + other + question[chosen.end() :], example.context)
    auxiliary = _AUXILIARY.search(question)
    if auxiliary and rng.random() < 0.5:
        word = auxiliary.group()
        negated = rng.choice([f"{word} not", "won't" if word.lower() == "will" else f"{word}n't"])
        if word.lower() in ("can", "will"):
            negated = {"can": "can not", "will": "will not"}[word.lower()]
        return _unanswerable(
            example, question[: auxiliary.start()] + negated + question[auxiliary.end() :], example.context
        )
    return None


class Pool:
    """Texts ranked for a question as the product's search ranks passages: by words and by meaning, fused.

    Words are weighed by TF-IDF, where the product has BM25.

    Args:
        texts: what is ranked.
        embedder: the product's.
    """

    def __init__(self, texts: Sequence[str], embedder: Embedder) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._embedder = embedder
        self._vectorizer = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32)
        self._words = self._vectorizer.fit_transform(texts).T.tocsc()
        self._vectors = embedder.encode(texts, kind="passage").T

    def ranked(self, questions: Sequence[str], *, allowed: np.ndarray | None = None) -> Iterator[list[int]]:
        """For each question the indices of the best-ranked texts, best first, 24 of each ranking at most.

        Args:
            allowed: bool (questions, texts), which texts a question may meet; default: all.
        """
        for start in range(0, len(questions), 256):
            part = slice(start, start + 256)
            lexical = (self._vectorizer.transform(questions[part]) @ self._words).toarray()
            dense = self._embedder.encode(questions[part], kind="query") @ self._vectors
            for row, scores in enumerate(zip(lexical, dense, strict=True)):
                may = np.ones(len(scores[0]), bool) if allowed is None else allowed[start + row]
                best = [[i for i in np.argsort(-np.where(may, s, -2))[:24].tolist() if may[i]] for s in scores]
                yield [i for i, _ in fuse({"bm25": best[0], "dense": best[1]})]


def near_misses(
    examples: Sequence[Example], seed: int, embedder: Embedder, *, same_group: bool = False
) -> Iterator[Example]:
    """Each question with one of the three best-ranked texts of a `Pool` that do not hold its answer.

    Args:
        examples: answerable examples; their texts are the pool.
        seed: draws among the three.
        same_group: look among the texts of the same page only, which makes them harder.
    """
    rng = random.Random(seed)
    contexts = list({example.context: example.group for example in examples}.items())
    texts, groups = [context for context, _ in contexts], np.array([group for _, group in contexts])
    allowed = np.stack([groups == example.group for example in examples]) if same_group else None
    ranked = Pool(texts, embedder).ranked([example.question for example in examples], allowed=allowed)
    for example, found in zip(examples, ranked, strict=True):
        if good := [texts[i] for i in found if not holds_answer(texts[i], example)][:3]:
            yield _unanswerable(example, example.question, rng.choice(good))


def holds_answer(text: str, example: Example) -> bool:
    """Whether a text is the example's own or has one of its answers' words."""
    return text == example.context or any(example.context[a:b].lower() in text.lower() for a, b in example.answers)


def _unanswerable(example: Example, question: str, context: str) -> Example:
    return Example(
        question, context, (), example.origin, example.title, example.source, example.published, example.group
    )


def content(text: str) -> frozenset[str]:
    """The words of a text that are not function words, lower case."""
    from rag.language.words import STOP_WORDS

    return frozenset(word for word in words(text) if word not in STOP_WORDS)

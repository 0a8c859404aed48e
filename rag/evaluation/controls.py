"""Control arms: what a score is worth is seen beside what one gets without reading, and with perfect search.

- closed_book: the language model without any passage (extracts can say nothing then);
- gold_evidence: the same bot, given the passages that hold the answer;
- constant: the same words to every question, the answer accepted most often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rag.answering.bot import Bot
from rag.evaluation.gold import GoldItem
from rag.evaluation.metrics import is_relevant
from rag.evaluation.runner import Asker
from rag.indexing.contract import EarlierVersion
from rag.indexing.splitter import embedded_text, sentence_spans, split
from rag.models.generator import Generator, Message
from rag.retrieval.retriever import Retriever, Searcher
from rag.settings import Settings
from rag.types import Answer, Claim, Hit, Passage, Query

#: Tokens of a closed-book answer and how it is asked for: of factoids, and of open questions.
CLOSED_BOOK = (60, "Answer in a few words.")
CLOSED_BOOK_OPEN = (160, "Answer in one to four sentences.")


def arms(bot: Bot, retriever: Retriever, gold: Sequence[GoldItem]) -> dict[str, Asker]:
    """The control arms of a bot, by name."""
    nothing = _Nothing(bot.settings)
    perfect = Bot(GoldRetriever(retriever, gold), bot.generator, reader=bot.reader, judge=bot.judge)
    return {
        "closed_book": ClosedBook(
            bot.generator, nothing, *(CLOSED_BOOK_OPEN if any(item.open for item in gold) else CLOSED_BOOK)
        ),
        "gold_evidence": perfect,
        "constant": Constant(commonest_answer(gold), nothing),
    }


class GoldRetriever:
    """Finds the passages that hold the answer, and nothing else; for an unanswerable question, what search finds."""

    def __init__(self, retriever: Retriever, gold: Sequence[GoldItem]) -> None:
        self._inner = retriever
        self._items = {(item.question.strip(), frozenset(item.sources)): item for item in gold if item.answerable}
        self.settings = retriever.settings

    def search(self, query: Query) -> list[Hit]:
        """See `Retriever.search`; filters hold for unanswerable questions only."""
        item = self._items.get((query.text, frozenset(query.sources)))
        if item is None:
            return self._inner.search(query)
        found: list[Passage] = []
        for id_ in sorted(item.articles):
            passages = split(
                self._inner.article(id_),
                self._inner.embedder.count_tokens,
                tokens=self.settings.passage_tokens,
                overlap=self.settings.passage_overlap,
            )
            found += [passage for passage in passages if is_relevant(passage, item)][:2]
        return self._hits(query, found[: query.k])

    def _hits(self, query: Query, passages: Sequence[Passage]) -> list[Hit]:
        """The passages as search gives them, with the similarity of each sentence to the query."""
        if not passages:
            return []
        embedder = self._inner.embedder
        _, parts = embedder.encode_spans([embedded_text(p) for p in passages], [sentence_spans(p) for p in passages])
        vector = embedder.encode([query.text], kind="query")[0]
        return [
            Hit(passage, 1 / rank, rank, cosines=tuple(map(float, rows @ vector)))
            for rank, (passage, rows) in enumerate(zip(passages, parts, strict=True), 1)
        ]

    def holding(self, query: Query, terms: Sequence[str]) -> list[Hit]:
        """Those of the retriever within."""
        return self._inner.holding(query, terms)

    def sources(self) -> dict[str, int]:
        """Those of the retriever within."""
        return self._inner.sources()

    def newest(self) -> date | None:
        """That of the retriever within."""
        return self._inner.newest()

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """Those of the retriever within."""
        return self._inner.versions(article_id)

    def close(self) -> None:
        """Nothing: the retriever within belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class _Nothing:
    """Search that finds nothing."""

    settings: Settings

    def search(self, query: Query) -> list[Hit]:
        """No hit."""
        return []

    def holding(self, query: Query, terms: Sequence[str]) -> list[Hit]:
        """No hit."""
        return []

    def sources(self) -> dict[str, int]:
        """None."""
        return {}

    def newest(self) -> date | None:
        """None."""
        return None

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """None."""
        return ()

    def close(self) -> None:
        """Nothing to free."""


@dataclass(frozen=True, slots=True)
class ClosedBook:
    """The language model asked without passages; without a model it always abstains."""

    generator: Generator | None
    retriever: Searcher
    tokens: int = CLOSED_BOOK[0]
    wanted: str = CLOSED_BOOK[1]

    def ask(self, question: str, *, source: Sequence[str] | None = None, as_of: date | None = None) -> Answer:
        """What the model says from memory, as one claim without citations."""
        if self.generator is None:
            return Answer(question, Query(question), "abstention", "closed book", (), ())
        asked: list[Message] = [{"role": "user", "content": f"{question}\n{self.wanted}"}]
        text = "".join(self.generator.stream(asked, max_tokens=self.tokens)).strip()
        return Answer(question, Query(question), "model", self.generator.name, (Claim(text, (), "not found", 0.0),), ())


@dataclass(frozen=True, slots=True)
class Constant:
    """The same words to every question."""

    text: str
    retriever: Searcher

    def ask(self, question: str, *, source: Sequence[str] | None = None, as_of: date | None = None) -> Answer:
        """The words."""
        return Answer(question, Query(question), "model", "constant", (Claim(self.text, (), "not found", 0.0),), ())


def commonest_answer(gold: Sequence[GoldItem]) -> str:
    """The alias accepted for most questions, the first of those; "" when none is answerable."""
    accepted = [aliases for item in gold for aliases in (*item.answers, *(n.aliases for n in item.nuggets))]
    counts = Counter(alias for aliases in accepted for alias in dict.fromkeys(aliases))
    return counts.most_common(1)[0][0] if counts else ""

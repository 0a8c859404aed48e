"""Which answer stands first where several articles give the same; computed by hand."""

from __future__ import annotations

from rag.answering.finding import by_agreement
from rag.types import Article, Candidate, Citation, Hit, Passage, Sentence


def candidate(article: str, text: str, answer: str, probability: float) -> Candidate:
    meta = Article(article, "Talks", text, source="Wire").meta
    hit = Hit(Passage(meta, text, 0, len(text), (Sentence(0, len(text)),)), 1.0, 1)
    at = text.index(answer)
    return Candidate(Citation(hit, 0, len(text)), probability, Citation(hit, at, at + len(answer)))


def spans(ranked: list[Candidate]) -> list[str]:
    return [each.span.quote for each in ranked if each.span]


def test_an_answer_of_two_articles_stands_before_a_likelier_one_of_one() -> None:
    ranked = [
        candidate("a", "The president received Sharif for talks.", "Sharif", 0.4),
        candidate("b", "Türkiye and Qatar hosted the meetings.", "Türkiye and Qatar", 0.3),
        candidate("c", "Turkey and Qatar mediated.", "Turkey and Qatar", 0.2),
    ]
    found = by_agreement(ranked)
    assert spans(found) == ["Türkiye and Qatar", "Sharif", "Turkey and Qatar"]  # .3 + .2 against .4
    assert [each.probability for each in found] == [0.4, 0.4, 0.2]  # as sure as the likeliest


def test_an_article_counts_once_and_what_is_far_less_likely_not_at_all() -> None:
    first = candidate("a", "The president received Sharif for talks.", "Sharif", 0.6)
    second = candidate("b", "Türkiye and Qatar hosted the meetings.", "Türkiye and Qatar", 0.35)
    again = candidate("b", "Turkey and Qatar mediated.", "Turkey and Qatar", 0.3)
    unlikely = candidate("c", "Turkey and Qatar mediated.", "Turkey and Qatar", 0.1)  # below a third of .6
    assert by_agreement([first, second, again]) == [first, second, again]
    assert by_agreement([first, second, *[unlikely] * 4]) == [first, second, *[unlikely] * 4]
    assert by_agreement([]) == []


def test_answers_are_one_where_each_of_their_words_is() -> None:
    first = candidate("a", "It fell to Java.", "Java", 0.4)
    second = candidate("b", "The islands of Indonesia shook.", "Indonesia", 0.3)
    other = candidate("c", "Northern Indonesia and Java shook.", "Northern Indonesia", 0.25)
    same = candidate("d", "An Indonesian volcano.", "Indonesian", 0.25)
    assert spans(by_agreement([first, second, other]))[0] == "Java"
    assert spans(by_agreement([first, second, same]))[0] == "Indonesia"

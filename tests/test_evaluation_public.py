"""Public sets in the form of their publishers, small and made up."""

from __future__ import annotations

import json
import lzma
from datetime import date
from pathlib import Path
from typing import Any

import making
import pytest

from rag.articles import load
from rag.errors import GoldError
from rag.evaluation.gold import Evidence, check_quotes, read_gold
from rag.evaluation.metrics import is_relevant
from rag.evaluation.public import convert
from rag.types import Article


def written(folder: Path, name: str, value: Any) -> Path:
    path = folder / name
    text = json.dumps(value) if not name.endswith("l") else "\n".join(map(json.dumps, value))
    if name.endswith(".xz"):
        path.write_bytes(lzma.compress(json.dumps(value).encode()))
    else:
        path.write_text(text)
    return path


def converted(tmp_path: Path, name: str, *paths: Path, **how: Any) -> tuple[dict[str, Article], dict[str, Any]]:
    out = tmp_path / "out"
    counts = convert(name, paths, out, **how)
    articles = {a.id: a for a in load([out / "articles.jsonl"]) if isinstance(a, Article)}
    items = {item.id: item for item in read_gold(out / "gold.jsonl", articles)}
    assert counts == (len(articles), len(items))
    return articles, items


def test_squad(tmp_path: Path) -> None:
    page = {
        "title": "Old_Town",
        "paragraphs": [
            {
                "context": "The town was founded in 1201 by monks. It burned twice.",
                "qas": [
                    {"id": "1", "question": "Who  founded it?", "answers": [{"text": "monks"}, {"text": "by monks"}]},
                    {"id": "2", "question": "Who burned it?", "is_impossible": True, "answers": []},
                ],
            }
        ],
    }
    articles, items = converted(tmp_path, "squad", written(tmp_path, "dev.json.xz", {"data": [page]}))
    assert articles["Old_Town-0"].title == "Old Town"
    assert items["1"].question == "Who founded it?"
    assert (items["1"].answers, items["1"].evidence) == ((("monks", "by monks"),), (Evidence("Old_Town-0"),))
    assert (items["2"].answerable, items["2"].unanswerable_kind) == (False, "near_miss")


def test_realtimeqa(tmp_path: Path) -> None:
    def question(id_: str, asked: str, supported: list[str]) -> dict[str, Any]:
        return {"id": id_, "question": f"{id_}?", "answers": ["Iraq"], "asked_at": asked, "articles": ["x", "y"],
                "supported_by": supported}  # fmt: skip

    asked = [question("a", "2023-01-02", ["x"]), question("b", "2023-01-13", ["y"]), question("c", "2023-01-13", [])]
    rows = [{"id": i, "title": i, "source": "s", "published_at": "2023-01-01", "url": None, "author": None,
             "body": f"Iraq was named here, says {i}."} for i in "xyz"]  # fmt: skip
    articles, items = converted(
        tmp_path, "realtimeqa", written(tmp_path, "q.jsonl", asked), written(tmp_path, "a.jsonl", rows)
    )
    assert set(articles) == {"x", "y"}
    assert set(items) == {"a", "b"}
    assert items["a"].as_of == date(2023, 1, 2)
    assert (items["a"].split, items["b"].split) == ("test", "dev")  # ISO weeks 1 and 2


def test_realtimeqa_as_published(tmp_path: Path) -> None:
    """The form of 20220617_qa.jsonl and 20220617_gcs.jsonl at github.com/realtimeqa/realtimeqa_public."""

    def question(id_: str, day: str, answer: list[str]) -> dict[str, Any]:
        return {"question_id": id_, "question_date": day, "question_source": "CNN", "question_url": "u",
                "question_sentence": f"Which was it, {id_}?", "choices": ["Iraq", "Iran", "Cuba", "Peru"],
                "answer": answer, "evidence": ""}  # fmt: skip

    def hit(url: str, text: str, day: str = "2022/06/10") -> dict[str, Any]:
        return {"doc_id": 1, "publish_date": day, "title": url[-1].upper(), "url": url, "text": text}

    asked = [question("20220617_0", "2022/06/17", ["1"]), question("20220624_1", "2022/06/24", ["0", "2"]),
             question("20220624_2", "2022/06/24", ["3"])]  # fmt: skip
    x, y = hit("https://example.com/x", "It was Iran, they say."), hit("https://example.com/y", "Cuba it was.", "")
    empty = hit("https://example.com/z", " ")
    searched = [{"question_id": "20220617_0", "search_time": "t", "search_result": [x, y, x]},
                {"question_id": "20220624_1", "search_time": "t", "search_result": [y, empty]},
                {"question_id": "20220624_2", "search_time": "t", "search_result": [x]}]  # fmt: skip
    articles, items = converted(
        tmp_path, "realtimeqa", written(tmp_path, "20220617_qa.jsonl", asked),
        written(tmp_path, "20220617_gcs.jsonl", searched),
    )  # fmt: skip
    assert set(articles) == {x["url"], y["url"]}, "an article without a text is none"
    assert [articles[a["url"]].published for a in (x, y)] == [date(2022, 6, 10), None]
    assert set(items) == {"20220617_0", "20220624_1"}, "no article holds the answer to the third"
    first, second = items.values()
    assert (first.answers, first.evidence, first.as_of) == ((("Iran",),), (Evidence(x["url"]),), date(2022, 6, 17))
    assert (second.answers, second.evidence) == ((("Iraq", "Cuba"),), (Evidence(y["url"]),))
    assert (first.split, second.split) == ("dev", "test")  # ISO weeks 24 and 25


def test_multihop_rag_facts_that_do_not_stand_there(tmp_path: Path) -> None:
    corpus = [{"title": "A", "source": "S", "published_at": "2023-10-01", "url": "https://example.com/A",
               "body": "A sold\n\nmore."}]  # fmt: skip
    apart = {"url": "https://example.com/A", "fact": "A sold more."}
    elsewhere = {"url": "https://example.com/B", "fact": "B sold more."}
    queries = [{"query": f"Who sold more, {n}?", "answer": "Acme", "question_type": "inference_query",
                "evidence_list": evidence} for n, evidence in enumerate(([apart, elsewhere], [elsewhere]))]  # fmt: skip
    articles, items = converted(
        tmp_path, "multihop-rag", written(tmp_path, "q.json", queries), written(tmp_path, "c.json", corpus)
    )
    assert set(items) == {"multihop-0"}, "none of the other's articles is in the corpus"
    assert items["multihop-0"].evidence == (Evidence("multihop-0"),), "white space differs: the article alone"
    check_quotes(list(items.values()), lambda id_: articles[id_].text)


def test_multihop_rag(tmp_path: Path) -> None:
    corpus = [{"title": t, "author": "", "source": "S", "published_at": "2023-10-01", "category": "c",
               "url": f"https://example.com/{t}", "body": f"{t} sold more. Really."} for t in ("A", "B")]  # fmt: skip
    fact = [{"url": c["url"], "fact": f"{c['title']} sold more."} for c in corpus]
    queries = [
        {"query": "Did both sell more?", "answer": "Yes", "question_type": "comparison_query", "evidence_list": fact},
        {"query": "Who paid?", "answer": "Insufficient information.", "question_type": "null_query",
         "evidence_list": []},
    ]  # fmt: skip
    _, items = converted(
        tmp_path,
        "multihop-rag",
        written(tmp_path, "MultiHopRAG.json", queries),
        written(tmp_path, "corpus.json", corpus),
    )
    both = items["multihop-0"]
    assert (both.kind, both.evidence_mode, both.evidence[0]) == ("yesno", "all", Evidence("multihop-0", "A sold more."))
    assert items["multihop-1"].answerable is False


def test_rgb(tmp_path: Path) -> None:
    noise = [{"id": 0, "query": "When?", "answer": ["January 2 2022", "Jan 2, 2022"], "positive": ["On January 2 2022, "
              "and Jan 2, 2022."], "negative": ["Nothing to be seen here."]}]  # fmt: skip
    both = [{"id": 0, "query": "When and where?", "answer": [["May"], ["Rome", "Roma"]], "negative": [],
             "positive": [["It was May when they met at last."], ["In Rome it was that they met."]]}]  # fmt: skip
    false = [{"id": 0, "query": "Who?", "answer": "Ann", "fakeanswer": "Bob", "positive": ["Ann did it all."],
              "positive_wrong": ["Bob did it all, they say."], "negative": []}]  # fmt: skip
    paths = [written(tmp_path, f"{n}.jsonl", rows) for n, rows in
             (("en", noise), ("en_int", both), ("en_fact", false))]  # fmt: skip
    articles, items = converted(tmp_path, "rgb", *paths)
    first = items["rgb-en-0-noise"]
    assert first.sources == ("rgb-en-0-noise",)
    assert {a.text for a in articles.values() if a.source in first.sources} == {
        "On January 2 2022, and Jan 2, 2022.", "Nothing to be seen here.",
    }  # fmt: skip
    assert items["rgb-en-0-rejection"].answerable is False
    together = items["rgb-en_int-0-integration"]
    assert together.answers == (("May",), ("Rome", "Roma"))
    assert len(together.evidence) == 2
    altered = items["rgb-en_fact-0-counterfactual"]
    assert altered.forbidden == ("Bob",)
    assert [(articles[e.article].text, e.quote) for e in altered.evidence] == [("Bob did it all, they say.", "Bob")]
    check_quotes(list(items.values()), lambda id_: articles[id_].text)
    (found,) = (a for a in articles.values() if a.source in altered.sources)
    place = making.whole_article(found).passage
    assert is_relevant(place, altered), "found is the place of the false answer, since the right one is nowhere"
    assert together.evidence_mode == "any"


def test_the_halves_of_public_sets(tmp_path: Path) -> None:
    """Both halves of each are there, the same every time, and nothing is in one that gives the other away."""
    pages = [{"title": f"Town_{n}", "paragraphs": [
        {"context": f"Paragraph {m} of {n} speaks of monks.", "qas": [
            {"id": f"{n}-{m}", "question": f"Who is in {n} and {m}?", "answers": [{"text": "monks"}]},
            {"id": f"{n}-{m}-no", "question": "Who is not?", "is_impossible": True, "answers": []}]}
        for m in range(2)]} for n in range(20)]  # fmt: skip
    _, items = converted(tmp_path / "squad", "squad", written(tmp_path, "dev.json", {"data": pages}))
    by_page: dict[str, set[str]] = {}
    for id_, item in items.items():
        by_page.setdefault(id_.split("-")[0], set()).add(item.split)
    assert all(len(splits) == 1 for splits in by_page.values()), "a page is in one half"
    assert (by_page["0"], by_page["1"]) == ({"dev"}, {"test"})
    assert {(i.split, i.answerable) for i in items.values()} == {(s, a) for s in ("dev", "test") for a in (True, False)}
    rows = [{"id": n, "query": f"Who is {n}?", "answer": ["Ann"], "positive": ["Ann it is, they say."],
             "negative": ["Nothing to be seen here."]} for n in range(20)]  # fmt: skip
    false = [{"id": n, "query": f"Who is {n}?", "answer": "Ann", "fakeanswer": "Bob", "positive": ["Ann it is."],
              "positive_wrong": ["Bob it is, they say."], "negative": []} for n in range(20)]  # fmt: skip
    paths = [written(tmp_path, "en.jsonl", rows), written(tmp_path, "en_fact.jsonl", false)]
    _, items = converted(tmp_path / "rgb", "rgb", *paths)
    assert {item.split for item in items.values()} == {"dev", "test"}
    for n in range(20):
        ids = (f"rgb-en-{n}-noise", f"rgb-en-{n}-rejection", f"rgb-en_fact-{n}-counterfactual")
        assert len({items[id_].split for id_ in ids}) == 1, "one question is in one half"


def test_answers_that_cannot_be_looked_for_are_left_out(tmp_path: Path) -> None:
    page = {"title": "T", "paragraphs": [{"context": "One is one.", "qas": [
        {"id": "1", "question": "1?", "answers": [{"text": "One"}, {"text": "."}]},
        {"id": "2", "question": "2?", "answers": [{"text": "."}]}]}]}  # fmt: skip
    _, items = converted(tmp_path / "squad", "squad", written(tmp_path, "dev.json", {"data": [page]}))
    assert {id_: item.answers for id_, item in items.items()} == {"1": (("One",),)}
    same = [{"id": 0, "query": "Who?", "answer": "Ann", "fakeanswer": ["ann", "Bob"], "positive": ["Ann did it."],
             "positive_wrong": ["It was BOB who did it."], "negative": []}]  # fmt: skip
    _, items = converted(tmp_path / "rgb", "rgb", written(tmp_path, "en_fact.jsonl", same))
    (item,) = items.values()
    assert (item.forbidden, item.evidence[0].quote) == (("Bob",), "BOB")


def test_a_sample_and_what_cannot_be_read(tmp_path: Path) -> None:
    page = {"title": "T", "paragraphs": [{"context": "One is one.", "qas": [
        {"id": str(n), "question": f"{n}?", "answers": [{"text": "One"}]} for n in range(20)]}]}  # fmt: skip
    path = written(tmp_path, "dev.json", {"data": [page]})
    _, items = converted(tmp_path, "squad", path, limit=5, seed=3)
    assert len(items) == 5
    with pytest.raises(GoldError, match="holds a gold set already"):
        convert("squad", [path], tmp_path / "out")
    for name, paths, words in (
        ("squad", [tmp_path / "none.json"], "cannot be read as squad"),
        ("realtimeqa", [path], "two files"),
        ("multihop-rag", [path, path], "cannot be read as multihop-rag"),
        ("rgb", [written(tmp_path, "x.jsonl", [{"id": 1}])], "KeyError"),
    ):
        with pytest.raises(GoldError, match=words):
            convert(name, paths, tmp_path / "other")

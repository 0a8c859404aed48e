"""A run over a small gold set with bots that are good, and broken in ways that must show."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import making
import pytest

from rag.answering.bot import Bot
from rag.errors import InputError, ModelError, SettingsError
from rag.evaluation.cache import AnswerCache
from rag.evaluation.calibrate import calibrate
from rag.evaluation.command import format_table
from rag.evaluation.controls import ClosedBook, Constant, GoldRetriever, arms, commonest_answer
from rag.evaluation.folder import bless, read_run, write_run
from rag.evaluation.gold import Evidence, GoldItem, read_gold
from rag.evaluation.runner import Report, run
from rag.evaluation.thresholds import violations
from rag.models.generator import Message
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Answer, Citation, Claim, Hit, Query

GOLD = [
    GoldItem(
        f"q{n}", f"Where is {n}?", ((f"place{n}",),), (Evidence(f"a{n}"),), "place", True, "dev" if n % 2 else "test"
    )
    for n in range(4)
] + [
    GoldItem("u", "Why?", (), (), "unanswerable", False, "test", unanswerable_kind="near_miss"),
    GoldItem("v", "Why not?", (), (), "unanswerable", False, "dev"),
]


def hit(n: int, rank: int) -> Hit:
    text = f"It is in place{n}."
    return making.hit(text, rank, id_=f"a{n}")


class Searches:
    def __init__(self, shuffled: bool) -> None:
        self.shuffled = shuffled

    def search(self, query: Query) -> list[Hit]:
        question = query.text
        if question.startswith("Why"):
            return [hit(0, 1)]
        n = int(question.rsplit(maxsplit=1)[-1].strip("?"))
        return [hit((n + 1) % 4 if self.shuffled else n, 1)]


class FakeBot:
    """Right about everything, unless told to be broken in one way."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.retriever = Searches(fault == "shuffled passages")
        self.asked: list[str] = []

    def ask(self, question: str, **_: Any) -> Answer:
        self.asked.append(question)
        if self.fault == "crashes" and question.endswith("2?"):
            raise ModelError("It fell over.", "Run: rag doctor")
        if self.fault == "its library raises" and question.endswith("2?"):
            raise RuntimeError("out of memory")
        if self.fault == "is stopped" and question.endswith("2?"):
            raise KeyboardInterrupt
        hits = tuple(self.retriever.search(Query(question)))
        silent = question.startswith("Why") and self.fault not in {"never abstains"}
        sure = 0.2 if question.startswith("Why") else 0.9
        if silent or self.fault == "always abstains":
            return Answer(question, Query(question), "abstention", "fake", (), hits, probability=sure)
        text = hits[0].passage.text
        cited: tuple[Citation, ...] = (Citation(hits[0], 0, len(text)),)
        if self.fault in {"wrong citations", "cites everything"}:
            other = [hit(n, n) for n in range(4, 9)]
            known = list(hits) if self.fault == "cites everything" else []
            hits = (*known, *other)
            cited = tuple(Citation(h, 0, len(text)) for h in hits)
        if self.fault == "from memory":
            text = "It is in Atlantis."
        at = max(0, hits[0].passage.text.find("place"))
        short = (Citation(hits[0], at, at + 6),)
        timings = {"total": 0.5}
        return Answer(
            question, Query(question), "model", "fake", (Claim(text, cited, "supported"),), hits, short=short,
            probability=sure, timings=timings,
        )  # fmt: skip


def report(fault: str = "", **how: Any) -> Report:
    return run(GOLD, FakeBot(fault), model="fake", **how)


def test_a_good_bot() -> None:
    found = report()
    assert {name: (m.value, m.n) for name, m in found.summary.items()} == {
        "recall_at_1": (1.0, 4), "recall_at_3": (1.0, 4), "recall_at_8": (1.0, 4), "hits_at_4": (1.0, 4),
        "hits_at_10": (1.0, 4), "mrr_at_10": (1.0, 4), "map_at_10": (1.0, 4), "ndcg_at_10": (1.0, 4),
        "false_abstention": (0.0, 4), "exact_match": (0.0, 4),
        # "It is in place0", "place0": the digit is a token, so 2 of 5 and 2 of 2
        "token_f1": (pytest.approx(4 / 7), 4),
        "contains_match": (1.0, 4), "value_match": (1.0, 4), "short_exact_match": (1.0, 4), "short_f1": (1.0, 4),
        "citation_precision": (1.0, 4), "citation_recall": (1.0, 4), "citation_f1": (1.0, 4),
        "checks_passed": (1.0, 4), "verbatim_quotes": (1.0, 4), "abstention_accuracy": (1.0, 2),
        "risk_coverage_area": (0.0, 4), "right": (1.0, 6),
    }  # fmt: skip
    assert found.wrong() == {}
    assert found.cost["seconds_total"] == {"median": 0.5, "p95": 0.5, "n": 4}
    assert found.cost["answer_words"] == {"median": 4.0, "p95": 4.0, "n": 4}
    assert {kind: m.value for kind, m in found.by_kind.items()} == {
        "place": 1.0, "unanswerable: near_miss": 1.0, "unanswerable: not said": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "measure", "value", "wrong"),
    [
        ("shuffled passages", "recall_at_8", 0.0, {"retrieval miss": 4}),
        ("shuffled passages", "contains_match", 0.0, {"retrieval miss": 4}),
        ("always abstains", "false_abstention", 1.0, {"wrong abstention": 4}),
        ("always abstains", "contains_match", 0.0, {"wrong abstention": 4}),
        ("never abstains", "abstention_accuracy", 0.0, {"should have abstained": 2}),
        ("never abstains", "risk_coverage_area", pytest.approx((1 / 3 + 1 / 3) / 6), {"should have abstained": 2}),
        ("wrong citations", "citation_precision", 0.0, {"citation miss": 4}),
        ("wrong citations", "verbatim_quotes", 1.0, {"citation miss": 4}),
        ("cites everything", "citation_precision", pytest.approx(1 / 6), {}),
        ("cites everything", "citation_recall", 1.0, {}),
        ("from memory", "contains_match", 0.0, {"reading miss": 4}),
        ("crashes", "contains_match", 0.75, {"failed": 1}),
        ("crashes", "false_abstention", 0.25, {"failed": 1}),
        ("crashes", "recall_at_3", 1.0, {"failed": 1}),
        ("its library raises", "contains_match", 0.75, {"failed": 1}),
        ("its library raises", "citation_recall", 0.75, {"failed": 1}),
    ],
)
def test_a_broken_bot_shows(fault: str, measure: str, value: float, wrong: dict[str, int]) -> None:
    found = report(fault)
    assert found.summary[measure].value == value
    assert found.wrong() == wrong


def test_a_search_that_raises_is_one_failed_question() -> None:
    class Breaks(Searches):
        def search(self, query: Query | str) -> list[Hit]:
            if (query if isinstance(query, str) else query.text).endswith("2?"):
                raise RuntimeError("the index is gone")
            return super().search(query)

    bot = FakeBot()
    bot.retriever = Breaks(shuffled=False)
    found = run(GOLD, bot, retrieval_only=True)
    assert (found.summary["hits_at_4"].value, found.summary["hits_at_4"].n) == (0.75, 4)
    assert found.results[2].error == "RuntimeError: the index is gone"


def test_a_miss_is_one_of_reading_only_where_the_bot_saw_the_evidence() -> None:
    """The measures search deeper than the bot: what stands below its passages it could not read."""

    class Shallow(FakeBot):
        def ask(self, question: str, **how: Any) -> Answer:
            return replace(super().ask(question, **how), hits=(hit(9, 1),))

    found = run(GOLD, Shallow("from memory"))
    assert found.summary["hits_at_10"].value == 1.0
    assert found.wrong() == {"retrieval miss": 4}
    assert report("from memory").wrong() == {"reading miss": 4}


def test_the_report_shows_every_passage_once(tmp_path: Path) -> None:
    class Many(FakeBot):
        def ask(self, question: str, **how: Any) -> Answer:
            answer = super().ask(question, **how)
            return replace(answer, hits=tuple(hit(n, n + 1) for n in range(7)))

    write_run(run(GOLD[:2], Many("from memory")), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    first = page[page.index("What went wrong") :].split("</details>\n</details>")[0]
    shown, folded = first.split("<summary>3 more</summary>")
    assert re.findall(r"<b>\[(\d)\]", shown) == list("1234")
    assert re.findall(r"<b>\[(\d)\]", folded) == list("567")
    assert "It is in place6." in folded


def test_ids_in_the_report_are_unique(tmp_path: Path) -> None:
    write_run(report("never abstains"), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg ") == 2
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 20
    used = {*re.findall(r"url\(#([^)]+)\)", page), *re.findall(r'href="#([^"]+)"', page)}
    assert used
    assert used <= set(ids), "what is drawn by reference is there"


def test_jobs_change_nothing_but_time() -> None:
    assert report(jobs=3).summary == report().summary


def test_an_entailment_model_adds_alce_s_measures() -> None:
    found = report(entails=lambda premise, claim: claim in premise)
    assert found.summary["entailed_recall"].value == 1.0
    assert report("from memory", entails=lambda premise, claim: claim in premise).summary["entailed_f1"].value == 0.0
    for fault, value in (("always abstains", 0.0), ("crashes", 0.75)):
        silent = report(fault, entails=lambda premise, claim: claim in premise).summary
        for name in ("entailed_precision", "entailed_recall", "entailed_f1"):
            assert (silent[name].value, silent[name].n) == (value, 4), "no answer has 0, and counts"


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    kept = AnswerCache(tmp_path / "a.sqlite", "one")
    with pytest.raises(KeyboardInterrupt):
        report("is stopped", answers=kept)
    kept.close()
    again = AnswerCache(tmp_path / "a.sqlite", "one")
    bot = FakeBot()
    found = run(GOLD, bot, answers=again)
    assert bot.asked == ["Where is 2?", "Where is 3?", "Why?", "Why not?"]
    assert found.summary == report().summary
    assert [result.cached for result in found.results] == [True, True, False, False, False, False]
    again.close()
    other = FakeBot()
    run(GOLD, other, answers=AnswerCache(tmp_path / "a.sqlite", "another model"))
    assert len(other.asked) == 6


def test_what_was_kept_by_another_version_is_asked_again(tmp_path: Path) -> None:
    kept = AnswerCache(tmp_path / "a.sqlite", "one")
    kept.put(GOLD[0], FakeBot().ask(GOLD[0].question))
    assert kept.get(GOLD[0]) == FakeBot().ask(GOLD[0].question)
    kept._db.execute("UPDATE answers SET answer = '{\"question\": 1}'")
    assert kept.get(GOLD[0]) is None


def test_fresh_asks_again_and_keeps_what_comes(tmp_path: Path) -> None:
    bot = FakeBot()
    for fresh, asked in ((False, 6), (False, 6), (True, 12), (False, 12)):
        kept = AnswerCache(tmp_path / "a.sqlite", "one", fresh=fresh)
        run(GOLD, bot, answers=kept)
        kept.close()
        assert len(bot.asked) == asked
    fresh_only = AnswerCache(tmp_path / "b.sqlite", "one", fresh=True)
    run(GOLD, bot, answers=fresh_only)
    fresh_only.close()
    assert run(GOLD, bot, answers=AnswerCache(tmp_path / "b.sqlite", "one")).results[0].cached


def test_a_damaged_file_of_answers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"no database at all, but long enough for a header" * 100)
    with pytest.raises(InputError, match=r"a.sqlite cannot be used.*not a database") as caught:
        AnswerCache(path, "one")
    assert "Delete that file" in str(caught.value)
    path.unlink()
    kept = AnswerCache(path, "one")
    for item in GOLD[:4]:
        kept.put(item, FakeBot().ask(item.question * 200))
    kept.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))  # its first page is whole
    damaged = AnswerCache(path, "one")
    with pytest.raises(InputError, match="cannot be used"):
        run(GOLD, FakeBot(), answers=damaged)


class Falls:
    """A language model that fails until it is mended."""

    name = "falls"
    context_tokens = 4096
    read_rate = 100.0
    taught = False
    broken = True

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(m["content"].split()) for m in messages)

    def stream(self, *_: Any, **__: Any) -> Iterator[str]:
        yield "It was signed "
        if self.broken:
            raise ModelError("It fell over.", "Run: rag doctor")
        yield "in Doha. [1]"

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def retriever(briefs: Settings, embedder: Any) -> Iterator[Retriever]:
    with Retriever.open(settings=briefs, embedder=embedder) as opened:
        yield opened


def test_extracts_of_a_failed_model_are_a_failure_and_not_kept(retriever: Retriever, tmp_path: Path) -> None:
    item = GoldItem("d", "Where was the ceasefire signed?", (("Doha",),), (Evidence("doha-ceasefire"),), "place", True)
    kept = AnswerCache(tmp_path / "a.sqlite", "one")
    model = Falls()
    bot = Bot(retriever, model)

    def result() -> Any:
        return run([item], bot, answers=kept).results[0]

    assert "Doha" in bot.ask(item.question).text, "the extracts hold what is wanted"
    failed = result()
    assert (failed.wrong, failed.answer, failed.scores["contains_match"]) == ("failed", None, 0.0)
    assert failed.scores["false_abstention"] == 1.0
    assert failed.scores["hits_at_10"] == 1.0, "the search did its part"
    assert failed.error.startswith("The language model failed, so these are extracts: It fell over.")
    assert kept.get(item) is None
    kept.put(item, bot.ask(item.question))  # as an older version did
    assert result().wrong == "failed"
    model.broken = False
    mended = result()
    assert (mended.text, mended.cached, mended.scores["contains_match"]) == ("It was signed in Doha.", False, 1.0)
    assert result().cached


def test_extracts_that_were_asked_for_are_kept(retriever: Retriever, tmp_path: Path) -> None:
    item = GoldItem("d", "Where was the ceasefire signed?", (("Doha",),), (Evidence("doha-ceasefire"),), "place", True)
    kept = AnswerCache(tmp_path / "a.sqlite", "one")
    for cached in (False, True):
        (result,) = run([item], Bot(retriever), answers=kept).results
        assert (result.cached, result.scores["contains_match"]) == (cached, 1.0)


def test_gold_evidence_tells_one_question_of_two_sources_apart(retriever: Retriever) -> None:
    question = "Where was it signed?"
    gold = [
        GoldItem("one", question, (("Doha",),), (Evidence("doha-ceasefire"),), "place", True, sources=("A", "B")),
        GoldItem("two", question, (("Turkey",),), (Evidence("second-round"),), "place", True, sources=("C",)),
    ]
    found = GoldRetriever(retriever, gold)
    for item in gold:
        ids = {hit.passage.article.id for hit in found.search(Query.of(question, source=list(reversed(item.sources))))}
        assert ids == item.articles
    perfect = arms(Bot(retriever), retriever, gold)["gold_evidence"]
    assert run(gold, perfect).summary["recall_at_8"].value == 1.0


def test_answers_to_gold_evidence_are_kept_by_the_gold(tmp_path: Path) -> None:
    kept = AnswerCache(tmp_path / "a.sqlite", "one", of_item=True)
    kept.put(GOLD[0], FakeBot().ask(GOLD[0].question))
    assert kept.get(GOLD[0])
    assert kept.get(replace(GOLD[0], evidence=(Evidence("a3"),))) is None, "it was given other passages"


ODD = "one\u2028two\x85three\x0bfour\x00five\x1bsix\ud800seven"


def test_odd_characters_survive_the_folder(tmp_path: Path) -> None:
    class Odd(FakeBot):
        def ask(self, question: str, **how: Any) -> Answer:
            answer = super().ask(question, **how)
            return replace(answer, claims=tuple(replace(c, text=f"{c.text} {ODD}") for c in answer.claims))

    line = GOLD[0].to_line().replace("Where is 0?", json.dumps(f"Where {ODD} is 0?")[1:-1])
    (tmp_path / "gold.jsonl").write_text(
        line.replace("\\u2028", "\u2028").replace("\\u0085", "\x85") + "\n", encoding="utf-8"
    )
    (item,) = read_gold(tmp_path / "gold.jsonl")
    assert item.question == f"Where {ODD} is 0?"
    kept = AnswerCache(tmp_path / "a.sqlite", "one", of_item=True)
    found = run([item, GOLD[1]], Odd(), model=f"m {ODD}", answers=kept)
    assert ODD in found.results[0].text
    again = kept.get(item)
    assert again is not None
    assert again == found.results[0].answer
    write_run(found, tmp_path / "out")
    back = read_run(tmp_path / "out")
    assert (back.rows[0]["question"], back.rows[0]["text"]) == (item.question, found.results[0].text)
    assert Answer.from_dict(back.rows[0]["answer"]) == found.results[0].answer
    assert back.gold == found.gold
    suite = ET.parse(tmp_path / "out" / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.get("tests") == "2"
    bless(back, tmp_path / "baseline")
    assert [row["id"] for row in read_run(tmp_path / "baseline").rows] == ["q0", "q1"]


def test_what_is_written_and_read_back(tmp_path: Path) -> None:
    found = report("crashes")
    table = format_table(found)
    assert ["contains_match", "0.750", "0.301", "to", "0.954", "4"] in [line.split() for line in table.splitlines()]
    assert "failed: q2: It fell over." in table
    write_run(found, tmp_path / "out")
    again = read_run(tmp_path / "out")
    assert [row["id"] for row in again.rows] == ["q0", "q1", "q2", "q3", "u", "v"]
    assert again.summary == found.summary
    assert again.rows[2]["wrong"] == "failed"
    assert Answer.from_dict(again.rows[0]["answer"]) == found.results[0].answer
    suite = ET.parse(tmp_path / "out" / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "0", "1")
    raw = json.loads((tmp_path / "out" / "summary.json").read_text())
    # 3 of 6 are answered: 2 refused, 1 failed
    assert raw["risk_coverage"] == {"coverage": [0.5], "risk": [0.0], "area": 0.0}
    assert raw["summary"]["risk_coverage_area"] == {"value": 0.0, "n": 3, "low": 0.0, "high": 0.0}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<td>risk_coverage_area (lower is better)</td>" in page


def test_retrieval_alone() -> None:
    found = report("shuffled passages", retrieval_only=True)
    assert set(found.summary) == {
        "recall_at_1", "recall_at_3", "recall_at_8", "hits_at_4", "hits_at_10", "mrr_at_10", "map_at_10", "ndcg_at_10",
    }  # fmt: skip
    assert found.wrong() == {"retrieval miss": 4}


def test_calibration() -> None:
    found = calibrate(report("never abstains"))
    # The unanswerable have .2, the answerable .9: anything between parts them; half-way is taken.
    assert found.threshold == 0.55
    assert (found.dev.refused[0], found.dev.withheld[0], found.test.refused[0], found.test.withheld[0]) == (1, 0, 1, 0)
    assert (found.test.risk, found.test.coverage) == (0.0, pytest.approx(2 / 3))
    # Two right at .9, then a wrong one: (0 + 0 + 1/3) / 3
    assert found.area_test == pytest.approx(1 / 9)
    strict = calibrate(report("never abstains"), most_withheld=0.0)
    assert strict.threshold == 0.55
    with pytest.raises(InputError, match="dev half"):
        calibrate(run([item for item in GOLD if item.split == "test"], FakeBot()))


def test_a_failed_question_is_refused_by_every_threshold() -> None:
    found = calibrate(report("crashes"))
    # q2, of the test half, has no answer; q0 has one, and u is refused: 1 of 3 is answered.
    assert found.test.withheld[0] == 0.5
    assert found.test.coverage == pytest.approx(1 / 3)


def test_a_share_that_no_threshold_keeps() -> None:
    """A bot that refuses by itself: even at 0 all is withheld, so there is nothing to choose."""
    with pytest.raises(InputError, match=r"1\.000 of the answerable are refused"):
        calibrate(report("always abstains"), most_withheld=0.5)
    assert calibrate(report("always abstains"), most_withheld=1.0).dev.withheld[0] == 1.0


def test_the_rates_are_those_of_the_threshold_as_printed() -> None:
    """Half-way between .9001 and .9002 is .90015, printed as .9: at .9 both speak."""

    class Near(FakeBot):
        def ask(self, question: str, **how: Any) -> Answer:
            sure = 0.9001 if question.startswith("Why") else 0.9002
            return replace(super().ask(question, **how), probability=sure)

    found = calibrate(run(GOLD, Near("never abstains")))
    assert found.threshold == 0.9
    assert (found.dev.refused[0], found.test.refused[0]) == (0.0, 0.0)


def test_control_arms() -> None:
    assert commonest_answer([*GOLD, GoldItem("w", "W?", (("place3",),), (Evidence("a"),), "place", True)]) == "place3"
    constant = run(GOLD, Constant("place3", Searches(shuffled=True)))
    assert constant.summary["contains_match"].value == 0.25
    assert constant.summary["abstention_accuracy"].value == 0.0
    silent = run(GOLD, ClosedBook(None, Searches(shuffled=True)))
    assert (silent.summary["contains_match"].value, silent.summary["abstention_accuracy"].value) == (0.0, 1.0)


def test_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(
        "[g.model]\ncontains_match = {min = 0.8}\nfalse_abstention = {max = 0.3}\nrecall_at_9 = {min = 0}\n"
        "[g.odd]\ncontains_match = 0.8\n"
    )
    assert violations(report("crashes").summary, path, "g.model") == [
        "contains_match is 0.750, at least 0.8 is wanted",
        "recall_at_9 was not measured",
    ]
    for table in ("g.odd", "g.none"):
        with pytest.raises(SettingsError):
            violations(report().summary, path, table)
    path.write_text("[g.model]\nrisk_coverage_area = {max = 0.1}\n")
    assert violations(report().summary, path, "g.model") == []
    assert violations(report("never abstains").summary, path, "g.model") == [
        "risk_coverage_area is 0.111, at most 0.1 is wanted"
    ]
    assert violations(report("always abstains").summary, path, "g.model") == ["risk_coverage_area was not measured"]
    with pytest.raises(SettingsError, match="cannot be read"):
        violations(report().summary, tmp_path / "none.toml", "g")

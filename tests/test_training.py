"""How training data is made and kept apart from what is measured on, and that what was trained is what runs."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from rag.articles.dating import PLACES, Candidate, Model, likeliest
from rag.models.embedder import SentenceTransformerEmbedder, packaged_model_folder
from rag.models.reader import Reader
from rag.resources import resource
from training import negatives
from training.batching import batches
from training.days import Page, _counts, _row, _tree, cross_fitted, fit
from training.measure_reader import Outcome, f1, summary
from training.reader import shipped_weights
from training.sources import HELD_OUT_FROM, Example, Guard, _detokenise, guard, held_out_articles, news, squad

SHARED = Path(__file__).resolve().parents[2] / "shared"
CONTEXT = (
    "Anna Berg became mayor of Lund in 1998, the first woman in the office. The town hall burned down in 2004. "
    "Karl Lindgren led the inquiry into the fire, which lasted for three years and cost the town a good deal of money."
)
EXAMPLE = Example("Who became the first mayor in 1998?", CONTEXT, ((0, 9),), "test", group="a")


def test_the_guard_knows_a_forbidden_run_of_words() -> None:
    kept_out = Guard([CONTEXT], ["Who led the inquiry?"])
    assert kept_out.leaks("He said: " + CONTEXT[70:170].upper())
    assert kept_out.leaks("The town hall burned down in 2004")
    assert not kept_out.leaks(
        "The town hall burned in the spring, and nobody knows to this day who was to blame for it."
    )
    assert kept_out.asks("who LED the inquiry")
    assert not kept_out.asks("Who led the choir?")


def test_the_sentence_with_the_answer_is_taken_out() -> None:
    made = negatives.without_answer(EXAMPLE)
    assert made is not None
    assert made.answers == ()
    assert made.context.startswith("The town hall burned down")
    again = Example("Who?", CONTEXT + " Anna Berg agreed.", ((0, 9),), "test")
    assert negatives.without_answer(again) is None


def test_names_and_numbers_are_swapped_for_others_of_the_text() -> None:
    for seed in range(5):
        made = negatives.swapped_name(EXAMPLE, random.Random(seed))
        assert made is not None
        assert made.question == "Who became the first mayor in 2004?"
        assert made.answers == ()


def test_a_word_becomes_its_opposite() -> None:
    made = negatives.opposite(EXAMPLE, random.Random(0))
    assert made is not None
    assert made.question == "Who became the last mayor in 1998?"


def test_near_misses_do_not_hold_the_answer() -> None:
    other = Example("Who won?", "The mayor of Malmö took office in 1998 as the first of her party.", ((0, 9),), "test")
    first, *_ = negatives.near_misses([EXAMPLE, other], 0, SentenceTransformerEmbedder())
    assert (first.question, first.context, first.answers) == (EXAMPLE.question, other.context, ())


def test_batches_hold_each_index_once_and_few_padded_tokens() -> None:
    lengths = np.array([5, 90, 7, 88, 6, 200])
    found = batches(lengths, 1, 100)
    assert sorted(int(i) for group in found for i in group) == [0, 1, 2, 3, 4, 5]
    assert all(len(group) == 1 or lengths[group].max() * len(group) <= 100 for group in found)
    assert sorted(map(len, found)) == [1, 1, 1, 3]


def test_treebank_tokens_are_joined_with_their_offsets() -> None:
    text, offsets = _detokenise("`` We -LRB- all -RRB- know , '' he did n't say .".split())
    assert text == '"We (all) know," he didn\'t say.'
    assert [text[a:b] for a, b in offsets] == [
        '"',
        "We",
        "(",
        "all",
        ")",
        "know",
        ",",
        '"',
        "he",
        "did",
        "n't",
        "say",
        ".",
    ]


def test_squad_measures_by_hand() -> None:
    assert f1("the Turkish envoy", ["Turkish envoy Cihad"]) == pytest.approx(0.8)
    outcomes = [
        Outcome(0, True, 2.0, 1.0, 1.0),
        Outcome(0, True, -2.0, 1.0, 1.0),
        Outcome(1, False, -1.0, 0.0, 0.0),
        Outcome(1, False, 1.0, 0.0, 0.0),
    ]
    assert summary(outcomes, 0.0) == {
        "n": 4, "em": 0.5, "f1": 0.5, "answerable_f1": 0.5, "refused_wrongly": 0.5, "span_f1": 1.0,
        "unanswerable_refused": 0.5,
    }  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the public data sets in ../shared, see training/README.md")
def test_nothing_measured_on_passes_the_guard() -> None:
    kept_out = guard(SHARED, resource())
    dev = list(squad(SHARED / "data/squad-dev/dev-v2.0.json.xz", "dev"))
    assert all(kept_out.leaks(context) for context in {e.context for e in dev})
    assert all(kept_out.asks(e.question) for e in dev)
    gold = [*(SHARED / "gold").glob("*.jsonl"), *resource("eval", "gold").glob("*.jsonl")]
    for file in gold:
        assert all(kept_out.asks(json.loads(line)["question"]) for line in file.read_text("utf-8").splitlines() if line)
    _, questions = news(SHARED / "data/realtimeqa")
    held = [q for q in questions if q.asked >= HELD_OUT_FROM]
    assert held
    assert all(kept_out.asks(q.question) for q in held)
    assert {a for q in held for a in q.articles} == held_out_articles(questions)


def test_training_can_go_on_from_the_shipped_reader() -> None:
    pytest.importorskip("onnx", reason="needs the extra 'training'")
    import torch
    from transformers import AutoModelForQuestionAnswering

    model = AutoModelForQuestionAnswering.from_pretrained(str(packaged_model_folder())).eval()
    model.load_state_dict(shipped_weights(resource("models", "reader")))
    reader = Reader()
    encoded = reader._tokenizer.encode(EXAMPLE.question, CONTEXT)
    asked = reader._tokenizer.encode(EXAMPLE.question, add_special_tokens=False).ids
    _, starts, ends = reader._scored(asked, reader._tokenizer.encode(CONTEXT, add_special_tokens=False).ids)
    text = slice(len(asked) + 2, -1)
    with torch.no_grad():
        found = model(input_ids=torch.tensor([encoded.ids]), token_type_ids=torch.tensor([encoded.type_ids]))
    # The shipped one quantises its activations as well, so only nearly.
    assert np.corrcoef(found.start_logits[0][text], starts)[0, 1] > 0.98
    assert np.corrcoef(found.end_logits[0][text], ends)[0, 1] > 0.98


@pytest.mark.slow
def test_the_days_that_were_fitted_are_chosen_as_forest_and_regression_would() -> None:
    """A day that is shown is right, one in a comment is wrong, and a page of comments alone has none."""
    from sklearn.ensemble import RandomForestClassifier

    rng = random.Random(0)

    def given(shown: float, day: int) -> Candidate:
        traits = dict.fromkeys(PLACES, 0.0) | {
            "line": 1.0,
            "shown": shown,
            "news_type": 0.0,
            "bare": 0.0,
            "clock": round(rng.random(), 1),
        }
        return Candidate(date(2026, 11, day), frozenset({"line"}), traits)

    pages = [Page(f"https://site{n}.test/", "2026-11-20" if n % 4 else "", "",
                  (given(0.0, 3), *([given(1.0, 20)] if n % 4 else []))) for n in range(200)]  # fmt: skip
    assert _counts(cross_fitted(pages, 0), 0.5, lambda page: page.wanted) == {"right": 150, "undated": 50}
    model = fit(pages)
    rows = [_row(page, model.weights) for page in pages]
    table, labels = [list(row.values()) for row, _ in rows], [label for _, label in rows]
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0).fit(table, labels)
    trees = [_tree(tree.tree_, list(rows[0][0]), 0) for tree in forest.estimators_]
    ours = Model(model.weights, trees, dict.fromkeys(model.logistic, 0.0), 0.5)  # says .5 of each
    for page, expected in zip(pages, forest.predict_proba(table)[:, 1], strict=True):
        assert likeliest(page.given, ours)[1] == pytest.approx((expected + 0.5) / 2, abs=0.002)

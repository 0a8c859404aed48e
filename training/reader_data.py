"""The reader's training set: answerable questions and near misses, tokenised and saved once.

python -m training.reader_data --shared ../shared --out /tmp/reader
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rag.language.words import content_stems
from rag.models.embedder import SentenceTransformerEmbedder, packaged_model_folder
from training import negatives
from training.sources import HELD_OUT_FROM, Example, Guard, guard, held_out_articles, news, qamr, squad

WINDOW = 192
"""Tokens of context that one example shows the reader."""


def examples(shared: Path, repository: Path, seed: int) -> list[Example]:
    """Everything the reader learns from, in random order, without a text or question that is measured on."""
    kept_out = guard(shared, repository)
    data = shared / "data"
    answerable = list(squad(data / "squad-train-subset/train-subset.json.xz", "squad"))
    for name in ("new_wiki", "reddit", "amazon_reviews"):
        answerable += squad(data / f"squadshifts/{name}.json.xz", name)
    answerable = [example for example in _safe(answerable, kept_out) if example.answers]
    rng = random.Random(seed)
    sentences = list(_safe(qamr(data / "qamr"), kept_out))
    rng.shuffle(sentences)
    sentences = sentences[:24_000]
    quiz = list(_quiz(data / "realtimeqa", kept_out))

    embedder = SentenceTransformerEmbedder()
    made: list[Example] = []
    wiki = [example for example in answerable if example.origin in ("squad", "new_wiki")]
    made += negatives.near_misses([e for e in answerable if e.origin == "squad"], seed, embedder, same_group=True)
    made += negatives.near_misses(rng.sample(answerable, 6_000), seed + 1, embedder)
    made += negatives.near_misses(rng.sample(sentences, 4_000), seed + 2, embedder)
    for example in rng.sample(answerable, 16_000):
        removed = negatives.without_answer(example)
        made += [removed] if removed and rng.random() < 0.5 else []
    for example in [*wiki, *rng.sample(answerable, 6_000), *rng.sample(sentences, 6_000)]:
        for changed in (negatives.swapped_name(example, rng), negatives.opposite(example, rng)):
            made += [changed] if changed else []
    everything = [*answerable, *sentences, *quiz, *made]
    rng.shuffle(everything)
    return everything


def _safe(items: Iterator[Example] | list[Example], kept_out: Guard) -> Iterator[Example]:
    known: dict[str, bool] = {}
    for item in items:
        if item.context not in known:
            known[item.context] = kept_out.leaks(item.context)
        if not known[item.context] and not kept_out.asks(item.question):
            yield item


def _quiz(folder: Path, kept_out: Guard) -> Iterator[Example]:
    """Quiz questions before the held-out weeks with windows of the articles that a search gave for them.

    Distant supervision: the window of a supporting article that holds the answer and shares most words with the
    question is taken to answer it; the closest window of an article without the answer is a near miss.
    """
    articles, questions = news(folder)
    forbidden = held_out_articles(questions)
    for question in questions:
        if question.asked >= HELD_OUT_FROM or kept_out.asks(question.question):
            continue
        wanted = set(content_stems(question.question))
        for id_ in question.articles:
            article = articles.get(id_)
            if article is None or id_ in forbidden:
                continue
            # One that holds the answer, of a supporting article; and of any article the closest that does not.
            best: dict[bool, tuple[float, str, int, int]] = {}
            for window in _windows(article.body):
                low = window.lower()
                at, length = next(
                    ((low.find(a.lower()), len(a)) for a in question.answers if a.lower() in low), (-1, 0)
                )
                score = len(wanted & set(content_stems(window))) / max(1, len(wanted))
                if (at >= 0) not in best or score > best[at >= 0][0]:
                    best[at >= 0] = (score, window, at, length)
            if id_ not in question.supported_by:
                best.pop(True, None)
            for holds, (score, window, at, length) in best.items():
                if score >= (0.5 if holds else 0.3) and not kept_out.leaks(window):
                    spans = ((at, at + length),) if holds else ()
                    yield Example(question.question, window, spans, "realtimeqa", article.title, group=id_)


def _windows(body: str, size: int = 600, step: int = 300) -> Iterator[str]:
    for start in range(0, max(1, len(body) - step), step):
        end = start + size
        left = body.find(" ", start) + 1 if start else 0
        yield body[left : body.rfind(" ", left, end) if end < len(body) else end]


def encode(items: list[Example], tokenizer: Any, seed: int) -> dict[str, np.ndarray]:
    """Token ids and gold positions of every example; a window of at most `WINDOW` context tokens at a random place.

    Returns:
        ids: int32, all examples one after another; offsets: int64 (n + 1,); question: int16 (n,), tokens before the
        context; start, end: int16 (n,), positions of the first accepted answer, 0 and 0 where there is none.
    """
    rng = random.Random(seed)
    columns: dict[str, list[Any]] = {"ids": [], "offsets": [0], "question": [], "start": [], "end": []}
    for begin in range(0, len(items), 2_000):
        part = items[begin : begin + 2_000]
        asked = tokenizer([e.question for e in part], truncation=True, max_length=50, add_special_tokens=False)
        read = tokenizer([e.context for e in part], return_offsets_mapping=True, add_special_tokens=False)
        for example, question, context, where in zip(
            part, asked["input_ids"], read["input_ids"], read["offset_mapping"], strict=True
        ):
            first, last = 0, -1
            if example.answers:
                start, end = min(example.answers, key=lambda span: span[1] - span[0])
                inside = [i for i, (a, b) in enumerate(where) if a < end and start < b]
                if not inside or inside[-1] - inside[0] >= WINDOW - 2:
                    continue
                first, last = inside[0], inside[-1]
            low = max(0, last - WINDOW + 1)
            high = min(first if example.answers else len(context), max(0, len(context) - WINDOW))
            left = rng.randint(low, high) if low < high else min(low, high)
            window = context[left : left + WINDOW]
            ids = [101, *question, 102, *window, 102]
            shift = len(question) + 2 - left
            columns["ids"] += ids
            columns["offsets"].append(len(columns["ids"]))
            columns["question"].append(len(question) + 2)
            columns["start"].append(first + shift if example.answers else 0)
            columns["end"].append(last + shift if example.answers else 0)
    kinds = {"ids": np.int32, "offsets": np.int64}
    return {name: np.array(column, dtype=kinds.get(name, np.int16)) for name, column in columns.items()}


def main() -> None:
    """Build and save the set; print what is in it."""
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    found = examples(options.shared, Path(__file__).resolve().parents[1], options.seed)
    for (origin, answerable), count in sorted(Counter((e.origin, bool(e.answers)) for e in found).items()):
        print(f"{origin:15} {'answerable' if answerable else 'near miss':10} {count:6}")
    tokenizer = AutoTokenizer.from_pretrained(str(packaged_model_folder()))
    columns = encode(found, tokenizer, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez(options.out / "train.npz", **columns)
    print(f"{len(columns['start'])} examples, {len(columns['ids'])} tokens")


if __name__ == "__main__":
    main()

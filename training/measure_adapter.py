"""Measure what writes the answers, on data that nothing was trained on.

    python -m training.measure_adapter --shared ../shared --answerer adapter --n 200
    python -m training.measure_adapter --shared ../shared --answerer base --n 200
    python -m training.measure_adapter --shared ../shared --answerer reader --n 200

Sets: SQuAD v1.1 dev with its paragraph, and with four passages of which one is right; SQuAD v2.0 dev's questions
without an answer, which people wrote to mislead; v1.1 dev's questions with four other passages of their page, as when
a search finds the wrong ones; RealTimeQA's held-out weeks with a supporting article. A language model gets the
product's prompt and grammar, an adapter the reader's suggestions too unless `--unaided`. With `--packed` all goes as in
the product: the reader's evidence is packed, refuses where it sees no answer, and where it is sure an adapter must
answer. The questions are drawn with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from rag.answering.claims import parse_claims
from rag.answering.evidence import Evidence, pack, weigh

from rag.answering.bot import MOST_SHOWN, MOST_WORDS, prepare
from rag.evaluation.metrics import contains, wilson
from rag.indexing.splitter import split
from rag.models.catalogue import quick_embedded
from rag.models.embedder import SentenceTransformerEmbedder
from rag.models.llama import LlamaGenerator
from rag.models.probe import probe
from rag.models.reader import Reader
from rag.settings import Settings
from rag.types import ABSTENTION, Article, Hit, Passage
from training.measure_reader import f1
from training.sources import HELD_OUT_FROM, news, squad

SETS = ("paragraph", "four passages", "unanswerable", "none right", "held-out weeks")


@dataclass(frozen=True)
class Case:
    """A question with the passages given; `right` holds the numbers (from 1) of those with the answer."""

    question: str
    passages: tuple[Passage, ...]
    answers: tuple[str, ...]
    right: frozenset[int]


@dataclass(frozen=True)
class Said:
    """What an answerer wrote: its words without marks ("" when it refused), and the passages it cites."""

    text: str
    cited: frozenset[int]
    first_token: float = 0.0
    total: float = 0.0
    prompt: int = 0


def passage(number: int, text: str, title: str, source: str = "wikipedia.org", published: str = "") -> Passage:
    """A passage as the product numbers it."""
    when = date.fromisoformat(published[:10]) if published else date(2016, 6, 1)
    return Passage(f"a{number}#0-{len(text)}", f"a{number}", text, 0, len(text), title, source, when)


def squad_cases(path: Path, n: int, seed: int, *, distractors: int = 0, answerable: bool = True) -> list[Case]:
    """SQuAD questions with their paragraph, among `distractors` others of the same page that lack the answer."""
    rng = random.Random(seed)
    found = [e for e in squad(path, "dev") if bool(e.answers) == answerable]
    pages: dict[str, list[str]] = {}
    for e in found:
        if e.context not in pages.setdefault(e.title, []):
            pages[e.title].append(e.context)
    cases = []
    for e in rng.sample(found, n):
        answers = tuple(dict.fromkeys(e.context[a:b] for a, b in e.answers))
        others = [c for c in pages[e.title] if c != e.context and not any(a.lower() in c.lower() for a in answers)]
        texts = [e.context, *rng.sample(others, min(distractors, len(others)))]
        rng.shuffle(texts)
        title = e.title.replace("_", " ")
        given = tuple(passage(i, text, title) for i, text in enumerate(texts, 1))
        cases.append(Case(e.question, given, answers, frozenset({texts.index(e.context) + 1} if answers else ())))
    return cases


def without_right(cases: Sequence[Case]) -> list[Case]:
    """The cases less the passages that answer: nothing that is left does."""
    kept = [(c, tuple(p for i, p in enumerate(c.passages, 1) if i not in c.right)) for c in cases]
    return [
        Case(c.question, tuple(passage(i, p.text, p.title) for i, p in enumerate(left, 1)), (), frozenset())
        for c, left in kept
        if left
    ]


def quiz_cases(folder: Path, n: int, seed: int, embedder: SentenceTransformerEmbedder) -> list[Case]:
    """Held-out quiz questions with the four passages of a supporting article that are nearest to the question."""
    articles, questions = news(folder)
    held = [q for q in questions if q.asked >= HELD_OUT_FROM and q.supported_by]
    cases = []
    for q in random.Random(seed).sample(held, n):
        a = articles[q.supported_by[0]]
        article = Article(
            a.id,
            a.title,
            a.body,
            source=a.source,
            published=date.fromisoformat(a.published[:10]) if a.published else None,
        )
        pieces = split(article, embedder.count_tokens, tokens=192, overlap=48)
        vectors = (
            embedder.encode([q.question], kind="query")
            @ embedder.encode([f"{p.title}. {p.text}" for p in pieces], kind="passage").T
        )
        best = [pieces[i] for i in np.argsort(-vectors[0])[:4]]
        right = frozenset(i for i, p in enumerate(best, 1) if any(contains(p.text, x) for x in q.answers))
        cases.append(Case(q.question, tuple(best), q.answers, right))
    return cases


def writer(
    generator: LlamaGenerator, weighed: Callable[[Case], Evidence] | None, reader: Reader | None
) -> Callable[[Case], Said]:
    """A language model with the product's prompt and grammar.

    Args:
        weighed: the product's evidence: it packs the passages, refuses where it sees no answer, and where it is sure
            leaves an adapter no choice but to answer. None shows whole passages and leaves all to the model.
        reader: whose suggestions stand in the prompt; None for a model that takes none.
    """

    def answer(case: Case) -> Said:
        started = time.perf_counter()
        given, confidence = list(case.passages), 0.0
        if weighed:
            evidence = weighed(case)
            if not evidence.extracts:
                return Said("", frozenset(), total=time.perf_counter() - started)
            given, confidence = pack(evidence, passages=MOST_SHOWN, words=MOST_WORDS), evidence.confidence
        messages, shown, grammar = prepare(
            generator, case.question, given, reader, confidence=confidence, room=generator.context_tokens - 100
        )
        given = given[:shown]
        text, first = "", 0.0
        for piece in generator.stream(messages, grammar=grammar, max_tokens=80):
            first = first or time.perf_counter() - started
            text += piece
        total = time.perf_counter() - started
        prompt = generator.count_tokens(messages)
        if text.strip().startswith(ABSTENTION):
            return Said("", frozenset(), first, total, prompt)
        hits = [Hit(p, 1.0, i) for i, p in enumerate(given, 1)]
        claims = parse_claims(text, hits)
        ids = {p.id: i for i, p in enumerate(case.passages, 1)}
        cited = frozenset(ids[c.passage.id] for claim in claims for c in claim.citations)
        return Said(" ".join(claim.text for claim in claims), cited, first, total, prompt)

    return answer


def extractor(reader: Reader) -> Callable[[Case], Said]:
    """The reader's best span, or a refusal below its threshold."""

    def answer(case: Case) -> Said:
        started = time.perf_counter()
        readings = [found[0] for found in reader.read(case.question, [p.text for p in case.passages])]
        number = max(range(len(readings)), key=lambda i: readings[i].score)
        took = time.perf_counter() - started
        if readings[number].score < reader.threshold:
            return Said("", frozenset(), took, took)
        text = case.passages[number].text[readings[number].start : readings[number].end]
        return Said(text, frozenset({number + 1}), took, took)

    return answer


def measured(cases: Sequence[Case], answer: Callable[[Case], Said]) -> dict[str, object]:
    """Token F1 (SQuAD's), contains-match, right citations among the answers given, refusals, seconds."""
    said = [answer(case) for case in cases]
    n = len(cases)
    refused = sum(not s.text for s in said)
    low, high = wilson(refused, n)
    figures: dict[str, object] = {"n": n, "refused": f"{refused / n:.3f} ({low:.3f} to {high:.3f})"}
    if cases[0].answers:
        scores = np.array([f1(s.text, c.answers) if s.text else 0.0 for s, c in zip(said, cases, strict=True)])
        error = 1.96 * scores.std() / np.sqrt(n)
        held = sum(any(contains(s.text, a) for a in c.answers) for s, c in zip(said, cases, strict=True))
        low, high = wilson(held, n)
        given = [(s, c) for s, c in zip(said, cases, strict=True) if s.text]
        right = sum(bool(s.cited) and s.cited <= c.right for s, c in given)
        figures |= {
            "f1": f"{scores.mean():.3f} ({scores.mean() - error:.3f} to {scores.mean() + error:.3f})",
            "contains": f"{held / n:.3f} ({low:.3f} to {high:.3f})",
            "right_citation": f"{right / max(1, len(given)):.3f} of {len(given)}",
        }
    asked = [s for s in said if s.prompt]  # a refusal before the model is asked costs it nothing
    if asked:
        figures |= {
            "first_token_s": f"{np.median([s.first_token for s in asked]):.2f}",
            "total_s": f"{np.median([s.total for s in asked]):.2f}",
            "prompt_tokens": f"{np.mean([s.prompt for s in asked]):.0f}",
        }
    return figures


def main() -> None:
    """Print one line of figures per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--answerer", required=True, help="adapter, base, reader, or a path to an adapter's GGUF")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--packed", action="store_true")
    parser.add_argument("--unaided", action="store_true", help="without the reader's suggestions in the prompt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", nargs="*", choices=SETS, default=SETS)
    options = parser.parse_args()
    reader, embedder = Reader(), SentenceTransformerEmbedder()
    if options.answerer == "reader":
        answer = extractor(reader)
    else:
        named = {"base": None, "adapter": Path("models/adapter/adapter.gguf")}
        lora = named.get(options.answerer, Path(options.answerer))
        settings = Settings.load()
        base = quick_embedded(settings)
        extra = probe(base, settings.cache_dir, adapter=lora).extra_buffers
        generator = LlamaGenerator(
            base, context_tokens=2048, lora_path=lora, extra_buffers=extra, takes_suggestions=lora is not None
        )

        def weighed(case: Case) -> Evidence:
            hits = [Hit(p, 1.0, i) for i, p in enumerate(case.passages, 1)]
            return weigh(case.question, hits, embedder, reader)

        aided = options.answerer != "base" and not options.unaided
        answer = writer(generator, weighed if options.packed else None, reader if aided else None)
    dev = options.shared / "data/squad-dev"
    n, seed = options.n, options.seed
    makers: dict[str, Callable[[], list[Case]]] = {
        "paragraph": lambda: squad_cases(dev / "dev-v1.1.json.xz", n, seed),
        "four passages": lambda: squad_cases(dev / "dev-v1.1.json.xz", n, seed, distractors=3),
        "unanswerable": lambda: squad_cases(dev / "dev-v2.0.json.xz", n, seed, answerable=False),
        "none right": lambda: without_right(squad_cases(dev / "dev-v1.1.json.xz", n, seed, distractors=4)),
        "held-out weeks": lambda: quiz_cases(options.shared / "data/realtimeqa", n, seed, embedder),
    }
    for name in options.sets:
        print(f"{name:16} {json.dumps(measured(makers[name](), answer))}", flush=True)


if __name__ == "__main__":
    main()

"""Fine-tune the packaged encoder for questions about news: the questions' side only.

    python -m training.encoder --shared ../shared --out /tmp/encoder [--steps 500]

The passages' vectors stay those of the packaged encoder, so every index stays as it is, and each step contrasts its
questions with all passages of the pool at once instead of with those of its own batch (cross-entropy over cosines
times SCALE: InfoNCE, van den Oord et al. 2018). Hard negatives are in the pool: the passages of a question's own
articles that share most words with it and do not hold its answer.

Pairs: RealTimeQA's questions asked before DEV_FROM with the quiz's explanation and with the passages that hold the
answer; SQuAD's subset and SquadShifts with their paragraphs; news titles and leads with a passage of the body. The
questions from DEV_FROM up to the held-out weeks choose; the held-out weeks are never read here.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rag.indexing.splitter import embedded_text, split
from rag.language.words import content_stems
from rag.models.embedder import SentenceTransformerEmbedder, packaged_model_folder
from rag.types import Article, Passage
from training.loop import fit
from training.sources import guard, held_out_articles, news, squad

#: Questions asked from this day up to the held-out weeks are not trained on: they choose between checkpoints.
DEV_FROM = "2023-06-01"
SCALE = 20.0
BATCH, QUERY_TOKENS = 256, 64
RATE = 2e-5
#: Times that a quiz question is seen for each time that another pair is.
QUIZ_TIMES = 3


@dataclass
class Pool:
    """Passages, and questions with the rows of those that answer and of those that are left out of the contrast."""

    texts: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    pairs: list[tuple[str, int, tuple[str, ...], str]] = field(default_factory=list)
    """Question, row of its passage, answers, origin."""

    def add(self, text: str, group: str) -> int:
        """The row of a text."""
        if text not in self.rows:
            self.rows[text] = len(self.texts)
            self.texts.append(text)
            self.groups.append(group)
        return self.rows[text]


def overlap(question: str, texts: list[str], weight: Callable[[str], float]) -> list[float]:
    """Summed weight of the question's stems that each text holds."""
    asked = set(content_stems(question))
    return [sum(weight(stem) for stem in asked & set(content_stems(text))) for text in texts]


def holds(text: str, answers: tuple[str, ...]) -> bool:
    """Whether a text has an answer's words in a row."""
    folded = text.casefold()
    return any(answer.casefold() in folded for answer in answers)


def quiz(shared: Path, pool: Pool, passages_of: Callable[[str], list[Passage]], banned: set[str]) -> None:
    """RealTimeQA before DEV_FROM: the explanation, and of each supporting article the passage nearest to it."""
    for line in (shared / "data/realtimeqa/questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["asked_at"] >= DEV_FROM:
            continue
        answers, question = tuple(row["answers"]), row["question"]
        if row["evidence_text"] and holds(row["evidence_text"], answers):
            at = pool.add(row["evidence_text"], row["id"])
            pool.pairs.append((question, at, answers, "quiz"))
        for id_ in row["supported_by"][:2]:
            if id_ in banned:
                continue
            passages = passages_of(id_)
            texts = [embedded_text(p) for p in passages]
            likeness = overlap(f"{question} {row['evidence_text']}", texts, lambda stem: 1.0)
            right = [n for n, p in enumerate(passages) if holds(p.text, answers)]
            if right:
                best = max(right, key=likeness.__getitem__)
                pool.pairs.append((question, pool.add(texts[best], row["id"]), answers, "quiz"))
            wrong = [n for n in sorted(range(len(texts)), key=lambda n: -likeness[n]) if n not in right]
            for n in wrong[:3]:
                pool.add(texts[n], row["id"])


def build_pool(shared: Path, embedder: SentenceTransformerEmbedder, seed: int = 3) -> Pool:
    """All passages and pairs, without what is measured on."""
    rng, pool = random.Random(seed), Pool()
    forbidden = guard(shared, Path())
    articles, questions = news(shared / "data/realtimeqa")
    banned = held_out_articles(questions)
    banned |= {json.loads(line)["id"] for line in (shared / "news/articles.jsonl").read_text().splitlines()}
    banned |= {id_ for q in questions if q.asked >= DEV_FROM for id_ in q.articles}

    def passages_of(id_: str) -> list[Passage]:
        found = articles.get(id_)
        if found is None or not found.body.strip():
            return []
        article = Article(id_, found.title, found.body[:20_000], origin=id_)
        return split(article, embedder.count_tokens, tokens=192, overlap=48)

    quiz(shared, pool, passages_of, banned)
    print("quiz", len(pool.pairs), len(pool.texts), flush=True)
    files = [("squad", shared / "data/squad-train-subset", None), ("shifts", shared / "data/squadshifts", 4_000)]
    for origin, folder, most in files:
        for path in sorted(folder.glob("*.json*")):
            found = list(squad(path, origin if origin == "squad" else path.stem))
            keep = found if most is None or "wiki" in path.name else rng.sample(found, most)
            leaked = {context: forbidden.leaks(context) for context in {e.context for e in keep}}
            for e in keep:
                if e.answers and not leaked[e.context] and not forbidden.asks(e.question):
                    said = tuple({e.context[a:b] for a, b in e.answers})
                    pool.pairs.append((e.question, pool.add(e.context, e.group), said, origin))
    print("and paragraphs", len(pool.pairs), len(pool.texts), flush=True)
    for id_ in sorted(set(articles) - banned):
        passages = [p for p in passages_of(id_) if len(p.text) > 200]
        if len(passages) < 2 or not articles[id_].title or forbidden.leaks(passages[0].text):
            continue
        body = rng.choice(passages[1:6])
        at = pool.add(body.text, id_)
        pool.pairs.append((articles[id_].title, at, (), "title"))
        lead = passages[0].sentences[0]
        words = passages[0].text[: lead.end - lead.start].split()
        if 6 <= len(words) <= 45:
            pool.pairs.append((" ".join(words), at, (), "lead"))
    print("and news", Counter(p[3] for p in pool.pairs), len(pool.texts), flush=True)
    return pool


def left_out(pool: Pool) -> list[np.ndarray]:
    """For each pair the rows that may answer too: they are no negatives."""
    by_group: dict[str, list[int]] = {}
    for row, group in enumerate(pool.groups):
        by_group.setdefault(group, []).append(row)
    quiz_rows = sorted({row for _, row, _, origin in pool.pairs if origin == "quiz"})
    folded = [text.casefold() for text in pool.texts]
    masks = []
    for _, right, answers, origin in pool.pairs:
        rows = set(by_group[pool.groups[right]])
        if answers:
            rows = {r for r in rows | set(quiz_rows if origin == "quiz" else ()) if holds(folded[r], answers)}
        masks.append(np.array(sorted(rows - {right}), dtype=np.int64))
    return masks


def groups(pool: Pool, seed: int) -> Iterator[np.ndarray]:
    """Indices of pairs, a step at a time, without end."""
    rng = np.random.default_rng(seed)
    every = np.array([n for n, p in enumerate(pool.pairs) for _ in range(QUIZ_TIMES if p[3] == "quiz" else 1)])
    while True:
        mixed = rng.permutation(every)
        yield from mixed[: len(mixed) // BATCH * BATCH].reshape(-1, BATCH)


def train(pool: Pool, vectors: np.ndarray, out: Path, steps: int) -> Any:
    """The trained sentence-transformers model."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(packaged_model_folder()), device="cpu")
    encoder, tokenizer = model[0].auto_model, model.tokenizer
    for parameter in encoder.embeddings.parameters():
        parameter.requires_grad = False
    passages, masks = torch.tensor(vectors), left_out(pool)

    def loss(group: np.ndarray) -> tuple[Any, int]:
        asked = [pool.pairs[n][0] for n in group]
        batch = tokenizer(asked, padding=True, truncation=True, max_length=QUERY_TOKENS, return_tensors="pt")
        states = encoder(**batch).last_hidden_state.float()
        kept = batch["attention_mask"].unsqueeze(-1).float()
        pooled = torch.nn.functional.normalize((states * kept).sum(1) / kept.sum(1), dim=-1)
        with torch.autocast("cpu", enabled=False):
            logits = SCALE * pooled @ passages.T
        for at, n in enumerate(group):
            logits[at, torch.from_numpy(masks[n])] = -torch.inf
        right = torch.tensor([pool.pairs[n][1] for n in group])
        return torch.nn.functional.cross_entropy(logits, right), batch["input_ids"].numel()

    fit(encoder, loss, groups(pool, 1), out, count=steps, rate=RATE, every=50)
    encoder.eval()
    return model


def main() -> None:
    """Prepare once, train or go on, save."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    embedder = SentenceTransformerEmbedder()
    kept = given.out / "pool.json"
    if not kept.exists():
        made = build_pool(given.shared, embedder)
        kept.write_text(json.dumps([made.texts, made.groups, made.pairs]))
    texts, found_groups, pairs = json.loads(kept.read_text())
    pool = Pool(texts, found_groups, {}, [(q, r, tuple(a), o) for q, r, a, o in pairs])
    if not (given.out / "vectors.npy").exists():
        with torch.autocast("cpu", torch.bfloat16):
            np.save(given.out / "vectors.npy", embedder.encode(pool.texts, kind="passage").astype(np.float32))
        print("encoded", flush=True)
    train(pool, np.load(given.out / "vectors.npy"), given.out, given.steps).save(str(given.out / "model"))


if __name__ == "__main__":
    main()

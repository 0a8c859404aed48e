"""Train a projection of question vectors towards the passages that answer them; the passages' vectors stay as they are.

    python -m training.query --shared ../shared --work /tmp/query --out models/query

A question's vector q, of length 1, becomes (q + q W) / |q + q W|, W of shape (dimension, dimension) from zero: so an
index made before serves on, and a search costs one more product. Learned with a contrastive loss (InfoNCE; van den Oord
et al. 2018) over the passages of the batch and each question's own near misses. The questions of every fifth week
before the held-out ones choose strength and length of the training; `benchmarks/retrieval.py` measures on those held
out.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.models.embedder import PACKAGED_EMBEDDING_MODEL, open_embedder
from training.reader_data import _quiz, _windows
from training.sources import HELD_OUT_FROM, Example, guard, held_out_articles, news, squad

BATCH, NEAR, TEMPERATURE = 256, 4, 0.05
"""Questions of a step; near misses of each; what cosines are divided by."""
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """Questions and passages as vectors.

    Attributes:
        questions: float32 (n, d); passages: float32 (m, d).
        answering: int64 (n,), each question's passage.
        checking: bool (n,), whether the question chooses rather than teaches.
        asked: bool (n,), whether a person asked it; else it is an article's title.
    """

    questions: Vectors
    passages: Vectors
    answering: NDArray[np.int64]
    checking: NDArray[np.bool_]
    asked: NDArray[np.bool_]


def pairs(shared: Path, repository: Path, work: Path) -> Pairs:
    """The training pairs, embedded once and kept in `work`."""
    kept = work / "pairs.npz"
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        kept_out = guard(shared, repository)
        data = shared / "data"
        found: list[Example] = [e for e in _quiz(data / "realtimeqa", kept_out) if e.answers]
        for path, name in (
            ("squad-train-subset/train-subset.json.xz", "squad"),
            ("squadshifts/new_wiki.json.xz", "wiki"),
        ):
            found += [e for e in squad(data / path, name) if e.answers and not kept_out.asks(e.question)]
        leads = list(_leads(data / "realtimeqa"))
        random.Random(5).shuffle(leads)
        texts = list(dict.fromkeys([_text(e.title, e.context) for e in found] + [text for _, text in leads[:6_000]]))
        number = {text: n for n, text in enumerate(texts)}
        asked = [e.question for e in found] + [title for title, _ in leads[:6_000]]
        answering = [number[_text(e.title, e.context)] for e in found] + [number[text] for _, text in leads[:6_000]]
        weeks = _weeks(data / "realtimeqa")
        checking = [weeks.get(e.question, 1) % 5 == 0 if e.origin == "realtimeqa" else False for e in found]
        embedder = open_embedder(PACKAGED_EMBEDDING_MODEL, work)
        print(f"{len(asked)} questions, {sum(checking)} of them to choose by; {len(texts)} passages", flush=True)
        np.savez(
            kept, questions=embedder.encode(asked, kind="query"), passages=embedder.encode(texts, kind="passage"),
            answering=np.array(answering), checking=np.array(checking + [False] * (len(asked) - len(checking))),
            asked=np.arange(len(asked)) < len(found),
        )  # fmt: skip
    loaded = np.load(kept)
    return Pairs(**{name: loaded[name] for name in loaded.files})


def _text(title: str, context: str) -> str:
    return f"{title}\n{context}" if title else context


def _leads(folder: Path) -> Any:
    """(title, the first 600 characters of its text without it) of each article that no held-out question names."""
    articles, questions = news(folder)
    forbidden = held_out_articles(questions)
    for id_, article in articles.items():
        if id_ not in forbidden and article.title and len(article.body) > 300:
            yield article.title, next(_windows(article.body))


def _weeks(folder: Path) -> dict[str, int]:
    _, questions = news(folder)
    return {q.question: date.fromisoformat(q.asked).isocalendar().week for q in questions if q.asked < HELD_OUT_FROM}


def near_misses(data: Pairs, most: int = NEAR) -> NDArray[np.int64]:
    """The passages nearest to each question besides its own, int64 (n, most)."""
    found = np.empty((len(data.questions), most), dtype=np.int64)
    for at in range(0, len(data.questions), 1_000):
        scores = data.questions[at : at + 1_000] @ data.passages.T
        scores[np.arange(len(scores)), data.answering[at : at + 1_000]] = -1
        found[at : at + 1_000] = np.argpartition(-scores, most)[:, :most]
    return found


def train(
    data: Pairs, near: NDArray[np.int64], *, epochs: int, decay: float, titles: bool, rate: float = 1e-3
) -> Vectors:
    """W, float32 (d, d), of AdamW with a linearly falling rate.

    Args:
        decay: weight decay, which draws W to zero.
        titles: whether titles of articles teach too.
    """
    import torch

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    teaching = np.flatnonzero(~data.checking & (data.asked | titles))
    width = data.questions.shape[1]
    weight = torch.zeros((width, width), requires_grad=True)
    optimiser = torch.optim.AdamW([weight], lr=rate, weight_decay=decay)
    steps = epochs * (len(teaching) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, max(1, steps))
    questions, passages = torch.from_numpy(data.questions), torch.from_numpy(data.passages)
    for _ in range(epochs):
        order = rng.permutation(teaching)
        for at in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[at : at + BATCH]
            shown = np.unique(np.concatenate([data.answering[rows], near[rows].ravel()]))
            q = questions[rows]
            q = torch.nn.functional.normalize(q + q @ weight, dim=1)
            scores = q @ passages[shown].T / TEMPERATURE
            right = torch.from_numpy(np.searchsorted(shown, data.answering[rows]))
            loss = torch.nn.functional.cross_entropy(scores, right)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return weight.detach().numpy()


def reciprocal_ranks(data: Pairs, weight: Vectors) -> NDArray[np.float64]:
    """1 / rank of the answering passage among all, 0 beyond the tenth, of the questions that choose."""
    rows = np.flatnonzero(data.checking)
    q = data.questions[rows]
    q = q + q @ weight
    scores = (q / np.linalg.norm(q, axis=1, keepdims=True)) @ data.passages.T
    own = scores[np.arange(len(rows)), data.answering[rows]][:, None]
    ranks = (scores > own).sum(axis=1) + 1
    return np.where(ranks <= 10, 1 / ranks, 0.0)


def main() -> None:
    """Print MRR@10 for each choice and keep the best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    data = pairs(options.shared, Path(__file__).resolve().parents[1], options.work)
    near = near_misses(data)
    zero = np.zeros((data.questions.shape[1],) * 2, dtype=np.float32)
    print(f"| epochs | decay | titles | MRR@10, n {int(data.checking.sum())} |\n|---|---|---|---|")
    print(f"| 0 | | | {reciprocal_ranks(data, zero).mean():.3f} |", flush=True)
    best: tuple[float, Vectors, dict[str, Any]] = (0.0, zero, {})
    for titles in (False, True):
        for decay in (0.0, 1.0, 5.0, 20.0):
            for epochs in (2, 5, 10):
                weight = train(data, near, epochs=epochs, decay=decay, titles=titles)
                reached = float(reciprocal_ranks(data, weight).mean())
                print(f"| {epochs} | {decay:g} | {titles} | {reached:.3f} |", flush=True)
                if reached > best[0]:
                    best = (reached, weight, {"epochs": epochs, "decay": decay, "titles": titles})
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez(options.out / "weights.npz", weight=best[1].astype(np.float16))
    (options.out / "choice.json").write_text(json.dumps(best[2] | {"mrr": best[0]}))


if __name__ == "__main__":
    main()

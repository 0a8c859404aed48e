"""An adapter that teaches the default language model to answer: complete, close to the articles, or not at all.

    python -m training.writer prompts --shared ../shared --out /tmp/writer                what the product shows
    python -m training.writer read    --data /tmp/writer --model MODEL.gguf               read once by the model
    python -m training.writer train   --data /tmp/writer --model MODEL.gguf --out models/writer

The questions and answers of writer_answers.jsonl were written for this, over news articles of RealTimeQA that nothing
is measured on. The adapter applies to the answer alone (activated LoRA, Greenewald et al. 2025), so each prompt is read
once, without it, and its keys and values are kept: a step computes no more than the answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch.nn import functional

from training.qwen2 import Past, Qwen2, write_adapter

WRITTEN = Path(__file__).parent / "writer_answers.jsonl"
#: Reading rates, tokens a second, that a prompt is cut to: one for each question, so that short ones are learned, too.
RATES = (55.0, 65.0, 80.0, 110.0)
RANK, ALPHA = 8, 16.0
RATE, BATCH = 3e-4, 8
#: A share of the batches of articles, by their order, is not trained on: the loss on it is reported.
DEVELOPMENT = 5
_QUOTE = re.compile(r"⟦(\S+) (\d+) (\d+)⟧")


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions about some articles.

    Attributes:
        name: of the batch.
        articles: ids in RealTimeQA.
        asked: for each question its kind, text and answer. What an answer quotes at length stands as "⟦id start end⟧",
            offsets into the article's body, since the articles are not ours to copy.
    """

    name: str
    articles: tuple[str, ...]
    asked: tuple[Mapping[str, str], ...]


def batches(file: Path = WRITTEN) -> list[Batch]:
    """All that was written."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [Batch(row["name"], tuple(row["articles"]), tuple(row["asked"])) for row in rows]


def quoted(answer: str, bodies: Mapping[str, str]) -> str:
    """An answer with its quotes filled in from the articles' bodies, by id."""
    return _QUOTE.sub(lambda found: _plain(bodies[found[1]][int(found[2]) : int(found[3])]), answer)


def _plain(text: str) -> str:
    """On one line, with straight quotation marks."""
    return " ".join(text.translate(str.maketrans("“”‘’", "\"\"''")).split())


class _Recorder:
    """A language model that keeps what it is shown."""

    name, context_tokens, grammar_binds, write_rate, taught = "recorder", 4096, False, 0.0, False

    def __init__(self) -> None:
        self.read_rate = RATES[0]
        self.messages: Sequence[Any] = ()

    def count_tokens(self, messages: Sequence[Any]) -> int:
        return sum(len(message["content"]) for message in messages) // 4 + 20

    def prepare(self, messages: Sequence[Any]) -> None:
        pass

    def stream(self, messages: Sequence[Any], **_: Any) -> Iterator[str]:
        self.messages = messages
        yield "The articles do not say."

    def likelihood(self, messages: Sequence[Any], text: str) -> float:
        return 1.0

    def close(self) -> None:
        pass


def prompts(shared: Path, out: Path) -> None:
    """Write prompts.jsonl: what the product shows a model for each question, and the answer."""
    from rag.answering.bot import Bot
    from rag.cli.__main__ import main as rag
    from training.sources import held_out_articles, news

    articles, questions = news(shared / "data/realtimeqa")
    held_out = held_out_articles(questions)
    out.mkdir(parents=True, exist_ok=True)
    recorder = _Recorder()
    with (out / "prompts.jsonl").open("w", encoding="utf-8") as file:
        for batch in batches():
            assert not held_out & set(batch.articles)
            folder = out / batch.name
            folder.mkdir(exist_ok=True)
            with (folder / "articles.jsonl").open("w", encoding="utf-8") as texts:
                for each in batch.articles:
                    row = asdict(articles[each])
                    texts.write(json.dumps(row | {"published_at": row.pop("published")}) + "\n")
            rag(["index", str(folder / "articles.jsonl"), "--index", str(folder / "index")])
            with Bot.open(folder / "index", model="extracts") as bot:
                bot.generator = recorder
                for number, asked in enumerate(batch.asked):
                    recorder.messages, recorder.read_rate = (), RATES[crc32(asked["question"].encode()) % len(RATES)]
                    bot.ask(asked["question"])
                    answer = quoted(asked["answer"], {each: articles[each].body for each in batch.articles})
                    row = {"id": f"{batch.name}-{number:02}", "messages": recorder.messages, "answer": answer}
                    if recorder.messages:
                        file.write(json.dumps(row, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class Example:
    """One answer to learn.

    Attributes:
        past: of the prompt up to what the chat template puts after the question.
        start: the rest of the prompt, token ids.
        answer: token ids, the end included.
    """

    past: Past
    start: tuple[int, ...]
    answer: tuple[int, ...]


def read(data: Path, model: Path) -> None:
    """Read each prompt once; one file an example under `data`/read, those that are there are kept."""
    from rag.models.llama import LlamaGenerator

    words = LlamaGenerator(model, context_tokens=4096)
    net = Qwen2(model)
    (data / "read").mkdir(exist_ok=True)
    for line in (data / "prompts.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        file = data / "read" / f"{row['id']}.pt"
        if file.exists():
            continue
        tokens = words.tokenize(row["messages"])
        plain = words.answer_starts(tokens)
        with torch.no_grad():
            past = net([tokens[:plain]], [None], adapted=False)[1][0]
        answer = [*words.tokenize_text(row["answer"]), words.end_token]
        torch.save({"past": past.layers, "start": tokens[plain:], "answer": answer}, file)


def examples(data: Path) -> dict[str, Example]:
    """What `read` wrote, by id."""
    found = {}
    for file in sorted((data / "read").glob("*.pt")):
        row = torch.load(file)
        found[file.stem] = Example(Past(tuple(row["past"])), tuple(row["start"]), tuple(row["answer"]))
    return found


def loss(net: Qwen2, some: Sequence[Example]) -> tuple[Tensor, int]:
    """Cross-entropy of the answers, summed over their tokens, and how many these are."""
    hidden, _ = net([(*e.start, *e.answer[:-1]) for e in some], [e.past for e in some], adapted=True)
    told = torch.cat([states[-len(e.answer) :] for states, e in zip(hidden, some, strict=True)])
    wanted = torch.tensor([token for e in some for token in e.answer])
    return functional.cross_entropy(net.logits(told), wanted, reduction="sum"), len(wanted)


@torch.no_grad()
def mean_loss(net: Qwen2, some: Sequence[Example]) -> float:
    """Cross-entropy a token."""
    found = [loss(net, some[i : i + BATCH]) for i in range(0, len(some), BATCH)]
    return float(sum(each.item() for each, _ in found)) / max(1, sum(count for _, count in found))


def train(data: Path, model: Path, out: Path, epochs: int, stop: int) -> None:
    """Train, and write adapter.gguf and manifest.json after each epoch.

    Args:
        epochs: over which the rate falls; `stop`: after how many of them to end.
    """
    torch.manual_seed(0)
    every, net, began = examples(data), Qwen2(model), time.monotonic()
    net.adapt(RANK, ALPHA)
    kept = [batch.name for n, batch in enumerate(batches()) if n % DEVELOPMENT == DEVELOPMENT - 1]
    development = [example for name, example in every.items() if name.split("-")[0] in kept]
    training = [example for name, example in every.items() if name.split("-")[0] not in kept]
    optimizer = torch.optim.AdamW(net.adapter.parameters(), lr=RATE, weight_decay=0.01, betas=(0.9, 0.98))
    steps, step = epochs * math.ceil(len(training) / BATCH), 0
    curve = [mean_loss(net, development)]
    print(f"{len(training)} examples, {len(development)} for development: loss {curve[0]:.3f}", flush=True)
    for epoch in range(min(epochs, stop)):
        random.Random(epoch).shuffle(training)
        for i in range(0, len(training), BATCH):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / 10) * (0.05 + 0.475 * (1 + math.cos(math.pi * step / steps)))
            total, count = loss(net, training[i : i + BATCH])
            (total / count).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.adapter.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            print(f"{step}/{steps} {total.item() / count:.3f} {time.monotonic() - began:.0f} s", flush=True)
        curve.append(mean_loss(net, development))
        print(f"epoch {epoch + 1}: loss {curve[-1]:.3f} on development", flush=True)
        write(net, model, out, curve)


def write(net: Qwen2, model: Path, out: Path, curve: Sequence[float]) -> None:
    """models/writer: the adapter and what it belongs to."""
    out.mkdir(parents=True, exist_ok=True)
    updates = {}
    for name, update in net.adapter.items():
        layer, matrix = name.split("_", 1)
        updates[f"blk.{layer}.{matrix}.weight"] = (update.a, update.b)
    write_adapter(out / "adapter.gguf", "qwen2", updates, ALPHA)
    sha256 = hashlib.sha256((out / "adapter.gguf").read_bytes()).hexdigest()
    manifest = {"sha256": sha256, "model": model.name, "loss": [round(each, 4) for each in curve]}
    (out / "manifest.json").write_text(json.dumps(manifest) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prompts", "read", "train"])
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--stop", type=int, default=2)
    given = parser.parse_args()
    if given.what == "prompts":
        prompts(given.shared, given.out)
    elif given.what == "read":
        read(given.data, given.model)
    else:
        train(given.data, given.model, given.out, given.epochs, given.stop)


if __name__ == "__main__":
    main()

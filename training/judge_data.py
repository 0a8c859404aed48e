"""The judge's training set: premises with claims that they support, do not hold or contradict, tokenised, saved once.

    python -m training.judge_data --shared ../shared --public /tmp/judge/public --out /tmp/judge

Made as FactCC's (Kryscinski et al. 2020) from sentences of news, questions turned into statements, and small public
sets (see training/README.md for their origin). A tenth of the news articles is kept for calibrating and another tenth
for measuring; nothing is made from them here but dev.jsonl and test.jsonl.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.verdict import premise_of
from rag.language.sentences import sentences
from rag.language.words import content_stems
from rag.models.embedder import packaged_model_folder
from training import rewrites
from training.sources import HELD_OUT_FROM, Example, Guard, guard, held_out_articles, news, qamr, squad
from training.statements import statement

SUPPORTED, NOT_FOUND, CONTRADICTED, UNSUPPORTED = range(4)
"""The labels; UNSUPPORTED is one of NOT_FOUND and CONTRADICTED, it is not known which."""

PREMISE_TOKENS, CLAIM_TOKENS = 120, 60
#: What is made wrong, and the label of the result.
FALSE_KINDS = {
    "negation": CONTRADICTED, "opposite": CONTRADICTED, "swap": CONTRADICTED, "name": CONTRADICTED,
    "number": CONTRADICTED, "unit": CONTRADICTED, "date": CONTRADICTED, "speaker": CONTRADICTED,
    "hedge": NOT_FOUND, "wish": NOT_FOUND, "attribution": NOT_FOUND, "condition": NOT_FOUND, "quantity": UNSUPPORTED,
}  # fmt: skip
#: Kinds that would be too many, and the share of their pairs that is learned from.
SHARES = {
    "neighbour": 0.5, "no answer squad": 0.4, "no answer new_wiki": 0.4, "answer qamr": 0.5, "other answer qamr": 0.45,
    "split": 0.5, "lexical": 0.5, "conjunction": 0.6, "extra": 0.6,
}  # fmt: skip
LONGEST = 85
"""Words of a premise and its claim together; longer pairs are not learned from."""


@dataclass(frozen=True)
class Pair:
    """A claim about a premise.

    Attributes:
        label: SUPPORTED, NOT_FOUND, CONTRADICTED or UNSUPPORTED.
        kind: how the claim was made, e.g. "negation".
        group: what the premise comes from; no group is in two of training, dev and test.
        window: for claims about news and statements made of questions, all sentences around, so that measuring can
            choose its premise among them.
    """

    premise: str
    claim: str
    label: int
    kind: str
    group: str
    window: tuple[str, ...] = ()


class Maker:
    """Makes pairs out of parsed sentences; kinds of error that are rare so far are preferred."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.made: Counter[str] = Counter()

    def true_claims(self, doc: Any) -> list[tuple[str, str]]:
        """(kind, claim) of everything that can be said truly with the sentence alone."""
        found = [("verbatim", rewrites.tidy(doc.text))]
        for kind, claims in (
            ("short", rewrites.shortened(doc)),
            ("extract", rewrites.extracted(doc)),
            ("voice", rewrites.revoiced(doc)),
            ("reported", rewrites.reported(doc, self.rng)),
        ):
            found += [(kind, claim) for claim in claims if 3 <= len(claim.split()) <= 45]
        if softer := rewrites.softened(doc.text, self.rng):
            found.append(("softened", softer))
        if (done := rewrites.undone(doc)) is not None:
            found.append(("undone", done[0]))
        return found

    def false_claims(self, doc: Any, names: dict[str, set[str]]) -> dict[str, str]:
        """A wrong claim for every kind of error that the sentence allows."""
        text, rng = doc.text, self.rng
        tries: dict[str, Callable[[], str | None]] = {
            "negation": lambda: rewrites.negation(doc, rng),
            "opposite": lambda: rewrites.opposite(text, rng),
            "swap": lambda: rewrites.roles(doc, rng),
            "name": lambda: rewrites.other_name(doc, names, rng),
            "number": lambda: rewrites.other_number(text, rng),
            "unit": lambda: rewrites.other_unit(text, rng),
            "date": lambda: rewrites.other_date(text, rng),
            "speaker": lambda: rewrites.other_speaker(doc, names, rng),
            "hedge": lambda: rewrites.unhedged(text, rng),
            "attribution": lambda: rewrites.accused(doc) or rewrites.unattributed(doc),
            "wish": lambda: rewrites.unrealised(doc),
            "condition": lambda: rewrites.unconditional(doc),
            "quantity": lambda: rewrites.quantified(text, rng),
        }
        found = {kind: claim for kind, attempt in tries.items() if (claim := attempt())}
        if (done := rewrites.undone(doc)) is not None:
            found["negation"] = done[1]
        return {kind: claim for kind, claim in found.items() if claim.lower() != rewrites.tidy(text).lower()}

    def chosen(self, found: dict[str, str], count: int) -> list[tuple[str, str]]:
        """Some of the wrong claims, rare kinds first."""
        order = sorted(found, key=lambda kind: self.made[kind] * self.rng.uniform(0.7, 1.3))[:count]
        self.made.update(order)
        return [(kind, found[kind]) for kind in order]

    def worded(self, claim: str, share: float = 0.6) -> str:
        """The claim with a few other words, and at times with words before it as language models like them."""
        if self.rng.random() < share:
            claim = rewrites.reworded(claim, self.rng)
        return rewrites.prefixed(claim, self.rng) if self.rng.random() < 0.07 else claim

    def confusion(self, premise: str, claim: str, group: str, window: tuple[str, ...] = ()) -> Iterator[Pair]:
        """A right claim with names or numbers of the same premise confused, if it has any."""
        if wrong := rewrites.confused(premise, claim, self.rng):
            yield Pair(premise, wrong, UNSUPPORTED, "confused", group, window)

    def about(self, doc: Any, premise: str, names: dict[str, set[str]], group: str, window: tuple[str, ...] = (),
              *, wrong: int = 2) -> Iterator[Pair]:  # fmt: skip
        """True and false claims about a sentence that stands in the premise."""
        true = self.true_claims(doc)
        shaped = true[1:]
        picked = self.rng.sample(shaped, min(len(shaped), 2)) if shaped else []
        if not picked or self.rng.random() < 0.25:
            picked.append(true[0])
        for kind, claim in picked:
            yield Pair(premise, self.worded(claim), SUPPORTED, kind, group, window)
        yield from self.confusion(premise, picked[0][1], group, window)
        base = self.rng.choice(picked)[1] if self.rng.random() < 0.5 else doc.text
        parsed = doc if base == doc.text else rewrites.parser()(base)
        for kind, claim in self.chosen(self.false_claims(parsed, names), wrong):
            yield Pair(premise, self.worded(claim, 0.4), FALSE_KINDS[kind], kind, group, window)
        shorter = [claim for kind, claim in true if kind == "short"]
        if shorter and self.rng.random() < 0.35:
            yield Pair(self.rng.choice(shorter), self.worded(true[0][1]), NOT_FOUND, "extra", group)


def fold_of(group: str) -> str:
    """ "test", "dev" or "train": a tenth, a tenth and the rest of the groups, by a hash of their name."""
    at = int(hashlib.sha256(group.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "dev"}.get(at, "train")


def news_pairs(shared: Path, kept_out: Guard, maker: Maker, articles: int) -> Iterator[Pair]:
    """Claims about news sentences, with the sentence before them, and with their neighbours as premises."""
    everything, questions = news(shared / "data/realtimeqa")
    forbidden = held_out_articles(questions)
    kept = shared / "news/articles.jsonl"
    forbidden |= {json.loads(line)["id"] for line in kept.read_text(encoding="utf-8").splitlines() if line}
    ids = sorted(id_ for id_, a in everything.items() if id_ not in forbidden and "2000" < a.published < HELD_OUT_FROM)
    maker.rng.shuffle(ids)
    taken = 0
    for id_ in ids:
        if taken >= articles:
            break
        body = _cut(everything[id_].body)[:40]
        usable = [i for i, text in enumerate(body) if _usable(text) and not kept_out.leaks(text)]
        if len(usable) < 6:
            continue
        taken += 1
        first = maker.rng.randrange(max(1, len(usable) - 12))
        yield from _article_pairs(body, usable[first : first + 9], id_, maker)


def _cut(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text)]


def _usable(text: str) -> bool:
    return (
        8 <= len(text.split()) <= 42
        and text[-1] in '.!"”'
        and text[0].isalnum()
        and not re.search(
            r"\b(?:subscribe|newsletter|click|cookies|sign up|advertisement|copyright|©)\b|http|@", text, re.I
        )
    )


def _article_pairs(body: list[str], chosen: list[int], group: str, maker: Maker) -> Iterator[Pair]:
    rng = maker.rng
    docs = dict(zip(chosen, rewrites.parser().pipe(body[i] for i in chosen), strict=True))
    names: dict[str, set[str]] = {}
    for doc in docs.values():
        for entity in doc.ents:
            names.setdefault(entity.label_, set()).add(re.sub(r"['’]s$", "", entity.text))
    stems = {i: set(content_stems(text)) for i, text in enumerate(body) if len(text.split()) >= 5}
    for i, doc in docs.items():
        before = body[i - 1] if i else ""
        after = body[i + 1] if i + 1 < len(body) else ""
        window = tuple(text for text in body[max(0, i - 6) : i + 6] if len(text.split()) >= 4)
        premise = rng.choice(
            [body[i]] * 3 + [f"{before} {body[i]}".strip()] * 3 + [f"{before} {body[i]} {after}".strip()]
        )
        made = list(maker.about(doc, premise, names, group, window))
        yield from made
        true = [pair.claim for pair in made if pair.label == SUPPORTED]
        others = [(len(stems[j] & stems.get(i, set())) / len(stems[j] or {1}), j) for j in stems if abs(j - i) > 0]
        if others:
            j = max(others)[1] if rng.random() < 0.6 else rng.choice(others)[1]
            close = i + 1 == j or j + 1 == i
            other = (
                body[j]
                if close or rng.random() < 0.5
                else f"{body[j - 1] if j and j - 1 != i else ''} {body[j]}".strip()
            )
            yield Pair(other, rng.choice(true), NOT_FOUND, "neighbour", group)
        yield from _joined(docs, i, body, true, group, maker)
        yield from _resolved(docs, i, body, names, group, window, maker)


def _joined(docs: dict[int, Any], i: int, body: list[str], true: list[str], group: str, maker: Maker) -> Iterator[Pair]:
    """Two sentences said in one claim: supported by both together, not found in one of them."""
    if i + 1 not in docs or maker.rng.random() > 0.25:
        return
    second = maker.rng.choice(maker.true_claims(docs[i + 1]))[1]
    first = min(true, key=len)
    if len(first.split()) + len(second.split()) > 45:
        return
    joined = rewrites.tidy(f"{first.rstrip('.')}, and {rewrites.inside(second)}")
    yield Pair(f"{body[i]} {body[i + 1]}", joined, SUPPORTED, "joined", group)
    yield Pair(body[maker.rng.choice((i, i + 1))], joined, NOT_FOUND, "half", group)


def _resolved(docs: dict[int, Any], i: int, body: list[str], names: dict[str, set[str]], group: str,
              window: tuple[str, ...], maker: Maker) -> Iterator[Pair]:  # fmt: skip
    """A sentence that begins with "He" or "She", with the name of the one person of the sentences before."""
    match = re.match(r"(He|She)\b", body[i])
    near = next((j for j in range(i - 1, i - 5, -1) if j in docs and _people(docs[j])), None)
    if not match or near is None or len(_people(docs[near])) != 1:
        return
    name = min(_people(docs[near]))
    named = f"{body[i - 1]} {body[i]}" if near == i - 1 else premise_of(body[i], speaker=name)
    premise = premise_of(body[i], body[i - 1], name) if maker.rng.random() < 0.3 else named
    yield Pair(premise, maker.worded(name + body[i][match.end() :]), SUPPORTED, "pronoun", group, window)
    others = sorted(o for o in names.get("PERSON", ()) if not set(o.split()) & set(name.split()))
    if others:
        other = maker.rng.choice(others)
        yield Pair(premise, maker.worded(other + body[i][match.end() :]), CONTRADICTED, "name", group, window)


def _people(doc: Any) -> set[str]:
    return {re.sub(r"['’]s$", "", entity.text) for entity in doc.ents if entity.label_ == "PERSON"}


def question_pairs(examples: list[Example], maker: Maker) -> Iterator[Pair]:
    """Statements made of questions with their own and other answers, and with sentences that do not answer."""
    rng = maker.rng
    by_context: dict[str, list[Example]] = {}
    for example in examples:
        by_context.setdefault(example.context, []).append(example)
    parsed = rewrites.parser().pipe((e.question for e in examples), batch_size=256)
    for example, question in zip(examples, parsed, strict=True):
        start, end = example.answers[0]
        said = statement(question, example.context[start:end])
        if said is None or not 3 <= len(said.split()) <= 35:
            continue
        at = next((n for n, s in enumerate(sentences(example.context)) if s.start <= start < s.end), 0)
        parts = _cut(example.context)
        premise = parts[at]
        if at and rng.random() < 0.5:
            premise = f"{parts[at - 1]} {premise}"
        origin = example.origin
        around = tuple(parts) if len(parts) > 1 else ()
        yield Pair(premise, maker.worded(said, 0.3), SUPPORTED, f"answer {origin}", example.group, around)
        yield from maker.confusion(premise, said, example.group)
        other = _other_answer(example, by_context[example.context], rng)
        if other and (wrong := statement(question, other)):
            yield Pair(premise, maker.worded(wrong, 0.3), UNSUPPORTED, f"other answer {origin}", example.group, around)
        if rng.random() < 0.3:
            names = {e.label_: {x.text for x in question.ents} for e in question.ents}
            for kind, claim in maker.chosen(maker.false_claims(rewrites.parser()(said), names), 1):
                yield Pair(premise, claim, FALSE_KINDS[kind], kind, example.group)
        rest = [text for n, text in enumerate(parts) if n != at and example.context[start:end] not in text]
        if rest and rng.random() < 0.5:
            wanted = set(content_stems(said))
            best = max(rest, key=lambda text: len(wanted & set(content_stems(text))))
            yield Pair(best, maker.worded(said, 0.3), NOT_FOUND, f"no answer {origin}", example.group)


def _other_answer(example: Example, asked: list[Example], rng: random.Random) -> str | None:
    """The answer to another question about the same text that looks like this one's and stands apart from it."""
    start, end = example.answers[0]
    own = example.context[start:end]
    found = []
    for other in asked:
        a, b = other.answers[0]
        text = example.context[a:b]
        between = example.context[min(end, b) : max(start, a)]
        alike = text[:1].isdigit() == own[:1].isdigit() and text[:1].isupper() == own[:1].isupper()
        apart = re.search(r"[a-z]{3,}", re.sub(r"\b(?:and|or|the)\b", "", between)) is not None
        fresh = not set(content_stems(text)) & set(content_stems(f"{own} {example.question}"))
        if alike and apart and fresh:
            found.append(text)
    return rng.choice(found) if found else None


def split_pairs(folder: Path, maker: Maker, count: int) -> Iterator[Pair]:
    """WikiSplit (Botha et al. 2018): a sentence of Wikipedia and the two simpler ones that it was split into."""
    lines = [line for f in ("tune", "validation", "test") for line in _lines(folder / f"wikisplit-{f}.tsv")]
    maker.rng.shuffle(lines)
    for line in lines[:count]:
        whole, _, parts = line.partition("\t")
        whole = _written(whole)
        halves = [_written(half) for half in parts.split("<::::>")]
        if len(halves) != 2 or len(whole.split()) > 45 or min(len(half.split()) for half in halves) < 4:
            continue
        group = f"wikisplit-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"
        half = maker.rng.choice(halves)
        pronoun = re.match(r"(?:It|He|She|They|This|These|That|Though|Which)\b", half)
        yield Pair(whole, maker.worded(half, 0.4), SUPPORTED, "split", group)
        doc = rewrites.parser()(half)
        names: dict[str, set[str]] = {}
        for entity in rewrites.parser()(whole).ents:
            names.setdefault(entity.label_, set()).add(entity.text)
        for kind, claim in maker.chosen(maker.false_claims(doc, names), 1):
            yield Pair(whole, maker.worded(claim, 0.4), FALSE_KINDS[kind], kind, group)
        if not pronoun and maker.rng.random() < 0.3:
            yield Pair(half, whole, NOT_FOUND, "extra", group)


def public_pairs(folder: Path, maker: Maker) -> Iterator[Pair]:
    """Pairs that people labelled: RTE, FEVER Symmetric, ConjNLI and Breaking NLI."""
    for row in _lines(folder / "rte-train.tsv")[1:]:
        _, premise, claim, label = row.split("\t")
        if len(premise.split()) <= 80:
            yield Pair(
                premise, claim, SUPPORTED if label == "entailment" else UNSUPPORTED, "rte", f"rte-{premise[:40]}"
            )
    named = {"SUPPORTS": SUPPORTED, "REFUTES": CONTRADICTED, "NOT ENOUGH INFO": NOT_FOUND}
    for name in ("fever_symmetric_full", "fever_symmetric_dev", "fever_symmetric_test"):
        for line in _lines(folder / f"{name}.jsonl"):
            item = json.loads(line)
            premise = _written(item.get("evidence") or item.get("evidence_sentence"))
            label = named[item.get("label", item.get("gold_label"))]
            yield Pair(premise, _written(item["claim"]), label, "fever", f"fever-{item['id']}")
    labels = {"entailment": SUPPORTED, "neutral": NOT_FOUND, "contradiction": CONTRADICTED}
    rows = _lines(folder / "conjnli-train.tsv")[1:]
    for row in maker.rng.sample(rows, min(len(rows), 4_000)) + _lines(folder / "conjnli-dev.tsv")[1:]:
        premise, claim, label = row.rstrip("\r").split("\t")
        yield Pair(premise, claim, labels[label], "conjunction", f"conj-{premise[:40]}")
    items = [json.loads(line) for line in _lines(folder / "breaking_nli.jsonl")]
    right = [item for item in items if item["gold_label"] != "contradiction"]
    for item in right + maker.rng.sample([i for i in items if i["gold_label"] == "contradiction"], 1_500):
        premise, claim = item["sentence1"], item["sentence2"]
        yield Pair(premise, claim, labels[item["gold_label"]], "lexical", f"lex-{premise[:40]}")


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]


def _written(text: str) -> str:
    """Tokenised text as people write it."""
    for here, there in (
        ("-LRB-", "("),
        ("-RRB-", ")"),
        ("-LSB-", "["),
        ("-RSB-", "]"),
        ("``", '"'),
        ("''", '"'),
        ("--", "–"),
    ):
        text = text.replace(here, there)
    text = re.sub(r"\s+([,.;:!?%)\]])", r"\1", re.sub(r"([(\[])\s+", r"\1", text))
    text = re.sub(r" ('s|n't|'re|'ve|'ll|'d|'m)\b", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def everything(shared: Path, public: Path, seed: int, articles: int, *, only_news: bool = False) -> Iterator[Pair]:
    """All pairs of all sources."""
    maker = Maker(seed)
    kept_out = guard(shared, Path(__file__).resolve().parents[1])
    yield from news_pairs(shared, kept_out, maker, articles)
    if only_news:
        return
    yield from split_pairs(public, maker, 6_000)
    data = shared / "data"
    asked = [e for e in squad(data / "squad-train-subset/train-subset.json.xz", "squad") if e.answers]
    asked += [e for e in squad(data / "squadshifts/new_wiki.json.xz", "new_wiki") if e.answers]
    short = [e for e in qamr(data / "qamr") if e.answers]
    asked = maker.rng.sample(asked, min(len(asked), 11_000)) + maker.rng.sample(short, 9_000)
    known: dict[str, bool] = {}
    for example in asked:
        known.setdefault(example.context, kept_out.leaks(example.context))
    yield from question_pairs([e for e in asked if not known[e.context] and not kept_out.asks(e.question)], maker)
    yield from public_pairs(public, maker)


def encode(pairs: Iterable[Pair], tokenizer: Any) -> dict[str, np.ndarray]:
    """Token ids and labels.

    Returns:
        ids: int32, all pairs one after another; offsets: int64 (n + 1,); premise: int16 (n,), tokens before the claim;
        label: int8 (n,).
    """
    pairs = list(pairs)
    premises = tokenizer([p.premise for p in pairs], add_special_tokens=False)["input_ids"]
    claims = tokenizer([p.claim for p in pairs], add_special_tokens=False)["input_ids"]
    columns: dict[str, list[int]] = {"ids": [], "offsets": [0], "premise": [], "label": []}
    for pair, premise, claim in zip(pairs, premises, claims, strict=True):
        # The sentence that matters stands last: what is too long loses its beginning.
        first = [101, *premise[-PREMISE_TOKENS:], 102]
        columns["ids"] += [*first, *claim[:CLAIM_TOKENS], 102]
        columns["offsets"].append(len(columns["ids"]))
        columns["premise"].append(len(first))
        columns["label"].append(pair.label)
    kinds = {"ids": np.int32, "offsets": np.int64, "premise": np.int16, "label": np.int8}
    return {name: np.array(column, dtype=kinds[name]) for name, column in columns.items()}


def main() -> None:
    """Build and save the set; print what is in it."""
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--public", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--articles", type=int, default=600, help="news articles to take sentences from")
    parser.add_argument("--only-news", action="store_true")
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    folds: dict[str, list[Pair]] = {"train": [], "dev": [], "test": []}
    for pair in everything(options.shared, options.public, options.seed, options.articles, only_news=options.only_news):
        folds[fold_of(pair.group)].append(pair)
    tokenizer = AutoTokenizer.from_pretrained(str(packaged_model_folder()))
    options.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)
    rng.shuffle(folds["train"])
    folds["train"] = [
        pair
        for pair in folds["train"]
        if rng.random() < SHARES.get(pair.kind, 1.0) and len(f"{pair.premise} {pair.claim}".split()) <= LONGEST
    ]
    for name, pairs in folds.items():
        lines = [json.dumps(asdict(pair), ensure_ascii=False) for pair in pairs]
        (options.out / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        columns = encode(pairs, tokenizer)
        np.savez(options.out / f"{name}.npz", **columns)
        print(f"{name}: {len(pairs)} pairs, {len(columns['ids'])} tokens")
    for (label, kind), count in sorted(Counter((p.label, p.kind) for p in folds["train"]).items()):
        print(f"{('supported', 'not found', 'contradicted', 'unsupported')[label]:13} {kind:22} {count:6}")


if __name__ == "__main__":
    main()

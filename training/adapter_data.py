"""The adapter's training set: the product's own prompts with short cited answers, tokenised and saved once.

    python -m training.adapter_data --shared ../shared --reader models/reader --out /tmp/adapter

Each example is a question with one to six packed passages, of which one, several or none hold the answer.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from rag.answering.evidence import whole_span
from rag.answering.prompt import build_messages
from rag.answering.suggest import suggest

from rag.language.words import content_stems, sentences
from rag.models.catalogue import embedded_path
from rag.models.embedder import SentenceTransformerEmbedder
from rag.models.llama import LlamaGenerator
from rag.models.reader import Reader
from rag.types import ABSTENTION, Passage
from training.negatives import Pool, holds_answer, opposite, swapped_name, without_answer
from training.reader_data import _quiz, _safe
from training.sources import Example, NewsArticle, guard, held_out_articles, news, qamr, squad

UNANSWERABLE = 0.28
HARD = 0.4
"""Of those, how many show the right text less the answer's sentence, or have a changed question, where it can be."""
UNAIDED = 0.1
"""Share of prompts without the reader's suggestions, so that the adapter also answers without a reader."""
LONGEST = 640
"""Tokens of a prompt; longer examples are left out."""

#: What the answer grammar admits in a word, near enough; answers with anything else are left out.
_WRITABLE = re.compile(r"(?:[^\s\[\]<>.!?]|\.(?=\d)|(?<=\b[A-Z])\.(?=[A-Z ]))+(?: (?:[^\s\[\]<>.!?]|\.(?=\d))+)*")
_SUBJECT = re.compile(r"(?:Who|What) ((?:was|is|were|are|led|won|made|gave|took|said|wrote|became|built|[a-z]+ed)\b.*)")
_WHEN = re.compile(r"(?:When|Where) (was|were) (.+? [a-z]+(?:ed|en|ne|ht|ld|un|de))")


@dataclass(frozen=True)
class Shown:
    """A passage of an example: its text, title, source and date."""

    text: str
    title: str
    source: str
    published: date | None


def snippet(text: str, question: str, span: tuple[int, int] | None, rng: random.Random) -> str:
    """One to three neighbouring sentences: around the span, or those nearest the question."""
    found = sentences(text)
    if not found:
        return " ".join(text.split()[:60])
    if span is not None:
        inside = [i for i, s in enumerate(found) if span[0] < s.end and s.start < span[1]]
        low, high = (inside[0], inside[-1]) if inside else (0, 0)
    else:
        wanted = set(content_stems(question))
        low = high = max(range(len(found)), key=lambda i: len(wanted & set(content_stems(found[i].text))))
    low -= low > 0 and rng.random() < 0.35
    high += high + 1 < len(found) and rng.random() < 0.35
    words = " ".join(s.text for s in found[low : high + 1]).split()
    return " ".join(words) if len(words) <= 60 else " ".join(s.text for s in found[low : low + 1])


def reply(question: str, answer: str) -> str | None:
    """The words of an answer: a full sentence for short questions that turn into one, else the answer itself."""
    plain = " ".join(answer.split()).strip(" .,;:!?\"'“”()")
    if not plain or not _WRITABLE.fullmatch(plain) or len(plain.split()) > 30:
        return None
    short = question.strip().rstrip("?")
    said = plain
    if len(short.split()) <= 6:
        if subject := _SUBJECT.fullmatch(short):
            said = f"{plain} {subject.group(1)}"
        elif (event := _WHEN.fullmatch(short)) and re.search(r"\d", plain) is not None:
            joined = "on" if re.search(r"\b\d{1,2}\b", plain) and re.search(r"[A-Z][a-z]", plain) else "in"
            what = event.group(2).rsplit(" ", 1)
            said = f"{what[0]} {event.group(1)} {what[1]} {joined} {plain}"
    return said[0].upper() + said[1:] + "." if _WRITABLE.fullmatch(said) else plain[0].upper() + plain[1:] + "."


_EVENT = re.compile(
    r"(?P<who>(?:The )?[A-Z][\w'-]+(?: (?:[A-Z][\w'-]+|of|the|and)){0,5}) "
    r"(?P<rest>(?:signed|won|announced|launched|mediated|brokered|killed|arrested|acquired|rejected|approved|banned|"
    r"attacked|visited|resigned|opened|closed|agreed|confirmed|named|appointed|founded|led|beat|defeated|published|"
    r"released|ordered|sued|bought|sold|joined|left|met|accused|warned)\b[^.,;]{0,60}?)(?= (?:on|in|after|as|when|at|"
    r"who|which|that|but|while)\b|[.,;])"
)
_COUNT = re.compile(
    r"(?P<count>(?:at least |about |more than |nearly )?\d[\d,.]*\d?(?: (?:million|billion|thousand))?) "
    r"(?P<what>[a-z]+(?: [a-z]+)?) (?P<verb>were|have been|had been|are) (?P<rest>[a-z]+(?: [a-z]+){0,3})"
)
_DATED = re.compile(
    r"(?P<who>(?:The |the )?[A-Z]?[\w'-]+(?: [\w'-]+){0,3}) (?P<verb>was|were) (?P<done>[a-z]+ed) on "
    r"(?P<when>(?:[A-Z][a-z]+day, )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z.]* \d{1,2}(?:, \d{4})?)"
)


def made_questions(articles: Sequence[NewsArticle], reader: Reader, wanted: int, seed: int) -> Iterator[Example]:
    """Short questions made from news sentences by rule, kept when the reader finds the same answer (round trip)."""
    rng = random.Random(seed)
    given = 0
    for article in rng.sample(list(articles), len(articles)):
        text = article.body[:3_000]
        found: list[tuple[str, int, int, int]] = []
        for s in sentences(text):
            if not 40 < len(s.text) < 320:
                continue
            if (m := _EVENT.match(s.text)) and m.group("who") not in ("The", "He", "She", "It", "They", "We", "I"):
                rest = m.group("rest").split()
                cut = rest if rng.random() < 0.6 else rest[: max(1, rng.randint(1, 3))]
                found.append((f"Who {' '.join(cut)}?", *m.span("who"), s.start))
            if m := _COUNT.search(s.text):
                asked = f"How many {m.group('what')} {m.group('verb')} {m.group('rest')}?"
                found.append((asked, *m.span("count"), s.start))
            if m := _DATED.search(s.text):
                found.append((f"When {m.group('verb')} {m.group('who')} {m.group('done')}?", *m.span("when"), s.start))
        for question, start, end, at in found[:2]:
            context = text[max(0, at - 200) : at + end + 300]
            shift = max(0, at - 200)
            reading = reader.read(question, [context])[0][0]
            a, b = at + start - shift, at + end - shift
            overlap = min(b, reading.end) - max(a, reading.start)
            if reading.score < 0 or overlap * 2 < max(b - a, reading.end - reading.start):
                continue
            given += 1
            yield Example(
                question, context, ((a, b),), "made", article.title, article.source, article.published, article.id
            )
        if given >= wanted:
            return


def build(shared: Path, repository: Path, reader: Reader, size: int, seed: int) -> Iterator[dict[str, object]]:
    """Messages (and the same without suggestions) with answers in random order; `kind` says what each is."""
    rng = random.Random(seed)
    kept_out = guard(shared, repository)
    data = shared / "data"
    articles, questions = news(data / "realtimeqa")
    forbidden = held_out_articles(questions)
    usable = [a for a in articles.values() if a.id not in forbidden and not kept_out.leaks(a.body[:4_000])]
    by_id = {a.id: a for a in usable}
    wiki = [e for e in _safe(squad(data / "squad-train-subset/train-subset.json.xz", "squad"), kept_out) if e.answers]
    parts = [rng.sample(wiki, int(size * 0.42))]
    for name, share in (("new_wiki", 0.13), ("reddit", 0.04), ("amazon_reviews", 0.04)):
        found = [e for e in _safe(squad(data / f"squadshifts/{name}.json.xz", name), kept_out) if e.answers]
        parts.append(rng.sample(found, int(size * share)))
    parts.append(rng.sample(list(_safe(qamr(data / "qamr"), kept_out)), int(size * 0.1)))
    quiz = [e for e in _quiz(data / "realtimeqa", kept_out) if e.answers]
    parts.append(rng.sample(quiz, min(len(quiz), int(size * 0.13))))
    parts.append(list(made_questions(usable, reader, int(size * 0.14), seed)))
    chosen = [e for part in parts for e in part]
    print(Counter(e.origin for e in chosen), flush=True)
    rng.shuffle(chosen)

    drawn = rng.sample(usable, 3_500)
    windows = [(a.body[s : s + 500], a.title) for a in drawn for s in range(0, min(3_000, len(a.body)), 1_000)]
    near = [*{e.context: e.title.replace("_", " ") for e in wiki}.items(), *windows]
    ranked = Pool([text for text, _ in near], SentenceTransformerEmbedder()).ranked([e.question for e in chosen])
    same_quiz: dict[str, list[Example]] = {}
    for e in quiz:
        same_quiz.setdefault(e.question, []).append(e)

    def meta(example_source: str, published: str, title: str) -> tuple[str, date | None, str]:
        other = rng.choice(drawn)
        when = published or other.published
        return example_source or other.source, date.fromisoformat(when[:10]) if when else None, title or other.title

    for example, order in zip(chosen, ranked, strict=True):
        missing = [near[i] for i in order if not holds_answer(near[i][0], example)][:8]
        span = _whole(example, rng.choice(example.answers))
        answer = reply(example.question, example.context[slice(*span)])
        if answer is None:
            continue
        known = by_id.get(example.group)
        source, published, title = (
            meta(known.source, known.published, known.title)
            if known
            else meta(example.source, example.published, example.title.replace("_", " "))
        )
        answerable = rng.random() >= UNANSWERABLE
        count = rng.choices((1, 2, 3, 4, 6), (34, 28, 22, 14, 2))[0]
        right: list[Shown] = []
        close: list[Shown] = []
        asked = example.question
        kind = "answer"
        lines = [answer]
        if answerable:
            whole = count == 1 and rng.random() < 0.6 and len(example.context.split()) <= 180
            text = example.context if whole else snippet(example.context, example.question, span, rng)
            right.append(Shown(text, title, source, published))
            others = [o for o in same_quiz.get(example.question, []) if o.group != example.group]
            if example.origin == "realtimeqa" and others and rng.random() < 0.7:
                other = rng.choice(others)
                article = by_id[other.group]
                extra = snippet(other.context, other.question, other.answers[0], rng)
                right.append(Shown(extra, *_ordered(meta(article.source, article.published, article.title))))
                kind = "agreeing"
            elif (changed := _changed(text, example.context[slice(*span)], rng)) and rng.random() < 0.25:
                new_text, new_value = changed
                other_answer = reply(example.question, new_value)
                if other_answer and other_answer != answer:
                    right.append(Shown(new_text, *_ordered(meta("", "", title))))
                    lines, kind = [answer, other_answer], "differing"
        else:
            kind = "unanswerable"
            if rng.random() < HARD and (hard := _hard(example, rng)):
                asked = hard.question
                close.append(Shown(snippet(hard.context, asked, None, rng), title, source, published))
        wrong = [Shown(snippet(t, example.question, None, rng), *_ordered(meta("", "", name))) for t, name in missing]
        wrong = [*close, *(w for w in wrong if w.text)][: max(0, count - len(right)) or (0 if right else 1)]
        shown = [*right, *wrong]
        if not shown:
            continue
        rng.shuffle(shown)
        places = [shown.index(r) + 1 for r in right]
        if kind == "differing":
            pairs = sorted(zip(places, lines, strict=True))
            text = "\n".join(f"{line} [{place}]" for place, line in pairs)
        elif right:
            text = f"{answer} " + "".join(f"[{place}]" for place in sorted(places))
        else:
            text = ABSTENTION
        passages = [
            Passage(f"a{n}#0-1", f"a{n}", s.text, 0, len(s.text), s.title, s.source, s.published)
            for n, s in enumerate(shown)
        ]
        question = asked if rng.random() < 0.9 else asked.lower()
        suggestions = suggest(question, passages, reader) if rng.random() >= UNAIDED else []
        yield {
            "messages": build_messages(question, passages, suggestions),
            "unaided": build_messages(question, passages),
            "answer": text,
            "kind": kind,
            "origin": example.origin,
        }


def _whole(example: Example, span: tuple[int, int]) -> tuple[int, int]:
    """The answer's span, as whole as the reader's suggestions are: a list of names, a date."""
    for s in sentences(example.context):
        if s.start <= span[0] and span[1] <= s.end:
            start, end = whole_span(s.text, span[0] - s.start, span[1] - s.start, example.question)
            return s.start + start, s.start + end
    return span


def _hard(example: Example, rng: random.Random) -> Example | None:
    """An unanswerable question close to an answerable one, as `training.negatives` makes them; None where none can."""
    made = [without_answer(example), swapped_name(example, rng), opposite(example, rng)]
    good = [found for found in made if found]
    return rng.choice(good) if good else None


def _ordered(found: tuple[str, date | None, str]) -> tuple[str, str, date | None]:
    source, published, title = found
    return title, source, published


def _changed(text: str, answer: str, rng: random.Random) -> tuple[str, str] | None:
    """The text with the number in its answer changed, and the new answer; None when the answer holds no number."""
    number = re.search(r"\d[\d,]*", answer)
    if number is None or text.count(answer) != 1:
        return None
    value = int(number.group().replace(",", ""))
    other = value + rng.choice([-3, -2, -1, 1, 2, 3, 5]) * max(1, 10 ** (len(str(value)) - 2))
    if other <= 0 or other == value:
        return None
    spelled = f"{other:,}" if "," in number.group() else str(other)
    new = answer[: number.start()] + spelled + answer[number.end() :]
    return text.replace(answer, new), new


def main() -> None:
    """Build, tokenise as the product does, save; print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--reader", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    generator = LlamaGenerator(embedded_path(), context_tokens=2048)
    ids: list[int] = []
    offsets, answers, cuts = [0], [], []
    kinds: Counter[tuple[str, str]] = Counter()
    with (options.out / "examples.jsonl").open("w", encoding="utf-8") as file:
        repository = Path(__file__).resolve().parents[1]
        for row in build(options.shared, repository, Reader(options.reader), options.size, options.seed):
            prompt = generator.tokenize(row["messages"])  # type: ignore[arg-type]
            unaided = generator.tokenize(row.pop("unaided"))  # type: ignore[arg-type]
            answer = [*generator.tokenize_text(str(row["answer"])), generator.end_token]
            if len(prompt) > LONGEST:
                continue
            ids += [*prompt, *answer]
            offsets.append(len(ids))
            answers.append(len(answer))
            first = next((i for i, (a, b) in enumerate(zip(prompt, unaided, strict=False)) if a != b), len(prompt))
            cuts.append((first, len(prompt) - len(unaided)))
            kinds[str(row["origin"]), str(row["kind"])] += 1
            file.write(json.dumps(row, default=str) + "\n")
    np.savez(
        options.out / "train.npz",
        ids=np.array(ids, np.int32),
        offsets=np.array(offsets),
        answer=np.array(answers),
        suggested=np.array(cuts),
    )
    for (origin, kind), count in sorted(kinds.items()):
        print(f"{origin:15} {kind:13} {count:6}")
    print(f"{len(answers)} examples, {len(ids)} tokens, {len(ids) / max(1, len(answers)):.0f} each")


if __name__ == "__main__":
    main()

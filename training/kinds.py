"""Fit the classifier of questions, measure it on TREC-10 and on questions labelled by hand, and write models/kinds.

python -m training.kinds --shared ../shared --trec TREC --out models/kinds
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rag.language.words import words
from rag.models.kinds import KINDS, KindClassifier, Lexicon, features
from training.kinds_data import COARSE, labelled, training_questions, trec_kind, trec_lines

BUCKETS = 1 << 15
COARSE_CLUSTERS, FINE_CLUSTERS = 64, 512
COMMON = 500
"""Words that the frame of a question keeps."""
C = 10.0
"""Inverse strength of the regularisation."""
SEED = 13


def common_words(questions: list[tuple[str, str, str]]) -> list[str]:
    """The most frequent words, those of the fillers aside: counted in questions that people asked, and in templates."""
    counts: Counter[str] = Counter()
    for origin, question, _ in questions:
        weight = 1 if origin in ("trec", "weak") else 0.25
        for word in set(words(question)):
            counts[word] += weight
    return sorted(word for word, _ in counts.most_common(COMMON))


@cache
def word_clusters() -> dict[str, tuple[int, ...]]:
    """The whole words of the packaged encoder's vocabulary, each with its cluster among few and among many.

    K-means over the vectors that the encoder gives to the single words.
    """
    from sklearn.cluster import MiniBatchKMeans
    from tokenizers import Tokenizer

    from rag.models.embedder import SentenceTransformerEmbedder, packaged_model_folder

    vocabulary = Tokenizer.from_file(str(packaged_model_folder() / "tokenizer.json")).get_vocab()
    known = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)
    vectors = SentenceTransformerEmbedder().encode(known, kind="query")
    labels = []
    for start, count in ((0, COARSE_CLUSTERS), (COARSE_CLUSTERS, FINE_CLUSTERS)):
        fitted = MiniBatchKMeans(count, random_state=SEED, batch_size=4096, n_init=1, max_iter=30).fit(vectors)
        labels.append(fitted.labels_ + start)
    return {word: tuple(map(int, row)) for word, row in zip(known, np.stack(labels, axis=1), strict=True)}


def matrix(questions: list[str], lexicon: Lexicon) -> Any:
    """Sparse rows of hashed features, shape (n, BUCKETS)."""
    from scipy.sparse import csr_matrix

    rows = [features(question, lexicon, BUCKETS) for question in questions]
    ends = np.cumsum([0] + [len(indices) for indices, _ in rows])
    return csr_matrix(
        (
            np.concatenate([np.asarray(values, dtype=np.float32) for _, values in rows]),
            np.concatenate([np.asarray(indices, dtype=np.int32) for indices, _ in rows]),
            ends,
        ),
        shape=(len(rows), BUCKETS),
    )


def save(model: Any, lexicon: Lexicon, out: Path) -> None:
    """Write weights.npz (int8 with one scale a kind) and the manifest with its checksum."""
    order = [list(model.classes_).index(kind) for kind in KINDS]
    weights = model.coef_[order, :BUCKETS].T
    scale = np.abs(weights).max(axis=0) / 127
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "weights.npz",
        weights=np.round(weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=model.intercept_[order].astype(np.float32),
        lexicon=np.frombuffer("\n".join(lexicon.clusters).encode(), dtype=np.uint8),
        clusters=np.array(list(lexicon.clusters.values()), dtype=np.uint16),
    )
    manifest = {
        "format": 1,
        "sha256": hashlib.sha256((out / "weights.npz").read_bytes()).hexdigest(),
        "kinds": list(KINDS),
        "words": sorted(lexicon.common),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def interval(right: int, n: int) -> str:
    """Share right with its 95% interval (Wilson 1927)."""
    if not n:
        return "-"
    z, share = 1.96, right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return f"{share:.3f} [{middle - half:.3f}, {middle + half:.3f}] n={n}"


Told = dict[str, dict[str, float]]
"""The probabilities of the kinds of each question."""


def measure(told: Told, shared: Path, trec: Path, halves: tuple[str, ...], *, wrong: bool = False) -> None:
    """Print accuracy on TREC-10 (coarse classes; kinds where the label gives one) and on the labelled questions."""
    coarse, fine = [], []
    for label, question in trec_lines(trec / "test.txt"):
        wanted = trec_kind(label, question)
        shares: Counter[str] = Counter()
        for kind, probability in told[question].items():
            # An organisation is an entity here and HUM in TREC; a list may be of anything.
            if kind in COARSE:
                shares["HUM" if kind == "entity" and label == "HUM:gr" else COARSE[kind]] += probability
        coarse.append(max(shares, key=shares.__getitem__) == label.split(":", maxsplit=1)[0].replace("ABBR", "DESC"))
        if wanted:
            fine.append(best(told[question]) == wanted)
    print("TREC-10, coarse class", interval(sum(coarse), len(coarse)), "| kind", interval(sum(fine), len(fine)))
    by: dict[str, list[bool]] = {}
    errors = []
    for half, origin, question, wanted in labelled(shared):
        if half not in halves:
            continue
        right = best(told[question]) == wanted
        for group in (f"labelled, {half}", f"labelled, {half}, {origin}", f"  {half} {wanted}"):
            by.setdefault(group, []).append(right)
        if not right:
            errors.append(f"    {wanted} taken for {best(told[question])}: {question}")
    for group in sorted(by, key=lambda g: (g.startswith(" "), g)):
        print(group, interval(sum(by[group]), len(by[group])))
    if wrong:
        print(*errors, sep="\n")


def best(shares: dict[str, float]) -> str:
    """The likeliest kind."""
    return max(shares, key=shares.__getitem__)


def predicted(model: Any, rows: Any, questions: list[str]) -> Told:
    """What a fitted model says of each question."""
    shares = model.predict_proba(rows)
    return {q: dict(zip(model.classes_, row, strict=True)) for q, row in zip(questions, shares.tolist(), strict=True)}


def main() -> None:
    """Fit, compare with other inputs, write the weights and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--trec", type=Path, required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--out", type=Path, help="write the weights here")
    parser.add_argument("--ablate", action="store_true", help="also fit without clusters, and with the embedding")
    parser.add_argument("--wrong", action="store_true", help="print what is told wrongly")
    parser.add_argument("--test", action="store_true", help="measure the half kept for the end too")
    parser.add_argument("--measure", type=Path, help="only measure the classifier of this folder")
    options = parser.parse_args()
    halves = ("dev", "test") if options.test else ("dev",)
    asked = [q for _, q in trec_lines(options.trec / "test.txt")] + [q for _, _, q, _ in labelled(options.shared)]
    if options.measure:
        classifier = KindClassifier(options.measure)
        told = {question: dict(classifier.classify(question).probabilities) for question in asked}
        measure(told, options.shared, options.trec, halves, wrong=options.wrong)
        return
    rows = training_questions(options.shared, Path(__file__).parents[1], options.trec, SEED)
    print(len(rows), "questions:", *(f"{n} {kind}" for kind, n in Counter(kind for _, _, kind in rows).most_common()))
    texts, kinds = [question for _, question, _ in rows], [kind for _, _, kind in rows]
    common = frozenset(common_words(rows))
    lexicon = Lexicon(common, word_clusters())
    train, test = matrix(texts, lexicon), matrix(asked, lexicon)
    model = fit(train, kinds)
    measure(predicted(model, test, asked), options.shared, options.trec, halves, wrong=options.wrong)
    if options.out:
        save(model, lexicon, options.out)
    if options.ablate:
        from scipy.sparse import csr_matrix, hstack

        from rag.models.embedder import SentenceTransformerEmbedder

        print("without the clusters of words")
        plain = Lexicon(common, {})
        told = predicted(fit(matrix(texts, plain), kinds), matrix(asked, plain), asked)
        measure(told, options.shared, options.trec, halves)
        print("with the embedding of the question")
        embedder = SentenceTransformerEmbedder()
        train, test = (
            hstack([matrix, csr_matrix(embedder.encode(part, kind="query") * 2)]).tocsr()
            for matrix, part in ((train, texts), (test, asked))
        )
        measure(predicted(fit(train, kinds), test, asked), options.shared, options.trec, halves)


def fit(rows: Any, kinds: list[str]) -> Any:
    """Multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=C, max_iter=150, tol=1e-3).fit(rows, kinds)


if __name__ == "__main__":
    main()

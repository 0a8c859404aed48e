"""The kept copy of an encoder against the encoder itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rag.models.embedder import SentenceTransformerEmbedder, open_embedder, published_prompts
from rag.models.onnx_encoder import OnnxEmbedder, make

TEXTS = [
    "Talks in Oslo\nThe ministers met on Monday. Nobody spoke to the press afterwards.",
    "The bridge stays shut until spring, the council said.",
    "Grüße aus Köln: die Brücke bleibt zu.",
    "word " * 900,
]
SPANS = [[(0, 13), (14, 43), (44, 81)], [(0, 53)], [(0, 15), (16, 37), (37, 37)], [(0, 40), (4000, 4499)]]


@pytest.fixture(scope="module")
def kept(cache_dir: Path) -> Any:
    return open_embedder("all-MiniLM-L6-v2", cache_dir)


def test_a_copy_gives_the_models_vectors(embedder: Any, kept: Any) -> None:
    assert isinstance(kept, OnnxEmbedder)
    assert (kept.name, kept.dimension, kept.max_tokens) == (embedder.name, embedder.dimension, embedder.max_tokens)
    for kind in ("query", "passage"):
        mine, theirs = kept.encode(TEXTS, kind=kind), embedder.encode(TEXTS, kind=kind)
        assert mine.dtype == np.float32
        assert np.allclose(np.linalg.norm(mine, axis=1), 1, atol=1e-5)
        assert ((mine * theirs).sum(axis=1) > 0.97).all()
    assert kept.encode([], kind="query").shape == (0, 384)
    assert [kept.count_tokens(text) for text in TEXTS] == [embedder.count_tokens(text) for text in TEXTS]


def test_sentences_come_from_the_passages_own_pass(embedder: Any, kept: Any) -> None:
    rows, parts = kept.encode_spans(TEXTS, SPANS)
    plain_rows, plain_parts = embedder.encode_spans(TEXTS, SPANS)
    assert ((rows * plain_rows).sum(axis=1) > 0.97).all()
    for mine, theirs in zip(parts, plain_parts, strict=True):
        assert mine.shape == theirs.shape
        read = theirs.any(axis=1)
        assert (mine.any(axis=1) == read).all()
        assert ((mine * theirs).sum(axis=1)[read] > 0.95).all()
    assert not parts[2][2].any()  # an empty stretch
    assert not parts[3][1].any()  # behind the last token that the model reads


def test_a_vector_does_not_depend_on_what_is_read_beside_it(kept: Any) -> None:
    rows, parts = kept.encode_spans(TEXTS, SPANS)
    assert np.allclose(rows, kept.encode(TEXTS, kind="passage"), atol=1e-6)
    for n, text in enumerate(TEXTS):
        assert np.allclose(rows[n], kept.encode([text], kind="passage")[0], atol=1e-6)
        assert np.allclose(parts[n], kept.encode_spans([text], SPANS[n : n + 1])[1][0], atol=1e-6)


def test_the_graph_has_nothing_for_padding_and_no_slow_norms(kept: Any, cache_dir: Path) -> None:
    (model,) = cache_dir.glob("encoders/*/model.onnx")
    graph = onnx.load(str(model)).graph
    operators = [node.op_type for node in graph.node]
    assert operators.count("Softmax") == 6
    assert operators.count("SimplifiedLayerNormalization") == 13
    assert not {"IsNaN", "Where", "LayerNormalization"} & set(operators)
    assert [each.name for each in graph.input] == ["input_ids"]


def test_a_copy_is_made_once_and_a_damaged_one_anew(kept: Any, cache_dir: Path, monkeypatch: Any) -> None:
    (model,) = cache_dir.glob("encoders/*/model.onnx")
    made = model.stat().st_mtime_ns
    open_embedder("all-MiniLM-L6-v2", cache_dir)
    assert model.stat().st_mtime_ns == made
    with model.open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged!")
    again = open_embedder("all-MiniLM-L6-v2", cache_dir)
    assert model.stat().st_mtime_ns != made
    assert np.allclose(again.encode(TEXTS[:1], kind="query"), kept.encode(TEXTS[:1], kind="query"), atol=1e-3)
    assert len(list(model.parent.parent.iterdir())) == 1  # nothing half is left beside it


def test_where_nothing_can_be_kept_the_model_itself_serves(tmp_path: Path) -> None:
    (tmp_path / "encoders").write_text("no folder can be made here")
    found = open_embedder("all-MiniLM-L6-v2", tmp_path)
    assert isinstance(found, SentenceTransformerEmbedder)


@pytest.mark.slow
def test_a_graph_that_is_not_the_model_is_not_used(embedder: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("rag.models.onnx_encoder.NEAR_INT8", 1.1)
    monkeypatch.setattr("rag.models.onnx_encoder.NEAR_FLOAT", 1.1)
    assert make(embedder, tmp_path / "copy") is None
    kept = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert kept["precision"] == "none"  # so that it is not tried again
    assert "cosines from" in kept["seen"]


@pytest.mark.slow
def test_a_model_with_a_layer_behind_its_pooling(embedder: Any, tmp_path: Path) -> None:
    """As MongoDB/mdbr-leaf-ir has: sentences' vectors go through that layer too."""
    from sentence_transformers import SentenceTransformer, models

    parts = list(embedder._model)[:2]
    dense = models.Dense(384, 512, bias=False)
    SentenceTransformer(modules=[*parts, dense], device="cpu").save(str(tmp_path / "wide"))
    plain = SentenceTransformerEmbedder(str(tmp_path / "wide"))
    kept = make(plain, tmp_path / "copy")
    assert kept is not None
    assert kept.dimension == plain.dimension == 512
    (mine,), (theirs,) = kept.encode_spans(TEXTS[:1], SPANS[:1])[1], plain.encode_spans(TEXTS[:1], SPANS[:1])[1]
    assert mine.shape == (3, 512)
    assert ((mine * theirs).sum(axis=1) > 0.95).all()
    whole = plain.encode_spans(["One sentence only."], [[(0, 18)]])
    assert whole[1][0][0] @ whole[0][0] > 0.95  # a passage of one sentence is nearly that sentence


def test_prompts_that_a_publisher_names_are_sent(embedder: Any, tmp_path: Path) -> None:
    """intfloat/e5-small-v2 says "query: " and "passage: " in its card, not in its files."""
    assert published_prompts("intfloat/e5-small-v2") == {"query": "query: ", "document": "passage: "}
    assert published_prompts("all-MiniLM-L6-v2") == {}
    folder = tmp_path / "e5-small-v2"
    embedder._model.save(str(folder))
    plain = SentenceTransformerEmbedder(str(folder))
    kept = make(plain, tmp_path / "copy")
    assert kept is not None
    for found in (plain, kept):
        for kind, prompt in (("query", "query: "), ("passage", "passage: ")):
            mine = found.encode([TEXTS[1]], kind=kind)
            assert (mine * embedder.encode([prompt + TEXTS[1]], kind="passage")).sum() > 0.98
            assert (mine * embedder.encode([TEXTS[1]], kind="passage")).sum() < 0.98
        assert found.encode_spans(TEXTS[1:2], SPANS[1:2])[1][0].shape == (1, 384)

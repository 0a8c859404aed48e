from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from rag.errors import ModelMissing
from rag.models.embedder import SentenceTransformerEmbedder, verify_packaged_model


def test_the_packaged_model_is_the_published_one() -> None:
    verify_packaged_model()


def test_rows_have_length_one_and_meaning(embedder: Any) -> None:
    assert (embedder.name, embedder.dimension, embedder.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    done: list[int] = []
    texts = ["A truce was signed.", "They agreed on a ceasefire.", "Cats sleep a lot."] + ["x " * 600] * 40
    rows = embedder.encode(texts, kind="passage", progress=done.append)
    assert rows.dtype == np.float32
    assert rows.shape == (43, 384)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.3
    assert done == [32, 43]
    assert embedder.encode([], kind="query").shape == (0, 384)


def test_tokens_are_the_models_own(embedder: Any) -> None:
    assert embedder.count_tokens("The Tehreek-e-Taliban") == 8


def test_prompts_of_a_model_are_honoured(embedder: Any, tmp_path: Any) -> None:
    model = embedder._model
    saved = dict(model.prompts)
    model.prompts = {"query": "query: ", "document": "passage: "}
    model.save(str(tmp_path / "m"))
    model.prompts = saved
    prompted = SentenceTransformerEmbedder(str(tmp_path / "m"))
    text = "Who mediated?"
    assert np.allclose(
        prompted.encode([text], kind="query"), embedder.encode(["query: " + text], kind="passage"), atol=1e-4
    )
    assert np.allclose(
        prompted.encode([text], kind="passage"), embedder.encode(["passage: " + text], kind="passage"), atol=1e-4
    )


def test_a_model_that_is_not_there(tmp_path: Any) -> None:
    with pytest.raises(ModelMissing, match="DATELINE_EMBEDDING_MODEL"):
        SentenceTransformerEmbedder("nobody/no-such-model")
    with pytest.raises(ModelMissing, match="cannot be loaded"):
        SentenceTransformerEmbedder(str(tmp_path))


def test_counting_in_one_thread_does_not_disturb_encoding_in_others(embedder: Any) -> None:
    long = ["word " * 900] * 4
    with ThreadPoolExecutor(4) as pool:
        encoded = [pool.submit(embedder.encode, long, kind="passage") for _ in range(4)]
        counts = [pool.submit(embedder.count_tokens, long[0]) for _ in range(400)]
        assert {count.result() for count in counts} == {900}
        assert all(rows.result().shape == (4, 384) for rows in encoded)

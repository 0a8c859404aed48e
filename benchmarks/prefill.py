"""How fast the embedded language model reads a prompt, as packaged and as the product's copy in 8-bit blocks.

    python benchmarks/prefill.py [--tokens N]

Prints seconds until the first token of a prompt that shares nothing with the one before, seconds per token after it
(medians of five), and the ratio of the two files. Compare figures of one run only: timings differ from machine to
machine and from hour to hour. Run it alone: llama.cpp's threads wait for each other.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from rag.models.catalogue import embedded_path, quick_embedded, shipped_adapter
from rag.models.llama import LlamaGenerator
from rag.models.probe import probe
from rag.settings import Settings

#: Keeps it writing, whatever it thinks of the prompt.
WORDS = 'root ::= ([a-z] " "){64}\n'


def seconds(path: Path, settings: Settings, tokens: int) -> tuple[float, float]:
    """Until the first token of a prompt of so many tokens, and per token of an answer of 32."""
    adapter = shipped_adapter()
    extra = probe(path, settings.cache_dir, adapter=adapter).extra_buffers
    generator = LlamaGenerator(path, context_tokens=tokens + 128, lora_path=adapter, extra_buffers=extra)
    first, after = [], []
    for run in range(5):
        # A digit and its space are a token each.
        text = " ".join(map(str, np.random.default_rng(run).integers(0, 9, tokens // 2)))
        written = []
        started = time.perf_counter()
        for _ in generator.stream([{"role": "user", "content": text}], grammar=WORDS, max_tokens=32):
            written.append(time.perf_counter())
        first.append(written[0] - started)
        after.append((written[-1] - written[0]) / (len(written) - 1))
    generator.close()
    return float(np.median(first)), float(np.median(after))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=300)
    options = parser.parse_args()
    settings = Settings.load()
    found = {}
    for name, path in (("packaged", embedded_path()), ("copy", quick_embedded(settings))):
        found[name] = seconds(path, settings, options.tokens)
        print(
            f"{name:9} {options.tokens} tokens read in {found[name][0]:.2f} s, {found[name][1] * 1e3:.1f} ms per token"
        )
    ratios = [a / b for a, b in zip(found["packaged"], found["copy"], strict=True)]
    print(f"packaged / copy: {ratios[0]:.2f} of the prompt, {ratios[1]:.2f} of a token")


if __name__ == "__main__":
    main()

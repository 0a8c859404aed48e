"""Batches of sequences of unlike lengths. Knows nothing about models."""

from __future__ import annotations

import numpy as np


def batches(lengths: np.ndarray, seed: int, tokens: int) -> list[np.ndarray]:
    """Indices grouped by similar length, in random order of the groups.

    Args:
        lengths: int (n,), tokens of each sequence.
        tokens: the most padded tokens of a group, unless one sequence alone has more.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(lengths + rng.uniform(0, 12, len(lengths)), kind="stable")
    groups: list[np.ndarray] = []
    current: list[int] = []
    longest = 0
    for index in order:
        longest = max(longest, int(lengths[index]))
        if current and longest * (len(current) + 1) > tokens:
            groups.append(np.array(current))
            current, longest = [], int(lengths[index])
        current.append(int(index))
    groups.append(np.array(current))
    rng.shuffle(groups)  # type: ignore[arg-type]
    return groups

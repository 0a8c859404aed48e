"""How often slow tests repeat what they do at random: enough for CI; DATELINE_ROUNDS=1000 for the full measure."""

from __future__ import annotations

import os

ROUNDS = int(os.environ.get("DATELINE_ROUNDS", "150"))

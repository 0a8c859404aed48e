"""How often slow tests repeat what they do at random: enough for CI; TEST_REPEATS=1000 for the full measure."""

from __future__ import annotations

import os

REPEATS = int(os.environ.get("TEST_REPEATS", "150"))

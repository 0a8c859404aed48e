"""The five lines of Python in the README run as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rag.settings import Settings

ROOT = Path(__file__).parent.parent


def test_the_five_lines_run_as_printed(briefs: Settings) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    code = next(block for block in blocks if "from rag import" in block)
    assert len(code.strip().splitlines()) == 5
    environment = os.environ | {"DATELINE_INDEX_DIR": str(briefs.index_dir), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "19 October 2025" in done.stdout
    assert "[1]" in done.stdout


def test_the_langchain_example_runs_as_printed(briefs: Settings) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    code = next(block for block in blocks if "rag.adapters" in block)
    environment = os.environ | {"DATELINE_INDEX_DIR": str(briefs.index_dir), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mediat" in done.stdout.casefold()


def test_every_command_in_the_readme_exists() -> None:
    from rag.cli import main

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^rag (\w+)", readme, re.M)) <= set(main.commands)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", readme, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target

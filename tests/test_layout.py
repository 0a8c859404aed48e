"""The picture in docs/DESIGN.md is true: imports run one way only, and heavy ones wait until they are needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEVELS = [
    {"types", "errors", "settings", "resources", "offline", "escapes", "jsonform", "__init__"},
    {"language"},
    {"articles", "models"},
    {"indexing"},
    {"retrieval"},
    {"answering"},
    {"evaluation", "adapters", "doctor", "page"},
    {"cli"},
]
LEVEL = {name: n for n, names in enumerate(LEVELS) for name in names}
HEAVY = {"torch", "llama_cpp", "gradio", "sentence_transformers", "transformers", "faiss", "trafilatura", "dateparser"}
FILES = sorted((ROOT / "rag").rglob("*.py"))


def _imports(path: Path) -> list[tuple[str, bool]]:
    """Modules imported, and whether at the top of the file (TYPE_CHECKING blocks aside)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", id(node) in top))
        elif isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT / "rag").parts[0].removesuffix(".py")
    if room == "__init__":
        return  # hands out Bot and Retriever, at first use
    for module, at_top in _imports(path):
        if module.startswith("rag."):
            other = module.split(".")[1]
            assert LEVEL[other] <= LEVEL[room], f"{room} imports {module}"
        # page/view is the page itself: only app.py imports it.
        is_heavy = module.split(".")[0] in HEAVY and path.parent.name != "view"
        assert not (at_top and is_heavy), f"{path} imports {module} at the top"


def test_no_print_in_the_library() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            assert not is_print, path


def test_import_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys, rag, rag.cli\n"
        "from click.testing import CliRunner\n"
        "assert CliRunner().invoke(rag.cli.main, ['--help']).exit_code == 0\n"
        f"print(sorted(set(sys.modules) & {HEAVY | {'numpy'}!r}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_the_tree_in_the_readme_is_true() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"```text\n(.*?)```", readme, re.S)
    assert tree
    names = re.findall(r"^(\S+)", tree[1], re.M)
    assert {"rag/", "prompts/", "index/", "eval/", "samples/", "tests/"} <= set(names)
    for name in names:
        assert (ROOT / name).exists(), name
    rooms = set(re.findall(r"^  (\S+/)", tree[1], re.M))
    assert rooms == {f"{p.name}/" for p in (ROOT / "rag").iterdir() if (p / "__init__.py").is_file()}


def test_nothing_of_this_machine_is_tracked() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split("\n"):
        path = ROOT / name
        if name and path.suffix in {".py", ".md", ".toml", ".txt", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not re.search(
                r"/(?:root|home/\w+|work)/(?!\.\.)\w", text.replace("test_layout", "")
            ) or name.endswith("test_layout.py"), name

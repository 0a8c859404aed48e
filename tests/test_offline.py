"""Nothing goes out: each command runs in a network namespace of its own that counts look-ups and connections."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RAG = [sys.executable, "-m", "rag.cli"]
#: Opens the page, asks it a question, has it search and list, and lets it run on for so many seconds.
VISIT = """
import json, os, re, subprocess, sys, time, urllib.request
from pathlib import Path
log = Path(os.environ["DATELINE_DATA_DIR"]).parent / "log"
page = subprocess.Popen([sys.executable, "app.py"], stdout=log.open("w"), stderr=subprocess.STDOUT)
until = time.monotonic() + 240
while not (found := re.search(r"http://127.0.0.1:\\d+", log.read_text())):
    assert page.poll() is None and time.monotonic() < until, log.read_text()
    time.sleep(.2)
try:
    opened = time.monotonic()
    urllib.request.urlopen(found[0]).read()
    calls = {"ask": ["Where was the ceasefire signed?", [], "", "", 0, "", []],
             "search": ["mediated", [], "", "", 0, []], "articles": ["", 3]}
    for name, data in calls.items():
        call = urllib.request.Request(f"{found[0]}/gradio_api/call/{name}", json.dumps({"data": data}).encode(),
                                      {"Content-Type": "application/json"})
        event = json.load(urllib.request.urlopen(call))["event_id"]
        said = urllib.request.urlopen(f"{found[0]}/gradio_api/call/{name}/{event}").read().decode()
        assert "event: complete" in said, said
    time.sleep(max(0, float(sys.argv[1]) - (time.monotonic() - opened)))
finally:
    page.terminate()
    page.wait()
"""


def _namespace() -> list[str]:
    """The command that gives a program a network of its own."""
    for command in (["unshare", "-rn"], ["unshare", "-n"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
        ):
            return command
    pytest.skip("no network namespace may be made here (unshare -n)")


def alone(command: list[str], home: Path) -> tuple[dict[str, int], str]:
    """Run it as a person would who has just installed the package, whatever their settings; returns whom it asked."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    kept |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
    }
    kept |= {f"DATELINE_{name.upper()}": str(home / name) for name in ("index_dir", "data_dir", "cache_dir")}
    kept |= {"DATELINE_PORT": "0", "MPLCONFIGDIR": str(home / "mpl")}
    done = subprocess.run(
        [*_namespace(), sys.executable, str(ROOT / "tests" / "alone.py"), *command],
        cwd=ROOT, env=kept, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *_, last = done.stdout.splitlines()
    return json.loads(last), done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's home with an index of the briefs, made by `rag index --sample`."""
    folder = tmp_path_factory.mktemp("home")
    assert alone([*RAG, "index", "--sample"], folder)[0] == {}
    return folder


def test_the_namespace_counts_what_goes_out(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "for name in ('example.com', '192.0.2.7'):\n"
        "    try: socket.create_connection((name, 443), timeout=2)\n"
        "    except OSError: pass\n"
    )
    found, _ = alone([sys.executable, "-c", code], tmp_path)
    assert "tcp 192.0.2.7:443" in found
    assert any(line.endswith("example.com") for line in found), found


@pytest.mark.parametrize(
    "command",
    [
        ["ask", "Where was the ceasefire signed?"],
        pytest.param(["ask", "Where was the ceasefire signed?", "--model", "smollm2-135m"], marks=pytest.mark.slow),
        ["models", "list"],
        pytest.param(["eval", "--limit", "5", "--controls"], marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
    ids=" ".join,
)
def test_no_command_asks_anyone(home: Path, command: list[str]) -> None:
    assert alone([*RAG, *command], home)[0] == {}


@pytest.mark.parametrize("seconds", [6, pytest.param(120, marks=pytest.mark.slow)])
def test_the_page_asks_no_one(home: Path, seconds: int) -> None:
    assert alone([sys.executable, "-c", VISIT, str(seconds)], home)[0] == {}


def test_no_report_is_kept_in_the_user_s_cache(home: Path) -> None:
    alone([*RAG, "ask", "Where was the ceasefire signed?"], home)
    found = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    ours = ("index_dir/", "data_dir/", "cache_dir/", "mpl/", "log")
    assert {name for name in found if not name.startswith(ours)} == set()
    kept = {name for name in found if not name.startswith("cache_dir/encoders/")}  # the encoder's own copy
    assert not {name for name in kept if "onnx" in name.lower() or "ort" in Path(name).suffix}


def test_the_switches_are_set_before_anything_heavy() -> None:
    code = (
        "import sys, rag, os\n"
        "assert not {'onnxruntime', 'gradio', 'huggingface_hub', 'transformers'} & set(sys.modules)\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'], os.environ['GRADIO_ANALYTICS_ENABLED'])"
    )
    told = {"ORT_DISABLE_TELEMETRY": "0", "GRADIO_ANALYTICS_ENABLED": "True"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | told, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "False"]


def test_threads_wait_asleep_and_a_person_may_say_otherwise() -> None:
    code = (
        "import sys, rag, os\n"
        "assert not {'torch', 'llama_cpp', 'faiss'} & set(sys.modules)\n"
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    plain = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for told, expected in ((plain, "PASSIVE"), (plain | {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        done = subprocess.run(
            [sys.executable, "-c", code], env=told, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected

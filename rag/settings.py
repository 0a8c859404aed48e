"""One frozen Settings. The environment and the settings file are read here and nowhere else.

Order, later wins: defaults, the settings file (`dateline.toml` in the working directory, or the file that
DATELINE_SETTINGS names), DATELINE_* environment variables, arguments given in code or on the command line.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rag import resources
from rag.errors import SettingsError

PACKAGED_EMBEDDING_MODEL = "all-MiniLM-L6-v2"
EMBEDDED_MODEL = "smollm2-135m"
EXTRACTS = "extracts"
AUTO = "auto"
NO_RERANKER = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be chosen.

    Attributes:
        index_dir: folder of the index; or milvus://HOST:PORT/NAME (milvus+tls:// with encryption), or a path that ends
            in .db for milvus-lite, see docs/SCALE.md.
        milvus_token: USER:PASSWORD or an API key for Milvus; never printed.
        cache_dir: where fetched models and remembered probes are kept.
        embedding_model: "all-MiniLM-L6-v2" is the packaged one; else a sentence-transformers id or folder.
        passage_tokens: largest passage in tokens of the embedding model (16 up to the model's limit).
        passage_overlap: tokens shared by neighbouring passages (0 up to half of passage_tokens).
        model: "auto" (the best measured one that is here), "extracts" (no language model), "smollm2-135m"
            (embedded), a preset's name, a path to a .gguf, or the http(s) base URL of an OpenAI-compatible endpoint.
        endpoint_model: the model's name at the endpoint; "" takes the first it offers.
        api_key: sent to the endpoint as a bearer token; never printed.
        context_tokens: context window to open the language model with (512 and up).
        answer_tokens: most tokens of an answer.
        threads: CPU threads for the language model, 0 = all cores.
        k: passages retrieved for a question (1 to 50).
        max_per_article: most passages of one article among them (1 and up).
        reranker: "none", or a sentence-transformers CrossEncoder's id or folder.
        threshold: the least probability in [0, 1] that the best sentence answers, or the bot abstains (0 always
            answers); None takes the measured one. `rag eval calibrate` finds one for other articles.
        data_dir: folder of saved conversations and feedback.
        host, port: where the page listens.
        allowed_hosts: names and addresses, separated by commas, that the page answers to besides this machine's own.
        auth: who may use the page, as name:password, several separated by commas, or @FILE with one on each line; never
            printed. Needed for any host but this machine itself.
        allow_private_urls: whether a URL to index may point to this machine or a private network.
    """

    index_dir: Path
    cache_dir: Path
    data_dir: Path
    embedding_model: str = PACKAGED_EMBEDDING_MODEL
    passage_tokens: int = 192
    passage_overlap: int = 48
    model: str = AUTO
    endpoint_model: str = ""
    milvus_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    context_tokens: int = 2048
    answer_tokens: int = 160
    threads: int = 0
    k: int = 8
    max_per_article: int = 3
    reranker: str = NO_RERANKER
    threshold: float | None = None
    host: str = "127.0.0.1"
    port: int = 7860
    allowed_hosts: str = ""
    auth: str = field(default="", repr=False)
    allow_private_urls: bool = False

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read the file and the environment, apply `overrides` (None means not given), check every value.

        Raises:
            SettingsError: names the setting, where it came from, and what it takes.
        """
        env = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        named = env.get("DATELINE_SETTINGS")
        file = Path(named) if named else Path("dateline.toml")
        if named and not file.is_file():
            raise SettingsError(f"DATELINE_SETTINGS names {file}, which is not a file.", "Correct it or unset it.")
        if file.is_file():
            values |= _from_file(file)
        for name in _NAMES:
            if raw := env.get(f"DATELINE_{name.upper()}"):
                values[name] = _convert(name, raw, f"environment variable DATELINE_{name.upper()}")
        for name, value in overrides.items():
            if value is not None:
                values[name] = _convert(name, value, f"argument {name}")
        values.setdefault("index_dir", resources.default_index_dir())
        values.setdefault("cache_dir", resources.default_cache_dir())
        values.setdefault("data_dir", resources.default_data_dir())
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        for name, low, high in (
            ("passage_tokens", 16, 8192),
            ("passage_overlap", 0, self.passage_tokens // 2),
            ("context_tokens", 512, 1_000_000),
            ("answer_tokens", 16, 8192),
            ("threads", 0, 1024),
            ("k", 1, 50),
            ("max_per_article", 1, 50),
            ("port", 0, 65535),
            ("threshold", 0, 1),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                kind = "number" if name == "threshold" else "whole number"
                old = " It is a probability since version 2; earlier scores went to 1.6." if name == "threshold" else ""
                raise SettingsError(f"{name} is {value}.", f"Give a {kind} from {low} to {high}.{old}")


_NAMES = {each.name: str(each.type) for each in fields(Settings)}


def _from_file(file: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error}.", "Mend it or move it away.") from error
    return {name: _convert(name, value, f"settings file {file}") for name, value in raw.items()}


def _convert(name: str, value: Any, where: str) -> Any:
    if name not in _NAMES:
        known = ", ".join(sorted(_NAMES))
        raise SettingsError(f"Unknown setting {name!r} ({where}).", f"Known settings: {known}.")
    kind = _NAMES[name]
    if kind == "Path":
        if not isinstance(value, (str, Path)) or not str(value).strip() or "\0" in str(value):
            raise SettingsError(f"{name} is {value!r} ({where}).", "Give the path of a folder.")
        try:
            path = Path(value).expanduser()
            path.exists()
        except (OSError, RuntimeError) as error:  # too long, or an unknown ~name
            reason = getattr(error, "strerror", None) or error
            raise SettingsError(f"{name} cannot be used ({where}): {reason}.", "Give the path of a folder.") from error
        return path
    if kind == "bool":
        if str(value).lower() in {"1", "true", "yes", "on"}:
            return True
        if str(value).lower() in {"0", "false", "no", "off"}:
            return False
        raise SettingsError(f"{name} is {value!r} ({where}).", "Give true or false.")
    if kind == "float | None":
        try:
            return float(str(value))
        except ValueError:
            raise SettingsError(f"{name} is {value!r} ({where}).", "Give a number.") from None
    if kind == "int":
        try:
            return int(str(value))
        except ValueError:
            raise SettingsError(f"{name} is {value!r} ({where}).", "Give a whole number.") from None
    if not isinstance(value, (str, Path)):
        raise SettingsError(f"{name} is {value!r} ({where}).", "Give a text in quotes.")
    return str(value)

"""Plain text and Markdown, with or without front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rag.articles.assemble import make_article, name_of
from rag.articles.clean import clean
from rag.articles.encoding import decode
from rag.articles.kinds import MARKDOWN
from rag.articles.markdown import blocks_of
from rag.articles.reading import Entry, Source
from rag.errors import ArticleError
from rag.types import Article, Role

#: What makes lines between rules a front matter: one of these keys. Other texts begin with a rule too.
_KEYS = frozenset(
    "title headline source date published published_at author authors url link tags lang language".split()
)
_YAML = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.S | re.M)
#: A line drawn across a plain text.
_RULE = re.compile(r"^[ \t]*([-=_*~])\1{2,}[ \t]*$", re.M)
_PLAIN_PAIR = re.compile(r"\w[\w -]*:[ \t]+[^\s\[\]{}&*!|>'\"%@`#-].*$")
_TOML = re.compile(r"\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*$", re.S | re.M)


def read(source: Source) -> Iterator[Entry]:
    """The one article of a text."""
    yield Entry(source.origin, lambda: _article(source))


def _article(source: Source) -> Article:
    text = decode(source.data, source.charset).replace("\r\n", "\n").lstrip("\ufeff")
    meta, body = front_matter(text)
    title = name_of(meta.get("title") or meta.get("headline"))
    blocks: list[tuple[str, Role | None]] = []
    if source.kind in MARKDOWN:
        blocks = blocks_of(body)
        body = "\n\n".join(block for block, _ in blocks)
        if not title and blocks and blocks[0][1] == "heading":
            title = blocks[0][0]
    else:
        body = _RULE.sub("", body)
        title = title or _heading(body)
    return make_article(clean(body, title), source.origin, source.id, meta=meta, url=source.url or None, blocks=blocks)


def front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    """Metadata in YAML (between ---) or TOML (between +++) and the text below; none of it when there is no such.

    Raises:
        ArticleError: it is not valid.
    """
    if text.startswith("---") and (match := _YAML.match(text)):
        meta = _yaml(match[1])
    elif text.startswith("+++") and (match := _TOML.match(text)):
        meta = _toml(match[1])
    else:
        return {}, text
    if not isinstance(meta, dict) or not _KEYS & {str(key).lower() for key in meta}:
        return {}, text
    return {str(key).lower(): value for key, value in meta.items()}, text[match.end() :]


def _yaml(text: str) -> object:
    from yaml import SafeLoader, YAMLError
    from yaml.events import AliasEvent

    class Loader(SafeLoader):  # type: ignore[misc]
        """Without aliases, of which 320 bytes can unfold to gigabytes; dates stay text: a wrong one harms nothing."""

        def compose_node(self, parent: object, index: object) -> object:
            if self.check_event(AliasEvent):
                raise ArticleError("The front matter uses YAML aliases.", "Write the values out.")
            return super().compose_node(parent, index)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in SafeLoader.yaml_implicit_resolvers.items()
    }
    loader = Loader(text)
    try:
        return loader.get_single_data()
    except (YAMLError, ValueError, RecursionError) as error:
        if not any(line.split(":")[0].strip().lower() in _KEYS for line in text.split("\n")):
            return None  # lines between two rules, never meant as metadata
        if all(map(_PLAIN_PAIR.match, filter(str.strip, text.split("\n")))):
            pairs = (line.partition(":") for line in text.split("\n") if line.strip())
            return {key.strip(): value.strip() for key, _, value in pairs}  # a title with a colon that nobody quoted
        line = " ".join(str(error).split())[:200]
        raise ArticleError(f"The front matter is not valid YAML: {line}", "Mend the lines between ---.") from error
    finally:
        loader.dispose()


def _toml(text: str) -> object:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ArticleError(f"The front matter is not valid TOML: {error}", "Mend the lines between +++.") from error


def _heading(body: str) -> str:
    first = next((line.strip() for line in body.split("\n") if line.strip()), "")
    return first[2:].strip() if first.startswith("# ") else ""

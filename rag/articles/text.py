"""Plain text, with or without front matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rag.articles.assemble import make_article
from rag.articles.clean import clean
from rag.articles.markdown import strip_markdown
from rag.errors import ArticleError
from rag.types import Article


def from_text(text: str, origin: str, article_id: str, url: str | None = None) -> Article:
    import frontmatter
    from yaml import YAMLError

    meta: dict[str, Any] = {}
    body = text.lstrip("\ufeff")
    if body.startswith("---"):
        try:
            meta, body = frontmatter.parse(body)
        except (YAMLError, ValueError) as error:
            line = " ".join(str(error).split())[:200]
            raise ArticleError(f"The front matter is not valid YAML: {line}", "Mend the lines between ---.") from error
    elif body.startswith("+++"):
        meta, body = _toml_front_matter(body)
    title = str(meta.get("title") or "")
    if not title and (heading := _heading(body)):
        title = heading
    if Path(origin).suffix.lower() in {".md", ".markdown"}:
        body = strip_markdown(body)
    return make_article(clean(body, title), origin, article_id, meta=meta, url=url)


def _toml_front_matter(text: str) -> tuple[dict[str, Any], str]:
    import re
    import tomllib

    match = re.match(r"\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t\r]*$", text, re.S | re.M)
    if not match:
        return {}, text
    try:
        return tomllib.loads(match[1].replace("\r\n", "\n")), text[match.end() :]
    except tomllib.TOMLDecodeError as error:
        raise ArticleError(f"The front matter is not valid TOML: {error}", "Mend the lines between +++.") from error


def _heading(body: str) -> str:
    first = next((line.strip() for line in body.splitlines() if line.strip()), "")
    return first[2:].strip() if first.startswith("# ") else ""

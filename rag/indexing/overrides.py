"""Titles, outlets and days that a person set right, kept beside the index and put over whatever is read later.

One JSON file in the index's folder, so that neither a rebuild nor a damaged index loses it; written whole or not at
all, by whoever holds the index's write lock. Knows nothing about passages or pages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from rag.errors import IndexCorrupted
from rag.types import Article, parse_day

#: What can be set right; days are written as YYYY-MM-DD, "" for none.
FIELDS = ("title", "source", "published")


@dataclass(frozen=True, slots=True)
class Override:
    """What a person says of one article.

    Attributes:
        values: by field, of FIELDS; only those that differ from what was read.
        as_read: the same fields as they were read, and how the day was found ("dated_by").
    """

    values: Mapping[str, str]
    as_read: Mapping[str, str]

    def over(self, article: Article) -> Article:
        """The article with the person's values."""
        changed: dict[str, Any] = {name: self.values[name] for name in ("title", "source") if name in self.values}
        if "published" in self.values:
            day = self.values["published"]
            changed |= {"published": date.fromisoformat(day) if day else None, "dated_by": "person" if day else ""}
        return replace(article, **changed)


class Overrides:
    """Those of one index.

    Raises:
        IndexCorrupted: the file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "corrected-by-hand.json"
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            self._known = {str(id_): Override(dict(each["values"]), dict(each["as_read"])) for id_, each in raw.items()}
        except FileNotFoundError:
            self._known = {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IndexCorrupted(
                f"The corrections in {self._path} cannot be read: {error}.", "Mend the file, or move it away."
            ) from error

    def get(self, article_id: str) -> Override | None:
        """What a person said of an article."""
        return self._known.get(article_id)

    def over(self, article: Article) -> Article:
        """The article as a person says that it is; itself when nobody said anything."""
        override = self._known.get(article.id)
        return override.over(article) if override else article

    def correct(self, article: Article, values: Mapping[str, str]) -> Article:
        """Keep what a person says of an article, and give it so; what was read needs no correction.

        Args:
            article: as it is in the index.
            values: by field; others stay as they are.

        Raises:
            InputError: a day is none.
        """
        before = self._known.get(article.id)
        as_read = _fields(article) | dict(before.as_read if before else {})
        said = (dict(before.values) if before else {}) | {
            name: values[name].strip() for name in FIELDS if name in values
        }
        if day := said.get("published"):
            parse_day("published", day)
        if not said.get("title", as_read["title"]):
            del said["title"]
        override = Override({n: said[n] for n in FIELDS if n in said and said[n] != as_read[n]}, as_read)
        read = replace(
            article,
            title=as_read["title"], source=as_read["source"], dated_by=as_read["dated_by"],
            published=date.fromisoformat(as_read["published"]) if as_read["published"] else None,
        )  # fmt: skip
        self._known.pop(article.id, None)
        if override.values:
            self._known[article.id] = override
        self._write()
        return override.over(read)

    def drop(self, article_id: str) -> None:
        """Forget what was said of an article."""
        if self._known.pop(article_id, None):
            self._write()

    def _write(self) -> None:
        text = json.dumps(
            {id_: {"values": dict(o.values), "as_read": dict(o.as_read)} for id_, o in self._known.items()},
            ensure_ascii=False, indent=1,
        )  # fmt: skip
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _fields(article: Article) -> dict[str, str]:
    return {
        "title": article.title,
        "source": article.source,
        "published": str(article.published or ""),
        "dated_by": article.dated_by,
    }

"""CSV and TSV with named columns: one article a row, the columns named as the fields of JSON records."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO

from rag.articles import records
from rag.articles.encoding import decode
from rag.articles.reading import Entry, Source
from rag.errors import ArticleError
from rag.types import Article, Refusal

_MOST_FIELD = 10_000_000


def read(source: Source) -> Iterator[Entry | Refusal]:
    """An entry for each row below the head.

    Raises:
        ArticleError: no column is named as a body is.
    """
    text = decode(source.data, source.charset)
    csv.field_size_limit(_MOST_FIELD)
    if re.match(r"sep=.\r?\n", text):  # for Excel
        text = text.split("\n", 1)[1]
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=head.count)
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip() for name in next(rows, [])]
    known = {records.plain_name(name): name for field in records.FIELDS.values() for name in field}
    names = [known.get(records.plain_name(name), name) for name in names]
    if not set(names) & set(records.FIELDS["body"]):
        columns = ", ".join(names)[:200]
        raise ArticleError(f"No column holds a body: {columns}.", 'Name the column of the text "body" or "text".')
    number, lines = 1, text.count("\n") + 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Refusal(f"{source.origin}:{rows.line_num}", f"The row cannot be read: {error}.", "Mend the row.")
            continue
        if row is None:
            return
        number += 1
        if not any(row):
            continue
        record = dict(zip(names, row, strict=False))

        def make(record: dict[str, str] = record, number: int = number) -> Article:
            made = records.article_of(record, source, f"{source.id}:{number}", "")
            assert isinstance(made, Article)
            return made

        yield Entry(f"{source.origin}:{number}", make, at=min(1.0, rows.line_num / lines))

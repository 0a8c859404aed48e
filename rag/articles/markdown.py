"""Markdown as plain text."""

from __future__ import annotations


def strip_markdown(body: str) -> str:
    """Markdown's marks go, its words stay."""
    import re

    body = re.sub(r"^[ ]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t\r]*$", r"\n\1\n", body, flags=re.M)
    body = re.sub(r"!\[([^\]]*)\]\([^)]*\)", "", body)
    body = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", body)
    body = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", body)
    body = re.sub(r"(?<!\w)([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?!\w)", r"\2", body)
    body = re.sub(r"^[ ]{0,3}>[ ]?", "", body, flags=re.M)
    body = re.sub(r"^[ ]{0,3}[*+-][ \t]+", "• ", body, flags=re.M)
    # A paragraph may run over several lines; bullets keep theirs.
    return re.sub(r"(?<=\S)[ ]*\n(?=[^\s•])", " ", body)

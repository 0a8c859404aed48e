"""The words of a piece of HTML, as a browser would show them. Knows nothing about whole pages."""

from __future__ import annotations

import re

from rag.articles.blocks import is_hidden

_BREAKS = (
    "p br div li h1 h2 h3 h4 h5 h6 blockquote tr ul ol table figure figcaption section article header footer pre"
    " hr dt dd"
).split()
_UNSEEN = ("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "textarea", "select")
#: Characters that are looked at.
_MOST_MARKUP = 5_000_000


def strip_html(markup: str) -> str:
    """The words of a piece of HTML, a line for each block; what a browser does not show goes."""
    if "<" not in markup and "&" not in markup:
        return markup
    from lxml import html as lxml_html
    from lxml.etree import ParserError

    markup = bounded_tags(_XML_DECLARATION.sub("", markup[:_MOST_MARKUP]))
    # lxml takes no control characters; they are no words either.
    markup = _CONTROL.sub(" ", markup)
    try:
        root = lxml_html.fragment_fromstring(markup, create_parent="div")
    except (ParserError, ValueError, AssertionError):
        return ""
    for element in list(root.iter()):
        unseen = not isinstance(element.tag, str) or element.tag in _UNSEEN or is_hidden(element)
        if unseen and element.getparent() is not None:
            element.drop_tree()
    for element in root.iter(*_BREAKS):
        element.tail = "\n" + _clean(element.tail)
        if element.tag != "br" and element is not root:
            element.text = "\n" + _clean(element.text)
    for element in root.iter("td", "th"):
        element.tail = " " + _clean(element.tail)
    return _LINES.sub("\n", str(root.text_content())).strip("\n")


def _clean(text: str | None) -> str:
    """What an entity such as &#x1F; became, which lxml gives but does not take."""
    return _CONTROL.sub(" ", text or "")


def bounded_tags(markup: str) -> str:
    """Markup whose tags have no more attributes than a parser, which compares each with all others, can take."""
    return _LONG_TAG.sub(lambda m: f"<{m[1]}>" if m[0].count("=") > _MOST_ATTRIBUTES else m[0], markup)


_LONG_TAG = re.compile(r"<([A-Za-z][\w:-]{0,40})[^<>]{5000,}>")
_MOST_ATTRIBUTES = 500
_XML_DECLARATION = re.compile(r"^\s*(?:<\?xml[^>]*\?>|<!doctype[^>]*>|\s)*", re.I)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_LINES = re.compile(r"\n[ \t\r]*(?:\n[ \t\r]*)+")

"""Bytes become text. Knows nothing about formats.

The order follows the WHATWG Encoding standard: a byte order mark, then what the sender said, then what the bytes are.
"""

from __future__ import annotations

import codecs
import re

from rag.errors import ArticleError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: What browsers read instead of the encoding named, since senders mean the larger one (WHATWG Encoding, section 4.2).
_LARGER = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
_BINARY = (b"\x89PNG", b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"\xff\xd8\xff")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,80}\bencoding\s*=\s*["']([\w.:-]+)|<meta[^>]{0,200}?\bcharset\s*=\s*["']?\s*([\w.:-]+)""", re.I)  # fmt: skip # noqa: E501


def decode(data: bytes, charset: str = "") -> str:
    """Bytes as text: by their mark, by the charset if it fits, as UTF-8 if mostly valid, else by what is likeliest.

    Args:
        charset: what the sender says, e.g. in an HTTP header; "" if nothing.

    Raises:
        ArticleError: the bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(encoding, "replace"))
    if wide := _wide(data):
        return _checked(data.decode(wide, "replace"))
    if data.startswith(_BINARY) or b"\x00" in data[:4096]:
        raise _binary()
    if charset and (text := _as_said(data, charset)) is not None:
        return _checked(text)
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "dateline-mend")
    wrong = len(_MENDED.findall(text))
    right = sum(c > "\x7f" for c in text) - wrong
    if right >= wrong:
        return _checked(_MENDED.sub(lambda m: _one_byte(ord(m[0]) - 0xDC00), text))
    return _checked(_single_bytes(data))


def declared_charset(data: bytes) -> str:
    """The charset that a page or an XML file names in its first kilobytes, "" if none."""
    found = _DECLARED.search(data[:4096])
    return (found[1] or found[2]).decode("ascii", "replace") if found else ""


_MENDED = re.compile("[\udc80-\udcff]")
codecs.register_error("dateline-mend", codecs.lookup_error("surrogateescape"))


def _one_byte(byte: int) -> str:
    """A stray byte in UTF-8 is nearly always a quotation mark or a letter pasted from Windows-1252."""
    return bytes([byte]).decode("cp1252", "replace")


def _wide(data: bytes) -> str:
    """UTF-16 or UTF-32 without a mark shows by where its zero bytes stand: three of four, or every other one."""
    head = data[:4096]
    head = head[: len(head) // 4 * 4]
    zeros = [head[n::4].count(0) / max(len(head) // 4, 1) for n in range(4)]
    if len(head) < 8 or max(zeros) < 0.3:
        return ""
    if min(zeros[1:]) > 0.9 and zeros[0] < 0.1:
        return "utf-32-le" if zeros[1] > 0.9 else ""
    if min(zeros[:3]) > 0.9 and zeros[3] < 0.1:
        return "utf-32-be"
    low, high = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    if low < 0.02 and high > 0.3:
        return "utf-16-le"
    return "utf-16-be" if high < 0.02 and low > 0.3 else ""


def _as_said(data: bytes, charset: str) -> str | None:
    try:
        name = codecs.lookup(charset).name
        name = _LARGER.get(name, name)
        if name in {"utf-8", "utf_8", "utf-16", "utf-32"}:
            return None  # what is valid UTF-8 is found without being told; the wide ones would have shown
        return data.decode(name)
    except (LookupError, UnicodeError, ValueError):
        return None


def _single_bytes(data: bytes) -> str:
    """The likeliest encoding; Windows-1252 where the text reads as a western language in it.

    The guesser takes short western texts for Central European or Baltic ones. In Windows-1252 those would show signs
    within words ("¹", "³", "¶"), and Turkish the Icelandic "ð", "ý", "þ".
    """
    from charset_normalizer import from_bytes

    plain = data.decode("cp1252", "replace")
    high = sum(c > "\x7f" for c in plain)
    odd = len(_ODD_IN_1252.findall(plain))
    letters = sum(c.isalpha() for c in plain)
    if high < 0.25 * max(letters, 1) and odd <= 0.1 * high:
        return plain
    best = from_bytes(data, cp_isolation=_COMMON, threshold=0.4).best() or from_bytes(data).best()
    if best is None:
        raise _binary()
    return str(best)


#: The encodings that browsers know (WHATWG Encoding, section 4.2) and texts still come in; a guess among all those that
#: Python knows takes Polish and Turkish for Lithuanian.
_COMMON = (
    "cp1250 iso8859_2 cp1251 koi8_r cp1253 cp1254 cp1255 cp1256 cp1258 cp874 gb18030 big5 cp932 euc_jp cp949 mac_roman"
).split()
#: Signs of another encoding, read as Windows-1252: signs and capitals within words, Icelandic letters, holes.
_ODD_IN_1252 = re.compile(
    r"(?<=[a-z])[¡¢£¤¥¦§¨©ª¬®¯°±²³´µ¶¸¹º¼½¾¿×÷ŠŒŽŸÀ-Þ](?=[a-z])|[ðýþÐÝÞ\ufffd]"
    r"|(?<=[a-z])[¡¢¤¥¦¨¬¯±²³´µ¶¸¹¼½¾¿÷](?=\W)|(?<=\s)[¢¤¥¦¨ª¬¯±²³´µ¶¸¹º¼½¾÷](?=[a-z])"
)


def _binary() -> ArticleError:
    return ArticleError("The file is not text.", "Give .txt, .md, .html, .pdf, .json, .jsonl or a feed.")


def _checked(text: str) -> str:
    head = text[:4096]
    controls = sum((c < " " and c not in "\t\n\r\f\v") or c == "\x7f" for c in head)
    if controls > 0.02 * min(len(text), 4096):
        raise _binary()
    return text

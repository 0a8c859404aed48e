"""Text recognition by tesseract, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO

INSTALL = (
    "Install tesseract (Debian and Ubuntu: apt install tesseract-ocr; macOS: brew install tesseract) to read them."
)
#: Dots to the inch, which tesseract's guide names as the least for good results; and points to the inch.
_DPI, _POINTS = 300, 72
#: Longest side of a page drawn, in dots.
_MOST_DOTS = 5000
_SECONDS = 90


def available() -> bool:
    """Whether tesseract is installed."""
    return shutil.which("tesseract") is not None


def recognise(pdf: bytes, page: int) -> str:
    """The text that tesseract reads on a page of a PDF, 0-based; "" when it is not installed or reads none."""
    if not available():
        return ""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        drawn = document[page]
        scale = min(_DPI / _POINTS, _MOST_DOTS / max(drawn.get_size()))
        picture = BytesIO()
        drawn.render(scale=scale, grayscale=True).to_pil().save(picture, "PNG")
    finally:
        document.close()
    try:
        found = subprocess.run(
            ["tesseract", "stdin", "stdout", "--dpi", str(round(scale * _POINTS))],
            input=picture.getvalue(), capture_output=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode("utf-8", "replace")

"""Where the files that are not code lie: in the checkout at the top, in the wheel under rag/_data.

Knows nothing about what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rag.errors import ModelBroken, ModelMissing

_PACKAGE = Path(__file__).resolve().parent
_WHEEL_DATA = _PACKAGE / "_data"
_Model = TypeVar("_Model")


def in_checkout() -> bool:
    """True when the package runs from a source checkout rather than an installed wheel."""
    return not _WHEEL_DATA.is_dir()


def resource(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. resource("prompts", "answer.txt")."""
    root = _PACKAGE.parent if in_checkout() else _WHEEL_DATA
    return root.joinpath(*parts)


def from_manifest(name: str, make: Callable[[Any], _Model]) -> _Model:
    """A model that is no more than the numbers in its models/NAME/manifest.json.

    Args:
        make: the model of what stands there; raises ValueError, KeyError, TypeError or AttributeError where that is
            damaged.

    Raises:
        ModelMissing, ModelBroken: the file cannot be read, or is damaged.
    """
    path = resource("models", name, "manifest.json")
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelMissing(f"{path} cannot be read: {error}.", "Restore models/ from the repository.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelBroken(f"{path} is damaged: {error!r}.", "Restore models/ from the repository.") from error


def default_index_dir() -> Path:
    """index/ of the checkout, or the user's data folder for an installed wheel."""
    if in_checkout():
        return _PACKAGE.parent / "index"
    import platformdirs

    return Path(platformdirs.user_data_dir("dateline")) / "index"


def default_cache_dir() -> Path:
    """The user's cache folder for fetched models and remembered probes."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("dateline"))


def default_data_dir() -> Path:
    """The user's data folder for conversations and feedback."""
    import platformdirs

    return Path(platformdirs.user_data_dir("dateline"))

"""Whether a model that we trained is whole: one check for every folder of weights and their manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rag.errors import ModelBroken, ModelMissing


def verified_manifest(folder: Path, name: str, weights: str = "model.onnx") -> dict[str, Any]:
    """The manifest of a folder whose weights are there and match its checksum.

    Args:
        name: what the model is called in messages, e.g. "reader".
        weights: the name of their file.

    Raises:
        ModelMissing: a file cannot be read.
        ModelBroken: a file is damaged or does not match its checksum.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        with (folder / weights).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelMissing(
            f"The {name} in {folder} cannot be read: {error}.", "Restore models/ from the repository, or reinstall."
        ) from error
    except ValueError as error:
        raise ModelBroken(f"{folder}/manifest.json is damaged: {error}.", "Restore it from the repository.") from error
    if sha256 != manifest.get("sha256"):
        raise ModelBroken(
            f"The {name} {folder}/{weights} has the sha256 {sha256}, not {manifest.get('sha256')}.",
            "Restore models/ from the repository, or reinstall.",
        )
    return manifest

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import SettingsError
from rag.settings import Settings


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('k = 3\nmodel = "extracts"\nport = 1\n')
    env = {"DATELINE_SETTINGS": str(file), "DATELINE_PORT": "2", "DATELINE_ALLOW_PRIVATE_URLS": "yes"}
    settings = Settings.load(env, port=3, host=None)
    assert (settings.k, settings.model, settings.port, settings.host) == (3, "extracts", 3, "127.0.0.1")
    assert settings.allow_private_urls is True


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"DATELINE_K": "many"}, ["k is 'many'", "DATELINE_K", "whole number"]),
        ({"DATELINE_K": "0"}, ["k is 0", "1 to 50"]),
        ({"DATELINE_PASSAGE_OVERLAP": "100"}, ["passage_overlap is 100", "0 to 96"]),
        ({"DATELINE_ALLOW_PRIVATE_URLS": "perhaps"}, ["allow_private_urls", "true or false"]),
        ({"DATELINE_SETTINGS": "/nowhere/s.toml"}, ["/nowhere/s.toml", "not a file"]),
    ],
)
def test_a_bad_value_is_named_with_what_it_takes(env: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(env)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_unknown_name_in_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("passage_size = 3\n")
    with pytest.raises(SettingsError, match="Unknown setting 'passage_size'"):
        Settings.load({"DATELINE_SETTINGS": str(file)})
    file.write_text("k = [")
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load({"DATELINE_SETTINGS": str(file)})

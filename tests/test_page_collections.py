"""Named sets of articles, a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import InputError, RagError
from rag.page.collections import Collection, Collections, collections_of
from rag.page.view.asking import without


def test_a_collection_is_made_filled_renamed_and_deleted(tmp_path: Path) -> None:
    kept = Collections(tmp_path / "mine" / "c.json")
    assert kept.all() == []
    border = kept.make("  Border\n talks ", ["a", "b", "a"])
    assert (border.name, border.articles) == ("Border talks", ("a", "b"))
    assert kept.add(border.id, ["b", "c"]).articles == ("a", "b", "c")
    assert kept.remove(border.id, ["a"]).articles == ("b", "c")
    assert kept.rename(border.id, "BORDER TALKS").name == "BORDER TALKS", "its own name in other letters"
    other = kept.make("Aid", ["c", "d"])
    assert [each.name for each in kept.all()] == ["Aid", "BORDER TALKS"]
    assert kept.articles_of([border.id, other.id]) == ("c", "d", "b")
    kept.delete(border.id)
    kept.delete(border.id)
    assert Collections(tmp_path / "mine" / "c.json").all() == [Collection(other.id, "Aid", ("c", "d"))]
    assert (tmp_path / "mine" / "c.json").stat().st_mode & 0o077 == 0


def test_a_name_that_cannot_be_is_told(tmp_path: Path) -> None:
    kept = Collections(tmp_path / "c.json")
    kept.make("Aid")
    for name, words in ((" ", "needs a name"), ("aid", "already"), ("x" * 81, "81 characters")):
        with pytest.raises(InputError, match=words):
            kept.make(name)
    with pytest.raises(InputError, match="not there any more"):
        kept.add("nothing", ["a"])


def test_collections_are_asked_by_name(tmp_path: Path) -> None:
    kept = Collections(tmp_path / "c.json")
    assert kept.named([]) is None
    with pytest.raises(InputError, match=r"no collection 'Aid'\. Make one"):
        kept.named(["Aid"])
    kept.make("Border talks", ["a", "b"])
    kept.make("Aid", ["b", "c"])
    kept.make("Later")
    assert kept.named([" border  TALKS", "aid"]) == ("a", "b", "c")
    with pytest.raises(InputError, match=r"no collection 'Aids'\. Collections: Aid, Border talks, Later"):
        kept.named(["Aid", "Aids"])
    with pytest.raises(InputError, match="Later: no article is in it"):
        kept.named(["Later"])


def test_each_person_has_their_own_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    collections_of(tmp_path, "ann").make("Aid")
    assert collections_of(tmp_path, "bob").all() == []
    assert [each.name for each in collections_of(tmp_path, "ann").all()] == ["Aid"]
    (tmp_path / "c.json").write_text("[{]")
    with pytest.raises(RagError, match="cannot be read"):
        Collections(tmp_path / "c.json").all()


def test_a_choice_loses_what_its_chip_says() -> None:
    both = '{"articles": ["a"], "collections": ["c", "d"]}'
    assert without(both, "articles", "") == '{"collections": ["c", "d"]}'
    assert without(both, "collections", "c") == '{"articles": ["a"], "collections": ["d"]}'
    assert without('{"articles": ["a"]}', "articles", "") == ""
    assert without("", "sources", "x") == ""

"""Which article an incoming one is: a newer version, an older one, or another of the same name."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rag.articles import load
from rag.articles.addresses import same_page
from rag.indexing.build import IndexReport, build_index
from rag.indexing.identity import alike
from rag.indexing.store import Store
from rag.settings import Settings
from rag.types import Article

TWELVE = (
    "Officials in Ebel said on Monday that twelve people were hurt when the roof of the market hall fell, and that the "
    "hall will stay closed until the spring. The builder, Tamm and Sons, did not answer questions."
)
THIRTY = TWELVE.replace("twelve", "thirty") + " Correction: an earlier text gave a lower number."
OTHER = (
    "The choir of Ebel sings in the church on Sunday evening, and tickets cost nine crowns at the door, its head said."
)


def index(settings: Settings, letters: Any, *paths: Path, prune: bool = False) -> IndexReport:
    return build_index(load(paths), settings, embedder=letters, inputs=[str(p) for p in paths], prune=prune)


def record(path: Path, **fields: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields) + "\n")
    return path


def shown(settings: Settings) -> dict[str, str]:
    with closing(Store.open(settings.index_dir)) as store:
        return {row.id: store.article(row.id).text for row in store.article_rows()}  # type: ignore[union-attr]


def test_articles_that_a_program_made_need_no_origin(settings: Settings, letters: Any) -> None:
    made = [Article("one", "T", TWELVE), Article("two", "T", OTHER)]
    assert len(build_index(made, settings, embedder=letters).added) == 2
    build_index([Article("one", "T", THIRTY)], settings, embedder=letters)
    assert shown(settings) == {"one": THIRTY, "two": OTHER}


def test_what_was_unchanged_and_is_corrected_in_the_same_run_was_replaced(
    settings: Settings, letters: Any, tmp_path: Path
) -> None:
    first = record(tmp_path / "23.jsonl", id="e-1", body=TWELVE, date="2025-03-03")
    index(settings, letters, first)
    second = record(tmp_path / "24.jsonl", id="e-1", body=THIRTY, date="2025-03-04")
    report = index(settings, letters, first, second)
    assert (report.replaced, report.unchanged, report.added) == (("e-1",), (), ())
    assert shown(settings) == {"e-1": THIRTY}


@pytest.mark.parametrize(
    "named", [{"id": "e-1"}, {"url": "https://ebel.test/hall"}, {"id": "e-1", "title": "Roof falls"}]
)
def test_a_correction_replaces_what_it_corrects_and_the_older_stays_as_a_version(
    settings: Settings, letters: Any, tmp_path: Path, named: dict[str, str]
) -> None:
    first = record(tmp_path / "23.jsonl", body=TWELVE, date="2025-03-03", **named)
    second = record(tmp_path / "24.jsonl", body=THIRTY, date="2025-03-04", **named)
    index(settings, letters, first)
    report = index(settings, letters, second)
    (id_,) = report.replaced
    assert (report.renamed, report.near_duplicates) == ((), ())
    assert shown(settings) == {id_: THIRTY}
    with closing(Store.open(settings.index_dir)) as store:
        (earlier,) = store.versions(id_)
    assert (earlier.text, earlier.published) == (TWELVE, date(2025, 3, 3))
    # The older file again changes nothing, whatever the order.
    again = index(settings, letters, first, second)
    assert (again.replaced, again.added) == ((), ())
    assert shown(settings) == {id_: THIRTY}


def test_an_older_version_that_comes_later_does_not_replace_the_newer(
    settings: Settings, letters: Any, tmp_path: Path
) -> None:
    newer = record(tmp_path / "24.jsonl", id="e-1", body=THIRTY, date="2025-03-04", source="Ebel Post")
    older = record(tmp_path / "23.jsonl", id="e-1", body=TWELVE, date="2025-03-03", source="Ebel Post")
    index(settings, letters, newer)
    assert index(settings, letters, older).replaced == ()
    assert shown(settings) == {"e-1": THIRTY}
    with closing(Store.open(settings.index_dir)) as store:
        assert [version.text for version in store.versions("e-1")] == [TWELVE]


def test_both_versions_in_one_run(settings: Settings, letters: Any, tmp_path: Path) -> None:
    record(tmp_path / "in" / "23.jsonl", id="e-1", body=TWELVE, date="2025-03-03")
    record(tmp_path / "in" / "24.jsonl", id="e-1", body=THIRTY, date="2025-03-04")
    report = index(settings, letters, tmp_path / "in")
    assert (report.added, report.refusals) == (("e-1",), ())
    assert shown(settings) == {"e-1": THIRTY}


def test_a_number_that_two_collections_give_to_two_articles(settings: Settings, letters: Any, tmp_path: Path) -> None:
    index(settings, letters, record(tmp_path / "a.jsonl", id=7, title="Roof", body=TWELVE, source="Ebel Post"))
    report = index(
        settings, letters, record(tmp_path / "b.jsonl", id=7, title="Choir", body=OTHER, source="Choir News")
    )
    assert (report.replaced, len(report.renamed)) == ((), 1)
    assert sorted(shown(settings).values()) == sorted([TWELVE, OTHER])


def test_two_uploads_of_one_name_are_two_articles(settings: Settings, letters: Any, tmp_path: Path) -> None:
    for folder, text in (("up1", TWELVE), ("up2", OTHER), ("up3", THIRTY)):
        path = tmp_path / folder / "article.txt"
        path.parent.mkdir()
        path.write_text(text)
        index(settings, letters, path)
        path.unlink()
    texts = list(shown(settings).values())
    assert sorted(texts) == sorted([THIRTY, OTHER])  # the third is the first, corrected


def test_two_uploads_through_the_page(settings: Settings, letters: Any) -> None:
    def upload(text: str) -> IndexReport:
        item = Article("article", "Title", text, origin="upload://article.txt")
        return build_index([item], settings, embedder=letters)

    upload(TWELVE)
    ((_, second),) = upload(OTHER).renamed
    assert upload(OTHER).unchanged == (second,)
    assert upload(OTHER.replace("nine", "ten")).replaced == (second,)
    assert upload(THIRTY).replaced == ("article",)
    assert shown(settings) == {"article": THIRTY, second: OTHER.replace("nine", "ten")}


def test_entries_of_a_live_blog_share_an_address_and_stay_apart(
    settings: Settings, letters: Any, tmp_path: Path
) -> None:
    items = "".join(
        f"<item><title>{n}</title><link>https://ebel.test/live</link><guid isPermaLink='false'>g{n}</guid>"
        f"<description>{text}</description></item>"
        for n, text in enumerate((TWELVE, OTHER))
    )
    path = tmp_path / "live.xml"
    path.write_text(f"<rss version='2.0'><channel><title>Ebel Post</title>{items}</channel></rss>")
    index(settings, letters, path)
    assert sorted(shown(settings).values()) == sorted([TWELVE, OTHER])
    assert len(index(settings, letters, path).unchanged) == 2


def test_what_rolled_off_a_feed_is_not_pruned(settings: Settings, letters: Any, tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"

    def write(text: str, link: str) -> None:
        item = f"<item><title>T</title><link>{link}</link><description>{text}</description></item>"
        path.write_text(f"<rss version='2.0'><channel><title>Ebel Post</title>{item}</channel></rss>")

    write(TWELVE, "https://ebel.test/1")
    index(settings, letters, path)
    write(OTHER, "https://ebel.test/2")
    assert index(settings, letters, path, prune=True).pruned == ()
    assert len(shown(settings)) == 2
    path.unlink()
    build_index([], settings, embedder=letters, inputs=[str(tmp_path)], prune=True)
    assert shown(settings) == {}


def test_a_page_replaces_the_summary_and_never_the_other_way(settings: Settings, letters: Any) -> None:
    url = "https://ebel.test/hall"
    summary = Article(url, "Roof", "The roof fell.", url=url, origin="f", notes=("Summary only: no answer.",))
    page = Article(url, "Roof", TWELVE, url=url, origin="f")
    build_index([summary], settings, embedder=letters)
    build_index([page], settings, embedder=letters)
    build_index([summary], settings, embedder=letters)
    assert shown(settings) == {url: TWELVE}
    with closing(Store.open(settings.index_dir)) as store:
        assert store.versions(url) == ()


def test_forms_of_one_address() -> None:
    plain = "https://ebel.test/2025/hall"
    forms = (
        "http://www.ebel.test/2025/hall/", "https://m.ebel.test/2025/hall", "https://ebel.test/2025/hall?utm_source=x",
        "https://ebel.test/2025/hall#top", "https://ebel.test/2025/hall/amp", "https://ebel.test/amp/2025/hall",
        "https://amp.ebel.test/2025/hall", "https://ebel.test/2025/hall?outputType=amp", "https://EBEL.test/2025/hall",
        "https://ebel.test/2025/hall?fbclid=1&print=1", "https://ebel.test/2025/hall/print",
        "https://ebel.test/2025/hall/index.html",
    )  # fmt: skip
    assert {same_page(form) for form in forms} == {same_page(plain)}
    apart = ("https://ebel.test/2025/hall?id=2", "https://ebel.test/2025/halls", "https://ebel.test:8000/2025/hall")
    assert same_page(plain) not in {same_page(form) for form in apart}
    assert [same_page(url) for url in ("https://ebel.test/", "http://[x", "", None)] == ["", "", "", ""]


def test_alike() -> None:
    assert alike(TWELVE, THIRTY)
    assert not alike(TWELVE, OTHER)


@pytest.mark.parametrize("first", ["inner", "outer"])
def test_a_file_has_one_id_by_whatever_folder_it_is_reached(
    settings: Settings, letters: Any, tmp_path: Path, first: str
) -> None:
    outer, inner = tmp_path / "in", tmp_path / "in" / "march"
    record(inner / "hall.jsonl", body=TWELVE)
    (inner / "choir.txt").write_text(OTHER)
    one, other = (inner, outer) if first == "inner" else (outer, inner)
    before = index(settings, letters, one).added
    report = index(settings, letters, other, prune=True)
    assert (report.added, report.unchanged, report.pruned) == ((), before, ())
    (inner / "choir.txt").write_text(OTHER.replace("nine", "ten"))
    report = index(settings, letters, other)
    assert len(report.replaced) == 1
    assert len(shown(settings)) == 2


def test_files_of_one_name_in_two_folders_keep_their_ids_in_the_folder_around(
    settings: Settings, letters: Any, tmp_path: Path
) -> None:
    for name, text in (("a", TWELVE), ("b", OTHER)):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "hall.txt").write_text(text)
        index(settings, letters, tmp_path / "in" / name)
    before = shown(settings)
    assert sorted(before.values()) == sorted([TWELVE, OTHER])
    report = index(settings, letters, tmp_path / "in")
    assert (report.added, shown(settings)) == ((), before)


def test_an_article_that_came_from_no_file_is_taken(settings: Settings, letters: Any) -> None:
    build_index([Article("hall", "Hall", TWELVE), Article("hall", "Hall", OTHER)], settings, embedder=letters)
    assert "hall" in shown(settings)

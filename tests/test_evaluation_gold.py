"""Gold sets: the published schema, and every fault named by line and field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rag.cli import main
from rag.errors import GoldError
from rag.evaluation.gold import Evidence, check_quotes, digest, faults, read_gold
from rag.resources import resource

LINE: dict[str, Any] = {
    "id": "q0",
    "question": "Where is it?",
    "answers": [["Doha", "ad-Dawha"]],
    "evidence": [{"article": "a0", "quote": "in Doha"}],
    "kind": "place",
    "answerable": True,
}
UNANSWERABLE = {"id": "u", "question": "Why?", "kind": "unanswerable", "answerable": False}


def gold_file(folder: Path, *lines: Any) -> Path:
    path = folder / "gold.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n\n")
    return path


def test_all_fields(tmp_path: Path) -> None:
    more = {"split": "dev", "evidence_mode": "all", "forbidden": ["Oslo"], "as_of": "2025-10-20", "sources": ["Desk"]}
    (item,) = read_gold(gold_file(tmp_path, LINE | more | {"note": "for people"}), {"a0"})
    assert item.answers == (("Doha", "ad-Dawha"),)
    assert item.evidence == (Evidence("a0", "in Doha"),)
    assert (item.split, item.evidence_mode, item.forbidden) == ("dev", "all", ("Oslo",))
    assert (item.as_of, item.sources) == (date(2025, 10, 20), ("Desk",))
    again = read_gold(gold_file(tmp_path, item.to_line()))
    assert again == [item]
    assert digest(again) == digest([item])
    (unanswerable,) = read_gold(gold_file(tmp_path, UNANSWERABLE | {"unanswerable_kind": "near_miss"}))
    assert unanswerable.unanswerable_kind == "near_miss"
    assert digest([unanswerable]) != digest([item])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{broken", "line 2: not valid JSON"),
        ("[1]", "line 2: not a JSON object"),
        ({"id": ""}, "line 2: field 'id': it must not be empty"),
        ({"question": 3}, "field 'question': 3 is not of type 'string'"),
        ({"answerable": "yes"}, "field 'answerable'"),
        ({"kind": "riddle"}, "field 'kind': 'riddle' is not one of"),
        ({"kind": None}, "field 'kind'"),
        ({"answers": []}, "field 'answers': an answerable question needs one"),
        ({"answers": [[""]]}, "field 'answers'"),
        ({"answerable": False}, "field 'answers': an unanswerable question has none"),
        ({"evidence": []}, "field 'evidence': an answerable question needs an article"),
        ({"evidence": [3]}, "field 'evidence'"),
        ({"evidence": [{"article": "a9"}]}, "field 'evidence': there is no article 'a9'"),
        ({"evidence_mode": "some"}, "field 'evidence_mode'"),
        ({"kind": "unanswerable"}, "field 'kind'"),
        ({"answerable": False, "answers": []}, "field 'evidence': an unanswerable question has none"),
        ({"unanswerable_kind": "near_miss"}, "field 'unanswerable_kind': only an unanswerable question has it"),
        ({"as_of": "yesterday"}, "field 'as_of': 'yesterday' is not a 'date'"),
        ({"split": "train"}, "field 'split'"),
        ({"answer": "Doha"}, "field 'answer'"),
        ({"draft": True}, "field 'draft': a person must confirm"),
        ({"id": "q0"}, "field 'id': 'q0' was used in line 1"),
        ({"answers": [["Doha", "the"]]}, "line 2: field 'answers': there is no word or number in 'the' to look for"),
        ({"answers": [["?!"]]}, "field 'answers': there is no word or number in '?!'"),
        ({"forbidden": ["Oslo", "…"]}, "field 'forbidden': there is no word or number in '…'"),
        ({"forbidden": ["Oslo", "the doha."]}, "field 'forbidden': 'the doha.' is accepted as an answer, too"),
        ("[" * 100_000, "line 2: nested too deeply"),
        ('{"id": "q1", "note": ' + '{"a":' * 5_000 + "1" + "}" * 5_001, "line 2: nested too deeply"),
    ],
)
def test_faults_are_named_by_line_and_field(tmp_path: Path, line: Any, words: str) -> None:
    if isinstance(line, dict):
        line = LINE | {"id": "q1"} | line
    with pytest.raises(GoldError) as caught:
        read_gold(gold_file(tmp_path, LINE, line), {"a0"})
    assert words in str(caught.value)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    for name in ("id", "question", "kind", "answerable"):
        with pytest.raises(GoldError, match=f"field '{name}'"):
            read_gold(gold_file(tmp_path, {key: value for key, value in LINE.items() if key != name}))


def test_other_faults(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="holds no question"):
        read_gold(gold_file(tmp_path))
    with pytest.raises(GoldError, match="cannot be read"):
        read_gold(tmp_path / "none.jsonl")
    items = read_gold(gold_file(tmp_path, LINE))
    check_quotes(items, lambda _: "It is in Doha.")
    with pytest.raises(GoldError, match="the quote is not in 'a0'"):
        check_quotes(items, lambda _: "It is In Doha.")


def test_all_faults_at_once(tmp_path: Path) -> None:
    path = gold_file(tmp_path, LINE, LINE | {"id": "q1", "kind": "riddle"}, "{", LINE | {"id": "q2", "answers": []})
    items, found = faults(path, {"a0"}, lambda _: "It is elsewhere.")
    assert [item.id for item in items] == ["q0"]
    assert [(fault.line, fault.field) for fault in found] == [(1, "evidence"), (2, "kind"), (3, ""), (4, "answers")]


def test_an_id_is_used_by_a_faulty_line_too(tmp_path: Path) -> None:
    path = gold_file(tmp_path, LINE | {"kind": "riddle"}, LINE, LINE | {"id": ""}, LINE | {"id": ""})
    _, found = faults(path)
    assert [(fault.line, fault.field) for fault in found] == [(1, "kind"), (2, "id"), (3, "id"), (4, "id")]
    assert "'q0' was used in line 1" in str(found[1])
    assert "it must not be empty" in str(found[3])


def test_the_older_form(tmp_path: Path) -> None:
    old = {"id": "o", "question": "Q?", "answers": ["x", "y"], "articles": ["a1"], "kind": "date", "answerable": True}
    (item,) = read_gold(gold_file(tmp_path, old), {"a1"})
    assert item.answers == (("x", "y"),)
    assert item.articles == {"a1"}


def test_validate_prints_every_fault(tmp_path: Path) -> None:
    path = gold_file(tmp_path, LINE, LINE | {"kind": "riddle"}, UNANSWERABLE)
    done = CliRunner().invoke(main, ["eval", "validate", str(path)])
    assert done.exit_code == 2
    assert "line 2: field 'kind'" in done.output
    assert "line 2: field 'id': 'q0' was used in line 1" in done.output
    assert "2 faults" in done.output
    done = CliRunner().invoke(main, ["eval", "validate", str(gold_file(tmp_path, LINE, UNANSWERABLE))])
    assert done.exit_code == 0
    assert "2 questions, 1 answerable" in done.output
    assert "near misses" in done.output, "fewer than half of the unanswerable are near misses: said, no fault"


def test_validate_looks_into_the_articles(briefs: Any, tmp_path: Path) -> None:
    line = LINE | {"evidence": [{"article": "doha-ceasefire", "quote": "signed a ceasefire in Oslo"}]}
    path = gold_file(tmp_path, line, LINE | {"id": "q1", "evidence": [{"article": "nowhere"}]})
    done = CliRunner().invoke(main, ["eval", "validate", str(path), "--index", str(briefs.index_dir)])
    assert done.exit_code == 2
    assert "line 1: field 'evidence': the quote is not in 'doha-ceasefire'" in done.output
    assert "line 2: field 'evidence': there is no article 'nowhere'" in done.output


def test_the_bundled_set_is_sound_and_its_schema_is_a_schema() -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(resource("eval", "gold.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    items = read_gold(resource("eval", "gold", "briefs.jsonl"))
    unanswerable = [item for item in items if not item.answerable]
    assert sum(item.unanswerable_kind == "near_miss" for item in unanswerable) * 2 >= len(unanswerable)
    assert all(item.unanswerable_kind for item in unanswerable)
    assert {item.split for item in items} == {"dev", "test"}


def bad_and_good_rows() -> Iterator[dict[str, Any]]:
    """Rows of which a schema can judge all that is wrong (not ids used twice, nor words)."""
    yield LINE
    yield UNANSWERABLE
    values: tuple[Any, ...] = (
        None, "", " ", "x", 0, 1, 1.5, True, False, [], [""], [[]], [[""]], ["x"], [["x"]], [["x"], ["y"]],
        ["x", ["y"]], [3], [[3]], {}, [{}], [{"article": "a0"}], [{"article": ""}], [{"article": "a0", "quote": 3}],
        [{"article": "a0", "page": 1}], "2025-10-19", "2025-13-01", "20251019", "conflict", "unanswerable", "all",
        "dev", "near_miss",
    )  # fmt: skip
    names = json.loads(resource("eval", "gold.schema.json").read_text())["properties"]
    for base in (LINE, UNANSWERABLE, LINE | {"kind": "conflict", "answers": [["v"], ["w"]]}):
        for name in (*names, "riddle"):
            yield {key: value for key, value in base.items() if key != name}
            for value in values:
                yield base | {name: value}
    yield {key: value for key, value in LINE.items() if key != "evidence"} | {"articles": ["a0"]}
    yield LINE | {"articles": []}
    yield UNANSWERABLE | {"answers": [["x"]]}


def test_the_schema_and_the_reader_are_of_one_mind(tmp_path: Path) -> None:
    """Whoever checks a gold set with the published schema alone gets the verdict of `rag eval validate`."""
    from jsonschema import Draft202012Validator, FormatChecker

    schema = json.loads(resource("eval", "gold.schema.json").read_text())
    alone = Draft202012Validator(schema, format_checker=FormatChecker())
    path = tmp_path / "gold.jsonl"
    verdicts = []
    for row in bad_and_good_rows():
        path.write_text(json.dumps(row) + "\n")
        try:
            sound = bool(read_gold(path))
        except GoldError:
            sound = False
        assert sound == alone.is_valid(row), row
        verdicts.append(sound)
    assert 100 < sum(verdicts) < len(verdicts) - 500, "both verdicts are often given"

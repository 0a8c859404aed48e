"""Conversations on disk and as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rag.answering.bot import Bot
from rag.page.conversations import Conversation, Conversations, Entry, folder_name
from rag.page.render import render_found
from rag.settings import Settings
from rag.types import Answer


@pytest.fixture(scope="module")
def answers(briefs: Settings) -> tuple[Answer, ...]:
    with Bot.open(settings=briefs) as bot:
        return bot.ask("How long is the border?"), bot.ask("Who won the World Cup?")


def as_kept(conversation: Conversation | None) -> list[dict[str, Any]]:
    """What of a conversation is kept on disk; the numbers of the search are not."""
    assert conversation
    return [answer.to_dict() for answer in conversation.answers]


def test_what_was_saved_is_loaded_whole(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path / "c")
    saved = keep.save(Conversation(answers=answers))
    assert as_kept(keep.load(saved.id)) == as_kept(saved)
    assert saved.answers == answers
    assert [c.title for c in keep.recent()] == ["How long is the border?"]


def test_an_empty_conversation_is_not_kept(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path)
    assert keep.save(Conversation()).id == ""
    assert keep.recent() == []


def test_two_tabs_on_one_conversation_lose_no_turn(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path)
    both = keep.save(Conversation(answers=answers[:1]))
    keep.append(both, answers[1])
    assert [a.question for a in keep.append(both, answers[0]).answers] == [
        answers[0].question, answers[1].question, answers[0].question,
    ]  # fmt: skip
    keep.delete(both.id)
    assert keep.append(both, answers[1]).answers == answers, "what was deleted meanwhile is kept anew"


def test_a_branch_leaves_the_conversation_as_it_is(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path)
    whole = keep.save(Conversation(answers=answers))
    branch = keep.append(whole.branch(1), answers[0])
    assert branch.id != whole.id
    assert as_kept(keep.load(whole.id)) == as_kept(whole)


def test_damaged_files_are_passed_over(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path)
    saved = keep.save(Conversation(answers=answers))
    (tmp_path / "20990101-000000-00000000.json").write_text('{"id": "x"')
    assert [c.id for c in keep.recent()] == [saved.id]
    assert keep.entries() == [Entry(saved.id, saved.title, saved.started, False, 2)]
    keep.delete(saved.id)
    assert keep.entries() == []


def test_a_name_and_a_pin_last(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path)
    first = keep.save(Conversation("20250101-000000-00000000", "2025-01-01T00:00:00+00:00", answers))
    second = keep.save(Conversation(answers=answers[1:]))
    assert [e.id for e in keep.entries()] == [second.id, first.id]
    keep.pin(first.id, True)
    keep.rename(first.id, "  The\nborder ")
    assert keep.append(first, answers[1]).name == "The border", "what another tab wrote meanwhile stays"
    assert [(e.title, e.pinned, e.turns) for e in keep.entries()] == [
        ("The border", True, 3), ("Who won the World Cup?", False, 1),
    ]  # fmt: skip
    keep.rename(first.id, "")
    assert keep.entries()[0].title == "How long is the border?"
    assert keep.rename("20990101-000000-00000000", "x") is None


def test_answers_are_found_by_their_words(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    keep = Conversations(tmp_path)
    saved = keep.save(Conversation(answers=answers))
    keep.rename(saved.id, "Frontier <b>")
    assert [(f.entry.id, f.turn) for f in keep.find("DURAND border")] == [(saved.id, 0)]
    assert "Durand" in keep.find("durand")[0].around
    assert [f.turn for f in keep.find("world cup")] == [1]
    assert [f.turn for f in keep.find("frontier")] == [0], "by name, too"
    assert keep.find("zeppelin") == keep.find(" ") == []
    assert "Frontier &lt;b&gt;" in render_found("<i>", keep.find("frontier"))
    assert "“&lt;i&gt;”" in render_found("<i>", [])


@pytest.mark.parametrize("id_", ["../../etc/passwd", "a", "", "a/b-c-d-e-f", "x" * 65])
def test_no_name_leads_out_of_the_folder(id_: str, tmp_path: Path) -> None:
    assert Conversations(tmp_path).load(id_) is None
    if id_:
        with pytest.raises(ValueError, match="no conversation"):
            Conversations(tmp_path).delete(id_)


def test_each_person_has_a_folder() -> None:
    assert folder_name(None) == "local"
    assert folder_name("../a") == "user-2e2e2f61"

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language.sentences import sentences
from rag.language.speech import (
    AskedSpeech,
    Speech,
    antecedents,
    asked_speaker,
    is_speaker,
    quotes,
    speeches,
)


def _spoken(text: str) -> list[tuple[Speech, ...]]:
    return speeches(text, [(s.start, s.end) for s in sentences(text)])


def _speakers(text: str) -> list[list[str]]:
    return [[speech.speaker for speech in said] for said in _spoken(text)]


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ("Harbour master Karl Ohm said the pier was closed.", [["Karl Ohm"]]),
        ("The pier is closed, Karl Ohm said on Monday.", [["Karl Ohm"]]),
        ("“The pier is closed,” said Karl Ohm, a harbour master.", [["Karl Ohm"]]),
        ("The pier is closed, said Karl Ohm.", [["Karl Ohm"]]),
        ("The pier is closed, according to the port authority.", [["the port authority"]]),
        ("According to Karl Ohm, the pier is closed.", [["Karl Ohm"]]),
        ("Karl Ohm, who keeps the port, told reporters that it was closed.", [["Karl Ohm"]]),
        ("Karl Ohm, the keeper of the port, warned of a storm.", [["Karl Ohm"]]),
        ("Karl Ohm arrived. He added that it was closed.", [[], ["Karl Ohm"]]),
        ("The keeper of the port, Karl Ohm, denied it.", [["Karl Ohm"]]),
        ("Karl Ohm arrived on Monday and said the pier was closed.", [["Karl Ohm"]]),
        ("Karl Ohm left the hall, saying the pier was closed.", [["Karl Ohm"]]),
        ("Karl Ohm was quoted as saying that the pier was closed.", [["Karl Ohm"]]),
        ("The lawyer of Karl Ohm said nothing was true.", [["The lawyer of Karl Ohm"]]),
        ("Karl Ohm’s brother said nothing was true.", [["Karl Ohm’s brother"]]),
        ("Rain fell for days when the wall broke, the coast guard said.", [["the coast guard"]]),
        ("Residents say they were not told.", [["Residents"]]),
        ("Ada Lund said the pier was safe, but Karl Ohm said it was not.", [["Ada Lund", "Karl Ohm"]]),
        ("Karl Ohm told the council to act. Ohm was told to wait.", [["Karl Ohm"], []]),
        ("Karl Ohm refused to resign.", [[]]),
        ("The office is said to be empty.", [[]]),
        ("The rocket, called the Heron, stands ready in all states and calls for care.", [[]]),
        ("Two boats sank. Nobody was hurt.", [[], []]),
    ],
)  # fmt: skip
def test_who_speaks(text: str, speakers: list[list[str]]) -> None:
    assert _speakers(text) == speakers


def test_he_and_she_are_told_apart() -> None:
    text = (
        "Hanna Lund met Omar Ohm in the harbour. He said the pier was safe. She called it a ruin.\n\n"
        "Ohm, she said, knew nothing."
    )
    assert _speakers(text)[1:] == [["Omar Ohm"], ["Hanna Lund"], ["Hanna Lund"]]


def test_a_title_tells_the_gender() -> None:
    text = "The chairwoman, Robin Lund, met the spokesman Kim Ohm. She said no. He said yes."
    assert _speakers(text)[1:] == [["Robin Lund"], ["Kim Ohm"]]


def test_a_pronoun_that_fits_nobody_is_left_open() -> None:
    (speech,) = _spoken("It rained. She said the pier was safe.")[1]
    assert (speech.speaker, speech.pronoun, speech.resolved) == ("She", True, False)


def test_a_quotation_has_one_speaker() -> None:
    text = "“We lost. We go home,” said Ada Lund. “It is over.”\n\nThe rain stopped.\n\n“Who will pay?” asked Karl Ohm."
    assert _speakers(text) == [["Ada Lund"], ["Ada Lund"], [], ["Karl Ohm"]]
    assert _spoken(text)[1][0].start is None


def test_a_quotation_of_nobody_has_no_speaker() -> None:
    assert _speakers("Ada Lund said no.\n\nThe rain stopped.\n\n“Who will pay for it?”")[2] == []


def test_roles_and_full_names() -> None:
    text = "Fishery minister Ada Lund visited the pier. It rained. Lund said it was safe. Her deputy said no."
    said = _spoken(text)
    assert [(s.speaker, s.role) for s in said[2]] == [("Ada Lund", "Fishery minister")]
    assert [s.speaker for s in said[3]] == ["Ada Lund's deputy"]


@pytest.mark.parametrize(
    "text",
    [
        "Karl Ohm declined to comment.",
        "Karl Ohm could not be reached for comment.",
        "Karl Ohm did not respond to a letter.",
        "Karl Ohm would not say when.",
        "Karl Ohm made no comment.",
        "The director, Karl Ohm, refused to answer questions.",
    ],
)
def test_silence(text: str) -> None:
    ((speech,),) = _spoken(text)
    assert (speech.speaker, speech.manner) == ("Karl Ohm", "decline")


def test_denial() -> None:
    ((speech,),) = _spoken("The company has denied the claims.")
    assert (speech.speaker, speech.manner) == ("The company", "deny")
    ((speech,),) = _spoken("The company did not deny the claims.")
    assert speech.manner == "say"


def test_whose_words() -> None:
    text = "Ada Lund said the pier was safe, but Karl Ohm said it was rotten."
    (said,) = _spoken(text)
    assert [text[s.words_start : s.words_end].strip(" ,") for s in said] == ["the pier was safe, but", "it was rotten."]
    text = "“It is rotten,” Karl Ohm told reporters."
    ((speech,),) = _spoken(text)
    assert text[speech.words_start : speech.words_end].strip(" ,") == "“It is rotten,”"


def test_sentences_shown_with_those_that_name() -> None:
    text = "Hanna Lund met Omar Ohm. It rained. She said no. They left. The end."
    spans = [(s.start, s.end) for s in sentences(text)]
    assert antecedents(text, spans) == [None, 0, 0, 2, None]
    text = (
        "Health minister Tomas Reyl opened the clinic. Nurses cheered. The minister said a second one follows. "
        "The health minister left. The health service paid. The minister, Tomas Reyl, thanked it. The mayor came."
    )
    spans = [(s.start, s.end) for s in sentences(text)]
    assert antecedents(text, spans) == [None, None, 0, 0, None, None, None]


def test_quotation_marks() -> None:
    text = 'He said “yes”, "no", «si» and ‘perhaps’; the council’s 5" pipe\'s end.'
    assert [text[a:b] for a, b in quotes(text)] == ["“yes”", '"no"', "«si»", "‘perhaps’"]
    text = "“One paragraph\n“and the next.”"
    assert [text[a:b] for a, b in quotes(text)] == ["“One paragraph", "“and the next.”"]


_WORDS = "Ada Lund said , “ ” \" he she told that and . who according to ( ) not denied the minister 's Her saying it"


@given(st.lists(st.sampled_from(_WORDS.split())))
def test_any_text_is_read(words: list[str]) -> None:
    text = " ".join(words)
    spans = [(s.start, s.end) for s in sentences(text)]
    said = speeches(text, spans)
    assert len(said) == len(antecedents(text, spans)) == len(spans)
    for speech in (one for some in said for one in some):
        assert speech.start is None or 0 <= speech.start < (speech.end or 0) <= len(text)


def test_who_is_meant_by_a_question() -> None:
    text = "Fishery minister Ada Lund visited the pier. She said it was safe. The coast guard said it was not."
    said = _spoken(text)
    minister, guard = said[1][0], said[2][0]
    assert is_speaker(minister.speaker, minister.role, "Lund")
    assert is_speaker(minister.speaker, minister.role, "Ada Lund")
    assert is_speaker(minister.speaker, minister.role, "ada lund")
    assert is_speaker(minister.speaker, minister.role, "the minister")
    assert is_speaker(minister.speaker, minister.role, "the fishery minister")
    assert is_speaker(guard.speaker, guard.role, "the coast guard")
    assert not is_speaker(minister.speaker, minister.role, "Karl Ohm")
    assert is_speaker("The Federal Aviation Administration", "", "the FAA")
    assert is_speaker("the U.N.", "", "the United Nations")
    assert not is_speaker("The Federal Election Commission", "", "the FAA")
    assert not is_speaker(minister.speaker, minister.role, "Karl Lund")
    assert not is_speaker(minister.speaker, minister.role, "the coast guard")
    assert not is_speaker(guard.speaker, guard.role, "the minister")
    assert not is_speaker(guard.speaker, guard.role, "Ada Lund")


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What did Ada Lund say about the pier?", AskedSpeech("words", "Ada Lund", "the pier", "say")),
        ("what did ada lund tell reporters about the pier?", AskedSpeech("words", "ada lund", "the pier", "say")),
        ("What has the coast guard said?", AskedSpeech("words", "the coast guard", "", "say")),
        ("What does the director think of the plan?", AskedSpeech("words", "the director", "the plan", "say")),
        ("How does the minister explain the delay?", AskedSpeech("words", "the minister", "the delay", "say")),
        ("What is Ada Lund's view of the pier?", AskedSpeech("words", "Ada Lund", "the pier", "say")),
        ("What was the union's reaction to the closure?", AskedSpeech("words", "the union", "the closure", "say")),
        ("What was the reaction of the union to the closure?", AskedSpeech("words", "the union", "the closure", "say")),
        ("According to Ada Lund, who will pay?", AskedSpeech("words", "Ada Lund", "who will pay", "say")),
        ("Who will pay, according to the minister?", AskedSpeech("words", "the minister", "Who will pay", "say")),
        ("Tell me what Lund said about the pier.", AskedSpeech("words", "Lund", "the pier", "say")),
        ("Who said the pier was safe?", AskedSpeech("who", None, "the pier was safe", "say")),
        ("Who said that the pier was safe?", AskedSpeech("who", None, "the pier was safe", "say")),
        ("Which minister warned that prices would rise?", AskedSpeech("who", None, "prices would rise", "say")),
        ("Who has denied the report?", AskedSpeech("who", None, "the report", "deny")),
        ("Who called the visit a farce?", AskedSpeech("who", None, "the visit a farce", "say")),
        ("Did Ada Lund say the pier was safe?", AskedSpeech("whether", "Ada Lund", "the pier was safe", "say")),
        ("Did the mayor deny that the pier is shut?", AskedSpeech("whether", "the mayor", "the pier is shut", "deny")),
        ("Has the bank confirmed the cut?", AskedSpeech("whether", "the bank", "the cut", "say")),
    ],
)
def test_questions_about_words(question: str, asked: AskedSpeech) -> None:
    assert asked_speaker(question) == asked


@pytest.mark.parametrize(
    "question",
    [
        "What did the council decide last week?",
        "What did the ministry announce in July?",
        "Who attacked whom near the pass?",
        "Who was called a liar?",
        "Who did the mayor blame?",
        "Who wrote the song?",
        "How did the thieves get in?",
        "How did the police find the barn?",
        "Why was the school closed?",
        "Did the council vote to demand a ban?",
        "Did the bishop attend?",
        "Have deaths near the pier been confirmed?",
        "Which two towns does the tunnel connect?",
        "What is the price of the bridge?",
        "How many people died?",
        "",
    ],
)
def test_questions_about_deeds(question: str) -> None:
    assert asked_speaker(question) is None

"""Templates from prompts/, and the messages and grammar made from them for one question.

Knows nothing about models: it is given a function that counts tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from string import Template

from rag.models.generator import Message
from rag.answering.suggest import Suggestion
from rag.errors import InputError, SettingsError
from rag.resources import resource
from rag.language.words import STOP_WORDS
from rag.types import ABSTENTION, Passage

_ABBREVIATED = re.compile(
    r"(?:[A-Z]\.)+|(?:Mr|Mrs|Ms|Dr|St|Gen|Lt|Col|Sgt|Sen|Rep|Gov|Prof|Jr|Sr|Inc|Co|No|vs)\."
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\."
)
_VARIABLES = {
    "system.txt": frozenset[str](),
    "question.txt": frozenset({"passages", "question"}),
    "suggested.txt": frozenset({"passages", "question", "suggestions"}),
    "passage.txt": frozenset({"number", "source", "date", "title", "text"}),
    "answer.gbnf": frozenset({"marks", "first"}),
    "copied.gbnf": frozenset({"marks", "first", "starts", "words"}),
}


@cache
def load_template(name: str) -> Template:
    """Read prompts/<name> and check its variables.

    Raises:
        SettingsError: the file is missing, or its variables are not those that the code fills in.
    """
    path = resource("prompts", name)
    try:
        template = Template(path.read_text(encoding="utf-8").strip("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The prompt {path} cannot be read: {error}.", "Restore it from the repository.") from error
    found, wanted = set(template.get_identifiers()), _VARIABLES[name]
    if found != wanted or not template.is_valid():
        raise SettingsError(
            f"The prompt {path} has the variables {sorted(found)}, but takes {sorted(wanted)}.",
            "Correct it; see prompts/README.md.",
        )
    return template


def format_passage(number: int, passage: Passage) -> str:
    """One passage as the model sees it: number, source, date and title above its text."""
    return load_template("passage.txt").substitute(
        number=number,
        source=_one_line(passage.source) or "unknown source",
        date=f"{passage.published:%-d %B %Y}" if passage.published else "undated",
        title=_one_line(passage.title),
        text=" ".join(passage.text.split()),
    )


def build_messages(question: str, passages: Sequence[Passage], suggestions: Sequence[Suggestion] = ()) -> list[Message]:
    """The chat for one question; passages are numbered from 1 in the order given.

    Args:
        suggestions: what the reader found, for models trained with it; those of passages not shown are left out.
    """
    values = {
        "passages": "\n\n".join(format_passage(n, passage) for n, passage in enumerate(passages, 1)),
        "question": _one_line(question),
    }
    found = "; ".join(_format_suggestion(s, len(passages)) for s in suggestions if s.numbers[0] <= len(passages))
    content = (
        load_template("suggested.txt").substitute(values, suggestions=found)
        if found
        else load_template("question.txt").substitute(values)
    )
    return [
        {"role": "system", "content": load_template("system.txt").substitute()},
        {"role": "user", "content": content},
    ]


def _format_suggestion(suggestion: Suggestion, shown: int) -> str:
    """Its words, the passages that hold them and the probability in tens of percent: "Oslo and Bergen [1][3] 40%"."""
    marks = "".join(f"[{n}]" for n in suggestion.numbers if n <= shown)
    return f"{_one_line(suggestion.text)} {marks} {round(suggestion.probability, 1):.0%}"


def build_grammar(passages: int, *, abstention: bool = True, words: Collection[str] = ()) -> str:
    """GBNF that admits the abstention, or claims that each end in citations of passages 1..`passages`.

    Args:
        abstention: False when the model must answer; its first line then does not begin as the abstention does.
        words: the only ones beside stop words that claims may be made of, and the only ones beside "The" that they may
            begin with, see `admitted_words`; none admits any.

    Raises:
        ValueError: no passage.
    """
    if passages < 1:
        raise ValueError("a grammar needs at least one passage to cite")
    values = {
        "marks": _either(f"[{n}]" for n in range(1, passages + 1)),
        "first": f'"{ABSTENTION}" | claim' if abstention else "answer",
    }
    # A model that wants to write "The articles do not say." and must not, would end up in "Their" or "Them".
    starts = sorted(start for word in words if not (start := word[0].upper() + word[1:]).startswith("The"))
    if not starts:
        return load_template("answer.gbnf").substitute(values) + "\n"
    values |= {"starts": _either(starts), "words": _either(sorted(STOP_WORDS.union(words)))}
    return load_template("copied.gbnf").substitute(values) + "\n"


def admitted_words(question: str, passages: Sequence[Passage]) -> set[str]:
    """The words of the passages' texts and of the question, as they are written there.

    A full stop ends a word only in initials ("U.S.") and titles ("Gen."); a possessive is admitted without its ending
    too.
    """
    found: set[str] = set()
    for written in " ".join([question, *(passage.text for passage in passages)]).split():
        for piece in re.split(r"[\[\]<>—\x00-\x1f]|--", written):
            word = piece.strip(".,;:!?\"'“”‘’()…")
            if _ABBREVIATED.fullmatch(word + ".") and word + "." in piece:
                found.add(word + ".")
            if word:
                found |= {word, re.sub(r"['’]s$", "", word)}
    return found


def _either(literals: Iterable[str]) -> str:
    """GBNF that admits any of these texts."""
    return " | ".join(json.dumps(text, ensure_ascii=False) for text in literals)


def fit(
    question: str,
    passages: Sequence[Passage],
    suggestions: Sequence[Suggestion] = (),
    *,
    room: int,
    count_tokens: Callable[[Sequence[Message]], int],
) -> tuple[list[Message], int]:
    """The longest prompt of the first passages that fits.

    Args:
        room: most tokens the prompt may take.
        count_tokens: tokens of messages, chat template included.

    Returns:
        The messages, and how many of the passages are in them (at least 1).

    Raises:
        InputError: not even one passage fits beside the question.
    """
    for shown in range(len(passages), 0, -1):
        messages = build_messages(question, passages[:shown], suggestions)
        if (needed := count_tokens(messages)) <= room:
            return messages, shown
    raise InputError(
        f"The question and one passage take {needed} tokens, but the model has room for {room}.",
        "Shorten the question, or raise DATELINE_CONTEXT_TOKENS.",
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())

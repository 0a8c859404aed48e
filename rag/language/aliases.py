"""Which words of names stand for one another: "Pakistani" for "Pakistan", "Türkiye" for "Turkey"."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rag.language.words import fold

#: Names and adjectives of one country or body that share no stem.
_GROUPS = tuple(
    frozenset(group.split("/"))
    for group in (
        "us/usa/america/american/americans/washington uk/britain/british/briton/britons/london eu/european/brussels "
        "turkey/turkiye/turkish/turks/ankara france/french/paris spain/spanish/spaniard/madrid netherlands/dutch/hague "
        "ireland/irish/dublin poland/polish/poles/warsaw denmark/danish/danes finland/finnish/finns "
        "switzerland/swiss germany/german/germans/berlin greece/greek/greeks wales/welsh scotland/scottish/scots "
        "china/chinese/beijing russia/russian/russians/moscow/kremlin iran/iranian/tehran israel/israeli/jerusalem "
        "ukraine/ukrainian/kyiv/kiev india/indian/delhi pakistan/pakistani/islamabad afghanistan/afghan/afghans/kabul "
        "qatar/qatari/doha japan/japanese/tokyo thailand/thai philippines/filipino cyprus/cypriot peru/peruvian "
        "congo/congolese iraq/iraqi/baghdad syria/syrian/damascus lebanon/lebanese norway/norwegian portugal/portuguese"
    ).split()
)
_ENDINGS = frozenset(["", *"s n ns an ans ian ians ish i is ese istan ia y e a en er ers ic".split()])


def same_word(one: str, other: str) -> bool:
    """Whether two folded words of names can mean the same: "pakistani" and "pakistan", "turkiye" and "turkey"."""
    if one == other or any(one in group and other in group for group in _GROUPS):
        return True
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return shared >= 4 and one[shared:] in _ENDINGS and other[shared:] in _ENDINGS


def in_text(word: str, there: Collection[str]) -> bool:
    """Whether a folded word of a name, or one that stands for it, is among the folded words of a text."""
    return word in there or any(same_word(word, other) for other in there)


def initials(parts: Sequence[str]) -> str:
    """ "un" of "United Nations"; words in lower case are passed over."""
    return fold("".join(part[0] for part in parts if part[:1].isupper()))

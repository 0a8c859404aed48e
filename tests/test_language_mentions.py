"""Whom and what a text names."""

from __future__ import annotations

import pytest

from rag.language.mentions import mentions

#: Written for this; each name with what it is.
LABELLED = (
    ("Prime Minister Edda Holm met Ruth Stone in Orvelt. Holm said that Stone had asked the United Nations for help. "
     "The Ministry of Health in Kenya and UNICEF sent doctors. The Salt River rose.",
     {"Edda Holm": "person", "Ruth Stone": "person", "Orvelt": "place", "United Nations": "organisation",
      "Ministry of Health": "organisation", "Kenya": "place", "UNICEF": "organisation", "Salt River": "place"}),
    ("Police in Lisbon arrested a man. Daniel Ferro of the Workers Party called it a mistake, Reuters reported from "
     "Porto. The European Union and Brazil had warned of it.",
     {"Lisbon": "place", "Daniel Ferro": "person", "Workers Party": "organisation",
      "European Union": "organisation", "Brazil": "place"}),
    ("Afghan and Pakistani officials, and the British ambassador Jane Poole, met near Lake Orta in October. "
     "The International Court of Justice in The Hague heard of it. Poole told the BBC so.",
     {"Jane Poole": "person", "Lake Orta": "place", "International Court of Justice": "organisation",
      "BBC": "organisation"}),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), LABELLED)
def test_people_places_and_organisations_are_told_apart(text: str, expected: dict[str, str]) -> None:
    found = {each.name: each.kind for each in mentions(text)}
    assert {name: found.get(name) for name in expected} == expected
    assert not {"Afghan", "Pakistani", "British", "October"} & found.keys()


def test_a_name_counts_in_all_its_forms() -> None:
    found = {each.name: each.count for each in mentions(LABELLED[0][0])}
    assert found["Edda Holm"] == 2
    assert "Holm" not in found


def test_a_speaker_is_a_person() -> None:
    text = "The strike goes on, Zabih Orun said. It costs much."
    assert [each.kind for each in mentions(text, {"Zabih Orun"})] == ["person"]
    assert [each.kind for each in mentions(text)] == ["other"]

"""Chooses how alike articles must be to be of a topic and to tell one event: the tables in eval/README.md.

python benchmarks/stories.py

The sets below were written for it: a topic, articles on it from two outlets (one letter for those that tell one event),
and articles of the same place on other things ("-").
"""

# ruff: noqa: E501 (one article a line)

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from rag.answering import timeline
from rag.articles import load
from rag.indexing.build import build_index
from rag.models.embedder import SentenceTransformerEmbedder
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Query

#: topic -> (event, day, title, text)
SETS: dict[str, list[tuple[str, str, str, str]]] = {
    "the strike at the port of Velm": [
        ("a", "2025-03-02", "Dockers of Velm stop work", "Dockers in the port of Velm walked out on Sunday over pay."),
        ("a", "2025-03-03", "Port of Velm at a standstill", "No ship was unloaded in Velm after dockers walked out."),
        ("b", "2025-03-09", "Mediator called in", "A mediator met the dockers' union and the harbour firms of Velm."),
        ("c", "2025-03-15", "Cranes turn again", "Work began again at Velm's quays after the union took 4 percent more pay."),
        ("-", "2025-03-05", "Velm choir wins in Lund", "The choir of Velm won the first prize at a contest in Lund."),
        ("-", "2025-03-10", "New headmaster for Velm school", "The school of Velm has a new headmaster, Per Holt."),
    ],
    "the drought on the Orla plain": [
        ("a", "2025-07-01", "Wells dry on the Orla plain", "A third of the wells on the Orla plain have run dry."),
        ("b", "2025-07-10", "Water by the hour", "Households on the Orla plain get water for five hours a day from Monday."),
        ("b", "2025-07-11", "Orla rations water", "The water board began to ration water for homes on the Orla plain."),
        ("c", "2025-07-30", "Wheat harvest halved", "Farmers brought in half of last year's wheat after weeks without rain."),
        ("-", "2025-07-12", "Orla opens a swimming hall", "The town of Orla opened a swimming hall with a slide."),
        ("-", "2025-07-20", "Thief caught in Orla", "The police of Orla caught a man who had stolen bicycles."),
    ],
    "peace talks over the Dren valley": [
        ("a", "2025-01-08", "Dren talks open in Sark", "Envoys of Ilmar and Tovar met in Sark to talk about the Dren valley."),
        ("a", "2025-01-09", "Envoys meet in Sark", "Talks between Ilmar and Tovar on the Dren valley opened in Sark."),
        ("b", "2025-01-16", "Truce in the Dren valley", "Ilmar and Tovar agreed on a truce of thirty days in the Dren valley."),
        ("c", "2025-02-14", "Delegates leave Sark", "The delegates left without a deal; shots were heard along the river at night."),
        ("-", "2025-01-20", "Ski race in the Dren valley", "Anja Roth won the ski race in the Dren valley."),
        ("-", "2025-01-12", "Ilmar cuts taxes", "The parliament of Ilmar cut the tax on bread and milk."),
    ],
    "the fire at the paper mill": [
        ("a", "2025-05-04", "Paper mill burns in Hult", "A fire destroyed the paper mill of Hult in the night to Sunday."),
        ("a", "2025-05-04", "Mill in flames", "Flames could be seen for miles when Hult's paper mill burned down."),
        ("b", "2025-05-08", "Cable blamed", "A worn cable set the mill of Hult on fire, investigators said."),
        ("c", "2025-05-20", "Owner to rebuild", "The owner of the burned mill will build anew in Hult within two years."),
        ("-", "2025-05-06", "Hult elects a mayor", "Mia Sand was elected mayor of Hult with 61 percent of the votes."),
        ("-", "2025-05-15", "Bus line 4 ends", "The bus from Hult to the coast runs for the last time on Friday."),
    ],
    "the election in Norrby": [
        ("a", "2025-09-01", "Four run in Norrby", "Four parties run in the election of Norrby's council, the clerk said."),
        ("b", "2025-09-14", "Greens win Norrby", "The Greens won the vote in Norrby with 38 percent; the Liberals lost half."),
        ("b", "2025-09-15", "Landslide in Norrby", "With 38 percent the Greens are ahead in Norrby, a count of all votes showed."),
        ("c", "2025-09-29", "Coalition agreed", "Greens and Centre will govern Norrby together, their leaders said."),
        ("-", "2025-09-03", "Norrby bakery closes", "The oldest bakery of Norrby closes after ninety years."),
        ("-", "2025-09-20", "Elk in the street", "An elk walked through the high street of Norrby at noon."),
    ],
    "the flu in Castel": [
        ("a", "2025-11-02", "Flu fills wards", "The hospital of Castel took in forty patients with influenza in a week."),
        ("b", "2025-11-09", "Schools shut", "Six schools in Castel were shut since too many pupils lay ill with fever."),
        ("b", "2025-11-10", "No lessons in Castel", "Pupils stay at home as six schools closed over the flu in Castel."),
        ("c", "2025-11-16", "Vaccine arrives", "Castel received ten thousand doses of vaccine on Saturday."),
        ("-", "2025-11-05", "Castel beats Rovo", "Castel beat Rovo 2-0 in the cup with goals by Lenz."),
        ("-", "2025-11-12", "Rents up in Castel", "Rents in Castel rose by 9 percent in a year, a survey found."),
    ],
}  # fmt: skip
SHARES = (0.3, 0.4, 0.5, 0.54, 0.57, 0.6, 0.65, 0.7, 0.8)
DISTANCES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def _index(folder: Path, topics: Sequence[str], embedder: SentenceTransformerEmbedder) -> Retriever:
    for topic in topics:
        for n, (event, day, title, text) in enumerate(SETS[topic]):
            name = f"{list(SETS).index(topic)}-{event.replace('-', 'x')}-{n}.md"
            outlet = ("Daily North", "South Post")[n % 2]
            head = f"---\ntitle: {title}\nsource: {outlet}\npublished: {day}\n---\n"
            (folder / name).write_text(head + text + "\n", encoding="utf-8")
    settings = Settings.load({}, index_dir=folder / "index", model="extracts")
    build_index(load([folder]), settings, embedder=embedder)
    return Retriever.open(settings=settings, embedder=embedder)


def _f1(found: set[object], right: set[object]) -> tuple[int, int, int]:
    return len(found & right), len(found - right), len(right - found)


def _row(name: float, counts: Sequence[tuple[int, int, int]]) -> str:
    hit, wrong, missed = (sum(column) for column in zip(*counts, strict=True))
    return f"| {name} | {hit / max(1, hit + wrong):.2f} | {hit / max(1, hit + missed):.2f} | {2 * hit / (2 * hit + wrong + missed):.2f} |"


def main() -> None:
    """Print both tables."""
    embedder = SentenceTransformerEmbedder()
    with tempfile.TemporaryDirectory() as temporary:
        indexes = {}
        for n, name in enumerate([*SETS, "all"]):
            folder = Path(temporary) / str(n)
            folder.mkdir()
            indexes[name] = _index(folder, list(SETS) if name == "all" else [name], embedder)
        print("| share of the best similarity | precision | recall | F1 |\n|---|---|---|---|")
        for share in SHARES:
            timeline.ON_TOPIC = share
            counts = []
            for n, topic in enumerate(SETS):
                right = {f"{n}-{e}-{i}" for i, (e, *_) in enumerate(SETS[topic]) if e != "-"}
                for name in (topic, "all"):
                    hits = timeline.about(Query.of(topic), indexes[name], topic, "timeline")
                    counts.append(_f1({h.passage.article.id.removesuffix(".md") for h in hits}, right))
            print(_row(share, counts))
        print("\n| distance of one event | precision | recall | F1 of pairs |\n|---|---|---|---|")
        hits = indexes["all"].holding(Query.of("all"), ())
        told = [timeline.lead_of(hit) for hit in hits]
        keys = [c.article.id.split("-")[:2] for c in told]
        right = {
            pair
            for pair in combinations(range(len(told)), 2)
            if keys[pair[0]] == keys[pair[1]] and "x" not in keys[pair[0]]
        }
        for distance in DISTANCES:
            timeline.ONE_EVENT = distance
            found = {pair for members in timeline.clusters(told) for pair in combinations(sorted(members), 2)}
            print(_row(distance, [_f1(found, right)]))


if __name__ == "__main__":
    main()

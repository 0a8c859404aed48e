"""Several questions in one come apart, what belongs together stays, and background is told from what is asked."""

from __future__ import annotations

import pytest

from rag.language.parts import asked, bare, is_polar, parts


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did the museum open and who designed it?", ("When did the museum open?", "Who designed the museum?")),
        (
            "Who designed the opera, how much did it cost and how many people can sit in it?",
            ("Who designed the opera?", "How much did the opera cost?", "How many people can sit in the opera?"),
        ),
        (
            "How much did the Orr bridge cost, and who paid half of it?",
            ("How much did the Orr bridge cost?", "Who paid half of the Orr bridge?"),
        ),
        ("When and where was the pact signed?", ("When was the pact signed?", "Where was the pact signed?")),
        ("Where and in which year was he born?", ("Where was he born?", "In which year was he born?")),
        ("How and why did the bank fail?", ("How did the bank fail?", "Why did the bank fail?")),
        (
            "Who brokered the June truce, when was it signed and does it still hold?",
            ("Who brokered the June truce?", "When was the June truce signed?", "Does the June truce still hold?"),
        ),
        ("when did skerry mill open and who built it", ("When did skerry mill open?", "Who built skerry mill?")),
        ("when was the dam built, how high is it, who owns it",
         ("When was the dam built?", "How high is the dam?", "Who owns the dam?")),
        ("Who resigned and why?", ("Who resigned?", "Why is it that somebody resigned?")),
        ("Is the dam unsafe and why?", ("Is the dam unsafe?", "Why is the dam unsafe?")),
        ("What did the two sides sign in May and where?",
         ("What did the two sides sign in May?", "Where did the two sides sign in May?")),
        ("Did the minister say when the bridge opens and who pays?",
         ("Did the minister say when the bridge opens?", "Did the minister say who pays?")),
        ("Do you know when the tower opened and who built it?",
         ("Do you know when the tower opened?", "Do you know who built the tower?")),
        ("Was anyone hurt and did the police arrest anyone?", ("Was anyone hurt?", "Did the police arrest anyone?")),
        ("Summarise the dispute and name the mediators.", ("Summarise the dispute.", "Name the mediators.")),
        ("When was Anna Berg born and where did she study?",
         ("When was Anna Berg born?", "Where did Anna Berg study?")),
        ("Who is the head of the union and what did she say?",
         ("Who is the head of the union?", "What did the head of the union say?")),
        ("Who designed the hall? When did it open?", ("Who designed the hall?", "When did the hall open?")),
        ("Why was the road closed and when will it reopen?",
         ("Why was the road closed?", "When will the road reopen?")),
        ("Who founded Acme and Sons and where is it based?",
         ("Who founded Acme and Sons?", "Where is Acme and Sons based?")),
        ("Does the Orla Desert have life, and how old is it?",
         ("Does the Orla Desert have life?", "How old is the Orla Desert?")),
        ("I read about the fire. Who started it and when?",
         ("Who started it?", "When was it that somebody started it?")),
    ],
)  # fmt: skip
def test_several_questions_come_apart(question: str, expected: tuple[str, ...]) -> None:
    assert parts(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "Who met Anna Berg and Karl Lind?",
        "What is the difference between Norway and Sweden?",
        "What did Norway and Sweden say?",
        "Which towns and villages were cut off?",
        "Who came and did the work?",
        "What did he say and do in public?",
        "Who said what and when?",
        "Who replaced the minister, who resigned in May?",
        "Which company, and which of its directors, was fined?",
        "What caused the fire and the flood?",
        "Is it true that the mayor knew and did nothing?",
        "Who knows what the rules are and how they came about?",
        "What does the law say about who may vote and who may not?",
        "Did the train derail because it was too fast or because the rails were cracked?",
        "What is the name of the ship and its captain?",
        "Where do the miners live and work?",
        "Is the water safe to drink or not?",
        "Has the party grown or has it shrunk?",
        "What part of the door, used to fasten it, does she wish was stronger?",
        "When adding two numbers, what does the rule say?",
        "Who?",
        "the border",
        "Compare how Lima and Quito see the sea border.",
    ],
)
def test_one_question_stays_one(question: str) -> None:
    assert parts(question) == (question,)


@pytest.mark.parametrize(
    ("text", "expected", "context"),
    [
        (
            "The talks began in May. My editor asks for a note. Who mediated the talks?",
            "Who mediated the talks?",
            "The talks began in May. My editor asks for a note.",
        ),
        (
            "Lena Ort made a return for her last race. Which event did she compete in?",
            "Which event did Lena Ort compete in?",
            "Lena Ort made a return for her last race.",
        ),
        (
            "The firm was fined in 2019. Its director left. Why was it fined?",
            "Why was the firm fined?",
            "The firm was fined in 2019. Its director left.",
        ),
        ("The hall opened in May. tell me who designed it", "tell me who designed the hall", "The hall opened in May."),
        ("Where is the cup held? Thanks a lot.", "Where is the cup held?", "Thanks a lot."),
        ("Who won? Who lost?", "Who won? Who lost?", ""),
        ("I am writing about the flood.", "I am writing about the flood.", ""),
        ("  who mediated ", "who mediated", ""),
    ],
)
def test_what_is_asked_is_told_from_its_background(text: str, expected: str, context: str) -> None:
    assert asked(text) == (expected, context)


def test_two_thousand_characters_of_background_do_not_hide_the_question() -> None:
    told = "The council met on Monday and argued over the quay until late. " * 32
    found, context = asked(f"{told}Who paid for the quay?")
    assert found == "Who paid for the quay?"
    assert len(context) > 1900


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("do you know who built the tower", "who built the tower?"),
        ("I'd like to know when the tower opened.", "when the tower opened?"),
        ("Please tell me, in which year was it sold?", "in which year was it sold?"),
        ("Hi, could you tell me why it closed?", "why it closed?"),
        ("who built it", "who built it?"),
        ("Who built it?", "Who built it?"),
        ("Tell me about the tower.", "Tell me about the tower."),
        ("Do you know the mayor?", "Do you know the mayor?"),
        ("Name the mediators.", "Who are the mediators?"),
        ("Ada Lund's view of the pier", "What is Ada Lund's view of the pier?"),
        ("Tell me how long the wall is.", "how long is the wall?"),
        ("Tell me when the talks that failed will resume.", "when the talks that failed will resume?"),
        ("I want to know how many people were hurt", "how many people were hurt?"),
        ("Number of sailors rescued off Malta", "How many sailors rescued off Malta?"),
        ("What was the total number of deaths in the fire?", "How many deaths in the fire?"),
        ("Days between the vote and the recount", "How many days between the vote and the recount?"),
        ("Name the country that sent the ships.", "Which country sent the ships?"),
        ("The week that Oslo gave the builders", "What is the week that Oslo gave the builders?"),
        ("The storm flooded which town?", "Which town the storm flooded?"),
        ("List all the ports that were closed.", "Which ports were closed?"),
        ("Name the architect of the hall", "Who is the architect of the hall?"),
        ("State the height of the mast.", "How high is the mast?"),
        ("length of the border", "How long is the border?"),
        ("What is the length of the border?", "How long is the border?"),
        ("what was the weight of the statues", "How heavy are the statues?"),
        ("orvik tower height?", "How high is orvik tower?"),
        ("What was the mayor's age?", "What was the mayor's age?"),
        ("Did they agree on the size?", "Did they agree on the size?"),
        ("The cost of the new bridge", "What is the cost of the new bridge?"),
        ("Reason for the delay", "What is the reason for the delay?"),
        ("head of the union", "Who is the head of the union?"),
        ("Name everyone who saw the crash.", "Who saw the crash?"),
        ("list everything that was stolen", "What was stolen?"),
        ("Name the Danish envoy.", "Who is the Danish envoy?"),
        ("Name Oslo's envoy to the talks.", "Who is Oslo's envoy to the talks?"),
        ("The bridge that fell in May", "Which bridge fell in May?"),
        ("ports that were closed", "Which ports were closed?"),
        ("The northern town flooded twice in June", "Which northern town was flooded twice in June?"),
        ("The talks that the mayor wanted", "What are the talks that the mayor wanted?"),
        ("Summarise the trial.", "Summarise the trial."),
        ("Timeline of the strike", "Timeline of the strike"),
        ("Did the head of the union resign?", "Did the head of the union resign?"),
        ("The mayor of Lund was elected.", "The mayor of Lund was elected."),
        ("Give me the gist of the report.", "Give me the gist of the report."),
        ("Orvik", "Orvik"),
        ("Orvik in May and in June: what changed?", "Orvik in May and in June: what changed?"),
    ],
)
def test_what_is_asked_becomes_a_plain_question(question: str, expected: str) -> None:
    assert bare(question) == expected


@pytest.mark.parametrize(
    ("question", "polar"),
    [
        ("Were the empty shelves in the photo from this year?", True),
        ("Does the feast last three days everywhere?", True),
        ("Can you name the mediators?", False),
        ("Did Oslo or Rome win?", False),
        ("Who won?", False),
        ("Is it?", False),
    ],
)
def test_a_question_for_yes_or_no_is_told_by_its_form(question: str, polar: bool) -> None:
    assert is_polar(question) == polar

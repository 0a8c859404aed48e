"""rag.articles.extraction on pages written here, each with one difficulty of real ones."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles import load
from rag.articles.blocks import blocks, drop_hidden, table_rows
from rag.articles.extraction import CUT, Extracted, extract
from rag.errors import ArticleError

TITLE = "Quay of Halden to close in spring"
PROSE = [
    "The harbour master of Halden said on Tuesday that the old quay must be closed in spring, as its piles are rotten.",
    "Engineer Mona Riis, who led the inspection, told the council that the repair would cost 4.2 million crowns.",
    "Nine people were hurt when part of the quay fell in October, and two of them were taken to the clinic in Orrin.",
    "The council will vote on the plan next week, after it has heard the fishermen and the owners of the two ferries.",
    "Until then no lorry above 12 tonnes may cross the yard, and the crane may lift nothing after six in the evening.",
]


def paragraphs(texts: list[str] | None = None, kind: str = "") -> str:
    return "".join(f"<p{kind}>{text}</p>" for text in (texts or PROSE))


def test_a_page_without_words() -> None:
    with pytest.raises(ArticleError, match="No article text"):
        extract("<html><body><div></div></body></html>")
    with pytest.raises(ArticleError):
        extract(b"")


def page(body: str, head: str = "", title: str = TITLE) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        f'<body><nav><ul><li><a href="/">Home</a></li><li><a href="/sport">Sport</a></li></ul></nav>{body}'
        "<footer><p>© 2019 Halden Mail. All rights reserved.</p></footer></body></html>"
    )


def article(body: str = "", head: str = "", **more: str) -> Extracted:
    return extract(page(f"<article><h1>{TITLE}</h1>{body or paragraphs()}</article>", head), **more)


def ld(**data: object) -> str:
    data = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": TITLE, **data}
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def roles(found: Extracted) -> list[tuple[str, str]]:
    return [(span.role, found.cleaned.text[span.start : span.end]) for span in found.cleaned.spans]


def test_the_article_and_nothing_else() -> None:
    found = article()
    assert found.cleaned.title == TITLE
    assert found.cleaned.text == "\n\n".join(PROSE)
    assert found.language == "en"


def test_a_part_of_a_page_saved_alone() -> None:
    assert PROSE[4] in extract(f"<div><h1>{TITLE}</h1>{paragraphs()}</div>").cleaned.text
    assert PROSE[4] in extract(paragraphs()).cleaned.text
    assert PROSE[4] in extract(f"<article>{paragraphs()}</article>".encode()).cleaned.text


def test_an_article_in_a_script_without_spaces() -> None:
    chinese = [
        "港务局长周二表示，旧码头将于春季关闭，因为木桩已经腐烂，起重机向南倾斜。",
        "工程师莉娜说，维修将花费四百二十万克朗，需要十一个星期。",
    ]
    found = extract(
        page(f"<article><h1>旧码头关闭</h1><p>2026年11月20日</p>{paragraphs(chinese)}</article>", title="旧码头关闭")
    )
    assert found.cleaned.text.endswith("\n\n".join(chinese))
    assert found.cleaned.published == date(2026, 11, 20)


def test_a_tail_after_a_break_in_the_page_is_found() -> None:
    long = [f"{text} {text.replace('The', 'A')}" for text in PROSE]
    parts = [
        f'<div class="body chunk"><div class="column">{paragraphs(part)}</div></div>' for part in (long[:3], long[3:])
    ]
    found = extract(page(f'<main><h1>{TITLE}</h1>{parts[0]}<div class="ad-slot">Advertisement</div>{parts[1]}</main>'))
    assert long[4] in found.cleaned.text


def test_headings_items_and_captions_are_told_apart() -> None:
    found = article(
        f"{paragraphs(PROSE[:2])}<h2>What it costs</h2>{paragraphs(PROSE[2:3])}"
        "<ul><li>The piles take 3 million crowns.</li><li>The crane takes one million crowns.</li></ul>"
        f"{paragraphs(PROSE[3:])}"
    )
    assert roles(found) == [
        ("heading", "What it costs"),
        ("item", "The piles take 3 million crowns."),
        ("item", "The crane takes one million crowns."),
    ]


def test_cells_over_several_rows_or_columns_stand_in_each() -> None:
    table = (
        "<table><tr><th>Port</th><th>Year</th><th>Boats</th></tr>"
        "<tr><td rowspan=2>Halden</td><td>2023</td><td>118</td></tr><tr><td>2024</td><td>97</td></tr>"
        "<tr><td>Orrin</td><td colspan=2>not counted</td></tr></table>"
    )
    found = article(paragraphs(PROSE[:3]) + table + paragraphs(PROSE[3:]))
    rows = [text for role, text in roles(found) if role == "row"]
    assert rows == [
        "Port | Year | Boats", "Halden | 2023 | 118", "Halden | 2024 | 97", "Orrin | not counted | not counted"
    ]  # fmt: skip
    assert "\n".join(rows) in found.cleaned.text


@pytest.mark.parametrize(
    "cell", ['<td colspan="99999999">x</td>' * 50, '<td rowspan="-3">a</td><td colspan="x">b</td>', "<td></td>" * 3]
)
def test_odd_tables_cost_nothing(cell: str) -> None:
    from lxml import html

    for row in table_rows(html.fromstring(f"<table>{f'<tr>{cell}</tr>' * 40}</table>")):
        assert len(row) < 2000


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display:none">SECRET</p>',
        '<div style="color:red; visibility: hidden"><p>SECRET words here.</p></div>',
        "<p hidden>SECRET</p>",
        '<span aria-hidden="true">SECRET</span>',
        '<p>Ferries <span class="visually-hidden">SECRET</span>sail on.</p>',
        "<template><p>SECRET</p></template>",
        "<noscript><p>SECRET</p></noscript>",
    ],
)
def test_what_a_browser_does_not_show_is_no_text(hidden: str) -> None:
    found = article(paragraphs(PROSE[:3]) + hidden + paragraphs(PROSE[3:]))
    assert "SECRET" not in found.cleaned.text
    assert PROSE[4] in found.cleaned.text


def test_text_after_something_hidden_stays() -> None:
    from lxml import html

    tree = html.fromstring("<div><p>one <b hidden>two</b> three</p></div>")
    assert drop_hidden(tree) == 1
    assert [block.text for block in blocks(tree)] == ["one three"]


def test_posts_quoted_in_the_article_stay() -> None:
    quote = (
        '<blockquote class="twitter-tweet"><p>We thank every fireman of the county.</p>— Halden council</blockquote>'
    )
    text = article(paragraphs(PROSE[:3]) + quote + paragraphs(PROSE[3:])).cleaned.text
    assert "We thank every fireman of the county." in text
    assert "— Halden council" in text


def test_links_to_other_articles_among_the_paragraphs_go() -> None:
    teaser = '<p><a href="/x">FERRY TO ORRIN RUNS AGROUND IN FOG</a></p>'
    assert "FERRY" not in article(paragraphs(PROSE[:3]) + teaser + paragraphs(PROSE[3:])).cleaned.text


def test_a_paragraph_that_stands_twice_is_said_once() -> None:
    text = article(paragraphs([*PROSE, PROSE[0]])).cleaned.text
    assert text.count(PROSE[0]) == 1


def test_what_the_page_s_data_says() -> None:
    found = article(
        head=ld(
            datePublished="2026-11-20T08:00:00+01:00", author=[{"name": "Ann Gray"}, {"name": "Tom Reed"}],
            publisher={"@type": "Organization", "name": "Halden Mail"},
        )
        + '<link rel="canonical" href="/2026/11/20/quay">',
        url="https://halden.example/2026/11/20/quay?utm_source=mail",
    )  # fmt: skip
    cleaned = found.cleaned
    assert (cleaned.title, cleaned.source, cleaned.author) == (TITLE, "Halden Mail", "Ann Gray, Tom Reed")
    assert (cleaned.published, cleaned.dated_by) == (date(2026, 11, 20), "metadata")
    assert found.canonical == "https://halden.example/2026/11/20/quay"


def test_the_outlet_leaves_the_title() -> None:
    found = extract(
        page(
            f"<div>{paragraphs()}</div>",
            '<meta property="og:site_name" content="Halden Mail">',
            f"{TITLE} - Halden Mail",
        )
    )
    assert (found.cleaned.title, found.cleaned.source) == (TITLE, "Halden Mail")


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ({"head": ld(datePublished="2026-11-20T23:30:00+13:00")}, "metadata"),
        ({"url": "https://halden.example/2026/11/20/quay"}, "url"),
        ({"body": f'<p class="date">Friday, 20 November 2026</p>{paragraphs()}'}, "text"),
        ({"body": f"<div>By Ann Gray | 20.11.2026</div>{paragraphs()}"}, "text"),
        ({"body": f'<time datetime="2026-11-20">two days ago</time>{paragraphs()}'}, "text"),
        ({"body": f"{paragraphs()}<p>Published: 20 November 2026</p>"}, "text"),
        ({"body": f"<footer><span>20.11.26</span> / 0 comments</footer>{paragraphs()}"}, "text"),
        ({"body": f"<p>15 comments</p><p>20 ноября 2026, 13:43</p>{paragraphs()}"}, "text"),
        ({"body": paragraphs(["HALDEN, 20 November 2026 – " + PROSE[0], *PROSE[1:]])}, "dateline"),
    ],
)
def test_the_day_and_where_it_was_found(where: dict[str, str], how: str) -> None:
    cleaned = article(**where).cleaned
    assert (cleaned.published, cleaned.dated_by) == (date(2026, 11, 20), how)


def test_the_address_beats_a_later_day_and_what_is_shown_the_data() -> None:
    later = '<meta property="article:published_time" content="2027-03-01T00:00:00Z">'
    assert article(head=later, url="https://halden.example/2026/11/20/quay").cleaned.published == date(2026, 11, 20)
    shown = f'<p class="date">20 November 2026</p>{paragraphs()}'
    in_utc = '<meta property="article:published_time" content="2026-11-21T01:30:00Z">'
    assert article(shown, in_utc).cleaned.published == date(2026, 11, 20)
    far = '<meta property="article:published_time" content="2026-03-21">'
    assert article(shown, far).cleaned.published == date(2026, 11, 20)


@pytest.mark.parametrize(
    "body",
    [
        paragraphs(),  # its footer has a copyright year
        paragraphs()
        + '<aside><a href="/a">Old quay closes</a> <time datetime="2017-03-28">28 March 2017</time></aside>',
        paragraphs() + "<table><tr><th>Port</th><th>1 May 2024</th></tr><tr><td>Halden</td><td>97</td></tr></table>",
        paragraphs([*PROSE, "The first quay was opened on 3 March 1911 by the mayor of that time."]),
    ],
    ids=["copyright", "teaser", "table", "history"],
)
def test_no_day_is_made_up(body: str) -> None:
    assert article(body).cleaned.published is None


def test_the_day_of_a_change_is_told_as_one() -> None:
    shown = '<p class="date">Updated: 24 November 2026</p>'
    cleaned = article(shown + paragraphs(), '<meta property="article:modified_time" content="2026-11-24">').cleaned
    assert cleaned.published == date(2026, 11, 24)
    assert any("last change" in note for note in cleaned.notes)


def test_a_day_in_figures_is_settled_by_the_page_s_data() -> None:
    shown = f'<p class="date">11/01/2026</p>{paragraphs()}'
    head = '<meta property="article:published_time" content="2026-11-01T04:00:00Z">'
    html = page(f"<article><h1>{TITLE}</h1>{shown}</article>", head).replace('lang="en"', 'lang="de"')
    assert extract(html).cleaned.published == date(2026, 11, 1)
    assert extract(html.replace("2026-11-01T", "2026-01-11T")).cleaned.published == date(2026, 1, 11)


def test_a_day_and_a_time_that_the_markup_runs_together() -> None:
    shown = f"<p><span>28.09.19</span><span>12:44</span></p>{paragraphs()}"
    assert article(shown).cleaned.published == date(2019, 9, 28)


def test_a_birthday_or_a_comment_is_not_taken_where_the_page_names_its_day() -> None:
    comment = f'<div class="comments"><p>Ann Gray, 3 December 2026, 10:15</p><p>{PROSE[0]}</p></div>'
    born = "<p>Mona Riis, born 3 May 1971, is the engineer of the harbour.</p>"
    body = f'<p class="date">20 November 2026</p>{born}{paragraphs()}{comment}'
    assert article(body, ld(datePublished="2026-11-20")).cleaned.published == date(2026, 11, 20)


def test_a_day_that_is_not_sure_is_named_and_not_given() -> None:
    cleaned = article(head='<meta property="article:modified_time" content="2026-11-24">').cleaned
    assert (cleaned.published, cleaned.dated_by) == (None, "")
    assert any("24 November 2026" in note for note in cleaned.notes)


def test_the_data_of_news_is_believed_though_its_day_is_not_shown() -> None:
    news = ld(**{"@type": "NewsArticle", "datePublished": "2026-11-20T08:00:00Z", "dateModified": "2026-11-24"})
    assert article(head=news).cleaned.published == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<div id="app"></div><noscript>Please enable JavaScript to read this site.</noscript>', "needs JavaScript"),
        ("<main><h1>Page not found</h1><p>Sorry, what you asked for has moved to another place.</p></main>", "404"),
        (
            "<main><h1>Before you continue</h1><p>We and our 842 partners store and access information in cookies, to "
            "process personal data with your consent.</p></main>",
            "consent wall",
        ),
        (
            "<main>"
            + "".join(
                f'<article><h2><a href="/{n}">{a} of the day</a></h2><p>{b} in Halden.</p></article>'
                for n, (a, b) in enumerate(
                    [("Bridge", "A bridge opens"), ("Trees", "Trees are planted"), ("Lock", "A lock shuts"),
                     ("Race", "A race is won"), ("Boats", "Boats are sold")]
                )
            )
            + "</main>",
            "list of other articles",
        ),
        ('<article><h1>Film</h1><video src="a.mp4"></video><p>Watch.</p></article>', "film or pictures"),
        (
            "<h1>halden.test</h1><p>Checking if the site connection is secure</p><p>halden.test needs to review the "
            "security of your connection before proceeding.</p><p>Ray ID: 7c5d</p>",
            "check for robots",
        ),
        ("<h1>Log in</h1><form><input></form><p>Forgot your password? Create an account.</p>", "asks to log in"),
    ],
    ids=["script", "404", "consent", "front page", "film", "robots", "login"],
)  # fmt: skip
def test_pages_that_are_no_article_are_refused_with_the_next_step(body: str, said: str) -> None:
    with pytest.raises(ArticleError, match=said) as raised:
        extract(page(body, title="Halden Mail"))
    assert raised.value.hint


def test_a_further_post_below_is_no_part_of_the_article() -> None:
    below = "The ferry to Orrin stops for a month while its engine is mended, the company told the town on Friday."
    mine = f"<article><h1>{TITLE}</h1>{paragraphs()}</article>"
    posts = extract(page(f"{mine}<article><h2>Ferry stops</h2><p>{below}</p></article>"))
    assert below not in posts.cleaned.text
    assert below in extract(page(f"{mine}<article><p>{below}</p></article>")).cleaned.text  # after a break


def test_an_article_about_such_pages_is_an_article() -> None:
    told = "Cookies need the consent of readers, say the partners of the privacy office in a paper on personal data."
    assert told in article(paragraphs([told, *PROSE])).cleaned.text
    robots = "“Verify that you are human”, says a page that no human likes, and the council wants it gone by May."
    assert robots in article(paragraphs([robots, *PROSE])).cleaned.text
    script = "A page that says “please enable JavaScript” is of no use to a reader with an old machine, she wrote."
    assert script in article(paragraphs([script, *PROSE])).cleaned.text


def test_an_article_behind_a_wall_is_said_to_be_cut() -> None:
    wall = (
        '<div class="paywall"><p>To continue reading, subscribe for 1 crown a week.</p>'
        "<p>All our journalism, every day.</p></div>"
    )
    cleaned = article(paragraphs(PROSE[:1]) + wall).cleaned
    assert cleaned.text == PROSE[0]
    assert CUT in cleaned.notes
    assert CUT not in article().cleaned.notes


def test_paragraphs_named_after_the_wall_stay() -> None:
    cleaned = article(paragraphs(PROSE * 1, ' class="paywall"')).cleaned
    assert cleaned.text == "\n\n".join(PROSE)


def test_a_body_that_only_the_page_s_data_holds() -> None:
    found = extract(page('<div id="app"></div>', ld(articleBody="\n\n".join(PROSE))))
    assert found.cleaned.text == "\n\n".join(PROSE)


def test_what_is_cut_and_what_is_undated_is_told_when_it_is_read(tmp_path: Path) -> None:
    wall = "<div><p>To continue reading, subscribe for 1 crown a week.</p></div>"
    (tmp_path / "cut.html").write_text(page(f"<article><h1>{TITLE}</h1>{paragraphs(PROSE[:1])}{wall}</article>"))
    (tmp_path / "whole.html").write_text(page(f"<article><h1>Ferry sails</h1>{paragraphs()}</article>"))
    lines: list[str] = []
    assert len(list(load([tmp_path], note=lines.append))) == 2
    assert lines == [f"cut: {CUT}", "Undated: 2 of 2 articles."]


POSTS = [
    ("18:40", "The storm is moving out to sea, and the warning ends at midnight."),
    ("16:05", "The first families have reached the gymnasium, where blankets are handed out."),
    ("14:20", "Police have closed the bridge to all traffic, after a gust overturned a lorry."),
]


def test_a_live_blog_is_its_posts_with_their_times_the_newest_first() -> None:
    updates = [{"@type": "BlogPosting", "datePublished": f"2026-11-23T{at}:00Z", "articleBody": t} for at, t in POSTS]
    found = article(
        "".join(f"<section><time>{at}</time><p>{text}</p></section>" for at, text in POSTS),
        ld(
            **{
                "@type": "LiveBlogPosting",
                "datePublished": "2026-11-23T11:00:00+01:00",
                "liveBlogUpdate": updates[::-1],
            }
        ),
    )
    assert found.cleaned.title == TITLE
    assert found.cleaned.published == date(2026, 11, 23)
    assert found.cleaned.text.split("\n\n") == [f"23 November 2026, {at}: {text}" for at, text in POSTS]


def test_a_live_blog_without_data_keeps_the_times() -> None:
    body = "".join(f"<section><p>{at}</p><p>{text} {PROSE[0]}{at}</p></section>" for at, text in POSTS)
    cleaned = article(body).cleaned
    assert all(f"{at}: {said}" in cleaned.text for at, said in POSTS)
    assert f"A live blog of {len(POSTS)} entries, each with its time, in the order of the page." in cleaned.notes


def test_the_headings_of_a_live_blog_stay() -> None:
    body = "".join(
        f"<div><time>{at}</time><h3>Water at {n} m</h3><p>{text} {PROSE[0]}{at}</p></div>"
        for n, (at, text) in enumerate(POSTS, 7)
    )
    text = article(body).cleaned.text
    assert all(f"{at}: Water at {n} m" in text for n, (at, _) in enumerate(POSTS, 7))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["p", "table", "li", "h1", "time", "script", "blockquote", "td"]))
def test_any_markup_gives_an_article_or_a_refusal(text: str, tag: str) -> None:
    try:
        found = extract(page(f"<{tag}>{text}<{tag} rowspan={text!r}>{text}</{tag}>"))
    except ArticleError:
        return
    cleaned = found.cleaned
    assert all(0 <= s.start < s.end <= len(cleaned.text) for s in cleaned.spans)


def test_a_day_that_no_reader_sees_is_the_page_s_only_where_nothing_stands_around_the_article() -> None:
    head = '<meta property="article:published_time" content="2026-11-20">'
    alone = extract(page(f"<h1>{TITLE}</h1>{paragraphs()}", head)).cleaned
    assert (alone.published, alone.dated_by) == (date(2026, 11, 20), "metadata")
    menu = "".join(f"<div><a href='/{n}'>Part {n}</a></div>" for n in range(30))
    framed = extract(page(f"<nav>{menu}</nav><h1>{TITLE}</h1>{paragraphs()}<footer>{menu}</footer>", head)).cleaned
    assert framed.published is None
    assert any("20 November 2026 stands in the page's data" in note for note in framed.notes)

"""The chat page: `rag chat`, or `python app.py`. Thin: the page is in rag/page."""

from __future__ import annotations

# rag comes before gradio: it switches off what libraries report home.
from rag.errors import InputError
from rag.page.desk import MOST_BYTES, MOST_FILES, Desk
from rag.page.guard import LOCAL, Guard, bare_host
from rag.page.people import People, read_people
from rag.page.server import bind, gradio_app, import_gradio, keep_uploads_in, run
from rag.page.sources import routes
from rag.settings import Settings

import_gradio()
import gradio as gr  # noqa: E402

from rag.page.view import STATIC, build  # noqa: E402


def logins(settings: Settings) -> People | None:
    """Who may log in, by `settings.auth`; None where nobody needs to.

    Raises:
        InputError: an entry is not name:password, or there is none though the page listens beyond this machine.
    """
    people = read_people(settings.auth)
    if not people and settings.host not in LOCAL:
        raise InputError(
            f"Listening on {settings.host} lets others use the page, so it needs a login.",
            "Add --auth name:password or --auth @FILE (or DATELINE_AUTH), or use --host 127.0.0.1.",
        )
    return People(people) if people else None


def hosts(settings: Settings) -> list[str]:
    """The hosts that the page answers to besides this machine's own: those named, and the one it listens on.

    Raises:
        InputError: a name is none.
    """
    named = [name.strip() for name in settings.allowed_hosts.split(",") if name.strip()]
    if wrong := [name for name in named if not bare_host(name)]:
        raise InputError(f"{wrong[0]!r} is no host.", "Name hosts as news.example.org, several with commas.")
    return [*named, settings.host]


def serve(settings: Settings, *, open_browser: bool = False, fetch: bool = False) -> None:
    """Open the index and the model, and serve the page until interrupted.

    Args:
        fetch: whether a better model than is here is fetched meanwhile, where none was named.

    Raises:
        InputError: the address cannot be listened on, or the page would be open to others without a login.
        RagError: the index or the model cannot be used.
    """
    people, named = logins(settings), hosts(settings)
    with bind(settings.host, settings.port) as listening:
        desk = Desk(settings, fetch=fetch)
        try:
            keep_uploads_in(settings.data_dir / "uploads" / str(listening.getsockname()[1]))
            page = build(desk).queue(default_concurrency_limit=4)
            app, inner = gradio_app(
                page,
                listening,
                logged_in=people is not None,
                more=routes(desk),
                max_file_size=MOST_BYTES,
                theme=theme(),
                favicon_path=str(STATIC / "favicon.svg"),
                # Not `css`: Gradio would put its own container before every selector.
                head='<link rel="icon" type="image/svg+xml" href="/favicon.ico">'
                f"<style>{own('page.css')}{own('sources.css')}</style><script>{own('sources.js')}</script>",
                js=own("page.js"),
            )
            guarded = Guard(app, hosts=named, people=people, inner=inner, most_upload=MOST_FILES * MOST_BYTES)
            run(guarded, listening, open_browser=open_browser, then=desk.load_behind)
        finally:
            desk.close()


def own(name: str) -> str:
    """A file of the page's own."""
    return (STATIC / name).read_text(encoding="utf-8")


def theme() -> gr.themes.Base:
    """Gradio's own look with the fonts of this machine, and colours of enough contrast (WCAG AA)."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return gr.themes.Default(primary_hue="blue", neutral_hue="stone", **fonts).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        block_border_width="1px",
        block_shadow="none",
        block_label_background_fill="transparent",
        button_cancel_background_fill="#b91c1c",
        button_cancel_background_fill_hover="#991b1b",
        button_cancel_background_fill_dark="#b91c1c",
        button_cancel_text_color="white",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_200",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )


if __name__ == "__main__":
    serve(Settings.load())

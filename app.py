"""The chat page: `rag chat`, or `python app.py`. Thin: the page is in rag/page."""

from __future__ import annotations

import gradio as gr

from rag.errors import InputError
from rag.page.desk import MOST_BYTES, Desk
from rag.page.view import STATIC, build
from rag.settings import Settings

#: Addresses of this machine alone.
LOCAL = {"127.0.0.1", "localhost", "::1"}


def logins(settings: Settings) -> list[tuple[str, str]]:
    """The names and passwords of `settings.auth`.

    Raises:
        InputError: an entry is not name:password, or there is none though the page listens beyond this machine.
    """
    pairs = [tuple(entry.split(":", 1)) for entry in settings.auth.split(",") if entry.strip()]
    if any(len(pair) != 2 or not all(part.strip() for part in pair) for pair in pairs):
        raise InputError("auth has an entry that is not name:password.", "Write name:password, several with commas.")
    if not pairs and settings.host not in LOCAL:
        raise InputError(
            f"Listening on {settings.host} lets others use the page, so it needs a login.",
            "Add --auth name:password (or DATELINE_AUTH), or use --host 127.0.0.1.",
        )
    return [(name.strip(), password) for name, password in pairs]


def serve(settings: Settings, *, open_browser: bool = False, fetch: bool = False) -> None:
    """Open the index and the model, and serve the page until interrupted.

    Args:
        fetch: whether a better model than is here is fetched meanwhile, where none was named.

    Raises:
        InputError: the page would listen beyond this machine without a login.
        RagError: the index or the model cannot be used.
    """
    auth = logins(settings)
    desk = Desk(settings, fetch=fetch)
    try:
        build(desk).queue(default_concurrency_limit=4).launch(
            server_name=settings.host,
            server_port=settings.port or None,
            inbrowser=open_browser,
            share=False,
            auth=auth or None,
            mcp_server=_has_mcp(),
            max_file_size=MOST_BYTES,
            theme=theme(),
            # Not `css`: Gradio would put its own container before every selector.
            head=f"<style>{(STATIC / 'page.css').read_text(encoding='utf-8')}</style>",
            js=(STATIC / "page.js").read_text(encoding="utf-8"),
            footer_links=["api"],
        )
    finally:
        desk.close()


def theme() -> gr.themes.Base:
    """Gradio's own look with the fonts of this machine, and colours of enough contrast (WCAG AA)."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return gr.themes.Default(primary_hue="blue", neutral_hue="stone", **fonts).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
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


def _has_mcp() -> bool:
    """Whether the optional package for MCP is installed."""
    from importlib.util import find_spec

    return find_spec("mcp") is not None


if __name__ == "__main__":
    serve(Settings.load())

"""What the page does with its articles: list, correct, gather and delete them. Plain values in, plain values out.

`routes` offers it to the script static/sources.js; the guard has let the request in by then. Knows nothing about
Gradio.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from rag.errors import InputError, RagError
from rag.indexing.listing import ORDERS, Wanted
from rag.page.collections import Collections, collections_of
from rag.page.desk import Desk
from rag.page.guard import USER
from rag.page.render import on_page
from rag.page.render_sources import render_earlier, render_sources
from rag.types import parse_day

if TYPE_CHECKING:
    import fastapi

#: Articles shown at once, and most that one deed may touch.
PER_PAGE, MOST = 50, 100_000
#: Where the functions are offered.
PREFIX = "/sources"

_log = logging.getLogger(__name__)


class Sources:
    """The articles of one desk, for one person.

    Args:
        person: who is logged in; None where nobody logs in.
    """

    def __init__(self, desk: Desk, person: str | None) -> None:
        self._desk = desk
        self._person = person

    @property
    def _collections(self) -> Collections:
        return collections_of(self._desk.settings.data_dir, self._person)

    def list(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The articles that are wanted, as HTML.

        Args:
            told: see `_wanted`; and "page", from 0.
        """
        wanted = self._wanted(told)
        page = max(0, int(told.get("page") or 0))
        listing = self._desk.retriever.listed(wanted, PER_PAGE, page * PER_PAGE)
        if page and not listing.rows:
            page, listing = 0, self._desk.retriever.listed(wanted, PER_PAGE)
        chosen = str(told.get("collection") or "")
        return {
            "html": render_sources(
                listing, wanted, page=page, per_page=PER_PAGE, collections=self._collections.all(), chosen=chosen,
                watched=self._desk.watched.all(), seen=str(told.get("seen") or ""), step=str(told.get("step") or ""),
            ),
            "total": listing.total, "of": listing.of, "state": self.state({})["state"],
        }  # fmt: skip

    def state(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """What changes whenever an article does."""
        count, last = self._desk.retriever.pulse()
        return {"state": f"{count} {last}", "articles": count, "last": last}

    def all(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Ids and titles of all articles that are wanted, so that they can be ticked."""
        rows = self._desk.retriever.listed(self._wanted(told), MOST).rows
        return {"articles": [[row.id, row.title] for row in rows]}

    def correct(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Set an article's title, source or day right.

        Args:
            told: "id", and those of "title", "source" and "published" that are set.
        """
        values = {name: str(told[name]) for name in ("title", "source", "published") if name in told}
        if self._desk.correct(str(told.get("id")), values) is None:
            raise InputError("That article is not in the index any more.")
        return {"said": "Kept. It stays so when the article is read again."}

    def delete(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Delete articles: "ids"."""
        gone = self._desk.delete(_texts(told, "ids"))
        return {"said": f"{len(gone)} {'article was' if len(gone) == 1 else 'articles were'} deleted.", "gone": gone}

    def collection(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Make, fill, empty, name or delete a collection.

        Args:
            told: "do" ("make", "rename", "add", "remove" or "delete"), "id", "name" and "ids" as that needs.
        """
        kept, id_, name, ids = self._collections, str(told.get("id") or ""), str(told.get("name") or ""), _texts(
            told, "ids"
        )  # fmt: skip
        do = told.get("do")
        if do == "make":
            made = kept.make(name, ids)
            return {"said": f"{made.name}: {_articles(len(made.articles))}.", "id": made.id}
        if do == "rename":
            return {"said": f"It is called {kept.rename(id_, name).name} now.", "id": id_}
        if do == "add":
            found = kept.add(id_, ids)
            return {"said": f"{found.name}: {_articles(len(found.articles))}.", "id": id_}
        if do == "remove":
            found = kept.remove(id_, ids)
            return {"said": f"{found.name}: {_articles(len(found.articles))}.", "id": id_}
        if do == "delete":
            kept.delete(id_)
            return {"said": "The collection was deleted; its articles are still here."}
        raise InputError("That is nothing that can be done with a collection.")

    def earlier(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """An earlier version of an article as HTML, with what has changed since: "id", and "n", 0 the newest."""
        article = self._desk.article(str(told.get("id")))
        versions = self._desk.retriever.versions(str(told.get("id")))
        n = int(told.get("n") or 0)
        if article is None or not 0 <= n < len(versions):
            raise InputError("That version is not kept any more.")
        return {"html": render_earlier(versions[n], article)}

    def watch(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Watch an address, look now, or watch it no more.

        Args:
            told: "do" ("add", "refresh" or "remove"), and "what"; "" refreshes all.
        """
        what, do = str(told.get("what") or "").strip(), told.get("do")
        if do == "add":
            if not what.lower().startswith(("http://", "https://")):
                # A path would let whoever uses the page read the files of the machine that serves it.
                raise InputError("That is no web address.", "Give one that begins with http:// or https://.")
            self._desk.watched.add(what)
        elif do == "remove":
            self._desk.watched.remove(what)
            return {"said": "It is not watched any more; its articles are still here."}
        known = [each.what for each in self._desk.watched.all()]
        looked = [self._desk.refresh(each) for each in ([what] if what else known) if each in known]
        return {"said": " ".join(looked) or "Nothing is watched yet."}

    def _wanted(self, told: Mapping[str, Any]) -> Wanted:
        """What is wanted, from what a script tells.

        Args:
            told: "text", "sources", "languages", "names", "since", "until", "undated", "collection", "articles",
                "order" and "descending", each optional.
        """
        chosen, only = str(told.get("collection") or ""), told.get("articles")
        ids = tuple(map(str, only)) if isinstance(only, (list, tuple)) else None
        if chosen:
            ids = self._collections.articles_of([chosen])
        order = told.get("order")
        return Wanted(
            text=str(told.get("text") or ""),
            sources=tuple(_texts(told, "sources")),
            languages=tuple(_texts(told, "languages")),
            names=tuple(_texts(told, "names")),
            since=_day("since", told),
            until=_day("until", told),
            undated=bool(told.get("undated")),
            articles=ids,
            order=order if order in ORDERS else "match",
            descending=bool(told.get("descending", True)),
        )


def _texts(told: Mapping[str, Any], name: str) -> list[str]:
    given = told.get(name) or []
    if not isinstance(given, (list, tuple)) or not all(isinstance(each, str) for each in given):
        raise InputError(f"{name} is no list of texts.")
    return list(given)


def _day(name: str, told: Mapping[str, Any]) -> date | None:
    return parse_day(name, str(told[name])) if told.get(name) else None


def _articles(count: int) -> str:
    return f"{count} {'article' if count == 1 else 'articles'}"


def routes(desk: Desk) -> fastapi.APIRouter:
    """The functions of `Sources` by HTTP: POST /sources/NAME with a JSON object, and GET /sources/original."""
    import fastapi
    from fastapi.responses import FileResponse, JSONResponse

    router = fastapi.APIRouter(prefix=PREFIX)

    def offered(name: str) -> Callable[..., Any]:
        def called(request: fastapi.Request, told: dict[str, Any]) -> Any:
            try:
                return getattr(Sources(desk, request.scope.get(USER)), name)(told)
            except RagError as error:
                return JSONResponse({"error": on_page(error.message), "hint": on_page(error.hint)}, 400)
            except (TypeError, ValueError):
                return JSONResponse({"error": "That request is damaged.", "hint": ""}, 400)
            except Exception:
                _log.exception("A request to %s/%s failed", PREFIX, name)
                return JSONResponse({"error": "Something is wrong inside the page; its log says what."}, 500)

        called.__annotations__ = {"request": fastapi.Request, "told": dict[str, Any]}
        return called

    for name in ("list", "state", "all", "correct", "delete", "collection", "earlier", "watch"):
        router.add_api_route(f"/{name}", offered(name), methods=["POST"], include_in_schema=False)

    def original(article: str) -> Any:
        """The file that an article was read from, as it lies on this machine; only of what is in the index."""
        path = desk.original(article)
        if path is None:
            return JSONResponse({"error": "Its file is not here."}, 404)
        # The page's own policy forbids what the browser's viewer of PDFs is made of; nothing but that may run here.
        policy = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        shown = {"content-disposition": "inline", "content-security-policy": policy}
        return FileResponse(path, media_type="application/pdf", headers=shown)

    original.__annotations__ = {"article": str}
    router.add_api_route("/original", original, methods=["GET"], include_in_schema=False)
    return router

"""rag.page.guard and rag.page.people: who is let in, without a page behind."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag.errors import InputError
from rag.page.guard import MOST_BODY, USER, Guard, bare_host
from rag.page.people import People, hash_password, is_password, read_people

OWN = "127.0.0.1:7860"
PATHS = ["/", "/config", "/gradio_api/call/ask", "/gradio_api/upload", "/gradio_api/mcp/", "/gradio_api/queue/join",
         "/gradio_api/heartbeat/x", "/login", "/nothing"]  # fmt: skip

ANN = read_people("ann:s3cret")


class Behind:
    """The application behind the guard: keeps what reached it."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, str | None]] = []
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.reached.append((scope["path"], scope.get(USER)))
        self.headers = scope["headers"]
        while (message := await receive())["type"] == "http.request":
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"in"})


def asking(guard: Guard, method: str, path: str, host: str = OWN, **how: Any) -> httpx.Response:
    """One request, in a loop of its own."""

    async def one() -> httpx.Response:
        headers = {"host": host, **how.pop("headers", {})}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(guard), base_url="http://127.0.0.1:7860", verify=False
        ) as client:
            return await client.request(method, path, headers=headers, **how)

    return asyncio.run(one())


# ---------------------------------------------------------------------- Host and Origin


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["rebind.test", "127.0.0.1.rebind.test:7860", "localhost.evil", "", "127.0.0.1@evil.test", "10.0.0.1",
             "[::2]", "127.0.0.1/x", "127.0.0.1:99999"],
)  # fmt: skip
def test_a_foreign_host_reaches_nothing(path: str, host: str) -> None:
    for people in (None, People(ANN)):
        behind = Behind()
        for method in ("GET", "POST", "OPTIONS"):
            answer = asking(Guard(behind, hosts=["news.example.org"], people=people), method, path, host)
            assert (answer.status_code, behind.reached) == (403, [])


@pytest.mark.parametrize(
    "host", [OWN, "localhost:7860", "LOCALHOST", "[::1]:7860", "news.example.org", "news.example.org:443"]
)
def test_the_machine_s_own_names_and_those_that_were_named_are_answered(host: str) -> None:
    behind = Behind()
    assert asking(Guard(behind, hosts=["News.example.org"]), "GET", "/config", host).text == "in"


def test_two_hosts_in_one_request_are_none() -> None:
    behind = Behind()
    scope = {
        "type": "http",
        "path": "/",
        "method": "GET",
        "headers": [(b"host", b"localhost"), (b"host", b"evil.test")],
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(behind)(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
    assert (sent[0]["status"], behind.reached) == (403, [])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (OWN, "http://evil.test"),
        (OWN, "null"),
        (OWN, "http://127.0.0.1:7861"),
        (OWN, "https://127.0.0.1"),
        (OWN, "http://localhost:7860"),
        (OWN, "file://"),
        (OWN, "http://news.example.org"),
        ("news.example.org", "https://other.example.org"),
        ("news.example.org", "https://news.example.org:8443"),
        ("news.example.org", "https://news.example.org.evil.test"),
        ("news.example.org", "https://evil.test#news.example.org"),
    ],
)
def test_another_origin_reaches_nothing(path: str, host: str, origin: str) -> None:
    for people in (None, People(ANN)):
        behind = Behind()
        guard = Guard(behind, hosts=["news.example.org"], people=people)
        for method in ("GET", "POST", "OPTIONS"):
            answer = asking(guard, method, path, host, headers={"origin": origin})
            assert (answer.status_code, behind.reached) == (403, [])
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (OWN, "http://127.0.0.1:7860"),
        ("[::1]:7860", "http://[::1]:7860"),
        ("news.example.org", "https://news.example.org"),
        ("news.example.org:8443", "https://news.example.org:8443"),
        (OWN, "https://news.example.org"),  # a TLS proxy on this machine that asks by address
    ],
)
def test_the_page_s_own_origin_is_answered(host: str, origin: str) -> None:
    guard = Guard(Behind(), hosts=["news.example.org"])
    assert asking(guard, "POST", "/gradio_api/call/ask", host, headers={"origin": origin}).text == "in"


def test_another_site_may_link_to_the_page_and_no_more() -> None:
    guard = Guard(Behind())
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert asking(guard, "GET", "/", headers=link).status_code == 200
    for change in (
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site"} | {"sec-fetch-dest": "script"},
    ):
        assert asking(guard, "GET", "/", headers=link | change).status_code == 403
    assert asking(guard, "POST", "/gradio_api/upload", headers=link).status_code == 403
    assert asking(guard, "POST", "/gradio_api/upload", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_no_forwarded_host_but_a_named_one_is_believed() -> None:
    behind = Behind()
    guard = Guard(behind, hosts=["news.example.org"])
    asking(guard, "GET", "/", headers={"x-forwarded-host": "evil.test", "forwarded": "host=evil.test"})
    assert not {name for name, _ in behind.headers} & {b"x-forwarded-host", b"forwarded"}
    asking(guard, "GET", "/", headers={"x-forwarded-host": "news.example.org"})
    assert (b"x-forwarded-host", b"news.example.org") in behind.headers


@pytest.mark.parametrize(
    ("host", "bare"),
    [
        ("[::1]:7860", "::1"),
        ("Localhost:80", "localhost"),
        ("a/b", ""),
        ("a:b", ""),
        ("u@a", ""),
        ("[::1", ""),
        ("", ""),
    ],
)
def test_bare_host(host: str, bare: str) -> None:
    assert bare_host(host) == bare


# ---------------------------------------------------------------------- what else is closed


@pytest.mark.parametrize(
    "path", ["/gradio_api/proxy=https://x.test/a", "/gradio_api/vibe-code/", "/monitoring/summary"]
)
def test_what_the_page_never_asks_for_is_not_there(path: str) -> None:
    behind = Behind()
    assert asking(Guard(behind), "GET", path).status_code == 404
    assert behind.reached == []


def test_a_body_that_is_too_large_is_not_read_on() -> None:
    behind = Behind()
    guard = Guard(behind, most_upload=MOST_BODY + 10)
    large = b"x" * (MOST_BODY + 1)

    async def pieces() -> Any:
        for _ in range(5):
            yield large[: len(large) // 2]

    assert asking(guard, "POST", "/gradio_api/call/ask", content=large).status_code == 413
    assert asking(guard, "POST", "/gradio_api/call/ask", content=pieces()).status_code == 413
    assert behind.reached == []
    assert asking(guard, "POST", "/gradio_api/upload", content=large).status_code == 200
    assert len(behind.body) == len(large)
    behind.body = b""
    assert asking(guard, "POST", "/gradio_api/call/ask", content=b"{}").status_code == 200
    assert behind.body == b"{}"


def test_every_answer_tells_the_browser_to_ask_no_other_host() -> None:
    for answer in (asking(Guard(Behind()), "GET", "/"), asking(Guard(Behind()), "GET", "/", "evil.test")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "http:" not in policy
        assert "frame-ancestors 'self'" in policy


# ---------------------------------------------------------------------- logins


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_login_nothing_is_reached() -> None:
    behind = Behind()
    guard = Guard(behind, people=People(ANN))
    for path in [*PATHS, "/gradio_api/mcp", "/gradio_api/cancel", "/gradio_api/startup-events", "/assets/index.js"]:
        for method in ("GET", "POST"):
            asking(guard, method, path)
    assert behind.reached == []
    assert asking(guard, "GET", "/gradio_api/mcp/").status_code == 401
    shown = asking(guard, "GET", "/", headers={"accept": "text/html"})
    assert 'name="password"' in shown.text


def test_logging_in_and_out() -> None:
    behind = Behind()
    guard = Guard(behind, people=People(read_people("ann:s3cret,bob:x:y")))
    done = asking(guard, "POST", "/login", data={"username": "bob", "password": "x:y"})
    assert (done.status_code, done.json()) == (200, {"success": True})
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    headers = {"cookie": cookie.split(";")[0]}
    assert asking(guard, "GET", "/config", headers=headers).text == "in"
    assert behind.reached == [("/config", "bob")]
    assert asking(guard, "GET", "/logout", headers=headers).status_code == 303
    assert asking(guard, "GET", "/config", headers=headers).status_code == 401


def test_a_program_may_send_its_login_with_each_request() -> None:
    behind = Behind()
    guard = Guard(behind, people=People(ANN))
    for password, status in (("s3cret", 200), ("wrong", 401), ("s3cret", 200)):
        basic = base64.b64encode(f"ann:{password}".encode()).decode()
        assert (
            asking(guard, "GET", "/gradio_api/mcp/", headers={"authorization": f"Basic {basic}"}).status_code == status
        )
    assert behind.reached == [("/gradio_api/mcp/", "ann")] * 2


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Bearer x", "Basic " + "A" * 5000])
def test_a_damaged_login_is_none(header: str) -> None:
    guard = Guard(Behind(), people=People(ANN))
    assert asking(guard, "GET", "/config", headers={"authorization": header}).status_code == 401


def test_wrong_passwords_are_slowed() -> None:
    clock = Clock()
    guard = Guard(Behind(), people=People(ANN, clock))

    def one(password: str) -> httpx.Response:
        return asking(guard, "POST", "/login", data={"username": "ann", "password": password})

    statuses = [one("wrong").status_code for _ in range(60)]
    assert statuses == [400] + [429] * 59
    assert one("s3cret").status_code == 429, "nor is the right one told from a wrong one"
    tried = 0
    for _ in range(600):  # ten minutes of a try each second
        clock.now += 1
        tried += one("wrong").status_code == 400
    assert tried <= 10
    clock.now += 300
    assert one("s3cret").status_code == 200
    assert one("s3cret").status_code == 200, "and nothing is held against her afterwards"


def test_others_are_not_kept_out_for_long() -> None:
    clock = Clock()
    people = People(ANN, clock)
    for _ in range(30):
        clock.now += 400
        assert people.admit("ann", "10.0.0.9") == 0
    assert 200 < people.admit("ann", "10.0.0.9") <= 300
    assert people.admit("ann", "10.0.0.1") <= 8


def test_a_login_lapses() -> None:
    clock = Clock()
    people = People(ANN, clock)
    token = people.log_in("ann")
    clock.now += 11 * 3600
    assert people.who(token) == "ann"
    clock.now += 13 * 3600
    assert people.who(token) is None


def test_passwords_by_file_and_hashed(tmp_path: Path) -> None:
    hashed = hash_password("s3:cret")
    file = tmp_path / "people"
    file.write_text(f"# who may come in\nann:{hashed}\n\nbob:plain, with a comma\n", encoding="utf-8")
    people = read_people(f"@{file}")
    assert people["ann"] == hashed
    assert is_password("s3:cret", people["ann"])
    assert is_password("plain, with a comma", people["bob"])
    assert not is_password("plain", people["bob"])
    assert not any("plain" in value for value in people.values())
    assert hash_password("s3:cret") != hashed


@pytest.mark.parametrize(
    "auth", ["ann", "ann:", ":x", "ann:x,ann:y", "@/no/such/file", "@/dev/null", ",", "ann:scrypt:only", "ann: "]
)
def test_a_bad_list_of_people_is_told_in_words(auth: str) -> None:
    with pytest.raises(InputError):
        read_people(auth)

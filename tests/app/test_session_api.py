"""Signing in through the API, and what other sites, forged cookies and large bodies come to."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from labelkit import Project
from labelkit.steps.team import SignIn, Team
from tests.conftest import ROOT

if str(ROOT / "app") not in sys.path:
    sys.path.insert(0, str(ROOT / "app"))

PASSWORD = "correct horse battery"
SITE = "http://labels.example.org"
_addresses = itertools.count()
Browser = Callable[..., TestClient]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("session") / "project"
    with Project.init(folder, name="texts", labels=["a", "b"]) as project:
        for name, role in (("Ada", "lead"), ("Bob", "annotator"), ("Rae", "reviewer"), ("Dan", "data scientist")):
            project.team.add(name, role, PASSWORD, actor="test")
    return folder


@pytest.fixture
def browser(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Makes browsers; each keeps its cookies and says where its page is from."""
    monkeypatch.setenv("LABELKIT_PROJECT", str(home))
    from api import create_api
    from headers import SafeHeaders

    app = Starlette(routes=[Mount("/api", app=create_api())], middleware=[Middleware(SafeHeaders)])
    opened: list[TestClient] = []

    def make(name: str | None = None, *, site: str = SITE, **headers: str) -> TestClient:
        address = f"10.0.{next(_addresses)}.1"  # failures of one test are none of another's
        client = TestClient(app, base_url=site, headers={"Origin": site, **headers}, client=(address, 1))
        client.__enter__()
        opened.append(client)
        if name is not None:
            client.post("/api/session", json={"name": name, "password": PASSWORD}).raise_for_status()
        return client

    yield make
    for client in opened:
        client.__exit__()


@pytest.fixture
def settings(home: Path) -> Iterator[Callable[[str], None]]:
    """Adds lines to ``labelkit.toml`` for one test."""
    path = home / "labelkit.toml"
    before = path.read_text(encoding="utf-8")
    yield lambda lines: path.write_text(f"{before}\n{lines}\n", encoding="utf-8") and None
    path.write_text(before, encoding="utf-8")


def cookie(client: TestClient) -> tuple[str, str]:
    """Name and value of the session cookie."""
    (found,) = [(c.name, str(c.value)) for c in client.cookies.jar if not c.name.endswith("_device")]
    return found


def error(reply: object) -> str:
    return str(reply.json()["error"]["message"])  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- the cookie


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    reply = browser().post("/api/session", json={"name": "Ada", "password": PASSWORD})
    assert reply.json() == {"name": "Ada", "role": "lead"} and PASSWORD not in reply.text
    session, device = reply.headers.get_list("set-cookie")
    for said in (session.lower(), device.lower()):
        assert "httponly" in said and "samesite=strict" in said and "max-age" in said and "secure" not in said
    assert "path=/;" in session.lower() and "path=/api/session;" in device.lower()
    assert reply.headers["cache-control"] == "no-store"


def test_behind_tls_it_never_leaves_it(browser: Browser) -> None:
    reply = browser(site="https://labels.example.org").post("/api/session", json={"name": "Ada", "password": PASSWORD})
    assert all("secure" in said.lower() for said in reply.headers.get_list("set-cookie"))


def test_a_proxy_is_believed_only_where_there_is_one(browser: Browser, settings: Callable[[str], None]) -> None:
    def said() -> list[str]:
        client = browser(**{"X-Forwarded-Proto": "https", "Origin": SITE.replace("http:", "https:")})
        reply = client.post("/api/session", json={"name": "Ada", "password": PASSWORD})
        return [each for each in reply.headers.get_list("set-cookie") if "secure" in each.lower()]

    assert said() == []
    settings("[serve]\nbehind_proxy = true")
    assert len(said()) == 2


def test_the_address_that_counts_cannot_be_made_up(
    browser: Browser, settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    before = Team.sign_in

    def noted(self: Team, name: str, password: str, *, address: str, device: str | None) -> SignIn:
        seen.append(address)
        return before(self, name, password, address=address, device=device)

    monkeypatch.setattr(Team, "sign_in", noted)
    forged = {"X-Forwarded-For": "203.0.113.66, 198.51.100.7"}
    browser("Ada", **forged)
    settings("[serve]\nbehind_proxy = true")
    browser("Ada", **forged)
    assert seen[0].startswith("10.0.") and seen[1:] == ["198.51.100.7"]  # the proxy adds what it saw at the end


def test_a_session_lives_over_reloads_and_ends_with_signing_out(browser: Browser) -> None:
    client = browser("Bob")
    name, value = cookie(client)
    assert client.get("/api/session").json() == {"name": "Bob", "role": "annotator"}
    assert client.delete("/api/session").status_code == 204
    assert name not in client.cookies
    replayed = browser().get("/api/session", headers={"Cookie": f"{name}={value}"})
    assert replayed.status_code == 401 and "session has ended" in error(replayed)


def test_signing_in_anew_ends_what_this_browser_held(browser: Browser) -> None:
    client = browser("Bob")
    name, value = cookie(client)
    client.post("/api/session", json={"name": "Rae", "password": PASSWORD})
    assert client.get("/api/session").json()["name"] == "Rae"
    assert browser().get("/api/session", headers={"Cookie": f"{name}={value}"}).status_code == 401


@pytest.mark.parametrize(
    "change", [lambda v: v[:-1], lambda v: v + "x", lambda v: v[::-1], lambda v: "", lambda v: "x.y"]
)
def test_forged_cookies(browser: Browser, change: Callable[[str], str]) -> None:
    name, value = cookie(browser("Ada"))
    reply = browser().get("/api/session", headers={"Cookie": f"{name}={change(value)}"})
    assert reply.status_code == 401


def test_a_wrong_password_and_an_unknown_name_look_the_same(browser: Browser) -> None:
    replies = [
        browser().post("/api/session", json={"name": name, "password": "wrong password"}) for name in ("Dan", "Nobody")
    ]
    assert [reply.status_code for reply in replies] == [401, 401]
    assert replies[0].json() == replies[1].json() and not replies[0].headers.get_list("set-cookie")


def test_too_many_failures_are_told_with_the_time_to_wait(browser: Browser) -> None:
    client = browser()
    for _ in range(100):
        reply = client.post("/api/session", json={"name": "Somebody", "password": "wrong password"})
        if reply.status_code == 429:
            break
    assert reply.status_code == 429 and int(reply.headers["retry-after"]) >= 1
    assert reply.json()["error"]["kind"] == "TooManyAttempts"


# ---------------------------------------------------------------------- other sites


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://labels.example.org.evil.example", "http://labels.example.org:81",
               "http://evil.example@labels.example.org", "file://", "http://[", "x" * 5000]
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "PUT"])
def test_pages_of_other_sites_change_nothing(browser: Browser, origin: str, method: str) -> None:
    client = browser("Ada")
    for path in ("/api/session", "/api/team/invitations", "/api/team"):
        reply = client.request(method, path, headers={"Origin": origin}, json={"role": "lead"})
        assert reply.status_code == 403 and reply.json()["error"]["kind"] == "OriginRefused"
    assert client.get("/api/session").status_code == 200


def test_a_cookie_without_an_origin_changes_nothing(browser: Browser) -> None:
    client = browser("Ada")
    del client.headers["Origin"]
    assert client.delete("/api/session").status_code == 403
    assert client.get("/api/session").status_code == 200


def test_a_password_that_a_browser_adds_for_a_proxy_does_not_open_the_door(browser: Browser) -> None:
    client = browser("Ada")
    basic = {"Origin": "http://evil.example", "Authorization": "Basic YWRhOnBhc3N3b3Jk"}
    assert client.delete("/api/session", headers=basic).status_code == 403


def test_a_bearer_token_that_is_none_is_not_made_up_for_by_a_cookie(browser: Browser) -> None:
    client = browser("Ada")
    for given in ("Bearer x", "Bearer ", "bearer nonsense.nonsense"):
        reply = client.get("/api/team", headers={"Authorization": given, "Origin": "http://evil.example"})
        assert reply.status_code == 401


def test_further_addresses_of_ours_can_be_named(browser: Browser, settings: Callable[[str], None]) -> None:
    settings('[serve]\nallowed_origins = ["https://labels.example.com"]')
    client = browser("Ada", Origin="https://labels.example.com")
    assert client.delete("/api/session").status_code == 204


def test_behind_tls_a_page_without_it_is_another_site(browser: Browser) -> None:
    client = browser(site="https://labels.example.org")
    reply = client.post(
        "/api/session", json={"name": "Ada", "password": PASSWORD}, headers={"Origin": "http://labels.example.org"}
    )
    assert reply.status_code == 403


# ---------------------------------------------------------------------- roles


@pytest.mark.parametrize("name", ["Bob", "Rae", "Dan"])
def test_people_are_for_leads(browser: Browser, name: str) -> None:
    client = browser(name)
    for reply in (
        client.get("/api/team"),
        client.post("/api/team/invitations", json={"role": "lead"}),
        client.patch("/api/team", json={"name": name, "role": "lead"}),
        client.patch("/api/team", json={"name": "Ada", "active": False}),
    ):
        assert reply.status_code == 403 and reply.json()["error"]["kind"] == "NotAllowed"
    assert client.get("/api/session").json()["role"] != "lead"


def test_nobody_sees_anything_without_signing_in(browser: Browser) -> None:
    client = browser()
    for reply in (client.get("/api/session"), client.get("/api/team"), client.patch("/api/team", json={"name": "Ada"})):
        assert reply.status_code == 401


def test_a_new_role_counts_with_the_next_request(browser: Browser) -> None:
    lead, other = browser("Ada"), browser("Rae")
    assert lead.patch("/api/team", json={"name": "Rae", "role": "lead"}).json()["role"] == "lead"
    assert other.get("/api/team").status_code == 200
    lead.patch("/api/team", json={"name": "Rae", "role": "reviewer"})
    assert other.get("/api/team").status_code == 403


def test_deactivation_counts_with_the_next_request(browser: Browser) -> None:
    lead, other = browser("Ada"), browser("Dan")
    assert lead.patch("/api/team", json={"name": "Dan", "active": False}).json()["active"] is False
    assert other.get("/api/session").status_code == 401
    assert lead.patch("/api/team", json={"name": "Dan", "active": True}).json()["active"] is True
    assert other.get("/api/session").status_code == 401
    refused = lead.patch("/api/team", json={"name": "Ada", "active": False})
    assert refused.status_code == 422 and "last lead" in error(refused)


def test_an_invitation_from_end_to_end(browser: Browser) -> None:
    made = browser("Ada").post("/api/team/invitations", json={"role": "annotator"})
    assert made.status_code == 201 and made.json()["path"].endswith(made.json()["code"])
    client, code = browser(), made.json()["code"]
    short = client.post("/api/session/invitation", json={"code": code, "name": "Carl", "password": "short"})
    assert short.status_code == 422
    done = client.post("/api/session/invitation", json={"code": code, "name": "Carl", "password": PASSWORD})
    assert done.json() == {"name": "Carl", "role": "annotator"}
    assert client.get("/api/session").json()["name"] == "Carl"
    again = browser().post("/api/session/invitation", json={"code": code, "name": "Eve", "password": PASSWORD})
    assert again.status_code == 401


def test_a_script_s_token(browser: Browser, home: Path) -> None:
    with Project.open(home) as project:
        person = project.team.sign_in("Ada", PASSWORD).person
        token = project.team.add_token(person, "provisioning")
    script = browser(Authorization=f"Bearer {token}")
    del script.headers["Origin"]
    assert {m["name"] for m in script.get("/api/team").json()} >= {"Ada", "Bob"}
    assert script.post("/api/team/invitations", json={"role": "annotator"}).status_code == 201
    for reply in (
        script.post("/api/team/invitations", json={"role": "lead"}),
        script.patch("/api/team", json={"name": "Bob", "role": "lead"}),
        script.patch("/api/team", json={"name": "Ada", "active": False}),
    ):
        assert reply.status_code == 403
    with Project.open(home) as project:
        (listed,) = [s for s in project.team.sessions(person) if s.kind == "script"]
        project.team.end_session(person, listed.id)
    assert script.get("/api/team").status_code == 401


# ---------------------------------------------------------------------- bodies


def test_bodies_of_ten_megabytes_are_not_taken(browser: Browser) -> None:
    client = browser()
    big = {"name": "Ada", "password": "x" * 10_000_000}
    assert client.post("/api/session", json=big).status_code == 413

    def in_pieces() -> Iterator[bytes]:
        for _ in range(160):
            yield b"x" * 65_536

    assert client.post("/api/session", content=in_pieces()).status_code in (400, 413)
    assert client.post("/api/session", content=b"{}", headers={"Content-Length": "-1"}).status_code in (400, 413)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"name": 1, "password": 2}', b'{"name": {"$ne": 1}, "password": {"$ne": 1}}',
     b'{"name": "\\ud800", "password": "\\ud800"}', b'{"name": "a\\u0000", "password": "b\\u0000"}',
     b'{"name": "\' or 1=1 --", "password": "\' or 1=1 --"}', b"\xff\xfe"],
)  # fmt: skip
def test_nonsense_is_refused_in_words(browser: Browser, body: bytes) -> None:
    reply = browser().post("/api/session", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (401, 422, 429) and reply.json()["error"]["message"]


def test_what_was_typed_never_comes_back(browser: Browser) -> None:
    secret = "hunter2-hunter2"
    for body in ({"name": 1, "password": secret}, {"name": "x" * 300, "password": secret}, {"password": secret}):
        reply = browser().post("/api/session", json=body)
        assert reply.status_code == 422 and secret not in reply.text


def test_the_document_of_the_api_loads_nothing_from_elsewhere(browser: Browser) -> None:
    client = browser()
    assert client.get("/api/openapi.json").json()["info"]["title"] == "labelkit"
    assert client.get("/api/docs").status_code == 404

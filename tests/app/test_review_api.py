"""The API of the review on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from labelkit import Project
from tests.serving import LEAD, add_person, client, ran_project, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = ran_project(tmp_path_factory.mktemp("api") / "project")
    for name, role in (("Rita", "reviewer"), ("Rob", "reviewer"), ("Ann", "annotator"), ("Dee", "data scientist")):
        add_person(folder, name, role)
    with Project.open(folder) as project:
        for item in ("ham-0-0", "ham-0-1", "ham-0-2", "ham-0-3", "ham-0-4"):
            project.answer(item, "spam", annotator="Ann")
            project.answer(item, "ham", annotator="Bob", comment="<b>not</b> spam")
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


def signed_in(address: str, name: str = LEAD[0]) -> closing[httpx.Client]:
    return closing(client(address, name))


def items(session: httpx.Client, **wanted: Any) -> dict[str, Any]:
    reply = session.post("/review/items", json=wanted)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def send(session: httpx.Client, *decisions: dict[str, Any], who: str = "Rita", page: str = "a-page-1") -> Any:
    return session.post("/review/decisions", json={"client": page, "reviewer": who, "decisions": list(decisions)})


def decision(item: dict[str, Any], sequence: int, label: str = "ham", **more: Any) -> dict[str, Any]:
    return {"sequence": sequence, "label": label, **{key: item[key] for key in ("item", "content", "state")}, **more}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/review/items"),
        ("POST", "/review/decisions"),
        ("GET", "/review/items/1"),
        ("GET", "/review/items/1/opinions"),
    ],
)
def test_only_those_with_the_permission(address: str, method: str, path: str) -> None:
    body = {"client": "a-page-1", "reviewer": "Ann", "decisions": [{"sequence": 1, "of": 1}]}
    given = None if method == "GET" else body if path.endswith("decisions") else {}
    nobody = httpx.request(method, f"{address}/api{path}", json=given, headers={"Origin": address}, trust_env=False)
    assert nobody.status_code == 401
    for name in ("Ann", "Dee"):
        with signed_in(address, name) as session:
            assert session.request(method, path, json=given).status_code == 403
    with signed_in(address) as lead:
        assert lead.request(method, path, json={**body, "reviewer": LEAD[0]} if given else given).status_code == 200


def test_from_the_list_to_a_decision_and_back(address: str, home: Path) -> None:
    with signed_in(address, "Rita") as rita, signed_in(address, "Rob") as rob:
        before = items(rita, want=2)
        assert len(before["items"]) == 2 and before["counts"]["disputed"] == 5
        item = before["items"][0]
        assert [(a["annotator"], a["label"], a["comment"]) for a in item["answers"]] == [
            ("Ann", "spam", None), ("Bob", "ham", "<b>not</b> spam")
        ]  # fmt: skip
        robs = items(rob)["items"][0]
        given = decision(item, 1, comment="read again", shown={"opinions": True, "names": False})
        assert send(rita, given).json()["results"][0]["status"] == "stored"
        assert send(rita, given).json()["results"][0]["status"] == "repeated"
        late = send(rob, decision(robs, 1, "spam"), who="Rob", page="b-page-1").json()["results"][0]
        assert late["status"] == "refused" and "has been decided" in late["message"]
        assert late["current"]["decision"]["label"] == "ham" and late["current"]["decision"]["reviewer"] == "Rita"
        assert items(rita)["counts"] == {"disputed": 4, "waiting": 0, "flagged": 0, "late": 0, "decided": 1}
        taken = send(rita, {"sequence": 2, "item": item["item"], "of": 1}).json()["results"][0]
        assert taken["status"] == "stored" and items(rita)["counts"]["decided"] == 0
    with Project.open(home) as project:
        shown = project._store.database.rows("select shown from adjudications where withdraws is null")
        assert shown == [('{"names":false,"opinions":true}',)] and project.doctor() == []


def test_one_refused_decision_does_not_hold_up_the_others(address: str) -> None:
    with signed_in(address, "Rita") as rita:
        one, other = items(rita, want=2)["items"]
        wrong, good = decision(one, 11, "nonsense"), decision(other, 12)
        results = send(rita, wrong, good).json()["results"]
        assert [(result["sequence"], result["status"]) for result in results] == [(11, "refused"), (12, "stored")]
        send(rita, {"sequence": 13, "of": 12})


def test_another_persons_decisions_are_not_taken(address: str) -> None:
    with signed_in(address, "Rob") as rob:
        item = items(rob)["items"][0]
        reply = send(rob, decision(item, 1), who="Rita", page="c-page-1")
        assert reply.status_code == 403 and "Rob is signed in here" in reply.json()["error"]["message"]


def test_what_is_left_out_does_not_come(address: str) -> None:
    with signed_in(address, "Rita") as rita:
        first = items(rita, want=1)["items"][0]["item"]
        assert first not in [item["item"] for item in items(rita, without=[first])["items"]]


@pytest.mark.parametrize(
    "body",
    [
        {"list": "others"},
        {"want": 0},
        {"want": 10**9},
        {"without": ["x"]},
        {"without": [-1]},
    ],
)
def test_wrong_requests_are_named(address: str, body: dict[str, Any]) -> None:
    with signed_in(address, "Rita") as rita:
        reply = rita.post("/review/items", json=body)
        assert reply.status_code == 422 and reply.json()["error"]["kind"] == "RequestInvalid"


def test_an_unknown_item_is_one_clear_line(address: str) -> None:
    with signed_in(address, "Rita") as rita:
        for path in ("/review/items/99999", "/review/items/99999/opinions"):
            reply = rita.get(path)
            assert reply.status_code == 422 and "no item number 99999" in reply.json()["error"]["message"]


def test_votes_and_guess(address: str, home: Path) -> None:
    with Project.open(home) as project:
        number = project._store.items.number_of("spam-0-0")
    with signed_in(address, "Rita") as rita:
        told = rita.get(f"/review/items/{number}/opinions").json()
    assert {"function": "money", "label": "spam"} in told["votes"] and told["guess"]["label"] in ("spam", "ham")


def test_a_revoked_session_decides_nothing_more(address: str) -> None:
    with signed_in(address, "Rob") as rob:
        item = items(rob)["items"][0]
        token = rob.cookies
        with httpx.Client(
            base_url=f"{address}/api", headers={"Origin": address}, cookies=token, trust_env=False
        ) as other:
            assert other.delete("/session").status_code == 204
        assert send(rob, decision(item, 5), who="Rob", page="d-page-1").status_code == 401

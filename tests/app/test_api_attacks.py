"""What somebody may send who wants to do harm, or whose program is broken: refused in words, and nothing is stored."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from labelkit import Project
from tests.app.annotate_api import Page, project, stored
from tests.serving import served

pytestmark = pytest.mark.slow

SQL = "x'); drop table annotations; --"
SQL_OR = "' or '1'='1"
ENDPOINTS = ("/leases", "/leases/renew", "/leases/release", "/answers", "/answers/reopen")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("attacks") / "project", places=1, people=("Mallory", "Alice"))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


@pytest.fixture
def mallory(address: str) -> Iterator[Page]:
    page = Page(address, "Mallory", f"page-{secrets.token_hex(4)}")
    yield page
    page.close()


@pytest.fixture
def alice(address: str) -> Iterator[Page]:
    page = Page(address, "Alice", f"page-{secrets.token_hex(4)}")
    yield page
    page.close()


@pytest.fixture(autouse=True)
def whole(home: Path) -> Iterator[None]:
    """Whatever happens, the file is whole and all tables are there afterwards."""
    yield
    with Project.open(home) as opened:
        assert opened.doctor() == []


def answers_of(home: Path, name: str) -> list[Any]:
    return stored(home, "a.item, a.kind, a.label, a.comment", f"p.name = '{name}' and coalesce(a.skip_reason, '') = ''")


def test_tokens_of_others_made_up_ones_and_ones_for_another_item_are_refused(
    mallory: Page, alice: Page, home: Path
) -> None:
    (hers,) = alice.claim(1)
    own, other = mallory.claim(2)
    before = stored(home, "a.id")
    results = mallory.send(
        mallory.made(hers),
        mallory.made({**own, "token": "A" * 22}),
        mallory.made({**own, "token": other["token"]}),
        mallory.made({**own, "item": hers["item"]}),
        mallory.made({**hers, "token": own["token"]}),
        mallory.made(hers, kind="withdraw"),
        mallory.made({**own, "content": hers["content"]}),
    )
    assert {result["status"] for result in results} == {"refused"}
    assert stored(home, "a.id") == before
    assert mallory.ask("/leases/renew", tokens=[hers["token"]])["live"] == []
    mallory.ask("/leases/release", tokens=[hers["token"]])
    assert mallory.ask("/leases", want=2, held=[hers["token"]])["ended"] == [hers["token"]]
    assert alice.statuses(alice.made(hers)) == ["stored"]  # nothing of that touched her lease


def test_another_persons_page_id_opens_nothing(mallory: Page, alice: Page) -> None:
    (hers,) = alice.claim(1)
    mallory.id = alice.id
    mallory.sequence = alice.sequence
    assert hers["token"] not in [item["token"] for item in mallory.claim(3)]
    mallory.ask("/leases/release")
    (own,) = mallory.claim(1)
    assert mallory.statuses(mallory.made(own)) == ["stored"]  # number 1 of this page id, by Mallory
    assert alice.statuses(alice.made(hers)) == ["stored"]  # and by Alice: hers is not lost


def test_a_page_of_somebody_who_signed_out_is_told_so(mallory: Page, home: Path) -> None:
    (item,) = mallory.claim(1)
    before = stored(home, "a.id")
    bodies: dict[str, dict[str, Any]] = {
        "/leases": {"want": 1},
        "/leases/renew": {"tokens": [item["token"]]},
        "/leases/release": {},
        "/answers": {"answers": [mallory.made(item)]},
        "/answers/reopen": {"item": item["item"]},
    }
    for path, sent in bodies.items():
        reply = mallory.post(path, annotator="Alice", **sent)
        assert (reply.status_code, reply.json()["error"]["kind"]) == (409, "OtherPerson")
    assert stored(home, "a.id") == before
    assert mallory.ask("/leases/renew", annotator="Mallory", tokens=[item["token"]])["live"] == [item["token"]]


def test_a_replayed_answer_changes_nothing(mallory: Page, home: Path) -> None:
    (item,) = mallory.claim(1)
    sent = mallory.made(item, "spam")
    assert mallory.statuses(sent) == ["stored"]
    mallory.send(mallory.made(item, "ham"))
    before = stored(home, "a.id")
    assert [mallory.statuses(sent)[0] for _ in range(3)] == ["repeated"] * 3
    forged = [{**sent, "label": "ham"}, {**sent, "kind": "withdraw", "label": None}]
    results = mallory.send(*forged[:1]) + mallory.send(*forged[1:])
    assert [(result["status"], result["kind"]) for result in results] == [("refused", "SequenceUsed")] * 2
    assert stored(home, "a.id") == before


def test_an_answer_after_its_time_is_kept_as_late_and_takes_nothing_back(
    mallory: Page, alice: Page, home: Path
) -> None:
    (item,) = mallory.claim(1)
    with Project.open(home) as opened, opened._store.database.transaction() as connection:
        connection.execute("update leases set expires_at = claimed_at where token = ?", (item["token"],))
    (hers,) = alice.claim(1)
    assert hers["item"] == item["item"]
    assert mallory.statuses(mallory.made(item)) == ["late"]
    assert alice.statuses(alice.made(hers)) == ["stored"]


@pytest.mark.parametrize("field", ["client", "token", "content", "label", "skip", "comment", "shown", "held", "before"])
@pytest.mark.parametrize("text", [SQL, SQL_OR])
def test_sql_is_only_text(mallory: Page, home: Path, field: str, text: str) -> None:
    (item,) = mallory.claim(1)
    if field == "before":
        reply = mallory.session.get("/answers/mine", params={"before": text})
    elif field == "held":
        reply = mallory.post("/leases", held=[text])
    elif field == "client":
        reply = mallory.post("/leases", json.dumps({"client": text}))
    else:
        kind = "skip" if field == "skip" else "label"
        answer = mallory.made(item, kind=kind) | {field: {text: text} if field == "shown" else text}
        reply = mallory.post("/answers", answers=[answer])
    assert reply.status_code in (200, 422)
    if field in ("comment", "shown"):
        (result,) = reply.json()["results"]
        assert result["status"] == "stored"
        newest = stored(home, "a.comment, a.shown", "p.name = 'Mallory'")[-1]
        assert text in (newest[0] or "") or text in json.loads(newest[1])
    elif reply.status_code == 200:
        assert [result["status"] for result in reply.json()["results"]] == ["refused"]


def test_a_comment_of_ten_megabytes_is_refused(mallory: Page, home: Path) -> None:
    (item,) = mallory.claim(1)
    answer = mallory.made(item, kind="flag", comment="x" * 10_000_000)
    with contextlib.suppress(httpx.TransportError):  # the server may hang up while we are still sending
        assert mallory.post("/answers", answers=[answer]).status_code == 413
    assert mallory.statuses(mallory.made(item)) == ["stored"]


def test_a_body_without_a_length_is_no_way_around_the_limit(mallory: Page) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 10_000

    with contextlib.suppress(httpx.TransportError):
        reply = mallory.session.post("/answers", content=endless(), headers={"content-type": "application/json"})
        assert reply.status_code >= 400


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("a\x00b\x07c", "abc"),
        ("half \ud83d", "half ?"),
        ("line\nand\ttab", "line\nand\ttab"),
        ("\u202eright to left", "\u202eright to left"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_odd_characters_neither_lose_the_answer_nor_break_the_file(
    mallory: Page, home: Path, comment: str, kept: str
) -> None:
    (item,) = mallory.claim(1)
    assert mallory.statuses(mallory.made(item, comment=comment)) == ["stored"]
    assert stored(home, "a.comment", "p.name = 'Mallory'")[-1] == (kept,)
    assert mallory.session.get("/answers/mine").json()["answers"][0]["comment"] == kept


def test_half_characters_and_nul_elsewhere_are_refused(mallory: Page) -> None:
    (item,) = mallory.claim(1)
    for change in ({"label": "spam\x00"}, {"label": "\ud800"}, {"kind": "skip", "label": None, "skip": "\ud800"}):
        assert mallory.statuses({**mallory.made(item), **change}) == ["refused"]
    for change in ({"token": "\x00" * 8}, {"content": "\ud800" * 32}):
        assert mallory.post("/answers", answers=[{**mallory.made(item), **change}]).status_code == 422
    shown = mallory.made(item, shown={"a": "\ud800", "\ud800": 1})
    assert mallory.statuses(shown) == ["stored"]


@pytest.mark.parametrize("number", [2**53, 2**63, 2**64, 10**400, -1, 0.5, 1e400, True, "1", None])
@pytest.mark.parametrize("field", ["sequence", "item"])
def test_numbers_out_of_range_are_refused(mallory: Page, field: str, number: Any) -> None:
    (item,) = mallory.claim(1)
    data = json.dumps({"client": mallory.id, "answers": [{**mallory.made(item), field: "NUMBER"}]})
    text = "1e400" if number == 1e400 else json.dumps(number)
    reply = mallory.post("/answers", data.replace('"NUMBER"', text))
    assert reply.status_code == 422 and reply.json()["error"]["kind"] == "RequestInvalid"


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "-1", "1e9", '"5"', "true", "{}"])
def test_a_clock_that_is_wrong_costs_no_answer(mallory: Page, home: Path, seconds: str) -> None:
    (item,) = mallory.claim(1)
    data = json.dumps({"client": mallory.id, "answers": [mallory.made(item, seconds="SECONDS")]})
    reply = mallory.post("/answers", data.replace('"SECONDS"', seconds))
    assert [result["status"] for result in reply.json()["results"]] == ["stored"]
    assert stored(home, "a.seconds", f"a.lease_token = '{item['token']}'") == [(None,)]


def test_what_is_shown_cannot_be_made_up_nor_fill_the_file(mallory: Page, home: Path) -> None:
    one, two, three = mallory.claim(3)
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"d": deep}
    forged = {"hints": "before", "model_run": 999, "guess": 1, "keywords": True}
    mallory.send(
        mallory.made(one, shown=forged), mallory.made(two, shown={"a": "x" * 5_000}), mallory.made(three, shown=deep)
    )
    noted = [json.loads(row[0]) for row in stored(home, "a.shown", "p.name = 'Mallory'")[-3:]]
    assert noted[0]["hints"] == "hidden" and noted[0].get("model_run") != 999 and noted[0]["keywords"] is True
    assert set(noted[1]) <= {"hints", "model_run", "guess"}
    assert len(json.dumps(noted[2])) < 5_000


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"client": null}', b"[" * 50_000])
def test_bodies_that_are_none_are_refused_in_words(mallory: Page, path: str, data: bytes) -> None:
    reply = mallory.post(path, data)
    assert reply.status_code in (400, 422), reply.text
    assert "Traceback (" not in reply.text


def test_too_many_at_once_are_refused(mallory: Page) -> None:
    (item,) = mallory.claim(1)
    assert mallory.post("/answers", answers=[mallory.made(item) for _ in range(201)]).status_code == 422
    assert mallory.post("/leases", want=101).status_code == 422
    assert mallory.post("/leases/renew", tokens=["a"] * 201).status_code == 422


def test_numbers_out_of_order_end_as_if_they_had_been_in_order(mallory: Page, home: Path) -> None:
    (item,) = mallory.claim(1)
    made = [mallory.made(item, label) for label in ("spam", "ham", "spam", "ham")]
    assert mallory.statuses(made[2]) == ["stored"]
    assert mallory.statuses(made[0]) == ["late"]
    assert mallory.statuses(made[3], made[1]) == ["stored", "late"]
    with Project.open(home) as opened:
        present = {(a.annotator, a.item): a.label for a in opened._store.people.annotations()}
    assert present["Mallory", item["item"]] == 1


def test_another_sites_page_may_not_answer(mallory: Page) -> None:
    (item,) = mallory.claim(1)
    body = json.dumps({"client": mallory.id, "answers": [mallory.made(item)]})
    for origin in ("https://evil.example", "null", ""):
        headers = {"content-type": "text/plain", "Origin": origin}
        assert mallory.session.post("/answers", content=body, headers=headers).status_code == 403
    assert mallory.claim(1)[0]["token"] == item["token"]


def test_a_hundred_pages_do_not_hoard_the_queue(mallory: Page, alice: Page) -> None:
    started = time.monotonic()
    before = mallory.id
    for number in range(30):
        mallory.id = f"hoarding-{number:04d}"
        mallory.claim(100)
    with_all = alice.ask("/leases", want=1)
    assert isinstance(with_all["items"], list) and time.monotonic() - started < 60
    for number in range(30):
        mallory.id = f"hoarding-{number:04d}"
        mallory.ask("/leases/release")
    mallory.id = before

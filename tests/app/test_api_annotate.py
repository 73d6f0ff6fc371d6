"""Leases and answers over HTTP, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelkit import Project
from tests.app.annotate_api import Page, project, stored
from tests.serving import client, served

pytestmark = pytest.mark.slow

PEOPLE = ("Ann", "Bob", "Cid", "Gil", "Hal", "Ida", "Jo", "Kim")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("annotate-api") / "project", gold=0.25, hints=0.5, people=PEOPLE)


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


@pytest.fixture
def ann(address: str) -> Iterator[Page]:
    page = Page(address, "Ann", "page-of-ann-1")
    page.sequence = Sequences.take()
    yield page
    page.close()


class Sequences:
    """One test goes on counting where the one before stopped."""

    used = 0

    @classmethod
    def take(cls) -> int:
        cls.used += 100
        return cls.used


def test_hints_come_before_the_answer_only_where_drawn_and_after_it_everywhere(address: str, home: Path) -> None:
    page = Page(address, "Hal", "page-of-hal-1")
    items = page.claim(30)
    before = {item["item"] for item in items if item["hints"] is not None}
    assert 0 < len(before) < len(items)
    for item in items:
        if item["hints"] is not None:
            assert set(item["hints"]) == {"votes", "guess"} and item["hints"]["guess"]["label"] in ("spam", "ham")
    again = {item["item"] for item in page.claim(30) if item["hints"] is not None}
    assert again == before  # decided once
    results = page.send(*(page.made(item) for item in items))
    assert all(result["hints"]["guess"]["probability"] >= 0.5 for result in results)
    noted = {
        item: (role, json.loads(shown))
        for item, role, shown in stored(home, "a.item, a.role, a.shown", "p.name = 'Hal'")
    }
    assert {item for item, (_, shown) in noted.items() if shown["hints"] == "before"} == before
    assert {role for item, (role, _) in noted.items() if item in before} == {"active"}
    with Project.open(home) as opened:
        run = opened._store.runs.latest("train")
        assert run is not None and {shown["model_run"] for _, shown in noted.values()} == {run.id}
        found = opened.anchoring()
    assert found.before.n >= len(before) and found.hidden.n > 0


def test_a_page_gets_items_with_all_that_an_answer_brings_back(ann: Page) -> None:
    given = ann.ask("/leases", want=3, held=["gone"])
    assert [set(item) for item in given["items"]] == [
        {"item", "id", "text", "fields", "token", "content", "expires_at", "hints"}
    ] * 3
    assert given["items"][0]["fields"]["channel"] in ("sms", "mail")
    assert given["ended"] == ["gone"]
    assert set(given["progress"]) == {"answered", "today", "left", "batch_of"}
    again = ann.claim(3)
    assert [item["token"] for item in again] == [item["token"] for item in given["items"]]


def test_nothing_says_which_items_are_gold_questions(address: str, home: Path) -> None:
    page = Page(address, "Gil", "page-of-gil-1")
    seen: list[int] = []
    while items := page.claim(8):
        seen += [item["item"] for item in items]
        results = page.send(*(page.made(item) for item in items))
        assert {(result["status"], "hints" in result) for result in results} == {("stored", True)}
        assert page.ask("/leases", want=0)["progress"]["answered"] == len(seen)
    assert len(seen) == len(set(seen))  # each at most once
    roles = dict(stored(home, "a.item, a.role", "p.name = 'Gil'"))
    gold = {item for item, role in roles.items() if role == "gold"}
    with Project.open(home) as opened:
        splits, labels = opened._store.items.splits(), opened._store.items.gold()
        assert {opened._store.items.splits()[item] for item in gold} == {"test"}
        assert all(labels[item] >= 0 for item in gold)
        assert {splits[item] for item in roles.keys() - gold} == {"train"}
        # What measures people decides and counts nothing.
        assert not gold & {a.item for a in opened._store.people.annotations()}
        assert {a.item for a in opened._store.people.gold_answers() if a.annotator == "Gil"} == gold
        assert opened.status().answers == len(stored(home, "a.id", "a.role != 'gold' and a.kind = 'label'"))
    assert len(gold) >= 3
    mine = page.session.get("/answers/mine", params={"limit": 200}).json()["answers"]
    assert {answer["item"] for answer in mine} == set(seen)
    assert len({frozenset(answer) for answer in mine}) == 1  # the same keys for all


def test_answers_are_taken_in_the_order_of_their_numbers(ann: Page, home: Path) -> None:
    (item,) = ann.claim(1)
    first, second, undo, last = (
        ann.made(item, "spam"), ann.made(item, "ham"), ann.made(item, kind="withdraw"), ann.made(item, "spam"),
    )  # fmt: skip
    assert ann.statuses(last, undo, second, first) == ["stored"] * 4
    assert ann.statuses(first, last) == ["repeated", "repeated"]
    assert stored(home, "a.label", f"p.name = 'Ann' and a.item = {item['item']} and a.kind = 'label'") == [
        (0,),
        (1,),
        (0,),
    ]
    with Project.open(home) as opened:
        present = [a for a in opened._store.people.annotations() if a.annotator == "Ann" and a.item == item["item"]]
    assert len(present) <= 1  # none where it was a gold question


def test_one_refused_answer_does_not_hold_up_the_others(ann: Page) -> None:
    one, two, three = ann.claim(3)
    answers = [
        ann.made(one),
        ann.made(two, "eggs"),
        ann.made(two, kind="flag"),
        ann.made(two, kind="skip", skip="no idea"),
        ann.made(two, kind="skip", skip="unclear", comment="x" * 10_001),
        ann.made({**two, "token": three["token"]}),
        ann.made({**two, "content": "0" * 32}),
        ann.made(two, kind="label", label=None),
        {**ann.made(two, kind="skip", skip="unclear"), "label": "spam"},
        ann.made(three, kind="flag", comment="broken"),
    ]
    results = ann.send(*answers)
    assert [result["status"] for result in results] == ["stored", *["refused"] * 8, "stored"]
    assert {result["kind"] for result in results[1:-1]} == {"UnknownLabel", "AnnotationError", "LeaseRefused"}
    assert all(result["message"] and "hints" not in result for result in results[1:-1])
    assert ann.statuses(ann.made(two)) == ["stored"]


def test_undo_leases_the_item_to_the_same_page_again(ann: Page) -> None:
    item = ann.claim(2)[0]
    ann.send(ann.made(item))
    before = ann.ask("/leases", want=0)
    ann.send(ann.made(item, kind="withdraw"))
    after = ann.ask("/leases", want=0)
    assert item["token"] not in [one["token"] for one in before["items"]]
    assert after["items"][0]["token"] == item["token"]
    assert after["progress"]["answered"] == before["progress"]["answered"] - 1


def test_any_earlier_answer_can_be_looked_at_and_revised(ann: Page) -> None:
    items = ann.claim(3)
    ann.send(*(ann.made(item, comment=f"about {item['id']}") for item in items))
    page = ann.session.get("/answers/mine", params={"limit": 2}).json()
    assert [answer["id"] for answer in page["answers"]] == [items[2]["id"], items[1]["id"]]
    rest = ann.session.get("/answers/mine", params={"limit": 2, "before": page["next"]}).json()
    assert rest["answers"][0]["id"] == items[0]["id"]
    opened = ann.ask("/answers/reopen", item=items[0]["item"])
    assert opened["earlier"] == {
        "kind": "label", "label": "spam", "skip": None, "comment": f"about {items[0]['id']}",
        "at": rest["answers"][0]["at"],
    }  # fmt: skip
    assert opened["item"]["token"] != items[0]["token"] and opened["item"]["hints"] is not None
    assert ann.claim(0)[0]["token"] == opened["item"]["token"]  # a reload finds it again
    assert ann.statuses(ann.made(opened["item"], "ham")) == ["stored"]
    (newest,) = ann.session.get("/answers/mine", params={"limit": 1}).json()["answers"]
    assert (newest["id"], newest["label"]) == (items[0]["id"], "ham")
    assert ann.post("/answers/reopen", item=10**6).status_code == 409


def test_signs_of_life_and_giving_back(ann: Page, address: str) -> None:
    one, two = ann.claim(2)
    renewed = ann.ask("/leases/renew", tokens=[one["token"], "gone"])
    assert (renewed["live"], renewed["ended"]) == ([one["token"]], ["gone"])
    ann.ask("/leases/release", tokens=[two["token"]])
    assert ann.ask("/leases/renew", tokens=[two["token"]])["ended"] == [two["token"]]
    assert ann.statuses(ann.made(two)) == ["late"]  # genuine, so kept
    other = Page(address, "Bob", "page-of-bob-1")
    assert other.ask("/leases/renew", tokens=[one["token"]])["ended"] == [one["token"]]
    other.close()


def test_a_beacon_gives_everything_back(address: str) -> None:
    """A page that closes can send text only, and nothing waits for the reply."""
    page = Page(address, "Bob", "page-of-bob-1")
    tokens = [item["token"] for item in page.claim(2)]
    body = json.dumps({"client": page.id})
    reply = page.session.post("/leases/release", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 204 and reply.content == b""
    assert page.ask("/leases/renew", tokens=tokens)["ended"] == tokens
    page.close()


def test_many_at_once_never_share_a_place(address: str, home: Path) -> None:
    """Every item of the queue is wanted twice; eight people answer it flat out."""

    def work(name: str) -> int:
        page, answered = Page(address, name, f"page-of-{name.lower()}-9"), 0
        page.sequence = 10_000
        while items := page.claim(3):
            for item in items:
                assert page.statuses(page.made(item)) == ["stored"]
                answered += 1
        page.close()
        return answered

    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        assert sum(pool.map(work, PEOPLE)) > 0
    pairs = stored(
        home,
        "p.name, a.item",
        "a.role != 'gold' and not a.outdated and not a.late and coalesce(a.skip_reason, '') != 'withdrawn'"
        " and not exists (select 1 from annotations b where b.supersedes = a.id)",
    )
    assert len(pairs) == len(set(pairs))
    people = [sum(item == one for _, item in pairs) for one in {item for _, item in pairs}]
    assert max(people) == 2
    with Project.open(home) as opened:
        assert opened.doctor() == []


def test_who_is_signed_out_is_refused_at_once(address: str) -> None:
    page = Page(address, "Bob", "page-of-bob-7")
    page.session = client(address, "Bob")
    page.claim(1)
    cookies = [(cookie.name, str(cookie.value)) for cookie in page.session.cookies.jar]
    assert page.session.delete("/session").status_code == 204
    for name, value in cookies:  # a copy of the cookie is of no use any more
        page.session.cookies.set(name, value)
    for path, body in (("/leases", {}), ("/leases/renew", {"tokens": []}), ("/leases/release", {})):
        assert page.post(path, **body).status_code == 401
    assert page.session.get("/answers/mine").status_code == 401

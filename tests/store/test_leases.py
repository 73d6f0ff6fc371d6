"""Leases: places, people, tokens, time; alone and with several processes on one file."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from labelkit.errors import AnnotationError
from labelkit.store import Lease, LeaseAnswer, Store
from labelkit.types import ItemBatch, QueueEntry, content_hash

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def new_store(path: Path, items: int = 6) -> Store:
    store = Store(path, create=True)
    store.initialise("texts", "classification", ["spam", "ham"])
    run = store.runs.begin("import", parameters={}, versions={})
    add_items(store, run, [f"text {n}" for n in range(items)])
    return store


def add_items(store: Store, run: int, texts: list[str]) -> None:
    n = len(texts)
    store.writer(run).write(
        ItemBatch(
            [f"i{k}" for k in range(n)], texts, ["{}"] * n, [content_hash(text, "{}") for text in texts],
            [None] * n, [None] * n, range(1, n + 1),
        )
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path / "texts.labelkit.db") as opened:
        yield opened


def claim(
    store: Store, who: str, *, n: int = 1, places: int = 1, at: float = 0, items: range | list[int] = range(6)
) -> list[Lease]:
    return store.leases.claim(who, items, n=n, places=places, minutes=15, at=after(at))


def answer(store: Store, lease: Lease, who: str, label: int | None = 0, *, at: float = 1, **more: object) -> str:
    given = {"item": lease.item, "token": lease.token, "content_hash": lease.content_hash, **more}
    return store.leases.answer(LeaseAnswer(annotator=who, label=label, **given), at=after(at))  # type: ignore[arg-type]


def test_items_come_in_queue_order_with_their_content(store: Store) -> None:
    leases = claim(store, "ann", n=2, items=[4, 1, 3])
    assert [(lease.item, lease.item_id, lease.text) for lease in leases] == [(4, "i4", "text 4"), (1, "i1", "text 1")]
    assert leases[0].expires_at == "2026-03-01T09:15:00.000Z"


def test_nobody_else_gets_a_leased_item_until_its_time_is_over(store: Store) -> None:
    assert [lease.item for lease in claim(store, "ann", n=6)] == list(range(6))
    assert claim(store, "bob", at=14.9) == []
    assert [lease.item for lease in claim(store, "bob", at=15)] == [0]


def test_a_reloaded_page_gets_its_items_back_with_more_time(store: Store) -> None:
    first = claim(store, "ann", n=2)
    again = claim(store, "ann", n=2, at=10)
    assert [lease.token for lease in again] == [lease.token for lease in first]
    assert claim(store, "bob", n=6, at=20)[0].item == 2
    assert again[0].expires_at == "2026-03-01T09:25:00.000Z"


def test_an_item_goes_to_as_many_different_people_as_it_has_places(store: Store) -> None:
    one = [0]
    assert claim(store, "ann", places=2, items=one) and claim(store, "bob", places=2, items=one)
    assert claim(store, "cid", places=2, items=one) == []
    answer(store, claim(store, "ann", places=2, items=one)[0], "ann")
    assert claim(store, "ann", places=2, items=one, at=2) == []  # has answered: not once more
    assert claim(store, "cid", places=2, items=one, at=2) == []  # ann's answer and bob's lease fill it
    assert claim(store, "cid", places=2, items=one, at=16)  # bob's time is over


def test_adjudicated_items_are_not_asked_again(store: Store) -> None:
    held = claim(store, "ann")[0]
    with store.database.transaction() as connection:
        connection.execute(
            "insert into adjudications (item, content_hash, label, annotator, annotations, decided_at)"
            " values (0, ?, 1, 1, '[]', '')",
            (held.content_hash,),
        )
    assert held.item == 0
    assert claim(store, "ann")[0].item == 1
    assert claim(store, "bob", at=20)[0].item == 1


def test_the_answer_is_stored_for_the_leased_item(store: Store) -> None:
    lease = claim(store, "ann")[0]
    assert answer(store, lease, "ann", 1, comment="sure", seconds=2.5) == "stored"
    (stored,) = store.people.annotations()
    assert (stored.item, stored.annotator, stored.label, stored.comment) == (0, "ann", 1, "sure")
    assert stored.at == "2026-03-01T09:01:00.000Z"
    assert store.problems() == []


def test_the_role_of_the_item_goes_with_the_answer(store: Store) -> None:
    queue = [
        QueueEntry(k, k, 1.0, role, "margin", None, "why")
        for k, role in enumerate(("active", "overlap", "active"))
    ]  # fmt: skip
    store.runs.finish(
        "rank", parameters={}, inputs="", versions={}, seconds=0, metrics={}, queue=queue, roles=[(2, "audit", 0.1)]
    )
    for lease in claim(store, "ann", n=4):
        answer(store, lease, "ann")
    assert [a.role for a in store.people.annotations()] == ["active", "overlap", "audit", "active"]


@pytest.mark.parametrize("wrong", ["item", "token", "annotator", "content"])
def test_forged_answers_are_refused(store: Store, wrong: str) -> None:
    lease, other = claim(store, "ann", n=2)
    claim(store, "bob", n=1)
    given = {
        "item": {"item": other.item},
        "token": {"token": "x" * 22},
        "annotator": {},
        "content": {"content_hash": b"?" * 16},
    }[wrong]
    with pytest.raises(AnnotationError):
        answer(store, lease, "bob" if wrong == "annotator" else "ann", **given)
    assert store.people.annotations() == []


def test_a_repeat_is_no_news(store: Store) -> None:
    lease = claim(store, "ann")[0]
    assert answer(store, lease, "ann", 0, client_id="tab", client_sequence=1) == "stored"
    assert answer(store, lease, "ann", 0, client_id="tab", client_sequence=1, at=30) == "repeated"
    assert answer(store, lease, "ann", 1, client_id="tab", client_sequence=2) == "repeated"  # used up: a second press
    assert [a.label for a in store.people.annotations()] == [0]
    assert len(store.people.history(0)) == 1


def test_one_sequence_number_for_two_answers_is_an_error_not_a_lost_answer(store: Store) -> None:
    first, second = claim(store, "ann", n=2)
    answer(store, first, "ann", client_id="tab", client_sequence=1)
    with pytest.raises(AnnotationError, match="sequence number 1"):
        answer(store, second, "ann", client_id="tab", client_sequence=1)


def late_marks(store: Store) -> list[tuple[int, int]]:
    return store.database.rows("select label, late + outdated from annotations where kind = 'label' order by id")


def test_a_late_answer_is_kept(store: Store) -> None:
    lease = claim(store, "ann")[0]
    claim(store, "bob", at=16)
    assert answer(store, lease, "ann", at=17) == "late"
    assert late_marks(store) == [(0, 1)]
    assert len(store.people.annotations()) == 1


def test_a_late_answer_does_not_replace_a_newer_one(store: Store) -> None:
    old = claim(store, "ann")[0]
    new = claim(store, "ann", at=20)[0]
    assert new.token != old.token and new.item == old.item
    assert answer(store, new, "ann", 1, at=21) == "stored"
    assert answer(store, old, "ann", 0, at=22) == "late"
    assert late_marks(store) == [(1, 0), (0, 2)]
    assert [a.label for a in store.people.annotations()] == [1]


def test_the_answer_keeps_the_content_that_was_seen(store: Store) -> None:
    lease = claim(store, "ann")[0]
    run = store.runs.begin("import", parameters={}, versions={})
    add_items(store, run, ["another text"])
    assert answer(store, lease, "ann") == "stored"
    assert store.people.annotations() == []  # it was about the earlier text
    assert claim(store, "bob", at=2)[0].text == "another text"


def test_withdrawing_takes_the_answer_back_and_leases_the_item_again(store: Store) -> None:
    lease = claim(store, "ann")[0]
    answer(store, lease, "ann", 0)
    again = store.leases.withdraw("ann", lease.token, places=1, minutes=15, at=after(2))
    assert again is not None and again.item == lease.item and again.token != lease.token
    assert store.people.annotations() == [] and store.people.counts()["labels"] == 0
    assert claim(store, "bob", at=3, items=[0]) == []
    assert answer(store, lease, "ann", 0, at=3) == "repeated"  # the old token is used up
    assert answer(store, again, "ann", 1, at=4) == "stored"
    assert [a.label for a in store.people.annotations()] == [1]
    assert [h["label"] for h in store.people.history(0)] == [0, None, 1]
    with pytest.raises(AnnotationError, match="no answer to undo"):
        store.leases.withdraw("ann", lease.token, places=1, minutes=15, at=after(5))


def test_a_withdrawn_skip_at_the_same_moment_is_withdrawn(store: Store) -> None:
    lease = claim(store, "ann")[0]
    answer(store, lease, "ann", None, skip_reason="unclear", at=1)
    assert store.leases.withdraw("ann", lease.token, places=1, minutes=15, at=after(1)) is not None
    assert store.people.annotations() == []


def test_withdrawing_does_not_push_anybody_out(store: Store) -> None:
    lease = claim(store, "ann")[0]
    taken = claim(store, "bob", at=20)[0]
    assert taken.item == lease.item
    answer(store, lease, "ann", at=21)
    assert store.leases.withdraw("ann", lease.token, places=1, minutes=15, at=after(22)) is None
    assert answer(store, taken, "bob", at=23) == "stored"


def test_only_ones_own_answer_can_be_withdrawn(store: Store) -> None:
    lease = claim(store, "ann")[0]
    answer(store, lease, "ann")
    claim(store, "bob")
    with pytest.raises(AnnotationError):
        store.leases.withdraw("bob", lease.token, places=1, minutes=15, at=after(2))
    assert len(store.people.annotations()) == 1


def test_released_items_are_free_at_once(store: Store) -> None:
    first, second = claim(store, "ann", n=2)
    assert store.leases.release("ann", [first.token], at=after(1)) == 1
    assert claim(store, "bob", at=1)[0].item == first.item
    assert store.leases.release("ann", at=after(1)) == 1
    assert answer(store, second, "ann", at=2) == "late"  # genuine, so kept


def test_progress_counts_what_counts(store: Store) -> None:
    for lease in claim(store, "ann", n=3):
        answer(store, lease, "ann", at=1)
    store.leases.withdraw("ann", lease.token, places=1, minutes=15, at=after(2))
    assert store.leases.answered("ann") == 2
    assert store.leases.answered("ann", since=after(1.5)) == 0
    assert store.leases.open_items("ann", range(6), places=1, at=after(3)) == 4
    assert store.leases.open_items("bob", range(6), places=1, at=after(3)) == 3
    assert store.leases.open_items("bob", range(6), places=1, at=after(60)) == 4


class LeaseMachine(RuleBasedStateMachine):
    """Any order of claims, answers, undos, releases and time: never too many people on an item."""

    PLACES = 2
    people = st.sampled_from(["ann", "bob", "cid"])

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = new_store(Path(self.folder.name) / "texts.labelkit.db", items=3)
        self.minute = 0.0
        self.leases: list[tuple[str, Lease]] = []
        self.answered: dict[tuple[str, int], int] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(who=people, n=st.integers(1, 3))
    def claim(self, who: str, n: int) -> None:
        for lease in claim(self.store, who, n=n, places=self.PLACES, at=self.minute, items=range(3)):
            if (who, lease) not in self.leases:
                self.leases.append((who, lease))

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), label=st.integers(0, 1))
    def answer(self, data: st.DataObject, label: int) -> None:
        who, lease = data.draw(st.sampled_from(self.leases))
        others = self.taken(lease.item) - {who}
        status = answer(self.store, lease, who, label, at=self.minute)
        if status == "stored":
            assert len(others) < self.PLACES
            self.answered[who, lease.item] = label

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        who, lease = data.draw(st.sampled_from(self.leases))
        try:
            again = self.store.leases.withdraw(
                who, lease.token, places=self.PLACES, minutes=15, at=after(self.minute)
            )  # fmt: skip
        except AnnotationError:
            return
        self.answered.pop((who, lease.item), None)
        if again is not None:
            self.leases.append((who, again))

    @rule(who=people)
    def release(self, who: str) -> None:
        self.store.leases.release(who, at=after(self.minute))

    @rule(minutes=st.sampled_from([1, 16]))
    def wait(self, minutes: int) -> None:
        self.minute += minutes

    def taken(self, item: int) -> set[str]:
        present = after(self.minute).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        live = self.store.database.rows(
            "select p.name from leases join annotators p on p.id = annotator"
            " where item = ? and ended_at is null and expires_at > ?",
            (item, present),
        )
        assert len(live) == len(set(live))
        answers = self.store.database.rows(
            "select p.name from annotations a join annotators p on p.id = a.annotator"
            " where item = ? and not late and not outdated and skip_reason is null"
            " and not exists (select 1 from annotations b where b.supersedes = a.id)",
            (item,),
        )
        return {name for (name,) in (*live, *answers)}

    @invariant()
    def never_more_people_than_places(self) -> None:
        for item in range(3):
            assert len(self.taken(item)) <= self.PLACES

    @invariant()
    def one_answer_counts_per_person(self) -> None:
        pairs = [(a.annotator, a.item) for a in self.store.people.annotations()]
        assert len(pairs) == len(set(pairs))


TestLeaseMachine = LeaseMachine.TestCase
TestLeaseMachine.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def _work(path: Path, who: str, seconds: float, results: multiprocessing.Queue[tuple[str, list[int]]]) -> None:
    """One process of one person: claim, sometimes dawdle past the lease's end, answer; until time is up."""
    rng = random.Random(who)
    stored: list[int] = []
    until = time.monotonic() + seconds
    with Store(path) as store:
        while time.monotonic() < until:
            at = datetime.now(UTC)
            leases = store.leases.claim(who, range(400), n=rng.randint(1, 4), places=2, minutes=15, at=at)
            if not leases:
                break
            for sequence, lease in enumerate(leases, start=len(stored)):
                given = LeaseAnswer(
                    lease.item, lease.token, who, lease.content_hash, label=0, client_id=who, client_sequence=sequence
                )
                assert store.leases.answer(given, at=datetime.now(UTC)) == "stored"
                if rng.random() < 0.2:
                    assert store.leases.answer(given, at=datetime.now(UTC)) == "repeated"
                stored.append(lease.item)
    results.put((who, stored))


def test_processes_never_share_a_place_and_lose_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "texts.labelkit.db"
    new_store(path, items=400).close()
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[str, list[int]]] = context.Queue()
    workers = [context.Process(target=_work, args=(path, f"person {k}", 20, results)) for k in range(4)]
    for worker in workers:
        worker.start()
    told = dict(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    with Store(path) as store:
        kept = store.people.annotations()
        assert store.problems() == []
    assert Counter((a.annotator, a.item) for a in kept) == Counter(
        (who, i) for who, items in told.items() for i in items
    )
    people = Counter(a.item for a in kept)
    assert people == dict.fromkeys(range(400), 2)

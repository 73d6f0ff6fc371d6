"""Leases against a plain model: any order of claims, answers, revisions, undos, repeats, releases and time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lease_helpers import MINUTES, Desk, adjudicate, after, new_store, queue, rules

from labelkit.annotate import PlaceRule
from labelkit.store import Lease

ITEMS = 3
PEOPLE = ("ann", "bob", "cid", "dan")


class LeaseMachine(RuleBasedStateMachine):
    """The model: who holds what until when, what everybody's answer is, what was decided.

    It says exactly what a claim gives, what status an answer has, and what counts at every moment.
    """

    people = st.sampled_from(PEOPLE)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.minute = 0.0
        self.sequence = 0
        self.leases: dict[str, tuple[str, Lease, float]] = {}  # token: who, lease, since when
        self.revisions: set[str] = set()
        self.ends: dict[str, float] = {}  # live tokens only
        self.answers: dict[int, dict[str, int | None]] = {item: {} for item in range(ITEMS)}
        self.said: dict[tuple[str, int], tuple[str, float]] = {}  # token and time of the newest answer
        self.decided: set[int] = set()
        self.sent: list[tuple[str, int | None, bool, int]] = []

    @initialize(places=st.integers(1, 2), tie_break=st.integers(0, 2))
    def start(self, places: int, tie_break: int) -> None:
        self.rule = PlaceRule(places, tie_break)
        store = new_store(Path(self.folder.name) / "texts.labelkit.db", ITEMS)
        store.database.connection.execute("pragma synchronous = off")  # what is durable is tested elsewhere
        self.desk = Desk(store, rules(places, tie_break=tie_break))

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            assert self.desk.store.problems() == []
            self.desk.store.close()
        self.folder.cleanup()

    # ------------------------------------------------------------------ the model

    def live(self, item: int) -> set[str]:
        return {self.leases[token][0] for token in self.ends if self.leases[token][1].item == item}

    def is_open(self, item: int, who: str) -> bool:
        taken = self.live(item) | self.answers[item].keys()
        places = self.rule.places(list(self.answers[item].values()))
        return item not in self.decided and who not in taken and len(taken) < places

    def some_lease(self, data: st.DataObject) -> str:
        return list(self.leases)[data.draw(st.integers(0, len(self.leases) - 1))]

    def revised(self, token: str) -> set[int]:
        """The item of a lease that was given to revise an answer: a decision does not end it."""
        return {self.leases[token][1].item} if token in self.revisions else set()

    def held(self, who: str) -> list[str]:
        return [token for token in self.ends if self.leases[token][0] == who]

    # ------------------------------------------------------------------ what happens

    @rule(who=people, n=st.integers(1, ITEMS))
    def claim(self, who: str, n: int) -> None:
        for token in [t for t in self.held(who) if self.leases[t][1].item in self.decided - self.revised(t)]:
            del self.ends[token]
        wanted = n - len(self.held(who))
        free = [item for item in range(ITEMS) if self.is_open(item, who)]
        tied = [item for item in free if self.rule.undecided(list(self.answers[item].values()))]
        tied = [item for item in tied if len(self.answers[item]) >= self.rule.answers_per_item]
        before = {self.leases[token][1].item for token in self.held(who)}
        leases = self.desk.claim(who, n, at=self.minute)
        new = [lease.item for lease in leases if lease.item not in before]
        assert len(leases) == len(before) + len(new) and len(new) == min(max(wanted, 0), len(free))
        rest = [item for item in free if item not in tied]
        if len(new) <= len(tied):
            assert set(new) <= set(tied)
        else:
            assert set(new) == {*tied, *rest[: len(new) - len(tied)]}
        for lease in leases:
            self.leases.setdefault(lease.token, (who, lease, self.minute))
        for token in [*self.held(who), *(lease.token for lease in leases)]:
            self.ends[token] = self.minute + MINUTES

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), label=st.sampled_from([0, 1, None]))
    def answer(self, data: st.DataObject, label: int | None) -> None:
        token = self.some_lease(data)
        who, lease, since = self.leases[token]
        said = self.said.get((who, lease.item)) if who in self.answers[lease.item] else None
        outdated = token not in self.ends and said is not None and said[0] != token and said[1] > since
        on_time = token in self.ends or who in self.answers[lease.item]
        status = self.send(token, label, withdraw=False)
        assert status == ("late" if outdated or not on_time else "stored")
        if not outdated:
            self.answers[lease.item][who] = label
            self.said[who, lease.item] = (token, self.minute)
            self.ends.pop(token, None)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        token = self.some_lease(data)
        who, lease, _ = self.leases[token]
        said = self.said.get((who, lease.item))
        assert self.send(token, None, withdraw=True) == "stored"
        if said is not None and said[0] == token:
            self.answers[lease.item].pop(who, None)
        if token not in self.ends and self.is_open(lease.item, who):
            self.ends[token] = self.minute + MINUTES

    def send(self, token: str, label: int | None, *, withdraw: bool) -> str:
        self.sequence += 1
        self.sent.append((token, label, withdraw, self.sequence))
        return self.sent_again(self.sent[-1])

    def sent_again(self, sent: tuple[str, int | None, bool, int]) -> str:
        token, label, withdraw, sequence = sent
        who, lease, _ = self.leases[token]
        reason = "unclear" if label is None and not withdraw else None
        return self.desk.answer(
            lease, who, label, at=self.minute, withdraw=withdraw, skip_reason=reason, client_id="tab",
            client_sequence=sequence,
        )  # fmt: skip

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        assert self.sent_again(self.sent[data.draw(st.integers(0, len(self.sent) - 1))]) == "repeated"

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        who, item = data.draw(st.sampled_from(sorted(self.said)))
        if who not in self.answers[item]:
            return
        lease, _ = self.desk.store.leases.reopen(who, item, self.desk.rules, client=None, at=after(self.minute))
        if lease.token not in self.leases:
            self.leases[lease.token] = (who, lease, self.minute)
            self.revisions.add(lease.token)
        self.ends[lease.token] = self.minute + MINUTES

    @rule(who=people)
    def release(self, who: str) -> None:
        assert self.desk.store.leases.release(who, at=after(self.minute)) == len(self.held(who))
        for token in self.held(who):
            del self.ends[token]

    @rule(minutes=st.sampled_from([1, MINUTES]))
    def wait(self, minutes: int) -> None:
        self.minute += minutes
        self.ends = {token: end for token, end in self.ends.items() if end > self.minute}

    @rule(item=st.integers(0, ITEMS - 1))
    def decide(self, item: int) -> None:
        adjudicate(self.desk.store, item)
        self.decided.add(item)

    @rule(order=st.permutations(range(ITEMS)))
    def rank(self, order: list[int]) -> None:
        queue(self.desk.store, sorted(order))

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def what_counts_is_what_the_model_says(self) -> None:
        counts: dict[int, dict[str, int | None]] = {item: {} for item in range(ITEMS)}
        for who, item, label in self.desk.labels() if hasattr(self, "desk") else ():
            assert who not in counts[item]
            counts[item][who] = label
        assert counts == self.answers

    @invariant()
    def leases_are_what_the_model_says(self) -> None:
        if not hasattr(self, "desk"):
            return
        live = self.desk.store.database.rows(
            "select token from leases where ended_at is null and expires_at > ?",
            (after(self.minute).isoformat(timespec="milliseconds").replace("+00:00", "Z"),),
        )
        assert {token for (token,) in live} == self.ends.keys()
        for item in range(ITEMS):
            holders = [self.leases[token][0] for token in self.ends if self.leases[token][1].item == item]
            assert len(holders) == len(set(holders))


TestLeaseMachine = LeaseMachine.TestCase
TestLeaseMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)

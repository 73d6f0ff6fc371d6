"""A small project file with a queue, and claims and answers in short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labelkit.annotate import Draws, PlaceRule
from labelkit.store import Lease, LeaseAnswer, LeaseRules, Store, Taken
from labelkit.types import ItemBatch, QueueEntry, Role, content_hash

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MINUTES = 15


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def rules(places: int = 1, *, tie_break: int = 0, draws: Draws | None = None, minutes: float = MINUTES) -> LeaseRules:
    return LeaseRules(PlaceRule(places, tie_break), minutes, draws)


def new_store(path: Path, items: int = 6) -> Store:
    """A fresh file with items ``i0`` … and all of them in the queue, in order."""
    store = Store(path, create=True)
    store.initialise("texts", "classification", ["spam", "ham", "other"])
    add_items(store, [f"text {n}" for n in range(items)])
    queue(store, range(items))
    return store


def add_items(store: Store, texts: list[str], *, splits: list[str | None] | None = None, first: int = 0) -> None:
    run, n = store.runs.begin("import", parameters={}, versions={}), len(texts)
    store.writer(run).write(
        ItemBatch(
            [f"i{first + k}" for k in range(n)], texts, ["{}"] * n, [content_hash(text, "{}") for text in texts],
            [None] * n, splits or [None] * n, range(1, n + 1),
        )
    )  # fmt: skip
    store.runs.end(run, seconds=0, metrics={})


def queue(
    store: Store, items: Sequence[int], *, roles: Sequence[Role] | None = None, drawn: dict[int, str] | None = None
) -> int:
    """A new rank run with these items."""
    entries = [
        QueueEntry(rank, item, 1.0, roles[rank] if roles else "active", "margin", None, "why")
        for rank, item in enumerate(items)
    ]
    return store.runs.finish(
        "rank", parameters={}, inputs="", versions={}, seconds=0, metrics={}, queue=entries,
        roles=[(item, role, 0.1) for item, role in (drawn or {}).items()],
    )  # fmt: skip


def adjudicate(store: Store, item: int, label: int = 1) -> None:
    with store.database.transaction() as connection:
        connection.execute(
            "insert or ignore into annotators (id, name, role, created_at) values (99, 'rev', 'lead', '')"
        )
        connection.execute(
            "insert into adjudications (item, content_hash, label, annotator, annotations, decided_at)"
            " select item, content_hash, ?, 99, '[]', '' from items where item = ?",
            (label, item),
        )


@dataclass
class Desk:
    """One file under one rule, for short tests."""

    store: Store
    rules: LeaseRules = field(default_factory=rules)

    def claim(
        self, who: str, n: int = 1, *, at: float = 0, client: str | None = None, held: Sequence[str] = ()
    ) -> list[Lease]:
        """All that a claim gives, over as many transactions as it takes."""
        claimed = self.store.leases.claim(who, self.rules, n=n, client=client, held=held, at=after(at))
        while claimed.further is not None:
            claimed = self.store.leases.claim(
                who, self.rules, n=n, client=client, held=held, at=after(at), start=claimed.further
            )
        return claimed.leases

    def items(self, who: str, n: int = 1, *, at: float = 0, client: str | None = None) -> list[int]:
        return [lease.item for lease in self.claim(who, n, at=at, client=client)]

    def taken(self, lease: Lease, who: str, label: int | None = 0, *, at: float = 1, **more: object) -> Taken:
        given = {"item": lease.item, "token": lease.token, "content_hash": lease.content_hash, **more}
        return self.store.leases.answer(
            LeaseAnswer(annotator=who, label=label, **given),  # type: ignore[arg-type]
            self.rules,
            at=after(at),
        )

    def answer(self, lease: Lease, who: str, label: int | None = 0, *, at: float = 1, **more: object) -> str:
        return self.taken(lease, who, label, at=at, **more).status

    def undo(self, lease: Lease, who: str, *, at: float = 2, **more: object) -> Taken:
        return self.taken(lease, who, None, at=at, withdraw=True, **more)

    def labels(self) -> list[tuple[str, int, int | None]]:
        """(annotator, item, label) of the answers that count."""
        return [(a.annotator, a.item, a.label) for a in self.store.people.annotations()]

"""Which items people disagree on, kept up to date as answers come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from labelkit.annotate.places import PlaceRule
from labelkit.errors import StorageError
from labelkit.steps.leasing import place_rule
from labelkit.steps.workspace import Workspace
from labelkit.store import GivenAnswer, Store


def disputes(workspace: Workspace, reviewer: str | None = None) -> dict[int, bool]:
    """Undecided items whose answers disagree → whether another person (than the reviewer) is still to be asked.

    Only what was answered since the last look is looked at again.
    """
    reviewable, rule = workspace.store.reviewable, place_rule(workspace)
    mark = reviewable.mark()
    identity = f"{rule.identity} {mark[2]}"
    known: dict[int, list[GivenAnswer]] = {}
    kept = workspace.memo.get("disputes")
    if kept is not None and kept[0] == identity:
        since, before = kept[1]
        touched = set(reviewable.touched(since)) if mark[0] > since else set()
        known = {item: answers for item, answers in before.items() if item not in touched}
        candidates = reviewable.contested(touched)
    else:
        candidates = reviewable.contested()
    for item, answers in reviewable.answers(candidates).items():
        if rule.undecided([answer.label for answer in answers]):
            known[item] = answers
    workspace.memo["disputes"] = (identity, (mark[0], known))
    decided = workspace.store.people.adjudications().keys()
    asked = _asked(workspace, rule, reviewer)
    return {item: asked.waits(item, answers) for item, answers in known.items() if item not in decided}


@dataclass(frozen=True)
class _Asked:
    """Who could still be asked about what: the places that a claim would find (see ``store/giving.py``)."""

    rule: PlaceRule
    store: Store
    ranked: int | None
    people: frozenset[str]

    @cached_property
    def queued(self) -> frozenset[int]:
        return frozenset() if self.ranked is None else frozenset(e.item for e in self.store.runs.queue(self.ranked))

    def waits(self, item: int, answers: Sequence[GivenAnswer]) -> bool:
        places = self.rule.places([answer.label for answer in answers])
        if self.ranked is None or len(answers) >= places or not self.people - {answer.annotator for answer in answers}:
            return False
        # A tie is given out whatever is in the queue; an item without its first answers only from the queue.
        return places > self.rule.places([]) or item in self.queued


def _asked(workspace: Workspace, rule: PlaceRule, reviewer: str | None) -> _Asked:
    store = workspace.store
    run = store.runs.latest("rank")
    served = store.path.with_suffix(".secrets").exists()  # else nobody can sign in
    accounts: set[str] = set()
    with suppress(StorageError):  # who may not read the side file knows of nobody to ask
        accounts = store.secrets().accounts() if served else accounts
    people = frozenset(m.name for m in store.members.all() if m.active and m.name in accounts) - {reviewer}
    return _Asked(rule, store, None if run is None else run.id, people)

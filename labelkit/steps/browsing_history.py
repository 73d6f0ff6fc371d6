"""One item's story in order of time, in words: how it came, who answered what, which run labeled it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelkit.annotate import SKIP_REASONS
from labelkit.errors import UnknownLabel
from labelkit.steps.browsing_facts import end_model, label_model
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.types import ABSTAIN, LabelSchema


@dataclass(frozen=True)
class Event:
    """One thing that happened: when (UTC, ISO 8601), what in a word, who if it was a person, and the details.

    ``counts`` is False for what was replaced or taken back since.
    """

    at: str
    what: str
    who: str | None
    details: str
    counts: bool = True


def item_history(workspace: KeptWorkspace, number: int) -> list[Event]:
    """Everything that happened to one item, the oldest first."""
    schema = workspace.schema
    events = [
        _TELLERS[one.kind](one.at, one.facts, schema) for one in workspace.store.browsing.history(number)
    ] + _by_models(workspace, number)
    return sorted(events, key=lambda event: event.at)


def _by_models(workspace: KeptWorkspace, number: int) -> list[Event]:
    """What the last runs made of it."""
    events = []
    for step, words, found in (
        ("label", "label model", label_model(workspace)),
        ("train", "end model", end_model(workspace)),
    ):
        run = workspace.store.runs.latest(step)
        if run is None or found is None or number >= run.parameters["items"]:
            continue
        label, p = int(found.label[number]), float(found.p[number])
        told = "no label" if label == ABSTAIN else f"{workspace.schema.names[label]} with probability {p:.1%}"
        events.append(Event(run.started_at, words, None, f"{told}, in run {run.id}"))
    return events


def _name(schema: LabelSchema, label: int | None) -> str:
    if label is None:
        return "nothing"
    try:
        return schema.name_of(label)
    except UnknownLabel:
        return f"class {label}"


def _imported(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    split = f", split {facts['split']}" if facts["split"] else ""
    return Event(at, "imported", None, f"by run {facts['run']}{split}")


def _replaced(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    return Event(at, "content replaced", None, f"until then it read: {facts['text']}", counts=False)


def _gold(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    return Event(at, "gold label", None, f"{_name(schema, facts['label'])}, from import {facts['run']}")


def _drawn(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    chance = f"with probability {facts['inclusion_probability']:.2g}"
    return Event(at, "drawn", None, f"at random for {facts['role']}, {chance}, by run {facts['run']}")


def _queued(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    return Event(at, "queued", None, f"at place {facts['rank']:,} of run {facts['run']}: {facts['reason']}")


def _given_out(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    end = f"until {facts['ended_at'][11:19]}" if facts["ended_at"] else f"expires at {facts['expires_at'][11:19]}"
    purpose = {"gold": ", as a gold question", "revision": ", to revise an answer"}.get(facts["purpose"], "")
    hints = ", with hints" if facts["hints_before"] else ""
    return Event(at, "given out", facts["person"], f"{end}{purpose}{hints}")


def _answer(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    told = {
        "label": _name(schema, facts["label"]),
        "flag": "flagged",
        "skip": f"skipped: {SKIP_REASONS.get(facts['skip_reason'], facts['skip_reason'])}",
    }[facts["kind"]]
    withdrawn = facts["skip_reason"] == "withdrawn"
    if withdrawn:
        told = "took the answer back"
    marks = [
        f"{facts['seconds']:.1f} s" if facts["seconds"] is not None else "",
        f"for {facts['role']}" if facts["role"] != "active" else "",
        "late" if facts["late"] else "",
        "simulated" if facts["simulated"] else "",
        "of an older file" if facts["outdated"] else "",
        "to an earlier content" if not facts["current"] else "",
        "replaced since" if facts["replaced_by"] is not None else "",
    ]
    more = "".join(f", {mark}" for mark in marks if mark)
    comment = f". Comment: {facts['comment']}" if facts["comment"] else ""
    stands = not withdrawn and not facts["outdated"] and facts["current"] and facts["replaced_by"] is None
    return Event(at, "answer", facts["person"], f"{told}{more}{comment}", counts=bool(stands))


def _decision(at: str, facts: dict[str, Any], schema: LabelSchema) -> Event:
    if facts["withdraws"] is not None:
        return Event(at, "decision taken back", facts["person"], "the answers decide again", counts=False)
    comment = f". Comment: {facts['comment']}" if facts["comment"] else ""
    since = "" if facts["stands"] else ", replaced or taken back since"
    return Event(
        at,
        "decision",
        facts["person"],
        f"{_name(schema, facts['label'])}{since}{comment}",
        counts=bool(facts["stands"]),
    )


_TELLERS = {
    "imported": _imported,
    "content replaced": _replaced,
    "gold label": _gold,
    "drawn": _drawn,
    "queued": _queued,
    "given out": _given_out,
    "answer": _answer,
    "decision": _decision,
}

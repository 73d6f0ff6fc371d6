"""A project for the tests of the annotate API, and a page that talks to it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import httpx

from labelkit import Project
from tests.serving import add_person, client, ran_project

SETTINGS = """answers_per_item = {places}
tie_break_answers = 0
gold_share = {gold}
hints_before = {hints}

[serve]
refit_after = 100000
"""


def project(
    home: Path, *, places: int = 2, gold: float = 0.0, hints: float = 0.0, people: tuple[str, ...] = ()
) -> Path:
    """A project that ran, with annotators of these names; its trainer has nothing to do."""
    ran_project(home)
    settings = home / "labelkit.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text + SETTINGS.format(places=places, gold=gold, hints=hints), encoding="utf-8")
    for name in people:
        add_person(home, name, "annotator")
    return home


@functools.cache
def signed_in(address: str, name: str) -> httpx.Client:
    """One browser for each person: signing in takes a moment, on purpose."""
    return client(address, name)


class Page:
    """One tab of somebody who is signed in."""

    def __init__(self, address: str, name: str, client_id: str | None = None) -> None:
        self.session = signed_in(address, name)
        self.id = client_id or f"page-of-{name.lower()}-1"
        self.sequence = 0

    def post(self, path: str, content: str | bytes | None = None, **body: Any) -> httpx.Response:
        data = content if content is not None else json.dumps({"client": self.id, **body})
        return self.session.post(path, content=data, headers={"content-type": "application/json"})

    def ask(self, path: str, **body: Any) -> Any:
        """The JSON of a request that succeeds."""
        reply = self.post(path, **body)
        assert reply.status_code in (200, 204), reply.text
        return reply.json() if reply.content else None

    def claim(self, want: int = 4, held: list[str] | None = None) -> list[dict[str, Any]]:
        return list(self.ask("/leases", want=want, held=held or [])["items"])

    def made(
        self, item: dict[str, Any], label: str | None = "spam", kind: str = "label", **more: Any
    ) -> dict[str, Any]:
        """An answer with the next number."""
        self.sequence += 1
        answer = {"sequence": self.sequence, "kind": kind, **{key: item[key] for key in ("item", "token", "content")}}
        return {**answer, **({"label": label} if kind == "label" else {}), **more}

    def send(self, *answers: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.ask("/answers", answers=list(answers))["results"])

    def statuses(self, *answers: dict[str, Any]) -> list[str]:
        return [result["status"] for result in self.send(*answers)]

    def close(self) -> None:
        self.ask("/leases/release")


def stored(home: Path, columns: str, where: str = "1") -> list[Any]:
    """Rows of the annotations, as they lie in the file."""
    with Project.open(home) as project:
        return project._store.database.rows(
            f"select {columns} from annotations a join annotators p on p.id = a.annotator where {where} order by a.id"
        )

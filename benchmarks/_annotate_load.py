"""Annotators at work, as a process of its own: each gives so many answers a second, whatever the server does.

    python benchmarks/_annotate_load.py PORT MEMBERS.json OUT.json --seconds 300 --rate 2

Open loop: an answer is due at its time also while earlier ones are unanswered, and its latency counts from the
time at which it was due to its acknowledgement. Like the page, a client sends what is due in one request, keeps
what is not acknowledged, and sends it again after a broken connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _annotate_http import Connection, Refused

BATCH = 12
LOW = 8
RENEW_SECONDS = 20.0
START_SECONDS = 30.0
LABELS = ("billing", "bug", "praise")


@dataclass
class Annotator:
    """One person with one page, and everything that the server told it."""

    name: str
    cookie: str
    port: int
    client: str = field(default_factory=lambda: uuid.uuid4().hex)
    held: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[str, int, float]] = field(default_factory=list)
    """(token, item, when) of every lease that the server gave."""
    unsent: list[dict[str, Any]] = field(default_factory=list)
    due: dict[int, float] = field(default_factory=dict)
    """Sequence → when its answer was due."""
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    lease_seconds: list[float] = field(default_factory=list)
    waited: float = 0.0
    """Seconds without an item to answer."""
    broken: int = 0
    problems: list[str] = field(default_factory=list)
    sequence: int = 0
    later: float = 0.0
    """Seconds after the others that this person begins: people do not work in step."""

    def __post_init__(self) -> None:
        self.answers = Connection(self.port, self.cookie)
        self.leases = Connection(self.port, self.cookie)
        self.wake = asyncio.Event()
        self.fetch = asyncio.Event()
        self.fetch.set()
        self.seen: set[str] = set()

    # ------------------------------------------------------------------ items

    async def keep_items(self) -> None:
        """Have items at hand: ask for more before they run out, and say every 20 s that the page lives."""
        while True:
            try:
                async with asyncio.timeout(RENEW_SECONDS):
                    await self.fetch.wait()
            except TimeoutError:
                pass
            self.fetch.clear()
            held = [item["token"] for item in self.held]
            began = time.perf_counter()
            try:
                got = await self.leases.post("/api/leases", {"client": self.client, "want": BATCH, "held": held})
            except (OSError, Refused) as error:
                self._broke(error)
                await asyncio.sleep(0.2)
                self.fetch.set()
                continue
            self.lease_seconds.append(time.perf_counter() - began)
            ended = set(got["ended"])
            self.held = [item for item in self.held if item["token"] not in ended]
            for item in got["items"]:
                if item["token"] not in self.seen:
                    self.seen.add(item["token"])
                    self.told.append((item["token"], item["item"], time.time()))
                    self.held.append(item)
            if not self.held:
                await asyncio.sleep(0.5)
                self.fetch.set()

    # ------------------------------------------------------------------ answers

    async def answer(self, start: float, rate: float, seconds: float) -> None:
        """Give an answer at each due time; where there is no item, wait for one (the wait counts)."""
        for n in range(round(seconds * rate)):
            due = start + n / rate + self.later
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            while not self.held:
                self.fetch.set()
                await asyncio.sleep(0.005)
            self.waited += time.perf_counter() - began
            item = self.held.pop(0)
            if len(self.held) < LOW:
                self.fetch.set()
            self.sequence += 1
            self.due[self.sequence] = due
            self.unsent.append(self._given(item))
            self.wake.set()

    def _given(self, item: dict[str, Any]) -> dict[str, Any]:
        """Most people agree about an item; some skip it."""
        chance = random.Random(f"{self.name}/{item['item']}").random()
        given = {"sequence": self.sequence, "item": item["item"], "token": item["token"], "content": item["content"],
                 "seconds": 0.5}  # fmt: skip
        if chance < 0.03:
            return given | {"kind": "skip", "skip": "unclear"}
        return given | {"kind": "label", "label": LABELS[(item["item"] + (chance > 0.9)) % len(LABELS)]}

    async def send(self) -> None:
        """Send what is not acknowledged, all in one request, in order, one request at a time."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.unsent:
                batch = list(self.unsent[:50])
                try:
                    got = await self.answers.post("/api/answers", {"client": self.client, "answers": batch})
                except (OSError, Refused) as error:
                    self._broke(error)
                    await asyncio.sleep(0.1)
                    continue
                self._take(batch, got["results"])

    def _take(self, batch: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        at = time.perf_counter()
        status = {result["sequence"]: result for result in results}
        for given in batch:
            result = status.get(given["sequence"])
            if result is None:
                continue
            self.unsent.remove(given)
            if result["status"] == "refused":
                self.refused.append({**given, "message": result.get("message")})
            else:
                latency = at - self.due[given["sequence"]]
                self.acknowledged.append({**given, "status": result["status"], "latency": latency, "at": time.time()})

    def _broke(self, error: Exception) -> None:
        self.broken += 1
        if isinstance(error, Refused) and len(self.problems) < 5:
            self.problems.append(str(error))

    async def finish(self, within: float) -> None:
        """Wait until everything is acknowledged."""
        until = time.perf_counter() + within
        while self.unsent and time.perf_counter() < until:
            await asyncio.sleep(0.05)


async def play(options: argparse.Namespace) -> dict[str, Any]:
    """All annotators at once."""
    known = json.loads(options.members.read_text())
    people = [Annotator(name, cookie, options.port) for name, cookie in known]
    for n, person in enumerate(people):
        person.later = n / len(people) * BATCH / 2 / options.rate
    keepers = [asyncio.create_task(person.keep_items()) for person in people]
    until = time.perf_counter() + START_SECONDS
    while not all(person.held for person in people):
        if time.perf_counter() > until:
            sys.exit(f"nobody gets items: {people[0].problems}")
        await asyncio.sleep(0.05)
    senders = [asyncio.create_task(person.send()) for person in people]
    print("ready", flush=True)
    start = time.perf_counter() + 0.2
    began = time.time()
    lag = asyncio.create_task(_lag())
    await asyncio.gather(*(person.answer(start, options.rate, options.seconds) for person in people))
    await asyncio.gather(*(person.finish(60.0) for person in people))
    lag.cancel()
    for task in (*keepers, *senders):
        task.cancel()
    names = ("name", "client", "told", "acknowledged", "refused", "lease_seconds", "waited", "broken", "problems",
             "unsent")  # fmt: skip
    return {
        "began": began,
        "own_lag": max(_LAGS, default=0.0),
        "own_cpu": time.process_time(),
        "people": [{name: getattr(person, name) for name in names} for person in people],
    }


_LAGS: list[float] = []


async def _lag() -> None:
    """How late this process itself is, at worst: what it measures cannot be better than that."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        _LAGS.append(time.perf_counter() - began - 0.01)


def main() -> None:
    """Play, and write down what was told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("members", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=2.0)
    options = parser.parse_args()
    options.out.write_text(json.dumps(asyncio.run(play(options))))


if __name__ == "__main__":
    main()

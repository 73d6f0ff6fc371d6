"""How fast people answer, and when the queue may be done: days drawn again from the last two weeks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.store import Mark

LOOKED_BACK: Final = 14
"""Full days that a forecast rests on."""
FEWEST_DAYS: Final = 3
"""Full days that it takes at least."""
SHOWN_DAYS: Final = 30
_DRAWS: Final = 2_000
_FARTHEST: Final = 366
_LATEST: Final = 500
"""Answers whose times are looked at."""


@dataclass(frozen=True)
class Forecast:
    """When the work that is left may be done, if people go on as they did.

    ``days`` with ``low`` and ``high`` (95% of the draws) count from now on; all None where ``why`` says what is
    missing. ``most``: the farthest day that was looked at was not enough.
    """

    left: int
    days: float | None = None
    low: float | None = None
    high: float | None = None
    rested_on: int = 0
    why: str = ""


@dataclass(frozen=True)
class Pace:
    """Answers by day and person.

    Attributes
    ----------
    days
        The last days, the oldest first: day and name → answers; days without answers are there too.
    total, today, people
        First answers of people, those of today, and how many people gave any.
    seconds
        Quartiles of the seconds that the latest answers took (low, median, high); None without any.
    hours
        The same for all work that is left, in hours.
    """

    days: list[tuple[date, dict[str, int]]]
    total: int
    today: int
    people: int
    seconds: tuple[float, float, float] | None
    hours: tuple[float, float, float] | None
    forecast: Forecast


@dataclass
class _Given:
    """Answers counted so far: ten minutes and name → number."""

    mark: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def pace(workspace: KeptWorkspace, mark: Mark, left: int, *, at: datetime, offset: timedelta) -> Pace:
    """Answers by day, and a forecast for ``left`` further ones.

    Parameters
    ----------
    at
        The present.
    offset
        What has to be added to UTC for the time of whoever looks.
    """
    by_day: dict[date, Counter[str]] = {}
    given = _given(workspace, mark.annotations)
    moments = {moment for moment, _ in given}
    day_of = {moment: (datetime.fromisoformat(f"{moment}0:00") + offset).date() for moment in moments}
    for (moment, name), number in given.items():
        by_day.setdefault(day_of[moment], Counter())[name] += number
    today = (at.astimezone(UTC) + offset).date()
    first = min(by_day, default=today)
    shown = [today - timedelta(days=back) for back in range(min(SHOWN_DAYS, max((today - first).days + 1, 1)))]
    seconds = _quartiles(workspace.store.browsing.seconds(_LATEST))
    return Pace(
        days=[(day, dict(by_day.get(day, {}))) for day in reversed(shown)],
        total=sum(sum(names.values()) for names in by_day.values()),
        today=sum(by_day.get(today, Counter()).values()),
        people=len({name for names in by_day.values() for name in names}),
        seconds=seconds,
        hours=None if seconds is None else _hours(seconds, left),
        forecast=forecast({day: sum(names.values()) for day, names in by_day.items()}, left, today),
    )


def _given(workspace: KeptWorkspace, newest: int) -> Counter[tuple[str, str]]:
    """Answers by ten minutes and name; only what came since the last look is read."""
    kept = workspace.kept
    with kept.lock:
        given: _Given = kept.value("given", "", _Given)
        if newest < given.mark:  # another file in its place
            given.mark, given.counts = 0, Counter()
        if newest > given.mark:
            counts = given.counts.copy()
            for moment, name, role, number in workspace.store.browsing.given(given.mark, newest):
                if role != "gold":
                    counts[moment, name] += number
            given.mark, given.counts = newest, counts
        return given.counts


def _quartiles(seconds: Sequence[float]) -> tuple[float, float, float] | None:
    if not seconds:
        return None
    low, middle, high = np.quantile(np.asarray(seconds), (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


def _hours(seconds: tuple[float, float, float], left: int) -> tuple[float, float, float]:
    low, middle, high = (each * left / 3600 for each in seconds)
    return low, middle, high


def forecast(by_day: Mapping[date, int], left: int, today: date) -> Forecast:
    """How many days the rest may take: full days of the last two weeks, drawn again at random.

    It knows of no trend, no holidays and no new people; what it tells is how much the days differ.

    Parameters
    ----------
    by_day
        Answers of each day.
    left
        Answers that are still wanted.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = {date(2024, 5, 1) + timedelta(days=i): 100 for i in range(7)}
    >>> forecast(days, 250, date(2024, 5, 8)).days
    3.0
    """
    if left <= 0:
        return Forecast(0, why="nothing is left to answer")
    first = min(by_day, default=today)
    back = min(LOOKED_BACK, (today - first).days)
    counts = np.array([by_day.get(today - timedelta(days=i), 0) for i in range(1, back + 1)], dtype=np.int64)
    if back < FEWEST_DAYS:
        return Forecast(left, why=f"there are {back} full days of answers; a forecast takes {FEWEST_DAYS}")
    if not counts.any():
        return Forecast(left, why=f"nobody has answered in the last {back} days")
    longest = int(min(_FARTHEST, np.ceil(left / counts.mean() * 4) + 30))
    drawn = np.random.default_rng(0).choice(counts, size=(_DRAWS, longest)).cumsum(axis=1)
    enough = drawn >= left
    days = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, np.inf)
    low, middle, high = np.quantile(days, (0.025, 0.5, 0.975), method="inverted_cdf")
    if not np.isfinite(middle):
        return Forecast(left, rested_on=back, why=f"at this pace it takes more than {longest} days")
    return Forecast(left, float(middle), float(low), float(high), back)

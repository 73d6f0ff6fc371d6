"""The dashboard's figures, the forecast, and the settings that leads may change."""

from __future__ import annotations

import math
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.errors import ConfigError
from labelkit.steps.browsing_functions import FunctionFigures
from labelkit.steps.dashboard import Dashboard
from labelkit.steps.dashboard_pace import forecast
from labelkit.steps.next_steps import Action, models_learn, sentence
from labelkit.steps.trainer_state import TrainerState, Trouble
from labelkit.store import NewAnnotation
from tests.conftest import FUNCTIONS, sample_rows, write_rows


@pytest.fixture
def project(tmp_path: Path) -> Project:
    home = tmp_path / "project"
    with Project.init(home, name="texts", labels=["spam", "ham"]) as fresh:
        fresh.import_items(write_rows(tmp_path / "texts.csv", sample_rows()))
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"auto"', '"majority"'), encoding="utf-8")
    return Project.open(home)


def test_before_anything_ran_there_is_something_to_do(project: Project) -> None:
    with project:
        figures = project.dashboard().figures()
        assert (figures.items, figures.functions, figures.labeled, figures.covered) == (60, 0, 0, None)
        assert [step.state for step in figures.steps] == ["never ran"] * 4
        assert figures.actions[0].command == "labelkit run"
        assert (figures.audit.drawn, figures.audit.measures, figures.curve) == (0, (), [])


def test_figures_are_those_of_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.steps.dashboard.FRESH_SECONDS", 0.0)
    with project:
        project.run()
        queue = project.queue()
        audit = queue[queue["role"] == "audit"]["id"].tolist()
        for item in audit:
            project.answer(item, item.split("-")[0], annotator="Ann")
        project.answer(queue["id"][0], "spam", annotator="Bob")
        project.answer("ham-0-1", "ham", annotator="Ann")
        project.answer("ham-0-1", "spam", annotator="Bob")
        project.run()
        figures, now = project.dashboard().figures(), project.status()
        assert figures.steps == tuple(now.steps)
        assert (figures.items, figures.answers, figures.disputed) == (now.items, now.answers, now.disputed)
        assert figures.covered == pytest.approx(now.coverage)
        assert figures.labeled == project.labels()["label"].notna().sum()
        assert figures.audit.answered == len(audit) == figures.audit.measures[0].estimate.n
        assert figures.audit.measures[0].estimate.value == pytest.approx(now.audit["value"])
        assert [point.human for point in figures.curve] == sorted(point.human for point in figures.curve)
        assert len(figures.curve) == 2 and figures.curve[-1].measures
        assert sum(figures.distribution.people) == figures.decided
        assert sum(figures.distribution.end_model or ()) == 60
        assert (figures.queue.items, figures.queue.open) == (len(project.queue()), now.queued)
        assert figures.pace.total == figures.pace.today == len(audit) + 3
        assert [action.where for action in figures.actions][:2] == ["review", "annotate"]


def test_nothing_is_made_anew_until_something_changes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.steps.dashboard.FRESH_SECONDS", 0.0)
    with project:
        project.run()
        made: list[int] = []
        make = Dashboard._make
        monkeypatch.setattr(Dashboard, "_make", lambda *given: made.append(1) or make(*given))
        first = project.dashboard().figures()
        with Project.open(project.root) as another:  # as another visit of the page
            assert another.dashboard().figures() is first
            assert another.dashboard().mark() == first.mark
            another.answer("ham-0-1", "ham", annotator="Ann")
        assert project.dashboard().mark() != first.mark
        assert project.dashboard().figures().answers == first.answers + 1
        assert len(made) == 2


def test_while_people_answer_figures_may_be_some_seconds_old(project: Project) -> None:
    with project:
        first = project.dashboard().figures()
        project.answer("ham-0-1", "ham", annotator="Ann")
        assert project.dashboard().figures() is first


def test_pace_counts_work_done(project: Project) -> None:
    at = datetime.now(UTC)

    def given(item: int, who: str, days: float, **more: object) -> NewAnnotation:
        moment = (at - timedelta(days=days)).isoformat()
        return NewAnnotation(item, who, 0, answered_at=moment, **more)  # type: ignore[arg-type]

    with project:
        people = project._store.people
        people.append([given(1, "Ann", 3), given(2, "Ann", 3), given(1, "Bob", 1), given(3, "Bob", 1, simulated=True)])
        people.append([given(1, "Ann", 0.0, seconds=4.0), given(4, "Cid", 0.0, role="gold", seconds=8.0)])
        found = project.dashboard().figures().pace
        by_day = [sum(names.values()) for _, names in found.days]
        assert (found.total, found.people, len(by_day)) == (3, 2, 4)  # no revision, no simulation, no gold question
        assert by_day == [2, 0, 1, 0]
        assert found.days[0][1] == {"Ann": 2}


def test_days_are_those_of_whoever_looks(project: Project) -> None:
    with project:
        noon = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=2)
        project._store.people.append([NewAnnotation(1, "Ann", 0, answered_at=noon.isoformat())])
        here = project.dashboard().figures().pace.days[0][0]
        east = project.dashboard().figures(offset=timedelta(hours=13)).pace.days[0][0]
        assert (here, east) == (noon.date(), noon.date() + timedelta(days=1))


@pytest.mark.parametrize(
    ("counts", "left", "told"),
    [
        ([], 10, "0 full days"),
        ([5, 5], 10, "2 full days"),
        ([5] * 5, 0, "nothing is left"),
        ([0] * 5 + [1], 10**6, "more than"),
    ],
)
def test_there_is_no_forecast_out_of_thin_air(counts: list[int], left: int, told: str) -> None:
    today = date(2024, 5, 20)
    days = {today - timedelta(days=len(counts) - i): count for i, count in enumerate(counts)}
    found = forecast(days, left, today)
    assert found.days is None and told in found.why


def test_a_forecast_is_as_wide_as_the_days_differ() -> None:
    today = date(2024, 5, 20)

    def of(counts: list[int]) -> tuple[float, float, float]:
        days = {today - timedelta(days=len(counts) - i): count for i, count in enumerate(counts)}
        found = forecast(days, 500, today)
        assert found.days is not None and found.low is not None and found.high is not None
        return found.low, found.days, found.high

    assert of([100] * 10) == (5, 5, 5)
    low, middle, high = of([0, 200] * 5)
    assert low < middle < high and 3 <= middle <= 7
    assert not math.isinf(high)


def test_a_day_that_is_not_over_says_nothing_yet() -> None:
    today = date(2024, 5, 20)
    days = {today - timedelta(days=back): 100 for back in range(1, 6)}
    assert forecast({**days, today: 3}, 200, today).days == forecast(days, 200, today).days == 2


def test_figures_of_functions_are_kept_and_follow_runs(project: Project) -> None:
    with project:
        project.run()
        figures = project.function_figures()
        assert not figures.ready()
        table = figures.table()
        with Project.open(project.root) as another:
            assert another.function_figures().ready() and another.function_figures().table() is table
        assert table.functions == project.lfs().functions
        story = figures.story("free")
        assert story.errors == project.errors(function="free", uncovered=False, limit=10) or story.errors.functions
        assert "free" in story.declaration
        assert figures.dependencies() == project.dependencies()
        for number in range(6):
            project.answer(f"ham-0-{number}", "ham", annotator="Ann")
        assert not FunctionFigures(project._workspace).ready()


# ------------------------------------------------------------------ settings


def test_settings_are_changed_in_the_file_with_their_comments(project: Project) -> None:
    with project:
        file = project.root / "labelkit.toml"
        file.write_text(
            file.read_text(encoding="utf-8") + "\n[annotation] # people\nbatch = 9 # at once\n", encoding="utf-8"
        )
        settings = project.settings()
        assert settings.change({"batch": 20, "hints_before": 0.25, "gold_share": 0.05}, actor="Ada") == [
            "batch",
            "hints_before",
        ]
        text = file.read_text(encoding="utf-8")
        assert "[annotation] # people" in text and "batch = 20 # at once" in text and "hints_before = 0.25" in text
        assert settings.config.annotation.batch == 20
        assert settings.change({"batch": 20}, actor="Ada") == []
        assert [path.name for path in project.root.glob("labelkit.toml*")] == ["labelkit.toml"]
        (payload,) = project._store.database.one(
            "select payload from events join event_payloads on event = id where kind = 'settings.changed'"
        )
        assert '"9 → 20"' in payload


@pytest.mark.parametrize(
    "values",
    [
        {"batch": 0},
        {"batch": "many"},
        {"answers_per_item": 99},
        {"hints_before": 1.5},
        {"keys": {"spam": "s"}},
        {"keys": {"nobody": "1"}},
        {"guidelines": "/etc/passwd"},
        {"guidelines": "labelkit.toml"},
        {"image_hosts": ["evil.example"]},
        {"batch": 3, "gold_share": -1.0},
    ],
)
def test_a_setting_that_cannot_be_changes_nothing(project: Project, values: dict[str, object]) -> None:
    with project:
        file = project.root / "labelkit.toml"
        before = file.read_bytes()
        with pytest.raises(ConfigError):
            project.settings().change(values, actor="Ada")
        assert file.read_bytes() == before
        assert not project._store.database.rows("select 1 from events where kind = 'settings.changed'")


def test_functions_that_were_edited_are_to_be_voted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and declarations are compared; a file that was only written again is the same."""
    monkeypatch.setattr("labelkit.steps.dashboard.FRESH_SECONDS", 0.0)
    with project:
        project.run()
        dashboard = project.dashboard()
        functions, before = project.root / "labeling_functions" / "functions.py", dashboard.mark()
        assert dashboard.vote_due() == ""
        os.utime(functions, ns=(1, 1))
        assert dashboard.vote_due() == "" and dashboard.mark() != before
        text = functions.read_text(encoding="utf-8")
        functions.write_text(text + "# another word\n", encoding="utf-8")
        (project.root / "labeling_functions" / "workbench.toml").write_text(
            '[[function]]\nname = "mine"\nkind = "keywords"\nlabel = "spam"\nkeywords = ["cash"]\n', encoding="utf-8"
        )
        words = "1 function saved or removed in the workbench since; labeling_functions/functions.py edited since"
        assert dashboard.vote_due() == words
        vote = project.status().steps[0]
        assert (vote.state, vote.why) == ("out of date", words)
        assert dashboard.figures().actions[0].words == f"Vote again: {words}"
        assert project.status().next_steps[0] == f"Vote again: {words}: `labelkit vote`"
        assert project.status().next == "`labelkit vote`"
        project.vote()
        assert project.status().steps[0].state == "up to date"
        (project.root / "labeling_functions" / "workbench.toml").unlink()
        assert dashboard.vote_due() == "1 function saved or removed in the workbench since"
        (project.root / "labeling_functions" / "more.py").write_text("", encoding="utf-8")
        assert dashboard.vote_due().endswith("; labeling_functions/more.py edited since")


def test_status_and_dashboard_say_the_same_next(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.steps.dashboard.FRESH_SECONDS", 0.0)
    with project:
        project.run()
        for name, label in (("Ann", "spam"), ("Bob", "ham")):
            project.answer("ham-0-1", label, annotator=name)
        figures, now = project.dashboard().figures(), project.status()
        assert (now.disputed, now.to_decide, figures.to_decide) == (1, 1, 1)
        assert [action.where for action in figures.actions] == ["review", "annotate", "models"]
        assert now.next_steps[0] == "Decide 1 item on which people disagree: the Review page of `labelkit serve`"
        assert now.next_steps[2].startswith("Run label again: people have answered since: `labelkit run`")
        assert project.reviewing.queue("disputed", reviewer="rev").counts.disputed == figures.to_decide


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, None),
        (TrainerState(running=False, refit_after=25), None),
        (TrainerState(running=True, refit_after=25, answers=8), "The models learn after 17 more answers"),
        (TrainerState(running=True, refit_after=25, answers=24), "The models learn after 1 more answer"),
        (TrainerState(running=True, refit_after=25, doing="label"), "The models are learning"),
        (TrainerState(running=True, trouble=Trouble("label", "no", None, "")), None),
    ],
)
def test_what_the_trainer_does_is_said_in_the_terminal_too(state: TrainerState | None, words: str | None) -> None:
    action = Action("Run label again: people have answered since", "models", "labelkit run")
    assert models_learn(state) == words
    assert sentence(action, state) == (words or f"{action.words}: `labelkit run`")

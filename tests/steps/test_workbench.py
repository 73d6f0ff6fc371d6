"""The workbench end to end on a small real project: try, save, vote, change, remove; who may; what is never shown."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit import Project
from labelkit.access import PersonRole
from labelkit.errors import (
    FunctionTimeout,
    LabelingFunctionError,
    LabelkitError,
    NotAllowed,
    StepMissing,
    StorageError,
    UnknownLabel,
)
from labelkit.lf.declared import WORKBENCH_FILE
from labelkit.steps.persons import Person
from tests.conftest import sample_rows, write_rows
from tests.serving import HOSTILE, ran_project

PRIZE = {"name": "prizes", "kind": "keywords", "label": "spam", "keywords": ["prize", "phone"]}


def person(role: PersonRole = "data scientist", name: str = "Dora") -> Person:
    return Person(name, role, "session")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows(6)
    rows += [[f"odd-{n}", f"phone me about the meeting {n}", "ham", "train", "sms"] for n in range(4)]
    rows += [[f"slow-{n}", "a" * 60 + "!", "ham", "train", "sms"] for n in range(2)]
    return ran_project(tmp_path_factory.mktemp("template") / "project", rows)


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(template, folder)
    return folder


@pytest.fixture
def project(home: Path) -> Iterator[Project]:
    with Project.open(home) as opened:
        yield opened


def file_of(home: Path) -> str:
    path = home / WORKBENCH_FILE
    return path.read_text(encoding="utf-8") if path.exists() else ""


def events(project: Project, kind: str) -> list[tuple[str, str]]:
    """(actor, payload) of the events of a kind."""
    return project._store.database.rows(
        "select actor, payload from events join event_payloads on event = id where kind like ? order by id", (kind,)
    )


def audited(project: Project) -> list[str]:
    """Ids of the items that were drawn for the audit."""
    roles = project._store.people.roles()
    return project._store.items.ids([number for number, role in roles.items() if role == "audit"])


def draw(project: Project, ids: list[str]) -> None:
    """Draw exactly these items for the audit."""
    rows = [(project._store.items.number_of(each),) for each in ids]
    with project._store.database.transaction() as connection:
        connection.execute("delete from item_roles")
        connection.executemany("insert into item_roles values (?, 'audit', 1.0, 1, '2026-01-01T00:00:00Z')", rows)


# ---------------------------------------------------------------------- trying


def test_figures_are_those_that_the_vote_will_have(project: Project) -> None:
    trial = project.workbench.try_function(PRIZE)
    texts = project.items()["text"]
    mine = texts.str.contains(r"\b(?:prize|phone)\b", case=False).to_numpy()
    others = project.votes()[mine]
    assert trial.items == len(texts) and trial.votes == int(mine.sum())
    assert trial.new == int(others.isna().all(axis=1).sum())
    assert trial.overlap == trial.votes - trial.new
    assert trial.conflict == int((others == "ham").any(axis=1).sum()) > 0
    counts = {one.function: (one.items, one.conflicts) for one in trial.overlaps}
    for name in others.columns:
        together = int(others[name].notna().sum())
        assert counts.get(name, (0, 0)) == (together, int((others[name] == "ham").sum()))


def test_accuracy_is_against_known_labels_outside_test_and_audit(project: Project) -> None:
    trial = project.workbench.try_function(PRIZE)
    items = project.items()
    usable = (items["split"] != "test") & ~items["id"].isin(audited(project))
    mine = items[items["text"].str.contains(r"\b(?:prize|phone)\b", case=False) & usable]
    assert (trial.accuracy.n, round(trial.accuracy.value * trial.accuracy.n)) == (
        len(mine), int((mine["gold"] == "spam").sum())
    )  # fmt: skip
    assert 0 < trial.accuracy.low < trial.accuracy.value < trial.accuracy.high < 1
    assert "outside the test split and the audit" in trial.reference
    assert trial.decided_by == "majority vote" and trial.agreement.n > 0


def test_shown_items_are_never_of_test_or_audit(project: Project) -> None:
    ids = project.items()
    train = ids[ids["split"] == "train"]["id"].tolist()
    audit = train[::2]
    draw(project, audit)
    with Project.open(project.root) as again:
        trial = again.workbench.try_function({**PRIZE, "keywords": ["cash", "phone", "free", "meeting"]})
        assert trial.hits and trial.conflicts and len(trial.hits) <= trial.votes - trial.hidden
        shown = {one.id for one in (*trial.hits, *trial.conflicts)}
        assert shown <= set(train) - set(audit)
        assert trial.accuracy.n < trial.votes


def test_only_test_gold_is_no_ground_for_trying(tmp_path: Path) -> None:
    rows = [row if row[3] != "train" else [row[0], row[1], "", "train", row[4]] for row in sample_rows()]
    with Project.open(ran_project(tmp_path / "p", rows)) as project:
        trial = project.workbench.try_function(PRIZE)
    assert trial.accuracy.n == 0 and trial.agreement.n > 0
    assert "test items" in trial.reference


def test_matches_are_marked_in_the_text(project: Project) -> None:
    trial = project.workbench.try_function({**PRIZE, "keywords": ["PRIZE"]})
    for one in trial.hits:
        assert [text for text, marked in one.segments if marked] == ["prize"]
        assert "".join(text for text, _ in one.segments) == project.items().set_index("id")["text"][one.id]
    conflicts = project.workbench.try_function(PRIZE).conflicts
    assert conflicts[0].known == "ham" and conflicts[0].others[0] == ("meeting", "ham")


def test_any_field_can_be_looked_at(project: Project) -> None:
    trial = project.workbench.try_function({**PRIZE, "keywords": ["sms"], "field": "channel"})
    assert trial.votes == int((project.items()["channel"] == "sms").sum())


def test_an_edit_does_not_count_against_itself(project: Project) -> None:
    same = {"name": "money", "kind": "keywords", "label": "spam", "keywords": ["cash", "prize"]}
    trial = project.workbench.try_function(same)
    assert "money" not in {one.function for one in trial.overlaps}
    assert "money" in {one.function for one in project.workbench.try_function({**same, "name": "cash"}).overlaps}
    renamed = project.workbench.try_function({**same, "name": "cash"}, replaces="money")
    assert "money" not in {one.function for one in renamed.overlaps}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"kind": "regex", "pattern": "(a"}, LabelingFunctionError, "unterminated subpattern at position 0"),
        ({"kind": "regex", "pattern": "a**"}, LabelingFunctionError, "multiple repeat at position 2"),
        ({"keywords": ["x", ""]}, LabelingFunctionError, "an empty one matches everywhere"),
        ({"label": "spma"}, UnknownLabel, "did you mean 'spam'"),
        ({"label": HOSTILE}, UnknownLabel, "unknown label"),
        ({"field": "chanel"}, LabelingFunctionError, "they have text, id, channel"),
        ({"field": "text'; drop table items; --"}, LabelingFunctionError, "no such field"),
        ({"code": "import os"}, LabelingFunctionError, "unknown key 'code'"),
    ],
)
def test_mistakes_come_back_in_words(
    project: Project, change: dict[str, Any], error: type[LabelkitError], said: str
) -> None:
    given = {**PRIZE, **change}
    if "pattern" in change:
        del given["keywords"]
    with pytest.raises(error) as caught:
        project.workbench.try_function(given)
    assert said in str(caught.value)
    assert project.workbench.try_function(PRIZE).votes > 0


def test_a_pattern_that_never_ends_is_refused_and_cannot_be_saved(project: Project) -> None:
    never = {"name": "never", "kind": "regex", "label": "spam", "pattern": r"^(a+)+(?!\w).\1"}
    with pytest.raises(FunctionTimeout, match="'never' did not come back within 2 s"):
        project.workbench.try_function(never)
    with pytest.raises(FunctionTimeout):
        project.workbench.save(never, person())
    assert "never" not in file_of(project.root)
    assert project.workbench.try_function(PRIZE).votes > 0


def test_without_items_or_votes_it_says_what_is_missing(tmp_path: Path) -> None:
    with Project.init(tmp_path / "new", name="new", labels=["spam", "ham"]) as project:
        with pytest.raises(StepMissing, match="there are no items yet"):
            project.workbench.try_function(PRIZE)
        project.import_items(write_rows(tmp_path / "rows.csv", sample_rows(1)))
        trial = project.workbench.try_function(PRIZE)
    assert trial.votes and trial.new == trial.votes and not trial.overlaps and not trial.decided_by
    assert any("`labelkit vote` has not run" in note for note in trial.notes)


def test_the_mirror_may_be_deleted_at_any_time(project: Project) -> None:
    before = project.workbench.try_function(PRIZE)
    shutil.rmtree(project.root / "texts.labelkit.cache" / "items")
    assert project.workbench.try_function(PRIZE).votes == before.votes


def test_a_part_is_looked_at_where_all_would_take_too_long(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelkit.steps import workbench_trial

    monkeypatch.setattr(workbench_trial, "_BUDGET", 0.0)
    monkeypatch.setattr(workbench_trial, "_LOOKED_AT_ONCE", 16)
    trial = project.workbench.try_function(PRIZE)
    assert trial.items == 16 and trial.votes <= 16
    assert any("counted on a random part, 16 of 78 items" in note for note in trial.notes)
    monkeypatch.setattr(workbench_trial, "_BUDGET", 60.0)
    assert project.workbench.try_function(PRIZE).votes == 22


# ---------------------------------------------------------------------- saving


def test_a_saved_function_is_voted_like_the_others(project: Project, run: Any) -> None:
    bench = project.workbench
    trial = bench.try_function(PRIZE)
    saved = bench.save({**PRIZE, "note": "they all want a prize"}, person(name="Dora D."))
    assert (saved.author, saved.note) == ("Dora D.", "they all want a prize") and saved.at.endswith("Z")
    assert [(f.entry.name, f.state) for f in bench.functions()] == [("prizes", "due")] and bench.due()
    assert run("vote", "--project", project.root).code == 0
    assert [f.state for f in bench.functions()] == ["voted"] and not bench.due()
    votes = project.votes()
    assert int((votes["prizes"] == "spam").sum()) == trial.votes
    told = run("lfs", "--project", project.root, "--json").out
    assert "prizes" in told and "labeling_functions/workbench.toml:3" in told
    assert "prizes" in run("lfs", "--explain", "--project", project.root).out
    (event,) = events(project, "functions.saved")
    assert event[0] == "Dora D." and '"name":"prizes"' in event[1] and '"digest":"' in event[1]
    assert project.doctor() == []


def test_watching_votes_again_after_a_save(home: Path) -> None:
    with Project.open(home) as watcher, Project.open(home) as other:
        rounds = watcher.watch()
        assert not next(rounds).error
        other.workbench.save(PRIZE, person())
        second = next(rounds)
        assert second.error is None and [(edit.name, edit.change) for edit in second.edits] == [("prizes", "added")]
        rounds.close()


def test_changing_and_removing(project: Project, run: Any) -> None:
    bench = project.workbench
    bench.save(PRIZE, person())
    run("vote", "--project", project.root)
    (before,) = bench.functions()
    bench.save(
        {**PRIZE, "name": "gifts", "keywords": ["gift"]}, person(name="Emil"), replaces="prizes", seen=before.seen
    )
    (after,) = bench.functions()
    assert (after.entry.name, after.entry.keywords, after.entry.author, after.state) == (
        "gifts", ("gift",), "Emil", "due"
    )  # fmt: skip
    with pytest.raises(LabelingFunctionError, match="was changed by Emil meanwhile"):
        bench.remove("gifts", person(), seen=before.seen)
    bench.remove("gifts", person("lead", "Lea"), seen=after.seen)
    assert bench.functions() == [] and bench.due()
    run("vote", "--project", project.root)
    assert not bench.due() and "prizes" not in project.votes().columns
    assert [actor for actor, _ in events(project, "functions.%")] == ["Dora", "Emil", "Lea"]


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_only_who_may_build_changes_anything(project: Project, role: PersonRole) -> None:
    with pytest.raises(NotAllowed):
        project.workbench.save(PRIZE, person(role))
    project.workbench.save(PRIZE, person())
    with pytest.raises(NotAllowed):
        project.workbench.remove("prizes", person(role))
    assert len(project.workbench.functions()) == 1
    assert len(events(project, "functions.%")) == 1


@pytest.mark.parametrize("name", ["meeting", "short"])
def test_the_name_of_another_function_is_refused_with_its_place(project: Project, name: str) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        project.workbench.save({**PRIZE, "name": name}, person())
    assert f"there is a function named {name!r} already, in labeling_functions/functions.py:" in str(caught.value)
    project.workbench.save(PRIZE, person())
    with pytest.raises(LabelingFunctionError, match="there is a function named 'prizes' in labeling_functions"):
        project.workbench.save(PRIZE, person())


INJECTIONS = [
    HOSTILE,
    '"\n[[function]]\nname = "evil"\nkind = "regex"\nlabel = 0\npattern = "x',
    "__import__('pathlib').Path('owned').touch()",
    "'; drop table items; --",
    "../../etc/passwd",
    "{{7*7}}${7*7}`touch owned`$(touch owned)",
    "\x00\x1b[31m",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("key", ["name", "label", "field", "keywords", "pattern", "note", "kind", "author", "at"])
def test_nothing_that_is_sent_is_executed_or_breaks_out(project: Project, run: Any, key: str, text: str) -> None:
    given: dict[str, Any] = dict(PRIZE)
    if key == "pattern":
        given = {"name": "prizes", "kind": "regex", "label": "spam"}
    given[key] = [text] if key == "keywords" else text
    before = file_of(project.root)
    try:
        saved = project.workbench.save(given, person())
    except LabelkitError:
        assert file_of(project.root) == before
        assert key in ("name", "label", "field", "pattern", "kind", "author", "at")
    else:
        (found,) = project.workbench.functions()
        assert found.entry == saved and saved.author == "Dora"
        assert saved.kind in ("keywords", "regex") and saved.label == "spam"
        assert run("vote", "--project", project.root).code == 0
    assert not list(project.root.rglob("owned*")) and project.doctor() == []
    assert project._store.items.count() == 78


def test_a_doubtful_pattern_is_told_and_warns_nobody_else(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    import warnings

    doubtful = {"name": "doubtful", "kind": "regex", "label": "spam", "pattern": "[[a]free"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):  # Python itself says it once in a process
            notes = project.workbench.try_function(doubtful).notes
            assert sum("possible nested set at position 1" in note for note in notes) == 1
        project.workbench.save(doubtful, person())
        project.vote()
    assert "nested set" not in capfd.readouterr().err
    assert not any("nested set" in note for note in project.workbench.try_function(PRIZE).notes)


def test_two_people_who_save_at_the_same_time_both_find_their_functions(home: Path) -> None:
    start, wrong = threading.Barrier(4), []

    def save(who: int) -> None:
        try:
            with Project.open(home) as project:
                start.wait()
                for number in range(5):
                    word = f"w{who}x{number}"
                    project.workbench.save({**PRIZE, "name": word, "keywords": [word]}, person(name=f"P{who}"))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=save, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with Project.open(home) as project:
        names = {f.entry.name: f.entry.author for f in project.workbench.functions()}
        assert names == {f"w{who}x{n}": f"P{who}" for who in range(4) for n in range(5)}
        assert len(events(project, "functions.saved")) == 20 and project.doctor() == []
    assert not list((home / "labeling_functions").glob(".*"))


def test_comments_and_hand_written_functions_stay(project: Project) -> None:
    mine = '# by hand\n\n[[function]]\nname = "own" # mine\nkind = "regex"\nlabel = "ham"\npattern = "lunch"\n'
    (project.root / WORKBENCH_FILE).write_text(mine, encoding="utf-8")
    project.workbench.save(PRIZE, person())
    project.workbench.remove("prizes", person())
    assert file_of(project.root).rstrip() == mine.rstrip()


def test_a_broken_file_is_told_and_left_alone(project: Project) -> None:
    path = project.root / WORKBENCH_FILE
    path.write_text("[[function]\n", encoding="utf-8")
    for attempt in (lambda: project.workbench.save(PRIZE, person()), project.workbench.functions):
        with pytest.raises(LabelingFunctionError, match="is not valid TOML"):
            attempt()
    assert path.read_text(encoding="utf-8") == "[[function]\n" and not events(project, "functions.%")


def test_a_link_out_of_the_project_is_not_followed(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    outside.write_text("", encoding="utf-8")
    (project.root / WORKBENCH_FILE).symlink_to(outside)
    with pytest.raises(StorageError, match="leads out of the project"):
        project.workbench.save(PRIZE, person())
    assert outside.read_text(encoding="utf-8") == ""


def test_a_label_that_went_away_shows_as_a_problem(project: Project) -> None:
    project.workbench.save(PRIZE, person())
    text = file_of(project.root).replace('label = "spam"', 'label = "eggs"')
    (project.root / WORKBENCH_FILE).write_text(text, encoding="utf-8")
    (found,) = project.workbench.functions()
    assert found.state == "problem" and "unknown label 'eggs'" in found.why


# ---------------------------------------------------------------------- what people corrected, what to write next


def test_corrected_items_of_a_function(project: Project) -> None:
    draw(project, ["ham-4-2"])
    for item, label in (("odd-0", "spam"), ("odd-1", "ham"), ("ham-2-2", "spam")):
        project.answer(item, label, annotator="Ann")
    for item in ("ham-1-2", "ham-4-2"):  # a test item, and one of the audit
        project.answer(item, "spam", annotator="Ann")
    counts = dict(project.workbench.corrected_functions())
    assert counts["meeting"] == 2 and counts["money"] == 0
    told = project.workbench.corrected("meeting")
    assert (told.answered, told.corrected) == (3, 2)
    assert {(one.id, one.vote, one.answer) for one in told.items} == {
        ("odd-0", "ham", "spam"), ("ham-2-2", "ham", "spam")
    }  # fmt: skip
    with pytest.raises(LabelkitError, match="there is no labeling function 'nope'"):
        project.workbench.corrected("nope")


def news(tmp_path: Path) -> Path:
    """A project whose functions miss a word that says everything, in items of train, test and audit alike."""
    rng = np.random.default_rng(0)
    rows = [["id", "text", "gold", "split", "channel"]]
    for number in range(400):
        gold = "spam" if number % 2 else "ham"
        split = "test" if number % 4 == 3 else "train"
        word = "cash" if gold == "spam" and number % 8 == 1 else "lunch" if number % 8 == 0 else ""
        planted = "jackpot tonight" if gold == "spam" and number % 3 == 0 else ""
        secret = "testword" if split == "test" and gold == "spam" else ""
        filler = " ".join(rng.choice(["we", "go", "now", "day", "see", "blue", "road", "tree"], 4))
        rows.append([f"n{number}", f"{filler} {word} {planted} {secret}".strip(), gold, split, "x"])
    return ran_project(tmp_path / "news", rows)


def test_suggestions_find_what_functions_miss_and_never_use_test_or_audit(tmp_path: Path) -> None:
    with Project.open(news(tmp_path)) as project:
        items = project.items()
        draw(project, items[items["split"] == "train"]["id"].tolist()[:20])
        few = project.workbench.suggestions()
        assert "people have labeled nothing yet" in few.evidence
        for row in items[items["split"] == "train"].iloc[:150].itertuples():
            project.answer(row.id, row.gold, annotator="Ann")
    with Project.open(tmp_path / "news") as project:
        assert not project.workbench.suggestions_ready()
        found = project.workbench.suggestions()
        assert project.workbench.suggestions_ready()
        assert found.evidence == "Mined from 130 items that people labeled"
        terms = [one.term for one in found.functions]
        assert {"jackpot", "tonight", "jackpot tonight"} & set(terms[:1])
        assert len({"jackpot", "tonight", "jackpot tonight"} & set(terms)) == 1  # one of them says it all
        assert not {"cash", "lunch", "testword"} & set(terms)
        best = found.functions[0]
        trial = project.workbench.try_function(best.function())
        assert best.label == "spam" and best.right == best.known and best.new <= trial.new
        assert project.workbench.save(best.function(), person()).keywords == (best.term,)

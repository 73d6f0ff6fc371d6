"""The report of real projects: told where a step ran, said what to run where it did not; nothing held out is shown."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from labelkit import Project
from tests.conftest import FUNCTIONS, sample_rows, write_rows
from tests.report_page import Page, problems

NASTY = (
    "<script>alert('x')</script> cash",
    '"><img src=x onerror=alert(1)> lunch',
    "מזומן עכשיו cash cash",
    "\u202ehsac\u202c cash prize",
)


def report(home: Path, *, twice: bool = True) -> Page:
    """The report as it is read, checked for what every report must keep."""
    with Project.open(home) as project:
        first, again = io.BytesIO(), io.BytesIO()
        result = project.report(first)
        if twice:
            project.report(again)
            assert first.getvalue() == again.getvalue()
    assert result.bytes == len(first.getvalue()) < 3_000_000
    page = Page(first.getvalue().decode())
    assert problems(page) == []
    assert "nan" not in page.text.split()
    assert not page.all("script") and not page.all("img")
    return page


def section(page: Page, key: str) -> str:
    return next(element.text for element in page.all("section") if element.attributes.get("id") == key)


def project_of(tmp_path: Path, rows: list[list[str]], functions: str, labels: Iterable[str] = ("spam", "ham")) -> Path:
    home = tmp_path / "own"
    with Project.init(home, name="own", labels=list(labels)) as project:
        project.import_items(write_rows(tmp_path / "own.csv", rows))
    (home / "labeling_functions" / "functions.py").write_text(functions, encoding="utf-8")
    return home


def test_an_empty_project_says_what_to_do(tmp_path: Path) -> None:
    with Project.init(tmp_path / "bare", name="bare", labels=["a", "b"]):
        pass
    page = report(tmp_path / "bare")
    assert "There are no items yet." in section(page, "summary")
    assert "labelkit import FILE" in section(page, "summary")
    for key in ("label-model", "functions", "confusion", "conflicts", "uncovered", "dependencies", "slices"):
        assert "has not run yet" in section(page, key), key
        assert "Run labelkit" in section(page, key), key


def test_each_section_tells_what_its_step_left(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
    page = report(folder)
    assert "needs labelkit label, which has not run yet" in section(page, "label-model")
    assert "labels are decided by majority vote here" in section(page, "notes")
    assert "majority vote" in section(page, "slices")
    with Project.open(folder) as project:
        project.label()
    page = report(folder)
    assert "has not run" not in section(page, "label-model")
    assert "needs labelkit train" in section(page, "calibration")
    with Project.open(folder) as project:
        project.run()
    page = report(folder)
    body = page.text
    assert "has not run" not in body
    for told in ("60 items", "gold test items", "n = ", "Against majority vote", "expected calibration error", "money"):
        assert told in body, told
    assert [element.attributes["id"] for element in page.all("section")] == [
        "summary", "label-model", "calibration", "functions", "confusion", "conflicts", "uncovered", "dependencies",
        "slices", "runs", "notes",
    ]  # fmt: skip
    assert "up to date" in section(page, "runs")
    assert "scikit-learn" in section(page, "runs")


def test_what_came_since_is_told(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.import_items(write_rows(tmp_path / "more.csv", [["id", "text"], ["new", "cash"]]))
    page = report(folder)
    assert "Out of date" in section(page, "summary")
    assert "items came or changed" in section(page, "summary")
    assert "labelkit vote" in section(page, "functions")


def test_people_and_what_they_taught_are_told(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        frame = project.items().query("split == 'train'")
        for number, (item, gold) in enumerate(zip(frame["id"], frame["gold"], strict=True)):
            project.answer(item, gold, annotator="Ann")
            project.answer(item, gold if number % 4 else "ham", annotator="Bo <b>")
        project.label()
    page = report(folder)
    assert "Bo <b>" in section(page, "label-model")
    assert "People who answered" in section(page, "label-model")
    assert "people disagree on" in section(page, "summary")
    assert "own estimate" in section(page, "label-model"), "what a person picked is no random sample"


def test_calibration_and_candidates_are_told_in_words(tmp_path: Path) -> None:
    home = project_of(tmp_path, sample_rows(20), FUNCTIONS)
    settings = (home / "labelkit.toml").read_text(encoding="utf-8")
    (home / "labelkit.toml").write_text(settings.replace("tuning_share = 0.1", "tuning_share = 0.5"), encoding="utf-8")
    with Project.open(home) as project:
        project.run()
        told = section(report(home, twice=False), "label-model")
        assert "as the label model gives them: too few tuning answers to calibrate on" in told
        queue, truth = project.queue(), project.items().set_index("id")["gold"]
        for item in queue[queue["role"] == "tuning"]["id"]:
            project.answer(item, truth[item], annotator="Ann")
        found = project.label().calibration
    assert found is not None
    told = section(report(home, twice=False), "label-model")
    assert f"calibrated: {found['why']}" in told and f"by {found['n']} known labels" in told
    for raw in ("mixing", "calibration:", "used yes", "gold accuracy", "cardinality"):
        assert raw not in told, raw


def test_neither_test_nor_audit_items_are_shown(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        frame = project.items()
        audit = set(project.queue().query("role == 'audit'")["id"])
        held_out = frame[(frame["split"] == "test") | frame["id"].isin(audit)]
        shown = frame.drop(held_out.index)
    assert audit and len(held_out) > len(audit)
    page = report(folder)
    ids = {code.text for code in page.all("code")}
    assert ids & set(shown["id"])
    assert not ids & set(held_out["id"])
    for text in set(held_out["text"]) - set(shown["text"]):
        assert text not in page.text
    for item in held_out["id"]:
        assert f"{item}," not in page.text and f"{item} " not in page.text


def test_hostile_texts_names_and_fields(tmp_path: Path) -> None:
    labels = ("<b>spam</b>", 'ham & "eggs" `x`')
    rows = [["id", "text", "gold", "split", "<i>channel</i>"]]
    for number in range(80):
        split = "test" if number % 4 == 0 else "train"
        rows.append([f"<u>{number}</u>", f"{NASTY[number % 4]} {number}", labels[number % 2], split,
                     ("<s>mail</s>", "sms\u202e")[number % 3 == 0]])  # fmt: skip
    rows.append(["long", "cash " * 20_000, labels[0], "train", ""])
    home = project_of(
        tmp_path, rows,
        "from labelkit import keywords\n"
        f"keywords('<script>money</script>', ['cash'], label={labels[0]!r})\n"
        f"keywords('lunch\"onload=\"', ['lunch', 'prize'], label={labels[1]!r})\n",
        labels,
    )  # fmt: skip
    with Project.open(home) as project:
        project.run()
    page = report(home)
    assert "<script>money</script>" in page.text
    assert "<b>spam</b>" in page.text
    assert "\u202e" not in page.text


def test_one_item_one_function(tmp_path: Path) -> None:
    home = project_of(
        tmp_path, [["id", "text"], ["a", "cash"]],
        "from labelkit import keywords\nkeywords('money', ['cash'], label='spam')\n",
    )  # fmt: skip
    with Project.open(home) as project:
        project.run()
    page = report(home)
    assert "No test item has a gold label" in section(page, "label-model")
    assert "calibration cannot be measured" in section(page, "calibration")
    assert "labelkit rank draws audit items" in section(page, "notes")


def test_no_function_at_all(tmp_path: Path) -> None:
    home = project_of(tmp_path, [["id", "text"], ["a", "cash"]], "")
    assert "No labeling function has voted yet" in section(report(home), "summary")


def test_many_functions_and_classes_stay_readable(tmp_path: Path) -> None:
    labels = [f"class {number:04}" for number in range(1_000)]
    rows = [["id", "text", "gold", "split"]]
    for number in range(1_500):
        rows.append([str(number), f"word{number % 700} filler{number % 7}", labels[number % 1_000],
                     "test" if number % 3 == 0 else "train"])  # fmt: skip
    functions = "from labelkit import keywords\n" + "".join(
        f"keywords('function {n:03}', ['word{n}'], label='class {n * 7 % 1000:04}')\n" for n in range(600)
    )
    home = project_of(tmp_path, rows, functions, labels)
    settings = home / "labelkit.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace('name = "auto"', 'name = "majority"'), encoding="utf-8"
    )
    with Project.open(home) as project:
        project.vote()
        project.label()
    page = report(home, twice=False)
    assert "and 500 more: labelkit lfs shows them all" in section(page, "functions")
    assert "and 970 more: labelkit label --json has them all" in section(page, "label-model")
    assert len(page.all("tr")) < 400

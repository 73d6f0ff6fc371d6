"""Every mistake of a user's: one line that says what, where and what to do; exit status 2; nothing half-written."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labelkit import Project
from tests.conftest import FUNCTIONS, Ran, sample_rows, write_rows

Run = Callable[..., Ran]


def refused(done: Ran, *parts: str) -> None:
    """One line on standard error with all the parts, and exit status 2."""
    assert done.code == 2, (done.code, done.out, done.err)
    assert re.fullmatch(r"labelkit: error: [^\n]+\n", done.err), done.err
    for part in parts:
        assert part in done.err, f"{part!r} not in {done.err!r}"


def state(folder: Path) -> dict[str, int]:
    """Row counts of the tables that hold results."""
    with sqlite3.connect(folder / "texts.labelkit.db") as connection:
        tables = ("items", "item_versions", "gold_labels", "votes", "annotations", "label_probabilities")
        return {t: connection.execute(f"select count(*) from {t}").fetchone()[0] for t in tables}


def functions(folder: Path, text: str) -> None:
    (folder / "labeling_functions" / "functions.py").write_text(text, encoding="utf-8")


class TestFiles:
    def test_malformed_row(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = tmp_path / "bad.csv"
        file.write_text('id,text\na,one\nb,"two\nlines"\nc,three,four\n', encoding="utf-8")
        before = state(folder)
        refused(run("import", file, "-p", folder), "bad.csv", "line 5", "--skip-bad")
        assert state(folder) == before
        done = run("import", file, "-p", folder, "--skip-bad")
        assert done.code == 0
        assert "2 new" in done.out
        assert "line 5" in done.out

    def test_duplicate_id(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "twice.csv", [["id", "text"], ["a", "one"], ["b", "two"], ["a", "three"]])
        before = state(folder)
        refused(run("import", file, "-p", folder), "twice.csv", "line 4", "'a'", "line 2")
        assert state(folder) == before

    def test_empty_file(self, run: Run, folder: Path, tmp_path: Path) -> None:
        for name, content in (("empty.csv", ""), ("head.csv", "id,text\n"), ("empty.jsonl", ""), ("empty.parquet", "")):
            (tmp_path / name).write_text(content, encoding="utf-8")
            refused(run("import", tmp_path / name, "-p", folder), name)

    def test_other_encoding(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = tmp_path / "latin.csv"
        file.write_bytes("id,text\na,plain\nb,café\n".encode("latin-1"))
        refused(run("import", file, "-p", folder), "latin.csv", "line 3", "--encoding")
        assert run("import", file, "-p", folder, "--encoding", "latin-1").code == 0

    def test_missing_column(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "other.csv", [["key", "body"], ["a", "one"]])
        refused(run("import", file, "-p", folder), "other.csv", "'id'", "'key', 'body'", "--id")
        refused(run("import", file, "-p", folder, "--id", "key"), "'text'", "--text")
        refused(run("import", file, "-p", folder, "--id", "key", "--text", "bodi"), "'bodi'", "'body'")
        assert run("import", file, "-p", folder, "--id", "key", "--text", "body").code == 0

    def test_missing_file_and_folder(self, run: Run, folder: Path, tmp_path: Path) -> None:
        refused(run("import", tmp_path / "nowhere.csv", "-p", folder), "nowhere.csv")
        refused(run("import", tmp_path, "-p", folder), str(tmp_path.name))

    def test_unknown_label(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "gold.csv", [["id", "text", "gold"], ["a", "one", "spam"], ["b", "two", "spma"]])
        before = state(folder)
        refused(run("import", file, "-p", folder), "gold.csv", "line 3", "'spma'", "spam", "ham")
        assert state(folder) == before

    def test_annotations_of_unknown_items_and_labels(self, run: Run, folder: Path, tmp_path: Path) -> None:
        head = ["item", "annotator", "label"]
        file = write_rows(tmp_path / "a.csv", [head, ["spam-0-1", "ann", "spam"], ["nobody", "ann", "spam"]])
        refused(run("import", file, "-p", folder, "--annotations"), "a.csv", "line 3", "'nobody'")
        file = write_rows(tmp_path / "b.csv", [head, ["spam-0-1", "ann", "eggs"]])
        refused(run("import", file, "-p", folder, "--annotations"), "b.csv", "line 2", "'eggs'", "spam")
        assert state(folder)["annotations"] == 0


class TestFunctions:
    def test_one_that_raises(self, run: Run, folder: Path) -> None:
        functions(folder, FUNCTIONS + "\n@labeling_function()\ndef broken(row):\n    return 1 / (len(row.text) - 14)\n")
        refused(run("vote", "-p", folder), "broken", "functions.py", "ZeroDivisionError", "spam-0-0")
        assert state(folder)["votes"] == 0

    def test_one_that_raises_where_faults_are_tolerated(self, run: Run, folder: Path) -> None:
        functions(
            folder, FUNCTIONS + "\n@labeling_function()\ndef broken(row):\n    return 1 // (len(row.text) - 14)\n"
        )
        toml = folder / "labelkit.toml"
        toml.write_text(toml.read_text().replace("fault_tolerant = false", "fault_tolerant = true"))
        done = run("vote", "-p", folder)
        assert done.code == 0
        assert "broken raised on" in done.out
        assert "ZeroDivisionError" in done.out
        assert "faults" in run("lfs", "-p", folder).out

    @pytest.mark.parametrize("returned", ["7", "'eggs'", "True", "0.5"])
    def test_one_that_returns_no_vote(self, run: Run, folder: Path, returned: str) -> None:
        functions(folder, FUNCTIONS + f"\n@labeling_function()\ndef odd(row):\n    return {returned}\n")
        refused(run("vote", "-p", folder), "odd", returned, "spam-0-0", "spam")

    def test_one_without_a_name(self, run: Run, folder: Path) -> None:
        functions(folder, FUNCTIONS + '\nkeywords("", ["a"], label="spam")\n')
        refused(run("vote", "-p", folder), "functions.py", "name")

    def test_two_that_share_a_name(self, run: Run, folder: Path) -> None:
        functions(folder, FUNCTIONS + '\nkeywords("free", ["a"], label="spam")\n')
        refused(run("vote", "-p", folder), "'free'", "functions.py:5", "functions.py:15")

    def test_a_file_that_cannot_be_imported(self, run: Run, folder: Path) -> None:
        for text, part in (
            ("import nothing_like_it\n", "nothing_like_it"),
            ("def f(:\n", "functions.py:1: SyntaxError"),
            ("\n\nraise RuntimeError('no')\n", "RuntimeError"),
        ):
            functions(folder, text)
            refused(run("vote", "-p", folder), "functions.py", part)

    def test_a_label_that_does_not_exist(self, run: Run, folder: Path) -> None:
        functions(folder, FUNCTIONS + '\nkeywords("eggy", ["a"], label="eggs")\n')
        refused(run("vote", "-p", folder), "eggy", "'eggs'", "spam")

    def test_none_at_all(self, run: Run, folder: Path) -> None:
        functions(folder, "")
        refused(run("vote", "-p", folder), "labeling_functions")

    def test_fewer_than_three(self, run: Run, folder: Path) -> None:
        functions(folder, 'from labelkit import keywords\nkeywords("a", ["a"], label="spam")\n')
        toml = folder / "labelkit.toml"
        toml.write_text(toml.read_text().replace('name = "auto"', 'name = "snorkel"'))
        refused(run("run", "-p", folder), "at least three", "majority")
        toml.write_text(toml.read_text().replace('name = "snorkel"', 'name = "auto"'))
        assert run("label", "-p", folder).code == 0

    def test_all_abstain(self, run: Run, folder: Path) -> None:
        lines = [f'keywords("never{i}", ["xyzzy{i}"], label="spam")' for i in range(4)]
        functions(folder, "from labelkit import keywords\n" + "\n".join(lines) + "\n")
        refused(run("run", "-p", folder), "abstain")
        assert state(folder)["label_probabilities"] == 0


class TestSettings:
    @pytest.mark.parametrize(
        ("old", "new", "parts"),
        [
            ('name = "logistic"', 'name = "logistics"', ["end_model.name", "'logistics'", "logistic"]),
            ('name = "auto"', 'name = "snrkl"', ["label_model.name", "'snrkl'", "majority"]),
            ("auto = 1.0", "margn = 1.0", ["query.mix", "'margn'", "margin"]),
            ("size = 100", "size = 0", ["query.size", "0", "1"]),
            ("size = 100", "sise = 100", ["query.sise", "size"]),
            ("[data]", "[data", ["TOML"]),
            ('labels = ["spam", "ham"]', 'labels = ["spam"]', ["project.labels", "2"]),
            ('labels = ["spam", "ham"]', 'labels = ["spam", "eggs"]', ["'ham'", "labelkit schema rename ham eggs"]),
        ],
    )
    def test_wrong_value(self, run: Run, folder: Path, old: str, new: str, parts: list[str]) -> None:
        toml = folder / "labelkit.toml"
        text = toml.read_text(encoding="utf-8")
        assert old in text
        toml.write_text(text.replace(old, new, 1), encoding="utf-8")
        refused(run("status", "-p", folder), "labelkit.toml", *parts)

    def test_a_query_strategy_option_of_the_label_model(self, run: Run, folder: Path) -> None:
        toml = folder / "labelkit.toml"
        with toml.open("a", encoding="utf-8") as file:
            file.write("\n[label_model.options]\nepochs = 5\n")
        assert run("vote", "-p", folder).code == 0
        refused(run("label", "-p", folder), "'epochs'", "class_balance, seed")


class TestSteps:
    def test_steps_out_of_order(self, run: Run, folder: Path) -> None:
        refused(run("label", "-p", folder), "labelkit vote")
        refused(run("lfs", "-p", folder), "labelkit vote")
        refused(run("train", "-p", folder), "labelkit label")
        refused(run("rank", "-p", folder), "labelkit train")
        refused(run("simulate", "-p", folder), "labelkit train")

    def test_items_that_came_later(self, run: Run, folder: Path, tmp_path: Path) -> None:
        assert run("run", "-p", folder).code == 0
        assert run("import", write_rows(tmp_path / "m.csv", [["id", "text"], ["m", "more"]]), "-p", folder).code == 0
        refused(run("label", "-p", folder), "labelkit vote")
        refused(run("train", "-p", folder), "labelkit label")
        refused(run("export", tmp_path / "x.csv", "-p", folder), "labelkit label")
        assert "out of date" in run("status", "-p", folder).out

    def test_unknown_item(self, run: Run, folder: Path) -> None:
        refused(run("explain", "nobody", "-p", folder), "'nobody'")

    def test_no_items(self, run: Run, tmp_path: Path) -> None:
        assert run("init", tmp_path / "new", "--labels", "a,b").code == 0
        refused(run("vote", "-p", tmp_path / "new"), "labelkit import")
        assert "labelkit import" in run("status", "-p", tmp_path / "new").out

    def test_init_twice(self, run: Run, folder: Path) -> None:
        refused(run("init", folder, "--labels", "a,b"), "already")
        refused(run("init", folder.parent / "x"), "--labels")
        refused(run("init", folder.parent / "y", "--labels", "a,a"), "'a'")
        refused(run("init", folder.parent / "z", "--labels", "a"), "labels")

    def test_demo_where_something_else_is(self, run: Run, folder: Path, tmp_path: Path) -> None:
        refused(run("demo", folder), "another project")
        refused(run("demo", folder / "labeling_functions"), "not empty")

    def test_export_to_nowhere(self, run: Run, folder: Path, tmp_path: Path) -> None:
        refused(run("export", tmp_path / "x.csv", "-p", folder), "labelkit run")
        assert run("run", "-p", folder).code == 0
        refused(run("export", tmp_path / "no" / "x.csv", "-p", folder), "no folder")
        refused(run("export", tmp_path / "x.xyz", "-p", folder), "x.xyz", "csv")
        refused(run("export", tmp_path, "--format", "csv", "-p", folder), "is a folder")

    def test_simulating_without_gold(self, run: Run, tmp_path: Path) -> None:
        home = tmp_path / "bare"
        with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
            rows = [[row[0], row[1]] for row in sample_rows()]
            project.import_items(write_rows(tmp_path / "bare.csv", rows))
        functions(home, FUNCTIONS)
        assert run("run", "-p", home).code == 0
        refused(run("simulate", "--answers", 5, "-p", home), "gold")


class TestProjectFile:
    def test_made_by_a_newer_version(self, run: Run, folder: Path) -> None:
        file = folder / "texts.labelkit.db"
        with sqlite3.connect(file) as connection:
            connection.execute("pragma user_version = 999")
        before = file.read_bytes()
        refused(run("status", "-p", folder), "999", "Upgrade labelkit")
        assert file.read_bytes() == before

    def test_no_database(self, run: Run, folder: Path) -> None:
        (folder / "texts.labelkit.db").write_text("not a database, but longer than a header of a hundred bytes" * 9)
        refused(run("status", "-p", folder), "texts.labelkit.db")

    def test_another_process_holds_the_lock(self, run: Run, folder: Path) -> None:
        code = (
            "import sys, time; from pathlib import Path; from labelkit.store import project_lock\n"
            "with project_lock(Path(sys.argv[1]), 'labelkit train'):\n"
            "    print('held', flush=True); time.sleep(60)"
        )
        lock = folder / "texts.labelkit.lock"
        other = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, text=True)
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            refused(run("vote", "-p", folder), "labelkit train", str(other.pid), "--wait")
            assert run("status", "-p", folder).code == 0
        finally:
            other.kill()
            other.wait()
        assert run("vote", "-p", folder).code == 0

    @pytest.mark.skipif(sys.platform != "linux", reason="drops Linux capabilities")
    def test_read_only_folder(self, folder: Path) -> None:
        with Project.open(folder) as project:
            project.run()
        folder.chmod(0o555)
        (folder / "texts.labelkit.db").chmod(0o444)
        try:
            vote = without_rights("vote", "-p", str(folder))
            refused(vote, "read-only")
            status = without_rights("status", "-p", str(folder))
            assert status.code == 0, status.err
            assert "60 items" in status.out
            export = without_rights("export", "-", "--format", "csv", "-p", str(folder))
            assert export.code == 0, export.err
            assert export.out.count("\n") == 61
            refused(without_rights("init", str(folder / "inner"), "--labels", "a,b"), "inner")
        finally:
            folder.chmod(0o755)


def without_rights(*arguments: str) -> Ran:
    """Run labelkit so that file modes count for it, also where the tests run as root."""

    def drop() -> None:
        if os.geteuid() == 0:
            for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
                ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; takes effect at exec

    command = [sys.executable, "-m", "labelkit.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=drop, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


class TestInterruption:
    def interrupt(self, folder: Path, ready: Callable[[], bool], *arguments: str) -> Ran:
        """Start a command, press Ctrl-C when it is in the middle of its work."""
        command = [sys.executable, "-m", "labelkit.cli.main", *arguments, "-p", str(folder)]
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < deadline, "the command never got to its work"
            assert started.poll() is None, started.communicate()
            time.sleep(0.01)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
        return Ran(started.returncode, out, err)

    def test_import_leaves_whole_batches_and_goes_on(self, run: Run, folder: Path, tmp_path: Path) -> None:
        rows = 400_000
        file = tmp_path / "many.csv"
        with file.open("w", encoding="utf-8") as out:
            out.write("id,text\n")
            out.writelines(f"n{i},message number {i}\n" for i in range(rows))

        def some_are_in() -> bool:
            return state(folder)["items"] > 60

        refused(self.interrupt(folder, some_are_in, "import", str(file)), "Ctrl-C", "again")
        stored = state(folder)["items"] - 60
        assert 0 < stored < rows
        assert stored % 20_000 == 0
        assert "sound" in run("doctor", "-p", folder).out
        done = run("import", file, "-p", folder)
        assert f"{rows - stored:,} new, {stored:,} unchanged" in done.out

    def test_vote_stores_nothing_half(self, run: Run, folder: Path) -> None:
        flag = folder / "started"
        slow = f"""
@labeling_function()
def slow(row):
    import pathlib, time
    pathlib.Path({str(flag)!r}).touch()
    time.sleep(0.2)
    return None
"""
        functions(folder, FUNCTIONS + slow)
        refused(self.interrupt(folder, flag.exists, "vote"), "Ctrl-C")
        assert state(folder)["votes"] == 0
        functions(folder, FUNCTIONS)
        assert run("run", "-p", folder).code == 0
        assert "sound" in run("doctor", "-p", folder).out


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_full_disk(run: Run, folder: Path, tmp_path: Path) -> None:
    """A limit on file size makes SQLite's writes fail as a full disk does."""
    file = tmp_path / "big.csv"
    with file.open("w", encoding="utf-8") as out:
        out.write("id,text\n")
        out.writelines(f"n{i},{'words and more words ' * 4}{i}\n" for i in range(100_000))
    code = (
        "import resource, signal, sys; from labelkit.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))\n"
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "import", str(file), "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    refused(Ran(done.returncode, done.stdout, done.stderr), "texts.labelkit.db", "disk")
    assert "sound" in run("doctor", "-p", folder).out
    stored = state(folder)["items"] - 60
    assert stored % 20_000 == 0
    assert f"{100_000 - stored:,} new" in run("import", file, "-p", folder).out


class TestImportOptions:
    @pytest.mark.parametrize(
        "option",
        [["--skip-bad"], ["--id", "x"], ["--text", "x"], ["--gold", "x"], ["--split", "x"], ["--make-ids"],
         ["--no-text"], ["--format", "csv"], ["--encoding", "utf-8"], ["--delimiter", ";"]],
    )  # fmt: skip
    def test_of_items_are_refused_for_answers(self, run: Run, folder: Path, tmp_path: Path, option: list[str]) -> None:
        file = write_rows(tmp_path / "a.csv", [["item", "annotator", "label"], ["spam-0-1", "ann", "spam"]])
        refused(run("import", file, "-p", folder, "--annotations", *option), option[0], "--annotations")
        assert state(folder)["annotations"] == 0

    def test_made_ids_and_an_id_column(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "a.csv", [["key", "text"], ["a", "one"]])
        refused(run("import", file, "-p", folder, "--make-ids", "--id", "key"), "--id", "--make-ids")

    def test_made_ids_never_overwrite_another_file(self, run: Run, folder: Path, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "more.csv", [["text"], ["one"], ["two"]])
        assert "2 new" in run("import", file, "-p", folder, "--make-ids").out
        assert "2 unchanged" in run("import", file, "-p", folder, "--make-ids").out
        (tmp_path / "other").mkdir()
        other = write_rows(tmp_path / "other" / "more.csv", [["text"], ["one"], ["three"], ["four"]])
        before = state(folder)
        done = run("import", other, "-p", folder, "--make-ids")
        refused(done, "more.csv", "'more-2' exists with another content", "rename the file")
        assert state(folder) == before

    def test_an_id_column_replaces_made_ids_of_the_settings(self, run: Run, folder: Path, tmp_path: Path) -> None:
        toml = folder / "labelkit.toml"
        toml.write_text(toml.read_text().replace("[data]\n", "[data]\nmake_ids = true\n", 1))
        file = write_rows(tmp_path / "more.csv", [["key", "text"], ["k1", "one"]])
        assert run("import", file, "-p", folder, "--id", "key").code == 0
        with Project.open(folder) as project:
            assert "k1" in set(project.items()["id"])


def test_near_labels_are_suggested(run: Run, folder: Path) -> None:
    functions(folder, FUNCTIONS + '\nkeywords("eggy", ["a"], label="Spam")\n')
    refused(run("vote", "-p", folder), "'Spam' (did you mean 'spam'?); the labels are 0 = spam, 1 = ham")


def test_faults_name_the_option_that_allows_them(run: Run, folder: Path) -> None:
    functions(folder, FUNCTIONS + "\n@labeling_function()\ndef broken(row):\n    return 1 / 0\n")
    refused(
        run("vote", "-p", folder),
        "@labeling_function(fault_tolerant=True), or fault_tolerant = true under [labeling_functions] in labelkit.toml",
    )
    text = FUNCTIONS + "\n@labeling_function(fault_tolerant=True)\ndef broken(row):\n    return 1 / 0\n"
    functions(folder, text)
    assert run("vote", "-p", folder).code == 0


def test_complaints_about_arguments_end_with_one_mark(run: Run) -> None:
    for wrong in (["rnu"], ["run", "--jsn"], ["import"], ["rank", "--size", "x"]):
        done = run(*wrong)
        refused(done, "--help`")
        assert not re.search(r"[?.!][.]", done.err), done.err


def test_data_does_not_steer_the_terminal(run: Run, folder: Path, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J red\x9b31m"
    rows = [["id", "text", "note"], ["evil", f"win cash {evil}", evil]]
    assert run("import", write_rows(tmp_path / "evil.csv", rows), "-p", folder).code == 0
    assert run("run", "-p", folder).code == 0
    with Project.open(folder) as project:
        project.answer("evil", "spam", annotator="ann", comment=evil)
    for command in (["explain", "evil"], ["rank", "--size", "61"], ["status"], ["explain", evil]):
        done = run(*command, "-p", folder)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.out + done.err), (done.out, done.err)
    assert "\\x1b[2J red" in run("explain", "evil", "-p", folder).out


def test_of_a_very_long_text_explain_prints_the_beginning(run: Run, folder: Path, tmp_path: Path) -> None:
    text = "win cash " * 200_000
    assert run("import", write_rows(tmp_path / "long.csv", [["id", "text"], ["long", text]]), "-p", folder).code == 0
    shown = run("explain", "long", "-p", folder).out
    assert "… (1,800,000 characters)" in " ".join(shown.split())
    assert len(shown) < 20_000

"""An export is there whole or not at all, whatever happens on the way."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from labelkit.errors import ExportError, LabelkitError, StorageError
from labelkit.export import ExportedFile, export_training_set

SCHEMA = pa.schema([pa.field("id", pa.string()), pa.field("weight", pa.float64())])
FORMATS = ("csv", "jsonl", "parquet")


def batch(start: int = 0, rows: int = 10) -> pa.Table:
    return pa.table(
        {"id": [f"item {i * 7919 % 65521}" for i in range(start, start + rows)], "weight": [0.5] * rows}, SCHEMA
    )


def many(rows: int = 200_000) -> Iterator[pa.Table]:
    for start in range(0, rows, 10_000):
        yield batch(start, 10_000)


def only(folder: Path, *names: str) -> None:
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_reported_is_what_is_there(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / f"out.{format_name}"
    seen: list[ExportedFile] = []

    def manifest(done: ExportedFile) -> bytes:
        seen.append(done)
        return done.sha256.encode()

    done = export_training_set([batch(), batch(10)], path, schema=SCHEMA, manifest=manifest)
    content = path.read_bytes()
    assert done == ExportedFile(
        path,
        format_name,
        20,
        len(content),
        hashlib.sha256(content).hexdigest(),
        (("id", "string"), ("weight", "double")),
    )
    assert seen == [done]
    assert (tmp_path / f"out.{format_name}.manifest.json").read_text() == done.sha256
    only(tmp_path, path.name, f"{path.name}.manifest.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, RuntimeError, StorageError])
def test_a_failure_leaves_the_earlier_export(tmp_path: Path, format_name: str, trouble: type[BaseException]) -> None:
    path = tmp_path / f"out.{format_name}"
    path.write_text("earlier")

    def failing() -> Iterator[pa.Table]:
        yield batch()
        raise trouble("stop")

    with pytest.raises(trouble, match="stop"):
        export_training_set(failing(), path, schema=SCHEMA)
    assert path.read_text() == "earlier"
    only(tmp_path, path.name)


def test_a_failing_manifest_leaves_the_earlier_export(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("earlier")
    (tmp_path / "out.csv.manifest.json").write_text("earlier too")

    def manifest(_: ExportedFile) -> bytes:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        export_training_set([batch()], path, schema=SCHEMA, manifest=manifest)
    assert path.read_text() == "earlier"
    assert (tmp_path / "out.csv.manifest.json").read_text() == "earlier too"
    only(tmp_path, "out.csv", "out.csv.manifest.json")


def test_a_killed_export_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("earlier")
    code = (
        "import os, signal, test_export_writing as t\n"
        "from labelkit.export import export_training_set\n"
        "def batches():\n"
        "    yield from t.many(50_000)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "    yield t.batch()\n"
        f"export_training_set(batches(), {str(path)!r}, schema=t.SCHEMA)\n"
    )
    done = _python(code)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "earlier"
    export_training_set([batch()], path, schema=SCHEMA)
    assert path.read_text().startswith("id,weight\n")


def _python(code: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="labelkit-tiny-"))
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        folder.rmdir()
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_full_disk(tiny_disk: Path, format_name: str) -> None:
    path = tiny_disk / f"out.{format_name}"
    path.write_text("earlier")
    with pytest.raises(StorageError, match=r"was not written: No space left on device. Free some space"):
        export_training_set(many(), path, schema=SCHEMA)
    assert path.read_text() == "earlier"
    only(tiny_disk, path.name)


def test_a_disk_without_room_for_the_manifest(tiny_disk: Path) -> None:
    path = tiny_disk / "out.csv"
    with pytest.raises(StorageError, match="No space left"):
        export_training_set([batch()], path, schema=SCHEMA, manifest=lambda _: b" " * 300_000)
    only(tiny_disk)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_limit_on_the_size_of_files(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / f"out.{format_name}"
    code = (
        "import resource, sys, test_export_writing as t\n"
        "from labelkit.export import export_training_set\n"
        "from labelkit.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        f"    export_training_set(t.many(), {str(path)!r}, schema=t.SCHEMA)\n"
        "except StorageError as error:\n"
        "    sys.exit(str(error))\n"
    )
    done = _python(code)
    assert "was not written: File too large. Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    only(tmp_path)


def test_a_folder_that_may_not_be_written() -> None:
    folder = Path(tempfile.mkdtemp(prefix="labelkit-locked-"))
    path = folder / "out.csv"
    code = (
        "import os, sys\n"
        "import pyarrow as pa\n"
        "import labelkit.export.csv\n"
        "from labelkit.export import export_training_set\n"
        "from labelkit.errors import StorageError\n"
        "if os.geteuid() == 0:  # the superuser may write anywhere: be somebody else\n"
        "    os.setegid(65534)\n"
        "    os.seteuid(65534)\n"
        "try:\n"
        f"    export_training_set([], {str(path)!r}, schema=pa.schema([('id', pa.string())]))\n"
        "except StorageError as error:\n"
        "    sys.exit(str(error))\n"
    )
    try:
        folder.chmod(0o555)
        done = _python(code)
    finally:
        folder.chmod(0o755)
        folder.rmdir()
    assert f"{path} cannot be written: Permission denied. Check the rights" in done.stderr
    assert "Traceback" not in done.stderr


def test_targets_that_are_none(tmp_path: Path) -> None:
    def complaint(out: Path | str, **options: str) -> LabelkitError:
        with pytest.raises(ExportError) as caught:
            export_training_set([batch()], out, schema=SCHEMA, **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
        return caught.value

    assert "is a folder" in complaint(tmp_path).message or "cannot tell" in complaint(tmp_path).message
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert "is a folder, not a file" in complaint(folder).message
    assert "there is no folder" in complaint(tmp_path / "none" / "out.csv").message
    assert "cannot tell the format" in complaint(tmp_path / "out.txt").message
    assert "unknown export format 'xls'" in complaint(tmp_path / "out.csv", format="xls").message
    assert "needs a format" in complaint("-").message
    (tmp_path / "out.csv.manifest.json").mkdir()
    with pytest.raises(ExportError, match="where the manifest would go"):
        export_training_set([batch()], tmp_path / "out.csv", schema=SCHEMA, manifest=lambda _: b"")
    only(tmp_path, "folder.csv", "out.csv.manifest.json")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "v1.csv"
    target.write_text("earlier")
    link = tmp_path / "latest.csv"
    link.symlink_to(target)
    done = export_training_set([batch()], link, schema=SCHEMA, manifest=lambda _: b"{}")
    assert done.path == link
    assert link.is_symlink()
    only(tmp_path, "real", "latest.csv", "latest.csv.manifest.json")
    only(tmp_path / "real", "v1.csv")
    assert target.read_text().startswith("id,weight")


def test_standard_output_and_streams() -> None:
    code = (
        "import test_export_writing as t\n"
        "from labelkit.export import export_training_set\n"
        "done = export_training_set([t.batch(0, 2)], '-', schema=t.SCHEMA, format='csv')\n"
        "assert done.path is None and done.rows == 2\n"
    )
    done = _python(code)
    assert done.stdout == "id,weight\nitem 0,0.5\nitem 7919,0.5\n"
    out = io.BytesIO()
    result = export_training_set([batch()], out, schema=SCHEMA, format="parquet")
    assert result.sha256 == hashlib.sha256(out.getvalue()).hexdigest()


def test_a_device_is_written_to_and_not_replaced() -> None:
    done = export_training_set([batch()], "/dev/null", schema=SCHEMA, format="csv", manifest=lambda _: b"{}")
    assert (done.rows, done.path) == (10, None)
    assert not Path("/dev/null").is_file()


def test_a_batch_of_another_schema_is_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in an export of"):
        export_training_set([pa.table({"id": ["1"]})], tmp_path / "out.csv", schema=SCHEMA)
    only(tmp_path)


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    export_training_set(many(20_000), tmp_path / "small.csv", schema=SCHEMA)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    export_training_set(many(400_000), tmp_path / "large.csv", schema=SCHEMA)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000

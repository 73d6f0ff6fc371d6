"""What a user installs: the wheel, outside the repository, carries the app and the sample project."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.serving import LEAD, client

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def labelkit(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment with the wheel in it; its dependencies are the ones installed here."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / "lib" / version / "site-packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*install, "--target", str(packages), str(wheel)], check=True)
    # A path in a .pth file does not run the .pth files there: the source checkout stays out of sight.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    command = home / "bin" / "labelkit"
    command.write_text(f"#!{home}/bin/python\nfrom labelkit.cli.main import main\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    return command


def test_the_wheel_holds_one_package_and_the_bundle(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"labelkit"}
    for part in (
        "app/main.py",
        "app/.streamlit/config.toml",
        "sample_data/messages.csv",
        "labeling_functions/billing.py",
        "labelkit.toml",
    ):
        assert f"labelkit/_bundled/{part}" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".db", ".pyc"))]


def test_it_is_the_installed_one(labelkit: Path, tmp_path: Path) -> None:
    code = "import labelkit; print(labelkit.__file__)"
    python = labelkit.with_name("python")
    where = subprocess.run([python, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert where.startswith(str(labelkit.parent.parent))


def test_demo_outside_the_repository(labelkit: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [labelkit, "demo", "--answers", "25"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1,710" in done.stdout
    assert (tmp_path / "labelkit-demo" / "training_set.csv").stat().st_size > 100_000
    again = subprocess.run(
        [labelkit, "status", "-p", "labelkit-demo"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert again.stdout.count("up to date") == 4


def test_serve_outside_the_repository(labelkit: Path, tmp_path: Path) -> None:
    subprocess.run([labelkit, "init", "mine", "--labels", "a,b"], cwd=tmp_path, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lead = {"LABELKIT_ADMIN_NAME": LEAD[0], "LABELKIT_ADMIN_PASSWORD": LEAD[1]}
    server = subprocess.Popen(
        [labelkit, "serve", "-p", "mine", "--port", str(port)], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "HOME": str(tmp_path), **lead},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        assert f"127.0.0.1:{port}" in server.stdout.readline()  # printed when the app answers
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
            assert reply.status == 200
        who = client(f"http://127.0.0.1:{port}").get("/session").json()
        assert who == {"name": LEAD[0], "role": "lead"}
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)

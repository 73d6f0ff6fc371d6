"""``labelkit serve``: a real server that starts, answers, and stops with its child."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labelkit.bundled import bundled
from labelkit.errors import ProjectError
from tests.conftest import Ran
from tests.serving import free_port, health, start


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".streamlit").mkdir(parents=True)
    (elsewhere / ".streamlit" / "config.toml").write_text("[server]\nport = 1\n")  # is none of ours
    server = start(folder, port, cwd=elsewhere)
    try:
        assert health(f"http://127.0.0.1:{port}") == "ok"
        server.send_signal(how)
        out, err = server.communicate(timeout=20)
    finally:
        server.kill()
    assert (server.returncode, out.strip(), err) == (0, "", "")
    deadline = time.monotonic() + 5
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(port)


@pytest.mark.slow
def test_it_starts_again_at_once(folder: Path) -> None:
    port = free_port()
    for _ in range(2):
        server = start(folder, port)
        health(f"http://127.0.0.1:{port}")
        server.terminate()
        server.communicate(timeout=20)
        assert server.returncode == 0


def test_a_taken_port_is_one_line(folder: Path, run: Callable[..., Ran]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("serve", "--port", port, "--project", folder)
    assert done.code == 2
    assert done.err.count("\n") == 1 and f"cannot listen on 127.0.0.1 port {port}" in done.err


def test_no_project_is_one_line(tmp_path: Path, run: Callable[..., Ran]) -> None:
    done = run("serve", "--project", tmp_path)
    assert done.code == 2 and done.err.count("\n") == 1 and "there is no labelkit.toml" in done.err


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "x" * 300])
def test_an_address_that_is_not_ours_is_one_line(folder: Path, run: Callable[..., Ran], host: str) -> None:
    done = run("serve", "--host", host, "--port", free_port(), "--project", folder)
    assert done.code == 2 and done.err.count("\n") == 1


def test_bundled_names_what_is_missing() -> None:
    assert (bundled("app") / "main.py").is_file()
    with pytest.raises(ProjectError, match="lacks 'nothing'"):
        bundled("nothing")

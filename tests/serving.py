"""A small project that ran, and a real server on it, for the tests of the app."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from labelkit import Project
from tests.conftest import FUNCTIONS, sample_rows, write_rows

HOSTILE = '<script>document.title = "owned"</script> **bold** [a](javascript:alert(1)) $x$ :red[red] `code`'
"""Text that must come out exactly as it went in."""


def ran_project(home: Path, rows: list[list[str]] | None = None, labels: tuple[str, str] = ("spam", "ham")) -> Path:
    """A project with its queue made; a light label model, so that it takes a moment."""
    with Project.init(home, name="texts", labels=list(labels)) as project:
        project.import_items(write_rows(home / "texts.csv", rows or sample_rows()))
    functions = FUNCTIONS.replace('"spam"', repr(labels[0])).replace('"ham"', repr(labels[1]))
    (home / "labeling_functions" / "functions.py").write_text(functions, encoding="utf-8")
    settings = home / "labelkit.toml"
    text = settings.read_text(encoding="utf-8").replace('name = "auto"', 'name = "majority"')
    settings.write_text(text + '\n[annotation]\nguidelines = "guidelines.md"\n', encoding="utf-8")
    (home / "guidelines.md").write_text("# How to choose\n\nSpam wants money.", encoding="utf-8")
    with Project.open(home) as project:
        project.run()
    return home


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


LEAD = ("Ada Lead", "correct horse battery")
"""Name and password of the lead whose account :func:`start` makes."""


def add_person(home: Path, name: str, role: str, password: str = LEAD[1]) -> None:
    """An account of this role."""
    with Project.open(home) as project:
        project.team.add(name, role, password, actor="test")


def client(address: str, name: str = LEAD[0], password: str = LEAD[1]) -> httpx.Client:
    """Somebody who is signed in at the API, as a browser would be: cookie and Origin go with every request."""
    session = httpx.Client(base_url=f"{address}/api", headers={"Origin": address}, trust_env=False, timeout=30)
    session.post("/session", json={"name": name, "password": password}).raise_for_status()
    return session


def start(home: Path, port: int, *, cwd: Path | None = None) -> subprocess.Popen[str]:
    """``labelkit serve``, ready when this returns."""
    environment = {name: value for name, value in os.environ.items() if name != "LABELKIT_PROJECT"}
    environment |= {"LABELKIT_ADMIN_NAME": LEAD[0], "LABELKIT_ADMIN_PASSWORD": LEAD[1]}
    server = subprocess.Popen(
        [sys.executable, "-m", "labelkit.cli.main", "serve", "--port", str(port), "--project", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd or home,
        env=environment,
    )
    assert server.stdout is not None and server.stderr is not None
    first = server.stdout.readline()
    assert f"http://127.0.0.1:{port}" in first, server.stderr.read()
    return server


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A running server; gives its address."""
    port = free_port()
    server = start(home, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=30)


def health(address: str) -> str:
    """What the server says of itself."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{address}/_stcore/health", timeout=10) as reply:
        return str(reply.read().decode())

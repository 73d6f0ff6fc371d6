"""``labelkit serve``: a real server that starts, answers, looks after its children, and stops with them."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from asyncio import base_events
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from labelkit import Project
from labelkit.bundled import bundled
from labelkit.cli.child import send_at_once
from labelkit.cli.commands.serve import PRELOADED, _is_loopback
from labelkit.errors import ProjectError
from tests.conftest import Ran
from tests.serving import LEAD, client, free_port, health, ran_project, start

PAGE = "page-1-of-these-tests"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def healthy(port: int) -> bool:
    try:
        return health(f"http://127.0.0.1:{port}") == "ok"
    except OSError:
        return False


def children(server: subprocess.Popen[str]) -> dict[str, psutil.Process]:
    """What `labelkit serve` has started: the app and the trainer."""
    found = psutil.Process(server.pid).children()
    return {"trainer" if "trainer" in child.cmdline() else "app": child for child in found}


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
        started = children(server)
        assert set(started) == {"app", "trainer"}
        server.send_signal(how)
        out, err = server.communicate(timeout=20)
    finally:
        server.kill()
    assert (server.returncode, out.strip(), err) == (0, "", "")
    assert not any(child.is_running() for child in started.values())
    assert not listens(port)


@pytest.mark.slow
def test_it_starts_again_at_once_and_where_it_was(tmp_path: Path) -> None:
    home, port = ran_project(tmp_path / "project"), free_port()
    address = f"http://127.0.0.1:{port}"
    cookies, item = None, None
    for _ in range(2):
        server = start(home, port)
        try:
            if cookies is None:
                session = client(address)
                cookies = session.cookies
                item = session.post("/leases", json={"client": PAGE, "want": 1, "held": []}).json()["items"][0]
            session.cookies = cookies  # the session and what the page holds outlive the server
            got = session.post("/leases", json={"client": PAGE, "want": 1, "held": [item["token"]]})
            assert [each["token"] for each in got.json()["items"]] == [item["token"]]
        finally:
            server.terminate()
            server.communicate(timeout=20)
        assert server.returncode == 0


@pytest.mark.slow
def test_who_kills_it_kills_its_children(folder: Path) -> None:
    port = free_port()
    server = start(folder, port)
    started = children(server)
    server.kill()
    server.communicate(timeout=20)
    until(lambda: not any(child.is_running() for child in started.values()))
    assert not listens(port)
    again = start(folder, port)  # neither the port nor the project is held by anybody
    again.terminate()
    again.communicate(timeout=20)
    assert again.returncode == 0


@pytest.mark.slow
def test_a_child_that_dies_is_started_again_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    home, port = ran_project(tmp_path / "project"), free_port()
    server = start(home, port)
    try:
        session = client(f"http://127.0.0.1:{port}")
        page = {"client": PAGE}
        items = session.post("/leases", json=page | {"want": 3, "held": []}).json()["items"]
        acknowledged = []
        for sequence, item in enumerate(items, 1):
            one = {key: item[key] for key in ("item", "token", "content")}
            one |= {"sequence": sequence, "kind": "label", "label": "spam"}
            told = session.post("/answers", json=page | {"answers": [one]}).json()["results"]
            assert [each["status"] for each in told] == ["stored"]
            acknowledged.append(one)
            dead = list(children(server).values())
            for child in dead:
                child.kill()
            until(lambda: healthy(port))
        told = session.post("/answers", json=page | {"answers": acknowledged}).json()["results"]
        assert [each["status"] for each in told] == ["repeated"] * 3
        mine = session.get("/answers/mine").json()["answers"]
        assert {each["token"] for each in mine} == {each["token"] for each in items}
        until(lambda: set(children(server)) == {"app", "trainer"})
    finally:
        server.terminate()
        _, err = server.communicate(timeout=20)
    assert err.count("the app ended by itself (SIGKILL) and starts again") == 3
    assert "Traceback" not in err
    with Project.open(home) as project:
        assert project.doctor() == []


@pytest.mark.slow
def test_a_second_server_of_a_project_is_refused_and_the_first_goes_on(folder: Path, run: Callable[..., Ran]) -> None:
    port = free_port()
    server = start(folder, port)
    try:
        done = run("serve", "--port", free_port(), "--project", folder)
        assert (done.code, done.out) == (2, "")
        assert f"this project is served already, at http://127.0.0.1:{port}" in done.err and done.err.count("\n") == 1
        assert healthy(port)
    finally:
        server.terminate()
        server.communicate(timeout=20)


@pytest.mark.slow
def test_json_names_the_processes_and_there_may_be_no_trainer(folder: Path) -> None:
    port = free_port()
    environment = os.environ | {"LABELKIT_ADMIN_NAME": LEAD[0], "LABELKIT_ADMIN_PASSWORD": LEAD[1]}
    command = [sys.executable, "-m", "labelkit.cli.main", "serve", "--json", "--no-trainer", "--port", str(port)]
    with subprocess.Popen([*command, "-p", str(folder)], stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(server.stdout.readline())
        told = json.loads("".join(lines))
        started = children(server)
        server.terminate()
    assert set(started) == {"app"}
    assert told == {
        "project": "texts", "address": f"http://127.0.0.1:{port}", "process": started["app"].pid, "trainer": None,
    }  # fmt: skip


@pytest.mark.slow
def test_on_a_terminal_it_asks_for_the_first_account(folder: Path) -> None:
    import pty
    import termios

    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LABELKIT_")}
    command = [
        sys.executable,
        "-m",
        "labelkit.cli.main",
        "serve",
        "--no-trainer",
        "--port",
        str(port),
        "-p",
        str(folder),
    ]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, command, environment)
    seen = ""

    def read_until(words: str) -> None:
        nonlocal seen
        deadline = time.monotonic() + 40
        while words not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 1024).decode()

    try:
        for words, answer in (("Name", "Grace"), ("Password", LEAD[1]), ("Repeat", LEAD[1])):
            read_until(words)
            if words != "Name":  # what is typed before the echo is off would be thrown away
                until(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
            os.write(terminal, f"{answer}\n".encode())
        read_until(f"http://127.0.0.1:{port}")
        os.write(terminal, b"\x03")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        os.close(terminal)
    assert LEAD[1] not in seen
    with Project.open(folder) as project:
        account = project.team.account("Grace")
        assert account is not None and account.role == "lead"


def test_without_a_terminal_it_says_how_to_make_the_first_account(
    folder: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABELKIT_ADMIN_NAME", raising=False)
    done = run("serve", "--port", free_port(), "--project", folder)
    assert done.code == 2 and done.err.count("\n") == 1
    assert "LABELKIT_ADMIN_NAME and LABELKIT_ADMIN_PASSWORD" in done.err


def test_a_taken_port_is_one_line(folder: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELKIT_ADMIN_NAME", LEAD[0])
    monkeypatch.setenv("LABELKIT_ADMIN_PASSWORD", LEAD[1])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("serve", "--port", port, "--project", folder)
    assert done.code == 2
    assert done.err.count("\n") == 1 and f"cannot listen on 127.0.0.1 port {port}" in done.err


def test_two_labels_on_one_key_are_refused_at_the_start(folder: Path, run: Callable[..., Ran]) -> None:
    settings = folder / "labelkit.toml"
    settings.write_text(settings.read_text() + '\n[annotation]\nkeys = { spam = "x", ham = "x" }\n', encoding="utf-8")
    done = run("serve", "--port", free_port(), "--project", folder)
    assert done.code == 2 and done.err.count("\n") == 1
    assert "spam" in done.err and "ham" in done.err


def test_no_project_is_one_line(tmp_path: Path, run: Callable[..., Ran]) -> None:
    done = run("serve", "--project", tmp_path)
    assert done.code == 2 and done.err.count("\n") == 1 and "there is no labelkit.toml" in done.err


def test_voting_without_a_trainer_is_one_line(folder: Path, run: Callable[..., Ran]) -> None:
    done = run("serve", "--project", folder, "--vote", "--no-trainer")
    assert done.code == 2 and done.err.count("\n") == 1 and "--no-trainer" in done.err


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "x" * 300])
def test_an_address_that_is_not_ours_is_one_line(
    folder: Path, run: Callable[..., Ran], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELKIT_ADMIN_NAME", LEAD[0])
    monkeypatch.setenv("LABELKIT_ADMIN_PASSWORD", LEAD[1])
    done = run("serve", "--host", host, "--port", free_port(), "--project", folder)
    assert (done.code == 2 and done.err.count("\n") == 1 and "--host" in done.err) or "cannot listen" in done.err


@pytest.mark.parametrize(
    ("host", "ours_alone"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.0.2.7", False), ("labels.example.org", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_can_reach(host: str, ours_alone: bool) -> None:
    assert _is_loopback(host) is ours_alone


def test_answers_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over connections of a socket that was made as Streamlit makes its own."""
    monkeypatch.setattr(base_events, "_set_nodelay", base_events._set_nodelay)
    send_at_once()
    found: list[int] = []

    async def connect() -> None:
        done = asyncio.Event()

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            done.set()

        listening = socket.socket(family=socket.AF_INET)
        listening.bind(("127.0.0.1", 0))
        async with await asyncio.start_server(accepted, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            await done.wait()
            writer.close()

    asyncio.run(connect())
    assert found and all(found)


def test_what_is_loaded_before_the_first_visit_exists() -> None:
    for name in PRELOADED:
        importlib.import_module(name)


def test_bundled_names_what_is_missing() -> None:
    assert (bundled("app") / "main.py").is_file()
    with pytest.raises(ProjectError, match="lacks 'nothing'"):
        bundled("nothing")

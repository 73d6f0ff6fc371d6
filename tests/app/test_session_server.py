"""A real server: open pages end with their session, other sites' sockets are refused, floods hold up nobody."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from labelkit import Project
from tests.serving import LEAD, add_person, client, free_port, health, start

pytestmark = pytest.mark.slow

ENDED = 4401


@pytest.fixture(scope="module")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("sockets") / "project"
    with Project.init(home, name="texts", labels=["a", "b"]):
        pass
    port = free_port()
    server = start(home, port)
    for name, role in (("Bob", "annotator"), ("Rae", "reviewer"), ("Dan", "data scientist"), ("Eve", "annotator")):
        add_person(home, name, role)
    try:
        yield f"http://127.0.0.1:{port}", home
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture
def address(served_home: tuple[str, Path]) -> str:
    return served_home[0]


def cookies_of(session: httpx.Client) -> str:
    return "; ".join(f"{c.name}={c.value}" for c in session.cookies.jar if c.path == "/")


def open_page(address: str, cookie: str = "", origin: str | None = "same", earlier: str = "") -> ClientConnection:
    """The websocket that a page of ours opens."""
    protocols = ["streamlit", "none", earlier] if earlier else ["streamlit", "none"]
    return connect(
        f"{address.replace('http:', 'ws:')}/_stcore/stream",
        subprotocols=protocols,  # type: ignore[arg-type]
        origin=address if origin == "same" else origin,  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie} if cookie else {},
        proxy=None,
    )


def run_page() -> bytes:
    """What the browser sends to have a page run."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    message = BackMsg()
    message.rerun_script.query_string = ""
    return bytes(message.SerializeToString())


def read_until_run(socket: ClientConnection) -> list[bytes]:
    """All messages of one run of a page."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    out: list[bytes] = []
    while True:
        data = socket.recv(timeout=20)
        assert isinstance(data, bytes)
        out.append(data)
        message = ForwardMsg()
        message.ParseFromString(data)
        if message.WhichOneof("type") == "script_finished":
            return out


def closed_with(socket: ClientConnection) -> int:
    """Read on until the server ends the connection; its close code."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.recv(timeout=20)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code
    raise AssertionError("the socket stayed open")


def test_a_page_of_a_session_that_is_ended_elsewhere_is_closed(address: str, served_home: tuple[str, Path]) -> None:
    session, other = client(address, "Bob"), client(address, "Rae")
    with open_page(address, cookies_of(session)) as one, open_page(address, cookies_of(session)) as two, \
            open_page(address, cookies_of(other)) as of_rae:  # fmt: skip
        for socket in (one, two, of_rae):
            socket.send(run_page())
            assert b"Annotate" in b"".join(read_until_run(socket))
        with Project.open(served_home[1]) as project:  # another process: `labelkit people`, another server
            project.team.deactivate("Bob", actor="test")
        assert closed_with(one) == closed_with(two) == ENDED
        assert session.get("/session").status_code == 401
        of_rae.send(run_page())
        assert b"Annotate" in b"".join(read_until_run(of_rae))  # others notice nothing


def test_signing_out_closes_the_pages_of_this_browser_only(address: str) -> None:
    here, there = client(address, "Rae"), client(address, "Rae")
    with open_page(address, cookies_of(here)) as mine, open_page(address, cookies_of(there)) as other:
        here.delete("/session").raise_for_status()
        assert closed_with(mine) == ENDED
        other.send(run_page())
        assert b"Annotate" in b"".join(read_until_run(other))


def test_a_message_that_comes_after_the_end_is_not_passed_on(address: str) -> None:
    session = client(address, "Rae")
    with open_page(address, cookies_of(session)) as socket:
        socket.send(run_page())
        read_until_run(socket)
        session.delete("/session").raise_for_status()
        received: list[bytes] = []
        with pytest.raises(ConnectionClosed):
            socket.send(run_page())
            while True:
                received.append(bytes(socket.recv(timeout=20)))  # type: ignore[arg-type]
        assert b"Annotate" not in b"".join(received)


@pytest.mark.parametrize("cookie", ["", "labelkit_x=1", "forged", "ended"])
def test_without_a_session_a_page_asks_to_sign_in(address: str, cookie: str) -> None:
    session = client(address, "Rae")
    name = next(c.name for c in session.cookies.jar if c.path == "/")
    if cookie == "forged":
        cookie = cookies_of(session)[:-3] + "xyz"
    elif cookie == "ended":
        cookie = cookies_of(session)
        session.delete("/session").raise_for_status()
    with open_page(address, cookie) as socket:
        socket.send(run_page())
        shown = b"".join(read_until_run(socket))
    assert b"Sign in to texts" in shown and b"Dashboard" not in shown and name.encode() not in shown


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://127.0.0.1:1", "https://127.0.0.1"]
)
def test_sockets_of_other_sites_are_refused(address: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, open_page(address, cookies_of(client(address, "Rae")), origin):
        pass
    assert refused.value.response.status_code == 403


def test_what_a_page_held_is_not_given_to_whoever_knows_its_id(address: str) -> None:
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    def id_of(messages: list[bytes]) -> str:
        for data in messages:
            message = ForwardMsg()
            message.ParseFromString(data)
            if message.WhichOneof("type") == "new_session":
                return str(message.new_session.initialize.session_id)
        raise AssertionError("no session id")

    with open_page(address, cookies_of(client(address, "Rae"))) as socket:
        socket.send(run_page())
        held = id_of(read_until_run(socket))
    with open_page(address, "", earlier=held) as stranger:
        stranger.send(run_page())
        messages = read_until_run(stranger)
    assert id_of(messages) != held and b"Annotate" not in b"".join(messages)


def test_files_of_pages_are_for_people_who_are_signed_in(address: str) -> None:
    stranger = httpx.Client(base_url=address, trust_env=False)
    assert stranger.get("/media/anything.png").status_code == 401
    assert stranger.put("/_stcore/upload_file/x/y", content=b"x").status_code == 401
    assert stranger.get("/_stcore/health").status_code == 200
    signed_in = httpx.Client(base_url=address, trust_env=False, headers={"Cookie": cookies_of(client(address, "Rae"))})
    assert signed_in.get("/media/anything.png").status_code == 404


def test_every_page_says_what_a_browser_may_load(address: str) -> None:
    reply = httpx.get(address, trust_env=False)
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'self'" in policy and "object-src 'none'" in policy
    assert "http:" not in policy and "https:" not in policy and " *" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_session_survives_a_restart_and_another_server_on_this_host(address: str, tmp_path: Path) -> None:
    home, port = tmp_path / "project", free_port()
    with Project.init(home, name="texts", labels=["a", "b"]):
        pass
    other, session = f"http://127.0.0.1:{port}", client(address, "Dan")
    for first in (True, False):
        server = start(home, port)
        try:
            if first:
                session.post(
                    f"{other}/api/session", json={"name": LEAD[0], "password": LEAD[1]}, headers={"Origin": other}
                ).raise_for_status()
            assert session.get(f"{other}/api/session").json() == {"name": LEAD[0], "role": "lead"}
            assert session.get("/session").json()["name"] == "Dan"  # cookies know hosts, not ports
        finally:
            server.terminate()
            server.communicate(timeout=30)


def test_a_flood_of_sign_ins_holds_up_nobody(address: str) -> None:
    """It comes last: this address is slowed down after it. How long others wait is measured elsewhere."""
    session = client(address, "Rae")
    stop, answered = threading.Event(), []

    def others() -> None:
        while not stop.is_set():
            answered.append(session.get("/session").status_code)

    def guess(number: int) -> int:
        reply = httpx.post(
            f"{address}/api/session", json={"name": f"n{number}", "password": "wrong password"},
            headers={"Origin": address}, trust_env=False, timeout=60,
        )  # fmt: skip
        return reply.status_code

    watcher = threading.Thread(target=others)
    watcher.start()
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(guess, range(90)))
    stop.set()
    watcher.join()
    assert set(statuses) <= {401, 429} and statuses.count(429) > 40
    assert len(answered) > 5 and set(answered) == {200}
    assert health(address) == "ok"

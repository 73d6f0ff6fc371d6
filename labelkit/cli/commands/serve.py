"""``labelkit serve``."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import urlsplit

import typer

from labelkit.cli.common import JsonOption, ProjectOption, open_project, print_json

if TYPE_CHECKING:
    from labelkit.cli.children import Child
    from labelkit.config import ServeSection
    from labelkit.project import Project

PORT_SECONDS = 3.0
"""How long a port may still be held by a server that is just ending."""
POLL_SECONDS = 0.1
PRELOADED = (
    "streamlit.web.bootstrap",
    "altair",
    "fastapi",
    "pandas",
    "labelkit.project",
    "labelkit.steps.agreeing",
    "labelkit.steps.analysing",
    "labelkit.steps.annotate_page",
    "labelkit.steps.browsing",
    "labelkit.steps.dashboard",
    "labelkit.steps.lease_desk",
    "labelkit.steps.quality",
    "labelkit.steps.reviewing",
    "labelkit.steps.status",
    "labelkit.steps.team",
    "labelkit.steps.workbench",
    "labelkit.steps.workbench_trial",
)
"""What the pages and the API need: imported by the first visit of a page, they would hold up answers."""
_READABLE = (
    "{host} can be reached from other machines, without TLS: passwords and answers cross the network readable; put a"
    " proxy with TLS before it (docs/security.md)"
)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def command(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="The port.")] = 8501,
    no_trainer: Annotated[
        bool, typer.Option("--no-trainer", help="Do not label, train and rank again while people answer.")
    ] = False,
    vote: Annotated[
        bool, typer.Option("--vote", help="Let the trainer vote as well when that is due: it runs project code.")
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the app for annotators, reviewers and leads. It runs until Ctrl-C.

    After every so many answers ([serve] refit_after) a second process labels, trains and ranks again, at low
    priority. The first start makes the account of a lead: asked for, or taken from LABELKIT_ADMIN_NAME and
    LABELKIT_ADMIN_PASSWORD.

    \b
    Example:
      labelkit serve --port 8600
    """
    from labelkit.cli.children import wait_until_ready
    from labelkit.errors import ConfigError

    if no_trainer and vote:
        raise ConfigError("--vote means nothing together with --no-trainer", hint="Leave one of them out")
    address = _address(host, port)
    with _signals():
        with open_project(project, as_json=as_json) as opened:
            opened.settings().keys()  # two labels on one key are refused now, not when somebody opens the page
            first_lead(opened, ask=not as_json and sys.stdin.isatty())
        name, settings = opened.name, opened.config.serve
        with opened.serving(address):
            _check_port(host, port)
            children = {"app": _server(opened.root, host, port, settings)}
            with _running(children["app"]):
                wait_until_ready(children["app"], address)
                if not no_trainer:
                    children["trainer"] = _trainer(opened.root, vote)
                with _running(children.get("trainer")):
                    _tell(name, address, children, as_json)
                    if not _is_loopback(host) and not settings.behind_proxy:
                        _warn(_READABLE.format(host=host))
                    _look_after(children)


def first_lead(project: Project, *, ask: bool) -> None:
    """Make the account of the first lead, of what the environment or somebody at the terminal says.

    Raises
    ------
    AccessError
        If neither does, or the name or password cannot be used.
    """
    from labelkit.errors import AccessError

    if project.team.has_lead():
        return
    name, password = os.environ.get("LABELKIT_ADMIN_NAME"), os.environ.get("LABELKIT_ADMIN_PASSWORD")
    if not (name and password) and ask:
        typer.echo("Nobody can sign in as a lead of this project yet: here is the first account.", err=True)
        name = name or typer.prompt("Name", err=True)
        password = password or typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not name or not password:
        raise AccessError(
            "nobody can sign in as a lead of this project yet",
            hint="Set LABELKIT_ADMIN_NAME and LABELKIT_ADMIN_PASSWORD for the first start",
        )
    project.team.first_lead(name, password, actor="labelkit serve")


class _Stopped(BaseException):
    """SIGTERM arrived: leave through the ``finally`` blocks, as Ctrl-C does."""


@contextmanager
def _signals() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, _Stopped):  # at any moment, also between two lines above
        raise SystemExit(0) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _server(root: Path, host: str, port: int, settings: ServeSection) -> Child:
    """The app: Streamlit's pages and the API, in one process."""
    from labelkit.bundled import bundled
    from labelkit.cli.child import PRELOAD
    from labelkit.cli.children import Child

    main = bundled("app") / "asgi.py"
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",  # no browser is opened, no e-mail address asked
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.maxUploadSize": 1,  # MB: no page takes files
        "runner.magicEnabled": "false",
        "runner.postScriptGC": "false",  # it would hold up every answer for as long as it takes, after each page
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": _seen_as(host, settings),
        "logger.level": "warning",
        "logger.hideWelcomeMessage": "true",  # with it goes a look-up of this machine's address on the internet
    }
    flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    for origin in settings.allowed_origins:
        flags += ["--server.corsAllowedOrigins", origin]
    return Child(
        "streamlit",
        ["run", str(main), *flags],
        # Its own folder: Streamlit reads settings and secrets from where it runs, Python imports from there.
        folder=main.parent,
        # X-Forwarded-* headers are read by the app itself, where [serve] behind_proxy says so; not by uvicorn.
        environment={"LABELKIT_PROJECT": str(root), "FORWARDED_ALLOW_IPS": "", PRELOAD: ",".join(PRELOADED)},
        delay=0.0,
    )


def _seen_as(host: str, settings: ServeSection) -> str:
    """Under which name browsers reach the app: Streamlit then need not look for this machine's own addresses."""
    for origin in settings.allowed_origins:
        if urlsplit(origin).hostname:
            return str(urlsplit(origin).hostname)
    return host


def _trainer(root: Path, vote: bool) -> Child:
    """The trainer. Unless it may vote, it cannot import anything from the project's folder."""
    from labelkit.bundled import bundled
    from labelkit.cli.children import Child

    arguments = ["trainer", "--project", str(root), *(["--vote"] if vote else [])]
    folder = root if vote else bundled("app")
    return Child("labelkit.cli.main", arguments, folder=folder, environment=ONE_THREAD)


@contextmanager
def _running(child: Child | None) -> Iterator[None]:
    if child is None:
        yield
        return
    try:
        child.start()
        yield
    finally:
        child.stop()


def _look_after(children: dict[str, Child]) -> NoReturn:
    """Start again what dies, for ever."""
    while True:
        time.sleep(POLL_SECONDS)
        for name, child in children.items():
            ended = child.look()
            if ended is not None:
                _warn(f"the {name} ended by itself ({ended}) and starts again")


def _tell(name: str, address: str, children: dict[str, Child], as_json: bool) -> None:
    if as_json:
        trainer = children.get("trainer")
        print_json(
            {
                "project": name,
                "address": address,
                "process": children["app"].pid,
                "trainer": None if trainer is None else trainer.pid,
            }
        )
    else:
        print(f"labelkit serves {name!r} at {address}  (Ctrl-C stops it)")
    sys.stdout.flush()


def _warn(message: str) -> None:
    print(f"labelkit serve: {message}", file=sys.stderr, flush=True)


def _check_port(host: str, port: int) -> None:
    """Fail now, in one line, if the port cannot be had."""
    from labelkit.errors import ConfigError

    try:
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: {error}", hint="Give an address of this machine, or 0.0.0.0") from None
    until = time.monotonic() + PORT_SECONDS
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # connections that linger from the last server do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(target)
                return
            except OSError as error:
                if time.monotonic() < until and error.errno == errno.EADDRINUSE:
                    time.sleep(POLL_SECONDS)
                    continue
                raise ConfigError(
                    f"cannot listen on {host} port {port}: {error.strerror or error}",
                    hint=f"Is the app running already? Another port: `labelkit serve --port {min(port + 1, 65535)}`",
                ) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds the app."""
    seen = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{seen}]:{port}" if ":" in seen else f"http://{seen}:{port}"

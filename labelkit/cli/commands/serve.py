"""``labelkit serve``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, open_project, print_json

START_SECONDS = 60.0
STOP_SECONDS = 5.0
HEALTH = "/_stcore/health"


def command(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="The port.")] = 8501,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the app in which people answer the queue. It runs until Ctrl-C.

    \b
    Example:
      labelkit serve --port 8600
    """
    from labelkit.bundled import bundled

    with open_project(project, as_json=as_json) as opened:
        name, root = opened.name, opened.root
    main = bundled("app") / "main.py"
    _check_port(host, port)
    address = _address(host, port)
    with _signals(), _server(main, root, host, port) as server:
        _wait_until_ready(server, address)
        if as_json:
            print_json({"project": name, "address": address, "process": server.pid})
        else:
            print(f"labelkit serves {name!r} at {address}  (Ctrl-C stops it)")
            if not _only_this_machine(host):
                print("There is no sign-in yet: whoever can reach this address can answer, under any name.")
        sys.stdout.flush()
        try:
            code = server.wait()
        except (KeyboardInterrupt, _Stopped):
            code = 0
    if code:
        raise _failed(f"the app ended by itself with status {code}")


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


@contextmanager
def _server(main: Path, root: Path, host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The app as a child process; it ends with this block."""
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",  # no browser is opened, no e-mail address asked
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": host,
        "logger.level": "warning",
        "logger.hideWelcomeMessage": "true",  # with it goes a look-up of this machine's address on the internet
    }
    flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    child = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(main), *flags],
        # Its own folder: Streamlit reads settings and secrets from where it runs, Python imports from there.
        cwd=main.parent,
        env={**os.environ, "LABELKIT_PROJECT": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], address: str) -> None:
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise _failed(f"the app did not start (status {server.returncode})")
        try:
            with opener.open(address + HEALTH, timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise _failed(f"the app did not answer within {START_SECONDS:.0f} s")


def _failed(message: str) -> Exception:
    from labelkit.errors import ProjectError

    return ProjectError(message, hint="What it said is above this line")


def _check_port(host: str, port: int) -> None:
    """Fail now, in one line, if the port cannot be had."""
    from labelkit.errors import ConfigError

    try:
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: {error}", hint="Give an address of this machine, or 0.0.0.0") from None
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # connections that linger from the last server do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(target)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host} port {port}: {error.strerror or error}",
                hint=f"Is the app running already? Another port: `labelkit serve --port {min(port + 1, 65535)}`",
            ) from None


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds the app."""
    seen = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{seen}]:{port}" if ":" in seen else f"http://{seen}:{port}"


def _only_this_machine(host: str) -> bool:
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

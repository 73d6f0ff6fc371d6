"""A real `labelkit serve` for the benchmark: started, killed, started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
from _annotate_project import LEAD, PASSWORD

READY_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`labelkit serve` on one project, ready when it was entered; what it prints goes into ``serve.log``."""

    def __init__(self, home: Path, *options: str, port: int | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Served:
        self.start()
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        environment = {**os.environ, "LABELKIT_ADMIN_NAME": LEAD, "LABELKIT_ADMIN_PASSWORD": PASSWORD}
        command = [sys.executable, "-m", "labelkit.cli.main", "serve", "--json", "--port", str(self.port)]
        with (self.home / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--project", str(self.home), *self._options], stdout=log, stderr=log, env=environment
            )

    def wait(self) -> float:
        """Seconds until it answers."""
        assert self._process is not None
        began, opener = time.monotonic(), urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < began + READY_SECONDS:
            if self._process.poll() is not None:
                sys.exit(f"labelkit serve ended: {(self.home / 'serve.log').read_text()[-2000:]}")
            try:
                with opener.open(f"{self.address}/_stcore/health", timeout=2):
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.02)
        sys.exit("labelkit serve did not answer")

    def kill_app(self) -> None:
        """``kill -9`` of the process that serves; `labelkit serve` starts another one."""
        os.kill(self._app(), signal.SIGKILL)

    def kill_all(self) -> None:
        """``kill -9`` of `labelkit serve` itself, and start it again at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.start()

    def _app(self) -> int:
        assert self._process is not None
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            for child in psutil.Process(self._process.pid).children():
                if any("asgi.py" in part for part in child.cmdline()):
                    return int(child.pid)
            time.sleep(0.02)
        sys.exit("labelkit serve has no app")

    def memory(self) -> float:
        """MiB that the serving process takes."""
        return float(psutil.Process(self._app()).memory_info().rss / 2**20)

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time that the serving process and the trainer have taken so far."""
        assert self._process is not None
        found = {}
        for child in psutil.Process(self._process.pid).children():
            times = child.cpu_times()
            name = "app" if any("asgi.py" in part for part in child.cmdline()) else "trainer"
            found[name] = times.user + times.system + times.children_user + times.children_system
        return found

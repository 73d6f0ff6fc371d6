"""For processes that `labelkit serve` starts: they end when it does, however it ends."""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import signal
import socket
import sys
import threading
from asyncio import base_events

PRELOAD = "LABELKIT_PRELOAD"
"""Environment variable: modules that are imported before the one that is run."""
SWITCH_SECONDS = 0.001
"""How long one thread may keep the interpreter while others wait. Python's 5 ms, taken by the runs of a few pages one
after the other, are the better part of what an answer may take."""


def end_with_parent() -> None:
    """End this process and all of its own group as soon as standard input ends.

    Standard input is a pipe of which the parent holds the other end; the system closes that when the parent
    dies, also by ``kill -9``. What was acknowledged is on the disk, so there is nothing to tidy up.
    """
    threading.Thread(target=_watch, name="parent-watch", daemon=True).start()


def _watch() -> None:
    while os.read(0, 4096):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def send_at_once() -> None:
    """Have asyncio send every answer as soon as it is written.

    It does so for sockets that were made for TCP by number. Streamlit's listening socket was not, so the second
    part of an answer waits for the browser's acknowledgement of the first: 40 ms.
    """
    # There is no public way to the connections of Streamlit's server.
    base_events._set_nodelay = _without_delay  # type: ignore[attr-defined]


def _without_delay(connection: socket.socket) -> None:
    if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.type == socket.SOCK_STREAM:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main() -> None:
    """``python -m labelkit.cli.child MODULE ARGUMENT…``: run a module as a child of `labelkit serve`."""
    end_with_parent()
    send_at_once()
    sys.setswitchinterval(SWITCH_SECONDS)
    for name in filter(None, os.environ.get(PRELOAD, "").split(",")):
        importlib.import_module(name)
    # What is there by now stays for good: a full collection that looked at it would hold up everything for 0.1 s.
    gc.collect()
    gc.freeze()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

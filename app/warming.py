"""What the first visit of a page would have to wait for, done when the server starts: imports and figures."""

from __future__ import annotations

import importlib
import logging
import threading
import time

import projects

from labelkit import LabelkitError

START_AFTER = 2.0
"""Seconds: whoever waits for the server to start comes first."""
MODULES = ("altair", "pandas", "labelkit.labelmodels", "labelkit.endmodels")


def begin() -> threading.Thread:
    """Warm up in the background; what fails here is told where somebody asks for it."""
    thread = threading.Thread(target=_warm, name="warming", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    time.sleep(START_AFTER)
    try:
        for name in MODULES:
            importlib.import_module(name)
        with projects.opened() as project:
            project.browsing().page()
            project.dashboard().figures()
            project.function_figures().table()
            project.agreement()
    except LabelkitError as error:  # nothing ran yet, or the file is in trouble
        logging.getLogger("labelkit.app").debug("nothing to warm up: %s", error)

"""``Project``: one labelkit project, for the command line, the app and notebooks alike.

Its methods stand in one file for each kind: ``opened.py``, ``reading.py``, ``loop.py``, ``people.py``, ``served.py``.
"""

from __future__ import annotations

from labelkit.opening import find_project
from labelkit.project.loop import Loop
from labelkit.project.people import People
from labelkit.project.reading import Reading
from labelkit.project.served import Served
from labelkit.steps.leasing import LeasedItem, LeaseReply

__all__ = ["LeaseReply", "LeasedItem", "Project", "find_project"]


class Project(Reading, Loop, People, Served):
    """An open project: a folder with ``labelkit.toml`` and one SQLite file.

    Use it as a context manager, in one thread; every step of the loop is a method that does what the
    command of the same name does.

    Examples
    --------
    >>> from labelkit import Project
    >>> with Project.open("path/to/project") as project:  # doctest: +SKIP
    ...     project.run()
    ...     project.labels().head()
    """

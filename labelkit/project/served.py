"""What the app asks of a project beyond what commands do."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from labelkit.project.opened import OpenProject
from labelkit.store import serving

if TYPE_CHECKING:
    from labelkit.steps.browsing import Browsing
    from labelkit.steps.browsing_functions import FunctionFigures
    from labelkit.steps.dashboard import Dashboard
    from labelkit.steps.settings import Settings
    from labelkit.steps.trainer_state import TrainerState
    from labelkit.steps.workbench import Workbench


class Served(OpenProject):
    """What the pages read; see :class:`labelkit.project.Project`."""

    def serving(self, address: str) -> AbstractContextManager[None]:
        """Be the one server of this project while the block runs, so that long writes make room for answers.

        Entering it raises ProjectLocked if there is another one.
        """
        return serving(self._store.path, address)

    def trainer_state(self) -> TrainerState | None:
        """What the trainer of `labelkit serve` is doing; None if there never was one."""
        from labelkit.steps.trainer_state import trainer_state

        return trainer_state(self._workspace)

    def dashboard(self) -> Dashboard:
        """Figures for leads, kept in this process and brought up to date."""
        from labelkit.steps.dashboard import Dashboard

        return Dashboard(self._workspace)

    def browsing(self) -> Browsing:
        """Items by all that is known of them, and the story of one."""
        from labelkit.steps.browsing import Browsing

        return Browsing(self._workspace)

    def function_figures(self) -> FunctionFigures:
        """The analysis of the labeling functions, kept in this process."""
        from labelkit.steps.browsing_functions import FunctionFigures

        return FunctionFigures(self._workspace)

    def settings(self) -> Settings:
        """What leads can change of ``labelkit.toml``."""
        from labelkit.steps.settings import Settings

        return Settings(self._workspace)

    @functools.cached_property
    def workbench(self) -> Workbench:
        """Try functions, save them as data, and find out which to write next."""
        from labelkit.steps.workbench import Workbench

        return Workbench(self._workspace)

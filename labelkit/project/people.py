"""The people of a project: who they are, what they are asked, what they answer, how far they agree."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from labelkit.project.opened import OpenProject
from labelkit.steps.leasing import LeasedItem, LeaseReply

if TYPE_CHECKING:
    from labelkit.annotate import Anchoring
    from labelkit.steps.agreeing import AgreementReport
    from labelkit.steps.annotate_page import AnnotatePage
    from labelkit.steps.lease_desk import LeaseDesk
    from labelkit.steps.leasing import AnnotatorProgress
    from labelkit.steps.reviewing import Reviewing
    from labelkit.steps.team import Team
    from labelkit.store import AnswerStatus


class People(OpenProject):
    """What people do; see :class:`labelkit.project.Project`."""

    @functools.cached_property
    def team(self) -> Team:
        """Accounts, sessions and roles."""
        from labelkit.steps.team import Team

        return Team(self._workspace)

    @functools.cached_property
    def reviewing(self) -> Reviewing:
        """What people disagree on, and reviewers' decisions; none of it takes the project lock."""
        from labelkit.steps.reviewing import Reviewing

        return Reviewing(self._workspace)

    def agreement(self, *, ordered: bool = False) -> AgreementReport:
        """How far annotators agree, and how good each of them is; ``ordered``: so are the classes."""
        from labelkit.steps.agreeing import agreement_report

        return agreement_report(self._workspace, ordered=ordered)

    def anchoring(self) -> Anchoring:
        """Whether people agree with the model more often where they saw its guess before they answered."""
        from labelkit.steps.anchoring import anchoring_so_far

        return anchoring_so_far(self._workspace)

    # ------------------------------------------------------------------ people who answer the queue

    # None of these takes the project lock: an answer never waits for a step that runs.

    @property
    def skip_reasons(self) -> Mapping[str, str]:
        """Codes of the reasons for which people decline an item → what they read."""
        from labelkit.annotate import SKIP_REASONS

        return SKIP_REASONS

    @property
    def guidelines(self) -> str | None:
        """The annotation guidelines (Markdown) that ``labelkit.toml`` names, if that file is in the project."""
        name = self.config.annotation.guidelines
        path = None if name is None else (self.root / name).resolve()
        # A project of somebody else must not show annotators a file from outside its folder.
        if path is None or not path.is_relative_to(self.root.resolve()) or not path.is_file():
            return None
        return path.read_text(encoding="utf-8", errors="replace")

    def annotate_page(self) -> AnnotatePage:
        """What the Annotate page has to know; ConfigError if ``annotation.keys`` cannot be used."""
        from labelkit.steps.annotate_page import annotate_page

        return annotate_page(self._workspace)

    @staticmethod
    def annotator_name(name: str) -> str:
        """The name as answers carry it: spaces trimmed and collapsed; AnnotationError if it cannot be used."""
        from labelkit.steps.leasing import annotator_name

        return annotator_name(name)

    @functools.cached_property
    def desk(self) -> LeaseDesk:
        """Leases and answers for the pages of the app."""
        from labelkit.steps.lease_desk import LeaseDesk

        return LeaseDesk(self._workspace)

    def claim(self, annotator: str, *, n: int = 1) -> list[LeasedItem]:
        """Lease up to ``n`` items of the queue to one person, for ``annotation.lease_minutes``."""
        from labelkit.steps.leasing import claim

        return claim(self._workspace, annotator, n=n)

    def answer_lease(self, item: LeasedItem, reply: LeaseReply, *, annotator: str) -> AnswerStatus:
        """Store the answer to a leased item; says whether it was ``stored``, ``late`` or ``repeated``."""
        from labelkit.steps.leasing import answer_lease

        return answer_lease(self._workspace, item, reply, annotator=annotator)

    def withdraw(self, token: str, *, annotator: str) -> LeasedItem | None:
        """Undo the answer given with ``token`` and lease its item to the same person again."""
        from labelkit.steps.leasing import withdraw

        return withdraw(self._workspace, token, annotator=annotator)

    def release(self, annotator: str, *, tokens: Iterable[str] | None = None) -> int:
        """Give a person's leases back to the queue; returns how many there were."""
        from labelkit.steps.leasing import release

        return release(self._workspace, annotator, tokens=tokens)

    def annotator_progress(self, annotator: str) -> AnnotatorProgress:
        """How much one person has answered, and how much is left to ask."""
        from labelkit.steps.leasing import progress

        return progress(self._workspace, annotator)

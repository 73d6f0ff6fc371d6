"""The page on labeling functions is true: its session runs as shown, and what it links to is there."""

from __future__ import annotations

import doctest
import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "labeling-functions.md").read_text(encoding="utf-8")


def test_the_session_runs_as_shown() -> None:
    sessions = re.findall(r"```pycon\n(.*?)```", PAGE, flags=re.DOTALL)
    assert sessions
    for number, session in enumerate(sessions):
        test = doctest.DocTestParser().get_doctest(session, {}, f"session {number}", "labeling-functions.md", 0)
        result = doctest.DocTestRunner().run(test)
        assert (result.failed, result.attempted > 0) == (0, True)


def test_links_within_the_page_lead_somewhere() -> None:
    titles = {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", PAGE)
    assert links
    assert set(links) <= titles

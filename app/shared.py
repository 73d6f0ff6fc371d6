"""What the pages share: the project, safe text, numbers in words, the look."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import cookies
import projects
import streamlit as st

from labelkit import LabelkitError, Project
from labelkit.access import Permission
from labelkit.steps.team import Person

_STYLE = """<style>
.st-key-item-text [data-testid="stText"] {
  font-family: inherit; font-size: 1.3rem; line-height: 1.55;
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
}
.st-key-item-id [data-testid="stText"], .st-key-item-fields [data-testid="stText"],
[class*="st-key-quiet"] [data-testid="stText"] { font-size: 0.85rem; opacity: 0.75; overflow-wrap: anywhere; }
[class*="st-key-plain"] [data-testid="stText"] {
  font-family: inherit; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
}
[class*="st-key-label-"] button { min-height: 3rem; padding-inline: 1.1rem; font-weight: 600; }
.st-key-guidelines h1 { font-size: 1.2rem; padding-top: 0; }
.st-key-guidelines h2 { font-size: 1.05rem; }
.st-key-guidelines { font-size: 0.9rem; }
.st-key-guidelines :is(p, li, td, th) { font-size: 0.9rem; line-height: 1.5; }
.st-key-guidelines :is(td, th) { padding: 0.3rem 0.5rem; vertical-align: top; }
.st-key-quiet-live [data-testid="stText"] { text-align: end; }
.block-container { max-width: 80rem; padding-top: 4.5rem; }
@media (max-width: 40rem) {
  .block-container { padding-inline: 1rem; }
  .st-key-quiet-live [data-testid="stText"] { text-align: start; }
}
</style>"""


def style() -> None:
    """Our few rules of CSS; no text of a project ever gets in here."""
    st.html(_STYLE)


@contextmanager
def project() -> Iterator[Project]:
    """The served project, opened for one operation."""
    with projects.opened() as opened:
        yield opened


def person() -> Person | None:
    """Who is signed in, asked of the session store anew in every run of a page; None for nobody."""
    token = cookies.session_token(st.context.cookies)
    if not token:
        return None
    with project() as opened:
        return opened.team.session(token)


def invited() -> bool:
    """Whether the address has the code of an invitation that can be used: then whoever is signed in may change."""
    code = st.query_params.get("invitation")
    if not code:
        return False
    with project() as opened:
        return opened.team.invitation(str(code)) is not None


def need(permission: Permission) -> Person:
    """Who is signed in; the page ends here for somebody whose role does not grant the permission.

    Every page begins with this: the navigation only hides what a person may not see.
    """
    who = person()
    if who is None:
        st.error("You are not signed in, or your session has ended. Load the page again to sign in.")
        st.stop()
    if not who.may(permission):
        st.error(f"Your role ({who.role}) does not show you this page. A lead of the project can change your role.")
        st.stop()
    return who


def literal(text: object) -> str:
    """Text for a place where Streamlit reads Markdown (labels, captions, messages): shown as it is written.

    An underscore between letters means nothing there; screen readers would read the mark before it.
    """
    return re.sub(r"(?!(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(text).split()))


def sentence(text: str) -> str:
    """A sentence of labelkit's own for Markdown: what stands in backticks becomes code, all else is literal."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner
        return literal(text)
    return "".join(f"`{part}`" if place % 2 and part.strip() else _spaced(part) for place, part in enumerate(parts))


def _spaced(part: str) -> str:
    """Literal text that keeps the space at its ends."""
    return f"{' ' if part[:1].isspace() else ''}{literal(part)}{' ' if part[-1:].isspace() and part.strip() else ''}"


def show_error(error: LabelkitError) -> None:
    """An error that the user can mend, with what to do next."""
    hint = f"  \n{literal(error.hint)}" if error.hint else ""
    st.error(literal(error.message) + hint, icon=":material/error:")


@contextmanager
def told() -> Iterator[None]:
    """Show labelkit's own errors on the page instead of a traceback."""
    try:
        yield
    except LabelkitError as error:
        show_error(error)


def empty(what: str, then: str) -> None:
    """A page with nothing on it yet: what is missing, and the command that brings it."""
    with st.container(border=True):
        st.markdown(f"**{literal(what)}**")
        st.markdown(then)


def utc_offset() -> timedelta:
    """What has to be added to UTC for the time of whoever looks; nothing where the browser does not say."""
    minutes = st.context.timezone_offset
    return timedelta(minutes=-minutes) if minutes else timedelta(0)


def percent(value: float | None, digits: int = 0) -> str:
    """A share in percent; a dash for none."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}%}"


def interval(estimate: Mapping[str, Any]) -> str:
    """The 95% interval of an estimate and the number of cases it rests on."""
    if not estimate.get("n"):
        return "no cases"
    return f"{estimate['low']:.0%} to {estimate['high']:.0%}, n = {estimate['n']:,}"


def in_percent(value: float) -> float:
    """A share for a table column with the format of :data:`PERCENT`."""
    return 100.0 * value


PERCENT = "%.1f%%"


def short(text: str, width: int = 160) -> str:
    """One line of at most ``width`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"

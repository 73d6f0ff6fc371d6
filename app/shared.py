"""What the pages share: the project, safe text, numbers in words, the look."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st

from labelkit import LabelkitError, Project

PROJECT_VARIABLE = "LABELKIT_PROJECT"

_STYLE = """<style>
.st-key-item-text [data-testid="stText"] {
  font-family: inherit; font-size: 1.3rem; line-height: 1.55;
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
}
.st-key-item-id [data-testid="stText"], .st-key-item-fields [data-testid="stText"],
.st-key-quiet [data-testid="stText"] { font-size: 0.85rem; opacity: 0.75; overflow-wrap: anywhere; }
[class*="st-key-plain"] [data-testid="stText"] {
  font-family: inherit; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
}
[class*="st-key-label-"] button { min-height: 3rem; padding-inline: 1.1rem; font-weight: 600; }
.st-key-guidelines h1 { font-size: 1.2rem; padding-top: 0; }
.st-key-guidelines h2 { font-size: 1.05rem; }
.st-key-guidelines { font-size: 0.9rem; }
.st-key-guidelines :is(p, li, td, th) { font-size: 0.9rem; line-height: 1.5; }
.st-key-guidelines :is(td, th) { padding: 0.3rem 0.5rem; vertical-align: top; }
.st-key-loop [data-testid="stVerticalBlock"] { height: 100%; }
.block-container { max-width: 76rem; padding-top: 4.5rem; }
</style>"""


def style() -> None:
    """Our few rules of CSS; no text of a project ever gets in here."""
    st.html(_STYLE)


@contextmanager
def project() -> Iterator[Project]:
    """The served project, opened for one operation: Streamlit runs every visit in a thread of its own."""
    with Project.open(os.environ.get(PROJECT_VARIABLE)) as opened:
        yield opened


def literal(text: object) -> str:
    """Text for a place where Streamlit reads Markdown (labels, captions, messages): shown as it is written."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(text).split()))


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

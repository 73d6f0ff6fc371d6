"""A report as one HTML file: no script, no network, no font from elsewhere; every text escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from labelkit.report import charts, marks, text
from labelkit.report.document import Report
from labelkit.report.heat import heat_view

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"


def render(report: Report) -> str:
    """The HTML of a report.

    The same report gives the same string, and the string can always be encoded as UTF-8. A content
    security policy forbids all scripts and all loading, should a text ever get past the escaping.

    Examples
    --------
    >>> "<h1>A &lt;b&gt; report</h1>" in render(Report("A <b> report", ""))
    True
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            style=Markup(style),
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        )
    )


@lru_cache(maxsize=1)
def _style() -> str:
    """The style sheet without comments and needless blanks."""
    css = re.sub(r"/\*.*?\*/", "", (_TEMPLATES / "report.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", css).strip()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {
        "count": text.count,
        "name": text.name,
        "number": text.number,
        "percent": text.percent,
        "points": text.points,
        "sentence": text.sentence,
        "kind": _kind,
    }
    made.globals |= {
        "span": text.span,
        "interval": marks.interval,
        "gap": marks.gap,
        "bar": marks.bar,
        "heat_view": heat_view,
        "reliability": charts.reliability,
        "histogram": charts.histogram,
    }
    return made


def _shown(value: Any) -> Any:
    """What is written for a value in a template: every text without hidden characters."""
    return text.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _kind(cell: Any) -> str:
    """Which macro draws a cell."""
    if cell is None:
        return "nothing"
    if isinstance(cell, str):
        return "text"
    return "count" if isinstance(cell, int) else str(cell.kind)

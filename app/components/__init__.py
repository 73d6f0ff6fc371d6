"""Our own components. The only file that knows Streamlit's Components v2.

A component is ``NAME.html``, ``NAME.css`` and ``NAME.js`` in this folder; components may share further scripts.
Nothing that comes from a project is ever written into these: it goes in as ``data``, and the scripts put it into
the page as text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).resolve().parent


def mount(name: str, data: dict[str, Any], *, key: str, scripts: tuple[str, ...] = ()) -> Any:
    """Show a component with ``data`` (JSON); returns what it sends back.

    Parameters
    ----------
    scripts
        Further scripts of this folder that ``NAME.js`` uses; with it they become one module.
    """
    js = "\n".join(_read(part, "js") for part in (*scripts, name))
    component = st.components.v2.component(
        f"labelkit-{name}", html=_read(name, "html"), css=_read(name, "css"), js=js, isolate_styles=False
    )
    return component(data=data, key=key)


def _read(name: str, kind: str) -> str:
    return (HERE / f"{name}.{kind}").read_text(encoding="utf-8")

"""One server for pages and API: `labelkit serve` runs this. The only file that knows ``st.App``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import provider  # noqa: E402
import streamlit as st  # noqa: E402
import warming  # noqa: E402
from api import create_api  # noqa: E402
from headers import SafeHeaders  # noqa: E402
from sockets import SessionSockets  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.routing import Mount  # noqa: E402

app = st.App(
    HERE / "main.py",
    secrets=provider.settings(),
    routes=[Mount("/api", app=create_api())],
    middleware=[Middleware(SafeHeaders), Middleware(SessionSockets)],
)

warming.begin()

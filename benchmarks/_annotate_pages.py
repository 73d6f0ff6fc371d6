"""Leads at their pages, through Streamlit's own protocol: a websocket, a request to run a page, its result.

Five real browsers beside the load would take more of two processor cores than the server does, and it is the
server's work that answers have to wait for: the runs of pages, which are the same without a browser.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np

PAGES = ("", "workbench")
THINK_SECONDS = 4.0


class Visitors:
    """So many leads, each with an open page: Dashboard, Workbench, Dashboard …, with pauses to read them."""

    def __init__(self, port: int, cookies: list[str], pages: tuple[str, ...] = PAGES) -> None:
        self._port, self._cookies, self._pages = port, cookies, pages
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self._end = threading.Event()
        self._runs: list[tuple[str, float]] = []
        self._problems: list[str] = []

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(30)

    def figures(self) -> dict[str, Any]:
        """Runs of each page and how long they took."""
        found: dict[str, Any] = {"problems": self._problems[:5]}
        for page in self._pages:
            took = [seconds * 1000 for name, seconds in self._runs if name == page]
            if took:
                found[page or "first page"] = {
                    "runs": len(took), "p50_ms": float(np.median(took)), "max_ms": max(took)
                }  # fmt: skip
        return found

    async def _all(self) -> None:
        await asyncio.gather(*(self._visit(n, cookie) for n, cookie in enumerate(self._cookies)))

    async def _visit(self, number: int, cookie: str) -> None:
        from websockets.asyncio.client import connect

        await asyncio.sleep(number * THINK_SECONDS / len(self._cookies))
        address = f"ws://127.0.0.1:{self._port}/_stcore/stream"
        headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self._port}"}
        while not self._end.is_set():
            try:
                async with connect(
                    address,
                    additional_headers=headers,
                    subprotocols=["streamlit"],
                    max_size=None,  # type: ignore[list-item]
                ) as socket:
                    turn = number
                    while not self._end.is_set():
                        page = self._pages[turn % len(self._pages)]
                        turn += 1
                        self._runs.append((page, await _run_page(socket, page)))
                        await asyncio.sleep(THINK_SECONDS)
            except Exception as error:  # the server may be killed at any time
                self._problems.append(f"{type(error).__name__}: {error}"[:200])
                await asyncio.sleep(1.0)


async def _run_page(socket: Any, page: str) -> float:
    """Seconds until the page has run to its end."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    request = BackMsg()
    request.rerun_script.page_name = page
    request.rerun_script.query_string = ""
    began = time.perf_counter()
    await socket.send(request.SerializeToString())
    while True:
        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(socket.recv(), 60))
        kind = message.WhichOneof("type")
        if kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return time.perf_counter() - began
        if kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
            raise RuntimeError(f"{page}: {message.delta.new_element.exception.message}")

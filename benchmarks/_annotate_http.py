"""A small HTTP/1.1 client for the load: one connection that stays open, JSON in and out.

It takes a fifth of the processor time of a general client, on a machine that the server has to share with it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Refused(Exception):
    """The server answered with another status than 2xx."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:300]!r}")
        self.status = status


class Connection:
    """One kept-alive connection of one signed-in person, as that person's browser would use it."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
            "Content-Type: application/json\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: dict[str, Any], *, within: float = 30.0) -> Any:
        """The JSON that came back.

        Raises
        ------
        OSError
            If the connection broke: the server may or may not have done what it was asked.
        Refused
        """
        data, kept = json.dumps(body).encode(), self._streams is not None
        while True:
            try:
                async with asyncio.timeout(within):
                    return await self._post(path, data)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError, IndexError) as error:
                self.close()
                # The server closes what was idle for 5 s: like a browser, try once more on a new connection.
                if not kept or isinstance(error, TimeoutError):
                    raise OSError(str(error)) from error
                kept = False

    async def _post(self, path: str, data: bytes) -> Any:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if "transfer-encoding: chunked" in head:
            body = await _chunks(reader)
        else:
            length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0]) if "content-length:" in head else 0
            body = await reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        if not 200 <= status < 300:
            raise Refused(status, body)
        return json.loads(body) if body else None

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        size = int((await reader.readline()).strip() or b"0", 16)
        parts.append(await reader.readexactly(size))
        await reader.readline()
        if size == 0:
            return b"".join(parts)

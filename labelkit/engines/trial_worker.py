"""The life of a trial process: it reads a request, works on it with one function, answers, and waits for the next.

Started as ``python -P -m labelkit.engines.trial_worker MODULE:FUNCTION MEMORY``; see
:class:`labelkit.engines.trial.TrialPool`. A function ``prepare`` of that module is called first. Nothing is pickled:
what the process says is JSON and bytes, so that a process that was led astray cannot make its parent run anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import sys
from typing import IO, Any, Final

from labelkit.errors import LabelkitError
from labelkit.registry import load

HEAD: Final = struct.Struct("<II")
"""Before each message: the bytes of its JSON, and of the data behind that."""
MOST: Final = 1 << 30
"""Bytes of a message at most."""
_GRACE: Final = 1.0
"""Seconds after its limit at which a process ends by itself: its parent may be gone."""


def write_message(stream: IO[bytes], message: dict[str, Any], data: bytes = b"") -> None:
    """Send one message. Raises :class:`OSError` if nobody reads any more."""
    body = json.dumps(message).encode()
    stream.write(HEAD.pack(len(body), len(data)) + body)
    stream.write(data)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Receive one message.

    Raises
    ------
    EOFError
        If the other side has ended, or does not send messages.
    """
    sizes = HEAD.unpack(_exactly(stream, HEAD.size))
    if sum(sizes) > MOST:
        raise EOFError("a message that is too large")
    body, data = _exactly(stream, sizes[0]), _exactly(stream, sizes[1])
    try:
        message = json.loads(body)
    except ValueError:
        raise EOFError("no JSON") from None
    if not isinstance(message, dict):
        raise EOFError("no message")
    return message, data


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size) if size else b""
    if data is None or len(data) != size:
        raise EOFError("the other side has ended")
    return data


def confine(memory: int) -> None:
    """Take away from this process what a trial does not need: writing files, and more memory than so many bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_DATA" if sys.platform == "linux" else "RLIMIT_AS": memory}
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))
    with contextlib.suppress(OSError):
        os.nice(5)  # people's answers go first


def _answer(work: Any, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        answer, out = work(request, data)
    except LabelkitError as error:
        return {"refused": [error.message, error.hint]}, b""
    except MemoryError:
        return {"memory": True}, b""
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}, b""
    return {"answer": answer}, out


def _alarm(seconds: float) -> None:
    """End this process after so many seconds, whatever it does then; 0 for not."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """Serve until the parent closes the pipe."""
    target, memory = sys.argv[1], int(sys.argv[2])
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # what libraries print must not get between messages
        os.dup2(nothing, stream)
    work = load(target)
    prepare = getattr(sys.modules[work.__module__], "prepare", None)
    if prepare is not None:
        prepare()
    confine(memory)
    with contextlib.suppress(EOFError, OSError):
        write_message(replies, {"ready": True})
        while True:
            request, data = read_message(requests)
            _alarm(float(request["seconds"]) + _GRACE)
            message, out = _answer(work, request["request"], data)
            _alarm(0)
            write_message(replies, message, out)
            del request, data, message, out


if __name__ == "__main__":
    main()

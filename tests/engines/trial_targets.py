"""What the trial processes of the tests are asked to do."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from labelkit.errors import LabelingFunctionError


def work(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """One of several things; says which process did it."""
    told: dict[str, Any] = {"pid": os.getpid()}
    out = b""
    match request["do"]:
        case "echo":
            told["got"], out = request["value"], data[::-1]
        case "match":
            told["found"] = bool(re.search(request["pattern"], request["text"]))
        case "refuse":
            raise LabelingFunctionError("not like this", hint="Like that")
        case "raise":
            raise ValueError("broken")
        case "end":
            os._exit(3)
        case "print":
            print("this must not get between messages")
            sys.stdout.flush()
        case "allocate":
            told["size"] = len(bytearray(request["size"]))
        case "write":
            Path(request["path"]).write_text("owned" * 1000)
        case "environment":
            told |= {"names": sorted(os.environ), "path": sys.path}
        case "sleep":
            time.sleep(request["rest"])
    return told, out

"""Dockerfile and compose.yaml, as far as they can be checked without building them."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from labelkit.cli.main import build
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "Dockerfile").exists(), reason="not a source checkout")


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, lines that go on joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = lines.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined if line.strip()]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_last_stage_runs_as_a_user_without_rights() -> None:
    found = instructions()
    last = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    stage = found[last:]
    users = [arguments for name, arguments in stage if name == "USER"]
    assert users == ["labelkit"]
    assert "useradd --uid 10001" in next(arguments for name, arguments in stage if name == "RUN")
    after = stage[[name for name, _ in stage].index("USER") :]
    assert not {"RUN", "COPY", "ADD"} & {name for name, _ in after}  # nothing is done as that user, or after it
    assert {"HEALTHCHECK", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"} <= {name for name, _ in stage}


def test_the_image_is_slim_and_pinned_to_a_python_that_labelkit_knows() -> None:
    images = [arguments.split()[0] for name, arguments in instructions() if name == "FROM"]
    assert set(images) == {"python:3.12-slim"}


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name, arguments in instructions():
        if name != "COPY" or arguments.startswith("--from"):
            continue
        for source in shlex.split(arguments)[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == each or source.startswith(f"{each}/") for each in allowed), source


def test_no_project_goes_into_the_image() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    for name in ("a.labelkit.db", "a.labelkit.secrets", ".env", "project", ".git", "tests", "training_set.csv"):
        assert not any(fnmatch.fnmatch(name, line[1:]) for line in lines if line.startswith("!")), name


def test_the_commands_are_ones_that_labelkit_has() -> None:
    found = dict(instructions())
    assert json.loads(found["ENTRYPOINT"]) == ["labelkit"]
    arguments = json.loads(found["CMD"])
    shown = CliRunner().invoke(build(), [arguments[0], "--help"]).output
    for option in arguments[1:]:
        if option.startswith("--"):
            assert option in shown
    port = arguments[arguments.index("--port") + 1]
    assert found["EXPOSE"] == port and f":{port}/_stcore/health" in found["HEALTHCHECK"]
    script = json.loads(re.search(r"CMD (\[.*\])", found["HEALTHCHECK"]).group(1))[-1]  # type: ignore[union-attr]
    compile(script, "HEALTHCHECK", "exec")


def test_compose_serves_this_machine_only_and_keeps_the_project() -> None:
    service = compose()["services"]["labelkit"]
    assert service["ports"] == ["127.0.0.1:8501:8501"]
    assert [volume.rpartition(":")[2] for volume in service["volumes"]] == [dict(instructions())["VOLUME"]]
    assert service["cap_drop"] == ["ALL"] and service["restart"] == "unless-stopped" and service["init"] is True
    assert not re.search("^0|root", service["user"].removeprefix("${LABELKIT_USER:-").removesuffix("}"))


def test_compose_holds_no_password() -> None:
    environment = compose()["services"]["labelkit"]["environment"]
    assert environment == {
        "LABELKIT_ADMIN_NAME": "${LABELKIT_ADMIN_NAME:-}",
        "LABELKIT_ADMIN_PASSWORD": "${LABELKIT_ADMIN_PASSWORD:-}",
    }


def test_the_proxy_in_the_comments_is_valid_too() -> None:
    lines = (ROOT / "compose.yaml").read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip() == "# proxy:")
    shown = [line.replace("# ", "", 1) if line.strip().startswith("# ") else line for line in lines[start:]]
    stop = next(n for n, line in enumerate(shown) if line.strip() == "#")
    proxy = yaml.safe_load("\n".join(line.replace("  ", "", 1) for line in shown[:stop]))["proxy"]
    assert "labelkit:8501" in proxy["command"] and {"80:80", "443:443"} == set(proxy["ports"])

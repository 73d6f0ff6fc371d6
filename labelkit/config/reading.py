"""Reading ``labelkit.toml``: errors name the key, the value and the choices."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelkit.config.sections import Config
from labelkit.errors import ConfigError

FILE_NAME = "labelkit.toml"


def read_config(path: Path) -> Config:
    """Read and check ``labelkit.toml``.

    Raises
    ------
    ConfigError
        Naming the file, the key, the value given and what was expected.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark at the beginning
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", hint="`labelkit init` makes one") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 (byte {error.start})", hint="Save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    return parse_config(data, path.name)


def parse_config(data: dict[str, Any], where: str = FILE_NAME) -> Config:
    """Check settings that were read already; errors as in :func:`read_config`."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        sentences = list(dict.fromkeys(_sentence(problem, data) for problem in problems))
        more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        raise ConfigError(f"{where}: {sentences[0]}{more}") from None


def _sentence(problem: Any, data: dict[str, Any]) -> str:
    path = list(problem["loc"])
    key = _spelled(path)
    kind, given = problem["type"], _shown(problem["input"])
    if kind == "missing":
        return f"the key {key} is missing"
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "value_error":
        return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
    if path[:2] in (["end_model", "fields"], ["slices", "fields"]):  # pydantic's path goes on with the union's choices
        return f'{path[0]}.fields = {_shown(data[str(path[0])]["fields"])}: should be "auto" or a list of field names'
    message = problem["msg"].removeprefix("Input ")
    if kind == "model_type":
        message = f"should be a section: [{key}]"
    return f"{key} = {given}: {message[:1].lower()}{message[1:]}"


def _spelled(path: list[int | str]) -> str:
    """``project.labels[2]``: lists count from 0."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unknown_key(path: list[int | str]) -> str:
    section: Any = Config
    for part in path[:-1]:
        section = section.model_fields[part].annotation
    known = list(section.model_fields)
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    guess = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
    return f"unknown key {_spelled(path)}; {guess}"

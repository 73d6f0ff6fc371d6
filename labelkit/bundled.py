"""Files that travel with labelkit: the app and the sample project, from a wheel or a source checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from labelkit.errors import ProjectError

_PACKAGE: Final = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """Where ``app``, ``labeling_functions``, ``sample_data`` or ``labelkit.toml`` lies.

    In a wheel this is ``labelkit/_bundled/<name>``; in a source checkout the folder or file of that
    name beside the package.

    Raises
    ------
    ProjectError
        If it is in neither place: the installation is incomplete.
    """
    inside, beside = _PACKAGE / "_bundled" / name, _PACKAGE.parent / name
    if inside.exists():
        return inside
    # Beside an installed package lie other people's: only a checkout has our pyproject.toml there.
    if beside.exists() and (_PACKAGE.parent / "pyproject.toml").is_file():
        return beside
    raise ProjectError(
        f"this installation of labelkit lacks {name!r} (looked in {inside} and {beside})",
        hint="Install it again: `python -m pip install --force-reinstall labelkit`",
    )

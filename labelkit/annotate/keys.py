"""Which key answers with which label."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Final

from labelkit.errors import ConfigError

RESERVED_KEYS: Final[Mapping[str, str]] = {
    "b": "back to the answer before",
    "c": "comment",
    "e": "earlier answers",
    "f": "flag",
    "g": "guidelines",
    "h": "highlight",
    "n": "next, after going back",
    "s": "skip",
    "u": "undo",
    "?": "help",
}
"""Key of the Annotate page → what it does; no label can have one of these."""

_OFFERED: Final = "1234567890" + "".join(letter for letter in string.ascii_lowercase if letter not in RESERVED_KEYS)


def answer_keys(labels: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str | None]:
    """The key of every label: the chosen one, else that of its place: digits (1 to 9, then 0), then letters.

    A key that is chosen for one label moves no other one, but the one that had it: that gets the first that is free.

    Parameters
    ----------
    labels
        Names of the classes, in order.
    chosen
        Label → key: ``annotation.keys`` in ``labelkit.toml``.

    Returns
    -------
    dict
        Label → key in lower case, in the order of ``labels``. None where no key is left: such a label has a
        button only.

    Raises
    ------
    ConfigError
        If ``chosen`` names an unknown label, something that is no single visible character, a key of the page
        itself, or one key twice.
    """
    taken: dict[str, str] = {}
    for label, key in chosen.items():
        if label not in labels:
            raise ConfigError(
                f"annotation.keys: there is no label {label!r}", hint=f"The labels are {', '.join(labels)}"
            )
        low = _checked(label, key)
        if low in taken:
            raise ConfigError(
                f"annotation.keys: the key {key!r} is given to {taken[low]!r} and to {label!r}",
                hint="Give each label a key of its own; capital and small letters are the same key",
            )
        taken[low] = label
    own = {label: key for key, label in taken.items()}
    for label, key in zip(labels, _OFFERED, strict=False):
        if label not in own and key not in taken:
            own[label] = key
    used = set(own.values())
    left = (key for key in _OFFERED if key not in used)
    return {label: own[label] if label in own else next(left, None) for label in labels}


def _checked(label: str, key: str) -> str:
    """The key in lower case, if it can be one."""
    low = key.lower()
    if len(low) != 1 or not low.isprintable() or low.isspace():
        raise ConfigError(f"annotation.keys: {key!r} for {label!r} is no key: one visible character was expected")
    if low in RESERVED_KEYS:
        raise ConfigError(
            f"annotation.keys: the key {key!r} for {label!r} is the page's own ({RESERVED_KEYS[low]})",
            hint=f"Taken are {' '.join(RESERVED_KEYS)}",
        )
    return low

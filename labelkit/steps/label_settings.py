"""The label model that ``labelkit.toml`` asks for, and errors that say so."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from labelkit import registry
from labelkit.config import FILE_NAME, LabelModelSection
from labelkit.errors import LabelModelError
from labelkit.labelmodels import LabelModel, label_model


def configured_label_model(settings: LabelModelSection, cardinality: int, ours: Mapping[str, Any]) -> LabelModel:
    """The configured label model, unfitted.

    Parameters
    ----------
    ours
        Options for models that know them, where ``settings`` does not say otherwise.

    Raises
    ------
    LabelModelError
        If an option is unknown or has a value that cannot be used; the message names section and file.
    """
    known = inspect.signature(registry.resolve("label_models", settings.name)).parameters
    options = {name: value for name, value in ours.items() if name in known} | settings.options
    with naming_the_settings(settings):
        return label_model(settings.name, cardinality=cardinality, **options)


@contextmanager
def naming_the_settings(settings: LabelModelSection) -> Iterator[None]:
    """Errors about one of the configured options say where it is set, and which options there are.

    Raises
    ------
    LabelModelError
        As raised inside.
    """
    try:
        yield
    except LabelModelError as error:
        if not any(re.search(rf"\b{re.escape(name)}\b", error.message) for name in settings.options):
            raise
        known = [name for name in _known(settings) if name != "cardinality"]
        hint = error.hint
        if hint is None and set(settings.options) <= set(known):  # else the message has them already
            hint = f"The options of {settings.name!r} are {', '.join(known)}"
        raise LabelModelError(f"[label_model] options in {FILE_NAME}: {error.message}", hint=hint) from error


def _known(settings: LabelModelSection) -> list[str]:
    return list(inspect.signature(registry.resolve("label_models", settings.name)).parameters)

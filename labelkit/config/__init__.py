"""``labelkit.toml``: every key checked, with errors that name the key, the value and the choices.

A new key is a field in ``sections.py``, a new section a class there and a field of :class:`Config`.
"""

from __future__ import annotations

from labelkit.config.reading import FILE_NAME, parse_config, read_config
from labelkit.config.sections import (
    AnnotationSection,
    Config,
    DataSection,
    EndModelSection,
    LabelingFunctionsSection,
    LabelModelSection,
    ProjectSection,
    QuerySection,
    ServeSection,
    Share,
    SlicesSection,
    TrainingSetSection,
)
from labelkit.config.writing import new_config_text, set_labels, set_values

__all__ = [
    "FILE_NAME",
    "AnnotationSection",
    "Config",
    "DataSection",
    "EndModelSection",
    "LabelModelSection",
    "LabelingFunctionsSection",
    "ProjectSection",
    "QuerySection",
    "ServeSection",
    "Share",
    "SlicesSection",
    "TrainingSetSection",
    "new_config_text",
    "parse_config",
    "read_config",
    "set_labels",
    "set_values",
]

"""Input files → items: one file per format, the mapping and the checks shared."""

from labelkit.sources.annotations import AnnotationRow, Annotations, read_annotations
from labelkit.sources.base import ItemSource, Position, SourceOptions
from labelkit.sources.mapping import FieldMapping
from labelkit.sources.opening import open_source

__all__ = [
    "AnnotationRow",
    "Annotations",
    "FieldMapping",
    "ItemSource",
    "Position",
    "SourceOptions",
    "open_source",
    "read_annotations",
]

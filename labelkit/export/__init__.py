"""Training sets → files: one file per format, written whole or not at all."""

from labelkit.export.base import Exporter
from labelkit.export.writing import ExportedFile, export_training_set

__all__ = ["ExportedFile", "Exporter", "export_training_set"]

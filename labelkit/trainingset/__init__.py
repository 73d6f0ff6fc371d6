"""Training sets: the final label of every item, the table that goes out, the manifest beside it."""

from labelkit.trainingset.assemble import RULES, SOURCE_OF_RULE, FinalLabels, assemble
from labelkit.trainingset.manifest import FunctionRecord, OutputRecord, build_manifest, canonical_json, library_versions
from labelkit.trainingset.table import TrainingColumns
from labelkit.trainingset.tally import Tally

__all__ = [
    "RULES",
    "SOURCE_OF_RULE",
    "FinalLabels",
    "FunctionRecord",
    "OutputRecord",
    "Tally",
    "TrainingColumns",
    "assemble",
    "build_manifest",
    "canonical_json",
    "library_versions",
]

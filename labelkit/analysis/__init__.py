"""Figures about votes, labels and predictions: arrays in, small dataclasses out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelkit.analysis.audited import AuditedClass as AuditedClass
    from labelkit.analysis.audited import AuditFigures as AuditFigures
    from labelkit.analysis.audited import PoolFacts as PoolFacts
    from labelkit.analysis.audited import SequenceEstimate as SequenceEstimate
    from labelkit.analysis.audited import audit_estimates as audit_estimates
    from labelkit.analysis.calibration import Calibration as Calibration
    from labelkit.analysis.calibration import ClassCalibration as ClassCalibration
    from labelkit.analysis.calibration import ReliabilityBin as ReliabilityBin
    from labelkit.analysis.calibration import ReliabilityCurve as ReliabilityCurve
    from labelkit.analysis.calibration import classwise_calibration as classwise_calibration
    from labelkit.analysis.calibration import measure_calibration as measure_calibration
    from labelkit.analysis.explain import Explanation as Explanation
    from labelkit.analysis.explain import FeatureEvidence as FeatureEvidence
    from labelkit.analysis.explain import VoteEvidence as VoteEvidence
    from labelkit.analysis.explain import explain_votes as explain_votes
    from labelkit.analysis.function_difference import FunctionDifference as FunctionDifference
    from labelkit.analysis.function_difference import FunctionFigures as FunctionFigures
    from labelkit.analysis.function_difference import FunctionVersion as FunctionVersion
    from labelkit.analysis.function_difference import compare_versions as compare_versions
    from labelkit.analysis.function_summary import FunctionSummary as FunctionSummary
    from labelkit.analysis.function_summary import VoteSummary as VoteSummary
    from labelkit.analysis.function_summary import lf_summary as lf_summary
    from labelkit.analysis.function_summary import vote_summary as vote_summary
    from labelkit.analysis.intervals import wilson as wilson
    from labelkit.analysis.scores import ClassScore as ClassScore
    from labelkit.analysis.scores import Score as Score
    from labelkit.analysis.scores import score as score
    from labelkit.analysis.sequences import share_sequence as share_sequence
    from labelkit.analysis.slice_values import number_slices as number_slices
    from labelkit.analysis.slice_values import value_slices as value_slices
    from labelkit.analysis.slices import Difference as Difference
    from labelkit.analysis.slices import Output as Output
    from labelkit.analysis.slices import Slice as Slice
    from labelkit.analysis.slices import SliceFigures as SliceFigures
    from labelkit.analysis.slices import SliceScore as SliceScore
    from labelkit.analysis.slices import slice_figures as slice_figures

_PUBLIC = {
    "AuditFigures": "labelkit.analysis.audited",
    "AuditedClass": "labelkit.analysis.audited",
    "Calibration": "labelkit.analysis.calibration",
    "ClassCalibration": "labelkit.analysis.calibration",
    "ClassScore": "labelkit.analysis.scores",
    "Difference": "labelkit.analysis.slices",
    "Explanation": "labelkit.analysis.explain",
    "FeatureEvidence": "labelkit.analysis.explain",
    "FunctionDifference": "labelkit.analysis.function_difference",
    "FunctionFigures": "labelkit.analysis.function_difference",
    "FunctionSummary": "labelkit.analysis.function_summary",
    "FunctionVersion": "labelkit.analysis.function_difference",
    "PoolFacts": "labelkit.analysis.audited",
    "Output": "labelkit.analysis.slices",
    "ReliabilityBin": "labelkit.analysis.calibration",
    "ReliabilityCurve": "labelkit.analysis.calibration",
    "Score": "labelkit.analysis.scores",
    "SequenceEstimate": "labelkit.analysis.audited",
    "Slice": "labelkit.analysis.slices",
    "SliceFigures": "labelkit.analysis.slices",
    "SliceScore": "labelkit.analysis.slices",
    "VoteEvidence": "labelkit.analysis.explain",
    "VoteSummary": "labelkit.analysis.function_summary",
    "audit_estimates": "labelkit.analysis.audited",
    "classwise_calibration": "labelkit.analysis.calibration",
    "compare_versions": "labelkit.analysis.function_difference",
    "explain_votes": "labelkit.analysis.explain",
    "lf_summary": "labelkit.analysis.function_summary",
    "measure_calibration": "labelkit.analysis.calibration",
    "number_slices": "labelkit.analysis.slice_values",
    "score": "labelkit.analysis.scores",
    "share_sequence": "labelkit.analysis.sequences",
    "slice_figures": "labelkit.analysis.slices",
    "value_slices": "labelkit.analysis.slice_values",
    "vote_summary": "labelkit.analysis.function_summary",
    "wilson": "labelkit.analysis.intervals",
}

__all__ = [
    "AuditFigures",
    "AuditedClass",
    "Calibration",
    "ClassCalibration",
    "ClassScore",
    "Difference",
    "Explanation",
    "FeatureEvidence",
    "FunctionDifference",
    "FunctionFigures",
    "FunctionSummary",
    "FunctionVersion",
    "Output",
    "ReliabilityBin",
    "ReliabilityCurve",
    "Score",
    "SequenceEstimate",
    "Slice",
    "SliceFigures",
    "SliceScore",
    "VoteEvidence",
    "VoteSummary",
    "audit_estimates",
    "classwise_calibration",
    "compare_versions",
    "explain_votes",
    "lf_summary",
    "measure_calibration",
    "number_slices",
    "score",
    "share_sequence",
    "slice_figures",
    "value_slices",
    "vote_summary",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'labelkit.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

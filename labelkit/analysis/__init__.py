"""Figures about votes, labels and predictions: arrays in, small dataclasses out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_PUBLIC = {
    "ClassScore": "labelkit.analysis.scores",
    "Explanation": "labelkit.analysis.explain",
    "FeatureEvidence": "labelkit.analysis.explain",
    "FunctionDifference": "labelkit.analysis.function_difference",
    "FunctionFigures": "labelkit.analysis.function_difference",
    "FunctionSummary": "labelkit.analysis.function_summary",
    "FunctionVersion": "labelkit.analysis.function_difference",
    "Score": "labelkit.analysis.scores",
    "VoteEvidence": "labelkit.analysis.explain",
    "VoteSummary": "labelkit.analysis.function_summary",
    "compare_versions": "labelkit.analysis.function_difference",
    "explain_votes": "labelkit.analysis.explain",
    "lf_summary": "labelkit.analysis.function_summary",
    "score": "labelkit.analysis.scores",
    "vote_summary": "labelkit.analysis.function_summary",
    "wilson": "labelkit.analysis.intervals",
}

__all__ = [
    "ClassScore",
    "Explanation",
    "FeatureEvidence",
    "FunctionDifference",
    "FunctionFigures",
    "FunctionSummary",
    "FunctionVersion",
    "Score",
    "VoteEvidence",
    "VoteSummary",
    "compare_versions",
    "explain_votes",
    "lf_summary",
    "score",
    "vote_summary",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'labelkit.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

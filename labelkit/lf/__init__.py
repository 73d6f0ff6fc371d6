"""Labeling functions: declare, discover, fingerprint, compile, apply.

The names below are loaded on first use, so that ``import labelkit`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelkit.lf.apply import apply_functions as apply_functions
    from labelkit.lf.base import LabelingFunction as LabelingFunction
    from labelkit.lf.compile import compile_functions as compile_functions
    from labelkit.lf.discovery import DiscoveredFunction as DiscoveredFunction
    from labelkit.lf.discovery import Discovery as Discovery
    from labelkit.lf.discovery import discover as discover
    from labelkit.lf.discovery import discover_all as discover_all
    from labelkit.lf.expressions import expression as expression
    from labelkit.lf.fingerprints import Fingerprint as Fingerprint
    from labelkit.lf.fingerprints import fingerprint as fingerprint
    from labelkit.lf.lookups import lookup as lookup
    from labelkit.lf.models import model as model
    from labelkit.lf.patterns import keywords as keywords
    from labelkit.lf.patterns import regex as regex
    from labelkit.lf.preprocessors import preprocessor as preprocessor
    from labelkit.lf.python import labeling_function as labeling_function
    from labelkit.lf.shard import ColumnVotes as ColumnVotes
    from labelkit.lf.shard import Shard as Shard
    from labelkit.lf.slices import MEMBERSHIP as MEMBERSHIP
    from labelkit.lf.slices import SlicingFunction as SlicingFunction
    from labelkit.lf.slices import slice_expression as slice_expression
    from labelkit.lf.slices import slicing_function as slicing_function

_PUBLIC = {
    "ColumnVotes": "labelkit.lf.shard",
    "DiscoveredFunction": "labelkit.lf.discovery",
    "Discovery": "labelkit.lf.discovery",
    "Fingerprint": "labelkit.lf.fingerprints",
    "LabelingFunction": "labelkit.lf.base",
    "MEMBERSHIP": "labelkit.lf.slices",
    "Shard": "labelkit.lf.shard",
    "SlicingFunction": "labelkit.lf.slices",
    "apply_functions": "labelkit.lf.apply",
    "compile_functions": "labelkit.lf.compile",
    "discover": "labelkit.lf.discovery",
    "discover_all": "labelkit.lf.discovery",
    "expression": "labelkit.lf.expressions",
    "fingerprint": "labelkit.lf.fingerprints",
    "keywords": "labelkit.lf.patterns",
    "labeling_function": "labelkit.lf.python",
    "lookup": "labelkit.lf.lookups",
    "model": "labelkit.lf.models",
    "preprocessor": "labelkit.lf.preprocessors",
    "regex": "labelkit.lf.patterns",
    "slice_expression": "labelkit.lf.slices",
    "slicing_function": "labelkit.lf.slices",
}

__all__ = [
    "MEMBERSHIP",
    "ColumnVotes",
    "DiscoveredFunction",
    "Discovery",
    "Fingerprint",
    "LabelingFunction",
    "Shard",
    "SlicingFunction",
    "apply_functions",
    "compile_functions",
    "discover",
    "discover_all",
    "expression",
    "fingerprint",
    "keywords",
    "labeling_function",
    "lookup",
    "model",
    "preprocessor",
    "regex",
    "slice_expression",
    "slicing_function",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'labelkit.lf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
